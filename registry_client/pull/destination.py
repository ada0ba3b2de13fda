"""The directory that a pull makes: built beside its place and renamed; one that is there already is filled in place.

::

    <parent>/.<name>.omr-pull-<random>/files     what will be <parent>/<name>
    <directory>/.omr-pull/files                  what will lie in the directory, and beside it:
                     .omr-pull/lock              held by whoever fills the directory
                     .omr-pull/laid              the names that are being put there, once all is proven
                     .omr-pull/was               what an update replaces, until all of them are there
    .../cache                                    of a pull that keeps no cache

A directory that is there may be a mount point, somebody's working directory, or below one that cannot be written to, so
nothing takes its place. Its manifest is the marker: it comes last, and goes first where it is replaced.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from registry_core import InvalidParameter, parse_manifest

from ..forms import INSIDE, MANIFEST, META, is_segment
from ..local.files import blaming, hash_file, hold, hold_directory, remove_tree, sync_directory
from .download import Remote
from .remote_package import Package

_MARK = ".omr-pull-"
_RESERVED = "lost+found"  # of the filesystem that is mounted there

Excuse = Callable[[Remote], bool]
"""Whether a file may have other bytes than its digest says: older software's rewritten metadata."""


@dataclass(frozen=True)
class Place:
    """Where a package is built: in ``files``, to become ``target``; ``is_within``: ``target`` is there already.

    ``update``: it may hold another version of the model, as it was pulled, and holds this one then.
    """

    target: Path
    files: Path
    is_within: bool
    update: bool

    @property
    def cache(self) -> Path:
        return self.files.with_name("cache")

    def is_filled(self, package: Package, excused: Excuse) -> bool:
        """As :func:`is_there`, of a directory that nobody else is filling now."""
        return self.is_within and _is_filled(self.target, package, excused, update=self.update)


def target_of(dest: Path) -> Path:
    """The absolute path, and of a link to a directory that directory."""
    target = Path(os.path.abspath(dest))
    return Path(os.path.realpath(target)) if target.is_symlink() and target.is_dir() else target


def is_there(target: Path, package: Package, excused: Excuse, *, update: bool) -> bool:
    """Whether the directory is the package already. Raises ``InvalidParameter`` if it is something else.

    With ``update`` false of another version of the model as well. And of one that is being filled, or was when a pull
    was killed: :func:`building` makes that plain.
    """
    if not os.path.lexists(target):
        return False
    if not target.is_dir() or target.is_symlink():
        raise _is_another(target, package)
    return not os.path.lexists(target / INSIDE) and _is_filled(target, package, excused, update=update)


def _is_filled(target: Path, package: Package, excused: Excuse, *, update: bool) -> bool:
    with blaming(str(target)):
        names = _names(target, package)
        if not names:
            return False
        if _is_equal(target, package, excused):
            return True
        if update and _is_of_the_model(target, names, package):
            return False
    raise _is_another(target, package)


def _is_another(target: Path, package: Package) -> InvalidParameter:
    found = package.resolution
    return InvalidParameter(
        f"{target} is there, and is not {found.model_name}@{found.version}. Nothing was changed; name another "
        "directory, or remove this one. An update replaces another version of the model only as it was pulled.",
        field="dest",
        path=str(target),
    )


def check_names(top: Path, package: Package) -> None:
    """Every file of the package lies there under its own name. Raises ``InvalidParameter``.

    A filesystem that takes some names for equal, capitals for small letters say, would have mixed them.
    """
    mixed = {file.path for file in package.files} ^ _paths(top, os.listdir(top))
    if mixed:
        raise InvalidParameter(
            f"The directory of {top.parent} cannot hold {min(mixed)!r} beside the other files of the version: it takes "
            "their names for equal. Nothing was changed; name a directory on another filesystem.",
            field="dest",
            path=min(mixed),
        )


def _names(target: Path, package: Package) -> list[str]:
    """What lies in the directory, but for what is ours or the filesystem's."""
    needed = {file.path.partition("/")[0] for file in package.files}
    return [name for name in os.listdir(target) if name != INSIDE and (name != _RESERVED or name in needed)]


def _paths(top: Path, names: list[str]) -> set[str]:
    """Every path below these names but those of directories."""
    found = set()
    wanted, pending = set(names), [""]
    while pending:
        inside = pending.pop()
        with os.scandir(f"{top}/{inside}") as entries:
            for entry in entries:
                if not inside and entry.name not in wanted:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{inside}{entry.name}/")
                else:
                    found.add(inside + entry.name)
    return found


def _is_equal(target: Path, package: Package, excused: Excuse) -> bool:
    if _paths(target, _names(target, package)) != {file.path for file in package.files}:
        return False
    for file in package.files:
        try:
            is_equal = hash_file(target / file.path) == file.sha256
        except OSError:
            return False
        if not is_equal and not excused(file):
            return False
    return True


