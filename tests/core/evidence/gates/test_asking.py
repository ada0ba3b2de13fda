"""What is told of a gate to whoever asks for what the alias names."""

from __future__ import annotations

from pathlib import Path

from registry_core.storage.memory.root import MemoryStorage

from ...conftest import MODEL, TASK, Shelf
from ..governed import NO_FINDING, TWO, Governed, policy

NAMED = f"{MODEL}@production"


def test_an_alias_that_another_registry_s_gate_let_pass_was_not_let_pass_by_ours(tmp_path: Path) -> None:
    theirs, ours = (Shelf(MemoryStorage(), tmp_path / name) for name in ("theirs", "ours"))
    theirs.register("1")
    ours.registry().register("another", MODEL, "1", ours.source("1"))
    Governed(ours).set_policy(policy(TWO))
    governed = Governed(theirs)
    governed.set_policy(policy(NO_FINDING))
    governed.promote()
    theirs.registry().migrate_to(ours.registry(), merge=True)
    assert theirs.registry().resolve(TASK, NAMED).warnings == []
    registry = ours.registry()
    (warning,) = registry.resolve(TASK, NAMED).warnings
    assert warning.startswith("gate_not_recorded: a policy guards 'production', and it was moved by event 2 without")
    assert [one.code for one in registry.check().findings] == ["gate_not_recorded"]
    for person in ("ada", "bob"):
        Governed(ours).review(person)
    registry.promote(TASK, MODEL, "production", "1", actor="cyd")
    assert registry.resolve(TASK, NAMED).warnings == []
    assert {one.seq for one in registry.audit_gates().faults} == {2}, "what theirs was cannot be come to again"
