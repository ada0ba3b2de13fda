"""What lies where on a filesystem: sorted as keys are, and nothing that a link leads to."""

from __future__ import annotations

import os
import stat
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

from ..contract import Documents, Entry
from .beneath import Place, translated_errors
from .failures import FILE, Planted

T = TypeVar("T")
_DEEPEST_KEY = 200  # segments; intake allows packages far flatter than this


class FilesystemListing(Documents):
    """What documents on a filesystem have of lists."""

    @abstractmethod
    def _at(self, key: str) -> Place: ...

    def list(self, prefix: str, *, deep: bool = False) -> Iterator[Entry]:
        for entry in self._look(prefix, lambda top: _scan(top, prefix, deep)):
            if not deep or entry.kind != "prefix":
                yield entry
            elif entry.key.count("/") >= _DEEPEST_KEY:
                yield Entry(entry.key, "other")
            else:
                yield from self.list(entry.key, deep=True)

    def names(self, prefix: str) -> Sequence[str]:
        return self._look(prefix, os.listdir)

    def size(self, key: str) -> int | None:
        with translated_errors(key):
            found = self._at(key).stat()
        return found.st_size if found is not None and stat.S_ISREG(found.st_mode) else None

    def _look(self, prefix: str, look: Callable[[int], Sequence[T]]) -> Sequence[T]:
        """What is found in the open directory; nothing where there is none."""
        with translated_errors(prefix):
            try:
                with self._at(prefix).directory(os.O_RDONLY) as top:
                    return look(top)
            except FileNotFoundError:
                return ()
            except Planted as error:
                if error.kind == FILE:
                    return ()
                raise


def _scan(top: int, prefix: str, deep: bool) -> list[Entry]:
    """What lies in the open directory now, sorted as keys are."""
    found = []
    with os.scandir(top) as items:
        for item in items:
            key = f"{prefix}/{item.name}" if prefix else item.name
            with suppress(FileNotFoundError):  # it has gone since
                if item.is_dir(follow_symlinks=False):
                    found.append(Entry(key, "prefix"))
                elif item.is_file(follow_symlinks=False):
                    status = item.stat(follow_symlinks=False)
                    shared = (f"{status.st_dev}:{status.st_ino}", status.st_nlink) if status.st_nlink > 1 else None
                    found.append(Entry(key, "file", status.st_size, shared, status.st_mtime))
                else:
                    found.append(Entry(key, "other"))
    # Keys compare as whole strings: below a directory the next character is "/".
    found.sort(key=lambda entry: entry.key + "/" if deep and entry.kind == "prefix" else entry.key)
    return found
