"""Check names every way in which journal, versions, aliases and state can disagree, each where it is."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry_core import Finding
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.upkeep import check

from ...docs.documents import read
from ...faults.raw import tree
from ...support.machine import remove_tree
from ...support.packages import open_registry, write_files

PENDING, DAMAGE, NOTE = "pending", "damage", "note"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Two models; the one to be disturbed has the events 1 register, 2 register, 3 promote, 4 register, 5 promote."""
    made = tmp_path / "root"
    made.mkdir()
    registry = open_registry(made)
    for version in ("1", "2"):
        registry.register("t", "m", version, write_files(tmp_path / version, {"model.pt": version.encode()}))
    registry.promote("t", "m", "production", "1", actor="ada")
    registry.register("t", "m", "3", write_files(tmp_path / "3", {"model.pt": b"3", "sub/file": b""}), set_alias=None)
    registry.promote("t", "m", "staging", "2")
    registry.register("t", "other", "1", tmp_path / "1")
    assert registry.check().findings == []
    yield made
    remove_tree(made)


@pytest.fixture
def model(root: Path) -> Path:
    for directory, _, _ in os.walk(root / "tasks/t/models/m"):
        if "versions" not in directory:
            os.chmod(directory, 0o755)
    return root / "tasks/t/models/m"


def found(root: Path, severity: str = DAMAGE) -> list[str]:
    """Where the findings of that severity are; the check itself has changed nothing and stays in its model."""
    before = tree(root, times=True)
    report = open_registry(root).check()
    assert tree(root, times=True) == before
    assert (report.models, report.is_clean) == (2, not any(f.severity == DAMAGE for f in report.findings))
    assert not any(finding.where.startswith("t/other") for finding in report.findings)
    assert all(isinstance(finding, Finding) and finding.message for finding in report.findings)
    json.dumps(report.to_dict(), ensure_ascii=False).encode()
    return [finding.where for finding in report.findings if finding.severity == severity]


def lines(model: Path) -> list[bytes]:
    return (model / "audit/promotions.jsonl").read_bytes().splitlines()


def rewrite(model: Path, changed: list[bytes]) -> None:
    (model / "audit/promotions.jsonl").write_bytes(b"".join(line + b"\n" for line in changed))


def open_up(package: Path) -> Path:
    for directory, _, files in os.walk(package):
        os.chmod(directory, 0o755)
        for name in files:
            os.chmod(Path(directory, name), 0o644)
    return package


# the journal


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_an_edited_event(root: Path, model: Path, number: int) -> None:
    changed = lines(model)
    changed[number] = changed[number].replace(b'"reason":null', b'"reason":"x"')
    rewrite(model, changed)
    assert found(root) == [f"t/m event {number + 2}"]


def test_an_edited_seq(root: Path, model: Path) -> None:
    changed = lines(model)
    changed[4] = changed[4].replace(b'"seq":5', b'"seq":6')
    rewrite(model, changed)
    assert "t/m event 5" in found(root)


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_removed_event(root: Path, model: Path, number: int) -> None:
    changed = lines(model)
    del changed[number]
    rewrite(model, changed)
    assert f"t/m event {number + 1}" in found(root)


def test_two_events_that_changed_places(root: Path, model: Path) -> None:
    changed = lines(model)
    changed[1], changed[2] = changed[2], changed[1]
    rewrite(model, changed)
    assert {"t/m event 2", "t/m event 3"} <= set(found(root))


@pytest.mark.parametrize("rubbish", [b"rubbish", b"[]", b"", b"\xff\xfe", b"[" * 100_000])
def test_a_line_that_is_no_event(root: Path, model: Path, rubbish: bytes) -> None:
    changed = lines(model)
    changed[2] = rubbish
    rewrite(model, changed)
    assert "t/m event 3" in found(root)


def test_a_journal_that_was_cut_is_told_by_what_it_no_longer_explains(root: Path, model: Path) -> None:
    """The shorter chain is intact in itself; the alias that event 5 made is not explained any more."""
    rewrite(model, lines(model)[:4])
    assert "t/m alias staging" in found(root) + found(root, NOTE)
    rewrite(model, lines(model)[:3])
    assert "t/m@3" in found(root) + found(root, NOTE)


def test_a_journal_that_is_gone(root: Path, model: Path) -> None:
    (model / "audit/promotions.jsonl").unlink()
    assert {"t/m@1", "t/m@2", "t/m@3"} <= set(found(root) + found(root, NOTE))


def test_a_torn_last_line_is_no_event_and_no_damage(root: Path, model: Path) -> None:
    with (model / "audit/promotions.jsonl").open("ab") as log:
        log.write(b'{"seq":6,"event":"pro')
    assert (found(root), found(root, PENDING)) == ([], [])


# versions


def test_a_version_that_is_gone(root: Path, model: Path) -> None:
    shutil.rmtree(open_up(model / "versions/1"))
    assert {"t/m@1", "t/m alias production"} <= set(found(root))


def test_a_version_that_is_gone_although_its_event_is_the_last(root: Path, model: Path) -> None:
    """What no staging area holds any more is not waiting to be finished: it is lost."""
    rewrite(model, lines(model)[:4])
    (model / "aliases/staging.json").unlink()
    assert found(root) == []
    shutil.rmtree(open_up(model / "versions/3"))
    assert set(found(root)) & {"t/m", "t/m@3"}


