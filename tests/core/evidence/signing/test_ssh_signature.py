"""Signatures of OpenSSH: what we make is what we read, and nothing else is a signature."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.evidence import keys, ssh_signature
from registry_core.evidence.signing.ssh_signature import armored, holds, parse, sign

from ..signers import KINDS, private

MADE = sign(private(), b"message", "omr-package")


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_holds_for_its_key_message_and_namespace(kind: str) -> None:
    made = sign(private(kind), b"message", "omr-package")
    for written in (made, base64.b64encode(made), armored(made), b"\n" + armored(made).replace(b"\n", b"\r\n")):
        found = parse(written)
        assert keys.parse_ssh_blob(found.key) == private(kind).public
        assert found.namespace == b"omr-package"
        assert holds(found, private(kind).public, b"message")
        assert not holds(found, private(kind).public, b"massage")
        assert not holds(found, private(kind, 1).public, b"message")
    foreign = parse(made.replace(b"omr-package", b"omr-pockage"))
    assert not holds(foreign, private(kind).public, b"message")


REFUSED = {
    "nothing": b"",
    "a text": b"hello",
    "another version": MADE[:6] + b"\0\0\0\2" + MADE[10:],
    "cut off": MADE[:-1],
    "something behind it": MADE + b"\0",
    "a length without an end": MADE[:10] + b"\xff\xff\xff\xff" + MADE[14:],
    "SHA-1": MADE.replace(b"\0\0\0\x06sha512", b"\0\0\0\x04sha1"),
    "huge": MADE + b"\0" * 100_000,
    "lines of PEM": armored(MADE).replace(b"SSH SIGNATURE", b"PRIVATE KEY"),
    "two": armored(MADE) * 2,
    "something before it": b"see: " + armored(MADE),
    "letters that are not base64": armored(MADE).replace(b"U", b"*"),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(data)


@pytest.mark.parametrize("number", [b"", b"\0" * 68, b"\xff", b"\x80" + b"\0" * 31])
def test_numbers_that_make_no_sense(number: bytes) -> None:
    made = sign(private("p256"), b"message", "omr-package")
    kind = b"ecdsa-sha2-nistp256"

    def text(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    head = made[: made.index(text(b"sha512")) + len(text(b"sha512"))]
    with pytest.raises(ValueError, match="numbers"):
        parse(head + text(text(kind) + text(text(number) + text(b"\1"))))


@given(st.binary(), st.integers(0, len(MADE)))
def test_any_bytes_are_a_signature_or_refused(data: bytes, at: int) -> None:
    for one in (data, MADE[:at] + data + MADE[at + len(data) :], b"SSHSIG\0\0\0\1" + data):
        try:
            found = parse(one)
        except ValueError:
            continue
        is_ours = found.key == keys.ssh_blob(private().public)
        assert one == MADE or not (is_ours and ssh_signature.holds(found, private().public, b"message"))


def test_another_kind_of_signature_by_the_same_key() -> None:
    """An RSA key that says that it signed with SHA-1 did not."""
    made = sign(private("rsa"), b"message", "omr-package")
    assert not holds(parse(made.replace(b"rsa-sha2-512", b"rsa-sha1-512")), private("rsa").public, b"message")
    assert not holds(parse(made.replace(b"rsa-sha2-512", b"rsa-sha2-256")), private("rsa").public, b"message")
