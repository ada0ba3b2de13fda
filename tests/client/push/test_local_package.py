"""What is read of a directory is what was seen in it, whatever is renamed or linked meanwhile (invariant I13)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_client.push.choice import Choice
from registry_client.push.local_package import digests, held, opened, scan
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
        files = {file.path: file for file in scan(top, top_fd, Choice()).files}
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
        (file,) = scan(top, top_fd, Choice()).files
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
        assert [file.path for file in scan(area / "link", top_fd, Choice()).files] == ["file"]


def linked(area: Path) -> Path:
    """As Nextflow, DVC and the Hugging Face cache leave it: links to files and directories elsewhere."""
    write_files(area / "blobs", {"abc": b"weights", "shards/1": b"one", "shards/2": b"two"})
    top = write_files(area / "source", {"config.json": b"{}"})
    (top / "model.pt").symlink_to("../blobs/abc")
    (top / "shards").symlink_to(area / "blobs/shards")
    return top


def test_links_are_refused_and_the_refusal_says_what_follows_them(area: Path) -> None:
    top = linked(area)
    with pytest.raises(ArtifactsRefused) as refused, opened(top, Choice()):
        pass
    assert "--follow-links" in refused.value.message
    assert [found["path"] for found in refused.value.detail["problems"]] == ["model.pt", "shards"]


def test_links_are_followed_where_that_is_asked_for(area: Path) -> None:
    with opened(linked(area), Choice(follow_links=True)) as selected:
        found = {}
        for file in selected.files:
            fd = file.open()
            found[file.path] = os.read(fd, 100)
            os.close(fd)
    assert found == {"config.json": b"{}", "model.pt": b"weights", "shards/1": b"one", "shards/2": b"two"}


def test_I13_a_link_that_leads_elsewhere_by_now_is_not_read(area: Path) -> None:
    top = linked(area)
    outside = write_files(area / "outside", {"abc": b"secrets"})
    status = (area / "blobs/abc").stat()
    os.utime(outside / "abc", ns=(status.st_atime_ns, status.st_mtime_ns))
    with opened(top, Choice(follow_links=True)) as selected:
        file = next(file for file in selected.files if file.path == "model.pt")
        (top / "model.pt").unlink()
        (top / "model.pt").symlink_to(outside / "abc")
        with pytest.raises(ArtifactsRefused):
            file.open()


@pytest.mark.parametrize("target", ["nothing", "loop", ".", "..", "/dev/null"])
def test_a_link_that_leads_to_no_file_is_refused(area: Path, target: str) -> None:
    top = write_files(area / "top/source", {"file": b"x"})
    (top / "loop").symlink_to(target)
    with pytest.raises(ArtifactsRefused) as refused, opened(top, Choice(follow_links=True)):
        pass
    assert "loop" in refused.value.detail["problems"][0]["path"]


def test_one_file_is_a_package_of_one_file(area: Path) -> None:
    write_files(area / "source", {"model.pt": b"weights", "other": b"x"})
    (area / "link.pt").symlink_to("source/model.pt")
    with pytest.raises(ArtifactsRefused, match="--follow-links"), opened(area / "link.pt", Choice()):
        pass
    for source, name in ((area / "source/model.pt", "model.pt"), (area / "link.pt", "link.pt")):
        with opened(source, Choice(follow_links=name == "link.pt")) as selected:
            (file,) = selected.files
            assert (file.path, file.size_bytes) == (name, 7)
            assert digests(selected.files, 1, lambda _: None)[name] == hashlib.sha256(b"weights").hexdigest()


def test_what_is_excluded_is_not_even_looked_at(area: Path) -> None:
    top = write_files(area / "source", {"model.pt": b"x", "logs/a": b"x", "deep/b.log": b"x"})
    os.mkfifo(top / "logs/pipe")
    with opened(top, Choice(("logs", "*.log"))) as selected:
        assert [file.path for file in selected.files] == ["model.pt"]
        assert selected.empty_directories == []
    with pytest.raises(ArtifactsRefused), opened(top, Choice(("*",))):
        pass


def test_each_of_thousands_of_small_files_is_opened_once_and_its_directory_once_for_all(
    area: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"d{n % 4}/{n}": b"%d" % n for n in range(800)}
    top = write_files(area / "source", files)
    calls: list[str] = []
    open_file = os.open

    def counted(path: str, flags: int, *args: int, **more: int) -> int:
        calls.append("directory" if flags & os.O_DIRECTORY else "file")
        return open_file(path, flags, *args, **more)

    with held(top) as top_fd:
        selected = scan(top, top_fd, Choice()).files
        monkeypatch.setattr(os, "open", counted)
        found = digests(selected, 2, lambda _: None)
        assert calls.count("file") == len(files)
        assert calls.count("directory") <= len(files) / 64 + 2 * 4
    assert found == {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
