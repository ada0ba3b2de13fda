"""Signed documents: DSSE envelopes, sigstore bundles around them, and signatures of OpenSSH; and whose count.

A document is malleable, its payload is not: what it is called by is made of the payload.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from ...format import exact_json
from ...vocabulary.evidence import Signer
from ...vocabulary.texts import DIGEST_PREFIX
from .. import keys
from ..keys import PublicKey
from ..rules.trust_document import TrustDocument
from . import ssh_signature
from .not_counted import BAD_SIGNATURE, KEY_NOT_VALID_THEN, MALFORMED, UNTRUSTED_KEY, WRONG_NAMESPACE, NotCounted
from .ssh_signature import SshSignature

DSSE, SIGSTORE, SSH = "dsse", "sigstore", "ssh"  # the forms

MAX_BYTES = 16 * 1024 * 1024
MAX_SIGNATURES = 16  # each is tried with every key
MAX_SIGNED_BYTES = 4 * 1024 * 1024  # of several together: for Ed25519 the payload is hashed with each key
_MAX_TYPE_CHARACTERS = 256
_MAX_SIGNATURE_BYTES = 64 * 1024
_MEDIA_TYPES = (
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
)

PACKAGE_NAMESPACE = "omr-package"  # of signatures over the artifact manifest
ATTESTATION_NAMESPACE = "omr-attestation"  # of those in envelopes


@dataclass(frozen=True)
class Signature:
    """One signature of a document. ``hint``: which key it says it is of; it is never believed."""

    value: bytes
    hint: str = ""
    ssh: SshSignature | None = None


@dataclass(frozen=True)
class Signed:
    """A document, read but not believed. ``media``: the type of a bundle.

    In a signature of OpenSSH there is no payload: :meth:`over` says of what it is one.
    """

    form: str
    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]
    media: str | None = None

    @cached_property
    def identity(self) -> str:
        """``sha256:`` and the hex of the type, a newline and the payload: the same however often it is written anew."""
        said = self.payload_type.encode() + b"\n" + self.payload
        return DIGEST_PREFIX + hashlib.sha256(said).hexdigest()

    @property
    def namespace(self) -> str:
        """That a signature of OpenSSH in it must have."""
        return PACKAGE_NAMESPACE if self.form == SSH else ATTESTATION_NAMESPACE

    @property
    def message(self) -> bytes:
        """What is signed."""
        return self.payload if self.form == SSH else pae(self.payload_type, self.payload)

    def over(self, manifest: bytes) -> Signed:
        """As it is, of this artifact manifest, where it is a signature of OpenSSH."""
        return Signed(SSH, PACKAGE_NAMESPACE, manifest, self.signatures) if self.form == SSH else self


def pae(payload_type: str, payload: bytes) -> bytes:
    """What DSSE signs."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope(payload_type: str, payload: bytes, signatures: Iterable[tuple[str, bytes]]) -> bytes:
    """A DSSE envelope of the payload, with (id of the key, signature) of each."""
    value = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [{"keyid": key_id, "sig": base64.b64encode(value).decode()} for key_id, value in signatures],
    }
    return json.dumps(value, indent=2).encode() + b"\n"


def parse(data: bytes) -> Signed:
    """The document in the bytes, whatever its form. Raises ``NotCounted`` (malformed), and nothing else."""
    if len(data) > MAX_BYTES:
        raise _malformed(f"has more than {MAX_BYTES} bytes")
    if not data.lstrip().startswith(b"{"):
        return Signed(SSH, PACKAGE_NAMESPACE, b"", (_of_ssh(data),))
    try:
        value = exact_json.load(data)
    except ValueError as error:
        raise _malformed(f"cannot be read: {error}") from None
    if "mediaType" in value or "dsseEnvelope" in value or "messageSignature" in value:
        return _bundle(value)
    return _envelope(value, DSSE)


def is_bundle(data: bytes) -> bool:
    """Whether the bytes can be read as a sigstore bundle."""
    try:
        return parse(data).form == SIGSTORE
    except NotCounted:
        return False


@dataclass(frozen=True)
class Made:
    """Who made a document: of each signature the trusted key, whether it counts or not; or why there is none.

    No clock changes that, and only another ``trust`` does.
    """

    trust: TrustDocument
    by: tuple[PublicKey | str, ...]

    @property
    def is_by_known(self) -> bool:
        """Whether it is of a trusted key at all; else it counts at no moment."""
        return any(isinstance(key, PublicKey) for key in self.by)

    def counted(self, at: datetime) -> tuple[list[Signer], str | None]:
        """(whose signatures of it counted at that moment, each once; why none did)."""
        whys: list[str] = []
        counted: dict[str, Signer] = {}
        for key in self.by:
            known = key if isinstance(key, str) else self.trust.then(key.sha256, at)
            if isinstance(known, str):
                whys.append(known)
            else:
                counted[known.public.sha256] = Signer(known.person, known.public.sha256)
        if counted:
            return list(counted.values()), None
        # The nearest miss says most.
        order = (KEY_NOT_VALID_THEN, BAD_SIGNATURE, WRONG_NAMESPACE, UNTRUSTED_KEY)
        return [], min(whys, key=lambda why: order.index(why) if why in order else len(order), default=UNTRUSTED_KEY)


