"""Keys: the one place where signatures are made and verified, and the only one that needs the library for it.

The library is imported when a key is read or made, so whoever has none needs none.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..vocabulary.errors import NotConfigured

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

ED25519, ECDSA, RSA = "ed25519", "ecdsa", "rsa"
SSH, PEM = "ssh", "pem"

MAX_TEXT_BYTES = 16 * 1024
_RSA_BITS = range(2048, 16384 + 1)  # more no library verifies
_SSH_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
_SSH_LINE = re.compile(r"([!-~]+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t][^\r\n]*)?")
_PEM_BLOCK = re.compile(r"-----BEGIN PUBLIC KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END PUBLIC KEY-----")
_CURVES = {"secp256r1": 256, "secp384r1": 384, "secp521r1": 521}
_HASH_OF = {256: 256, 384: 384, 521: 512}


@dataclass(frozen=True)
class PublicKey:
    """A key that signatures are verified with. ``sha256``: its name, of its SubjectPublicKeyInfo, in hex.

    ``curve_bits`` of an ECDSA key; ``hints``: by what texts others call it. They are a help and never believed.
    """

    sha256: str
    type: str
    curve_bits: int | None = None
    hints: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    key_id: str = field(default="", repr=False, compare=False)
    inner: Any = field(default=None, repr=False, compare=False)


class Encrypted(ValueError):
    """A private key cannot be read without its password."""


@dataclass(frozen=True)
class PrivateKey:
    """A key that signs."""

    public: PublicKey
    inner: Any = field(repr=False, compare=False)


# to read keys


def parse_public(kind: str, text: str) -> PublicKey:
    """The key in a line of OpenSSH (``ssh``) or in PEM (``pem``). Raises ``ValueError`` saying what is wrong."""
    require_library()
    text = text.strip()
    if len(text) > MAX_TEXT_BYTES:
        raise ValueError("it is too long for a public key")
    if "PRIVATE KEY" in text:
        raise ValueError("it is a private key, which belongs to nobody else: name the public one, and make a new pair")
    if kind == SSH:
        return _ssh_public(text)
    if kind == PEM:
        return _pem_public(text)
    raise ValueError(f"a key is of the type {SSH!r} or {PEM!r}")


def parse_ssh_blob(blob: bytes) -> PublicKey:
    """The key as OpenSSH writes it in signatures. Raises ``ValueError``."""
    length = int.from_bytes(blob[:4], "big")
    name = blob[4 : 4 + min(length, 64)].decode("ascii", "replace")
    return parse_public(SSH, f"{name} {base64.b64encode(blob).decode()}")


def _ssh_public(text: str) -> PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    line = _SSH_LINE.fullmatch(text)
    if line is None:
        raise ValueError("it is no public key of OpenSSH: one line, as 'ssh-ed25519 AAAA...'")
    if line[1] not in _SSH_TYPES:
        raise ValueError(_why_not(line[1]))
    try:
        return _public(serialization.load_ssh_public_key(f"{line[1]} {line[2]}".encode()))
    except (ValueError, UnsupportedAlgorithm, OverflowError) as error:
        raise ValueError(_said(error, "it is no public key of OpenSSH that can be read")) from None


def _why_not(name: str) -> str:
    if "-cert-" in name:
        return "it is a certificate; name the key itself"
    if name.startswith("sk-"):
        return "keys of security tokens (sk-) are not taken yet"
    if name == "ssh-dss":
        return "DSA is not safe"
    return f"it is none of {', '.join(_SSH_TYPES)}"


def _pem_public(text: str) -> PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    if "CERTIFICATE" in text:
        raise ValueError("it is a certificate; name the key itself")
    if _PEM_BLOCK.fullmatch(text) is None:
        raise ValueError("it is not one public key in PEM: a block of '-----BEGIN PUBLIC KEY-----'")
    try:
        return _public(serialization.load_pem_public_key(text.encode()))
    except (ValueError, UnsupportedAlgorithm, OverflowError) as error:
        raise ValueError(_said(error, "it is no public key in PEM that can be read")) from None


class _Refused(ValueError):
    """What we say of a key, not the library."""


def _said(error: Exception, otherwise: str) -> str:
    return str(error) if isinstance(error, _Refused) or "bcrypt" in str(error) else otherwise


def _public(inner: Any) -> PublicKey:
    """The library's key as ours. Raises ``ValueError`` for one that does not count."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    curve_bits = None
    if isinstance(inner, ed25519.Ed25519PublicKey):
        kind, scheme = ED25519, "ed25519"
    elif isinstance(inner, ec.EllipticCurvePublicKey):
        kind, curve_bits = ECDSA, _CURVES.get(inner.curve.name)
        if curve_bits is None:
            raise _Refused("its curve is none of P-256, P-384, P-521")
        scheme = f"ecdsa-sha2-nistp{curve_bits}"
    elif isinstance(inner, rsa.RSAPublicKey):
        kind, scheme = RSA, "rsassa-pss-sha256"
        if inner.key_size not in _RSA_BITS:
            raise _Refused(f"an RSA key has {_RSA_BITS[0]} to {_RSA_BITS[-1]} bits, and this one {inner.key_size}")
    else:
        raise _Refused("it is none of Ed25519, ECDSA, RSA")
    info = PublicFormat.SubjectPublicKeyInfo
    pem = inner.public_bytes(Encoding.PEM, info).decode()
    raw = inner.public_bytes(Encoding.Raw, PublicFormat.Raw).hex() if kind == ED25519 else None
    sha256 = hashlib.sha256(inner.public_bytes(Encoding.DER, info)).hexdigest()
    key_id = _key_id(kind, scheme, raw or pem)
    hints = frozenset({sha256, key_id, hashlib.sha256(pem.encode()).hexdigest()})
    return PublicKey(sha256, kind, curve_bits, hints, key_id, inner)


