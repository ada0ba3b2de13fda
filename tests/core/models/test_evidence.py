"""A journal that ends before what documents, packages and graves show is not believed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from registry_core import CoreSettings, JournalCorrupt, ModelRegistry, RegistryError, VersionExists
from registry_core.storage.memory.root import MemoryStorage

from ...support.packages import open_registry
from ..eventful import fill, package
from ..journals import KEY

Damage = Callable[[Path], None]


def _keep_lines(count: int) -> Damage:
    return lambda log: _write(log, b"".join(log.read_bytes().splitlines(keepends=True)[:count]))


def _write(log: Path, data: bytes) -> None:
    log.write_bytes(data)


LOST: dict[str, Damage] = {
    "emptied": lambda log: _write(log, b""),
    "deleted": lambda log: log.unlink(),
    "its directory deleted": lambda log: shutil.rmtree(log.parent),
    "an older copy": _keep_lines(3),
    "cut in the middle of a line": lambda log: _write(log, log.read_bytes()[:-400]),
    "filled with NUL": lambda log: _write(log, bytes(log.stat().st_size)),
    "its end filled with NUL": lambda log: _write(log, log.read_bytes()[:-700] + bytes(700)),
    "its last line damaged": lambda log: _write(log, log.read_bytes()[:-40] + b"x" * 39 + b"\n"),
    "a newline of nothing": lambda log: _write(log, log.read_bytes() + b"\n"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    made.mkdir()
    fill(open_registry(made), tmp_path)
    return made


def _log(root: Path) -> Path:
    return root / KEY


CHANGES: dict[str, Callable[[ModelRegistry, Path], object]] = {
    "register": lambda registry, package: registry.register("t", "m", "2", package),
    "promote": lambda registry, _: registry.promote("t", "m", "production", "1"),
    "tag": lambda registry, _: registry.tag("t", "m", "3", "k", "w"),
    "unalias": lambda registry, _: registry.unalias("t", "m", "production"),
    "restore": lambda registry, _: registry.restore("t", "m", "2"),
}


@pytest.mark.parametrize("lost", LOST)
def test_a_lost_end_is_named_refused_and_warned_of(root: Path, tmp_path: Path, lost: str) -> None:
    LOST[lost](_log(root))
    before = _log(root).read_bytes() if _log(root).exists() else None
    assert not open_registry(root).check().is_clean
    with pytest.raises(JournalCorrupt):
        open_registry(root).audit_verify("t", "m")
    is_shorter = lost not in ("its last line damaged", "a newline of nothing")
    for name, change in CHANGES.items():
        if name == "register" and not is_shorter:
            continue  # the journal still has the deletion: the name is taken, as ever
        with pytest.raises(JournalCorrupt) as caught:
            change(open_registry(root), package(tmp_path, "other"))
        assert "backup" in caught.value.message
        assert caught.value.detail["faults"]
    assert (_log(root).read_bytes() if _log(root).exists() else None) == before
    found = open_registry(root).resolve("t", "m@production")
    assert found.version == "3"
    if is_shorter:
        assert any("journal" in warning for warning in found.warnings)
        assert any("journal" in warning for warning in open_registry(root).show("t", "m@production").warnings)
        judge_warned(open_registry(root))


def judge_warned(registry: ModelRegistry) -> None:
    """What looks at the model's documents says that the end of the journal of t/m is lost, and answers all the same."""
    aliases, history, listed = registry.list_aliases("t", "m"), registry.history("t", "m"), registry.list_models()
    assert {alias.alias: alias.version for alias in aliases}["production"] == "3"
    assert {item["version"] for item in listed.items} == {"1", "3"}
    ref = "m@production"
    proven, listing, compared = (
        registry.verify("t", ref),
        registry.artifacts("t", ref),
        registry.compare("t", "m", ["1", "3"]),
    )
    of_version = [proven.warnings, listing.warnings, compared.warnings, registry.metrics("t", ref).warnings]
    for warnings in (aliases.warnings, listed.warnings, *of_version, history.warnings):
        (told,) = warnings
        assert told.startswith("The journal of t/m is damaged: ")
        assert "omr check" in told