def _is_of_the_model(target: Path, names: list[str], package: Package) -> bool:
    """Whether it is a version of the same model, whole by its own manifest, and nothing else."""
    try:
        meta = json.loads((target / META).read_bytes())
        manifest = parse_manifest((target / MANIFEST).read_bytes())
        is_ours = (meta["task"], meta["model_name"]) == (package.resolution.task, package.resolution.model_name)
        is_whole = not manifest.faults and _paths(target, names) == {*manifest.hashes, MANIFEST}
        return is_ours and is_whole and all(hash_file(target / path) == sha for path, sha in manifest.hashes.items())
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return False


@contextmanager
def building(target: Path, *, update: bool) -> Iterator[Place]:
    """A new, empty directory to build in, held, and gone at the end.

    What pulls that were killed have left of theirs is gone, and a directory that they were filling is as it was.
    """
    is_within = target.is_dir()
    with _within(target) if is_within else _beside(target) as top:
        place = Place(target, top / "files", is_within, update)
        place.files.mkdir()
        yield place


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(target)
    while True:
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}{_MARK}", dir=target.parent))
        lock = hold_directory(temporary)
        if lock is not None:
            break
    try:
        yield temporary
    finally:
        remove_tree(temporary)
        os.close(lock)


def _remove_abandoned(target: Path) -> None:
    for path in target.parent.glob(f".{_escaped(target.name[:100])}{_MARK}*"):
        lock = hold_directory(path)
        if lock is not None:
            remove_tree(path)
            os.close(lock)


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


@contextmanager
def _within(target: Path) -> Iterator[Path]:
    inside = target / INSIDE
    lock = None
    while lock is None:
        with suppress(FileExistsError):
            inside.mkdir(mode=0o700)
        if inside.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        with suppress(FileNotFoundError):  # its last holder has removed it all
            lock = hold(inside / "lock", wait=True)
    try:
        _take_back(target)
        _clear(inside)
        yield inside
    finally:
        with suppress(OSError):
            _take_back(target)
            _clear(inside)
            # From here on it may be another's, who waits for nothing but the lock.
            os.unlink(inside / "lock")
            os.rmdir(inside)
        os.close(lock)


def _clear(inside: Path) -> None:
    for name in ("files", "cache"):
        remove_tree(inside / name)


def publish(place: Place, package: Package, excused: Excuse) -> bool:
    """The files have their names; false if another pull was faster with the very same files."""
    if place.is_within:
        if place.is_filled(package, excused):  # it was empty, or another version, when this began
            return False
        _lay_within(place.target, place.files, _names(place.target, package))
        return True
    try:
        os.chmod(place.files, 0o755)  # nosec B103
        os.rename(place.files, place.target)  # onto nothing, or an empty directory
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise
        return not is_there(place.target, package, excused, update=False)
    sync_directory(place.target.parent)
    return True


def _lay_within(target: Path, files: Path, replaced: list[str]) -> None:
    """What lies in ``files`` lies in the target, the manifest last; and first what is ``replaced`` does no more.

    A crash leaves what :func:`_take_back` undoes.
    """
    inside = target / INSIDE
    (inside / "was").mkdir()
    for name in sorted(replaced, key=lambda name: name != MANIFEST):
        os.rename(target / name, inside / "was" / name)
    names = sorted(os.listdir(files), key=lambda name: name == MANIFEST)
    with (inside / "laid").open("x", encoding="utf-8") as note:
        json.dump(names, note)
        note.flush()
        os.fsync(note.fileno())
    sync_directory(inside)
    for name in names:
        if name == MANIFEST:
            sync_directory(target)
        if os.path.lexists(target / name):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        os.rename(files / name, target / name)
    sync_directory(target)
    _take_back(target)  # of which nothing is left but what was replaced


def _take_back(target: Path) -> None:
    """Nothing is left of a laying that did not end, and what it replaced is back.

    One whose last name was given stands, and nothing is left of what it replaced.
    """
    inside = target / INSIDE
    names = _laid(inside)
    left = [name for name in names or () if os.path.lexists(inside / "files" / name)]
    if names is None or left:
        for name in set(names or ()).difference(left):
            if is_segment(name) and name != INSIDE:
                path = target / name
                remove_tree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        with suppress(FileNotFoundError, NotADirectoryError):
            for name in sorted(os.listdir(inside / "was"), key=lambda name: name == MANIFEST):
                if not os.path.lexists(target / name):
                    os.rename(inside / "was" / name, target / name)
        sync_directory(target)
    remove_tree(inside / "was")
    (inside / "laid").unlink(missing_ok=True)


def _laid(inside: Path) -> list[str] | None:
    """What the note says; None where no laying was begun: it is whole before the first name is given."""
    try:
        names = json.loads((inside / "laid").read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else None