def _key_id(kind: str, scheme: str, public: str) -> str:
    """As securesystemslib names a key: of its canonical JSON, in which a newline stands for itself."""
    canonical = f'{{"keytype":"{kind}","keyval":{{"public":"{public}"}},"scheme":"{scheme}"}}'
    return hashlib.sha256(canonical.encode()).hexdigest()


def load_private(data: bytes, password: bytes | None = None) -> PrivateKey:
    """The private key in the bytes of a file of OpenSSH or in PEM. Raises ``ValueError`` saying what is wrong.

    It is ``Encrypted`` where a password is missing.
    """
    require_library()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    is_ssh = b"BEGIN OPENSSH PRIVATE KEY" in data
    load = serialization.load_ssh_private_key if is_ssh else serialization.load_pem_private_key
    try:
        inner = load(data, password)
        return PrivateKey(_public(inner.public_key()), inner)
    except TypeError:
        if password:
            raise ValueError("it is not encrypted, and a password was given") from None
        raise Encrypted("it is encrypted: give its password") from None
    except (ValueError, UnsupportedAlgorithm, AttributeError) as error:
        otherwise = "it is no private key of OpenSSH or in PEM that can be read"
        raise ValueError(_said(error, f"{otherwise} with this password" if password else otherwise)) from None


def new_ed25519() -> PrivateKey:
    """A new key."""
    require_library()
    from cryptography.hazmat.primitives.asymmetric import ed25519

    inner = ed25519.Ed25519PrivateKey.generate()
    return PrivateKey(_public(inner.public_key()), inner)


