"""A directory of a package that is being built is opened once for all files in it, and closed at the end."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from registry_core.packages.sources import BytesSource
from registry_core.storage.filesystem.staging import STAGING
from registry_core.storage.filesystem.tree import FilesystemStorage

FILES = [f"d{n // 100}/e/{n}" for n in range(400)]


def test_each_file_is_opened_once_and_its_directory_once_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    real = os.open

    def counted(path: str, flags: int, *args: int, **more: Any) -> int:
        calls.append("file" if flags & os.O_CREAT else "directory")
        return real(path, flags, *args, **more)

    before = os.listdir("/proc/self/fd")
    with FilesystemStorage(tmp_path).packages.stage("tasks/t/models/m/versions/1") as staging:
        monkeypatch.setattr(os, "open", counted)
        for path in FILES:
            staging.add(path, BytesSource(path.encode()))
        assert calls.count("file") == len(FILES)
        assert calls.count("directory") <= 4 * 20
        monkeypatch.undo()
        package = tmp_path / STAGING / staging.attempt / "package"
        assert {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()} == set(FILES)
    assert os.listdir("/proc/self/fd") == before, "nothing stays open"


def test_threads_are_not_in_one_another_s_way(tmp_path: Path) -> None:
    """Each closes only what it opened, though all go from directory to directory."""
    mixed = sorted(FILES, key=lambda path: path[::-1])
    with FilesystemStorage(tmp_path).packages.stage("tasks/t/models/m/versions/1") as staging:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda path: staging.add(path, BytesSource(path.encode())), mixed))
        package = tmp_path / STAGING / staging.attempt / "package"
        assert {path: (package / path).read_text() for path in FILES} == {path: path for path in FILES}
