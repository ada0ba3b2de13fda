"""Packages on a filesystem: built in ``.staging/<attempt>/package``, and renamed as a whole.

Nothing here depends on the clock except the age of abandoned attempts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from ...vocabulary.texts import check_key
from ..contract import Attempt, Facts, Glance, KeyNotFound, Packages, Readable, Staging
from .beneath import LOCK, Place, open_file, translated_errors
from .documents import is_draft
from .failures import DIRECTORY, Planted
from .moves import move, remove, set_aside
from .one_file import open_stream
from .staging import (
    STAGING,
    FilesystemStaging,
    age_s,
    has_content,
    hold_abandoned,
    is_alive,
    is_sealed,
    remove_abandoned,
    require_room,
    seal_tree,
)


class FilesystemPackages(Packages):
    """The packages below one directory, and the attempts at them."""

    def __init__(self, root: str) -> None:
        self._root = root

    def _at(self, key: str) -> Place:
        return Place(self._root, key)

    # in the making

    def stage(self, package: str, attempt: str | None = None) -> Staging:
        with translated_errors(STAGING):
            return FilesystemStaging(self._root, attempt, check_key(package))

    def staged(self) -> Iterator[Attempt]:
        for place in self._attempts():
            found = None
            with translated_errors(STAGING), suppress(Planted):  # what is no attempt of ours stays where it is
                alive = is_alive(place if is_draft(place.name) else place / LOCK)
                if place.stat() is not None:
                    found = Attempt(place.name, age_s(place), alive, not has_content(place))
            if found is not None:
                yield found

    @contextmanager
    def sweep(self, min_age_s: float) -> Iterator[Sequence[Staging]]:
        with ExitStack() as holds:
            held: list[Staging] = []
            for place in self._attempts():
                with translated_errors(STAGING):
                    if age_s(place) < min_age_s:
                        continue
                    if is_draft(place.name):
                        with suppress(Planted), place.parent() as staging:
                            remove_abandoned(place.name, staging)  # a draft is named by nothing
                        continue
                    lock = hold_abandoned(place)
                if lock is not None:
                    held.append(holds.enter_context(FilesystemStaging(self._root, place.name, held=lock)))
            yield held

    def _attempts(self) -> Sequence[Place]:
        staging = self._at(STAGING)
        with translated_errors(STAGING):
            try:
                with staging.directory(os.O_RDONLY) as directory:
                    return [staging / name for name in sorted(os.listdir(directory))]
            except FileNotFoundError:
                return []
        raise AssertionError("unreachable")

    # published

    def open(self, package: str, path: str, start: int = 0, length: int | None = None) -> Readable:
        return open_stream(self._at(package) / path, start, length)

    def glance(self, package: str, paths: Sequence[str], most_bytes: int) -> Glance | None:
        try:
            with self._at(package).directory(os.O_RDONLY) as top:
                found = {}
                for path in paths:
                    with suppress(FileNotFoundError):
                        fd = open_file(path, os.O_RDONLY, top)
                        try:
                            found[path] = _read_most(fd, most_bytes)
                        finally:
                            os.close(fd)
                return Glance(found, _size_bytes(top))
        except OSError:  # whoever looks again, one file after the other, is told what it is
            return None

    def read(self, package: str, path: str) -> bytes:
        place = self._at(f"{package}/{path}")
        with translated_errors(place.key):
            try:
                return place.read()
            except Planted as error:
                if error.kind == DIRECTORY:
                    raise KeyNotFound(path) from None
                raise

    def local_path(self, package: str, path: str) -> str | None:
        return (self._at(package) / path).path

    def locate(self, package: str) -> str:
        place = self._at(package)
        with translated_errors(package):
            if not place.is_directory():
                raise KeyNotFound(package)
        return place.path

    def sealed(self, package: str) -> bool:
        try:
            with translated_errors(package):
                return is_sealed(self._at(package))
        except KeyNotFound:
            return False

    def reseal(self, package: str) -> None:
        with translated_errors(package):
            seal_tree(self._at(package))

    def set_aside(self, package: str, path: str, to: str) -> None:
        with translated_errors(f"{package}/{path}"):
            set_aside(self._at(package) / path, self._at(to))

    def keeps_facts(self) -> bool:
        return False  # the journal is at hand

    def facts(self, package: str) -> Facts | None:
        return None

    # retired

    def require_movable(self, source: str, target: str) -> None:
        with translated_errors(target):
            require_room(self._at(source).above, self._at(target).above)

    def retire(self, package: str, grave: str, seq: int) -> None:
        with translated_errors(package):
            move(self._at(package), self._at(grave))

    def reinstate(self, package: str, grave: str, seq: int) -> None:
        with translated_errors(package):
            move(self._at(grave), self._at(package))

    def retired(self, package: str, grave: str) -> str | None:
        with translated_errors(grave):
            return grave if self._at(grave).is_directory() else None

    def erase(self, package: str, grave: str) -> None:
        with translated_errors(grave):
            remove(self._at(grave))


def _read_most(fd: int, most_bytes: int) -> bytes:
    data = os.read(fd, most_bytes)
    while data and len(data) < most_bytes and (more := os.read(fd, most_bytes - len(data))):
        data += more
    return data


def _size_bytes(top: int) -> int:
    """Of all files below the open directory."""
    size_bytes = 0
    with os.scandir(top) as items:
        for item in items:
            if item.is_file(follow_symlinks=False):
                size_bytes += item.stat(follow_symlinks=False).st_size
            elif item.is_dir(follow_symlinks=False):
                below = os.open(item.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
                try:
                    size_bytes += _size_bytes(below)
                finally:
                    os.close(below)
    return size_bytes
