"""A journal over a storage: its lines from any number on, searched, and in a file that was cut anywhere."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_core.models.journal import (
    ABOUT,
    COMMIT,
    DELETED,
    KIND,
    MOVES,
    NAMING,
    OWNED,
    OWNER,
    REGISTERED,
    SAID,
    VOUCHED,
    Journal,
    names_of,
)
from registry_core.models.journal import KEY as IDEMPOTENCY_KEY
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.texts import encode

from ..journals import KEY, faults_of, own_fields, write, writers
from ..simulated import Simulated


@given(st.lists(st.sampled_from("ab\u00e9"), min_size=1, max_size=6), st.sampled_from("ab\u00e9"))
def test_lines_are_found_by_what_they_move_the_newest_first(aliases: list[str], wanted: str) -> None:
    storage = MemoryStorage()
    journal = Journal(storage, KEY)
    for alias in aliases:
        journal.append(journal.next_event(journal.last(), {**own_fields(wanted), "alias": alias}))
    moved = [seq for seq, alias in enumerate(aliases, start=1) if alias == wanted]
    assert [line.seq for line in journal.named(MOVES, wanted)] == moved[::-1]
    assert [line.seq for line in journal.named(MOVES, wanted, before=3)] == [seq for seq in moved[::-1] if seq < 3]


NAMED_1 = {(ABOUT, "1"), (REGISTERED, "1"), (SAID, "1"), (VOUCHED, "1"), (KIND, "register")}


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"event": "promote", "version": "1", "alias": "a"}, {(MOVES, "a"), (ABOUT, "1")}),
        (
            {"event": "register", "version": "1", "alias": "a", "commit": "c", "idempotency": {"key": "k"}},
            NAMED_1 | {(MOVES, "a"), (COMMIT, "c"), (IDEMPOTENCY_KEY, "k")},
        ),
        ({"event": "tag", "version": "1", "set": {}}, {(ABOUT, "1"), (SAID, "1")}),
        ({"event": "stage", "version": "1", "unaliased": ["a", "b"]}, {(MOVES, "a"), (MOVES, "b"), (ABOUT, "1")}),
        ({"event": "unalias", "version": None, "alias": "a"}, {(MOVES, "a")}),
        ({"event": "delete", "version": "1"}, {(ABOUT, "1"), (DELETED, "1")}),
        ({"event": "restore", "version": "1"}, {(ABOUT, "1"), (VOUCHED, "1")}),
        ({"event": "attest", "version": "1"}, {(ABOUT, "1"), (VOUCHED, "1")}),
        ({"event": "finding", "version": "1"}, {(ABOUT, "1"), (VOUCHED, "1")}),
        ({"event": "facts", "version": "1"}, {(ABOUT, "1"), (VOUCHED, "1")}),
        ({"event": "repair", "version": None}, {(KIND, "repair")}),
        ({"event": "own", "version": None, "owner": None}, {(OWNED, OWNER)}),
        ({"event": "register", "version": "1", "owner": "7"}, {*NAMED_1, (OWNED, OWNER)}),
        ({"event": "register", "version": "1", "commit": [], "idempotency": "k"}, NAMED_1),
        ({"event": "register", "version": 1, "commit": "c"}, set()),  # no event, whatever it claims
    ],
)
def test_what_a_line_is_found_by(fields: dict[str, Any], names: set[tuple[str, str]]) -> None:
    """Other names are another form of ``NAMING``: an index that was written for these has no others."""
    wanted = {f"{kind}\n{text}".encode() for kind, text in names}
    assert set(names_of(encode({"seq": 1, "prev": "p", **fields}))) == wanted
    moves = {name for name in wanted if name.startswith(b"moves")}
    assert set(names_of(encode(fields))) == moves, "older software's lines move aliases"
    assert NAMING.form == "4"


@pytest.mark.parametrize("raw", [b"", b"x", b"[1]", b"\xff", b'{"seq": 1, "prev": "p", "version": {}, "alias": []}'])
def test_what_is_no_event_is_found_by_nothing(raw: bytes) -> None:
    assert names_of(raw) == []


@given(writers, st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_file_cut_anywhere_keeps_its_whole_lines_and_takes_the_next(
    tmp_path_factory: pytest.TempPathFactory, who: list[str | None], data: st.DataObject
) -> None:
    raws = write(who)
    whole = b"".join(raw + b"\n" for raw in raws)
    cut = data.draw(st.integers(0, len(whole)))
    storage = FilesystemStorage(tmp_path_factory.mktemp("cut"))
    path = storage.root / KEY
    path.parent.mkdir(parents=True)
    path.write_bytes(whole[:cut])
    journal = Journal(storage, KEY)
    ends = itertools.accumulate(len(raw) + 1 for raw in raws)
    kept = [raw for raw, end in zip(raws, ends, strict=True) if end - 1 <= cut]  # a newline may be missing, a byte not
    assert [line.raw for line in journal.lines()] == kept
    last = journal.last()
    assert (last.raw if last else None) == (kept[-1] if kept else None)
    assert path.read_bytes() == whole[:cut]  # reading repaired nothing
    journal.append(journal.next_event(last, own_fields("next")))
    lines = list(journal.lines())
    assert [line.raw for line in lines[:-1]] == kept
    assert faults_of(lines) == []
    assert path.read_bytes() == b"".join(line.raw + b"\n" for line in lines)


def test_lines_can_be_read_from_any_number_on() -> None:
    storage = MemoryStorage()
    journal = Journal(storage, KEY)
    for reason in "abc":
        journal.append(journal.next_event(journal.last(), own_fields(reason)))
    assert [line.get("reason") for line in journal.lines(after=1)] == ["b", "c"]
    assert [line.seq for line in journal.lines(after=3)] == []
    second = journal.line(2)
    assert second is not None
    assert second.get("reason") == "b"
    assert journal.line(4) is None


def test_an_empty_journal() -> None:
    journal = Journal(MemoryStorage(), KEY)
    assert journal.last() is None
    assert list(journal.lines()) == []
    event = journal.next_event(None, own_fields("first"))
    assert (event["seq"], event["prev"]) == (1, "sha256:" + hashlib.sha256(b"").hexdigest())


def test_what_was_seen_of_the_end_is_known_and_what_came_since_is_looked_for(tmp_path: Path) -> None:
    journal, other = (Journal(FilesystemStorage(tmp_path), KEY) for _ in range(2))
    assert journal.newest(MOVES, "latest") is None
    for seq in (1, 2, 3):
        other.append(other.next_event(other.last(), own_fields("next")))
        if seq == 2:
            newest = journal.newest(MOVES, "latest")
            assert newest is not None
            assert newest.seq == 2
    assert [journal.has(seq) for seq in (0, 2, 3, 4)] == [True, True, True, False]


def test_a_line_has_its_number_and_is_what_was_written() -> None:
    journal = Journal(MemoryStorage(), KEY)
    event = journal.next_event(None, own_fields("first"))
    journal.append(event)
    line = journal.line(1)
    assert line is not None
    assert (line.seq, line.fields) == (1, event)


def test_a_proof_forgets_what_this_process_remembers() -> None:
    storage = Simulated()
    journal = Journal(storage, KEY)
    journal.append(journal.next_event(None, own_fields("first")))
    assert "forget" in storage.acts.during(lambda: list(journal.read_anew()))


@pytest.mark.parametrize("is_needed", [True, False])
def test_what_may_be_lost_is_made_durable_if_that_is_needed(is_needed: bool) -> None:
    storage = Simulated(shows_only_durable=False)
    assert ("sync" in storage.acts.during(lambda: Journal(storage, KEY).sync(lambda: is_needed))) is is_needed
