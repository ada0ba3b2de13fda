"""Signed documents as we make them ourselves: for those who vouch for a version with a key of theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...vocabulary.texts import DIGEST_PREFIX, encode
from .. import keys
from ..keys import PrivateKey
from . import artifact_manifest as manifests
from . import ssh_signature
from .signed_document import ATTESTATION_NAMESPACE, envelope, pae
from .statement import PAYLOAD_TYPE, REVIEW, SIGNATURE, V1

REVIEW_PREDICATE, SIGNATURE_PREDICATE = REVIEW, SIGNATURE


def statement_of(name: str, package_digest: str, predicate_type: str, predicate: Mapping[str, Any]) -> bytes:
    """What is said of one version: ``name`` is ``<task>/<model>@<version>``."""
    subject = {"name": name, "digest": {"sha256": package_digest.removeprefix(DIGEST_PREFIX)}}
    return encode({"_type": V1, "subject": [subject], "predicateType": predicate_type, "predicate": dict(predicate)})


def made(private: PrivateKey, statement: bytes, *, ssh: bool = False) -> bytes:
    """The statement in an envelope that the key has signed; ``ssh``: as OpenSSH signs."""
    message = pae(PAYLOAD_TYPE, statement)
    if ssh:
        signed = ("", ssh_signature.sign(private, message, ATTESTATION_NAMESPACE))
    else:
        signed = (private.public.key_id, keys.sign(private, message))
    return envelope(PAYLOAD_TYPE, statement, [signed])


def sign_statement(
    private: PrivateKey,
    name: str,
    package_digest: str,
    predicate_type: str,
    predicate: Mapping[str, Any],
    *,
    ssh: bool = False,
) -> bytes:
    """The envelope of what is said of one version, ready to be sent."""
    return made(private, statement_of(name, package_digest, predicate_type, predicate), ssh=ssh)


def artifact_manifest(hashes: Mapping[str, str], sizes: Mapping[str, int], read: Callable[[str], bytes]) -> bytes:
    """What a person signs of files that are no version yet: path -> SHA-256 hex, and bytes of each.

    ``read`` is asked for the few that may hold signatures.
    """
    return manifests.render(hashes, manifests.signature_files(sizes, read))
