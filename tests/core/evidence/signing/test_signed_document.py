"""Whose signature of a document counts, however the document is written."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.evidence import keys, signed_document, ssh_signature
from registry_core.evidence.signing.not_counted import NotCounted
from registry_core.evidence.signing.signed_document import MAX_SIGNED_BYTES, envelope, made, pae, parse
from registry_core.evidence.signing.statement import PAYLOAD_TYPE
from registry_core.vocabulary.evidence import Signer

from ..signers import AT, KINDS, bundled, enveloped, private, statement, trust

PAYLOAD = statement()
MESSAGE = pae(PAYLOAD_TYPE, PAYLOAD)
ENVELOPE = enveloped(PAYLOAD, private())
ADA = trust(("ada", private()))


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(ENVELOPE), **fields}).encode()


def whose(data: bytes, known: Any = ADA) -> tuple[list[str], str | None]:
    signers, why = made(parse(data), known).counted(AT)
    return [one.person for one in signers], why


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ssh", [False, True])
def test_a_signature_counts_by_its_key(kind: str, ssh: bool) -> None:
    by = private(kind)
    data = enveloped(PAYLOAD, by, ssh=ssh)
    known = trust(("ada", private(kind, 1)), ("grace", by))
    assert made(parse(data), known).counted(AT) == ([Signer("grace", by.public.sha256)], None)
    assert whose(bundled(data), known) == (["grace"], None)


def test_what_a_document_is_called_by() -> None:
    """However it is written: spaces, key ids, other signatures and a bundle around it make no other document."""
    identity = "sha256:" + hashlib.sha256(PAYLOAD_TYPE.encode() + b"\n" + PAYLOAD).hexdigest()
    url_safe = base64.urlsafe_b64encode(PAYLOAD).decode()
    for data in (
        ENVELOPE,
        changed(payload=url_safe),
        changed(payload=url_safe.rstrip("=")),
        changed(more={"that": "nobody knows"}),
        enveloped(PAYLOAD, private("p256")),
        bundled(ENVELOPE),
    ):
        assert parse(data).identity == identity
    assert parse(enveloped(PAYLOAD + b" ", private())).identity != identity
    assert parse(enveloped(PAYLOAD, private(), payload_type="text/plain")).identity != identity


@pytest.mark.parametrize(
    "key_id",
    ["", "somebody else's", private("p256").public.key_id, None],
    ids=["empty", "foreign", "another", "none"],
)
def test_a_key_id_is_not_believed(key_id: str | None) -> None:
    sig = json.loads(ENVELOPE)["signatures"][0]["sig"]
    known = trust(("grace", private("p256")), ("ada", private()))
    assert whose(changed(signatures=[{"keyid": key_id, "sig": sig}]), known) == (["ada"], None)
    assert whose(changed(signatures=[{"sig": sig}]), known) == (["ada"], None)


def test_both_media_types_of_bundles() -> None:
    for media in (
        "application/vnd.dev.sigstore.bundle.v0.3+json",
        "application/vnd.dev.sigstore.bundle+json;version=0.3",
    ):
        found = parse(bundled(ENVELOPE, mediaType=media))
        assert (found.form, found.media) == ("sigstore", media)
        assert signed_document.is_bundle(bundled(ENVELOPE, mediaType=media))
    assert not signed_document.is_bundle(ENVELOPE)
    assert not signed_document.is_bundle(b"weights")


def test_each_signer_once() -> None:
    by = [private(), private(), private("p256"), private("rsa")]
    known = trust(("ada", private()), ("grace", private("rsa")))
    assert whose(enveloped(PAYLOAD, *by), known) == (["ada", "grace"], None)


def test_many_signatures_are_of_little_and_a_large_payload_is_hashed_once_for_all_keys() -> None:
    large = b" " * (MAX_SIGNED_BYTES // 2) + PAYLOAD
    assert whose(enveloped(large, private("p256"))) == ([], "untrusted_key")
    with pytest.raises(NotCounted, match="2 signatures, which is too many"):
        parse(enveloped(large, private("p256"), private()))
    hashed = {bits: hashlib.new(f"sha{bits}", PAYLOAD).digest() for bits in (256, 384, 512)}
    for kind in ("p256", "p384", "p521", "rsa"):
        made = keys.sign(private(kind), PAYLOAD)
        assert keys.verifies(private(kind).public, made, b"never looked at", hashed)


SIG = base64.b64encode(b"x" * 64).decode()
TAMPERED = {
    "another payload": (changed(payload=base64.b64encode(PAYLOAD + b" ").decode()), "bad_signature"),
    "another payload type": (changed(payloadType="text/plain"), "bad_signature"),
    "another signature": (changed(signatures=[{"keyid": private().public.key_id, "sig": SIG}]), "bad_signature"),
    "nobody's signature": (changed(signatures=[{"sig": SIG}]), "untrusted_key"),
    "somebody else's key": (enveloped(PAYLOAD, private("ed25519", 1)), "untrusted_key"),
    "somebody else's key of OpenSSH": (enveloped(PAYLOAD, private("ed25519", 1), ssh=True), "untrusted_key"),
    "a payload of nobody in a bundle": (
        bundled(changed(payload="", signatures=[{"sig": SIG}]), hint=private().public.sha256),
        "bad_signature",
    ),
    "a signature of OpenSSH for packages": (
        envelope(
            PAYLOAD_TYPE, PAYLOAD, [("", ssh_signature.sign(private(), pae(PAYLOAD_TYPE, PAYLOAD), "omr-package"))]
        ),
        "wrong_namespace",
    ),
    "a signature of OpenSSH of something else": (
        envelope(PAYLOAD_TYPE, PAYLOAD, [("", ssh_signature.sign(private(), PAYLOAD, "omr-attestation"))]),
        "bad_signature",
    ),
    "a signature of the payload alone": (
        envelope(PAYLOAD_TYPE, PAYLOAD, [(private().public.key_id, keys.sign(private(), PAYLOAD))]),
        "bad_signature",
    ),
}


@pytest.mark.parametrize(("data", "why"), TAMPERED.values(), ids=TAMPERED.keys())
def test_why_it_does_not_count(data: bytes, why: str) -> None:
    assert whose(data) == ([], why)


def test_a_key_that_did_not_count_then() -> None:
    assert whose(ENVELOPE, trust(("ada", private()), why_not="key_not_valid_then")) == ([], "key_not_valid_then")
    assert whose(ENVELOPE, trust()) == ([], "untrusted_key")


def test_a_signature_of_openssh_is_of_a_manifest() -> None:
    data = ssh_signature.armored(ssh_signature.sign(private(), b"manifest", "omr-package"))
    found = parse(data)
    assert found.form == "ssh"
    assert made(found.over(b"manifest"), ADA).counted(AT)[0] == [Signer("ada", private().public.sha256)]
    assert made(found.over(b"another"), ADA).counted(AT) == ([], "bad_signature")
    assert found.over(b"manifest").identity != found.over(b"another").identity
    foreign = parse(ssh_signature.sign(private(), b"manifest", "omr-attestation")).over(b"manifest")
    assert made(foreign, ADA).counted(AT) == ([], "wrong_namespace")


MALFORMED = {
    "nothing": b"",
    "an empty object": b"{}",
    "a list": b"[]",
    "a key twice": ENVELOPE.replace(b'"payloadType"', b'"payload": "", "payloadType"'),
    "deep": b'{"payload":' * 100_000,
    "huge": b"{" + b" " * signed_document.MAX_BYTES,
    "no payload": changed(payload=None),
    "a payload that is no base64": changed(payload="a*b="),
    "both alphabets at once": changed(payload="+_+_"),
    "half a byte": changed(payload="AAAAA"),
    "a newline in it": changed(payload="AAAA\n"),
    "no type": changed(payloadType=""),
    "a type that is a number": changed(payloadType=1),
    "half a character": changed().replace(b"in-toto", b"\\ud800"),
    "no signature": changed(signatures=[]),
    "signatures that are a text": changed(signatures="abc"),
    "a signature that is a text": changed(signatures=["abc"]),
    "an empty signature": changed(signatures=[{"sig": ""}]),
    "very many signatures": changed(signatures=[{"sig": SIG}] * 17),
    "a broken signature of OpenSSH": changed(signatures=[{"sig": base64.b64encode(b"SSHSIG\0\0\0\1").decode()}]),
    "a message's signature": bundled(ENVELOPE, messageSignature={"signature": SIG}),
    "another kind of bundle": bundled(ENVELOPE, mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"),
    "a bundle without an envelope": bundled(ENVELOPE, dsseEnvelope=None),
    "a bundle that does not say so": bundled(ENVELOPE, mediaType=None),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(data: bytes) -> None:
    with pytest.raises(NotCounted) as refused:
        parse(data)
    assert refused.value.why == "malformed"


@given(st.binary(), st.integers(0, len(ENVELOPE)))
def test_any_bytes_are_a_document_or_malformed(data: bytes, at: int) -> None:
    for one in (data, ENVELOPE[:at] + data + ENVELOPE[at + len(data) :], b"{" + data, b'{"mediaType":' + data):
        try:
            found = parse(one)
        except NotCounted as refused:
            assert refused.why == "malformed"
        else:
            assert found.payload == PAYLOAD or made(found, ADA).counted(AT)[0] == []
