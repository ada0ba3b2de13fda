"""A source directory becomes a plan: what is in it, where it may lie, and what kinds of files it may hold."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_core import ArtifactsRefused, DigestMismatch, InvalidMetadata
from registry_core.format.manifest import render
from registry_core.packages.intake import (
    MAX_DEPTH,
    MAX_MANIFEST_BYTES,
    MAX_META_BYTES,
    batches,
    check_brought_manifest,
    digests,
    packaged_meta,
    path_refusal,
    plan,
)
from registry_core.packages.sources import FileSource
from registry_core.vocabulary.artifact import Artifact
from registry_core.vocabulary.texts import digest

from ...support.machine import need
from ...support.packages import write_files

names = st.text(st.sampled_from("ab .-_é漢"), min_size=1, max_size=4).filter(lambda name: name not in (".", ".."))
trees = st.dictionaries(
    st.lists(names, min_size=1, max_size=4).map("/".join), st.binary(max_size=10), min_size=1, max_size=8
)


def planned(top: Path, **options: object) -> list[str]:
    return [file.name for file in plan(str(top), registry_root=None, **options).files]  # type: ignore[arg-type]


def refusal(top: Path | str, **options: object) -> ArtifactsRefused:
    with pytest.raises(ArtifactsRefused) as caught:
        plan(str(top), **{"registry_root": None, **options})  # type: ignore[arg-type]
    json.dumps([caught.value.message, caught.value.detail], ensure_ascii=False).encode()
    return caught.value


def reasons(error: ArtifactsRefused) -> dict[str, str]:
    return {problem["path"]: problem["reason"] for problem in error.detail["problems"]}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_files(tmp_path / "source", {"model.pt": b"weights", "deep/er/map.json": b"{}"})


@given(files=trees)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_every_file_is_planned_once_with_its_size(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    top = tmp_path_factory.mktemp("tree")
    files = {name: data for name, data in files.items() if not any(other.startswith(name + "/") for other in files)}
    write_files(top, files)
    (top / "an empty directory").mkdir()
    found = plan(str(top), registry_root=None)
    assert {file.name: file.size_bytes for file in found.files} == {name: len(data) for name, data in files.items()}
    assert len(found.files) == len(files)
    assert (found.brought_meta, found.brought_manifest) == (None, None)
    assert {name: "sha256:" + sha256 for name, sha256 in digests(found, workers=2).items()} == {
        name: digest(data) for name, data in files.items()
    }


def test_what_the_registry_writes_anew_is_set_apart(source: Path) -> None:
    write_files(source, {"model_meta.json": b'{"a": 1}', "sha256sums.txt": b"", "deep/model_meta.json": b"{}"})
    found = plan(str(source), registry_root=None)
    assert sorted(file.name for file in found.files) == ["deep/er/map.json", "deep/model_meta.json", "model.pt"]
    assert found.brought_meta is not None
    assert found.brought_manifest is not None
    meta, sha256 = packaged_meta(found)
    assert (meta, "sha256:" + str(sha256)) == ({"a": 1}, digest(b'{"a": 1}'))


def test_without_metadata_of_its_own_there_is_none(source: Path) -> None:
    assert packaged_meta(plan(str(source), registry_root=None)) == ({}, None)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"a": NaN}', b'{"a":"' + b"x" * 1024 * 1024 + b'"}'], ids=len)
def test_metadata_of_its_own_must_be_storable(source: Path, data: bytes) -> None:
    (source / "model_meta.json").write_bytes(data)
    with pytest.raises(InvalidMetadata):
        packaged_meta(plan(str(source), registry_root=None))


# where it lies


def test_a_directory_that_is_there_and_absolute(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("source", "./source", "", "~", "\0", f"{source}\0", "\ud800"):
        refusal(path)
    refusal(tmp_path / "nothing")
    refusal(source / "model.pt")
    refusal(source / "model.pt" / "below")
    (tmp_path / "empty").mkdir()
    refusal(tmp_path / "empty")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "sha256sums.txt").touch()
    refusal(tmp_path / "bare")
    (tmp_path / "loop").symlink_to("loop")
    refusal(tmp_path / "loop")
    assert len(planned(source)) == 2
    assert len(planned(tmp_path / "empty" / ".." / "source")) == 2


def test_never_inside_or_around_the_registry(tmp_path: Path) -> None:
    root = tmp_path / "top" / "root"
    for inside in ("", "tasks", "tasks/t", ".staging/a"):
        top = write_files(root / inside, {"model.pt": b"w"})
        refusal(top, registry_root=str(root))
    for around in (tmp_path, tmp_path / "top", Path("/")):
        refusal(around, registry_root=str(root))
    (tmp_path / "link").symlink_to(root / "tasks")
    refusal(tmp_path / "link", registry_root=str(root))
    refusal(tmp_path / "link" / "t", registry_root=str(root))
    (tmp_path / "root").symlink_to(root)
    refusal(root / "tasks", registry_root=str(tmp_path / "root"))
    refusal(f"{tmp_path}/elsewhere/../top/root/tasks", registry_root=str(root))
    beside = write_files(tmp_path / "top" / "root-2", {"model.pt": b"w"})
    assert [file.name for file in plan(str(beside), registry_root=str(root)).files] == ["model.pt"]


def test_under_an_allowed_root_where_there_are_any(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    package = write_files(allowed / "run", {"model.pt": b"w"})
    (tmp_path / "link").symlink_to(allowed)
    for roots in (
        (str(allowed),),
        (str(allowed) + "/",),
        (str(tmp_path / "link"),),
        ("/nowhere", str(allowed)),
        ("/",),
    ):
        assert planned(package, allowed_roots=roots) == ["model.pt"]
    outside = write_files(tmp_path / "allowed-not", {"model.pt": b"w"})
    (allowed / "escape").symlink_to(outside)
    for path in (outside, allowed / "escape", f"{allowed}/../allowed-not", tmp_path / "nothing"):
        error = refusal(path, allowed_roots=(str(allowed),))
        assert str(allowed) not in error.message  # no server path that the caller did not send


# what it holds


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def a_device(path: Path) -> None:
    need(os.geteuid() == 0, "making a device needs root")
    os.mknod(path, 0o20600, os.makedev(1, 3))


KINDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "link": (lambda path: path.symlink_to("model.pt"), "symbolic link"),
    "link to a directory": (lambda path: path.symlink_to("deep"), "symbolic link"),
    "dangling link": (lambda path: path.symlink_to("nowhere"), "symbolic link"),
    "link to itself": (lambda path: path.symlink_to(path.name), "symbolic link"),
    "fifo": (os.mkfifo, "FIFO"),
    "socket": (a_socket, "socket"),
    "device": (a_device, "character device"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["it", "deep/er/it"])
def test_regular_files_only(source: Path, monkeypatch: pytest.MonkeyPatch, kind: str, where: str) -> None:
    make, word = KINDS[kind]
    monkeypatch.chdir(source / Path(where).parent)  # a socket's path is short
    make(Path("it"))
    assert word in reasons(refusal(source))[where]


@pytest.mark.parametrize("name", [b"a\nb", b"a\\b", b"a\tb", b"\x7f", b"caf\xe9", "a\u2028b".encode(), b"\x01"])
def test_names_that_a_manifest_can_hold_only(source: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(source) + b"/" + name)).touch()
    assert len(reasons(refusal(source))) == 1
    Path(os.fsdecode(os.fsencode(source) + b"/" + name)).unlink()
    Path(os.fsdecode(os.fsencode(source) + b"/" + name)).mkdir()
    assert len(reasons(refusal(source))) == 1


def test_all_problems_are_told_at_once_and_at_most_twenty(source: Path) -> None:
    for number in range(30):
        (source / f"link-{number}").symlink_to("model.pt")
    error = refusal(source, required_files=("labels.json",))
    assert len(error.detail["problems"]) == 20
    assert "30 more" in error.message


def test_depth_is_bounded(tmp_path: Path) -> None:
    levels = ["d"] * (MAX_DEPTH - 1)
    top = write_files(tmp_path / "deep", {"/".join([*levels, "file"]): b"x"})
    assert len(planned(top)) == 1
    write_files(top, {"/".join([*levels, "d", "file"]): b"x"})
    assert list(reasons(refusal(top))) == ["/".join([*levels, "d"])]


def test_required_files_are_a_policy(source: Path) -> None:
    assert len(planned(source, required_files=("model.pt", "deep/er/map.json", "model_meta.json"))) == 2
    assert list(reasons(refusal(source, required_files=("model.pt", "metrics.json")))) == ["metrics.json"]
    (source / "metrics.json").mkdir()
    write_files(source, {"metrics.json/nested": b""})
    assert "metrics.json" in reasons(refusal(source, required_files=("metrics.json",)))


@pytest.mark.parametrize("name", ["model_meta.json", "sha256sums.txt"])
def test_a_directory_may_not_have_the_name_of_a_file_of_ours(source: Path, name: str) -> None:
    write_files(source, {f"{name}/inside": b"x"})
    assert name in reasons(refusal(source))


def test_a_brought_manifest_that_differs_is_refused_with_the_files(source: Path) -> None:
    def brings(data: bytes) -> None:
        (source / "sha256sums.txt").write_bytes(data)
        found = plan(str(source), registry_root=None)
        check_brought_manifest(found, digests(found, workers=1))

    files = {"model.pt": b"weights", "deep/er/map.json": b"{}"}
    honest = render([Artifact(name, digest(data)[7:], len(data)) for name, data in files.items()])
    for data in (b"", b"\n  \n", honest, honest.splitlines(keepends=True)[0]):
        brings(data)
    for data in (honest.replace(b"model.pt", b"model.bin"), b"0" * 64 + b"  model.pt\n", b"nonsense\n"):
        with pytest.raises(DigestMismatch) as caught:
            brings(data)
        assert len(caught.value.detail["problems"]) == 1


def test_a_directory_that_became_a_link_during_the_walk_is_not_followed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was planned as a directory; what it leads to by now is not below the source."""
    outside = write_files(tmp_path / "outside", {"secret": b"s"})
    real, turned = os.scandir, []

    def scandir(directory: int) -> object:
        found = list(real(directory))
        if not turned:  # the top has been looked at, and what is below it has not
            assert all(entry.stat(follow_symlinks=False) for entry in found)
            turned.append((source / "deep").rename(tmp_path / "moved"))
            (source / "deep").symlink_to(outside)
        return iter(found)

    monkeypatch.setattr(os, "scandir", scandir)
    error = refusal(source)
    assert "deep" in reasons(error)
    assert "secret" not in json.dumps(error.detail)


