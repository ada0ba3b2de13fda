"""Signed notes and checkpoints, as C2SP writes them: a text, and lines that say whose signatures of it there are.

A checkpoint's text is the log's origin, its size and its root. A key is named by a line ``<name>+<hash>+<key>``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...vocabulary.log import MOST_NOTE_BYTES
from .. import keys
from .tree import HASH_BYTES

MOST_SIGNATURES = 100
MOST_NAME_CHARACTERS = 200
_ED25519 = b"\x01"
_HASH_BYTES = 4
_SIGNATURE = re.compile("— ([^ +]+) ([A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile("0|[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class Verifier:
    """A key that notes are verified with: the line that outsiders keep. ``key``: the 32 bytes of an Ed25519 key."""

    name: str
    key: bytes

    @property
    def hash(self) -> bytes:
        """What a signature line names the key by; it proves nothing."""
        return _key_hash(self.name, self.key)

    def __str__(self) -> str:
        return f"{self.name}+{self.hash.hex()}+{base64.b64encode(_ED25519 + self.key).decode()}"


@dataclass(frozen=True)
class Signature:
    """One line below a note."""

    name: str
    hash: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"— {self.name} {base64.b64encode(self.hash + self.signature).decode()}\n"


@dataclass(frozen=True)
class Note:
    """A text, which ends with a newline, and its signatures; none of them is verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    def __bytes__(self) -> bytes:
        return f"{self.text}\n{''.join(map(str, self.signatures))}".encode()

    def is_signed_by(self, verifier: Verifier) -> bool:
        """Whether it has a signature of the key, and none in its name that does not hold."""
        mine = [one for one in self.signatures if (one.name, one.hash) == (verifier.name, verifier.hash)]
        return bool(mine) and all(keys.verify_ed25519(verifier.key, one.signature, self.text.encode()) for one in mine)


@dataclass(frozen=True)
class Checkpoint:
    """What a log says of itself: the tree of ``size`` lines has that root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def check_name(name: str) -> str:
    """The name, if a key or a log may have it: printable, without a space or a plus. Raises ``ValueError``."""
    if not name or len(name) > MOST_NAME_CHARACTERS:
        raise ValueError(f"it has 1 to {MOST_NAME_CHARACTERS} characters")
    if "+" in name or not name.isprintable() or any(character.isspace() for character in name):
        raise ValueError("it has a space, a plus or a character that cannot be printed")
    return name


def parse_vkey(text: str) -> Verifier:
    """The key in its line. Raises ``ValueError`` saying what is wrong."""
    name, _, rest = text.strip().partition("+")
    hash_, _, key = rest.partition("+")
    check_name(name)
    raw = _decoded(key)
    if raw is None or len(raw) != 1 + HASH_BYTES or raw[:1] != _ED25519:
        raise ValueError("it is no line of an Ed25519 key: '<name>+<hash>+<key>'")
    verifier = Verifier(name, raw[1:])
    if hash_ != verifier.hash.hex():
        raise ValueError("its hash is not that of its name and key")
    return verifier


def verifier_of(name: str, public: keys.PublicKey) -> Verifier:
    """The Ed25519 key, by that name. Raises ``ValueError``."""
    if public.type != keys.ED25519:
        raise ValueError("it is no Ed25519 key")
    return Verifier(check_name(name), keys.ed25519_public(public))


def sign(text: str, signers: Iterable[tuple[str, keys.PrivateKey]]) -> Note:
    """The text with the signature of each key, in that order: always the same bytes. Raises ``ValueError``."""
    if not text.endswith("\n") or not _is_text(text):
        raise ValueError("a note's text ends with a newline, and has no other control characters")
    data, made = text.encode(), []
    for name, private in signers:
        verifier = verifier_of(name, private.public)
        made.append(Signature(name, verifier.hash, keys.sign_ed25519(private, data)))
    return Note(text, tuple(made))


def parse(data: bytes) -> Note:
    """The note in the bytes, which are exactly those of ``bytes(note)``. Raises ``ValueError`` saying what is wrong."""
    if len(data) > MOST_NOTE_BYTES:
        raise ValueError(f"a note has at most {MOST_NOTE_BYTES} bytes")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise ValueError("a note is UTF-8") from None
    if not _is_text(whole):
        raise ValueError("a note has no control characters but newlines")
    text, gap, lines = whole.rpartition("\n\n")
    if not gap or not lines.endswith("\n"):
        raise ValueError("a note is a text, an empty line, and signatures, each on a line")
    rows = lines[:-1].split("\n")
    if len(rows) > MOST_SIGNATURES:
        raise ValueError(f"a note has at most {MOST_SIGNATURES} signatures")
    note = Note(text + "\n", tuple(_signature(row) for row in rows))
    if bytes(note) != data:
        raise ValueError("a signature is not written in the one way that there is")
    return note


def checkpoint_of(note: Note) -> Checkpoint:
    """What the note, one of a log, says. Raises ``ValueError``. Lines of an extension are passed over."""
    lines = note.text.split("\n")[:-1]
    root = _decoded(lines[2]) if len(lines) > 2 else None
    if root is None or len(root) != HASH_BYTES or not _SIZE.fullmatch(lines[1]) or not lines[0]:
        raise ValueError("it is no checkpoint: a log's origin, size and root, each on a line")
    if "" in lines:
        raise ValueError("a checkpoint has no empty line")
    return Checkpoint(lines[0], int(lines[1]), root)


def signed_checkpoint(data: bytes, verifiers: Sequence[Verifier]) -> Checkpoint:
    """What the note says, which one of the keys at least has signed in its own name. Raises ``ValueError``."""
    note = parse(data)
    said = checkpoint_of(note)
    if not any(note.is_signed_by(one) and one.name == said.origin for one in verifiers):
        whose = ", ".join(sorted({f"{one.name}+{one.hash.hex()}" for one in note.signatures}))
        raise ValueError(f"it is signed by {whose}, and that is no valid signature of the key that was given")
    return said


def _signature(row: str) -> Signature:
    match = _SIGNATURE.fullmatch(row)
    raw = _decoded(match[2]) if match else None
    if match is None or raw is None or len(raw) <= _HASH_BYTES:
        raise ValueError("a signature is a line '— <name> <base64>'")
    return Signature(check_name(match[1]), raw[:_HASH_BYTES], raw[_HASH_BYTES:])


def _key_hash(name: str, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + key).digest()[:_HASH_BYTES]


def _decoded(text: str) -> bytes | None:
    """The bytes, if the text is the one Base64 that there is of them."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def _is_text(text: str) -> bool:
    return not any((ord(one) < 0x20 and one != "\n") or ord(one) == 0x7F for one in text)
