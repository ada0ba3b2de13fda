"""One broken file anywhere breaks no list: its entry is left out, logged, and named by ``check``."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import ModelRegistry

from ..faults import forks
from ..support.machine import need
from ..support.old_registry import OldRegistry
from .shelf import Shelf, everything, titles

DEEP = 100_000


@pytest.fixture
def other(shelf: Shelf, area: Path) -> ModelRegistry:
    """Another host, which follows at every list. Good neighbours stand before, beside and behind the damage."""
    for model in ("a", "m", "z"):
        shelf.add(model, "1", set_alias="latest")
    shelf.add("m", "2", metrics={"accuracy": 1}, tags={"tissue": "lung"}, set_alias="production")
    return shelf.opened(0.0, area / "elsewhere")


def _overwrite(path: Path, data: bytes) -> None:
    path.parent.chmod(0o755)
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    os.utime(path, (1e9, 1e9))  # what has changed just now is looked at again in any case


def meta(shelf: Shelf) -> Path:
    return shelf.package("m", "2") / "model_meta.json"


NO_OBJECT: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"{",
    "a list": b"[1]",
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "too deep to parse": b'{"a": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "a number too long": b'{"a": ' + b"9" * 10_000 + b"}",
}


@pytest.mark.parametrize("what", NO_OBJECT)
def test_metadata_that_cannot_be_read(
    shelf: Shelf, other: ModelRegistry, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    _overwrite(meta(shelf), NO_OBJECT[what])
    assert titles(other) == ["a@1", "m@1", "z@1"]
    assert "t/m@2 is left out of the catalogue" in caplog.text
    assert titles(other, alias="production") == []
    assert len(other.events("", 10)) == 4
    found = other.list_tasks()
    assert found[0].versions == 3
    assert found.warnings == other.list_models().warnings == other.list_models(task="t").warnings
    assert "t/m@2" in found.warnings[0]
    assert not other.list_models(task="another").warnings
    caplog.clear()
    assert titles(other) == ["a@1", "m@1", "z@1"]
    assert "left out" not in caplog.text, "one entry in the log is enough"
    _overwrite(meta(shelf), b'{"description": "mended"}')
    assert titles(other, text="mended") == ["m@2"]
    assert not other.list_tasks().warnings
    assert titles(other, alias="production") == ["m@2"]


def test_older_metadata_that_cannot_be_read_is_named_by_check(shelf: Shelf, other: ModelRegistry) -> None:
    old = OldRegistry(shelf.root).model("t", "old").version("1")
    _overwrite(old.package("1") / "model_meta.json", b"{")
    assert titles(other) == ["a@1", "m@1", "m@2", "z@1"]
    found = [finding for finding in other.check().findings if finding.where == "t/old@1"]
    assert any("model_meta.json" in finding.message for finding in found)


STRANGE: dict[str, bytes] = {
    "lone surrogates": rb'{"\ud800": "\udfff", "description": "\ud800", "tags": {"\udc80": "\ud800", "k": "\ud801"}}',
    "large numbers": b'{"n": %d, "metrics": {"big": %d, "huge": 1e400, "fine": 2}}' % (10**4000, 10**400),
    "no numbers": b'{"a": NaN, "metrics": {"x": NaN, "y": Infinity, "z": "0.5", "flag": true, "fine": 2}}',
    "nested metrics": b'{"metrics": {"a": {"b": {"fine": 1}}, "a.b": {"fine": 3}, "l": [1, 2], "fine": 2}}',
    "metrics of another kind": b'{"metrics": [1], "lineage": {"metrics": "x"}, "tags": [1], "description": {"x": 1}}',
    "absurd tags": b'{"tags": {"": "", "a:b": {"c": [1, null]}, "n": 1.5, "t": true, "x": null, "long": "%s"}}'
    % (b"y" * 9000),
    "names of another kind": b'{"task": 1, "model_name": null, "version": [], "created_at": {"x": 1}, "lineage": 3}',
    "control characters": rb'{"description": "a\u0000b\u001bc\n", "tags": {"k\u0000": "v\u0000"}}',
    "an old stage": b'{"stage": "production", "aliases": 5, "tags": {"tissue": "lung"}}',
    "a mebibyte": b'{"notes": "%s"}' % (b"word " * 100_000),
    "many metrics": json.dumps({"metrics": {f"loss/{n}": n for n in range(5_000)}}).encode(),
}


@pytest.mark.parametrize("what", STRANGE)
def test_metadata_that_is_strange(shelf: Shelf, other: ModelRegistry, what: str) -> None:
    _overwrite(meta(shelf), STRANGE[what])
    for registry in (other, shelf.opened(0.0, shelf.root.parent / "built")):
        assert titles(registry) == ["a@1", "m@1", "m@2", "z@1"]
        (item,) = (one for one in everything(registry) if (one["model_name"], one["version"]) == ("m", "2"))
        assert (item["task"], item["aliases"], item["stage"]) == ("t", ["production"], "production")
        text = json.dumps(item, allow_nan=False)
        assert len(text.encode()) == len(text)
        expected = ["m@2"] if b'"fine"' in STRANGE[what] else []
        assert titles(registry, sort="metric:fine", metric_gte=("fine:-inf",)) == expected or what == "nested metrics"
        for sort in ("created_at", "-created_at", "metric:a.b.fine", "-metric:big"):
            assert sorted(titles(registry, sort=sort)) == ["a@1", "m@1", "m@2", "z@1"]


def test_metadata_that_is_deep(shelf: Shelf, other: ModelRegistry) -> None:
    """Whatever this Python parses must be listed or left out; it must not break the answer."""
    for depth in range(50, sys.getrecursionlimit() + 200, 50):
        _overwrite(meta(shelf), b'{"a": ' + b"[" * depth + b"]" * depth + b"}")
        assert titles(other) in (["a@1", "m@1", "m@2", "z@1"], ["a@1", "m@1", "z@1"])
        json.dumps(everything(other))
        _overwrite(meta(shelf), b'{"metrics": ' + b'{"a": ' * depth + b"1" + b"}" * depth + b"}")
        assert titles(other, task="t")[:2] == ["a@1", "m@1"]
    _overwrite(meta(shelf), b'{"a": ' + b"[" * 64 + b"]" * 64 + b"}")
    assert titles(other) == ["a@1", "m@1", "m@2", "z@1"]


def test_a_damaged_metrics_file(shelf: Shelf, other: ModelRegistry) -> None:
    for data in (b"{", b"[]", b"\xff", b'{"accuracy": ' + b"[" * DEEP, b'{"x": "' + b"y" * 2**21 + b'"}'):
        _overwrite(shelf.package("m", "2") / "metrics.json", data)
        os.utime(meta(shelf))
        assert titles(other, sort="metric:accuracy", metric_gte=("accuracy:-inf",)) == ["m@2"]
        other.reindex()
        assert titles(other, sort="metric:accuracy", metric_gte=("accuracy:-inf",)) == ["m@2"]


def test_a_damaged_state_document(shelf: Shelf, other: ModelRegistry, caplog: pytest.LogCaptureFixture) -> None:
    shelf.registry.tag("t", "m", "2", "team", "a")
    (shelf.home("m") / "state" / "2.json").write_bytes(b"{")
    assert titles(other) == ["a@1", "m@1", "m@2", "z@1"]
    assert titles(other, tags=("tissue:lung",)) == ["m@2"]
    assert "the state document of 2 is damaged" in caplog.text
    assert any(finding.where == "t/m state of 2" for finding in other.check().findings)


def test_a_damaged_alias_document(shelf: Shelf, other: ModelRegistry, caplog: pytest.LogCaptureFixture) -> None:
    """The list says what the journal says, as show does."""
    (shelf.home("m") / "aliases" / "production.json").write_bytes(b"\x00")
    assert titles(other) == ["a@1", "m@1", "m@2", "z@1"]
    assert titles(other, alias="production") == ["m@2"]
    assert titles(other, alias="latest") == ["a@1", "m@1", "z@1"]
    assert "production" in caplog.text
    assert any(finding.where == "t/m alias production" for finding in other.check().findings)


def test_a_damaged_journal_line(shelf: Shelf, other: ModelRegistry, caplog: pytest.LogCaptureFixture) -> None:
    """The stream passes over it, however many there are in a row."""
    journal = shelf.home("m") / "audit" / "promotions.jsonl"
    lines = journal.read_bytes().splitlines()
    journal.write_bytes(lines[0] + b"\n" + b"no event\n" * 250 + lines[1] + b"\n")
    assert titles(other) == ["a@1", "m@1", "m@2", "z@1"]
    assert "event 2 is damaged" in caplog.text
    found = []
    position = ""
    while events := other.events(position, 1):
        position = events[-1].id
        found += [(event.event.model_name, event.event.seq) for event in events]
    assert sorted(found) == [("a", 1), ("m", 1), ("m", 252), ("z", 1)]
    assert any(finding.where == "t/m event 2" for finding in other.check().findings)


def test_a_line_of_ours_whose_fields_are_of_another_kind(shelf: Shelf, other: ModelRegistry) -> None:
    journal = shelf.home("m") / "audit" / "promotions.jsonl"
    with journal.open("ab") as log:
        line = {"seq": 3, "prev": "x", "event": "register", "version": 7, "alias": {}, "attempt": None}
        log.write(json.dumps(line).encode() + b"\n")
        log.write(json.dumps({"seq": "four", "prev": 1, "event": ["promote"], "ts_utc": "9999-13-01"}).encode() + b"\n")
    assert titles(other) == ["a@1", "m@1", "m@2", "z@1"]
    found = other.events("", 10)
    assert len(found) == 5  # what claims to be an event of ours, and is none, is told of in its place
    assert any("event 3" in warning for warning in found.warnings)


def test_events_that_claim_another_time(shelf: Shelf, other: ModelRegistry) -> None:
    """Of the end of time and of before its beginning: nobody's reading skips what comes later."""
    journal = shelf.home("m") / "audit" / "promotions.jsonl"
    for ts_utc in ("9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:00"):
        with journal.open("ab") as log:
            log.write(json.dumps({"alias": "x", "version": "1", "ts_utc": ts_utc}).encode() + b"\n")
    position = other.events("", 100)[-1].id
    shelf.add("new", "1")
    other.reindex()
    assert any(event.event.model_name == "new" for event in other.events(position, 100))


