"""A repair says what it would do, does it when told to, and records it; what is left is as sound as before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry_core import ClockBehind, CoreSettings, JournalCorrupt, ModelRegistry, VersionExists
from registry_core.format.chain import chain, parse_line
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.texts import digest, encode, format_time

from ...support.packages import open_registry
from ..eventful import fill, package
from ..journals import KEY as LOG


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    made.mkdir()
    fill(open_registry(made), tmp_path)
    return made


def _keep(count: int) -> Callable[[Path], object]:
    return lambda log: log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:count]))


# name -> (how it is damaged, the events that are left, whether bytes are set aside)
LOST: dict[str, tuple[Callable[[Path], object], int, bool]] = {
    "emptied": (lambda log: log.write_bytes(b""), 0, False),
    "deleted": (lambda log: log.unlink(), 0, False),
    "its directory deleted": (lambda log: shutil.rmtree(log.parent), 0, False),
    "an older copy": (_keep(3), 3, False),
    "the last event": (_keep(6), 6, False),
    "cut in the middle of a line": (lambda log: log.write_bytes(log.read_bytes()[:-100]), 6, True),
    "filled with NUL": (lambda log: log.write_bytes(bytes(log.stat().st_size)), 0, True),
    "its end filled with NUL": (lambda log: log.write_bytes(log.read_bytes()[:-700] + bytes(700)), 5, True),
    "its last line damaged": (lambda log: log.write_bytes(log.read_bytes()[:-40] + b"x" * 39 + b"\n"), 6, True),
    "a newline of nothing": (lambda log: log.write_bytes(log.read_bytes() + b"\n"), 7, True),
    "a line of nothing": (lambda log: log.write_bytes(log.read_bytes() + b"what?\n"), 7, True),
    "a repair that broke off": (lambda log: (_keep(4)(log), log.write_bytes(log.read_bytes() + b"\n\n")), 4, True),
    "the newline, too": (lambda log: (_keep(4)(log), log.write_bytes(log.read_bytes()[:-1])), 4, False),
}


@pytest.mark.parametrize("lost", LOST)
def test_a_lost_end_is_gone_on_from(root: Path, tmp_path: Path, lost: str) -> None:
    log, (damage, left, is_set_aside) = root / LOG, LOST[lost]
    whole = log.read_bytes().splitlines(keepends=True)
    damage(log)
    before = log.read_bytes() if log.exists() else None
    proposed = open_registry(root).repair_journal("t", "m")
    assert (log.read_bytes() if log.exists() else None) == before
    assert not proposed.is_done
    assert proposed.steps
    highest = max(7, left + 1)
    assert (proposed.lost_from, proposed.lost_to) == (left + 1, highest)

    done = open_registry(root).repair_journal("t", "m", accept_loss=True, actor="ada", reason="no backup")
    assert done.is_done
    assert (done.lost_from, done.lost_to, done.seq) == (left + 1, highest, highest + 1)
    text = log.read_bytes()
    assert text.startswith(b"".join(whole[:left]) + b"\n" * (highest - left) + b'{"seq":')
    event = json.loads(text.splitlines()[-1])
    said = {name: event[name] for name in ("seq", "event", "repaired", "lost_from", "lost_to", "actor", "reason")}
    assert said == {
        "seq": highest + 1, "event": "repair", "repaired": "journal", "lost_from": left + 1, "lost_to": highest,
        "actor": "ada", "reason": "no backup",
    }  # fmt: skip
    assert event["shown_by"] == done.shown_by
    assert bool(event["paths"]) is is_set_aside
    if before is not None and is_set_aside:
        [aside] = done.paths
        kept = b"".join(whole[:left])
        assert (root / "tasks/t/models/m" / aside).read_bytes() == before[len(kept) :]

    registry = open_registry(root)
    assert registry.audit_verify("t", "m").events == highest + 1
    assert [finding for finding in registry.check().findings if finding.severity != "note"] == []
    assert registry.resolve("t", "m@production").warnings == []
    assert registry.resolve("t", "m@production").version == "3"
    assert registry.show("t", "m@1").tags == {"k": "v"}
    with pytest.raises(VersionExists):
        registry.register("t", "m", "2", package(tmp_path, "other"))
    assert registry.promote("t", "m", "staging", "1").seq == highest + 2
    assert registry.history("t", "m", after=left).events[0].event == "repair"
    assert registry.repair_journal("t", "m").steps == []
    assert [found for found in registry.check().findings if found.severity != "note"] == []
    assert registry.sweep(0).refused == []


def test_a_second_loss_is_gone_on_from_as_well(root: Path) -> None:
    log = root / LOG
    _keep(5)(log)
    open_registry(root).repair_journal("t", "m", accept_loss=True)
    open_registry(root).promote("t", "m", "staging", "1")
    _keep(8)(log)
    done = open_registry(root).repair_journal("t", "m", accept_loss=True)
    assert (done.lost_from, done.lost_to, done.seq) == (9, 9, 10)
    assert open_registry(root).audit_verify("t", "m").events == 10


@pytest.mark.parametrize("number", [1, 3, 7])
def test_what_is_left_is_held_by_the_repair(root: Path, number: int) -> None:
    """Whether it stands before or after the loss: nothing can be changed, added or removed unseen."""
    _keep(3)(root / LOG)
    open_registry(root).repair_journal("t", "m", accept_loss=True)
    open_registry(root).promote("t", "m", "staging", "1")
    lines = (root / LOG).read_bytes().splitlines()
    for changed in (
        [*lines[:number], *lines[number + 1 :]],
        [*lines[:number], b"", *lines[number:]],
        [*lines[:number], lines[number].replace(b'"t"', b'"u"') or b"{}", *lines[number + 1 :]],
    ):
        links = chain(parse_line(place, raw) for place, raw in enumerate(changed, start=1))
        assert any(link.faults for link in links)


def test_an_empty_line_that_nothing_accounts_for_is_damage(root: Path) -> None:
    log = root / LOG
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:3], b"\n", *lines[4:]]))
    with pytest.raises(JournalCorrupt) as caught:
        open_registry(root).audit_verify("t", "m")
    assert caught.value.detail["broken_seq"] == 4
    assert open_registry(root).repair_journal("t", "m").steps == []


def test_what_no_journal_can_have_lost_is_not_believed(root: Path) -> None:
    alias = root / "tasks/t/models/m/aliases/production.json"
    alias.write_text(json.dumps({**json.loads(alias.read_bytes()), "seq": 10**12}))
    with pytest.raises(JournalCorrupt, match=r"aliases/production\.json"):
        open_registry(root).repair_journal("t", "m", accept_loss=True)


def test_a_whole_journal_is_left_alone(root: Path) -> None:
    before = (root / LOG).read_bytes()
    done = open_registry(root).repair_journal("t", "m", accept_loss=True)
    assert (done.steps, done.is_done, done.seq) == ([], False, None)
    assert (root / LOG).read_bytes() == before


def judge_loss(registry: ModelRegistry, sources: Path) -> None:
    """Of what :func:`fill` has made the events from 4 on are lost: changes are refused, and it can be gone on."""
    changes: list[Callable[[], object]] = [
        lambda: registry.promote("t", "m", "production", "1"),
        lambda: registry.promote("t", "m", "another", "1"),
        lambda: registry.tag("t", "m", "1", "k", "w"),
        lambda: registry.register("t", "m", "2", package(sources, "other")),
        lambda: registry.unalias("t", "m", "latest"),
    ]
    for change in changes:
        with pytest.raises(JournalCorrupt, match="omr repair journal t m --accept-loss"):
            change()
    judge_going_on(registry, sources)


def judge_going_on(registry: ModelRegistry, sources: Path) -> None:
    assert not registry.check().is_clean
    assert registry.resolve("t", "m@production").version == "3"
    done = registry.repair_journal("t", "m", accept_loss=True)
    assert (done.lost_from, done.lost_to, done.seq) == (4, 7, 8)
    assert registry.audit_verify("t", "m").events == 8
    assert [found for found in registry.check().findings if found.severity != "note"] == []
    with pytest.raises(VersionExists):
        registry.register("t", "m", "2", package(sources, "other"))
    assert registry.promote("t", "m", "staging", "1").seq == 9


def test_in_memory_too(tmp_path: Path) -> None:
    storage = MemoryStorage()
    registry = ModelRegistry.open("memory://", storage=storage, settings=CoreSettings())
    fill(registry, tmp_path)
    del storage.state.logs[LOG][3:]
    judge_loss(registry, tmp_path)


def test_a_copy_of_a_repaired_model_is_the_same(root: Path, tmp_path: Path) -> None:
    _keep(5)(root / LOG)
    source = open_registry(root)
    source.repair_journal("t", "m", accept_loss=True)
    source.promote("t", "m", "staging", "1")
    target = ModelRegistry.open("memory://", storage=MemoryStorage(), settings=CoreSettings())
    source.migrate_to(target)
    assert target.audit_verify("t", "m").head == source.audit_verify("t", "m").head
    (tmp_path / "back").mkdir()
    back = open_registry(tmp_path / "back")
    target.migrate_to(back)
    assert (tmp_path / "back" / LOG).read_bytes() == (root / LOG).read_bytes()
    assert source.migrate_to(target).events_copied == 0


# clocks


def _stamp(root: Path, *after: timedelta) -> None:
    """The last events are stamped so long after now, their chain and documents as whoever made them left them."""
    log = root / LOG
    kept = [json.loads(line) for line in log.read_bytes().splitlines()]
    for event, later in zip(kept[-len(after) :], after, strict=True):
        event["ts_utc"] = format_time(datetime.now(UTC) + later)
    lines: list[bytes] = []
    for event in kept:
        before = digest(lines[-1]) if lines else digest(b"")
        lines.append(encode({**event, "prev": before}))
    log.write_bytes(b"".join(line + b"\n" for line in lines))
    for alias in (root / "tasks/t/models/m/aliases").glob("*.json"):
        fields = json.loads(alias.read_bytes())
        alias.write_text(json.dumps({**fields, "updated_at": kept[fields["seq"] - 1]["ts_utc"]}))


def test_a_clock_that_was_ahead_is_named_and_can_be_put_right(root: Path) -> None:
    _stamp(root, timedelta(days=27000))
    registry = open_registry(root)
    before = format_time(datetime.now(UTC))
    for change in (
        lambda: registry.promote("t", "m", "production", "1"),
        lambda: registry.tag("t", "m", "1", "k", "w"),
        lambda: registry.unalias("t", "m", "latest"),
    ):
        with pytest.raises(ClockBehind, match="omr repair clock t m --yes") as refused:
            change()
        assert refused.value.detail["seq"] == 7
    assert [(one.code, one.command) for one in registry.check().findings] == [
        ("clock_ahead", "omr repair clock t m --yes")
    ]
    proposed = registry.repair_clock("t", "m")
    assert (bool(proposed.steps), proposed.is_done) == (True, False)
    done = registry.repair_clock("t", "m", is_wanted=True, actor="ada", reason="node 7")
    assert (done.is_done, done.seq) == (True, 8)
    [event] = registry.history("t", "m", after=7).events
    assert (event.event, event.repaired, event.actor) == ("repair", "clock", "ada")
    assert before < (event.ts_utc or "") < format_time(datetime.now(UTC))
    assert registry.promote("t", "m", "production", "1").seq == 9
    assert registry.check().findings == []
    assert registry.audit_verify("t", "m").events == 9
    assert registry.repair_clock("t", "m").steps == []
    assert registry.resolve("t", "m@production", as_of=event.ts_utc).version == "3"
    assert registry.resolve("t", "m@production", as_of=format_time(datetime.now(UTC))).version == "1"


@pytest.mark.parametrize("ahead", [timedelta(seconds=2), timedelta(minutes=4)])
def test_clocks_may_differ_a_little(root: Path, ahead: timedelta) -> None:
    _stamp(root, ahead)
    registry = open_registry(root)
    assert registry.check().findings == []
    last = registry.history("t", "m", after=6).events[0].ts_utc or ""
    assert registry.promote("t", "m", "production", "1").updated_at > last
    assert registry.repair_clock("t", "m", is_wanted=True).is_done is False


def test_a_repair_that_nothing_needs_is_not_recorded(root: Path) -> None:
    before = (root / LOG).read_bytes()
    assert open_registry(root).repair_clock("t", "m", is_wanted=True).steps == []
    assert (root / LOG).read_bytes() == before
