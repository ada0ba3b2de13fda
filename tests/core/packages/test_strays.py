"""What systems leave in a package is told, and given to nobody; any other file that nobody registered is damage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry_core import ModelRegistry, PackageCorrupt
from registry_core.packages.strays import is_dropping

from ...faults.raw import tree
from ...support.packages import open_registry, write_files

DROPPINGS = [
    ".DS_Store",
    "deep/.DS_Store",
    "._model.pt",
    "Thumbs.db",
    "deep/desktop.ini",
    ".nfs000000000123",
    ".fuse_hidden0001",
    "__pycache__/loader.cpython-311.pyc",
    "deep/__pycache__/x.pyc",
]
EXTRA = ["extra", "deep/extra", ".hidden", "DS_Store", "._dir/file", "code/__pycache__/loader.cpython-311.pyc"]


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    (tmp_path / "root").mkdir()
    made = open_registry(tmp_path / "root")
    files = {"model.pt": b"weights", "deep/map.json": b"{}", "code/loader.py": b"x = 1"}
    made.register("t", "m", "1", write_files(tmp_path / "source", files))
    return made


def put(registry: ModelRegistry, name: str) -> Path:
    """The file is in the published package, whose directories are sealed again."""
    package = Path(registry.resolve("t", "m@1", verify=False).path)
    directories = [package, *(path for path in package.rglob("*") if path.is_dir())]
    for directory in directories:
        directory.chmod(0o755)
    write_files(package, {name: b"left here"})
    for directory, _, _ in os.walk(package):
        os.chmod(directory, 0o555)
    return package / name


@pytest.mark.parametrize("name", DROPPINGS)
def test_what_systems_leave_is_a_warning(registry: ModelRegistry, name: str) -> None:
    before = registry.files("t", "m@1"), registry.artifacts("t", "m@1").files
    commit = registry.snapshot("t", "m", "main").commit_id
    put(registry, name)
    for again in (registry, open_registry(Path(registry.resolve("t", "m@1").path).parents[5])):
        for warnings in (
            again.resolve("t", "m@1").warnings,
            again.verify("t", "m@1").warnings,
            again.show("t", "m@1", verify=True).warnings,
            again.artifacts("t", "m@1").warnings,
        ):
            assert [name in text for text in warnings] == [True], warnings
        files = [(file.path, file.sha256, file.size_bytes) for file in again.files("t", "m@1")]
        assert files == [(file.path, file.sha256, file.size_bytes) for file in before[0]]
        assert again.artifacts("t", "m@1").files == before[1]
        snapshot = again.snapshot("t", "m", commit)
        assert (snapshot.commit_id, len(snapshot.files())) == (commit, len(files))
        assert [commit.commit_id for commit in again.hub_commits("t", "m")] == [commit]
        report = again.check()
        assert report.is_clean
        assert ["systems left" in finding.message for finding in report.findings] == [True]


@pytest.mark.parametrize("name", EXTRA)
def test_every_other_file_is_damage_and_the_remedy_is_named(registry: ModelRegistry, name: str) -> None:
    before = registry.artifacts("t", "m@1").files
    put(registry, name)
    for call in (registry.verify, registry.resolve):
        with pytest.raises(PackageCorrupt, match="'omr repair strays t/m' moves away") as caught:
            call("t", "m@1")
        assert [(found["path"], found["kind"]) for found in caught.value.detail["problems"]] == [(name, "extra")]
        assert "backup" not in caught.value.message
    assert registry.artifacts("t", "m@1").files == before
    assert name not in [file.path for file in registry.files("t", "m@1")]
    [finding] = registry.check().findings
    assert (finding.severity, name in finding.message) == ("damage", True)


def test_a_link_with_such_a_name_is_damage(registry: ModelRegistry) -> None:
    place = put(registry, ".DS_Store")
    place.unlink()
    place.symlink_to("model.pt")
    with pytest.raises(PackageCorrupt):
        registry.verify("t", "m@1")
    assert not registry.check().is_clean


def test_a_package_that_was_registered_with_such_a_file_needs_it(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    registry = open_registry(tmp_path / "root")
    path = registry.register(
        "t", "m", "1", write_files(tmp_path / "source", {".DS_Store": b"x", "a": b""})
    ).package_path
    assert ".DS_Store" in [file.path for file in registry.files("t", "m@1")]
    Path(path).chmod(0o755)
    (Path(path) / ".DS_Store").unlink()
    with pytest.raises(PackageCorrupt):
        registry.verify("t", "m@1")


def test_what_python_compiled_counts_beside_a_registered_source() -> None:
    assert is_dropping("a/__pycache__/x.pyc", ["b/x.py", "a/b/x.py", "x.py"])
    assert not is_dropping("a/__pycache__/x.pyc", ["a/y.py"])
    assert not is_dropping("__pycache__/x.pyc", ["x.py"])
    assert not is_dropping("__pycache__/__pycache__/x.pyc", ["x.py"])


@pytest.mark.parametrize("name", [*DROPPINGS, *EXTRA])
def test_a_repair_moves_away_what_was_never_registered(registry: ModelRegistry, name: str) -> None:
    place = put(registry, name)
    proposed = registry.repair_strays("t", "m")
    assert (len(proposed.steps), proposed.is_done, place.exists()) == (1, False, True)
    done = registry.repair_strays("t", "m", is_wanted=True, actor="ada", reason="a share")
    assert (done.is_done, done.seq, done.paths) == (True, 2, [f"versions/1/{name}"])
    assert registry.verify("t", "m@1").warnings == []
    assert not [finding for finding in registry.check().findings if finding.code != "unsealed"]
    root = place.parents[name.count("/") + 6]
    assert (root / ".strays" / "t" / "m" / "1" / name).read_bytes() == b"left here"
    assert registry.repair_strays("t", "m", is_wanted=True).steps == []
    registry.audit_verify("t", "m")


def test_a_repair_moves_a_link_and_not_what_it_leads_to(registry: ModelRegistry) -> None:
    place = put(registry, "extra")
    place.unlink()
    place.symlink_to("model.pt")
    assert registry.repair_strays("t", "m", is_wanted=True).is_done
    assert registry.verify("t", "m@1").warnings == []


def test_a_proposal_writes_nothing_into_a_root_of_older_software(registry: ModelRegistry) -> None:
    place = put(registry, "left.txt")
    root = place.parents[6]
    (root / "registry.json").unlink()  # older software has none, and a change makes one
    before = tree(root)
    assert len(open_registry(root).repair_strays("t", "m").steps) == 1
    assert tree(root) == before