def test_what_is_no_directory(shelf: Shelf, other: ModelRegistry) -> None:
    for path in ("tasks/file", "tasks/t/models/file", "tasks/t/models/m/versions/file", "tasks/empty/models/file"):
        target = shelf.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"x")
    (shelf.root / "tasks/link").symlink_to("/nowhere")
    (shelf.home("x") / "versions").parent.mkdir()
    (shelf.home("x") / "versions").write_bytes(b"x")
    (shelf.home("y") / "audit/promotions.jsonl").mkdir(parents=True)
    (shelf.home("y") / "versions/1/model_meta.json").mkdir(parents=True)
    os.mkfifo(shelf.home("y") / "versions/1/metrics.json")
    assert titles(other) == ["a@1", "m@1", "m@2", "z@1"]
    assert [task.task for task in other.list_tasks()] == ["t"]


def test_names_that_no_database_can_hold(shelf: Shelf, other: ModelRegistry, caplog: pytest.LogCaptureFixture) -> None:
    """Directories may have any bytes as their names."""
    for below in (b"t/models/m/versions/\xff\xfe", b"t/models/\xff/versions/1", b"\xfe/models/m/versions/1"):
        package = os.fsencode(shelf.root / "tasks") + b"/" + below
        os.makedirs(package)
        Path(os.fsdecode(package), "model_meta.json").write_text("{}")
    alias = os.fsencode(shelf.home("m") / "aliases") + b"/\xff.json"
    Path(os.fsdecode(alias)).write_text('{"version": "1"}')
    assert titles(other) == ["a@1", "m@1", "m@2", "z@1"]
    assert caplog.text.count("no valid Unicode") == 3
    assert len([finding for finding in other.check().findings if "\\udcf" in finding.where]) >= 3


