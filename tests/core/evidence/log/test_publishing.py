"""Checkpoints cover every durable line once, whoever publishes; and nothing is published of a log that is damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from registry_core import InvalidParameter, LogBehind, LogCorrupt, LogNotSet, NotConfigured
from registry_core.evidence.log import checkpoints, proofs, publishing, signed_note
from registry_core.evidence.log import tree as log_tree
from registry_core.evidence.log.log import Log
from registry_core.format.layout import CHECKPOINT
from registry_core.models.model import ModelStore
from registry_core.storage import Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage

from ....support.machine import remove_tree
from ..logs import ORIGIN, Logged


@pytest.fixture(params=["memory", "filesystem"])
def logged(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Logged]:
    home = tmp_path / "home"
    home.mkdir()
    root = tmp_path / "root"
    root.mkdir()
    storage: Storage = MemoryStorage() if request.param == "memory" else FilesystemStorage(root)
    yield Logged(storage, home)
    remove_tree(root)


def expected_root(logged: Logged) -> bytes:
    """The root by what the events say of the covers and nothing else."""
    tree = log_tree.Frontier()
    for event in logged.events():
        for task, model, after, upto, _ in event.get("covers", []):
            lines = logged.lines(model or None)
            assert bool(task) is bool(model)
            for raw in lines[after:upto]:
                tree.add(log_tree.leaf_hash(raw))
    return tree.root()


def test_what_is_new_is_covered_once_and_signed(logged: Logged) -> None:
    assert logged.init() == 1
    logged.change("m", 3)
    logged.change("l")
    assert logged.publish() == 1
    first = logged.events()[-1]
    assert [cover[:4] for cover in first["covers"]] == [["", "", 0, 1], ["t", "l", 0, 1], ["t", "m", 0, 3]]
    assert logged.said() == signed_note.Checkpoint(ORIGIN, 5, expected_root(logged))
    note = logged.note()
    assert logged.publish() == 0
    assert logged.note() == note == logged.key.state.read_bytes()
    logged.change("m")
    assert logged.publish() == 1
    assert [cover[:4] for cover in logged.events()[-1]["covers"]] == [["", "", 1, 2], ["t", "m", 3, 4]]
    assert logged.said().size == 7
    assert logged.said().root == expected_root(logged)


def test_a_log_that_was_not_begun_or_has_no_key_publishes_nothing(logged: Logged) -> None:
    logged.change()
    with pytest.raises(LogNotSet):
        logged.publish()
    logged.init()
    logged.key.key.unlink()
    with pytest.raises(NotConfigured, match="no such file"):
        logged.publish()
    assert [event["kind"] for event in logged.events()] == ["init"]
    with pytest.raises(InvalidParameter, match="already"):
        logged.init("other.example")


def test_another_key_signs_nothing(logged: Logged) -> None:
    logged.init()
    logged.key.key.unlink()
    logged.key.make()
    with pytest.raises(NotConfigured, match="another one"):
        logged.publish()


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb"])
def test_a_log_has_a_name_that_notes_can_say(logged: Logged, origin: str) -> None:
    with pytest.raises(InvalidParameter, match="origin"):
        logged.init(origin)
    assert logged.events() == []
    assert not logged.key.key.exists()


@pytest.mark.parametrize(
    ("field", "text"), [("actor", "\ud800"), ("reason", "\ud800"), ("reason", "x" * 70_000), ("actor", 5)]
)
def test_words_that_no_event_can_have_are_refused(field: str, text: Any) -> None:
    with pytest.raises(InvalidParameter, match=field):
        publishing.By(**{field: text})


def test_another_log_is_begun_with_a_reason(logged: Logged) -> None:
    logged.init()
    with logged.log() as log, pytest.raises(InvalidParameter, match="Say why"):
        publishing.restart(log, logged.key, "another.example", publishing.By("ada", " "))
    assert [event["kind"] for event in logged.events()] == ["init"]


def test_the_key_is_nobody_else_s(logged: Logged) -> None:
    logged.init()
    assert logged.key.key.stat().st_mode & 0o777 == 0o600
    assert logged.key.key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----\n")
    logged.key.key.chmod(0o640)
    with pytest.raises(NotConfigured, match="chmod 0600"):
        logged.publish()


def test_more_covers_than_an_event_has_room_for_take_more_events(
    logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "MOST_COVERS_BYTES", 600)
    logged.init()
    for number in range(12):
        logged.change(f"m{number:02}")
    assert logged.publish() > 2
    names = [tuple(cover[:2]) for event in logged.events() for cover in event.get("covers", []) if cover[0]]
    assert names == [("t", f"m{number:02}") for number in range(12)]
    assert logged.said().root == expected_root(logged)
    assert logged.publish() == 0


def test_two_thousand_models_take_few_events_and_one_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No event is longer than one may be, however long the reason is; whoever has the note finds all of them in it."""
    logged = Logged(MemoryStorage(), tmp_path)
    logged.init()
    words = publishing.By("\U0001f9ec" * 200, '"' * 4096)
    for number in range(2000):
        model = ModelStore(logged.storage, "t", f"{'é' * (number % 100)}{number}", 1.0)
        model.journal.append(model.journal.next_event(None, {"event": "own", **model.names()}))
    notes = _noted(logged, monkeypatch)
    with logged.log() as log:
        note, events = publishing.publish(log, logged.key, words)
        vkey = log.said.verifiers[0]
    assert note is not None
    assert notes == [note]
    assert 7 <= events <= 11
    lengths = [len(raw) for raw in logged.lines()]
    assert len(lengths) == 1 + events
    assert max(lengths) <= 65_535
    assert min(lengths[1:-1]) > 50_000
    expected = signed_note.Checkpoint(ORIGIN, 2000 + events, expected_root(logged))
    assert signed_note.signed_checkpoint(logged.note(), [vkey]) == expected
    assert logged.index is not None
    logged.index.unlink()  # whoever reads all of it anew comes to the same
    assert logged.publish() == 0


