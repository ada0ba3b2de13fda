"""The directory that a pull makes, or fills in place where it is there: proven first, its manifest last.

It holds the files of the package under their own names (invariant I13).
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registry_client import RegistryClient
from registry_client.local import files as local_files
from registry_client.local.cache import Cache
from registry_client.pull import destination
from registry_client.pull.destination import check_names
from registry_client.pull.download import Remote
from registry_client.pull.remote_package import Package
from registry_core import InvalidParameter, PackageCorrupt, Resolution, StorageUnavailable

from ...support.machine import MIB
from ...support.packages import write_files
from ..conftest import Service
from ..trees import assert_nothing_wrong, files_of, package

MANIFEST = "sha256sums.txt"


@pytest.fixture
def expected(service: Service, model: str, area: Path) -> dict[str, bytes]:
    """The files of version 1 of the test's model."""
    service.registry.register("t", model, "1", write_files(area / "source", package()))
    return files_of(Path(service.registry.resolve("t", f"{model}@1").path))


def empty(area: Path, _: Callable[[int], Path]) -> Path:
    (area / "dest").mkdir(mode=0o750)
    return area / "dest"


def mount_point(_: Path, small_disk: Callable[[int], Path]) -> Path:
    return small_disk(8 * MIB)


def mount_point_below_what_is_read_only(_: Path, small_disk: Callable[[int], Path]) -> Path:
    disk = small_disk(8 * MIB)
    (disk / "dest").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk / "dest")], check=True)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    return disk / "dest"


def bind_mount(area: Path, small_disk: Callable[[int], Path]) -> Path:
    """The same filesystem by another mount: no device number tells."""
    disk = small_disk(8 * MIB)
    for name in ("volume", "dest"):
        (disk / name).mkdir()
    subprocess.run(["mount", "--bind", str(disk / "volume"), str(disk / "dest")], check=True)
    return disk / "dest"


def with_lost_and_found(area: Path, _: Callable[[int], Path]) -> Path:
    (area / "dest" / "lost+found").mkdir(parents=True, mode=0o700)
    (area / "dest" / "lost+found" / "#17").write_bytes(b"an inode without a name")
    return area / "dest"


PLACES = [empty, mount_point, mount_point_below_what_is_read_only, bind_mount, with_lost_and_found]


@pytest.fixture
def unmounting(area: Path, small_disk: Callable[[int], Path]) -> Iterator[None]:
    """What a place has mounted below what ``small_disk`` unmounts is unmounted before."""
    yield
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        place = line.split()[1]
        if place.startswith(f"{area}/") and place.endswith("/dest"):
            subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("make", PLACES)
def test_a_directory_that_is_there_is_filled_in_place(
    client: RegistryClient,
    model: str,
    expected: dict[str, bytes],
    cache: Cache,
    area: Path,
    small_disk: Callable[[int], Path],
    unmounting: None,
    make: Callable[[Path, Callable[[int], Path]], Path],
) -> None:
    dest = make(area, small_disk)
    before, status = files_of(dest), dest.stat()
    assert not client.pull("t", f"{model}@1", dest, cache=cache).already_there
    assert files_of(dest) == {**expected, **before}
    assert (dest.stat().st_ino, dest.stat().st_mode) == (status.st_ino, status.st_mode)
    assert client.pull("t", f"{model}@1", dest, cache=cache).already_there
    assert files_of(dest) == {**expected, **before}


def test_the_working_directory_is_filled(service: Service, model: str, expected: dict[str, bytes], area: Path) -> None:
    (area / "here").mkdir()
    omr = Path(sys.executable).with_name("omr")
    script = f"{omr} --url {service.url} pull t {model}@1 . --json && ls -a"
    done = subprocess.run(["sh", "-c", script], cwd=area / "here", capture_output=True, text=True, check=True)
    answer, _, listed = done.stdout.partition("\n")
    assert json.loads(answer)["path"] == str(area / "here")
    assert set(listed.splitlines()) == {".", "..", *(path.partition("/")[0] for path in expected)}


def test_what_a_link_leads_to_is_filled(
    client: RegistryClient, model: str, expected: dict[str, bytes], cache: Cache, area: Path
) -> None:
    (area / "real").mkdir()
    (area / "dest").symlink_to("real")
    assert client.pull("t", f"{model}@1", area / "dest", cache=cache).path == str(area / "real")
    assert (area / "dest").is_symlink()
    assert files_of(area / "real") == expected
    assert client.pull("t", f"{model}@1", area / "dest", cache=cache).already_there
    for name, leads_to in (("dangling", "nothing"), ("file", "real/empty"), ("full", "source")):
        (area / name).symlink_to(leads_to)
        before = files_of(area)
        with pytest.raises(InvalidParameter):
            client.pull("t", f"{model}@1", area / name, cache=cache)
        assert files_of(area) == before


