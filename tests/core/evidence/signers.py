"""Keys, trust documents and signed documents for tests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from registry_core.evidence import keys, signed_document, ssh_signature
from registry_core.evidence.keys import PrivateKey, PublicKey
from registry_core.evidence.signing.statement import PAYLOAD_TYPE, SIGNATURE, V1

AT = datetime(2026, 11, 1, tzinfo=UTC)
KINDS = ("ed25519", "p256", "p384", "p521", "rsa")


@cache
def private(kind: str = "ed25519", number: int = 0) -> PrivateKey:
    """A key of the kind; another for another number."""
    if kind == "ed25519":
        return keys.new_ed25519()
    if kind == "rsa":
        return from_library(rsa.generate_private_key(65537, 2048))
    return from_library(
        ec.generate_private_key({"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}[kind]())
    )


def from_library(inner: Any) -> PrivateKey:
    """As one reads it from a file."""
    return keys.load_private(inner.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@dataclass(frozen=True)
class Known:
    person: str
    public: PublicKey
    why_not: str | None = None


@dataclass(frozen=True)
class SomeTrust:
    """Whose keys count; of some it says why they did not, at that moment."""

    keys: Mapping[str, Known] = field(default_factory=dict)

    def then(self, sha256: str, at: datetime) -> Known | str:
        known = self.keys.get(sha256)
        return "untrusted_key" if known is None else known.why_not or known


def trust(*people: tuple[str, PrivateKey], why_not: str | None = None) -> SomeTrust:
    return SomeTrust({one.public.sha256: Known(person, one.public, why_not) for person, one in people})


def statement(
    predicate: Mapping[str, Any] | None = None,
    *,
    predicate_type: str = SIGNATURE,
    name: str = "celltype/human_pbmc@1.0.0",
    sha256: str = "a" * 64,
    **other: Any,
) -> bytes:
    value = {"_type": V1, "subject": [{"name": name, "digest": {"sha256": sha256}}], "predicateType": predicate_type}
    return json.dumps({**value, "predicate": predicate or {}, **other}).encode()


def enveloped(payload: bytes, *by: PrivateKey, payload_type: str = PAYLOAD_TYPE, ssh: bool = False) -> bytes:
    """The payload in an envelope that each of them signed, with keys of OpenSSH if so."""
    message = signed_document.pae(payload_type, payload)
    if ssh:
        signatures = [("", ssh_signature.sign(one, message, signed_document.ATTESTATION_NAMESPACE)) for one in by]
    else:
        signatures = [(one.public.key_id, keys.sign(one, message)) for one in by]
    return signed_document.envelope(payload_type, payload, signatures)


def bundled(envelope: bytes, *, hint: str = "", **other: Any) -> bytes:
    """A sigstore bundle around the envelope."""
    value = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
        "dsseEnvelope": json.loads(envelope),
    }
    return json.dumps({**value, **other}).encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