@pytest.mark.parametrize(
    "where",
    ["", "models", "models/m", "models/m/versions", "models/m/aliases", "models/m/audit", "models/m/state",
     "models/m/versions/2", "models/m/versions/2/model_meta.json", "models/m/audit/promotions.jsonl",
     "models/m/aliases/production.json", "models/m/state/2.json"],
)  # fmt: skip
def test_what_may_not_be_looked_at(shelf: Shelf, area: Path, where: str) -> None:
    """An ordinary user's registry of which one part belongs to somebody else: the rest is listed."""
    need(os.geteuid() == 0, "becoming another user needs root; run the tests as root in a container of their own")
    for model in ("a", "m"):
        shelf.add(model, "1", set_alias="latest")
    shelf.add("m", "2", set_alias="production")
    shelf.registry.tag("t", "m", "2", "team", "a")
    shelf.add("z", "1", task="u")
    for directory, _, _ in os.walk(shelf.root):
        os.chown(directory, forks.ORDINARY_USER, forks.ORDINARY_USER)
    shut = shelf.root / "tasks/t" / where
    os.chown(shut, 0, 0)
    mode = shut.stat().st_mode
    shut.chmod(0)
    (area / "kept").mkdir()
    os.chown(area / "kept", forks.ORDINARY_USER, forks.ORDINARY_USER)

    def work() -> tuple[list[str], list[str], int]:
        registry = shelf.opened(0.0, area / "kept")
        first = titles(registry)
        assert titles(registry) == first
        return first, [task.task for task in registry.list_tasks()], len(registry.events("", 100))

    found, tasks, _ = forks.run_as_ordinary_user(work).get()
    assert "z@1" in found
    assert "u" in tasks
    if where.startswith("models/m"):
        assert "a@1" in found
    if where.startswith(("models/m/versions/2", "models/m/state/", "models/m/aliases/")):
        assert "m@1" in found

    shut.chmod(mode)
    os.chown(shut, forks.ORDINARY_USER, forks.ORDINARY_USER)
    found, tasks, events = forks.run_as_ordinary_user(work).get()
    assert (found, tasks, events) == (["a@1", "m@1", "m@2", "z@1"], ["t", "u"], 5)


