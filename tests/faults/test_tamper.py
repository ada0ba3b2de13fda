"""I3: every way of changing a published package is found by verify, and named."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core import ModelRegistry, PackageCorrupt, StorageUnavailable

from ..support.packages import open_registry, write_package
from . import forks

TASK, REF = "celltype", "pbmc@1"
MANIFEST = "sha256sums.txt"
META = "model_meta.json"
NESTED = "deep/er/label map.json"
FILES = ["model.pt", NESTED, META, MANIFEST]


@pytest.fixture
def package(root: Path, source: Path) -> Path:
    """A published package whose owner has made it writable again."""
    registry = open_registry(root, workers=2)
    made = Path(registry.register(TASK, "pbmc", "1", source).package_path)
    for directory, _, _ in os.walk(made):
        os.chmod(directory, 0o755)
    assert registry.verify(TASK, REF).files_checked == 4
    return made


def problems(root: Path) -> dict[str, str]:
    """Path -> kind; the same from verify, resolve and show, on one core and on several."""
    found = []
    for workers in (1, 3):
        registry = open_registry(root, workers=workers)
        calls: list[Callable[[ModelRegistry], Any]] = [
            lambda registry: registry.verify(TASK, REF),
            lambda registry: registry.resolve(TASK, REF),
            lambda registry: registry.resolve(TASK, "pbmc@latest"),
            lambda registry: registry.show(TASK, REF, verify=True),
        ]
        for call in calls:
            with pytest.raises(PackageCorrupt) as caught:
                call(registry)
            assert caught.value.code == "package_corrupt"
            json.dumps(caught.value.detail, ensure_ascii=False).encode()  # can be sent as it is
            caught.value.message.encode()
            found.append(caught.value.detail["problems"])
    assert all(one == found[0] for one in found)
    return {problem["path"]: problem["kind"] for problem in found[0]}


def sha256(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_one_flipped_bit(root: Path, package: Path, name: str, place: str) -> None:
    path = package / name
    data = bytearray(path.read_bytes())
    at = {"first": 0, "middle": len(data) // 2, "last": len(data) - 1}[place]
    data[at] ^= 0b100
    path.chmod(0o644)
    path.write_bytes(bytes(data))
    found = problems(root)
    if name == MANIFEST:
        assert found[MANIFEST] == "manifest"
    else:
        assert found == {name: "changed"}
        with pytest.raises(PackageCorrupt) as caught:
            open_registry(root).verify(TASK, REF)
        [problem] = caught.value.detail["problems"]
        assert problem["actual"] == sha256(path) != problem["expected"]


def test_an_unverified_read_is_not_stopped_by_damage(root: Path, package: Path) -> None:
    (package / "model.pt").unlink()
    assert open_registry(root).resolve(TASK, REF, verify=False).verified is False


@pytest.mark.parametrize("name", [name for name in FILES if name != MANIFEST])
@pytest.mark.parametrize("how", ["shortened", "emptied", "lengthened"])
def test_another_length(root: Path, package: Path, name: str, how: str) -> None:
    path = package / name
    path.chmod(0o644)
    data = path.read_bytes()
    path.write_bytes({"shortened": data[:-1], "emptied": b"", "lengthened": data + b"\0"}[how])
    assert problems(root) == {name: "changed"}


def test_an_empty_file_that_is_not_empty_any_more(root: Path, package: Path) -> None:
    (package / "empty").chmod(0o644)
    (package / "empty").write_bytes(b"x")
    assert problems(root) == {"empty": "changed"}


@pytest.mark.parametrize("name", ["extra", "deep/extra", "new/dir/extra", ".hidden", "sha256sums.txt.bak", "new\nline"])
def test_an_added_file(root: Path, package: Path, name: str) -> None:
    (package / name).parent.mkdir(parents=True, exist_ok=True)
    (package / name).write_bytes(b"")
    assert problems(root) == {name: "extra"}


def test_an_added_file_whose_name_is_not_utf8(root: Path, package: Path) -> None:
    Path(os.fsdecode(os.fsencode(package) + b"/caf\xe9")).touch()
    [(path, kind)] = problems(root).items()
    assert kind == "extra"
    assert "caf" in path


@pytest.mark.parametrize("name", [*FILES, "empty"])
def test_a_removed_file(root: Path, package: Path, name: str) -> None:
    (package / name).unlink()
    found = problems(root)
    assert found[name] == "missing"
    assert name == MANIFEST or len(found) == 1


def test_a_removed_directory(root: Path, package: Path) -> None:
    shutil.rmtree(package / "deep")
    assert problems(root) == {NESTED: "missing"}


def test_a_renamed_file(root: Path, package: Path) -> None:
    (package / "model.pt").rename(package / "model2.pt")
    assert problems(root) == {"model.pt": "missing", "model2.pt": "extra"}


def test_a_renamed_directory(root: Path, package: Path) -> None:
    (package / "deep").rename(package / "deeper")
    assert problems(root) == {NESTED: "missing", "deeper/er/label map.json": "extra"}


def test_two_files_that_changed_places(root: Path, package: Path) -> None:
    (package / "model.pt").rename(package / "aside")
    (package / NESTED).rename(package / "model.pt")
    (package / "aside").rename(package / NESTED)
    assert problems(root) == {"model.pt": "changed", NESTED: "changed"}


def replace_by_symlink(path: Path) -> None:
    # To the very bytes: a link is a change even while it shows what was there.
    kept = path.parents[8] / "kept"
    path.rename(kept)
    path.symlink_to(kept)


def replace_by_dangling_symlink(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


REPLACED = [replace_by_symlink, replace_by_dangling_symlink, replace_by_directory, replace_by_fifo]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("replace", REPLACED)
def test_a_file_that_is_something_else_now(
    root: Path, package: Path, replace: Callable[[Path], None], name: str
) -> None:
    replace(package / name)
    found = problems(root)
    assert found[name] in ("changed", "missing", "unreadable", "manifest")
    assert name == MANIFEST or found == {name: "missing" if replace is replace_by_directory else "changed"}


def test_a_package_directory_behind_a_symlink(root: Path, package: Path) -> None:
    """The bytes are whole, but not where the registry put them: a directory inside the package became a link."""
    (package / "deep").rename(root.parent / "moved")
    (package / "deep").symlink_to(root.parent / "moved")
    assert problems(root) == {"deep": "extra", NESTED: "missing"}


def rewrite_manifest(package: Path, lines: list[str]) -> None:
    (package / MANIFEST).chmod(0o644)
    (package / MANIFEST).write_text("".join(line + "\n" for line in lines))


def honest_lines(package: Path) -> list[str]:
    paths = sorted(str(p.relative_to(package)) for p in package.rglob("*") if p.is_file() and p.name != MANIFEST)
    return [f"{sha256(package / path).removeprefix('sha256:')}  {path}" for path in paths]


def test_a_manifest_rewritten_to_match_a_changed_file(root: Path, package: Path) -> None:
    (package / "model.pt").chmod(0o644)
    (package / "model.pt").write_bytes(b"other weights")
    rewrite_manifest(package, honest_lines(package))
    assert problems(root) == {MANIFEST: "manifest"}
    with pytest.raises(PackageCorrupt) as caught:
        open_registry(root).verify(TASK, REF)
    [problem] = caught.value.detail["problems"]
    assert problem["actual"] == sha256(package / MANIFEST) != problem["expected"]


def test_a_manifest_rewritten_to_cover_an_added_file(root: Path, package: Path) -> None:
    (package / "extra").write_bytes(b"x")
    rewrite_manifest(package, honest_lines(package))
    assert problems(root) == {MANIFEST: "manifest"}


def test_a_manifest_in_another_order(root: Path, package: Path) -> None:
    rewrite_manifest(package, honest_lines(package)[::-1])
    assert problems(root) == {MANIFEST: "manifest"}


@pytest.mark.parametrize("lines", [[], ["", ""], ["no manifest"], ["0" * 64 + "  ../../../../../../etc/passwd"]])
def test_a_manifest_that_lists_nothing_of_the_package(root: Path, package: Path, lines: list[str]) -> None:
    """Emptied or overwritten: the manifest is named, and so is every file that it no longer vouches for."""
    rewrite_manifest(package, lines)
    found = problems(root)
    assert found.pop(MANIFEST) == "manifest"
    found.pop("../../../../../../etc/passwd", None)
    assert found == {"model.pt": "extra", NESTED: "extra", META: "extra", "empty": "extra"}


def test_the_whole_package_is_another_one(root: Path, package: Path, area: Path) -> None:
    """Consistent in itself, written by the registry even, but not what was registered under this name."""
    other = write_package(area / "other")
    (other / "model.pt").write_bytes(b"other weights")
    second = Path(open_registry(root).register(TASK, "pbmc", "2", other, set_alias=None).package_path)
    shutil.rmtree(package)
    shutil.copytree(second, package)
    assert problems(root) == {MANIFEST: "manifest"}


@pytest.mark.parametrize("mode", [0o555, 0o755], ids=["sealed", "writable"])
def test_check_names_a_rewritten_or_missing_manifest(root: Path, package: Path, mode: int) -> None:
    """Also where the tampering left the directory writable, as a crash before the sealing would have."""

    def damaged() -> list[str]:
        package.chmod(mode)
        return [finding.where for finding in open_registry(root).check().findings if finding.severity == "damage"]

    rewrite_manifest(package, [*honest_lines(package), ""])
    assert damaged() == ["celltype/pbmc@1"]
    package.chmod(0o755)
    (package / MANIFEST).unlink()
    assert damaged() == ["celltype/pbmc@1"]


# what cannot be read


def owned_by_an_ordinary_user(root: Path) -> None:
    if os.geteuid() == 0:
        for path in [root, *root.rglob("*")]:
            os.chown(path, forks.ORDINARY_USER, forks.ORDINARY_USER, follow_symlinks=False)


@pytest.mark.parametrize("name", FILES)
def test_an_unreadable_file(root: Path, package: Path, name: str) -> None:
    owned_by_an_ordinary_user(root)
    (package / name).chmod(0)
    found = forks.run_as_ordinary_user(lambda: problems(root)).get()
    assert found[name] == "unreadable"
    assert name == MANIFEST or len(found) == 1


def test_an_unreadable_directory(root: Path, package: Path) -> None:
    """What lies in it is not proven, and never said to be."""
    owned_by_an_ordinary_user(root)
    (package / "deep").chmod(0)
    outcome = forks.run_as_ordinary_user(lambda: open_registry(root).verify(TASK, REF))
    (package / "deep").chmod(0o755)
    assert isinstance(outcome.error, PackageCorrupt | StorageUnavailable), outcome


def test_a_task_that_cannot_be_listed_is_named_and_hides_no_other(root: Path, source: Path) -> None:
    registry = open_registry(root)
    registry.register("celltype", "pbmc", "1", source)
    registry.register("tissue", "lung", "1", source)
    (root / "tasks" / "celltype" / "models").chmod(0)

    for directory in (root, root / "tasks"):
        directory.chmod(0o755)
    report = forks.run_as_ordinary_user(lambda: open_registry(root).check()).get()
    (root / "tasks" / "celltype" / "models").chmod(0o755)
    assert report.models == 1
    assert [(f.severity, f.where) for f in report.findings if "cannot be listed" in f.message] == [
        ("damage", "celltype")
    ]
