"""Who vouches for a version, what was found wrong with it, and what it lacks before an alias may name it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from registry_core import EvidenceDocument, ModelRegistry, StorageError

from .gates import MOST_CHECKS, checklist

MOST = 25  # documents of each kind, and findings
MOST_GATES = 3
MOST_METRICS = 4  # of one measurement
_REVIEW, _EVALUATION = (f"urn:omnibioai:model-registry:predicate:{name}:v1" for name in ("review", "evaluation"))


def evidence(
    registry: ModelRegistry, task: str, model_name: str, version: str, aliases: Sequence[str], who: str | None
) -> dict[str, Any]:
    """What the tab shows; ``aliases``: those of the model. It says so where the store does not answer.

    Raises ``NotFound``.
    """
    try:
        found = registry.evidence(task, model_name, version, aliases, MOST)
    except StorageError as error:
        return {"found": None, "untold": error.message}
    guarded = found.guarded or []
    lists = [checklist(registry, task, model_name, version, alias, who) for alias in guarded[:MOST_GATES]]

    def of(*types: str) -> list[EvidenceDocument]:
        return [one for one in found.documents if one.type in types]

    return {
        "found": found,
        "reviews": of(_REVIEW),
        "measurements": of(_EVALUATION),
        "others": [one for one in found.documents if one.type not in (_REVIEW, _EVALUATION)],
        "lists": [one for one in lists if one is not None],
        "guarded": guarded,
        "most_gates": MOST_GATES,
        "most_checks": MOST_CHECKS // max(1, len(lists)),
        "most_metrics": MOST_METRICS,
    }