# a file that became something else between the plan and its reading


def test_a_file_that_became_a_link_to_itself_is_refused(source: Path, tmp_path: Path) -> None:
    """The same file by its inode, and yet the path leads out of the source."""
    found = plan(str(source), registry_root=None)
    (source / "model.pt").rename(tmp_path / "elsewhere")
    (source / "model.pt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactsRefused):
        digests(found, workers=1)


def test_a_file_that_was_replaced_is_refused_however_like_it_is(source: Path, tmp_path: Path) -> None:
    path, other = source / "model.pt", write_files(tmp_path / "other", {"model.pt": b"WEIGHTS"}) / "model.pt"
    found, before = plan(str(source), registry_root=None), path.stat()
    other.rename(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ArtifactsRefused, match="changed"):
        digests(found, workers=1)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """The directory ``root`` under another name, which no look at paths tells."""
    need(os.geteuid() == 0, "a bind mount needs root")
    (tmp_path / "root").mkdir()
    place = tmp_path / "elsewhere" / "place"
    place.mkdir(parents=True)
    done = subprocess.run(["mount", "--bind", str(tmp_path / "root"), str(place)], capture_output=True, text=True)
    need(done.returncode == 0, f"a bind mount needs CAP_SYS_ADMIN: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_the_registry_is_not_taken_in_by_another_mount(tmp_path: Path, mounted: Path) -> None:
    write_files(tmp_path / "root", {"tasks/t/model.pt": b"w"})
    for top in (mounted, mounted / "tasks", mounted.parent):
        refusal(top, registry_root=str(tmp_path / "root"))


# paths that arrive in words


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("a/../b", "plain segments"),
        ("..", "plain segments"),
        ("a//b", "plain segments"),
        ("/a", "plain segments"),
        ("./a", "plain segments"),
        ("a" * 256, "too long"),
        ("é" * 128, "too long"),
        ("/".join(["a" * 255] * 4) + "/b", "too long"),
        ("/".join(["é" * 127] * 4) + "/" + "é" * 10, "too long"),
        ("/".join(["d"] * 64) + "/f", "deeper"),
        ("a\\b", "backslash"),
        ("a\nb", "control"),
        ("\udc80", "UTF-8"),
    ],
)
def test_a_path_that_no_file_of_a_package_has(path: str, reason: str) -> None:
    assert reason in (path_refusal(path) or "")


