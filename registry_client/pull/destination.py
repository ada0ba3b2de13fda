"""The directory that a pull makes: built beside its place, held by a lock, renamed when it is whole."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from registry_core import InvalidParameter

from ..local.files import blaming, hash_file, hold_directory, remove_tree, sync_directory
from .download import Remote
from .remote_package import Package

_MARK = ".omr-pull-"

Excuse = Callable[[Remote], bool]
"""Whether a file may have other bytes than its digest says: older software's rewritten metadata."""


def is_there(target: Path, package: Package, excused: Excuse) -> bool:
    """Whether the directory is the package already. Raises ``InvalidParameter`` if it is something else."""
    if not os.path.lexists(target):
        return False
    if target.is_dir() and not target.is_symlink():
        with blaming(str(target)):
            if not any(target.iterdir()):
                return False
            if _is_equal(target, package, excused):
                return True
    found = package.resolution
    raise InvalidParameter(
        f"{target} is there, and is not {found.model_name}@{found.version}. Nothing was changed; name another "
        "directory, or remove this one.",
        field="dest",
        path=str(target),
    )


def check_names(top: Path, package: Package) -> None:
    """Every file of the package lies there under its own name. Raises ``InvalidParameter``.

    A filesystem that takes some names for equal, capitals for small letters say, would have mixed them.
    """
    mixed = {file.path for file in package.files} ^ _names(top)
    if mixed:
        raise InvalidParameter(
            f"The directory of {top.parent} cannot hold {min(mixed)!r} beside the other files of the version: it takes "
            "their names for equal. Nothing was changed; name a directory on another filesystem.",
            field="dest",
            path=min(mixed),
        )


def _names(top: Path) -> set[str]:
    return {path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_symlink() or not path.is_dir()}


def _is_equal(target: Path, package: Package, excused: Excuse) -> bool:
    if _names(target) != {file.path for file in package.files}:
        return False
    for file in package.files:
        try:
            is_equal = hash_file(target / file.path) == file.sha256
        except OSError:
            return False
        if not is_equal and not excused(file):
            return False
    return True


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A new directory in the one of ``target``, held, and gone at the end if it was not renamed."""
    while True:
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}{_MARK}", dir=target.parent))
        lock = hold_directory(temporary)
        if lock is not None:
            break
    try:
        os.chmod(temporary, 0o755)
        yield temporary
    finally:
        remove_tree(temporary)
        os.close(lock)


def remove_abandoned(target: Path) -> None:
    for path in target.parent.glob(f".{_escaped(target.name[:100])}{_MARK}*"):
        lock = hold_directory(path)
        if lock is not None:
            remove_tree(path)
            os.close(lock)


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def publish(temporary: Path, target: Path, package: Package, excused: Excuse) -> bool:
    """The directory has its name; false if another pull was faster with the very same files."""
    try:
        os.rename(temporary, target)  # onto nothing, or an empty directory
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise
        return not is_there(target, package, excused)
    sync_directory(target.parent)
    return True
