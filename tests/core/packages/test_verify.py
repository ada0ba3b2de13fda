"""Verify names exactly what differs, on packages in memory that anything may have happened to."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core import StorageUnavailable, VersionNotFound
from registry_core.format.manifest import render
from registry_core.packages.strays import is_dropping
from registry_core.packages.verify import MAX_READS, examine
from registry_core.storage.contract import KeyNotFound
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.artifact import Artifact
from registry_core.vocabulary.progress import Meter
from registry_core.vocabulary.texts import digest

from ...support.packages import write_files
from ..conftest import MODEL, TASK, SimulatedShelf
from ..names_of_files import MANIFEST, segments
from ..simulated import Simulated, after, away, fails

PACKAGE = "tasks/t/models/m/versions/1"

contents = st.binary(max_size=20)
names = segments.filter(lambda name: name not in (MANIFEST, "model_meta.json") and not is_dropping(name, ()))
files = st.dictionaries(names, contents, max_size=6)


def sealed(stored: dict[str, bytes]) -> tuple[dict[str, bytes], str]:
    """(the files with their manifest, the package digest)."""
    manifest = render([Artifact(path, hashlib.sha256(data).hexdigest(), len(data)) for path, data in stored.items()])
    return {**stored, MANIFEST: manifest}, digest(manifest)


@given(files, files, st.booleans(), st.sampled_from([1, 3]))
def test_verify_names_every_difference_and_nothing_else(
    before: dict[str, bytes], after: dict[str, bytes], is_registered: bool, workers: int
) -> None:
    before = {**before, "model_meta.json": b"{}"}
    package, package_digest = sealed(before)
    storage = MemoryStorage()
    storage.state.packages[PACKAGE] = {**after, "model_meta.json": b'{"tags": 1}', MANIFEST: package[MANIFEST]}
    report = examine(storage, PACKAGE, package_digest if is_registered else None, workers=workers, meter=Meter(None))
    differing = [path for path in before if after.get(path) != before[path]]
    expected = {path: "missing" if path not in after else "changed" for path in differing}
    expected |= dict.fromkeys(after.keys() - before.keys(), "extra")
    expected["model_meta.json"] = "changed"
    found = {problem.path: problem.kind for problem in report.problems}
    if is_registered:
        assert (found, report.warnings) == (expected, [])
    else:
        tolerated = {path for path, kind in expected.items() if kind == "extra"} | {"model_meta.json"}
        assert found == {path: kind for path, kind in expected.items() if path not in tolerated}
        assert len(report.warnings) == len(tolerated)
    assert report.files_checked == len((before.keys() & after.keys()) | {"model_meta.json"})
    assert report.bytes_checked == sum(len(after[path]) for path in before.keys() & after.keys()) + len(b'{"tags": 1}')


@given(files, files)
def test_a_manifest_rewritten_to_match_is_found_by_the_digest_in_the_journal(
    before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    _, package_digest = sealed({**before, "model_meta.json": b"{}"})
    storage = MemoryStorage()
    storage.state.packages[PACKAGE], now = sealed({**after, "model_meta.json": b"{}"})
    report = examine(storage, PACKAGE, package_digest, workers=1, meter=Meter(None))
    assert [(problem.path, problem.kind) for problem in report.problems] == (
        [] if now == package_digest else [(MANIFEST, "manifest")]
    )


@given(files, st.sampled_from(["missing", "empty", "blank", "nonsense"]))
def test_a_manifest_that_says_nothing_proves_nothing(stored: dict[str, bytes], how: str) -> None:
    package, package_digest = sealed({**stored, "model_meta.json": b"{}"})
    if how == "missing":
        del package[MANIFEST]
    else:
        package[MANIFEST] = {"empty": b"", "blank": b"\n \n", "nonsense": b"not a manifest\n"}[how]
    storage = MemoryStorage()
    storage.state.packages[PACKAGE] = package
    for registered in (package_digest, None):
        report = examine(storage, PACKAGE, registered, workers=1, meter=Meter(None))
        assert MANIFEST in {problem.path for problem in report.problems}


# a store over a network, and a disk

META = "model_meta.json"


def registered(storage: Simulated, **files: bytes) -> str:
    storage.state.packages[PACKAGE], package_digest = sealed({"model.pt": b"weights", META: b"{}", **files})
    return package_digest


@pytest.mark.parametrize("reads", [1, 2, 3])
def test_a_store_that_is_away_is_no_damage(reads: int) -> None:
    storage = Simulated(failures_are_final=False)
    package_digest = registered(storage)
    storage.acts.first("open", *[lambda real: real()] * (reads - 1), fails(away()))
    with pytest.raises(StorageUnavailable):
        examine(storage, PACKAGE, package_digest, workers=1, meter=Meter(None))


@pytest.mark.parametrize("is_old", [True, False])
@pytest.mark.parametrize(("reads", "path"), [(1, MANIFEST), (2, "model.pt"), (3, META)])
def test_what_a_disk_cannot_read_is_damaged_and_nothing_else_is(reads: int, path: str, is_old: bool) -> None:
    storage = Simulated()
    package_digest = registered(storage)
    storage.acts.first("open", *[lambda real: real()] * (reads - 1), *[fails(away())] * MAX_READS)
    report = examine(storage, PACKAGE, None if is_old else package_digest, workers=1, meter=Meter(None))
    assert [(problem.path, problem.kind) for problem in report.problems] == [(path, "unreadable")]
    assert report.warnings == []


@pytest.mark.parametrize("failures", range(1, MAX_READS))
@pytest.mark.parametrize("reads", [1, 2, 3])
def test_a_disk_that_fails_once_is_asked_again(reads: int, failures: int) -> None:
    storage = Simulated()
    package_digest = registered(storage)
    storage.acts.first("open", *[lambda real: real()] * (reads - 1), *[fails(away())] * failures)
    report = examine(storage, PACKAGE, package_digest, workers=1, meter=Meter(None))
    assert (report.problems, report.warnings) == ([], [])


def test_old_metadata_may_be_rewritten_and_not_missing() -> None:
    storage = Simulated()
    registered(storage)
    package = storage.state.packages[PACKAGE]
    package[META] = b'{"tags": {}}'
    report = examine(storage, PACKAGE, None, workers=1, meter=Meter(None))
    assert (report.problems, len(report.warnings)) == ([], 1)
    del package[META]
    report = examine(storage, PACKAGE, None, workers=1, meter=Meter(None))
    assert [(problem.path, problem.kind) for problem in report.problems] == [(META, "missing")]
    package[META] = b"{}"
    storage.acts.first("open", *[lambda real: real()] * 2, lambda _: _gone())
    report = examine(storage, PACKAGE, None, workers=1, meter=Meter(None))
    assert [(problem.path, problem.kind) for problem in report.problems] == [(META, "missing")]


def _gone() -> None:
    raise KeyNotFound(META)


def test_a_version_that_is_moved_while_it_is_read_is_not_damaged(simulated: SimulatedShelf) -> None:
    registry = simulated.registry()

    def delete() -> None:
        registry.delete(TASK, MODEL, "1", reason="wrong")

    def and_restore() -> None:
        delete()
        registry.restore(TASK, MODEL, "1")

    # Between the listing of its files and the reading of the first: restored, it is looked at again.
    simulated.storage.acts.first("open", lambda real: (and_restore(), _gone())[1])
    assert registry.verify(TASK, f"{MODEL}@1").files_checked == 2
    simulated.storage.acts.first("open", after(delete))
    with pytest.raises(VersionNotFound):
        registry.verify(TASK, f"{MODEL}@1")


def test_nonsense_in_an_old_manifest_is_named() -> None:
    storage = Simulated()
    registered(storage)
    storage.state.packages[PACKAGE][MANIFEST] += b"nonsense\n"
    report = examine(storage, PACKAGE, None, workers=1, meter=Meter(None))
    assert [(problem.path, problem.kind) for problem in report.problems] == [(MANIFEST, "manifest")]


def test_what_is_no_file_any_more_has_changed(tmp_path: Path) -> None:
    storage = FilesystemStorage(tmp_path)
    files, package_digest = sealed({"model.pt": b"weights", META: b"{}"})
    package = write_files(tmp_path / PACKAGE, files)
    (package / "model.pt").rename(tmp_path / "elsewhere")
    (package / "model.pt").symlink_to(tmp_path / "elsewhere")
    [problem] = examine(storage, PACKAGE, package_digest, workers=1, meter=Meter(None)).problems
    assert (problem.path, problem.kind, problem.actual) == ("model.pt", "changed", "not a regular file")
