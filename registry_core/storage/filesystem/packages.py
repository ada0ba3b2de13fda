"""Packages on a filesystem: built in ``.staging/<attempt>/package``, and renamed as a whole.

Nothing here depends on the clock except the age of abandoned attempts.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ...vocabulary.names import check_key
from ..contract import Attempt, KeyNotFound, Packages, Readable, Staging
from ..locks import is_held, release
from .documents import is_draft, remove_abandoned
from .moves import move, remove
from .posix import open_without_waiting, path_of, translated_errors
from .staging import STAGING, FilesystemStaging, age_s, has_content, hold_abandoned, is_alive, is_sealed


class FilesystemPackages(Packages):
    """The packages below one directory, and the attempts at them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._staging = root / STAGING

    def _path(self, key: str) -> Path:
        return path_of(self._root, key)

    # in the making

    def stage(self, package: str, attempt: str | None = None) -> Staging:
        with translated_errors(STAGING):
            return FilesystemStaging(self._root, attempt, check_key(package))

    def staged(self) -> Iterator[Attempt]:
        for path in self._attempts():
            with translated_errors(STAGING):
                alive = is_held(path) if is_draft(path) else is_alive(path)
                found = Attempt(path.name, age_s(path), alive, not has_content(path))
                gone = not os.path.lexists(path)
            if not gone:
                yield found

    @contextmanager
    def sweep(self, min_age_s: float) -> Iterator[Sequence[Staging]]:
        with ExitStack() as holds:
            held: list[Staging] = []
            for path in self._attempts():
                with translated_errors(STAGING):
                    if age_s(path) < min_age_s:
                        continue
                    if is_draft(path):
                        remove_abandoned(path)  # a draft is named by nothing
                        continue
                    lock = hold_abandoned(path)
                if lock is not None:
                    holds.callback(release, lock)
                    held.append(FilesystemStaging(self._root, path.name, held=lock))
            yield held

    def _attempts(self) -> Sequence[Path]:
        with translated_errors(STAGING):
            try:
                return sorted(self._staging.iterdir())
            except FileNotFoundError:
                return []

    # published

    def open(self, package: str, path: str, start: int = 0, length: int | None = None) -> Readable:
        location = self._path(package) / check_key(path)
        with translated_errors(f"{package}/{path}"):
            fd = open_without_waiting(location)
            try:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    raise KeyNotFound(path)
                reader = os.fdopen(fd, "rb", buffering=0)
            except BaseException:
                os.close(fd)
                raise
            reader.seek(start)
        return reader if length is None else _Slice(reader, length)

    def local_path(self, package: str, path: str) -> str | None:
        return str(self._path(package) / check_key(path))

    def locate(self, package: str) -> str:
        path = self._path(package)
        with translated_errors(package):
            if not path.is_dir():
                raise KeyNotFound(package)
        return str(path)

    def sealed(self, package: str) -> bool:
        try:
            with translated_errors(package):
                return is_sealed(self._path(package))
        except KeyNotFound:
            return False

    # retired

    def retire(self, package: str, grave: str, seq: int) -> None:
        with translated_errors(package):
            move(self._path(package), self._path(grave), stop=self._root)

    def reinstate(self, package: str, grave: str, seq: int) -> None:
        with translated_errors(package):
            move(self._path(grave), self._path(package), stop=self._root)

    def retired(self, package: str, grave: str) -> str | None:
        with translated_errors(grave):
            return grave if self._path(grave).is_dir() else None

    def erase(self, package: str, grave: str) -> None:
        with translated_errors(grave):
            remove(self._path(grave))


class _Slice:
    """At most ``length`` bytes of an open file."""

    def __init__(self, reader: Readable, length: int) -> None:
        self._reader = reader
        self._left = length

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._reader.read(wanted)
        self._left -= len(data)
        return data

    def readinto(self, buffer: memoryview) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> "_Slice":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