def test_a_pull_that_fails_leaves_the_directory_empty(
    client: RegistryClient, model: str, expected: dict[str, bytes], cache: Cache, area: Path
) -> None:
    client.pull("t", f"{model}@1", area / "before", cache=cache)
    (dest := area / "dest").mkdir()
    cache.prune()
    with pytest.raises(StorageUnavailable):
        client.pull("t", f"{model}@1", dest, cache=cache, offline=True)
    assert list(dest.iterdir()) == []


def test_a_name_that_somebody_takes_meanwhile_is_his(
    client: RegistryClient,
    model: str,
    expected: dict[str, bytes],
    cache: Cache,
    area: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (dest := area / "dest").mkdir()
    lay = destination._lay_within

    def late(target: Path, files: Path, replaced: list[str]) -> None:
        (dest / "shards").write_bytes(b"mine")
        lay(target, files, replaced)

    monkeypatch.setattr(destination, "_lay_within", late)
    with pytest.raises(StorageUnavailable):
        client.pull("t", f"{model}@1", dest, cache=cache)
    assert [path.name for path in dest.iterdir()] == ["shards"]
    assert (dest / "shards").read_bytes() == b"mine"
    monkeypatch.undo()
    with pytest.raises(InvalidParameter):
        client.pull("t", f"{model}@1", dest, cache=cache)


def test_several_at_once_into_one_directory(
    service: Service, model: str, expected: dict[str, bytes], cache: Cache, area: Path
) -> None:
    (dest := area / "dest").mkdir()
    together = threading.Barrier(4, timeout=100)

    def run(_: int) -> bool:
        with RegistryClient(service.url) as client:
            together.wait()
            return client.pull("t", f"{model}@1", dest, cache=cache).already_there

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(run, range(4)))
    assert found == [False, True, True, True]
    assert files_of(dest) == expected


def test_an_update_follows_an_alias(
    service: Service, client: RegistryClient, model: str, expected: dict[str, bytes], cache: Cache, area: Path
) -> None:
    """In place, proven first; and only of what is as it was pulled."""
    dest = area / "dest"
    client.pull("t", f"{model}@latest", dest, cache=cache, update=True)
    inode = dest.stat().st_ino
    new = {"model.pt": b"new", "other/deep": b"x"}
    service.registry.register("t", model, "2", write_files(area / "new", new))
    second = files_of(Path(service.registry.resolve("t", f"{model}@2").path))
    with pytest.raises(InvalidParameter):
        client.pull("t", f"{model}@latest", dest, cache=cache)
    assert files_of(dest) == expected
    done = client.pull("t", f"{model}@latest", dest, cache=cache, update=True)
    assert (done.version, done.already_there) == ("2", False)
    assert files_of(dest) == second
    assert sorted(path.name for path in dest.iterdir()) == sorted({path.partition("/")[0] for path in second})
    assert dest.stat().st_ino == inode
    assert client.pull("t", f"{model}@latest", dest, cache=cache, update=True).already_there
    assert not client.pull("t", f"{model}@1", dest, cache=cache, update=True).already_there
    assert files_of(dest) == expected


@pytest.mark.parametrize("change", ["added", "changed", "removed", "another model", "no version"])
def test_an_update_replaces_nothing_that_somebody_has_changed(
    service: Service,
    client: RegistryClient,
    model: str,
    expected: dict[str, bytes],
    cache: Cache,
    area: Path,
    change: str,
) -> None:
    dest = area / "dest"
    client.pull("t", f"{model}@1", dest, cache=cache)
    service.registry.register("t", model, "2", write_files(area / "new", {"model.pt": b"new"}))
    service.registry.register("t", f"{model}-other", "1", area / "new")
    wanted = f"{model}-other@1" if change == "another model" else f"{model}@2"
    (dest / "label map.json").chmod(0o644)
    if change == "added":
        (dest / "notes").write_bytes(b"mine")
    elif change == "changed":
        (dest / "label map.json").write_bytes(b"mine")
    elif change == "removed":
        (dest / "empty").unlink()
    elif change == "no version":
        (dest / "sha256sums.txt").unlink()
    before = files_of(dest)
    with pytest.raises(InvalidParameter, match="only as it was pulled"):
        client.pull("t", wanted, dest, cache=cache, update=True)
    assert files_of(dest) == before