def made(signed: Signed, trust: TrustDocument) -> Made:
    """Whose keys of this trust have made it: each signature is verified."""
    message, hashed = signed.message, dict[int, bytes]()
    return Made(
        trust,
        tuple(
            _key_of(one, trust, message, hashed) if one.ssh is None else _ssh_key_of(signed, one.ssh, trust, message)
            for one in signed.signatures
        ),
    )


def _key_of(signature: Signature, trust: TrustDocument, message: bytes, hashed: dict[int, bytes]) -> PublicKey | str:
    """The trusted key that made the signature, whether it counts or not; or why there is none."""
    publics = [known.public for known in trust.keys.values()]
    meant = [public for public in publics if signature.hint in public.hints]
    for public in (*meant, *(public for public in publics if public not in meant)):
        if keys.verifies(public, signature.value, message, hashed):
            return public
    return BAD_SIGNATURE if meant else UNTRUSTED_KEY


def _ssh_key_of(signed: Signed, signature: SshSignature, trust: TrustDocument, message: bytes) -> PublicKey | str:
    if signature.namespace != signed.namespace.encode():
        return WRONG_NAMESPACE
    if not trust.keys:
        return UNTRUSTED_KEY  # and nothing is needed to say so
    try:
        key = keys.parse_ssh_blob(signature.key)
    except ValueError:
        return UNTRUSTED_KEY  # no trust document can name it
    known = trust.keys.get(key.sha256)
    if known is None:
        return UNTRUSTED_KEY
    return known.public if ssh_signature.holds(signature, known.public, message) else BAD_SIGNATURE


def _bundle(value: Any) -> Signed:
    media = value.get("mediaType")
    if media not in _MEDIA_TYPES:
        raise _malformed(f"has a mediaType that is none of {', '.join(_MEDIA_TYPES)}")
    if "messageSignature" in value:
        raise _malformed("has a messageSignature, which says nothing of a package: a dsseEnvelope does")
    inner = value.get("dsseEnvelope")
    if not isinstance(inner, dict):
        raise _malformed("has no dsseEnvelope")
    found = _envelope(inner, SIGSTORE, _hint(value.get("verificationMaterial")))
    return Signed(SIGSTORE, found.payload_type, found.payload, found.signatures, media)


def _hint(material: Any) -> str:
    key = material.get("publicKey") if isinstance(material, dict) else None
    hint = key.get("hint") if isinstance(key, dict) else None
    return hint if isinstance(hint, str) else ""


def _envelope(value: dict[str, Any], form: str, hint: str = "") -> Signed:
    kind, payload, signatures = value.get("payloadType"), value.get("payload"), value.get("signatures")
    if not isinstance(kind, str) or not 0 < len(kind) <= _MAX_TYPE_CHARACTERS:
        raise _malformed("has no payloadType")
    if not isinstance(signatures, list) or not 0 < len(signatures) <= MAX_SIGNATURES:
        raise _malformed(f"does not have 1 to {MAX_SIGNATURES} signatures")
    said = _base64(payload, "payload")
    if len(signatures) > 1 and len(signatures) * len(said) > MAX_SIGNED_BYTES:
        raise _malformed(f"has {len(signatures)} signatures, which is too many for a payload of {len(said)} bytes")
    return Signed(form, kind, said, tuple(_signature(one, hint) for one in signatures))


def _signature(value: Any, hint: str) -> Signature:
    if not isinstance(value, dict):
        raise _malformed("has a signature that is no JSON object")
    sig = _base64(value.get("sig"), "signature")
    if not 0 < len(sig) <= _MAX_SIGNATURE_BYTES:
        raise _malformed("has a signature that is none")
    if ssh_signature.is_binary(sig):
        return _of_ssh(sig)
    key_id = value.get("keyid")
    return Signature(sig, key_id if isinstance(key_id, str) and key_id else hint)


def _of_ssh(data: bytes) -> Signature:
    try:
        return Signature(b"", "", ssh_signature.parse(data))
    except ValueError as error:
        raise _malformed(f"is no JSON object, and {error}") from None


def _base64(text: Any, what: str) -> bytes:
    """The bytes, of base64 with either alphabet."""
    wrong = _malformed(f"has a {what} that is no base64")
    if not isinstance(text, str):
        raise wrong
    plain = text.rstrip("=")
    if "-" in plain or "_" in plain:
        if "+" in plain or "/" in plain:
            raise wrong
        plain = plain.replace("-", "+").replace("_", "/")
    if len(text) - len(plain) > 2:
        raise wrong
    try:
        return binascii.a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)
    except ValueError:
        raise wrong from None


def _malformed(what: str) -> NotCounted:
    return NotCounted(MALFORMED, f"The document {what}.")
