"""A note has one form, and a signature counts only for the key whose it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core import MOST_NOTE_BYTES
from registry_core.evidence import keys, log_tree, signed_note

# The key and the note of the Go library's own documentation.
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
ORIGIN = "registry.lab.example"
TEXT = signed_note.Checkpoint(ORIGIN, 3, b"r" * 32).text


@pytest.fixture(scope="module")
def private() -> keys.PrivateKey:
    return keys.new_ed25519()


def test_the_published_note_is_read_and_holds() -> None:
    verifier = signed_note.parse_vkey(VKEY)
    note = signed_note.parse(NOTE)
    assert str(verifier) == VKEY
    assert bytes(note) == NOTE
    assert note.is_signed_by(verifier)
    assert not signed_note.Note(note.text.replace("is", "was"), note.signatures).is_signed_by(verifier)


def test_a_note_is_always_the_same_bytes_and_says_what_was_signed(private: keys.PrivateKey) -> None:
    other = keys.new_ed25519()
    signers = [(ORIGIN, private), (ORIGIN, other)]
    data = bytes(signed_note.sign(TEXT, signers))
    assert data == bytes(signed_note.sign(TEXT, signers))
    for one in (private, other):
        said = signed_note.signed_checkpoint(data, [signed_note.verifier_of(ORIGIN, one.public)])
        assert said == signed_note.Checkpoint(ORIGIN, 3, b"r" * 32)


def test_a_key_of_another_name_or_another_log_is_not_the_log_s(private: keys.PrivateKey) -> None:
    data = bytes(signed_note.sign(TEXT, [("else", private)]))
    for verifier in (
        signed_note.verifier_of("else", private.public),  # it signs, and is not the log
        signed_note.verifier_of(ORIGIN, private.public),  # it has signed in another name
        signed_note.verifier_of(ORIGIN, keys.new_ed25519().public),
    ):
        with pytest.raises(ValueError, match="no valid signature"):
            signed_note.signed_checkpoint(data, [verifier])


def test_one_bad_signature_in_a_key_s_name_is_not_outweighed_by_a_good_one(private: keys.PrivateKey) -> None:
    note = signed_note.sign(TEXT, [(ORIGIN, private)])
    bad = signed_note.Signature(ORIGIN, note.signatures[0].hash, bytes(64))
    assert not signed_note.Note(TEXT, (*note.signatures, bad)).is_signed_by(
        signed_note.verifier_of(ORIGIN, private.public)
    )


@pytest.mark.parametrize(
    "other",
    [
        NOTE[:-1],
        NOTE + b"\n",
        NOTE.replace(b"\n\n", b"\n"),
        NOTE.replace(b"\xe2\x80\x94", b"-"),
        NOTE.replace(b"problem,", b"problem,\r"),
        NOTE.replace(b"problem,", b"prob\0lem"),
        NOTE.replace(b"problem,", b"prob\xfflem"),
        NOTE.replace(b"x08go", b"x08 go"),
        NOTE.replace(b"JnAM=\n", b"JnAN=\n"),  # the same bytes in another Base64
        NOTE.replace(b"PeterNeumann x", b"Peter+Neumann x"),
        NOTE + NOTE.splitlines(keepends=True)[-1] * signed_note.MOST_SIGNATURES,
        b"x" * (MOST_NOTE_BYTES + 1),
        b"",
        b"\n\n",
        b"a\n\n\n",
    ],
)
def test_whatever_is_no_note_is_refused(other: bytes) -> None:
    with pytest.raises(ValueError, match=r"note|signature|it has"):
        signed_note.parse(other)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_note_or_refused(data: bytes) -> None:
    try:
        note = signed_note.parse(data)
    except ValueError:
        return
    assert bytes(note) == data


@pytest.mark.parametrize(
    "text",
    [
        "a\n1\n",
        "a\n01\n" + "A" * 43 + "=\n",
        "a\n-1\n" + "A" * 43 + "=\n",
        "a\n" + "9" * 19 + "\n" + "A" * 43 + "=\n",
        "a\n1\nAAAA\n",
        "\n1\n" + "A" * 43 + "=\n",
        "a\n1\n" + "A" * 43 + "=\n\nmore\n",
    ],
)
def test_a_note_that_is_no_checkpoint_is_none(text: str, private: keys.PrivateKey) -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        signed_note.checkpoint_of(signed_note.sign(text, [("a", private)]))


def test_later_software_may_say_more_in_a_checkpoint(private: keys.PrivateKey) -> None:
    note = signed_note.sign(TEXT + "more\n", [(ORIGIN, private)])
    assert signed_note.checkpoint_of(note).size == 3


@pytest.mark.parametrize(
    "text",
    ["", "a+b", VKEY + "x", VKEY.replace("c74f", "c74e"), VKEY.replace("+AR", "+AB"), VKEY.replace("Peter", "Pe ter")],
)
def test_a_line_that_names_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="it"):
        signed_note.parse_vkey(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "\u200e", "x" * 201])
def test_a_name_that_no_note_can_say_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="it has"):
        signed_note.check_name(name)


def test_a_checkpoint_has_the_root_of_the_empty_tree_where_nothing_is_covered(private: keys.PrivateKey) -> None:
    empty = signed_note.Checkpoint(ORIGIN, 0, log_tree.EMPTY)
    assert signed_note.checkpoint_of(signed_note.sign(empty.text, [(ORIGIN, private)])) == empty
