"""Upload sessions on an object store: every piece that arrives streams into an object of its own.

::

    .incoming/<id>/session.json            what it is for, and when something was last done to it
    .incoming/<id>/announced.json          what its caller said would come; then announced-1.json and so on
    .incoming/<id>/total.json              how many files it has, of how many bytes
    .incoming/<id>/files/<file id>.json    path, length, pieces, digest; changed by compare-and-swap
    .incoming/<id>/data/<file id>/<piece>  what one request brought; many small files: packing.py

There are no locks: two writers of one file both send, and the one whose piece is recorded first has won. Within a
process the second is refused at once. A file that came in one piece is taken by a copy within the store, which is
believed if the piece still has the ETag of its arrival, and else read; pieces are put together by streaming them
through. What is borrowed is copied within the store, and the copy read.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

from ..contract import ABSENT, ANY, Artifact, Document, KeyNotFound, Match, PreconditionFailed, Prove, Readable, Staging
from ..process_locks import ProcessLocks
from ..uploads import Admit, Incoming, Packing, Receiving, SessionFiles, Uploads, check_id, locked, now_s
from .bucket import Bucket
from .packing import ObjectPacking, id_of, packed, reader_of, unpack_one
from .pieces import Pieces, Poured
from .pointers import Pointers
from .receiving import ObjectReceiving
from .staging import ObjectStaging

# Not ``.uploads``, as on a disk: SeaweedFS calls what is unfinished so, and no listing of its shows it.
_PLACE = ".incoming"
MOST_COPY_BYTES = 5 * 1024**3  # of one copy within S3
READS_AT_ONCE = 16


class ObjectUploads(Uploads):
    """The sessions below ``.incoming/`` of a bucket."""

    place = _PLACE

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._pointers = Pointers(bucket)
        self._locks = ProcessLocks()

    # the session

    def begin(self, upload: str, about: bytes, announced: bytes) -> None:
        home = _home(upload)
        self._bucket.put(f"{home}/total.json", _encoded({"files": 0, "size_bytes": 0}), ABSENT)
        self._bucket.put(_page(upload, 0), announced, ABSENT)
        self._bucket.put(f"{home}/session.json", _session(about.decode()), ABSENT)

    def about(self, upload: str) -> tuple[Document, float]:
        document = self._bucket.read(f"{_home(upload)}/session.json")
        fields = json.loads(document.data)
        return Document(fields["about"].encode(), document.etag), float(fields["active_s"])

    def announced(self, upload: str, page: int = 0) -> bytes:
        return self._bucket.read(_page(upload, page)).data

    def announce(self, upload: str, announced: bytes, page: int = 0, *, new: bool = False) -> None:
        try:
            self._bucket.put(_page(upload, page), announced, ABSENT if new else ANY)
        except PreconditionFailed:
            raise locked() from None
        self.touch(upload)

    def touch(self, upload: str) -> None:
        """Something has been done to the session now."""
        document, _ = self.about(upload)
        with suppress(PreconditionFailed):  # somebody else did something, or it has ended
            self._bucket.put(f"{_home(upload)}/session.json", _session(document.data.decode()), Match(document.etag))

    @contextmanager
    def alone(self, upload: str) -> Iterator[None]:
        self.about(upload)
        with self._locks.alone(upload):
            yield

    def end(self, upload: str) -> None:
        home = _home(upload)
        self._bucket.delete(f"{home}/session.json")
        self._bucket.delete_all(home)

    def sessions(self) -> Iterator[str]:
        _, prefixes = self._bucket.level(_PLACE)
        for prefix in prefixes:
            with suppress(KeyNotFound):
                yield check_id(prefix.rsplit("/", 1)[-1])

    def expired(self, before_s: float) -> Iterator[str]:
        return (upload for upload in self.sessions() if self._last_activity(upload) < before_s)

    def _last_activity(self, upload: str) -> float:
        try:
            return self.about(upload)[1]
        except KeyNotFound:
            changes = (meta["last_modified"].timestamp() for meta in self._bucket.objects(_home(upload)))
            return max(changes, default=now_s())

    # its files

    def add(self, upload: str, path: str, size_bytes: int, check: Admit, described: str = "") -> Incoming:
        file_id = id_of(path)
        self.about(upload)
        with self._locks.shared(upload):
            known = self._same(upload, file_id, size_bytes)
            if known is not None:
                return known
            self._count(upload, 1, size_bytes, check)
            fields = {"path": path, "size_bytes": size_bytes, "made": uuid.uuid4().hex, "pieces": [], "sha256": None}
            fields["described"] = described
            try:
                self._bucket.put(_file_key(upload, file_id), _encoded(fields), ABSENT)
            except PreconditionFailed:
                self._count(upload, -1, -size_bytes)
                return self._same(upload, file_id, size_bytes) or self.file(upload, file_id)
            self.touch(upload)
            return _incoming(file_id, fields)

    def _same(self, upload: str, file_id: str, size_bytes: int) -> Incoming | None:
        """The file if it is there, of that size. Raises ``PreconditionFailed`` for one of another size."""
        try:
            found = self.file(upload, file_id)
        except KeyNotFound:
            return None
        if found.size_bytes != size_bytes:
            raise PreconditionFailed(found.path)
        return found

    def _count(
        self, upload: str, files: int, size_bytes: int, check: Callable[[SessionFiles], str | None] | None = None
    ) -> None:
        key = f"{_home(upload)}/total.json"
        while True:
            now = self._bucket.read(key)
            total = json.loads(now.data)
            if check is not None:
                check(SessionFiles(total["files"], total["size_bytes"]))
            after = {
                "files": total["files"] + files,
                "size_bytes": total["size_bytes"] + size_bytes,
                "made": uuid.uuid4().hex,  # what somebody else made meanwhile is not taken for this, of the same sum
            }
            with suppress(PreconditionFailed):  # somebody else added a file: count anew
                self._bucket.put(key, _encoded(after), Match(now.etag))
                return

    def files(self, upload: str) -> Sequence[Incoming]:
        self.about(upload)
        ids = [
            meta["path"].rsplit("/", 1)[-1].removesuffix(".json")
            for meta in self._bucket.objects(f"{_home(upload)}/files")
        ]

        def read(file_id: str) -> Incoming | None:
            with suppress(KeyNotFound):  # dropped meanwhile
                return self.file(upload, file_id)
            return None

        with ThreadPoolExecutor(max_workers=READS_AT_ONCE) as pool:
            found = [file for file in pool.map(read, ids) if file is not None]
        paths = {file.path for file in found}
        return found + [file for file in packed(self._bucket, _home(upload)) if file.path not in paths]

    def file(self, upload: str, file_id: str) -> Incoming:
        try:
            return _incoming(file_id, self._fields(upload, file_id)[0])
        except KeyNotFound:
            return self._packed(upload, file_id)

    def _packed(self, upload: str, file_id: str) -> Incoming:
        for file in packed(self._bucket, _home(upload)):
            if file.file_id == file_id:
                return file
        raise KeyNotFound(file_id)

    def _fields(self, upload: str, file_id: str) -> tuple[dict[str, Any], str]:
        """(what the file's document says, its etag)."""
        document = self._bucket.read(_file_key(upload, file_id))
        return dict(json.loads(document.data)), document.etag

    def drop(self, upload: str, file_id: str) -> None:
        with self._locks.shared(upload), self._locks.file(upload, file_id):
            try:
                fields, _ = self._fields(upload, file_id)
            except KeyNotFound:
                size_bytes = unpack_one(self._bucket, _home(upload), file_id)
            else:
                size_bytes = fields["size_bytes"]
                self._bucket.delete(_file_key(upload, file_id))
                self._bucket.delete_all(f"{_home(upload)}/data/{file_id}")
            self._count(upload, -1, -size_bytes)

    def receive(self, upload: str, file_id: str, *, all_or_nothing: bool) -> Receiving:
        with ExitStack() as locks:
            locks.enter_context(self._locks.shared(upload))
            locks.enter_context(self._locks.file(upload, file_id))
            try:
                fields, etag = self._fields(upload, file_id)
                file = _incoming(file_id, fields)
            except KeyNotFound:
                fields, etag, file = {}, "", self._packed(upload, file_id)  # whole, so that nothing is written to it
            data, document = f"{_home(upload)}/data/{file_id}", _file_key(upload, file_id)
            touch = partial(self.touch, upload)
            return ObjectReceiving(self._bucket, document, data, file, fields, etag, touch, locks.pop_all())
        raise AssertionError("unreachable")

    def pack(self, upload: str) -> Packing:
        with ExitStack() as locks:
            locks.enter_context(self._locks.shared(upload))
            locks.enter_context(self._locks.file(upload, "pack"))
            self.about(upload)
            count, touch = partial(self._count, upload), partial(self.touch, upload)
            return ObjectPacking(self._bucket, _home(upload), count, touch, locks.pop_all())
        raise AssertionError("unreachable")

    def open(self, upload: str, file_id: str, start: int) -> Readable:
        try:
            fields, _ = self._fields(upload, file_id)
        except KeyNotFound:
            return reader_of(self._bucket, _home(upload), self._packed(upload, file_id), start)
        return Pieces(self._bucket, _pieces(upload, file_id, fields), start)

    def take(self, upload: str, file: Incoming, staging: Staging, prove: Prove) -> Artifact:
        assert isinstance(staging, ObjectStaging)
        if file.mark:
            return staging.add(file.path, Poured(reader_of(self._bucket, _home(upload), file), file.size_bytes))
        fields, _ = self._fields(upload, file.file_id)
        pieces = _pieces(upload, file.file_id, fields)
        if len(pieces) != 1 or file.size_bytes > MOST_COPY_BYTES:
            return staging.add(file.path, Poured(Pieces(self._bucket, pieces, 0), file.size_bytes))
        piece, target = pieces[0][0], staging.place(file.path)
        self._bucket.copy(piece, target)
        arrived_as = fields.get("etags", {}).get(piece.rsplit("/", 1)[-1])
        # Asked after the copy: what was changed before it shows.
        if arrived_as and self._bucket.tag(piece) == arrived_as:
            return Artifact(file.path, file.sha256 or "", file.size_bytes)
        return self._proven(target, Artifact(file.path, "", file.size_bytes), prove)

    def borrow(self, package: str, wanted: Artifact, inside: str, staging: Staging, prove: Prove) -> Artifact:
        assert isinstance(staging, ObjectStaging)
        source = f"{self._pointers.home(package)}/{inside}"
        if wanted.size_bytes > MOST_COPY_BYTES:
            return staging.add(wanted.path, Poured(self._bucket.stream(source), wanted.size_bytes))
        target = staging.place(wanted.path)
        self._bucket.copy(source, target)
        return self._proven(target, wanted, prove)

    def _proven(self, target: str, wanted: Artifact, prove: Prove) -> Artifact:
        """What the copy is, read from itself. Raises ``KeyNotFound`` for another size."""
        with self._bucket.stream(target) as reader:
            copied = Artifact(wanted.path, *prove(reader))
        if copied.size_bytes != wanted.size_bytes:
            raise KeyNotFound(wanted.path)
        return copied


def _home(upload: str) -> str:
    return f"{_PLACE}/{check_id(upload)}"


def _page(upload: str, page: int) -> str:
    return f"{_home(upload)}/announced{f'-{page}' if page else ''}.json"


def _file_key(upload: str, file_id: str) -> str:
    return f"{_home(upload)}/files/{check_id(file_id)}.json"


def _pieces(upload: str, file_id: str, fields: Mapping[str, Any]) -> list[tuple[str, int]]:
    return [(f"{_home(upload)}/data/{file_id}/{check_id(piece)}", int(length)) for piece, length in fields["pieces"]]


def _incoming(file_id: str, fields: Mapping[str, Any]) -> Incoming:
    offset = sum(length for _, length in fields["pieces"])
    return Incoming(
        file_id,
        fields["path"],
        fields["size_bytes"],
        offset,
        fields["sha256"],
        fields["made"],
        described=fields.get("described", ""),
    )


def _session(about: str) -> bytes:
    return _encoded({"about": about, "active_s": now_s()})


def _encoded(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()