def test_whoever_is_overtaken_while_reading_is_not_told_of_an_older_copy(
    logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged.init()
    logged.change()
    follow, overtaken = Log.follow, []

    def slow(self: Log, known: Any = None) -> Any:
        said = follow(self, known)
        if not overtaken:
            overtaken.append(True)
            logged.change()
            assert logged.publish() == 1
        return said

    monkeypatch.setattr(Log, "follow", slow)
    assert logged.publish() == 0  # all of it is covered by then
    assert logged.said().root == expected_root(logged)


def test_seven_publishers_at_once_make_one_chain(logged: Logged) -> None:
    logged.init()
    for number in range(5):
        logged.change(f"m{number}")

    def publish(number: int) -> int:
        other = Logged(logged.storage, logged.home)
        other.index = None if number % 2 else logged.home / f"{number}.sqlite"
        logged.change(f"m{number % 5}")
        return other.publish()

    with ThreadPoolExecutor(7) as pool:
        made = sum(pool.map(publish, range(7)))
    made += logged.publish()
    trees = [event for event in logged.events() if event["kind"] == "tree"]
    assert len(trees) == made
    assert logged.said().root == expected_root(logged)
    covered = {(cover[0], cover[1]): cover[3] for event in trees for cover in event["covers"]}
    assert covered[("t", "m0")] == len(logged.lines("m0"))
    assert logged.said().size == sum(upto for upto in covered.values())


def test_the_index_may_go_or_be_anything_at_any_time(logged: Logged) -> None:
    logged.init()
    logged.change("m", 5)
    logged.publish()
    assert logged.index is not None
    for spoil in (_delete, _garbage, _other_root, _no_hashes, _ahead, _another_tree):
        spoil(logged.index)
        logged.change()
        assert logged.publish() == 1
        assert logged.said().root == expected_root(logged)
        with logged.log() as log:
            log.follow()
            assert proofs.inclusion(log, ("t", "m"), 6, proofs.Noted("", log.said.checkpoint()))


def _delete(path: Path) -> None:
    path.unlink()


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def _run(path: Path, *statements: str) -> None:
    database = sqlite3.connect(path)
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()


def _other_root(path: Path) -> None:
    _run(path, "update row set hash = zeroblob(32)")


def _no_hashes(path: Path) -> None:
    _run(path, "delete from row where place % 3 = 0")


def _ahead(path: Path) -> None:
    _run(path, """update said set fields = json_set(fields, '$.seq', 1000)""")


def _another_tree(path: Path) -> None:
    """It is whole in itself, and of other lines."""
    leaf = log_tree.leaf_hash(b"another").hex()
    fields = f"json_set(fields, '$.size', 1, '$.root', '{leaf}')"
    _run(path, "delete from row", f"insert into row values (0, x'{leaf}')", f"update said set fields = {fields}")


def test_a_publish_reads_only_lines_that_are_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged = on_disk(tmp_path)
    logged.init()
    logged.change("m", 40)
    logged.change("quiet", 40)
    logged.publish()
    logged.change("m", 2)
    read: list[tuple[str, int]] = []
    documents = logged.storage.documents
    original = documents.records

    def records(log: str, after: int = 0) -> Any:
        for seq, raw in original(log, after):
            read.append((log, seq))
            yield seq, raw

    monkeypatch.setattr(documents, "records", records)
    assert logged.publish() == 1
    assert not [one for one in read if "quiet" in one[0]]
    assert {seq for log, seq in read if log.startswith("tasks/")} <= {39, 40, 41, 42}


EDITS: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "edited": lambda events: events[1].update(actor="eve"),
    "reordered": lambda events: events.insert(0, events.pop(2)),
    "cut": lambda events: events.pop(),
    "cut in the middle": lambda events: events.pop(1),
    "gone": lambda events: events.clear(),
}


