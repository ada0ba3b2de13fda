"""E3 and E4: a gate sees all up to the event directly before the one that it allows; what it cannot tell is unmet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from obstore.store import MemoryStore

from registry_core import CoreSettings, GateNotMet, ModelRegistry, PolicyUnreadable
from registry_core.format.layout import is_package
from registry_core.models import changes
from registry_core.models.changes import Draft, change
from registry_core.models.model import ModelStore
from registry_core.storage import Storage
from registry_core.storage.contract import StorageOptions
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.storage.object_store.store import ObjectStorage

from ..support.packages import write_files

SOUND = {"id": "sound", "findings": {"none_of": ["blocking"]}}
FOUND = {"severity": "blocking", "title": "it is wrong", "url": None}


@pytest.fixture(params=["filesystem", "memory", "object store"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "memory":
        return MemoryStorage()
    if request.param == "filesystem":
        (tmp_path / "root").mkdir()
        return FilesystemStorage(tmp_path / "root")
    return bucket()


def bucket() -> Storage:
    return ObjectStorage("s3://bucket", StorageOptions(), is_package, store=MemoryStore())


def opened(storage: Storage) -> ModelRegistry:
    return ModelRegistry.open("memory://", storage=storage, settings=CoreSettings(workers=1))


def find(storage: Storage) -> None:
    draft = Draft("finding", "1", "ada", None, own={"finding": FOUND})
    change(ModelStore(storage, "t", "m", 10.0), lambda: None, lambda _: draft)


def governed(storage: Storage, source: Path, *require: dict[str, Any]) -> ModelRegistry:
    registry = opened(storage)
    registry.register("t", "m", "1", write_files(source, {"model.pt": b"x"}), set_alias=None)
    gates = [{"alias": "production", "require": list(require)}]
    registry.set_policy("t", {"schema": "omr-policy/1", "task": "t", "gates": gates})
    return registry


def test_E3_what_came_between_the_look_and_the_event_is_seen(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's finding gets into the journal before the lock is had: the gate is asked after it."""
    registry, look_first = governed(storage, tmp_path / "source", SOUND), changes.look_first

    def interrupted(*looks: Any) -> Any:
        answer = look_first(*looks)
        monkeypatch.undo()
        find(storage)
        return answer

    monkeypatch.setattr(changes, "look_first", interrupted)
    with pytest.raises(GateNotMet):
        registry.promote("t", "m", "production", "1")
    assert opened(storage).list_aliases("t", "m") == []


def test_E3_what_came_between_the_verdict_and_the_event_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no lock keeps others out, the promote is judged anew if somebody takes its place in the journal."""
    from registry_core.evidence.gates.gate import PolicyGate

    storage = bucket()
    registry, judge, asked = governed(storage, tmp_path / "source", SOUND), PolicyGate.judge, list[bool]()

    def interrupted(self: PolicyGate, model: ModelStore, question: Any) -> Any:
        found = judge(self, model, question)
        asked.append(found.refusal is None)
        if len(asked) == 1:
            find(storage)
        return found

    monkeypatch.setattr(PolicyGate, "judge", interrupted)
    with pytest.raises(GateNotMet):
        registry.promote("t", "m", "production", "1")
    assert asked == [True, False]
    assert opened(storage).list_aliases("t", "m") == []


def test_E3_the_verdict_is_by_the_event_before(storage: Storage, tmp_path: Path) -> None:
    registry = governed(storage, tmp_path / "source", SOUND)
    registry.promote("t", "m", "production", "1")
    find(storage)
    with pytest.raises(GateNotMet):
        registry.promote("t", "m", "production", "1")
    audit = opened(storage).audit_gates("t", "m")
    assert (audit.verdicts, audit.faults) == (1, [])


def test_E4_what_nobody_has_said_is_unmet(storage: Storage, tmp_path: Path) -> None:
    require = (
        {"id": "measured", "metric": {"name": "accuracy", "gte": 0}},
        {"id": "approved", "approvals": {"at_least": 1, "by": ["anybody"]}},
        {"id": "signed", "signature": {"by": ["anybody"]}},
        {"id": "attested", "attestation": {"predicate_type": "x", "by": ["anybody"]}},
        {"id": "filed", "file": {"path": "README.md"}},
        {"id": "stated", "metric": {"name": "accuracy", "gte": 0, "source": "metadata"}},
    )
    registry = governed(storage, tmp_path / "source", *require)
    with pytest.raises(GateNotMet) as refused:
        registry.promote("t", "m", "production", "1")
    assert [check["id"] for check in refused.value.detail["checks"]] == [one["id"] for one in require]


def test_E4_a_policy_that_is_gone_refuses(storage: Storage, tmp_path: Path) -> None:
    registry = governed(storage, tmp_path / "source", SOUND)
    for entry in list(storage.documents.list("log/documents")):
        storage.documents.delete(entry.key)
    with pytest.raises(PolicyUnreadable):
        registry.promote("t", "m", "production", "1")
