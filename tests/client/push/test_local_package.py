"""What is read of a directory is what was seen in it, whatever is renamed or linked meanwhile (invariant I13)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_client.push.local_package import digests, held, scan
from registry_core import ArtifactsRefused

from ...support.packages import write_files

SECRET = b"a secret of 21 bytes."


def swap_directory(top: Path, outside: Path) -> None:
    (top / "sub").rename(top / "was")
    (top / "sub").symlink_to(outside)


def swap_file(top: Path, outside: Path) -> None:
    (top / "sub/file").unlink()
    (top / "sub/file").symlink_to(outside / "file")


def swap_for_a_hard_link(top: Path, outside: Path) -> None:
    (top / "sub/file").unlink()
    os.link(outside / "file", top / "sub/file")


def swap_for_a_fifo(top: Path, outside: Path) -> None:
    assert outside.is_dir()
    (top / "sub/file").unlink()
    os.mkfifo(top / "sub/file")


@pytest.mark.parametrize("swap", [swap_directory, swap_file, swap_for_a_hard_link, swap_for_a_fifo])
@pytest.mark.parametrize("late", [False, True])
def test_I13_a_file_that_is_swapped_is_not_read(area: Path, swap: Callable[[Path, Path], None], late: bool) -> None:
    top = write_files(area / "source", {"sub/file": bytes(len(SECRET)), "other": b"x"})
    outside = write_files(area / "outside", {"file": SECRET})
    status = (top / "sub/file").stat()
    os.utime(outside / "file", ns=(status.st_atime_ns, status.st_mtime_ns))
    with held(top) as top_fd:
        files = {file.path: file for file in scan(top, top_fd)}
        if late:
            digests(list(files.values()), 1, lambda _: None)
        swap(top, outside)
        with pytest.raises(ArtifactsRefused):
            files["sub/file"].open()
        with pytest.raises(ArtifactsRefused):
            digests([files["sub/file"]], 1, lambda _: None)


def test_I13_the_directory_itself_may_be_moved_and_replaced(area: Path) -> None:
    top = write_files(area / "source", {"sub/file": b"mine"})
    with held(top) as top_fd:
        (file,) = scan(top, top_fd)
        top.rename(area / "moved")
        write_files(top, {"sub/file": b"evil"})
        fd = file.open()
        assert os.read(fd, 10) == b"mine"
        os.close(fd)


def test_a_directory_that_is_none_is_refused(area: Path) -> None:
    (area / "file").write_bytes(b"x")
    (area / "link").symlink_to(write_files(area / "source", {"file": b"x"}))
    for wrong in (area / "file", area / "nothing"):
        with pytest.raises(ArtifactsRefused), held(wrong):
            pass
    with held(area / "link") as top_fd:
        assert [file.path for file in scan(area / "link", top_fd)] == ["file"]