@pytest.mark.parametrize("how", EDITS)
@pytest.mark.parametrize("has_index", [True, False])
def test_a_journal_that_was_written_anew_stops_the_log(tmp_path: Path, how: str, has_index: bool) -> None:
    logged = on_disk(tmp_path)
    logged.init()
    logged.change("m", 4)
    logged.publish()
    before, note = logged.lines(), logged.note()
    logged.rewrite(tmp_path / "root", EDITS[how])
    if not has_index:
        assert logged.index is not None
        logged.index.unlink()
    with pytest.raises(LogCorrupt):
        logged.publish()
    assert (logged.lines(), logged.note()) == (before, note)


def on_disk(tmp_path: Path) -> Logged:
    for name in ("root", "home"):
        (tmp_path / name).mkdir()
    return Logged(FilesystemStorage(tmp_path / "root"), tmp_path / "home")


CHECKPOINTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "root": lambda said: said.update(root="sha256:" + "0" * 64),
    "no root": lambda said: said.pop("root"),
    "size": lambda said: said.update(size=said["size"] + 1),
    "kind": lambda said: said.update(kind="leaf"),
    "twice": lambda said: said["covers"].append(said["covers"][-1]),
    "order": lambda said: said["covers"].reverse(),
    "own": lambda said: said["covers"].pop(0),
    "gap": lambda said: said["covers"][1].__setitem__(2, 1),
    "beyond": lambda said: said["covers"][1].__setitem__(3, 10**6),
    "huge": lambda said: said["covers"][1].__setitem__(3, 10**400),
    "true": lambda said: said["covers"][1].__setitem__(2, False),
    "digest": lambda said: said["covers"][1].__setitem__(4, "sha256:" + "0" * 64),
    "nothing": lambda said: said.update(covers=[]),
    "no list": lambda said: said.update(covers={"t": 1}),
    "half a surrogate": lambda said: said["covers"][1].__setitem__(1, "\ud800"),
    "other model": lambda said: said["covers"][1].__setitem__(1, "../m"),
}


@pytest.mark.parametrize("how", CHECKPOINTS)
def test_an_event_that_does_not_follow_stops_the_log(tmp_path: Path, how: str) -> None:
    logged = on_disk(tmp_path)
    logged.init()
    logged.change("m", 3)
    logged.publish()
    logged.rewrite(tmp_path / "root", lambda events: CHECKPOINTS[how](events[-1]["checkpoint"]), None)
    before = logged.lines()
    with pytest.raises(LogCorrupt):
        logged.publish()
    assert logged.lines() == before


def test_an_older_copy_of_the_root_is_not_signed(tmp_path: Path) -> None:
    logged = on_disk(tmp_path)
    logged.init()
    logged.change("m", 3)
    logged.publish()
    backup = {key: (tmp_path / "root" / key).read_bytes() for key in JOURNALS}
    logged.change("m")
    logged.publish()
    for key, data in backup.items():
        (tmp_path / "root" / key).write_bytes(data)
    logged = Logged(FilesystemStorage(tmp_path / "root"), tmp_path / "home")
    before = logged.lines()
    with pytest.raises(LogBehind, match="had 6 lines, and now there are 4"):
        logged.publish()
    assert logged.lines() == before

    seq = logged.restart("models-2.lab.example")
    assert logged.events()[-1]["lost"][:2] == [ORIGIN, 6]
    assert logged.publish() == 1
    assert logged.said().origin == "models-2.lab.example"
    assert logged.said().size == seq + 3


JOURNALS = ("log/journal/registry.jsonl", "tasks/t/models/m/audit/promotions.jsonl")


def test_a_log_that_was_written_anew_as_a_whole_is_not_signed(tmp_path: Path) -> None:
    """Whoever makes all events anew, roots included, has a whole log; and not the one that was signed."""
    logged = on_disk(tmp_path)
    logged.init()
    logged.change("m", 3)
    logged.publish()
    logged.rewrite(tmp_path / "root", lambda events: events[0].update(actor="eve"))
    logged.rewrite(tmp_path / "root", lambda events: events.pop(), None)
    assert logged.index is not None
    logged.index.unlink()
    forger = Logged(FilesystemStorage(tmp_path / "root"), tmp_path / "home")
    last = forger.key.state.read_bytes()
    forger.key.state.unlink()
    assert forger.publish() == 1  # only the signer's own note tells
    forger.key.state.write_bytes(last)
    forger.change()
    with pytest.raises(LogBehind, match="other lines"):
        forger.publish()