@pytest.mark.parametrize(
    "path", ["a", "a" * 255, "é" * 127, "/".join(["a" * 255] * 4), "/".join(["d"] * 63) + "/f", "...", "a b"]
)
def test_a_path_that_a_file_of_a_package_may_have(path: str) -> None:
    assert path_refusal(path) is None


def test_what_is_taken_in_beside_the_files_is_bounded(source: Path) -> None:
    with (source / "sha256sums.txt").open("wb") as file:
        file.truncate(MAX_MANIFEST_BYTES + 1)
    with pytest.raises(ArtifactsRefused, match="larger than"):
        check_brought_manifest(plan(str(source), registry_root=None), {})
    with (source / "model_meta.json").open("wb") as file:
        file.truncate(MAX_META_BYTES + 1)
    with pytest.raises(InvalidMetadata, match="larger than"):
        packaged_meta(plan(str(source), registry_root=None))


def test_a_file_in_place_of_a_directory_is_told_so(source: Path) -> None:
    with pytest.raises(ArtifactsRefused, match="is a file, and a package is a directory"):
        plan(str(source / "model.pt"), registry_root=None)


def source_of(size_bytes: int) -> FileSource:
    return FileSource("file", "/file", 1, 1, size_bytes, 0)


@given(st.lists(st.integers(0, 200_000), max_size=600), st.integers(1, 8))
def test_each_file_is_in_one_batch_in_order_and_large_ones_are_handed_over_alone(
    sizes: list[int], workers: int
) -> None:
    sizes = sorted(sizes, reverse=True)
    found = list(batches([source_of(size) for size in sizes], workers))
    assert [file.size_bytes for batch in found for file, _ in batch] == sizes
    assert [left for batch in found for _, left in batch] == [sum(sizes[number:]) for number in range(len(sizes))]
    assert all(len(batch) == 1 for batch in found if batch[0][0].size_bytes >= 64 * 1024)
    assert all(batch for batch in found)


def test_few_small_files_are_handed_over_one_by_one_and_many_in_batches_enough_for_all_workers() -> None:
    """On an object store each is a request, so that they must not wait for each other."""
    assert {len(batch) for batch in batches([source_of(1)] * 31, workers=2)} == {1}
    assert len(list(batches([source_of(1)] * 200, workers=2))) >= 2 * 8
    assert max(len(batch) for batch in batches([source_of(1)] * 30_000, workers=2)) == 64
