"""Bytes are hashed as they pass: the digest is right at every size, a moving file is refused, extents are shared."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core import ArtifactsRefused
from registry_core.packages.hash_stream import BUFFER_BYTES, BUFFERS, FIRST_BYTES, OVERLAP_FROM_BYTES, hash_stream
from registry_core.packages.intake import plan
from registry_core.packages.sources import BytesSource, FileSource
from registry_core.vocabulary.texts import digest

from ...support.machine import MIB, need
from ...support.packages import open_registry, write_files

SIZES = [
    0,
    1,
    FIRST_BYTES,
    FIRST_BYTES + 1,
    BUFFER_BYTES - 1,
    BUFFER_BYTES,
    BUFFER_BYTES + 1,
    BUFFERS * BUFFER_BYTES + 7,
]


def pattern(size_bytes: int) -> bytes:
    """Bytes in which no two buffers are alike, so that a swapped or repeated one shows."""
    block = b"".join(number.to_bytes(4, "big") for number in range(4096))
    return (block * (size_bytes // len(block) + 1))[:size_bytes]


class Trickle(io.RawIOBase):
    """A reader that gives, and a writer that takes, less than it was asked to."""

    def __init__(self, data: bytes = b"", most: int = 1000) -> None:
        self.source, self.taken, self.most = io.BytesIO(data), bytearray(), most

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self.source.readinto(buffer[: self.most])

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        self.taken += data[: self.most]
        return min(len(data), self.most)


@pytest.mark.parametrize("size_hint", [0, OVERLAP_FROM_BYTES], ids=["in the thread", "overlapped"])
@pytest.mark.parametrize("size_bytes", SIZES)
def test_every_size_is_hashed_copied_and_counted(size_bytes: int, size_hint: int) -> None:
    data = pattern(size_bytes)
    sink, ticks = io.BytesIO(), []
    found = hash_stream(io.BytesIO(data), copy_to=sink, size_hint=size_hint, tick=ticks.append)
    assert found == (hashlib.sha256(data).hexdigest(), size_bytes)
    assert sink.getvalue() == data
    assert sum(ticks) == size_bytes
    assert 0 not in ticks


@pytest.mark.parametrize("size_hint", [0, OVERLAP_FROM_BYTES], ids=["in the thread", "overlapped"])
def test_short_reads_and_short_writes_lose_nothing(size_hint: int) -> None:
    data = pattern(100_000)
    sink = Trickle(most=777)
    assert hash_stream(Trickle(data), copy_to=sink, size_hint=size_hint) == (hashlib.sha256(data).hexdigest(), 100_000)
    assert bytes(sink.taken) == data


@pytest.mark.parametrize("size_hint", [0, OVERLAP_FROM_BYTES], ids=["in the thread", "overlapped"])
def test_a_failing_sink_is_reported_and_no_thread_stays(size_hint: int) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:  # type: ignore[override]
            raise OSError(28, "No space left on device")

    before = set(threading.enumerate())
    with pytest.raises(OSError, match="No space"):
        hash_stream(io.BytesIO(pattern(3 * BUFFER_BYTES)), copy_to=Full(), size_hint=size_hint)
    assert set(threading.enumerate()) <= before  # one of an earlier test may end meanwhile


def test_a_large_file_is_read_hashed_and_written_by_a_thread_each_and_a_small_one_by_one_alone() -> None:
    class Seen(io.BytesIO):
        def write(self, data: object) -> int:  # type: ignore[override]
            writers.add(threading.get_ident())
            helpers = [thread for thread in threading.enumerate() if thread.name.startswith("bytes")]
            assert len(helpers) == (0 if is_alone else 2)
            return super().write(data)  # type: ignore[arg-type]

    for size_hint, is_alone in ((0, True), (OVERLAP_FROM_BYTES - 1, True), (OVERLAP_FROM_BYTES, False)):
        writers: set[int] = set()
        hash_stream(io.BytesIO(pattern(2 * BUFFER_BYTES)), copy_to=Seen(), size_hint=size_hint)
        assert len(writers) == 1
        assert (threading.get_ident() in writers) == is_alone


def test_no_buffer_is_filled_again_before_it_is_written() -> None:
    """The writer waits until the reader has filled all that it may, and has begun to wait for it."""
    data = pattern((BUFFERS + 2) * BUFFER_BYTES)
    is_full = threading.Event()

    class Slow(io.BytesIO):
        def write(self, chunk: object) -> int:  # type: ignore[override]
            assert is_full.wait(60)
            return super().write(chunk)  # type: ignore[arg-type]

    reads: list[int] = []

    def tick(count: int) -> None:
        reads.append(count)
        if len(reads) == BUFFERS:
            is_full.set()

    sink = Slow()
    assert hash_stream(io.BytesIO(data), copy_to=sink, size_hint=OVERLAP_FROM_BYTES, tick=tick)[1] == len(data)
    assert sink.getvalue() == data


def test_a_reader_that_fails_ends_the_writer() -> None:
    """When the failure is told nobody writes any more."""
    has_begun, may_go_on = threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        def write(self, chunk: object) -> int:  # type: ignore[override]
            has_begun.set()
            assert may_go_on.wait(60)
            return super().write(chunk)  # type: ignore[arg-type]

    class Broken(io.BytesIO):
        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            if self.tell() < 3 * BUFFER_BYTES:
                return super().readinto(buffer)
            assert has_begun.wait(60)
            may_go_on.set()
            raise OSError(5, "Input/output error")

    before, sink = set(threading.enumerate()), Slow()
    with pytest.raises(OSError, match="Input/output"):
        hash_stream(Broken(pattern(4 * BUFFER_BYTES)), copy_to=sink, size_hint=OVERLAP_FROM_BYTES)
    assert BUFFER_BYTES <= len(sink.getvalue()) <= 3 * BUFFER_BYTES
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("bytes")]


@given(st.binary(max_size=300))
def test_bytes_of_our_own_are_poured_whole(data: bytes) -> None:
    sink = Trickle(most=7)
    assert BytesSource(data).pour(sink) == (hashlib.sha256(data).hexdigest(), len(data))  # type: ignore[arg-type]
    assert bytes(sink.taken) == data
    assert digest(data) == "sha256:" + hashlib.sha256(data).hexdigest()


# a caller's file


def planned(path: Path) -> FileSource:
    [file] = plan(str(path.parent), registry_root=None).files
    return file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_files(tmp_path / "source", {"model.pt": pattern(3 * BUFFER_BYTES)}) / "model.pt"


def test_a_file_that_keeps_still_is_taken_in(path: Path, tmp_path: Path) -> None:
    expected = (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    with (tmp_path / "copy").open("w+b", buffering=0) as sink:
        assert planned(path).pour(sink) == expected
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()
    assert planned(path).digest_only() == expected
    assert planned(path).read(10 * MIB) == path.read_bytes()
    assert len(planned(path).read(100)) == 101  # one more than allowed, so that the caller can tell


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def cut(path: Path) -> None:
    os.truncate(path, BUFFER_BYTES + 1)


def written_in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(2 * BUFFER_BYTES + 5)
        file.write(b"x")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))  # a coarse clock may not have moved by itself


def rewritten(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)


def gone(path: Path) -> None:
    path.unlink()


def a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


Change = Callable[[Path], None]


@pytest.mark.parametrize("change", [grown, cut, written_in_place, rewritten, gone, a_link, a_fifo, a_directory])
def test_a_file_that_is_another_since_the_plan_is_refused(path: Path, change: Change) -> None:
    file = planned(path)
    change(path)
    for take in (lambda: file.pour(io.BytesIO()), file.digest_only, lambda: file.read(10 * MIB)):
        with pytest.raises(ArtifactsRefused) as caught:
            take()
        assert caught.value.detail["path"] == "model.pt"


@pytest.mark.parametrize("change", [grown, cut, written_in_place])
@pytest.mark.parametrize("size_mib", [1.5, 6], ids=["in the thread", "overlapped"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, change: Change, size_mib: float) -> None:
    """The change happens at the first chunk, in the reading thread itself: no race."""
    path = write_files(tmp_path / "source", {"model.pt": pattern(int(size_mib * MIB))}) / "model.pt"
    changed: list[int] = []

    def tick(count: int) -> None:
        if not changed:
            change(path)
        changed.append(count)

    with pytest.raises(ArtifactsRefused):
        planned(path).pour(io.BytesIO(), tick=tick)
    assert changed


# shared extents


@pytest.fixture(scope="module")
def xfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An XFS of its own, which can share extents, in a sparse file."""
    need(os.geteuid() == 0, "mounting a loop device needs root; run the tests as root in a container of their own")
    need("xfs" in Path("/proc/filesystems").read_text(), "this kernel has no XFS")
    area = tmp_path_factory.mktemp("xfs")
    image, place = area / "image", area / "mounted"
    with image.open("wb") as file:
        file.truncate(512 * MIB)
    mkfs = next((tool for tool in ("/usr/sbin/mkfs.xfs", "/sbin/mkfs.xfs") if Path(tool).exists()), None)
    need(mkfs, "mkfs.xfs is not installed (Debian: xfsprogs)")
    subprocess.run([str(mkfs), "-q", str(image)], check=True)
    place.mkdir()
    done = subprocess.run(["mount", "-o", "loop", str(image), str(place)], capture_output=True, text=True)
    need(done.returncode == 0, f"a loop mount needs CAP_SYS_ADMIN and a free loop device: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)
    image.unlink()


def extents(path: Path) -> list[tuple[int, int, bool]]:
    """(physical offset, length, whether another file has it too) of every extent, by the FIEMAP ioctl."""
    room = 64
    request = bytearray(struct.pack("=QQIIII", 0, 2**64 - 1, 1, 0, room, 0) + bytes(56 * room))
    with path.open("rb") as file:
        fcntl.ioctl(file.fileno(), 0xC020660B, request)  # FS_IOC_FIEMAP, flag 1: write it out first
    count = struct.unpack_from("=I", request, 20)[0]
    found = []
    for number in range(count):
        _, physical, length, flags = struct.unpack_from("=QQQ16xI", request, 32 + 56 * number)
        found.append((physical, length, bool(flags & 0x2000)))
    return found


def test_on_a_filesystem_that_can_the_package_shares_the_extents_of_its_source(xfs: Path) -> None:
    data = pattern(6 * MIB)
    source = write_files(xfs / "source", {"model.pt": data, "small": b"s" * 5000, "empty": b""})
    assert not any(shared for _, _, shared in extents(source / "model.pt"))
    (xfs / "root").mkdir()
    made = open_registry(xfs / "root", workers=2).register("t", "m", "1", source)
    package = Path(made.package_path)
    for name in ("model.pt", "small"):
        ours, theirs = extents(package / name), extents(source / name)
        assert ours
        assert ours == theirs
        assert all(shared for _, _, shared in ours)
        assert made.hashes[name] == digest((source / name).read_bytes())
    assert made.hashes["model.pt"] == digest(data)
    with (source / "model.pt").open("r+b") as file:
        file.write(b"the source goes on changing")
    assert open_registry(xfs / "root").verify("t", "m@1").files_checked == 4


@pytest.mark.parametrize("change", [grown, cut, written_in_place])
def test_a_file_that_changes_while_its_clone_is_hashed_is_refused(xfs: Path, change: Change) -> None:
    path = write_files(xfs / change.__name__, {"model.pt": pattern(6 * MIB)}) / "model.pt"
    changed: list[int] = []

    def tick(count: int) -> None:
        if not changed:
            change(path)
        changed.append(count)

    with (xfs / f"copy-{change.__name__}").open("w+b", buffering=0) as sink, pytest.raises(ArtifactsRefused):
        planned(path).pour(sink, tick=tick)
    assert changed
