"""Attestations and findings over HTTP."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import quote

from registry_core import (
    MAX_DOCUMENT_BYTES,
    Attestation,
    AttestationNotFound,
    AttestationRefused,
    PackageCorrupt,
    VerbsOfEvidence,
)

from ..forms import is_segment, sha256_of
from .answers import read
from .bodies import object_of
from .calls import call
from .connection import Connected
from .transport import Repeat

OCTETS = "application/octet-stream"


class Attesting(Connected):
    """What changes something is sent again only where the registry says that nothing was changed."""

    attestations = call(VerbsOfEvidence.attestations, "GET", "/v1/attestations")
    dismiss_attestation = call(VerbsOfEvidence.dismiss_attestation, "POST", "/v1/attestations/dismiss")
    findings = call(VerbsOfEvidence.findings, "GET", "/v1/findings")
    open_finding = call(VerbsOfEvidence.open_finding, "POST", "/v1/findings")
    resolve_finding = call(VerbsOfEvidence.resolve_finding, "POST", "/v1/findings/resolve")
    dismiss_finding = call(VerbsOfEvidence.dismiss_finding, "POST", "/v1/findings/dismiss")

    def attest(
        self,
        task: str,
        ref: str,
        document: bytes = b"",
        *,
        from_package: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Attestation:
        """As ``ModelRegistry.attest``; the bytes are sent as they are, or not at all if no registry takes so many."""
        if len(document) > MAX_DOCUMENT_BYTES:
            raise AttestationRefused(
                f"It does not count: The document has more than {MAX_DOCUMENT_BYTES} bytes. Nothing was sent.",
                why="malformed",
            )
        query = {"task": task, "ref": ref, "from_package": from_package, "actor": actor, "reason": reason}
        answer = self._transport.call(
            "POST",
            "/v1/attestations",
            query=query,
            content=document,
            headers={"Content-Type": OCTETS},
            repeat=Repeat.IF_UNDONE,
        )
        return read(Attestation, object_of(answer))

    def attestation(self, task: str, model_name: str, version: str, digest: str) -> bytes:
        """As ``ModelRegistry.attestation``; they are what the digest says."""
        sha256, names = sha256_of(digest), (task, model_name, version)
        if sha256 is None or not all(map(is_segment, names)):
            raise AttestationNotFound("No attestation of the version has this digest.")
        where = "/".join(quote(name, safe="") for name in names)
        data = self._transport.call("GET", f"/v1/attestations/{where}/{sha256}").content
        if hashlib.sha256(data).hexdigest() != sha256:
            raise PackageCorrupt("What the registry sent is not the document of this digest.", digest=sha256)
        return data


if TYPE_CHECKING:
    _: type[VerbsOfEvidence] = Attesting
