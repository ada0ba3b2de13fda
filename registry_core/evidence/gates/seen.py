"""What a verdict may depend on, and nothing else: no clock, no index, nothing that is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...format.chain import Line
from ..attestations.of_version import EvidenceOfVersion
from ..attestations.statements_of import Statements
from ..rules.trust_document import TrustDocument


def who_made(line: Line) -> dict[str, Any]:
    """What an event says of who made it."""
    return {name: line.get(name) for name in ("actor", "principal") if line.get(name) is not None}


@dataclass(frozen=True)
class Seen:
    """A version, its evidence, and who wants an alias to name it.

    ``statements``: of attest events, as they are asked for; ``intact``: whether the document of one is what its event
    names. ``sizes``: path -> bytes of the files that a requirement names, of those that the manifest covers; None: not
    there. ``stated``: metrics that the metadata states. ``registrant`` and ``promoter``: what events say of who
    registered the version, and of who asks.
    """

    evidence: EvidenceOfVersion
    trust: TrustDocument
    statements: Statements = field(default_factory=dict)
    intact: Mapping[int, bool] = field(default_factory=dict)
    sizes: Mapping[str, int | None] = field(default_factory=dict)
    stated: Mapping[str, float] = field(default_factory=dict)
    is_archived: bool = False
    registrant: Mapping[str, Any] = field(default_factory=dict)
    promoter: Mapping[str, Any] = field(default_factory=dict)