def _fresh(root: Path) -> ModelRegistry:
    """One whose lists look at the registry each time."""
    return ModelRegistry.open(settings=CoreSettings(root=str(root), catalog_refresh_s=0))


def test_lists_warn_of_what_they_show_as_long_as_it_is_so(root: Path, tmp_path: Path) -> None:
    registry = open_registry(root)
    registry.register("t", "whole", "1", package(tmp_path, "whole"))
    assert registry.list_models().warnings == []
    whole = _log(root).read_bytes()
    _keep_lines(3)(_log(root))
    of_it: list[dict[str, Any]] = [{}, {"task": "t"}, {"model_name": "m"}, {"alias": "production"}, {"limit": 1}]
    for asked in of_it:
        assert len(_fresh(root).list_models(**asked).warnings) == 1, asked
    of_others: list[dict[str, Any]] = [{"task": "other"}, {"model_name": "whole"}, {"text": "nobody"}]
    for asked in of_others:
        assert _fresh(root).list_models(**asked).warnings == [], asked
    _log(root).write_bytes(whole)
    registry = _fresh(root)
    assert registry.list_models().warnings == []
    assert registry.list_aliases("t", "m").warnings == registry.history("t", "m").warnings == []


def test_a_list_names_few_journals_and_counts_the_others(root: Path, tmp_path: Path) -> None:
    registry = open_registry(root)
    for number in range(7):
        registry.register("t", f"m{number}", "1", package(tmp_path, str(number)))
        (root / f"tasks/t/models/m{number}/audit/promotions.jsonl").write_bytes(b"")
    warnings = registry.list_models().warnings
    assert len(warnings) == 6
    assert warnings[-1] == "So are the journals of 2 more models."


def test_the_refusal_names_what_shows_more(root: Path) -> None:
    _keep_lines(3)(_log(root))
    with pytest.raises(JournalCorrupt, match=r"aliases/production\.json shows event 7.* ends at event 3"):
        open_registry(root).promote("t", "m", "production", "1")


@pytest.mark.parametrize("is_stone_there", [True, False])
def test_a_name_that_a_grave_bears_is_not_given_away(root: Path, tmp_path: Path, is_stone_there: bool) -> None:
    model = _log(root).parent.parent
    for directory in ("aliases", "state"):
        shutil.rmtree(model / directory)
    if not is_stone_there:
        (model / "deleted/2/tombstone.json").unlink()
    _log(root).unlink()
    with pytest.raises(JournalCorrupt, match="deleted/2"):
        open_registry(root).register("t", "m", "2", package(tmp_path, "other"))
    assert any("deleted" in f.message or "tombstone" in f.message for f in open_registry(root).check().findings)


def test_documents_of_older_software_are_no_evidence(root: Path) -> None:
    model = _log(root).parent.parent
    for document in (*model.glob("aliases/*.json"), *model.glob("state/*.json"), *model.glob("deleted/*/*.json")):
        fields = json.loads(document.read_bytes())
        del fields["seq"]
        document.write_text(json.dumps(fields))
    shutil.rmtree(model / "deleted")
    (model / ".lock").unlink()
    _log(root).unlink()
    open_registry(root).promote("t", "m", "staging", "1")


def test_the_right_journal_put_back_heals(root: Path) -> None:
    whole = _log(root).read_bytes()
    _log(root).write_bytes(b"")
    with pytest.raises(RegistryError):
        open_registry(root).promote("t", "m", "staging", "1")
    _log(root).write_bytes(whole)
    registry = open_registry(root)
    registry.promote("t", "m", "staging", "1")
    assert registry.check().findings == []
    assert registry.resolve("t", "m@production").warnings == []


@pytest.mark.parametrize("torn", [b'{"seq":8,"event":"pro', b'{"seq":8' + bytes(9), bytes(600), b"x"])
def test_what_a_crash_tears_is_no_damage(root: Path, torn: bytes) -> None:
    with _log(root).open("ab") as log:
        log.write(torn)
    assert open_registry(root).check().findings == []
    assert open_registry(root).promote("t", "m", "staging", "1").seq == 8
    assert open_registry(root).check().findings == []