def test_a_new_key_signs_beside_the_old_one_once(logged: Logged) -> None:
    logged.init()
    logged.publish()
    old = logged.key.named(ORIGIN, logged.key.read()[0])
    logged.change()
    logged.rotate()
    (private,) = logged.key.read()
    new = logged.key.named(ORIGIN, private)
    assert new != old
    note = signed_note.parse(logged.note())
    assert note.is_signed_by(old)
    assert note.is_signed_by(new)
    assert logged.publish() == 0
    assert logged.note() == bytes(note)
    logged.change()
    assert logged.publish() == 1
    note = signed_note.parse(logged.note())
    assert not note.is_signed_by(old)
    assert note.is_signed_by(new)


def _noted(logged: Logged, monkeypatch: pytest.MonkeyPatch) -> list[signed_note.Note]:
    """Every note that is shown from now on."""
    notes, documents = list[signed_note.Note](), logged.storage.documents
    write = documents.write

    def writing(key: str, data: bytes, *rest: Any) -> Any:
        if key == CHECKPOINT:
            notes.append(signed_note.parse(data))
        return write(key, data, *rest)

    monkeypatch.setattr(documents, "write", writing)
    return notes


def _cut_off(*_: object) -> None:
    raise KeyboardInterrupt


CUT = {"before its tree": "_append", "before its note": "_show"}


@pytest.mark.parametrize("where", CUT)
@pytest.mark.parametrize("again", [Logged.publish, Logged.rotate])
def test_whoever_kept_the_old_key_goes_on_over_a_rotation_that_was_cut_off(
    logged: Logged, monkeypatch: pytest.MonkeyPatch, where: str, again: Callable[[Logged], int]
) -> None:
    """Also where the next publish has more than a checkpoint has room for, and where it is rotated again."""
    logged.init()
    logged.publish()
    before = logged.key.read()[0]
    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        cut.setattr(publishing, CUT[where], _cut_off)
        logged.rotate()
    for number in range(12):
        logged.change(f"m{number:02}")
    monkeypatch.setattr(checkpoints, "MOST_COVERS_BYTES", 600)
    notes = _noted(logged, monkeypatch)
    again(logged)
    logged.change()
    logged.publish()
    said = [signed_note.parse_vkey(event["vkey"]) for event in logged.events() if "vkey" in event]
    known = {logged.key.named(ORIGIN, before)}
    for note in notes:
        if any(note.is_signed_by(one) for one in known):
            known |= {one for one in said if note.is_signed_by(one)}
    assert known == set(said)
    assert notes[-1].is_signed_by(said[-1])
    assert len(notes[-1].signatures) == len(logged.key.read()) == 1


def test_a_log_that_is_begun_anew_twice_goes_on(logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same note that was lost: the one of the first was never made."""
    logged.init()
    logged.change("m", 3)
    logged.publish()
    logged.restart("second.example")
    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        cut.setattr(publishing, "_show", _cut_off)
        logged.publish()
    logged.restart("third.example")
    assert logged.publish() == 1
    assert logged.said().origin == "third.example"
    assert logged.index is not None
    logged.index.unlink()  # all of it is read in one go
    assert logged.publish() == 0


def test_a_log_whose_beginning_is_lost_is_not_begun_again(tmp_path: Path) -> None:
    logged = on_disk(tmp_path)
    logged.init()
    logged.publish()
    remove_tree(tmp_path / "root")
    (tmp_path / "root").mkdir()
    logged = Logged(FilesystemStorage(tmp_path / "root"), tmp_path / "home")
    with pytest.raises(LogBehind, match="restart"):
        logged.init()
    assert logged.events() == []
    logged.restart("second.example")
    assert logged.publish() == 1


def test_a_model_that_is_gone_was_covered(tmp_path: Path) -> None:
    logged = on_disk(tmp_path)
    logged.init()
    logged.change()
    logged.publish()
    remove_tree(tmp_path / "root" / "tasks")
    with pytest.raises(LogCorrupt):
        logged.publish()


def test_lines_of_older_software_are_covered_by_their_numbers(tmp_path: Path) -> None:
    logged = on_disk(tmp_path)
    journal = tmp_path / "root" / JOURNALS[1]
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b'{"alias": "latest", "version": "1", "ts_utc": "2024-03-01T09:02:00"}\n{"alias": "b"}\n')
    logged.init()
    assert logged.publish() == 1
    assert [cover[:4] for cover in logged.events()[-1]["covers"]][1] == ["t", "m", 0, 2]
    logged.change()
    assert logged.publish() == 1
    assert logged.said().root == expected_root(logged)
    journal.write_bytes(journal.read_bytes().replace(b'"1"', b'"2"'))
    assert logged.index is not None
    logged.index.unlink()
    logged.change()
    with pytest.raises(LogCorrupt):
        logged.publish()
