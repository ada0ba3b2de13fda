"""Upload sessions in memory."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from ...vocabulary.texts import check_key
from ..contract import Artifact, Document, KeyNotFound, Prove, Readable, Staging
from ..uploads import Admit, Incoming, Packing, Receiving, SessionFiles, Uploads, check_id, locked, now_s
from .packages import MemoryStaging
from .state import Session, State, etag


class MemoryUploads(Uploads):
    """The sessions of one root in memory."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._locks = state.uploading

    # the session

    def begin(self, upload: str, about: bytes, announced: bytes) -> None:
        with self._state.mutex:
            self._state.sessions[check_id(upload)] = Session(about, {0: announced}, now_s())

    def about(self, upload: str) -> tuple[Document, float]:
        session = self._session(upload)
        return Document(session.about, etag(session.about)), session.active_s

    def announced(self, upload: str, page: int = 0) -> bytes:
        pages = self._session(upload).announced
        if page not in pages:
            raise KeyNotFound(upload)
        return pages[page]

    def announce(self, upload: str, announced: bytes, page: int = 0, *, new: bool = False) -> None:
        with self._state.mutex:
            session = self._session(upload)
            if new and page in session.announced:
                raise locked()
            session.announced[page] = announced
            session.active_s = now_s()

    @contextmanager
    def alone(self, upload: str) -> Iterator[None]:
        self._session(upload)
        with self._locks.alone(upload):
            yield

    def end(self, upload: str) -> None:
        with self._state.mutex:
            self._state.sessions.pop(upload, None)

    def sessions(self) -> Iterator[str]:
        with self._state.mutex:
            found = sorted(self._state.sessions.items(), key=lambda one: one[1].active_s, reverse=True)
        return (upload for upload, _ in found)

    def expired(self, before_s: float) -> Iterator[str]:
        with self._state.mutex:
            sessions = sorted(self._state.sessions.items())
        yield from (upload for upload, session in sessions if session.active_s < before_s)

    # its files

    def add(self, upload: str, path: str, size_bytes: int, check: Admit, described: str = "") -> Incoming:
        with self._locks.shared(upload), self._state.mutex:
            session = self._session(upload)
            known = check(_files_of(session))
            if known is not None:
                return session.files[known]
            file = Incoming(uuid.uuid4().hex, path, size_bytes, 0, None, described=described)
            session.files[file.file_id] = file
            session.arrived[file.file_id] = b""
            session.active_s = now_s()
            return file

    def files(self, upload: str) -> Sequence[Incoming]:
        with self._state.mutex:
            return list(self._session(upload).files.values())

    def file(self, upload: str, file_id: str) -> Incoming:
        with self._state.mutex:
            file = self._session(upload).files.get(check_id(file_id))
        if file is None:
            raise KeyNotFound(file_id)
        return file

    def drop(self, upload: str, file_id: str) -> None:
        self.file(upload, file_id)
        with self._locks.shared(upload), self._locks.file(upload, file_id), self._state.mutex:
            self.file(upload, file_id)
            session = self._session(upload)
            del session.files[file_id], session.arrived[file_id]

    def receive(self, upload: str, file_id: str, *, all_or_nothing: bool) -> Receiving:
        self.file(upload, file_id)
        with ExitStack() as locks:
            locks.enter_context(self._locks.shared(upload))
            locks.enter_context(self._locks.file(upload, file_id))
            return _MemoryReceiving(self._state, self._session(upload), self.file(upload, file_id), locks.pop_all())
        raise AssertionError("unreachable")

    def pack(self, upload: str) -> Packing:
        with ExitStack() as locks:
            locks.enter_context(self._locks.shared(upload))
            locks.enter_context(self._locks.file(upload, "pack"))
            return _MemoryPacking(self._state, self._session(upload), locks.pop_all())
        raise AssertionError("unreachable")

    def open(self, upload: str, file_id: str, start: int) -> Readable:
        self.file(upload, file_id)
        with self._state.mutex:
            return io.BytesIO(self._session(upload).arrived[file_id][start:])

    def take(self, upload: str, file: Incoming, staging: Staging, prove: Prove) -> Artifact:
        assert isinstance(staging, MemoryStaging)
        self.file(upload, file.file_id)
        with self._state.mutex:
            data = self._session(upload).arrived[file.file_id]
        if len(data) != file.size_bytes:
            raise KeyNotFound(file.path)
        staging.put(file.path, data)
        return Artifact(file.path, *prove(io.BytesIO(data)))

    def borrow(self, package: str, wanted: Artifact, inside: str, staging: Staging, prove: Prove) -> Artifact:
        assert isinstance(staging, MemoryStaging)
        with self._state.mutex:
            data = self._state.packages.get(check_key(package), {}).get(inside)
        if data is None or len(data) != wanted.size_bytes:
            raise KeyNotFound(wanted.path)
        staging.put(wanted.path, data)
        return Artifact(wanted.path, *prove(io.BytesIO(data)))

    def _session(self, upload: str) -> Session:
        with self._state.mutex:
            session = self._state.sessions.get(check_id(upload))
        if session is None:
            raise KeyNotFound(upload)
        return session


class _MemoryReceiving(Receiving):
    """The bytes on their way; they become the file's when they are kept."""

    def __init__(self, state: State, session: Session, file: Incoming, locks: ExitStack) -> None:
        self.file = file
        self._state, self._session, self._locks = state, session, locks
        self._new = bytearray()

    def __exit__(self, *exc_info: object) -> None:
        self._locks.close()

    def write(self, chunk: memoryview, /) -> int:
        self._new += chunk
        return len(chunk)

    def keep(self, count: int, sha256: str | None) -> Incoming:
        if self.file.sha256 is not None:
            return self.file
        kept = replace(self.file, offset=self.file.offset + count, sha256=sha256)
        with self._state.mutex:
            self._session.files[kept.file_id] = kept
            self._session.arrived[kept.file_id] += bytes(self._new[:count])
            self._session.active_s = now_s()
        return kept


class _MemoryPacking(Packing):
    """The file that is on its way."""

    def __init__(self, state: State, session: Session, locks: ExitStack) -> None:
        self._state, self._session, self._locks = state, session, locks

    def __exit__(self, *exc_info: object) -> None:
        self._locks.close()

    def begin(self, path: str, size_bytes: int) -> None:
        self._file = Incoming(uuid.uuid4().hex, path, size_bytes, size_bytes, None)
        self._new = bytearray()

    def write(self, chunk: memoryview, /) -> int:
        self._new += chunk
        return len(chunk)

    def keep(self, sha256: str) -> None:
        file = replace(self._file, sha256=sha256)
        with self._state.mutex:
            if all(other.path != file.path for other in self._session.files.values()):
                self._session.files[file.file_id] = file
                self._session.arrived[file.file_id] = bytes(self._new)
            self._session.active_s = now_s()


def _files_of(session: Session) -> SessionFiles:
    files = session.files.values()
    paths = {file.path: (file.file_id, file.size_bytes) for file in files}
    directories = {path[:at] for path in paths for at, character in enumerate(path) if character == "/"}
    return SessionFiles(len(paths), sum(file.size_bytes for file in files), paths, directories)
