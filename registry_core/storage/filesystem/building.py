"""Where the files of a package are put while it is built: their directory is opened once for all that follow in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import get_ident

from .beneath import DIRECTORY_BITS, Place


class Building:
    """The directories of a package being built. Each thread keeps open the one that it put a file into last."""

    def __init__(self, package: Place) -> None:
        self._package = package
        self._open: dict[int, tuple[str, int]] = {}  # thread -> (directory in the package, its descriptor)

    def place(self, path: str) -> Place:
        """Where the file of that path is to lie; the directories above are there. Raises ``OSError``."""
        above, thread = path.rpartition("/")[0], get_ident()
        inside, directory = self._open.get(thread, ("", -1))
        if directory < 0 or inside != above:
            new = _opened(self._package / path)
            self._open[thread] = above, new
            if directory >= 0:
                os.close(directory)
            directory = new
        return _Neighbour(self._package.root, f"{self._package.key}/{path}", directory)

    def close(self) -> None:
        """No directory is open any more. Call it when nobody puts anything into it."""
        while self._open:
            os.close(self._open.popitem()[1][1])


class _Neighbour(Place):
    """A place whose directory is open: what is made there is made in that one, whatever has its name by now."""

    __slots__ = ("_directory",)

    def __init__(self, root: str, key: str, directory: int) -> None:
        super().__init__(root, key)
        self._directory = directory

    @contextmanager
    def parent(self, access: int = os.O_PATH) -> Iterator[int]:
        assert access == os.O_PATH, "to be synced it is opened anew"
        yield self._directory


def _opened(target: Place) -> int:
    """The directory above, open to start from; it is there. The package's seal makes it durable."""
    try:
        with target.parent() as parent:
            return os.dup(parent)
    except FileNotFoundError:
        _make_above(target)
    with target.parent() as parent:
        return os.dup(parent)


def _make_above(target: Place) -> None:
    try:
        with target.above.parent() as parent, suppress(FileExistsError):
            os.mkdir(target.above.name, DIRECTORY_BITS, dir_fd=parent)
    except FileNotFoundError:
        _make_above(target.above)
        _make_above(target)