def test_a_renamed_version(root: Path, model: Path) -> None:
    open_up(model / "versions/3").rename(model / "versions/4")
    assert "t/m@3" in found(root)
    assert "t/m@4" in found(root, NOTE)


@pytest.mark.parametrize("version", ["1", "2", "3"])
def test_a_manifest_that_is_not_the_recorded_one(root: Path, model: Path, version: str) -> None:
    manifest = open_up(model / "versions" / version) / "sha256sums.txt"
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    assert found(root) == [f"t/m@{version}"]
    manifest.unlink()
    assert found(root) == [f"t/m@{version}"]


def test_a_package_that_is_not_sealed(root: Path, model: Path) -> None:
    (model / "versions/1").chmod(0o755)
    assert (found(root), found(root, NOTE)) == ([], ["t/m@1"])


def test_a_directory_that_nobody_registered(root: Path, model: Path) -> None:
    write_files(model / "versions/9", {"model.pt": b"w"})
    assert (found(root), set(found(root, NOTE))) == ([], {"t/m@9"})


# aliases


def moved(path: Path, version: str) -> None:
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "version": version}))


DISTURBED: dict[str, Callable[[Path], None]] = {
    "names another version": lambda path: moved(path, "2"),
    "names a version that is not there": lambda path: moved(path, "9"),
    "is gone": lambda path: path.unlink(),
    "is garbage": lambda path: path.write_bytes(b"garbage"),
    "is empty": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("how", DISTURBED)
def test_an_alias_document_that_disagrees(root: Path, model: Path, how: str) -> None:
    DISTURBED[how](model / "aliases/production.json")
    assert set(found(root)) == {"t/m alias production"}


def test_an_alias_document_that_no_event_explains(root: Path, model: Path) -> None:
    document = json.loads((model / "aliases/production.json").read_bytes())
    (model / "aliases/forged.json").write_text(json.dumps({**document, "alias": "forged"}))
    assert "t/m alias forged" in found(root) + found(root, NOTE)


def test_an_alias_that_the_last_event_has_not_reached_yet_is_pending(root: Path, model: Path) -> None:
    document = model / "aliases/staging.json"
    whole = document.read_bytes()
    document.unlink()
    assert (found(root), found(root, PENDING)) == ([], ["t/m"])
    open_registry(root).recover()
    assert (found(root, PENDING), document.read_bytes()) == ([], whole)


# state, staging, what cannot be read


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff"])
def test_a_state_document_that_is_no_object(root: Path, model: Path, data: bytes) -> None:
    write_files(model / "state", {"1.json": data})
    assert found(root) == ["t/m state of 1"]


def test_a_state_document_of_no_version(root: Path, model: Path) -> None:
    write_files(model / "state", {"9.json": b'{"tags": {}}'})
    assert found(root) == ["t/m state of 9"]


def test_an_abandoned_attempt_is_noted_and_a_living_one_is_not(root: Path) -> None:
    (root / ".staging/abandoned/package").mkdir(parents=True)
    with FilesystemStorage(root).packages.stage("tasks/t/models/m/versions/7") as staging:
        assert found(root, NOTE) == [".staging/abandoned"]
        assert staging.attempt != "abandoned"
    assert found(root) == []


def test_the_counts(root: Path) -> None:
    report = open_registry(root).check()
    assert (report.models, report.versions, report.events) == (2, 4, 6)


# what programs rely on


def test_every_code_is_documented() -> None:
    source = Path(check.__file__).read_text(encoding="utf-8")
    named = re.findall(r'"([a-z]+_[a-z_]+|unreadable|unfinished|unsealed)"[,)\n]', source)
    codes = set(named) - {"purged_at", "package_digest"}
    documented = set(re.findall(r"`([a-z_]+)`", read("docs/operations.md").section("Check")))
    assert codes <= documented
    assert "journal_short" in codes


def test_a_finding_has_a_code_and_the_command_that_mends_it(root: Path, model: Path) -> None:
    rewrite(model, lines(model)[:1])
    short = [one for one in open_registry(root).check().findings if one.code == "journal_short"]
    assert short
    assert {one.command for one in short} == {"omr repair journal t m --accept-loss"}


def test_a_model_that_was_put_back_as_it_was_is_only_asked_about(root: Path, model: Path) -> None:
    (model / ".lock").write_bytes(b"99\n")
    [asked] = [one for one in open_registry(root).check().findings if one.code == "journal_perhaps_short"]
    assert asked.severity == "note"
    assert found(root) == []
    open_registry(root).promote("t", "m", "asked", "1")
    assert [one for one in open_registry(root).check().findings if one.code == "journal_perhaps_short"] == []


def test_a_kept_manifest_that_is_not_what_was_deleted(root: Path, model: Path) -> None:
    """It says what a deleted version was, and is all that does after a purge."""
    registry = open_registry(root)
    registry.delete("t", "m", "3", reason="wrong")
    kept = model / "deleted/3/sha256sums.txt"
    data = kept.read_bytes()
    for purged in (False, True):
        if purged:
            registry.purge(0.0)
        assert registry.check().findings == []
        for damage in (b"", data[:-1], data.replace(b"sub/file", b"sub/fill"), None):
            kept.unlink()
            if damage is not None:
                kept.write_bytes(damage)
            (finding,) = registry.check().findings
            assert (finding.where, finding.code) == ("t/m@3", "kept_manifest_damaged")
            kept.write_bytes(data)
