"""A large file has one thread that reads and hashes, one that writes and one that syncs: each fails, all are killed."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core import ArtifactsRefused, RegistryError, StorageFull, StorageUnavailable
from registry_core.packages import hash_stream
from registry_core.storage import syncing

from ..support.machine import MIB
from ..support.packages import open_registry
from . import forks, injection, raw

FILE = "weights.bin"
SIZE_BYTES = 6 * MIB
EACH_BYTES = MIB  # synced so often, in the place of 64 MiB


@pytest.fixture
def package(area: Path) -> Path:
    source = area / "source"
    source.mkdir()
    (source / FILE).write_bytes(os.urandom(SIZE_BYTES))
    return source


class Calls:
    """The calls of a name on the staged file are counted; ``act`` stands in the place of the one with that number."""

    def __init__(self, name: str = "", number: int = 0, act: Callable[[Callable[[], Any]], Any] | None = None) -> None:
        self.name, self.number, self.act = name, number, act
        self.counts: dict[str, int] = {}
        self.threads: dict[str, set[str]] = {}

    def hook(self, name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name not in ("file.write", "fdatasync", "fsync"):
            return real(*args, **kwargs)
        fd = real.__self__.fileno() if name == "file.write" else args[0]  # type: ignore[attr-defined]
        if not os.readlink(f"/proc/self/fd/{fd}").endswith(FILE):
            return real(*args, **kwargs)
        self.counts[name] = self.counts.get(name, 0) + 1
        self.threads.setdefault(name, set()).add(threading.current_thread().name)
        if self.act is not None and (name, self.counts[name]) == (self.name, self.number):
            return self.act(lambda: real(*args, **kwargs))
        return real(*args, **kwargs)


def register(root: Path, source: Path, calls: Calls) -> Calls:
    """In a child. Whatever becomes of it, no thread and no open file is left."""
    syncing.SYNC_EACH_BYTES = EACH_BYTES
    injection.install(calls.hook, storage=False)
    registry = open_registry(root, workers=2)
    try:
        registry.register("t", "m", "1", source)
    finally:
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith(("bytes", "sync"))] == []
        opened = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        assert [path for path in opened if path.startswith(str(root.parent))] == []
    calls.act = None
    return calls


def assert_nothing_happened(root: Path) -> None:
    assert raw.staging(root) == []
    assert list(root.glob("tasks/*/models/*/versions/*")) == []


def test_each_thread_does_its_part(root: Path, package: Path) -> None:
    calls = forks.run(lambda: register(root, package, Calls())).get()
    assert SIZE_BYTES >= hash_stream.OVERLAP_FROM_BYTES
    assert calls.counts["file.write"] >= SIZE_BYTES // hash_stream.WRITE_BYTES
    assert 1 <= calls.counts["fdatasync"] <= SIZE_BYTES // EACH_BYTES
    assert calls.counts["fsync"] == 1  # of the whole, when all is written
    assert calls.threads["file.write"] == {"bytes_0"}
    assert calls.threads["fdatasync"] == {"sync_0"}
    assert not calls.threads["fsync"] & {"bytes_0", "sync_0"}


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("name", ["file.write", "fdatasync", "fsync"])
@pytest.mark.parametrize(("code", "expected"), [(errno.ENOSPC, StorageFull), (errno.EIO, StorageUnavailable)])
def test_whichever_of_them_fails_nothing_is_registered(
    root: Path, package: Path, name: str, number: int, code: int, expected: type[RegistryError]
) -> None:
    """The kernel tells of bytes that it could not write once only: the fsync after a failed fdatasync succeeds."""
    if (name, number) == ("fsync", 2):
        number = 1

    def fail(_: Callable[[], Any]) -> Any:
        raise OSError(code, os.strerror(code))

    failed = forks.run(lambda: register(root, package, Calls(name, number, fail))).error
    assert isinstance(failed, expected), failed
    assert_nothing_happened(root)
    assert open_registry(root).register("t", "m", "1", package).version == "1"


def test_a_source_that_changes_while_it_is_written_is_refused(root: Path, package: Path) -> None:
    def change(real: Callable[[], Any]) -> Any:
        with (package / FILE).open("ab") as file:
            file.write(b"more")
        return real()

    failed = forks.run(lambda: register(root, package, Calls("file.write", 3, change))).error
    assert isinstance(failed, ArtifactsRefused), failed
    assert_nothing_happened(root)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("name", "number"), [("file.write", 1), ("file.write", 30), ("fdatasync", 1), ("fsync", 1)])
def test_killed_at_each_of_them_it_can_be_sent_again(
    root: Path, package: Path, name: str, number: int, when: str
) -> None:
    own_kill = os.kill

    def kill(real: Callable[[], Any]) -> Any:
        if when == "after":
            real()
        own_kill(os.getpid(), signal.SIGKILL)

    assert forks.run(lambda: register(root, package, Calls(name, number, kill))).signal == signal.SIGKILL
    registry = open_registry(root)
    registry.recover()
    assert list(root.glob("tasks/*/models/*/versions/*")) == []
    assert registry.register("t", "m", "1", package).version == "1"
    registry.sweep(older_than_s=0)
    assert raw.staging(root) == []
    assert [found for found in registry.check().findings if found.severity != "note"] == []