def test_an_update_that_fails_leaves_the_version_that_was_there(
    service: Service,
    client: RegistryClient,
    model: str,
    expected: dict[str, bytes],
    cache: Cache,
    area: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dest = area / "dest"
    client.pull("t", f"{model}@1", dest, cache=cache)
    service.registry.register("t", model, "2", write_files(area / "new", {"model.pt": b"new", "z": b"z"}))
    rename = os.rename

    def fail(source: Path, target: Path) -> None:
        if target == dest / "z":
            raise OSError(errno.EIO, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(StorageUnavailable):
        client.pull("t", f"{model}@2", dest, cache=cache, update=True)
    assert files_of(dest) == expected


def test_without_a_cache_nothing_is_kept_but_the_package(
    service: Service, client: RegistryClient, model: str, expected: dict[str, bytes], area: Path
) -> None:
    (area / "there").mkdir()
    for name in ("new", "there"):
        done = client.pull("t", f"{model}@1", area / name, use_cache=False)
        assert done.bytes_fetched >= len(package()["model.pt"])
        assert files_of(area / name) == expected
        assert {os.stat(path).st_nlink for path in (area / name).rglob("*") if path.is_file()} == {1}
    service.registry.register("t", f"{model}-2", "1", write_files(area / "twice", {"a": b"xyz", "b": b"xyz"}))
    client.pull("t", f"{model}-2@1", area / "pair", use_cache=False)
    assert (area / "pair/a").stat().st_ino != (area / "pair/b").stat().st_ino, "two files, as they were sent"
    assert sorted(path.name for path in area.iterdir()) == ["new", "pair", "source", "there", "twice"]
    with pytest.raises(InvalidParameter):
        client.pull("t", f"{model}@1", area / "never", use_cache=False, offline=True)


def test_after_a_killed_pull_only_what_it_laid_is_taken_back(
    client: RegistryClient, model: str, expected: dict[str, bytes], cache: Cache, area: Path
) -> None:
    """Whatever the note says: names of the directory itself, and not those that never got there."""
    outside = write_files(area / "outside", {"precious": b"x"})
    dest = write_files(area / "dest", {"a": b"1", "mine": b"2", ".omr-pull/files/left": b"3", ".omr-pull/was": b""})
    note = ["a", "left", "../outside/precious", str(outside / "precious"), "..", ".", ".omr-pull", "gone"]
    (dest / ".omr-pull/laid").write_text(json.dumps(note))
    with pytest.raises(InvalidParameter):
        client.pull("t", f"{model}@1", dest, cache=cache)
    assert (outside / "precious").read_bytes() == b"x"
    assert {path: data for path, data in files_of(dest).items() if ".omr-pull" not in path} == {"mine": b"2"}


def test_what_a_killed_pull_keeps_there_is_no_link_elsewhere(
    client: RegistryClient, model: str, expected: dict[str, bytes], cache: Cache, area: Path
) -> None:
    outside = write_files(area / "outside", {"precious": b"x"})
    (dest := area / "dest").mkdir()
    (dest / ".omr-pull").symlink_to(outside)
    with pytest.raises(StorageUnavailable):
        client.pull("t", f"{model}@1", dest, cache=cache)
    assert files_of(outside) == {"precious": b"x"}


def test_a_file_of_one_pull_is_not_the_file_of_another(
    client: RegistryClient, model: str, expected: dict[str, bytes], cache: Cache, area: Path
) -> None:
    """Whoever makes one writable and edits it changes neither the other nor the cache."""
    for name in ("one", "two"):
        client.pull("t", f"{model}@1", area / name, cache=cache)
    path = area / "one" / "model.pt"
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(b"edited")
    assert files_of(area / "two") == expected
    assert_nothing_wrong(cache)


def test_hard_links_only_when_they_are_asked_for(
    client: RegistryClient, model: str, expected: dict[str, bytes], cache: Cache, area: Path
) -> None:
    for name, link in (("own", False), ("linked", True)):
        client.pull("t", f"{model}@1", area / name, cache=cache, link=link)
        assert files_of(area / name) == expected
        inodes = {path.stat().st_ino for path in (cache.directory / "blobs").rglob("*") if path.is_file()}
        assert ((area / name / "model.pt").stat().st_ino in inodes) is link


def test_where_links_cannot_be_files_are_copied(
    client: RegistryClient,
    model: str,
    expected: dict[str, bytes],
    cache: Cache,
    area: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local_files, "_link", lambda *_: False)
    client.pull("t", f"{model}@1", area / "dest", cache=cache, link=True)
    assert files_of(area / "dest") == expected
    assert os.stat(area / "dest" / "model.pt").st_nlink == 1


def test_a_package_with_what_a_pull_obeys_is_refused(
    service: Service, client: RegistryClient, model: str, cache: Cache, area: Path
) -> None:
    service.registry.register("t", model, "1", write_files(area / "source", {".omr-pull/laid": b'["precious"]'}))
    with pytest.raises(PackageCorrupt):
        client.pull("t", f"{model}@1", area / "dest", cache=cache)
    assert not (area / "dest").exists()


def named(*paths: str) -> Package:
    found = Resolution("/p", "t", "m", "1", None, f"sha256:{'0' * 64}", False)
    return Package(found, tuple(Remote("t", "m", "1", path, "0" * 64, 1) for path in paths))


def test_I13_names_that_the_filesystem_mixes_are_refused(area: Path) -> None:
    """As one leaves them that takes capitals for small letters: ``a/two`` went into the directory ``A``."""
    laid = write_files(area / "laid", {"A/one": b"1", "A/two": b"2"})
    check_names(laid, named("A/one", "A/two"))
    for paths in (("A/one", "a/two"), ("A/one",), ("A/one", "A/two", "A/three")):
        with pytest.raises(InvalidParameter) as refused:
            check_names(laid, named(*paths))
        assert refused.value.detail["field"] == "dest"
