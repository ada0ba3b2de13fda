"""What reviews and evaluations say, and what of them nobody could understand in one way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from registry_core.evidence.attestations.predicates import Dataset, Evaluation, Measured, Review, said_in
from registry_core.evidence.signing.not_counted import MALFORMED, NotCounted
from registry_core.evidence.signing.statement import EVALUATION, REVIEW, V1, Statement

AT = "2026-11-28T09:00:00Z"
MEASURED = {"evaluated_at": AT, "dataset": {"name": "pbmc"}, "metrics": [{"name": "accuracy", "value": 0.9}]}


def said(kind: str, predicate: dict[str, Any]) -> Any:
    return said_in(Statement(V1, (), kind, predicate))


def test_a_review() -> None:
    found = said(REVIEW, {"reviewed_at": "2026-11-28T10:00:00+01:00", "decision": "approve", "comment": "good", "x": 1})
    assert found == Review(datetime(2026, 11, 28, 9, tzinfo=UTC), found.decision, "good")
    assert found.decision == "approve"


def test_an_evaluation() -> None:
    dataset = {"name": "pbmc", "digest": "sha256:d", "split": "test", "more": 1}
    metrics = [{"name": "accuracy", "value": 1, "n": 3}, {"name": "f1", "value": 0.5, "by": "class"}]
    found = said(EVALUATION, {"evaluated_at": AT, "dataset": dataset, "metrics": metrics, "code": "a script"})
    assert isinstance(found, Evaluation)
    assert found.dataset == Dataset("pbmc", "sha256:d", "test")
    assert found.metric("accuracy") == Measured("accuracy", 1.0, 3)
    assert found.metric("f1") == Measured("f1", 0.5, None)
    assert found.metric("loss") is None


def test_statements_of_others_are_not_read() -> None:
    assert said("https://slsa.dev/provenance/v1", {}) is None


@pytest.mark.parametrize(
    "predicate",
    [
        {},
        {"reviewed_at": AT},
        {"reviewed_at": AT, "decision": "Approve"},
        {"reviewed_at": AT, "decision": ["approve"]},
        {"reviewed_at": AT, "decision": "approve", "comment": 1},
        {"reviewed_at": "2026-11-28", "decision": "approve"},
        {"reviewed_at": "2026-11-28T09:00:00", "decision": "approve"},
        {"reviewed_at": "2026-13-28T09:00:00Z", "decision": "approve"},
        {"reviewed_at": "0001-01-01T00:00:00+23:59", "decision": "approve"},
        {"reviewed_at": 1, "decision": "approve"},
    ],
)
def test_no_review(predicate: dict[str, Any]) -> None:
    with pytest.raises(NotCounted) as refused:
        said(REVIEW, predicate)
    assert refused.value.why == MALFORMED


@pytest.mark.parametrize(
    "part",
    [
        {"evaluated_at": None},
        {"dataset": "pbmc"},
        {"dataset": {"digest": 1}},
        {"metrics": []},
        {"metrics": {"accuracy": 0.9}},
        {"metrics": [1]},
        {"metrics": [{"name": "a", "value": True}]},
        {"metrics": [{"name": "a", "value": "0.9"}]},
        {"metrics": [{"name": "a", "value": 10**400}]},
        {"metrics": [{"name": "a", "value": float("inf")}]},
        {"metrics": [{"name": "a", "value": 1, "n": -1}]},
        {"metrics": [{"name": "a", "value": 1, "n": True}]},
        {"metrics": [{"name": "", "value": 1}]},
        {"metrics": [{"value": 1}]},
        {"metrics": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]},
        {"metrics": [{"name": str(n), "value": 1} for n in range(1001)]},
    ],
)
def test_no_evaluation(part: dict[str, Any]) -> None:
    with pytest.raises(NotCounted) as refused:
        said(EVALUATION, MEASURED | part)
    assert refused.value.why == MALFORMED