def test_what_was_listed_stays_while_it_cannot_be_looked_at(shelf: Shelf, area: Path) -> None:
    need(os.geteuid() == 0, "becoming another user needs root; run the tests as root in a container of their own")
    shelf.add("m", "1")
    shelf.add("z", "1", task="u")
    for directory, _, _ in os.walk(shelf.root):
        os.chown(directory, forks.ORDINARY_USER, forks.ORDINARY_USER)
    shut = shelf.root / "tasks/t/models"
    (area / "kept").mkdir()
    os.chown(area / "kept", forks.ORDINARY_USER, forks.ORDINARY_USER)

    def work() -> list[str]:
        registry = shelf.opened(0.0, area / "kept")
        before = titles(registry)
        shut.chmod(0)
        assert titles(registry) == before
        shut.chmod(0o755)
        return before

    assert forks.run_as_ordinary_user(work).get() == ["m@1", "z@1"]


def test_a_verb_never_fails_for_the_catalogue(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even for a mistake in it."""
    shelf.add("m", "1")
    assert titles(shelf.registry) == ["m@1"]

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("registry_core.catalogue.one_model.refresh", broken)
        assert shelf.registry.tag("t", "m", "1", "team", "a").tags == {"team": "a"}
    assert titles(shelf.opened(0.0), tags=("team:a",)) == ["m@1"]


def test_a_model_that_goes_while_it_is_looked_at(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every step of the look the whole of the model is removed."""
    from registry_core.storage.filesystem.documents import FilesystemDocuments
    from registry_core.storage.filesystem.packages import FilesystemPackages

    shelf.add("z", "1")
    for name in ("read", "list", "records", "open", "mark", "last"):
        owner = FilesystemPackages if name == "open" else FilesystemDocuments
        real: Callable[..., object] = getattr(owner, name)
        for number in range(1, 9):
            shelf.add(f"{name}{number}", "1", set_alias="latest")
            home, left = shelf.home(f"{name}{number}"), [number]

            def gone(
                *given: object,
                real: Callable[..., object] = real,
                home: Path = home,
                left: list[int] = left,
                **more: object,
            ) -> object:
                left[0] -= 1
                if left[0] == 0:
                    for directory, _, _ in os.walk(home):
                        os.chmod(directory, 0o755)
                    shutil.rmtree(home)
                return real(*given, **more)

            with monkeypatch.context() as patched:
                patched.setattr(owner, name, gone)
                titles(shelf.opened(0.0))
            if left[0] <= 0:
                assert titles(shelf.opened(0.0)) == ["z@1"]
            else:
                for directory, _, _ in os.walk(home):
                    os.chmod(directory, 0o755)
                shutil.rmtree(home)


def test_what_is_logged_has_one_line_for_each_entry(
    shelf: Shelf, other: ModelRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for number in range(3):
        OldRegistry(shelf.root).model("t", f"half{number}").half_version("1", {"weights": b"w"})
    titles(other)
    titles(other)
    assert [record.getMessage().split(" ")[0] for record in caplog.records] == [f"t/half{n}@1" for n in range(3)]
