"""Over NFS a file that is removed while it is open stays, as ``.nfs…``, and so does its directory, until it closes."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from ..support.packages import open_registry
from . import forks, injection, raw

TASK, MODEL = "celltype", "pbmc"


def open_here() -> set[tuple[int, int]]:
    """Whatever this process has open."""
    found = set()
    for fd in os.listdir("/proc/self/fd"):
        try:
            status = os.fstat(int(fd))
        except OSError:
            continue
        found.add((status.st_dev, status.st_ino))
    return found


def over_nfs(work: Callable[[], Any]) -> Callable[[], Any]:
    numbers = count()

    def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name == "unlink":
            status = os.stat(args[0], dir_fd=kwargs.get("dir_fd"), follow_symlinks=False)
            if status.st_nlink == 1 and (status.st_dev, status.st_ino) in open_here():
                start = kwargs.get("dir_fd")
                return os.rename(args[0], f".nfs{next(numbers):04}", src_dir_fd=start, dst_dir_fd=start)
        return real(*args, **kwargs)

    def watched() -> Any:
        injection.install(hook, storage=False)
        return work()

    return watched


def test_nothing_is_left_of_an_attempt_when_it_is_published(root: Path, source: Path) -> None:
    forks.run(over_nfs(lambda: open_registry(root).register(TASK, MODEL, "1", source))).get()
    assert raw.staging(root) == []
    assert open_registry(root).check().findings == []


def test_a_sweep_removes_what_was_abandoned_and_the_shells_of_older_software(root: Path) -> None:
    (root / ".staging" / "abandoned" / "package").mkdir(parents=True)
    (root / ".staging" / "abandoned" / "package" / "model.pt").write_bytes(b"half of it")
    (root / ".staging" / "shell").mkdir()
    report = forks.run(over_nfs(lambda: open_registry(root).sweep(0))).get()
    assert report.removed == ["abandoned", "shell"]
    assert raw.staging(root) == []
