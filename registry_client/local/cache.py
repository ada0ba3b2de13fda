"""Pulled files by their digest, shared between versions, models, registries and processes.

::

    <cache>/blobs/<2 hex>/<64 hex>      a file's bytes, mode 0444; its name is its SHA-256
    <cache>/partial/<64 hex>            one that is being fetched, held by a lock while somebody does
    <cache>/refs/<64 hex>.json          what a ref meant when it was last pulled, for offline use
    <cache>/pushes/<64 hex>.json        an upload session that was not finished

The directory is its owner's alone (0700), and what another user put there counts for nothing: what lies in it decides
what is served offline. A note holds the SHA-256 of its content and the key that it was written for.

A blob comes into being by a rename when its digest is proven, and is proven again whenever it is used: bytes
that rotted, or were written over through a hard link, are fetched again. All of it can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from registry_core import InvalidParameter, StorageUnavailable

from ..forms import sha256_of
from .files import blaming, drop_foreign, hold, is_at, open_own, own_directory, sync_directory, write_all
from .settings import ELSEWHERE, cache_dir

FORGET_PUSHES_S = 7 * 86400.0  # the server has given an upload up long before

MAX_NOTE_BYTES = 256 * 1024 * 1024  # as large as a listing may be, written out

_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class CachedFile:
    """One blob. ``used_at``: when it was last pulled, in seconds since 1970."""

    sha256: str
    size_bytes: int
    used_at: float


@dataclass(frozen=True)
class Pruned:
    """What a prune removed, and what is left."""

    files_removed: int
    bytes_removed: int
    files_kept: int
    bytes_kept: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Cache:
    """The cache in a directory; by default the one that the environment names, or ``~/.cache/...``."""

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self.directory = Path(directory) if directory is not None else cache_dir()
        self._blobs = self.directory / "blobs"
        self._partial = self.directory / "partial"
        self._made: set[str] = set()  # directories that are there, unless somebody removed them
        self._notes = {kind: self.directory / kind for kind in ("refs", "pushes")}

    def blob_path(self, sha256: str) -> Path:
        """Where the blob is, or would be. Raises ``StorageUnavailable`` for what is no digest."""
        return Path(self._blob(sha256))

    def _blob(self, sha256: str) -> str:
        # As a text: a path is made of it where one is needed, which for thousands of files is seldom.
        name = sha256_of(sha256)
        if name is None:
            raise StorageUnavailable("This is not the SHA-256 of any file.")
        return f"{self._blobs}/{name[:2]}/{name}"

    def lacks_bytes(self, sha256: str, size_bytes: int) -> int:
        """How much of the file must be fetched, and find room."""
        blob = self._blob(sha256)
        for path in (blob, f"{self._partial}/{os.path.basename(blob)}"):
            with suppress(OSError):
                return max(0, size_bytes - os.stat(path, follow_symlinks=False).st_size)
        return size_bytes

    def _is_ours(self, *directories: Path) -> bool:
        """Whether the cache and these below it are there. Raises ``StorageUnavailable`` for another user's."""
        return all(own_directory(directory, make=False) for directory in (self.directory, *directories))

    def _make(self, *directories: Path) -> None:
        for directory in (self.directory, *directories):
            own_directory(directory, make=True)

    @contextmanager
    def blob(
        self, sha256: str, fetch: Callable[[int], None], stop: Callable[[], None] | None = None
    ) -> Iterator[tuple[int, bool]]:
        """(a descriptor of the blob, whether it had to be fetched). Its bytes are *not* proven: hash what you use.

        ``fetch(fd)`` fills the file that ``fd`` is open on, which may hold the beginning from an earlier try, and
        returns when its digest is proven; what it leaves behind when it raises is the beginning of the next try.
        Only one process fetches a blob. Raises what ``fetch`` raises, ``StorageFull``, ``StorageUnavailable``.
        """
        fd = self._open(sha256)
        fetched = fd is None
        if fd is None:
            fd = self._fetch(sha256, fetch, stop)
        try:
            with suppress(OSError):  # somebody else's blob: then it is his clock that counts
                os.utime(fd, ns=(time.time_ns(), os.fstat(fd).st_mtime_ns))
            yield fd, fetched
        finally:
            os.close(fd)

    def _open(self, sha256: str) -> int | None:
        blob = self.blob_path(sha256)
        with suppress(FileNotFoundError), blaming_unless_missing(str(self.directory)):
            if self._is_ours(self._blobs, blob.parent):
                return open_own(blob)
        return None

    def _fetch(self, sha256: str, fetch: Callable[[int], None], stop: Callable[[], None] | None) -> int:
        blob = self.blob_path(sha256)
        partial = self._partial / blob.name
        with blaming(str(self.directory), ELSEWHERE):
            self._make(self._partial, self._blobs, blob.parent)
            drop_foreign(partial)
            fd = hold(partial, wait=True, stop=stop)
            assert fd is not None
        try:
            there = self._open(sha256)  # whoever held it has fetched it
            if there is not None:
                with suppress(OSError):
                    os.unlink(partial)
                return there
            with blaming(str(self.directory), ELSEWHERE):
                fetch(fd)
                os.fchmod(fd, 0o444)
                os.fsync(fd)
                os.rename(partial, blob)
                sync_directory(blob.parent)
                found = self._open(sha256)
                # Pruned in this very moment: the descriptor that we have is as good.
                return os.dup(fd) if found is None else found
        finally:
            os.close(fd)

    def discard(self, sha256: str, fd: int) -> None:
        """The damaged blob that ``fd`` is open on is gone; another one under its name stays."""
        with suppress(OSError):
            if is_at(fd, self.blob_path(sha256)):
                os.unlink(self.blob_path(sha256))

    def put(self, data: bytes) -> None:
        """The small file is in the cache."""

        def fetch(fd: int) -> None:
            os.ftruncate(fd, 0)
            os.pwrite(fd, data, 0)

        with self.blob(hashlib.sha256(data).hexdigest(), fetch):
            pass

    def add(self, sha256: str, data: bytes) -> None:
        """Bytes of this digest, as the caller has proven, are in the cache.

        A power cut may spoil them, which is noticed whenever they are used.
        """
        blob = self._blob(sha256)
        with blaming(str(self.directory), ELSEWHERE):
            try:
                self._put(blob, data)
            except FileNotFoundError:  # the cache may be deleted at any time
                self._made.clear()
                self._put(blob, data)

    def _put(self, blob: str, data: bytes) -> None:
        above, name = os.path.split(blob)
        if above not in self._made:
            self._make(self._partial, self._blobs, Path(above))
            self._made.add(above)
        draft = f"{self._partial}/{name}.{os.getpid()}-{threading.get_ident()}"
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            write_all(fd, data)
            os.fchmod(fd, 0o444)
            os.rename(draft, blob)
        except BaseException:
            with suppress(OSError):
                os.unlink(draft)
            raise
        finally:
            os.close(fd)

    def get(self, sha256: str, limit_bytes: int) -> bytes | None:
        """The small file's bytes, proven; None if they are not there, or damaged."""
        with suppress(FileNotFoundError), blaming_unless_missing(str(self.directory)):
            path = self.blob_path(sha256)
            data = _read(path, limit_bytes) if self._is_ours(self._blobs, path.parent) else b""
            if hashlib.sha256(data).hexdigest() == sha256:
                return data
        return None

    # notes: small documents that help, and that may be gone

    def note(self, kind: str, key: str, content: dict[str, Any]) -> None:
        """The document is there from now on. Raises ``StorageFull``, ``StorageUnavailable``."""
        path = self._note(kind, key)
        with blaming(str(self.directory), ELSEWHERE):
            self._make(path.parent)
            fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=".note-")
            try:
                with os.fdopen(fd, "w", encoding="utf-8") as file:
                    json.dump({"sha256": _proof(key, content), "content": content}, file)
                os.rename(temporary, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise

    def noted(self, kind: str, key: str) -> dict[str, Any] | None:
        """The document, if it is the one that was written under this key; or None."""
        path = self._note(kind, key)
        if not self._is_ours(path.parent):
            return None
        try:
            found = json.loads(_read(path, MAX_NOTE_BYTES))
            content = found["content"]
            is_it = isinstance(content, dict) and found["sha256"] == _proof(key, content)
        except (OSError, ValueError, RecursionError, TypeError, KeyError):
            return None
        return content if is_it else None

    def forget(self, kind: str, key: str) -> None:
        """The document is gone."""
        with suppress(OSError):
            self._note(kind, key).unlink()

    def lock_path(self, kind: str, key: str) -> Path:
        """A file to hold while working on what the document is about; its directory is there."""
        path = self._note(kind, key).with_suffix(".lock")
        with blaming(str(self.directory), ELSEWHERE):
            self._make(path.parent)
            drop_foreign(path)
        return path

    def _note(self, kind: str, key: str) -> Path:
        return self._notes[kind] / f"{hashlib.sha256(key.encode('utf-8', 'backslashreplace')).hexdigest()}.json"

    # upkeep

    def files(self) -> list[CachedFile]:
        """Every blob, the least recently used first."""
        found = []
        for path in self._paths(self._blobs):
            with suppress(FileNotFoundError):
                status = path.stat()
                found.append(CachedFile(path.name, status.st_size, max(status.st_atime, status.st_mtime)))
        return sorted(found, key=lambda file: (file.used_at, file.sha256))

    def prune(self, *, older_than_s: float | None = None, max_bytes: int | None = None) -> Pruned:
        """Blobs not used for ``older_than_s`` are gone, then the least recently used ones beyond ``max_bytes``.

        Without either, all. Pulls that run meanwhile fetch again what they miss. Raises ``InvalidParameter``.
        """
        if (older_than_s is not None and not older_than_s >= 0) or (max_bytes is not None and max_bytes < 0):
            raise InvalidParameter("The age and the size are 0 or more.", field="older_than_s")
        if older_than_s is None and max_bytes is None:
            max_bytes = 0
        now = time.time()
        files = self.files()
        left = sum(file.size_bytes for file in files)
        kept, removed = [], []
        for file in files:
            is_old = older_than_s is not None and now - file.used_at >= older_than_s
            is_too_much = max_bytes is not None and left > max_bytes
            if is_old or is_too_much or (max_bytes == 0):
                left -= file.size_bytes
                removed.append(file)
            else:
                kept.append(file)
        with blaming(str(self.directory), ELSEWHERE):
            for file in removed:
                with suppress(FileNotFoundError):
                    self.blob_path(file.sha256).unlink()
            self._drop_abandoned(self._paths(self._partial), now, older_than_s or 0.0)
            self._drop_abandoned(self._paths(self._notes["pushes"]), now, max(older_than_s or 0.0, FORGET_PUSHES_S))
        return Pruned(len(removed), sum(f.size_bytes for f in removed), len(kept), sum(f.size_bytes for f in kept))

    def _drop_abandoned(self, paths: list[Path], now: float, older_than_s: float) -> None:
        """Those of that age that nobody holds are gone."""
        for path in paths:
            with suppress(FileNotFoundError):
                if now - path.stat().st_mtime < older_than_s:
                    continue
                lock = hold(path, wait=False)
                if lock is not None:
                    with suppress(FileNotFoundError):
                        path.unlink()
                    os.close(lock)

    def _paths(self, top: Path) -> list[Path]:
        with blaming(str(self.directory), ELSEWHERE):
            if not self._is_ours(top):
                return []
            below = [path for path in top.iterdir() if path.is_dir() and not path.is_symlink()]
            return [path for place in (top, *below) for path in place.iterdir() if _HEX.fullmatch(path.stem)]


@contextmanager
def blaming_unless_missing(what: str) -> Iterator[None]:
    """As :func:`blaming`, but a file that is not there stays ``FileNotFoundError``."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(what) from None
    except OSError as error:
        with blaming(what, ELSEWHERE):
            raise error


def _read(path: Path, limit_bytes: int) -> bytes:
    fd = open_own(path)
    if fd is None:
        return b""
    with os.fdopen(fd, "rb") as file:
        data = file.read(limit_bytes + 1)
    return data if len(data) <= limit_bytes else b""


def _proof(key: str, content: dict[str, Any]) -> str:
    text = json.dumps([key, content], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
