"""Signatures that a package brings along: judged as it is taken in, and kept whatever they are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ...packages.observed import Incoming
from ...storage.contract import read_all
from ...vocabulary.errors import NotConfigured
from ...vocabulary.texts import DIGEST_PREFIX, printable
from ..rules.trust_document import TrustDocument
from . import artifact_manifest, signatures
from .signatures import SignedPackage


class FoundSignatures:
    """Has the register event say whose signatures the package holds. Nothing but these files is read.

    ``trust``: gives whose keys count now; it is asked only where there is a signature.
    """

    def __init__(self, trust: Callable[[], TrustDocument]) -> None:
        self._trust = trust

    def observe(self, incoming: Incoming) -> Mapping[str, Any]:
        def read(path: str) -> bytes:
            with incoming.staging.open(path) as reader:
                return read_all(reader)

        files = artifact_manifest.signature_files({one.path: one.size_bytes for one in incoming.artifacts}, read)
        if not files:
            return {}
        package = SignedPackage(
            f"{incoming.model.keys.title}@{incoming.version}",
            incoming.package_digest.removeprefix(DIGEST_PREFIX),
            {one.path: one.sha256 for one in incoming.artifacts},
            frozenset(files),
        )
        found = signatures.found_in(package, files, self._trust_for(files), datetime.now(UTC))
        return {"signatures": [asdict(one) for one in found]}

    def _trust_for(self, files: Iterable[str]) -> TrustDocument:
        """Raises ``NotConfigured``: what cannot be judged here is not called untrusted in an event that stands."""
        try:
            return self._trust()
        except NotConfigured as error:
            names = ", ".join(map(printable, sorted(files)))
            raise NotConfigured(
                f"The package holds signatures ({names}), which are judged as it is registered. {error.message}",
                **error.detail,
            ) from None
