"""The cache: a file under its digest, fetched once, pruned by age and size, of no harm when it is gone."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registry_client.local.cache import Cache
from registry_client.local.files import lay
from registry_client.local.settings import cache_dir
from registry_core import InvalidParameter, StorageUnavailable

from ...support.machine import need
from ..trees import assert_nothing_wrong


def hexed(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def used(cache: Cache, data: bytes, days_ago: float) -> None:
    """The blob was last used so long ago."""
    moment = time.time() - days_ago * 86400
    os.utime(cache.blob_path(hexed(data)), (moment, moment))


def held(cache: Cache) -> set[str]:
    return {file.sha256 for file in cache.files()}


def test_a_file_is_kept_under_its_digest(cache: Cache) -> None:
    assert cache.files() == []
    assert cache.get(hexed(b"x"), 10) is None
    cache.put(b"x")
    (file,) = cache.files()
    assert (file.sha256, file.size_bytes) == (hexed(b"x"), 1)
    assert cache.get(hexed(b"x"), 10) == b"x"
    assert cache.blob_path(hexed(b"x")).stat().st_mode & 0o777 == 0o444


def test_only_one_fetches_while_the_others_wait(cache: Cache) -> None:
    data = b"large" * 1000
    together = threading.Barrier(8, timeout=100)
    fetches = []

    def fetch(fd: int) -> None:
        fetches.append(fd)
        os.pwrite(fd, data, 0)

    def run(_: int) -> bytes:
        together.wait()
        with cache.blob(hexed(data), fetch) as (fd, _fetched):
            return os.pread(fd, len(data) + 1, 0)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(run, range(8))) == {data}
    assert len(fetches) == 1
    assert list((cache.directory / "partial").iterdir()) == []


def test_a_fetch_that_fails_leaves_its_beginning_for_the_next(cache: Cache) -> None:
    def fails(fd: int) -> None:
        os.write(fd, b"begin")
        raise StorageUnavailable("gone")

    def goes_on(fd: int) -> None:
        assert os.pread(fd, 100, 0) == b"begin"
        os.pwrite(fd, b"ning", 5)

    with pytest.raises(StorageUnavailable), cache.blob(hexed(b"beginning"), fails):
        pass
    assert cache.files() == []
    with cache.blob(hexed(b"beginning"), goes_on) as (fd, fetched):
        assert fetched
        assert os.pread(fd, 100, 0) == b"beginning"


def test_prune_by_age_by_size_and_altogether(cache: Cache) -> None:
    contents = [bytes([n]) * 100 for n in range(5)]
    for n, data in enumerate(contents):
        cache.put(data)
        used(cache, data, days_ago=10 - n)
    assert [file.sha256 for file in cache.files()] == [hexed(data) for data in contents]
    done = cache.prune(older_than_s=8.5 * 86400)
    assert (done.files_removed, done.bytes_removed, done.files_kept, done.bytes_kept) == (2, 200, 3, 300)
    assert held(cache) == {hexed(data) for data in contents[2:]}
    assert cache.prune(max_bytes=250).files_removed == 1
    assert held(cache) == {hexed(data) for data in contents[3:]}
    assert cache.prune(max_bytes=250).files_removed == 0
    assert cache.prune().files_removed == 2
    assert cache.files() == []
    for wrong in ({"older_than_s": -1.0}, {"max_bytes": -1}):
        with pytest.raises(InvalidParameter):
            cache.prune(**wrong)  # type: ignore[arg-type]


def test_using_a_file_keeps_it_from_being_pruned(cache: Cache) -> None:
    for data in (b"a", b"b"):
        cache.put(data)
        used(cache, data, days_ago=9)
    before = cache.blob_path(hexed(b"a")).stat().st_mtime_ns
    cache.put(b"a")
    assert cache.blob_path(hexed(b"a")).stat().st_mtime_ns == before, "a file that was linked has its own time"
    cache.prune(older_than_s=86400)
    assert held(cache) == {hexed(b"a")}


def test_what_is_being_fetched_is_not_pruned(cache: Cache) -> None:
    def fetch(fd: int) -> None:
        os.pwrite(fd, b"x", 0)
        Cache(cache.directory).prune()

    with cache.blob(hexed(b"x"), fetch) as (fd, _):
        assert os.pread(fd, 9, 0) == b"x"
    assert held(cache) == {hexed(b"x")}
    abandoned = cache.directory / "partial" / hexed(b"y")
    abandoned.write_bytes(b"y")
    cache.prune()
    assert not abandoned.exists()


def test_a_file_that_is_pruned_while_it_is_used_is_still_whole(cache: Cache, area: Path) -> None:
    cache.put(b"precious")
    with cache.blob(hexed(b"precious"), lambda fd: None) as (fd, _):
        cache.prune()
        assert lay(fd, cache.blob_path(hexed(b"precious")), area / "target", link=True) == hexed(b"precious")
    assert (area / "target").read_bytes() == b"precious"


def test_a_damaged_file_is_dropped_and_its_successor_is_not(cache: Cache) -> None:
    cache.put(b"x")
    with cache.blob(hexed(b"x"), lambda fd: None) as (fd, _):
        cache.prune()
        cache.put(b"x")
        cache.discard(hexed(b"x"), fd)
        assert held(cache) == {hexed(b"x")}
    with cache.blob(hexed(b"x"), lambda fd: None) as (fd, _):
        cache.discard(hexed(b"x"), fd)
    assert cache.files() == []


def test_notes(cache: Cache) -> None:
    assert cache.noted("refs", "k") is None
    cache.note("refs", "k", {"a": "ü"})
    assert cache.noted("refs", "k") == {"a": "ü"}
    (path,) = (cache.directory / "refs").iterdir()
    for broken in (b"{", b"[]", b"\xff"):
        path.write_bytes(broken)
        assert cache.noted("refs", "k") is None
    cache.forget("refs", "k")
    cache.forget("refs", "k")


def test_pushes_are_forgotten_after_a_while(cache: Cache) -> None:
    for key in ("old", "new"):
        cache.note("pushes", key, {"upload_id": key})
        cache.lock_path("pushes", key).touch()
    for path in (cache.lock_path("pushes", "old"), cache.lock_path("pushes", "old").with_suffix(".json")):
        os.utime(path, (0, 0))
    cache.prune()
    assert cache.noted("pushes", "old") is None
    assert cache.noted("pushes", "new") == {"upload_id": "new"}
    assert len(list((cache.directory / "pushes").iterdir())) == 2


def test_a_place_that_cannot_be_a_cache_says_so(area: Path) -> None:
    (area / "file").write_bytes(b"")
    cache = Cache(area / "file")
    with pytest.raises(StorageUnavailable) as failed:
        cache.put(b"x")
    assert str(area / "file") in failed.value.message
    assert cache.files() == []


def test_where_it_is() -> None:
    assert cache_dir({"OMNIBIOAI_MODEL_REGISTRY_CACHE_DIR": "/c"}) == Path("/c")
    assert cache_dir({"XDG_CACHE_HOME": "/x"}) == Path("/x/omnibioai-model-registry")
    home = Path("~/.cache/omnibioai-model-registry").expanduser()
    assert cache_dir({}) == cache_dir({"XDG_CACHE_HOME": "relative"}) == home


def test_processes_and_threads_that_prune_and_use_at_once(cache: Cache, area: Path) -> None:
    contents = [bytes([n]) * 2000 for n in range(6)]
    stop = threading.Event()

    def prune() -> None:
        while not stop.is_set():
            Cache(cache.directory).prune()

    def use(worker: int) -> int:
        for turn in range(60):
            data = contents[turn % len(contents)]
            target = area / f"{worker}-{turn}"
            with cache.blob(hexed(data), lambda fd, data=data: os.pwrite(fd, data, 0)) as (fd, _):  # type: ignore[misc]
                assert lay(fd, cache.blob_path(hexed(data)), target, link=bool(turn % 2)) == hexed(data)
            assert target.read_bytes() == data
        return 60

    with ThreadPoolExecutor(4) as pool:
        pruning = pool.submit(prune)
        assert list(pool.map(use, range(3))) == [60] * 3
        stop.set()
        pruning.result()
    assert_nothing_wrong(cache)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_I13_the_cache_is_its_owners_alone(cache: Cache) -> None:
    cache.put(b"x")
    cache.note("refs", "k", {"a": 1})
    for directory in (cache.directory, *(path for path in cache.directory.rglob("*") if path.is_dir())):
        assert mode(directory) == 0o700
    cache.directory.chmod(0o777)
    (cache.directory / "refs").chmod(0o777)
    assert cache.noted("refs", "k") == {"a": 1}
    assert mode(cache.directory) == mode(cache.directory / "refs") == 0o700


def test_I13_a_cache_of_another_user_is_refused(area: Path) -> None:
    need(os.geteuid() == 0, "giving a directory to another user needs root")
    theirs, plain = area / "theirs", Cache(area / "mine")
    Cache(theirs).put(b"x")
    plain.put(b"x")
    os.chown(theirs, 12345, 12345)
    (area / "link").symlink_to(area / "mine")
    os.lchown(area / "link", 12345, 12345)
    os.chown(plain.directory / "partial", 12345, 12345)
    for cache in (Cache(theirs), Cache(area / "link")):
        for use in (lambda cache=cache: cache.put(b"y"), lambda cache=cache: cache.noted("refs", "k"), cache.files):
            with pytest.raises(StorageUnavailable) as refused:
                use()
            assert "another user" in refused.value.message
    with pytest.raises(StorageUnavailable):
        plain.put(b"y")
    (area / "own link").symlink_to(area / "new")
    (area / "new").mkdir()
    Cache(area / "own link").put(b"x")


def test_I13_what_another_user_put_into_the_cache_counts_for_nothing(cache: Cache) -> None:
    need(os.geteuid() == 0, "giving a file to another user needs root")
    cache.put(b"x")
    cache.note("refs", "k", {"a": 1})
    (note,) = (cache.directory / "refs").iterdir()
    for path in (note, cache.blob_path(hexed(b"x"))):
        os.chown(path, 12345, 12345)
    assert cache.noted("refs", "k") is None
    assert cache.get(hexed(b"x"), 10) is None
    planted = cache.directory / "partial" / hexed(b"y")
    planted.write_bytes(b"begin")
    os.chown(planted, 12345, 12345)
    with planted.open("r+b") as theirs:
        cache.put(b"y")
        theirs.write(b"z")
    assert cache.get(hexed(b"y"), 10) == b"y"
    assert cache.blob_path(hexed(b"y")).stat().st_uid == os.geteuid()


def test_I13_a_note_is_for_its_key_and_as_it_was_written(cache: Cache, area: Path) -> None:
    cache.note("refs", "mine", {"model": "mine"})
    (mine,) = (cache.directory / "refs").iterdir()
    cache.note("refs", "theirs", {"model": "theirs"})
    (theirs,) = set((cache.directory / "refs").iterdir()) - {mine}
    written = mine.read_bytes()
    mine.write_bytes(theirs.read_bytes())
    assert cache.noted("refs", "mine") is None
    mine.write_bytes(written.replace(b'"mine"', b'"evil"'))
    assert cache.noted("refs", "mine") is None
    for plant in (lambda: mine.symlink_to(area / "elsewhere"), lambda: os.mkfifo(mine), mine.mkdir):
        mine.unlink()
        (area / "elsewhere").write_bytes(written)
        plant()
        assert cache.noted("refs", "mine") is None
        if mine.is_dir():
            mine.rmdir()
            mine.touch()
    mine.write_bytes(written)
    assert cache.noted("refs", "mine") == {"model": "mine"}


@pytest.mark.parametrize("digest", ["", "../../x", "/etc/passwd", "A" * 64, "0" * 63, "sha256:../../../.bashrc"])
def test_I13_what_is_no_digest_names_no_file(cache: Cache, digest: str) -> None:
    cache.put(b"x")
    for use in (cache.blob_path, lambda digest: cache.get(digest, 10), lambda digest: cache.lacks_bytes(digest, 1)):
        with pytest.raises(StorageUnavailable):
            use(digest)
    with pytest.raises(StorageUnavailable), cache.blob(digest, lambda fd: None):
        pass
