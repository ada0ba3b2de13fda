"""SSHSIG: the signatures of ``ssh-keygen -Y sign``, as PROTOCOL.sshsig of OpenSSH has them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from .. import keys
from ..keys import PrivateKey, PublicKey

MAX_BYTES = 64 * 1024
_MAGIC = b"SSHSIG"
_VERSION = 1
_HASHES = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}  # never SHA-1
_ARMOR = re.compile(
    rb"\s*-----BEGIN SSH SIGNATURE-----[ \t]*\r?\n([A-Za-z0-9+/=\r\n]+)\r?\n-----END SSH SIGNATURE-----\s*"
)
_MAX_NUMBER_BYTES = 67  # of P-521, with a leading zero


@dataclass(frozen=True)
class SshSignature:
    """One signature, with the key that it says it is of. ``numbers``: r and s of an ECDSA signature."""

    key: bytes  # as OpenSSH writes it
    namespace: bytes
    reserved: bytes
    hash_name: bytes
    algorithm: bytes
    signature: bytes
    numbers: tuple[int, int] | None = None


def is_binary(data: bytes) -> bool:
    """Whether the bytes begin as one."""
    return data.startswith(_MAGIC)


def parse(data: bytes) -> SshSignature:
    """The signature in the bytes: binary, base64 of that, or with the lines around it of ``ssh-keygen``.

    Raises ``ValueError`` saying what is wrong.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"a signature of OpenSSH has at most {MAX_BYTES} bytes")
    binary = data if is_binary(data) else _decoded(data)
    if not is_binary(binary):
        raise ValueError("it is no signature of OpenSSH")
    reader = _Reader(binary[len(_MAGIC) :])
    if reader.number() != _VERSION:
        raise ValueError("it is a signature of another version of OpenSSH")
    key, namespace, reserved, hash_name = (reader.text() for _ in range(4))
    inner = _Reader(reader.text())
    reader.end()
    if hash_name not in _HASHES:
        raise ValueError("its hash is neither sha256 nor sha512")
    algorithm, signature = inner.text(), inner.text()
    inner.end()
    numbers = _numbers(signature) if algorithm.startswith(b"ecdsa-") else None
    return SshSignature(key, namespace, reserved, hash_name, algorithm, signature, numbers)


def holds(signature: SshSignature, key: PublicKey, message: bytes) -> bool:
    """Whether it is the key's signature of the message in its namespace; never raises."""
    data = _signed(signature.namespace, signature.reserved, signature.hash_name, message)
    made = signature.signature if signature.numbers is None else keys.ecdsa_of(*signature.numbers)
    return keys.verifies_ssh(key, signature.algorithm, made, data)


def sign(private: PrivateKey, message: bytes, namespace: str) -> bytes:
    """The key's signature of the message, in binary."""
    names = (namespace.encode(), b"", b"sha512")
    made = keys.sign_ssh(private, _signed(*names, message))
    if private.public.type == keys.ECDSA:
        made = b"".join(_text(_number_bytes(number)) for number in keys.ecdsa_numbers(made))
    inner = _text(keys.ssh_algorithm(private.public)) + _text(made)
    parts = (keys.ssh_blob(private.public), *names, inner)
    return _MAGIC + _VERSION.to_bytes(4, "big") + b"".join(map(_text, parts))


def armored(binary: bytes) -> bytes:
    """As ``ssh-keygen`` writes it into a file."""
    text = base64.b64encode(binary)
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return b"\n".join([b"-----BEGIN SSH SIGNATURE-----", *lines, b"-----END SSH SIGNATURE-----", b""])


def _signed(namespace: bytes, reserved: bytes, hash_name: bytes, message: bytes) -> bytes:
    return _MAGIC + b"".join(map(_text, (namespace, reserved, hash_name, _HASHES[hash_name](message).digest())))


def _decoded(data: bytes) -> bytes:
    armor = _ARMOR.fullmatch(data)
    text = b"".join(armor[1].split()) if armor else data.strip()
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is no signature of OpenSSH") from None


def _numbers(signature: bytes) -> tuple[int, int]:
    reader = _Reader(signature)
    r, s = reader.text(), reader.text()
    reader.end()
    if not all(0 < len(one) <= _MAX_NUMBER_BYTES and one[0] < 0x80 for one in (r, s)):
        raise ValueError("its numbers make no sense")
    return int.from_bytes(r, "big"), int.from_bytes(s, "big")


def _text(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _number_bytes(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


class _Reader:
    """Takes one part after the other. Raises ``ValueError`` where there is none."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def text(self) -> bytes:
        return self._take(self.number())

    def end(self) -> None:
        if self._at != len(self._data):
            raise ValueError("something stands behind it")

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise ValueError("it is cut off")
        self._at += count
        return taken
