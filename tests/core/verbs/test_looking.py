"""What is gone, and what aliases named, as whoever looks is told: of every storage alike."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_core import Action, Alias, CoreSettings, InvalidParameter, ModelNotFound, ModelRegistry, VersionNotFound
from registry_core.format.chain import Line
from registry_core.format.layout import ModelKeys
from registry_core.storage import Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage

from ...support.packages import write_files
from ..models.test_spans import journals


@pytest.fixture(params=["filesystem", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    (tmp_path / "root").mkdir()
    return MemoryStorage() if request.param == "memory" else FilesystemStorage(tmp_path / "root")


@pytest.fixture
def registry(storage: Storage, tmp_path: Path) -> ModelRegistry:
    """Of the model m: 1 to 4, of which 3 and 2 are deleted, and 4 is purged; production was 1, then 2, then gone."""
    registry = ModelRegistry.open("memory://", storage=storage, settings=CoreSettings(workers=1))
    source = write_files(tmp_path / "source", {"model.pt": b"x"})
    for version in "1234":
        registry.register("t", "m", version, source, actor="ada")
    registry.promote("t", "m", "production", "1", actor="ada", reason="first")
    registry.promote("t", "m", "production", "2", actor="grace", reason="better")
    registry.unalias("t", "m", "production", actor="eve", reason="neither")
    registry.promote("t", "m", "latest", "1")
    registry.delete("t", "m", "4", reason="wrong", actor="eve")
    registry.purge(older_than_s=0)
    registry.delete("t", "m", "3", reason="old", actor="ada")
    registry.delete("t", "m", "2", reason="older", actor="ada")
    return registry


def test_what_is_deleted_now_is_listed_with_who_and_why(registry: ModelRegistry) -> None:
    found = registry.list_deleted("t", "m")
    said = [(one.version, one.actor, one.reason, one.restorable) for one in found]
    assert said == [("2", "ada", "older", True), ("3", "ada", "old", True), ("4", "eve", "wrong", False)]
    assert all(one.deleted_at for one in found)
    assert found.warnings == []
    registry.restore("t", "m", "2")
    assert [one.version for one in registry.list_deleted("t", "m")] == ["3", "4"]
    registry.delete("t", "m", "2", reason="again")
    assert (registry.list_deleted("t", "m")[0].version, registry.list_deleted("t", "m")[0].reason) == ("2", "again")


def test_a_model_that_is_not_there_is_told_as_everywhere(registry: ModelRegistry) -> None:
    for call in (registry.list_deleted, registry.alias_spans):
        with pytest.raises(ModelNotFound):
            call("t", "other")
    with pytest.raises(ModelNotFound):
        registry.list_aliases("t", "other", "2026-01-01T00:00:00Z")


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_has_bounds(registry: ModelRegistry, limit: int) -> None:
    with pytest.raises(InvalidParameter) as refused:
        registry.alias_spans("t", "m", limit=limit)
    assert refused.value.detail["field"] == "limit"


def test_the_aliases_of_a_moment_are_those_that_resolve_has_then(registry: ModelRegistry) -> None:
    for event in registry.history("t", "m").events:
        assert event.ts_utc is not None
        then = {alias.alias: alias for alias in registry.list_aliases("t", "m", event.ts_utc)}
        for alias in ("latest", "production"):
            try:
                named = registry.resolve("t", f"m@{alias}", verify=False, as_of=event.ts_utc).version
            except VersionNotFound as error:
                # It named nothing, or what is deleted by now.
                named = str(error.detail.get("version") or error.detail["selector"])
            if alias in then:
                assert then[alias].version == named or named in ("2", "3", "4")
            else:
                assert named == alias
    assert registry.list_aliases("t", "m", "2000-01-01T00:00:00Z") == []
    now = registry.history("t", "m").events[-1].ts_utc
    assert registry.list_aliases("t", "m", now) == registry.list_aliases("t", "m")
    assert isinstance(registry.list_aliases("t", "m", now)[0], Alias)
    with pytest.raises(InvalidParameter):
        registry.list_aliases("t", "m", "yesterday")


def test_spans_follow_each_other_and_the_last_still_goes_on(registry: ModelRegistry) -> None:
    page = registry.alias_spans("t", "m", "production")
    first, second = page.spans
    assert (first.version, first.actor, first.reason, first.seq) == ("1", "ada", "first", 5)
    assert (second.version, second.actor, second.reason, second.seq) == ("2", "grace", "better", 6)
    assert first.until == second.since
    events = registry.history("t", "m", alias="production").events
    assert (first.since, second.since, second.until) == tuple(event.ts_utc for event in events)
    whole = registry.alias_spans("t", "m")
    assert [span for span in whole.spans if span.alias == "production"] == page.spans
    assert [(span.version, span.until is None) for span in whole.spans if span.alias == "latest"] == [
        *(("1", False), ("2", False), ("3", False), ("4", False)),
        ("1", True),
    ]
    assert (whole.complete_since, whole.warnings) == (None, [])
    assert registry.alias_spans("t", "m", "candidate").spans == []


def test_what_stands_longer_than_the_newest_moves_is_shown_all_the_same(registry: ModelRegistry) -> None:
    registry.promote("t", "m", "production", "1", reason="long ago")
    for _ in range(5):
        registry.promote("t", "m", "latest", "1")
    page = registry.alias_spans("t", "m", limit=2)
    assert [(span.alias, span.until is None) for span in page.spans] == [
        *(("production", True), ("latest", False), ("latest", False)),
        ("latest", True),
    ]
    assert page.complete_since == page.spans[-2].since


def test_a_version_tells_from_what_it_was_made_and_what_was_made_of_it(registry: ModelRegistry, tmp_path: Path) -> None:
    source = tmp_path / "source"
    said = {"dataset": {"name": "pbmc", "rows": 7}, "code": "abc123", "run_id": "run-17", "framework": "torch"}
    registry.register("t", "m", "5", source, {**said, "parent_version": "1"})
    registry.register("t", "m", "6", source, {"lineage": {"parent_version": "5", "image": "lab/train:3"}})
    registry.register("t", "m", "7", source, {"parent_version": "5"})
    registry.register("t", "other", "7b", source, {"parent_version": "5"})
    registry.register("t", "m", "8", source, {"parent_version": ["7", "2", "elsewhere"], "dataset": None})
    found = registry.lineage("t", "m", "5")
    assert [(one.version, one.is_there) for one in found.parents] == [("1", True)]
    assert [(one.version, one.is_there) for one in found.children] == [("7", True), ("6", True)]
    assert found.children[0].created_at == registry.show("t", "m@7").meta["created_at"]
    assert (found.dataset, found.code, found.run_id) == (said["dataset"], "abc123", "run-17")
    assert found.provenance == {
        **{"dataset.name": "pbmc", "dataset.rows": 7, "code": "abc123", "run_id": "run-17", "framework": "torch"},
        "parent_version": "1",
    }
    assert registry.lineage("t", "m", "6").provenance == {"parent_version": "5", "image": "lab/train:3"}
    several = registry.lineage("t", "m", "8")
    assert [(one.version, one.is_there) for one in several.parents] == [("7", True), ("2", False), ("elsewhere", False)]
    assert (several.dataset, several.code, several.run_id, several.children) == (None, None, None, [])
    for version in ("2", "none"):
        with pytest.raises(VersionNotFound):
            registry.lineage("t", "m", version)


def test_children_are_the_newest_hundred_found_by_an_index(tmp_path: Path) -> None:
    storage = MemoryStorage()
    registry = ModelRegistry.open("memory://", storage=storage, settings=CoreSettings(workers=1))
    source = write_files(tmp_path / "source", {"model.pt": b"x"})
    for number in range(103):
        registry.register("t", "m", f"v{number}", source, {"parent_version": "v0"} if number else {}, set_alias=None)
    found = registry.lineage("t", "m", "v0").children
    assert [one.version for one in found] == [f"v{number}" for number in range(102, 2, -1)]


@given(journals(), st.integers(1, 15), st.none() | st.sampled_from(["latest", "production"]))
@settings(max_examples=60, deadline=None)
def test_the_index_and_the_journal_tell_the_same_of_any_history(
    lines: list[Line], limit: int, alias: str | None
) -> None:
    storage = MemoryStorage()
    for line in lines:
        storage.documents.append(ModelKeys("t", "m").journal, line.raw, line.seq)
    with TemporaryDirectory() as place:
        told = CoreSettings(workers=1, catalog_dir=place)
        registry = ModelRegistry.open("memory://", storage=storage, settings=told)
        if not lines:
            return
        by_journal = registry.alias_spans("t", "m", alias, limit)
        registry.require_catalogue()
        by_index = registry.alias_spans("t", "m", alias, limit)
        if all(line.is_own for line in lines):
            assert registry._spans_of_index(registry._model("t", "m", Action.READ), alias, limit) is not None
        assert (by_index.spans, by_index.complete_since) == (by_journal.spans, by_journal.complete_since)
