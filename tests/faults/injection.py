"""Every step that a process takes on its storage, counted, so that it can be ended or failed at each.

Installed in a forked child only, by replacing ``os`` functions and the storage's methods; nothing is
faked: each call goes through to the kernel unless the test ends the process or fails the call first.
"""

from __future__ import annotations

import builtins
import fcntl
import io
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from registry_core.storage import syncing
from registry_core.storage.filesystem.documents import FilesystemDocuments, PreparedDocument
from registry_core.storage.filesystem.packages import FilesystemPackages
from registry_core.storage.filesystem.staging import FilesystemStaging
from registry_core.storage.filesystem.tree import FilesystemStorage

# Calls that change something, or promise that it stays changed.
CHANGING = (
    *("open", "write", "pwrite", "fsync", "fdatasync", "rename", "replace", "link", "symlink", "unlink", "remove"),
    *("rmdir", "mkdir", "chmod", "fchmod", "chown", "ftruncate", "truncate", "utime"),
)
LOOKING = ("stat", "lstat", "fstat", "scandir", "listdir", "dup")
_STORAGE_CALLS = {
    FilesystemStorage: "check_guarantees probe",
    FilesystemDocuments: (
        "read prepare write delete delete_if_locked remove list list_after mark append records last sync lock"
    ),
    FilesystemPackages: ("stage staged sweep open locate sealed facts annotate retire reinstate retired erase"),
    FilesystemStaging: "add seal reserve keep publish discard",
    PreparedDocument: "switch discard",
}

Hook = Callable[[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
ALTERING = {*CHANGING, "file.write"} - {"fsync", "fdatasync"}
WRITES = {"write", "pwrite", "file.write"}
OPEN_AS_IT_IS = "open as it is"  # a call of open that can neither make nor empty a file, as a trace names it


def install(hook: Hook, *, looking: bool = False, storage: bool = True) -> None:
    """From now on the hook stands before every call of this process; it makes the call itself, or does not."""

    def standing_before(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return hook(name, real, args, kwargs)

        return call

    for name in [*CHANGING, *(LOOKING if looking else ())]:
        setattr(os, name, standing_before(name, getattr(os, name)))
    fcntl.flock = standing_before("flock", fcntl.flock)
    if looking:
        io.open = builtins.open = standing_before("io.open", io.open)
    for name in ("syncfs", "wait_for_written"):  # no calls of os
        setattr(syncing, name, standing_before(name, getattr(syncing, name)))
    _watch_files(hook)
    if storage:
        for owner, names in _STORAGE_CALLS.items():
            for name in names.split():
                call = _method(hook, f"{owner.__name__.strip('_')}.{name}", getattr(owner, name))
                setattr(owner, name, call)


def _method(hook: Hook, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def method(*args: Any, **kwargs: Any) -> Any:
        return hook(name, real, args, kwargs)

    return method


def _watch_files(hook: Hook) -> None:
    """Unbuffered files write by themselves, past ``os.write``."""
    real_fdopen = os.fdopen

    class WatchedFile(io.FileIO):
        def write(self, data: Any) -> int:
            return hook("file.write", super().write, (data,), {})  # type: ignore[no-any-return]

    def fdopen(fd: int, mode: str = "r", buffering: int = -1, *args: Any, **kwargs: Any) -> Any:
        if buffering == 0:
            return WatchedFile(fd, mode.replace("b", ""))
        return real_fdopen(fd, mode, buffering, *args, **kwargs)

    os.fdopen = fdopen  # type: ignore[assignment]


def named(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """The paths that a call names, whatever open directories they start from."""
    if name in ("rename", "replace", "link"):
        starts = [kwargs.get("src_dir_fd"), kwargs.get("dst_dir_fd")]
    else:
        starts = [kwargs.get("dir_fd")]
    found = []
    for place, start in zip(args, starts, strict=False):
        if isinstance(place, int):
            found.append(os.readlink(f"/proc/self/fd/{place}"))
        elif start is not None:
            found.append(os.path.join(os.readlink(f"/proc/self/fd/{start}"), os.fsdecode(place)))
        else:
            found.append(os.path.abspath(os.fsdecode(place)))
    return found


@dataclass(frozen=True)
class Point:
    """A moment of a run: before, in the middle of (a write), or after call number ``call``."""

    call: int
    phase: str
    name: str

    def __str__(self) -> str:
        return f"{self.phase} call {self.call}, {self.name}"


def trace(work: Callable[[], Any], **options: bool) -> list[str]:
    """The names of all calls that the work makes, in order. Run it in a child."""
    names: list[str] = []

    def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        alters = name != "open" or args[1] & (os.O_CREAT | os.O_TRUNC)
        names.append(name if alters else OPEN_AS_IT_IS)
        return real(*args, **kwargs)

    install(hook, **options)
    work()
    return list(names)


def points(names: list[str]) -> list[Point]:
    """Before and after each call, and in the middle of each write."""
    found = []
    for call, name in enumerate(names):
        phases = ("before", "midway", "after") if name in WRITES else ("before", "after")
        found += [Point(call, phase, name) for phase in phases]
    return found


def distinct(all_points: list[Point]) -> list[Point]:
    """Those that leave another disk than the point before: after, or in the middle of, a system call's change."""
    return [point for point in all_points if point.phase != "before" and point.name in ALTERING]


Choice = Callable[[list[Point]], list[Point]]
SWEEPS = pytest.mark.parametrize("of", [distinct, pytest.param(list, marks=pytest.mark.slow)], ids=["distinct", "all"])
"""At which of the points a sweep kills: what lies on the disk is the same at the others, which a soak goes through."""


def killed_at(point: Point, work: Callable[[], Any]) -> Callable[[], Any]:
    """The work, ended by SIGKILL at the point."""

    def killing() -> Any:
        kill = os.kill
        own = os.getpid()
        count = -1

        def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            nonlocal count
            count += 1
            here = count == point.call
            if here and point.phase == "before":
                kill(own, signal.SIGKILL)
            if here and point.phase == "midway":
                _write_half(name, real, args)
                kill(own, signal.SIGKILL)
            try:
                return real(*args, **kwargs)
            finally:
                if here:
                    kill(own, signal.SIGKILL)

        install(hook)
        return work()

    return killing


def _write_half(name: str, real: Callable[..., Any], args: tuple[Any, ...]) -> int:
    at = 0 if name == "file.write" else 1
    data = memoryview(args[at])
    return real(*args[:at], data[: len(data) // 2], *args[at + 1 :])  # type: ignore[no-any-return]


def failing_at(
    point: Point, code: int, work: Callable[[], Any], *, for_good: bool = False, only: frozenset[str] | None = None
) -> Callable[[], Any]:
    """The work, with the call at the point failing: not made, half made, or made and yet reported as failed.

    ``for_good``: and so does every later call (of those named in ``only``, if given).
    """

    def failing() -> Any:
        count = -1

        def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            nonlocal count
            count += 1
            if for_good and count > point.call and (only is None or name in only):
                raise OSError(code, os.strerror(code))
            if count != point.call:
                return real(*args, **kwargs)
            if point.phase == "midway":
                _write_half(name, real, args)
            elif point.phase == "after":
                real(*args, **kwargs)
            raise OSError(code, os.strerror(code))

        install(hook, looking=True, storage=False)
        return work()

    return failing
