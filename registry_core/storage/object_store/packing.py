"""Many small files of a session on an object store: the bytes of many in one object, and a document that says where.

::

    .incoming/<id>/packs/<pack>.json    [path, size, SHA-256, where it begins] of each file
    .incoming/<id>/packed/<pack>        their bytes, one after another

What is registered is read from there and sent to its place, and hashed on that way.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

from ..contract import ABSENT, KeyNotFound, Match, PreconditionFailed, Readable
from ..uploads import Incoming, Packing, locked
from .bucket import Bucket
from .pieces import Pieces
from .receiving import Sending

PACK_BYTES = 64 * 1024 * 1024  # of one object, and what a killed process may lose
_PACKS, _PACKED = "packs", "packed"

Count = Callable[[int, int], None]  # of files and bytes that have come to the session


class ObjectPacking(Packing):
    """The files of one request on their way into the store."""

    def __init__(self, bucket: Bucket, home: str, count: Count, touch: Callable[[], None], locks: ExitStack) -> None:
        self._bucket, self._home, self._count, self._touch, self._locks = bucket, home, count, touch, locks
        self._sending = Sending(bucket, touch)
        self._pack = ""
        self._begun: tuple[str, int, int] = ("", 0, 0)
        self._kept: list[tuple[str, int, str, int]] = []

    def __exit__(self, *exc_info: object) -> None:
        with self._locks:
            self._finish()

    def begin(self, path: str, size_bytes: int) -> None:
        if self._sending.is_open and self._sending.position + size_bytes > PACK_BYTES:
            self._finish()
        if not self._sending.is_open:
            self._pack = uuid.uuid4().hex
            self._sending.begin(f"{self._home}/{_PACKED}/{self._pack}", PACK_BYTES)
        self._begun = (path, size_bytes, self._sending.position)

    def write(self, chunk: memoryview, /) -> int:
        self._sending.write(chunk)
        return len(chunk)

    def keep(self, sha256: str) -> None:
        path, size_bytes, begin = self._begun
        self._kept.append((path, size_bytes, sha256, begin))

    def _finish(self) -> None:
        """What is kept is recorded, with an object that is whole; where nothing is, nothing of that object is there."""
        kept, self._kept = self._kept, []
        if not kept:
            self._sending.abandon()
            return
        self._sending.finish()
        self._bucket.put(f"{self._home}/{_PACKS}/{self._pack}.json", json.dumps(kept).encode(), ABSENT)
        self._count(len(kept), sum(size_bytes for _, size_bytes, _, _ in kept))
        self._touch()


def packed(bucket: Bucket, home: str) -> Iterator[Incoming]:
    """Every file that came in a pack, of those with one path the first. ``mark`` says where it is."""
    seen = set()
    for key, _, files in _documents(bucket, home):
        pack = key.rsplit("/", 1)[-1].removesuffix(".json")
        for path, size_bytes, sha256, begin in files:
            if path not in seen:
                seen.add(path)
                yield Incoming(id_of(path), path, size_bytes, size_bytes, sha256, pack, f"{pack}:{begin}")


def id_of(path: str) -> str:
    """The id of the file of that path, of which a session has one."""
    return hashlib.sha256(path.encode()).hexdigest()[:32]


def reader_of(bucket: Bucket, home: str, file: Incoming, start: int = 0) -> Readable:
    """The bytes of a packed file, from ``start`` on."""
    pack, _, begin = file.mark.partition(":")
    if start >= file.size_bytes:
        return Pieces(bucket, [], 0)
    return bucket.stream(f"{home}/{_PACKED}/{pack}", int(begin) + start, file.size_bytes - start)


def unpack_one(bucket: Bucket, home: str, file_id: str) -> int:
    """The file is in no pack any more; how many bytes it had. Raises ``KeyNotFound``, ``UploadLocked``."""
    found: int | None = None
    for key, etag, files in _documents(bucket, home):
        left = [file for file in files if id_of(file[0]) != file_id]
        if len(left) < len(files):
            found = next(size_bytes for path, size_bytes, _, _ in files if id_of(path) == file_id)
            try:
                bucket.put(key, json.dumps(left).encode(), Match(etag))
            except PreconditionFailed:
                raise locked() from None
    if found is None:
        raise KeyNotFound(file_id)
    return found


def _documents(bucket: Bucket, home: str) -> Iterator[tuple[str, str, list[tuple[str, int, str, int]]]]:
    for key in sorted(meta["path"] for meta in bucket.objects(f"{home}/{_PACKS}")):
        with suppress(KeyNotFound):  # the session has ended meanwhile
            document = bucket.read(key)
            yield key, document.etag, [tuple(file) for file in json.loads(document.data)]
