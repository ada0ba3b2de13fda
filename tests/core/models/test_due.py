"""What is not as the journal says is mended: proposed first, done when told to, and recorded as an event."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import JournalCorrupt, ModelRegistry, Repair, StorageUnavailable
from registry_core.storage.filesystem.documents import FilesystemDocuments

from ...support.old_registry import OldRegistry
from ...support.packages import open_registry, write_files

DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "edited": lambda path: _edit(path, version="3"),
    "of another model": lambda path: _edit(path, model_name="n"),
    "of an earlier event": lambda path: _edit(path, seq=1),
    "of a later event": lambda path: _edit(path, seq=8),
}
DOCUMENTS = {"documents": ("aliases/production.json", "state/1.json"), "tombstones": ("deleted/2/tombstone.json",)}


def _edit(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **fields}))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    registry = open_registry(root)
    for version in ("1", "2", "3"):
        source = write_files(tmp_path / version, {"model.pt": version.encode()})
        registry.register("t", "m", version, source, set_alias=None)
    registry.promote("t", "m", "production", "1", actor="ada", reason="best")
    registry.tag("t", "m", "1", "k", "v")
    registry.delete("t", "m", "2", reason="wrong", actor="ada")
    registry.stage("t", "m", "3", "staging")
    registry.stage("t", "m", "3", "none")
    return root / "tasks/t/models/m"


def opened(model: Path) -> ModelRegistry:
    return open_registry(model.parents[3])


def repaired(model: Path, kind: str, *, is_wanted: bool = False) -> Repair:
    done: Repair = getattr(opened(model), f"repair_{kind}")("t", "m", is_wanted=is_wanted, actor="eve", reason="rot")
    return done


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_documents_are_written_anew(model: Path, kind: str, damage: str) -> None:
    paths = [model / path for path in DOCUMENTS[kind]]
    before = [json.loads(path.read_bytes()) for path in paths]
    for path in paths:
        _edit(path, more="what later software adds")
    assert repaired(model, kind).steps == repaired(model, kind, is_wanted=True).steps == []
    for path in paths:
        DAMAGES[damage](path)
    found = [finding for finding in opened(model).check().findings if finding.severity == "damage"]
    assert {finding.command for finding in found} == {f"omr repair {kind} t/m"}
    proposed = repaired(model, kind)
    assert (proposed.kind, proposed.is_done, len(proposed.steps)) == (kind, False, len(paths))
    assert len(opened(model).history("t", "m").events) == 8
    done = repaired(model, kind, is_wanted=True)
    assert (done.is_done, done.seq, done.paths) == (True, 9, list(DOCUMENTS[kind]))
    event = opened(model).history("t", "m", after=8).events[0]
    assert (event.event, event.repaired, event.paths, event.actor) == ("repair", kind, done.paths, "eve")
    assert [json.loads(path.read_bytes()) for path in paths] == before
    assert opened(model).check().findings == []
    opened(model).audit_verify("t", "m")
    assert repaired(model, kind, is_wanted=True).steps == []


def test_what_should_be_gone_goes(model: Path) -> None:
    opened(model).restore("t", "m", "2")
    opened(model).promote("t", "m", "latest", "2")
    (model / "deleted/2").mkdir(exist_ok=True)
    stone = {"task": "t", "model_name": "m", "version": "2", "seq": 6, "purged_at": None}
    (model / "deleted/2/tombstone.json").write_text(json.dumps(stone))
    alias = {"task": "t", "model_name": "m", "alias": "staging", "version": "3", "seq": 7}
    (model / "aliases/staging.json").write_text(json.dumps(alias))
    assert repaired(model, "tombstones", is_wanted=True).paths == ["deleted/2/tombstone.json"]
    assert repaired(model, "documents", is_wanted=True).paths == ["aliases/staging.json"]
    assert not (model / "aliases/staging.json").exists()
    assert opened(model).check().findings == []


def test_a_journal_that_was_changed_knows_nothing(model: Path) -> None:
    journal = model / "audit/promotions.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"reason":"best"', b'"reason":"none"'))
    before = (model / "aliases/production.json").read_bytes()
    with pytest.raises(JournalCorrupt):
        repaired(model, "documents", is_wanted=True)
    assert (model / "aliases/production.json").read_bytes() == before


def test_what_lost_events_have_written_stays(model: Path) -> None:
    opened(model).promote("t", "m", "production", "3")
    alias = (model / "aliases/production.json").read_bytes()
    journal = model / "audit/promotions.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    opened(model).repair_journal("t", "m", accept_loss=True)
    assert repaired(model, "documents").steps == []
    assert (model / "aliases/production.json").read_bytes() == alias


def test_older_software_s_documents_stay(tmp_path: Path) -> None:
    old = OldRegistry(tmp_path)
    old.model("t", "m").version("1").version("2", alias="production")
    registry = open_registry(tmp_path)
    registry.adopt()
    before = {path: path.read_bytes() for path in tmp_path.rglob("aliases/*")}
    assert registry.repair_documents("t", "m", is_wanted=True).steps == []
    assert registry.repair_tombstones("t", "m", is_wanted=True).steps == []
    assert registry.repair_seals("t", "m", is_wanted=True).steps == []
    assert {path: path.read_bytes() for path in before} == before


def test_seals(model: Path) -> None:
    package = model / "versions/1"
    package.chmod(0o755)
    (finding,) = opened(model).check().findings
    assert finding.command == "omr repair seals t/m"
    assert repaired(model, "seals").steps == ["versions/1 is read-only again"]
    assert package.stat().st_mode & 0o777 == 0o755
    assert repaired(model, "seals", is_wanted=True).paths == ["versions/1"]
    assert package.stat().st_mode & 0o777 == 0o555
    assert opened(model).check().findings == []


def test_whoever_fails_after_the_event_says_so_and_the_rest_is_found_again(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model / "aliases/production.json").write_bytes(b"")

    def fails(*_: object) -> None:
        raise StorageUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(FilesystemDocuments, "write", fails)
        with pytest.raises(StorageUnavailable) as caught:
            repaired(model, "documents", is_wanted=True)
    assert caught.value.detail["committed"] is True
    assert repaired(model, "documents", is_wanted=True).is_done
    assert opened(model).check().findings == []