def private_pem(private: PrivateKey) -> bytes:
    """The key in PEM (PKCS #8), not encrypted."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return bytes(private.inner.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def public_pem(public: PublicKey) -> str:
    """The key in PEM, as a trust document has it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return str(public.inner.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def ssh_blob(public: PublicKey) -> bytes:
    """The key as OpenSSH writes it in signatures."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return base64.b64decode(public.inner.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1])


def require_library() -> None:
    """There is what keys are read with. Raises ``NotConfigured``."""
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise NotConfigured(
            "Keys and signatures need cryptography: install the extra 'evidence', as with pip install '.[evidence]'.",
            reason="cryptography_missing",
        ) from None


# to sign and to verify


def verifies(key: PublicKey, signature: bytes, data: bytes, hashed: dict[int, bytes] | None = None) -> bool:
    """Whether it is the key's signature of the data, as DSSE and bundles have them; never raises.

    ECDSA with the hash of its curve; RSA as PSS, with MGF1 of the same hash and any salt. ``hashed``: the data's hashes
    by their bits, those that are made here too, so that many keys take them once.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, padding
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    known = {} if hashed is None else hashed
    if key.type == ED25519:
        return _holds(key, signature, data)
    for bits in (256, 384, 512) if key.curve_bits is None else (_HASH_OF[key.curve_bits],):
        known[bits] = known.get(bits) or hashlib.new(f"sha{bits}", data).digest()
        one, pss = Prehashed(_sha(bits)), padding.PSS(padding.MGF1(_sha(bits)), padding.PSS.AUTO)
        if _holds(key, signature, known[bits], *((pss, one) if key.curve_bits is None else (ec.ECDSA(one),))):
            return True
    return False


def sign(private: PrivateKey, data: bytes) -> bytes:
    """The signature that :func:`verifies` takes; RSA with SHA-256."""
    from cryptography.hazmat.primitives.asymmetric import ec, padding

    bits = private.public.curve_bits
    if private.public.type == ED25519:
        return bytes(private.inner.sign(data))
    if bits is not None:
        return bytes(private.inner.sign(data, ec.ECDSA(_curve_hash(bits))))
    return bytes(private.inner.sign(data, padding.PSS(padding.MGF1(_sha(256)), padding.PSS.DIGEST_LENGTH), _sha(256)))


_RSA_OF_SSH = {b"rsa-sha2-256": 256, b"rsa-sha2-512": 512}


def ssh_algorithm(key: PublicKey) -> bytes:
    """How OpenSSH calls the key's signatures, of the ones that we make."""
    return {ED25519: b"ssh-ed25519", RSA: b"rsa-sha2-512"}.get(key.type, b"ecdsa-sha2-nistp%d" % (key.curve_bits or 0))


def verifies_ssh(key: PublicKey, algorithm: bytes, signature: bytes, data: bytes) -> bool:
    """Whether it is the key's signature of the data, as OpenSSH makes them; never raises.

    ``signature``: of ECDSA the encoded (r, s) as in :func:`verifies`.
    """
    from cryptography.hazmat.primitives.asymmetric import padding

    if key.type == RSA:
        bits = _RSA_OF_SSH.get(algorithm)
        return bits is not None and _holds(key, signature, data, padding.PKCS1v15(), _sha(bits))
    return algorithm == ssh_algorithm(key) and verifies(key, signature, data)


def sign_ssh(private: PrivateKey, data: bytes) -> bytes:
    """The signature that :func:`verifies_ssh` takes."""
    from cryptography.hazmat.primitives.asymmetric import padding

    if private.public.type == RSA:
        return bytes(private.inner.sign(data, padding.PKCS1v15(), _sha(512)))
    return sign(private, data)


def ecdsa_of(r: int, s: int) -> bytes:
    """The two numbers of an ECDSA signature as one text of bytes."""
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    return encode_dss_signature(r, s)


def ecdsa_numbers(signature: bytes) -> tuple[int, int]:
    """The two numbers of an ECDSA signature."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    return decode_dss_signature(signature)


def ed25519_public(public: PublicKey) -> bytes:
    """The 32 bytes of an Ed25519 key."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return bytes(public.inner.public_bytes(Encoding.Raw, PublicFormat.Raw))


def verify_ed25519(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether it is the signature of the data by the key with these 32 bytes; never raises."""
    require_library()
    from cryptography.hazmat.primitives.asymmetric import ed25519

    try:
        inner = ed25519.Ed25519PublicKey.from_public_bytes(public)
    except ValueError:
        return False
    return _holds(PublicKey("", ED25519, inner=inner), signature, data)


def sign_ed25519(private: PrivateKey, data: bytes) -> bytes:
    """The signature of the data by an Ed25519 key: 64 bytes, always the same. Raises ``ValueError`` for another key."""
    if private.public.type != ED25519:
        raise ValueError("it is no Ed25519 key")
    return sign(private, data)


def _holds(key: PublicKey, signature: bytes, data: bytes, *how: Any) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.inner.verify(signature, data, *how)
    except (InvalidSignature, ValueError):
        return False
    return True


def _curve_hash(bits: int) -> HashAlgorithm:
    return _sha(_HASH_OF[bits])


def _sha(bits: int) -> HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    return {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}[bits]
