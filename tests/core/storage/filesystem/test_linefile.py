"""Lines in files: what a write that fails in its middle leaves."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry_core import StorageFull
from registry_core.storage.filesystem.tree import FilesystemStorage


@contextmanager
def files_at_most(size_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_where_the_space_ends_in_one_name_all_are_as_they_were(tmp_path: Path) -> None:
    documents = FilesystemStorage(tmp_path).documents
    documents.append_lines("run", {"a": b"1\n", "b": b"2\n"})
    (tmp_path / "run/b").write_bytes(b"2")  # torn
    with files_at_most(4096), pytest.raises(StorageFull):
        documents.append_lines("run", {"a": b"3\n", "b": b"x" * 5000 + b"\n", "c": b"4\n"})
    assert (tmp_path / "run/a").read_bytes() == b"1\n"
    assert (tmp_path / "run/b").read_bytes() == b"2"
    documents.append_lines("run", {"a": b"3\n", "b": b"4\n"})
    assert (tmp_path / "run/a").read_bytes() == b"1\n3\n"
    assert (tmp_path / "run/b").read_bytes() == b"2\n4\n"
