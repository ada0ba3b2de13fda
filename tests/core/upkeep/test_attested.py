"""Upkeep of evidence: what events name is copied, kept and compared; what none names is removed, unless it is new."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from registry_core import JournalCorrupt, PackageCorrupt
from registry_core.evidence import finding, of_version
from registry_core.storage import Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.upkeep import attested
from registry_core.upkeep.migrate import migrate
from registry_core.vocabulary.texts import digest

from ..conftest import MODEL, TASK, Shelf
from ..evidence.attested import ADA, GRACE, Desk

STRAY = b"an event that never was would have named it"


@pytest.fixture
def desk(shelf: Shelf) -> Desk:
    """Version 1 has two attestations and a finding."""
    desk = Desk(shelf)
    desk.attach(desk.review("reject", 0, GRACE))
    desk.attach(desk.signature(ADA))
    finding.open_finding(shelf.model(), "1", "note", "it is slow", None, actor="ada", reason=None)
    shelf.promote("production", "2")  # the next change writes what documents of the last event lack
    return desk


def key_of(desk: Desk, data: bytes) -> str:
    return desk.shelf.model().keys.attestation("1", digest(data).removeprefix("sha256:"))


def stray(desk: Desk) -> str:
    key = key_of(desk, STRAY)
    desk.shelf.storage.documents.write(key, STRAY)
    return key


def codes(desk: Desk) -> list[str]:
    return [str(found.code) for found in desk.shelf.registry().check().findings]


def target(tmp_path: Path, kind: str = "memory") -> Storage:
    (tmp_path / "target").mkdir(exist_ok=True)
    return MemoryStorage() if kind == "memory" else FilesystemStorage(tmp_path / "target")


def migrated(desk: Desk, to: Storage) -> None:
    migrate(desk.shelf.storage, to, is_same_registry=False, lock_timeout_s=5, workers=1, progress=None)


def documents(storage: Storage, desk: Desk) -> dict[str, bytes]:
    listed = storage.documents.list(desk.shelf.model().keys.attestations, deep=True)
    return {one.key: storage.documents.read(one.key).data for one in listed if one.kind == "file"}


@pytest.mark.parametrize("kind", ["memory", "filesystem"])
def test_a_migration_carries_what_events_name_byte_for_byte(desk: Desk, tmp_path: Path, kind: str) -> None:
    kept = documents(desk.shelf.storage, desk)
    assert len(kept) == 2
    stray(desk)
    to = target(tmp_path, kind)
    migrated(desk, to)
    assert documents(to, desk) == kept, "and nothing that no event names"
    assert of_version.read(Shelf(to, tmp_path).model(), "1") == desk.evidence()
    migrated(desk, to)
    assert documents(to, desk) == kept


def test_a_migration_mends_what_is_damaged_at_the_target(desk: Desk, tmp_path: Path) -> None:
    kept, to = documents(desk.shelf.storage, desk), target(tmp_path)
    for key in kept:
        to.documents.write(key, b"a part of")
    migrated(desk, to)
    assert documents(to, desk) == kept


@pytest.mark.parametrize("damage", ["lost", "edited"])
def test_a_migration_refuses_what_is_damaged_at_the_source(desk: Desk, tmp_path: Path, damage: str) -> None:
    key = min(documents(desk.shelf.storage, desk))
    if damage == "lost":
        desk.shelf.storage.documents.delete(key)
    else:
        desk.shelf.storage.documents.write(key, b"{}")
    to = target(tmp_path)
    with pytest.raises(PackageCorrupt, match=f"{key}.*Restore it before migrating"):
        migrated(desk, to)
    assert list(Shelf(to, tmp_path).model().journal.lines()) == [], "no event names there what is not there"


def test_a_sweep_removes_exactly_what_no_event_names(desk: Desk) -> None:
    kept, left, registry = documents(desk.shelf.storage, desk), stray(desk), desk.shelf.registry()
    (found,) = registry.check().findings
    assert (found.severity, found.code, found.command) == ("note", "attestation_unnamed", "omr sweep")
    assert found.where == left.replace(f"tasks/{TASK}/models/{MODEL}/", f"{TASK}/{MODEL} ")
    assert registry.sweep(0, dry_run=True).documents == [left]
    assert documents(desk.shelf.storage, desk) == {**kept, left: STRAY}
    assert registry.sweep(0).documents == [left]
    assert documents(desk.shelf.storage, desk) == kept
    assert "documents" not in registry.sweep(0).to_dict()
    assert codes(desk) == []


def test_a_sweep_leaves_what_is_younger_than_it_was_told(desk: Desk) -> None:
    left = stray(desk)
    if isinstance(desk.shelf.storage, MemoryStorage):  # nothing there outlives its process
        return
    assert desk.shelf.registry().sweep(3600).documents == []
    assert left in documents(desk.shelf.storage, desk)


def test_where_nobody_holds_a_model_a_sweep_leaves_an_hour_to_whoever_is_on_his_way(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, files = stray(desk), desk.shelf.storage.documents
    monkeypatch.setattr(files, "looks_are_cheap", lambda: False)
    assert attested.sweep(desk.shelf.model(), 0, dry_run=False) == []
    now = time.time()
    monkeypatch.setattr(attested.time, "time", lambda: now + attested.LEAST_AGE_S + 5)  # type: ignore[attr-defined]
    knows_when = next(one for one in files.list(desk.shelf.model().keys.attestations, deep=True)).changed_s is not None
    assert attested.sweep(desk.shelf.model(), 0, dry_run=False) == ([left] if knows_when else [])


@pytest.mark.parametrize("where", ["middle", "end"])
def test_a_sweep_removes_nothing_while_events_may_be_lost(desk: Desk, tmp_path: Path, where: str) -> None:
    kept = documents(desk.shelf.storage, desk)
    if not isinstance(desk.shelf.storage, FilesystemStorage):
        return  # nothing there outlives its process
    model, root = desk.shelf.model(), tmp_path / "root"
    journal = root / model.keys.journal
    lines = journal.read_bytes().splitlines(keepends=True)
    left = stray(desk)
    del lines[-3 : -2 if where == "middle" else None]
    journal.write_bytes(b"".join(lines))  # what attached the signature is gone
    with pytest.raises(JournalCorrupt):
        attested.sweep(desk.shelf.model(), 0, dry_run=False)
    report = desk.shelf.registry().sweep(0)
    assert (report.documents, len(report.refused)) == ([], 1)
    assert desk.shelf.registry().sweep(0, dry_run=True).documents == []
    assert documents(desk.shelf.storage, desk) == {**kept, left: STRAY}


def test_what_a_crash_left_is_written_anew_for_its_event(desk: Desk, tmp_path: Path) -> None:
    """A sweep that saw the leftover as old may delete it only before the event that names it."""
    data = desk.review("withdraw", 5, GRACE)
    key = key_of(desk, data)
    desk.shelf.storage.documents.write(key, data)
    path = tmp_path / "root" / key
    if path.exists():
        os.utime(path, (1, 1))
    desk.attach(data)
    assert not path.exists() or path.stat().st_mtime > 1
    assert desk.shelf.registry().sweep(0).documents == []
    assert of_version.document(desk.shelf.model(), "1", digest(data)) == data
    assert codes(desk) == []


@pytest.mark.parametrize("damage", [None, b"{}", b""])
def test_check_names_a_document_that_is_not_what_its_event_names(desk: Desk, damage: bytes | None) -> None:
    key = min(documents(desk.shelf.storage, desk))
    if damage is None:
        desk.shelf.storage.documents.delete(key)
    else:
        desk.shelf.storage.documents.write(key, damage)
    (found,) = desk.shelf.registry().check().findings
    assert (found.severity, found.code) == ("damage", "attestation_damaged")
    assert key.rpartition("/")[2] in found.where


def test_two_documents_that_changed_places_are_both_named(desk: Desk) -> None:
    (one, first), (other, second) = sorted(documents(desk.shelf.storage, desk).items())
    desk.shelf.storage.documents.write(one, second)
    desk.shelf.storage.documents.write(other, first)
    assert codes(desk) == ["attestation_damaged"] * 2


def test_whoever_sends_a_lost_document_again_mends_it(desk: Desk) -> None:
    data, events = desk.signature(ADA), len(desk.shelf.events())
    desk.shelf.storage.documents.delete(key_of(desk, data))
    assert codes(desk) == ["attestation_damaged"]
    assert desk.attach(data)[1] is False
    assert (codes(desk), len(desk.shelf.events())) == ([], events)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (None, "evidence_missing"),
        (b"{", "evidence_damaged"),
        (lambda data: data.replace(b'"grace"', b'"ghost"'), "evidence_differs"),
        (lambda data: data.replace(b'"it is slow"', b'"all is well"'), "evidence_differs"),
    ],
)
def test_a_wrong_list_of_evidence_is_named_and_made_anew(desk: Desk, damage: object, code: str) -> None:
    files, key = desk.shelf.storage.documents, desk.shelf.model().keys.evidence("1")
    good = files.read(key).data
    if damage is None:
        files.delete(key)
    else:
        wrong = damage(good) if callable(damage) else damage
        assert isinstance(wrong, bytes)
        assert wrong != good
        files.write(key, wrong)
    seen = desk.evidence()
    (found,) = desk.shelf.registry().check().findings
    assert (found.code, found.where) == (code, f"{TASK}/{MODEL} evidence of 1")
    assert found.command is not None
    assert desk.evidence() == seen, "whoever judges by it reads the journal"
    desk.shelf.registry().repair_documents(TASK, MODEL, is_wanted=True)
    assert codes(desk) == []
    assert files.read(key).data == good


def test_a_list_of_evidence_that_no_event_made_is_named_and_removed(desk: Desk) -> None:
    files, keys = desk.shelf.storage.documents, desk.shelf.model().keys
    files.write(keys.evidence("2"), files.read(keys.evidence("1")).data.replace(b'"version": "1"', b'"version": "2"'))
    (found,) = desk.shelf.registry().check().findings
    assert found.where == f"{TASK}/{MODEL} evidence of 2"
    desk.shelf.registry().repair_documents(TASK, MODEL, is_wanted=True)
    assert codes(desk) == []


def test_a_version_of_which_nothing_was_said_comes_back_without_a_list_of_it(desk: Desk) -> None:
    registry, keys = desk.shelf.registry(), desk.shelf.model().keys
    registry.unalias(TASK, MODEL, "production")
    registry.delete(TASK, MODEL, "2", reason="out of use")
    back = registry.restore(TASK, MODEL, "2")
    assert [one.name for one in desk.shelf.storage.documents.list(keys.evidences)] == ["1.json"]
    assert codes(desk) == []
    registry.open_finding(TASK, MODEL, "2", "note", "odd")
    assert of_version.read(desk.shelf.model(), "2").last_restore_seq == back.seq  # the list made then has it
    assert codes(desk) == []


def test_deleting_restoring_and_purging_keep_the_evidence(desk: Desk) -> None:
    registry, kept = desk.shelf.registry(), documents(desk.shelf.storage, desk)
    registry.delete(TASK, MODEL, "1", reason="out of use")
    assert (documents(desk.shelf.storage, desk), codes(desk)) == (kept, [])
    registry.sweep(0)
    registry.restore(TASK, MODEL, "1")
    assert desk.evidence().last_restore_seq == desk.shelf.events()[-1]["seq"]
    assert (documents(desk.shelf.storage, desk), codes(desk)) == (kept, [])
    registry.delete(TASK, MODEL, "1", reason="out of use")
    assert registry.purge(0, reason="by law").purged
    registry.sweep(0)
    assert (documents(desk.shelf.storage, desk), codes(desk)) == (kept, [])
    assert len(desk.evidence().attestations) == 2
    for key, data in kept.items():
        assert of_version.document(desk.shelf.model(), "1", f"sha256:{Path(key).stem}") == data
