"""Which of two values is better: by the metric's name, and of whole numbers nothing, for they are counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import figures

_LOWER_IS_BETTER = {
    *("loss", "error", "err", "ece", "rmse", "mse", "mae", "mape", "perplexity", "ppl", "brier", "nll", "wer", "cer"),
    *("fpr", "fnr", "fdr", "latency", "time", "seconds", "ms", "s", "distance", "divergence", "kl"),
}
BEFORE, AFTER = "before", "after"


@dataclass(frozen=True)
class Grade:
    """One metric of two versions. ``better``: ``before``, ``after``, or None where neither is."""

    key: str
    before: Any
    after: Any
    is_lower_better: bool
    better: str | None

    @property
    def difference(self) -> str:
        return figures.difference(self.after, self.before)


def is_lower_better(key: str) -> bool:
    """Whether less of the metric is more, as far as its name tells."""
    return not _LOWER_IS_BETTER.isdisjoint(re.split(r"[^a-z0-9]+", key.lower()))


def is_grade(value: Any) -> bool:
    """Whether the value is of more or less worth, and no count or text."""
    return isinstance(value, float)


def grades(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Grade]:
    """Every metric that either has, those of the first in front."""
    return [_grade(key, before.get(key), after.get(key)) for key in dict.fromkeys([*before, *after])]


def _grade(key: str, before: Any, after: Any) -> Grade:
    lower, better = is_lower_better(key), None
    if (is_grade(before) or is_grade(after)) and figures.difference(after, before) not in ("", "0"):
        better = AFTER if (after < before) == lower else BEFORE
    return Grade(key, before, after, lower, better)


def worse(found: list[Grade]) -> list[str]:
    """The metrics that the second has less good, and those that it lacks."""
    return [one.key for one in found if one.better == BEFORE or (one.after is None and is_grade(one.before))]
