"""Check tells of a log that does not hold, and of a note that is not the last one, and says what mends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import CoreSettings, ModelRegistry
from registry_core.evidence import checking, keys, publishing, signed_note
from registry_core.format.layout import CHECKPOINT, REGISTRY_JOURNAL

from ....support.machine import remove_tree
from ....support.packages import write_package
from ..logged import lines_of, write_lines

ORIGIN = "models.lab.example"


class Kept:
    """``area`` has a root with a log, its signer's files beside it, and a copy of the root as it was before."""

    def __init__(self, area: Path) -> None:
        self.area, self.root = area, area / "root"
        self.root.mkdir()
        self.registry.register("t", "m", "1", write_package(area / "package"))
        self.registry.log_init(ORIGIN)
        self.registry.log_publish()
        shutil.copytree(self.root, area / "before", symlinks=True)
        self.change()
        self.registry.log_publish()

    @property
    def registry(self) -> ModelRegistry:
        return ModelRegistry.open(settings=CoreSettings(root=str(self.root), log_key=str(self.area / "log.pem")))

    @property
    def note(self) -> Path:
        return self.root / CHECKPOINT

    @property
    def journal(self) -> Path:
        return self.root / "tasks/t/models/m/audit/promotions.jsonl"

    def change(self) -> None:
        self.registry.promote("t", "m", "production", "1")

    def found(self) -> list[tuple[str, str, str]]:
        return [(one.severity, one.where, one.code) for one in self.registry.check().findings]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    monkeypatch.setattr(checking, "PUBLISHING_S", 0.0)
    return Kept(tmp_path)


def stale(kept: Kept) -> None:
    shutil.copy(kept.area / "before" / CHECKPOINT, kept.note)


def forged(kept: Kept) -> None:
    text = signed_note.parse(kept.note.read_bytes()).text
    kept.note.write_bytes(bytes(signed_note.sign(text, [(ORIGIN, keys.new_ed25519())])))


def of_more(kept: Kept) -> None:
    private = keys.load_private((kept.area / "log.pem").read_bytes())
    text = signed_note.Checkpoint(ORIGIN, 99, bytes(32)).text
    kept.note.write_bytes(bytes(signed_note.sign(text, [(ORIGIN, private)])))


NOTES: dict[str, tuple[Callable[[Kept], object], str, str]] = {
    "missing": (lambda kept: kept.note.unlink(), "pending", "note_missing"),
    "stale": (stale, "pending", "note_behind"),
    "signed by another": (forged, "damage", "note_damaged"),
    "no note": (lambda kept: kept.note.write_bytes(b"\xff"), "damage", "note_damaged"),
    "of more than there is": (of_more, "damage", "note_differs"),
}


@pytest.mark.parametrize("name", NOTES)
def test_a_note_that_is_not_the_last_one_is_told_of(kept: Kept, name: str) -> None:
    assert kept.found() == []
    kept.change()
    assert kept.found() == [], "what is new is covered by the next checkpoint"
    spoil, severity, code = NOTES[name]
    spoil(kept)
    assert kept.found() == [(severity, CHECKPOINT, code)]
    (one,) = kept.registry.check().findings
    assert one.command == (None if code == "note_differs" else "omr log publish")
    if one.command is not None:
        kept.registry.log_publish()
        assert kept.found() == []


def test_a_note_that_is_being_published_is_not_told_of(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.change()
    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        cut.setattr(publishing, "_show", _cut_off)
        kept.registry.log_publish()
    assert kept.found() == [("pending", CHECKPOINT, "note_behind")]
    monkeypatch.setattr(checking.time, "sleep", lambda _: kept.registry.log_publish())
    assert kept.found() == []


def test_while_the_key_is_changed_the_note_is_that_of_the_one_before(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        cut.setattr(publishing, "_append", _cut_off)
        kept.registry.log_rotate()
    assert kept.found() == []
    kept.registry.log_publish()
    assert kept.found() == []


def _cut_off(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_log_that_does_not_hold_is_told_of(kept: Kept) -> None:
    """The journal's own chain is whole: nothing else tells."""
    lines = lines_of(kept.journal)
    write_lines(kept.journal, [{**lines[0], "reason": "as if"}, *lines[1:]])
    found = kept.registry.check().findings
    assert ("damage", "t/m line 1", "log_corrupt") in [(one.severity, one.where, one.code) for one in found]
    own = lines_of(kept.root / REGISTRY_JOURNAL)
    said = dict(own[1]["checkpoint"], size=7)  # type: ignore[call-overload]
    write_lines(kept.root / REGISTRY_JOURNAL, [own[0], {**own[1], "checkpoint": said}, *own[2:]])
    assert ("damage", f"{REGISTRY_JOURNAL} event 2", "log_corrupt") in kept.found()


def test_an_older_copy_of_the_whole_root_is_told_of_where_the_signer_is(kept: Kept) -> None:
    remove_tree(kept.root)
    shutil.copytree(kept.area / "before", kept.root, symlinks=True)
    assert kept.found() == [("damage", "the log", "log_behind")]
    assert ModelRegistry.open(str(kept.root)).check().findings == [], "nothing in the root tells"


def test_where_there_is_no_log_nothing_is_said_of_one(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    registry = ModelRegistry.open(str(tmp_path / "root"))
    registry.set_trust_document(b'{"schema": "omr-trust/1", "people": {}, "keys": []}')
    assert registry.check().findings == []
    journal = tmp_path / "root" / REGISTRY_JOURNAL
    journal.write_bytes(journal.read_bytes().replace(b'"seq":1', b'"seq":2'))
    assert {one.code for one in registry.check().findings} == {"journal_broken"}
