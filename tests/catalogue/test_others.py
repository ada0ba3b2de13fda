"""What others write into the tree appears; what this host's processes do appears at once."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core import IndexBuilding, ModelRegistry
from registry_core.catalogue import one_model

from ..support.old_registry import OldRegistry, write_every_case
from .shelf import Shelf, everything, titles


@pytest.fixture
def other(shelf: Shelf, area: Path) -> ModelRegistry:
    """Another host: the same tree, a catalogue of its own that follows at every list."""
    return shelf.opened(0.0, area / "elsewhere")


def item(registry: ModelRegistry, title: str) -> dict[str, object]:
    (found,) = (one for one in everything(registry) if f"{one['model_name']}@{one['version']}" == title)
    return found


def test_every_change_through_one_process_shows_in_another_of_the_host(shelf: Shelf) -> None:
    """``gunicorn`` with two workers, or ``omr`` beside it: neither refreshes, both look into the file."""
    shelf.add("m", "1")
    beside = shelf.opened()
    registry = shelf.registry
    assert titles(beside) == ["m@1"]

    shelf.add("m", "2")
    shelf.add("new", "1", task="other")
    assert titles(beside) == ["new@1", "m@1", "m@2"]
    registry.promote("t", "m", "production", "1")
    assert item(beside, "m@1")["aliases"] == ["production"]
    assert titles(beside, stage="production") == ["m@1"]
    registry.promote("t", "m", "production", "2")
    assert titles(beside, alias="production") == ["m@2"]
    registry.rollback("t", "m", "production")
    assert titles(beside, alias="production") == ["m@1"]
    registry.unalias("t", "m", "production")
    assert titles(beside, alias="production") == []
    registry.tag("t", "m", "1", "tissue", "lung")
    assert titles(beside, tags=("tissue:lung",)) == ["m@1"]
    registry.patch("t", "m", "1", description="robust", tags={"tissue": None})
    assert (titles(beside, tags=("tissue:lung",)), titles(beside, text="robust")) == ([], ["m@1"])
    assert titles(beside, text="lung") == []
    registry.stage("t", "m", "1", "archived")
    assert titles(beside, stage="archived") == ["m@1"]
    registry.stage("t", "m", "2", "staging")
    registry.stage("t", "m", "2", "none")
    assert (item(beside, "m@2")["stage"], item(beside, "m@2")["aliases"]) == ("none", [])
    registry.delete("t", "m", "2", reason="test")
    assert titles(beside, task="t") == ["m@1"]
    registry.restore("t", "m", "2")
    assert titles(beside, task="t") == ["m@1", "m@2"]
    registry.delete("t", "m", "2", reason="test")
    registry.purge(0)
    assert titles(beside, task="t") == ["m@1"]
    events = [(event.event.model_name, event.event.event) for event in beside.events("", 100)]
    journals = [event.event for name, task in (("m", "t"),) for event in registry.history(task, name).events]
    assert [event for model, event in events if model == "m"] == journals


def test_every_change_of_another_host(shelf: Shelf, other: ModelRegistry) -> None:
    assert titles(other) == []
    shelf.add("m", "1")
    shelf.add("m", "2")
    assert titles(other) == ["m@1", "m@2"]
    shelf.registry.promote("t", "m", "production", "1")
    assert item(other, "m@1")["stage"] == "production"
    shelf.registry.promote("t", "m", "production", "2")
    assert (item(other, "m@1")["aliases"], item(other, "m@2")["aliases"]) == ([], ["production"])
    shelf.registry.unalias("t", "m", "production")
    assert titles(other, alias="production") == []
    shelf.registry.tag("t", "m", "1", "tissue", "lung")
    assert titles(other, tags=("tissue:lung",)) == ["m@1"]
    shelf.registry.stage("t", "m", "1", "archived")
    assert titles(other, stage="archived") == ["m@1"]
    shelf.registry.delete("t", "m", "2", reason="test")
    assert titles(other) == ["m@1"]
    shelf.registry.restore("t", "m", "2")
    assert titles(other) == ["m@1", "m@2"]
    shutil.rmtree(shelf.root / "tasks" / "t", onerror=_unsealed)
    assert (titles(other), other.list_tasks()) == ([], [])


def _unsealed(remove: Callable[[str], object], path: str, _: object) -> None:
    os.chmod(Path(path).parent, 0o755)
    remove(path)


def test_an_older_program_beside_us(shelf: Shelf, other: ModelRegistry) -> None:
    """It knows no journal of ours: versions, aliases and tags appear all the same."""
    old = OldRegistry(shelf.root).model("t", "m")
    old.version("1", metadata={"metrics": {"accuracy": 0.5}}, alias="latest")
    assert [(event.event.event, event.event.version) for event in other.events("", 10)] == [("promote", "1")]
    assert item(other, "m@1")["aliases"] == ["latest"]
    old.version("2", alias=None)  # neither a journal line nor an alias
    assert titles(other) == ["m@1", "m@2"]
    old.tag("1", "tissue", "blood").describe("1", "robust")
    assert (titles(other, tags=("tissue:blood",)), titles(other, text="robust")) == (["m@1"], ["m@1"])
    old.tag("1", "tissue", "lung")
    assert (titles(other, tags=("tissue:blood",)), titles(other, tags=("tissue:lung",))) == ([], ["m@1"])
    old.stage("2", "production")
    assert titles(other, stage="production") == ["m@2"]
    old.killed_before_the_journal("latest", "2")  # the alias document alone
    assert (item(other, "m@1")["aliases"], item(other, "m@2")["aliases"]) == ([], ["latest", "production"])
    alias = shelf.home("m") / "aliases" / "latest.json"
    alias.write_text(alias.read_text().replace('"version": "2"', '"version": "1"'))  # in place, of the same size
    assert item(other, "m@1")["aliases"] == ["latest"]
    alias.unlink()
    assert titles(other, alias="latest") == []
    shelf.registry.tag("t", "m", "1", "team", "a")  # ours, after its lines
    assert titles(other, tags=("team:a",)) == ["m@1"]
    old.promote("staging", "1")  # its, after ours
    assert titles(other, alias="staging") == ["m@1"]
    old.tag("1", "tissue", "skin")
    assert titles(other, tags=("tissue:skin",)) == ["m@1"]
    shutil.rmtree(old.package("2"))
    assert titles(other) == ["m@1"]


def test_an_older_program_after_adoption(shelf: Shelf, other: ModelRegistry) -> None:
    old = OldRegistry(shelf.root).model("t", "m").version("1")
    shelf.registry.adopt()
    assert titles(other, tags=("tissue:lung",)) == []
    old.tag("1", "tissue", "lung")
    assert titles(other, tags=("tissue:lung",)) == ["m@1"]


def test_a_version_that_an_older_program_copies_slowly(shelf: Shelf, other: ModelRegistry) -> None:
    """A list in the middle of it must not keep the version out for ever."""
    old = OldRegistry(shelf.root).model("t", "m").half_version("1", {"weights": b"w"})
    assert titles(other) == []
    (old.package("1") / "model_meta.json").write_text('{"task": "t"}')  # nothing else changes, no name, no alias
    assert titles(other) == ["m@1"]


def test_every_case_of_older_software_is_listed(shelf: Shelf, other: ModelRegistry) -> None:
    write_every_case(shelf.root)
    there = {
        f"{path.parts[-4]}@{path.parts[-2]}" for path in shelf.root.glob("tasks/*/models/*/versions/*/model_meta.json")
    }
    assert set(titles(other)) == there
    assert [(task.task, task.models) for task in other.list_tasks()] == [
        ("batch correction", 1),
        ("celltype", 7),
        ("segmentation", 1),
    ]
    shelf.registry.adopt()
    assert set(titles(other)) == there
    assert titles(other, text="größe") == ["größe@1"]


def test_a_backup_takes_the_place_of_the_registry(shelf: Shelf, other: ModelRegistry, area: Path) -> None:
    """Its journals are shorter, and grow again to another length than the catalogue knows."""
    shelf.add("m", "1", set_alias="latest")
    shelf.registry.tag("t", "m", "1", "tissue", "lung")
    shutil.copytree(shelf.root / "tasks", area / "backup")
    shelf.registry.tag("t", "m", "1", "tissue", "blood")
    shelf.add("m", "2")
    shelf.add("late", "1")
    assert titles(other, tags=("tissue:blood",)) == ["m@1"]
    shutil.rmtree(shelf.root / "tasks", onerror=_unsealed)
    shutil.copytree(area / "backup", shelf.root / "tasks")
    assert titles(other) == ["m@1"]
    assert titles(other, tags=("tissue:lung",)) == ["m@1"]

    shelf.registry.tag("t", "m", "1", "tissue", "skin")
    shelf.add("m", "3")
    assert titles(other) == ["m@1", "m@3"]
    shutil.rmtree(shelf.root / "tasks", onerror=_unsealed)
    shutil.copytree(area / "backup", shelf.root / "tasks")
    shelf.registry.patch("t", "m", "1", description="again")
    shelf.add("m", "4")  # the journal is as long as it was, and another one
    assert titles(other) == ["m@1", "m@4"]
    assert item(other, "m@1")["description"] == "again"
    shutil.rmtree(area / "backup", onerror=_unsealed)


def test_an_event_that_was_seen_before_its_documents(shelf: Shelf, other: ModelRegistry) -> None:
    """A list comes between the append and the documents; what the documents say shows in the next one."""
    shelf.add("m", "1")
    shelf.registry.tag("t", "m", "1", "tissue", "lung")
    state = shelf.home("m") / "state" / "1.json"
    old = state.read_bytes()
    shelf.registry.tag("t", "m", "1", "tissue", "blood")
    new = state.read_bytes()
    state.write_bytes(old)  # as if its writer stood here
    assert titles(other, tags=("tissue:lung",)) == ["m@1"]
    assert titles(other, tags=("tissue:lung",)) == ["m@1"]
    state.write_bytes(new)
    assert titles(other, tags=("tissue:blood",)) == ["m@1"]


def test_a_change_while_another_process_builds(shelf: Shelf) -> None:
    """What the build has passed already must not wait for the next refresh."""
    for name in ("a", "b", "c"):
        shelf.add(name, "1")
    builder, passed = shelf.opened(), []

    def change_what_is_done(_: object) -> None:
        if not passed:
            passed.append(True)
            shelf.registry.promote("t", "a", "production", "1")
            shelf.registry.promote("t", "c", "production", "1")
            shelf.add("Before", "1", set_alias="production")  # a model that the build has not seen

    builder.reindex(progress=change_what_is_done)
    assert titles(shelf.opened(), alias="production") == ["Before@1", "a@1", "c@1"]
    assert len(shelf.registry.events("", 100)) == 6


def test_lists_wait_for_another_process_that_builds(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.add("a", "1")
    monkeypatch.setattr("registry_core.catalogue.keeping.BUILD_WAIT_S", 0.0)
    impatient = shelf.opened(0.0)
    refusals = []

    def ask(_: object) -> None:
        for query in ({"text": "a"}, {"sort": "created_at"}, {"alias": "latest"}, {"metric_gte": ("n:1",)}):
            try:
                impatient.list_models(**query)
            except IndexBuilding as error:
                refusals.append(tuple(error.detail.values()))
        assert impatient.catalog_state.to_dict() == {"ready": False, "models_done": 1, "models_total": 1}
        shelf.registry.promote("t", "a", "production", "1")  # verbs go on meanwhile

    shelf.opened().reindex(progress=ask)
    assert refusals == [(1, 1, 5)] * 4  # models done, of so many, and when to ask again
    assert titles(impatient, alias="production") == ["a@1"]


def test_while_it_is_built_a_list_by_name_is_read_from_the_registry(shelf: Shelf) -> None:
    """Page by page, in either direction, and exactly as the catalogue lists it later, but for the total."""
    for model in ("b", "a", "a-b"):
        for version in ("1.10", "1.9", "2"):
            shelf.add(model, version, task="t" if model != "b" else "Other", tags={"k": version})
    shelf.registry.promote("t", "a", "production", "2")
    shelf.registry.tag("t", "a", "1.9", "k", "other")
    shelf.registry.delete("t", "a-b", "2", reason="test")
    (shelf.package("a", "1.10")).chmod(0o755)
    (shelf.package("a", "1.10") / "model_meta.json").unlink()
    queries: list[dict[str, Any]] = [{}, {"sort": "-name"}, {"task": "t"}, {"model_name": "a"}, {"task": "nowhere"}]
    beside, told = shelf.opened(0.0), []

    def listed(query: dict[str, Any], limit: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = beside.list_models(**query, limit=limit, cursor=cursor)
            assert len(page.items) <= limit
            told.append((page.total is None, len(page.warnings)))
            found += page.items
            cursor = page.next
            if cursor is None:
                return found

    during: list[list[dict[str, Any]]] = []
    shelf.opened().reindex(
        progress=lambda _: (
            during.extend(listed(query, limit) for query in queries for limit in (1, 2, 9)) if not during else None
        )
    )
    assert set(told) == {(True, 1)}
    told.clear()
    assert during == [listed(query, limit) for query in queries for limit in (1, 2, 9)]
    assert set(told) == {(False, 0), (False, 1)}  # one version cannot be read, which lists of other tasks do not tell
    assert [len(one) for one in during[::3]] == [7, 7, 4, 2, 0]


def test_clocks_that_were_wrong(shelf: Shelf) -> None:
    """A file refreshed in a future that never came is not fresh."""
    import sqlite3

    shelf.add("a", "1")
    registry = shelf.opened(3600.0)
    assert titles(registry) == ["a@1"]
    connection = sqlite3.connect(shelf.catalogue)
    connection.execute("UPDATE fact SET value = value + 1e7 WHERE name IN ('refreshed_at', 'full_at')")
    connection.commit()
    connection.close()
    OldRegistry(shelf.root).model("t", "m").version("1", alias=None)
    assert titles(registry) == ["a@1", "m@1"]


def test_a_journal_line_without_a_place(shelf: Shelf, other: ModelRegistry) -> None:
    """Older lines among ours, without seq, and one that is no event at all."""
    shelf.add("m", "1")
    journal = shelf.home("m") / "audit" / "promotions.jsonl"
    with journal.open("ab") as log:
        log.write(json.dumps({"task": "t", "model_name": "m", "alias": "x", "version": "1"}).encode() + b"\n")
        log.write(b"no JSON at all\n")
        log.write(json.dumps({"alias": "y", "version": ["1"], "ts_utc": 5, "event": 7}).encode() + b"\n")
    assert titles(other) == ["m@1"]
    assert [event.event.seq for event in other.events("", 10)] == [1, 2, 4]
    shelf.registry.tag("t", "m", "1", "a", "b")
    assert [event.event.seq for event in other.events("", 10)] == [1, 2, 4, 5]


def test_a_change_that_comes_while_two_look_is_shown_to_the_third(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one who looks longest must not take away the note of what came after he had looked."""
    shelf.add("m", "1")
    shelf.add("m", "2")
    beside = shelf.opened()
    real = one_model.refresh
    late = iter(["once"])

    def refresh(*given: Any, **more: Any) -> bool:
        outcome = real(*given, **more)
        if next(late, None):
            assert titles(beside) == ["m@1", "m@2"]
            shelf.registry.promote("t", "m", "production", "2")
        return outcome

    assert titles(shelf.registry) == ["m@1", "m@2"]
    shelf.registry.promote("t", "m", "production", "1")
    with monkeypatch.context() as patched:
        patched.setattr("registry_core.catalogue.one_model.refresh", refresh)
        titles(shelf.registry)
    assert titles(shelf.registry, alias="production") == ["m@2"]