def test_sectors_that_never_reached_the_disk_are_no_damage(root: Path) -> None:
    """The line's first sectors are lost and its end, with the newline, is there."""
    whole = _log(root).read_bytes()
    open_registry(root).promote("t", "m", "fresh", "1", reason="r" * 1024)
    longer = _log(root).read_bytes()
    model = _log(root).parent.parent
    (model / "aliases/fresh.json").unlink()
    (model / ".lock").write_bytes(b"7\n")  # nobody has come so far as to note the event
    edge = (len(whole) // 512 + 1) * 512
    _log(root).write_bytes(whole + bytes(edge - len(whole)) + longer[edge:])
    assert open_registry(root).check().findings == []
    assert open_registry(root).promote("t", "m", "staging", "1").seq == 8


def test_sectors_of_a_line_that_a_document_shows_are_damage(root: Path) -> None:
    whole = _log(root).read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    edge = (start // 512 + 1) * 512
    damaged = whole[:start] + bytes(edge - start) + whole[edge:]
    _log(root).write_bytes(damaged)
    with pytest.raises(JournalCorrupt):
        open_registry(root).tag("t", "m", "1", "k", "w")
    assert _log(root).read_bytes() == damaged
    assert not open_registry(root).check().is_clean


def test_in_memory_too(tmp_path: Path) -> None:
    storage = MemoryStorage()
    registry = ModelRegistry.open("memory://", storage=storage, settings=CoreSettings())
    registry.register("t", "m", "1", package(tmp_path, "1"), set_alias=None)
    registry.register("t", "m", "2", package(tmp_path, "2"), set_alias="best")
    registry.delete("t", "m", "1", reason="wrong")
    storage.state.logs.clear()
    assert not registry.check().is_clean
    with pytest.raises(JournalCorrupt):
        registry.register("t", "m", "1", package(tmp_path, "other"))
    with pytest.raises(JournalCorrupt):
        registry.promote("t", "m", "best", "2")
    assert any("journal" in warning for warning in registry.resolve("t", "m@best").warnings)
    for told in (registry.list_aliases("t", "m"), registry.history("t", "m"), registry.list_models()):
        assert any("journal" in warning for warning in told.warnings)


def test_a_whole_journal_keeps_refusing_as_before(root: Path, tmp_path: Path) -> None:
    with pytest.raises(VersionExists):
        open_registry(root).register("t", "m", "2", package(tmp_path, "other"))


LAST: dict[str, Callable[[ModelRegistry], object]] = {
    "delete": lambda registry: registry.delete("t", "m", "2", reason="wrong"),
    "tag": lambda registry: registry.tag("t", "m", "1", "k", "v"),
    "unalias": lambda registry: registry.unalias("t", "m", "production"),
}


@pytest.mark.parametrize("value", [None, {"no": ["text"]}])
@pytest.mark.parametrize("field", ["event", "version", "task", "ts_utc", "actor"])
@pytest.mark.parametrize("last", LAST)
def test_a_last_event_that_lacks_a_field_is_answered_by_every_verb(
    tmp_path: Path, last: str, field: str, value: object
) -> None:
    """Whatever is asked then, the answer is one, or an error that says what is wrong."""
    root = tmp_path / "root"
    root.mkdir()
    registry = open_registry(root)
    for version in ("1", "2"):
        registry.register("t", "m", version, package(tmp_path, version), set_alias=None)
    registry.promote("t", "m", "production", "1")
    LAST[last](registry)
    log = _log(root)
    *before, end = log.read_bytes().splitlines(keepends=True)
    fields = {name: text for name, text in json.loads(end).items() if name != field}
    changed = fields if value is None else {**fields, field: value}
    _write(log, b"".join([*before, json.dumps(changed).encode() + b"\n"]))
    for ask in (
        lambda: open_registry(root).check(),
        lambda: open_registry(root).repair_documents("t", "m"),
        lambda: open_registry(root).repair_tombstones("t", "m"),
        lambda: open_registry(root).resolve("t", "m@production"),
        lambda: open_registry(root).show("t", "m@1"),
        lambda: open_registry(root).history("t", "m"),
        lambda: open_registry(root).promote("t", "m", "staging", "1"),
    ):
        with suppress(RegistryError):
            ask()
