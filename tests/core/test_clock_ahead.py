"""A host was a day ahead when it said something of a version, and an operator has set that right in the journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from registry_core import ClockBehind, InvalidParameter
from registry_core.evidence.attestations import attesting
from registry_core.evidence.signing.statement import EVALUATION, REVIEW
from registry_core.models import journal
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.texts import format_time

from .conftest import MODEL, TASK, Shelf
from .evidence.governed import Governed, policy, trust

DAY = timedelta(days=1)
ONE = {"id": "one", "approvals": {"at_least": 1, "by": ["reviewers"]}}
ACCURATE = {"id": "accuracy", "metric": {"name": "accuracy", "gte": 0.8}}


class Tomorrow(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + DAY


@pytest.fixture
def governed(tmp_path: Path) -> Governed:
    shelf = Shelf(MemoryStorage(), tmp_path)
    shelf.register("1")
    return Governed(shelf)


@contextmanager
def ahead(governed: Governed) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (journal, attesting):
            patch.setattr(module, "datetime", Tomorrow)
        yield
    governed.shelf.registry().repair_clock(TASK, MODEL, is_wanted=True)


def review(governed: Governed, decision: str, at: datetime) -> int:
    return governed.attest(REVIEW, {"reviewed_at": format_time(at), "decision": decision}, "ada")


def measure(governed: Governed, value: float, at: datetime, person: str) -> int:
    metrics = [{"name": "accuracy", "value": value}]
    said = {"evaluated_at": format_time(at), "dataset": {"name": "pbmc"}, "metrics": metrics}
    return governed.attest(EVALUATION, said, person)


def test_whoever_approved_of_tomorrow_may_reject_today(governed: Governed) -> None:
    governed.set_policy(policy(ONE))
    with ahead(governed):
        review(governed, "approve", datetime.now(UTC) + DAY)
    asked = governed.shelf.registry()
    assert asked.gate(TASK, f"{MODEL}@1", "production", actor="cyd").met
    review(governed, "reject", datetime.now(UTC))
    assert not asked.gate(TASK, f"{MODEL}@1", "production", actor="cyd").met


def test_what_came_back_tomorrow_may_be_approved_today(governed: Governed) -> None:
    with ahead(governed):
        governed.shelf.registry().delete(TASK, MODEL, "1", reason="it is wrong")
        governed.shelf.registry().restore(TASK, MODEL, "1")
    review(governed, "approve", datetime.now(UTC))


def test_what_was_measured_tomorrow_is_no_later_than_today(governed: Governed) -> None:
    governed.set_policy(policy(ACCURATE))
    with ahead(governed):
        measure(governed, 0.9, datetime.now(UTC) + DAY, "ci")
    measure(governed, 0.1, datetime.now(UTC), "ada")
    assert not governed.shelf.registry().gate(TASK, f"{MODEL}@1", "production", actor="cyd").met


def test_a_move_of_tomorrow_was_judged_by_what_held_today(governed: Governed) -> None:
    with ahead(governed):
        governed.promote()
    governed.set_policy(policy(ONE))
    registry, named = governed.shelf.registry(), f"{MODEL}@production"
    assert registry.audit_gates().faults == []
    assert registry.resolve(TASK, named).warnings == []
    governed.review("ada")
    with ahead(governed):
        governed.promote()
    governed.set_policy(policy(ONE, ACCURATE))
    found = registry.audit_gates()
    assert (found.verdicts, found.faults) == (1, [])


def test_a_policy_of_tomorrow_keeps_nobody_from_revoking_a_key_today(governed: Governed) -> None:
    registry = governed.shelf.registry()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "datetime", Tomorrow)
        governed.set_policy(policy(ONE))
    governed.review("ada")
    with pytest.raises(ClockBehind, match=r"registry's own journal .*'omr repair clock --yes'"):
        governed.set_trust(trust(revoked=("ada",)))
    for half in ({"task": TASK}, {"model_name": MODEL}):
        with pytest.raises(InvalidParameter):
            registry.repair_clock(**half, is_wanted=True)
    assert not registry.repair_clock().is_done
    assert registry.repair_clock(is_wanted=True, actor="ada", reason="the battery of node 7").is_done
    assert registry.repair_clock(is_wanted=True).steps == []
    governed.set_trust(trust(revoked=("ada",)))
    assert not registry.gate(TASK, f"{MODEL}@1", "production", actor="cyd").met
    assert registry.gate(TASK, f"{MODEL}@1", "production", as_of=datetime.now(UTC), actor="cyd").gated
    assert registry.check().findings == []
