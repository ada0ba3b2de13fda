"""Upload sessions on a filesystem: ``.uploads/<id>/``, beside staging, so that taking a file costs no copy.

::

    session.json       what it is for; its time of change is the session's last activity. Held shared by
                       whoever changes a file, exclusively by a registration, a cancellation and a sweep
    announced.json     what its caller said would come, then announced-1.json; held by who brings many files at once
    files.jsonl        the list of its files (upload_index.py)
    data/<file id>     what has arrived; as long as the offset, and held by its one writer
    data/<file id>.floor   how much of it counts while bytes arrive that count only as a whole

Nothing is opened through a symbolic link: each step goes from the open directory above it.
"""

from __future__ import annotations

import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from uuid import uuid4

from ..contract import Artifact, Document, KeyNotFound, Prove, Readable, Staging
from ..locks import hold_open_file, hold_within
from ..uploads import UPLOADS, Admit, Incoming, Packing, Receiving, Uploads, check_id, locked
from .beneath import Place, read_all
from .borrowing import borrow, take
from .documents import etag
from .packing import FilesystemPacking
from .receiving import (
    DIRECTORY,
    FILE,
    FLOOR,
    Complete,
    FilesystemReceiving,
    forget_floor,
    opened_in,
    page_name,
    regular,
    remove,
    translated,
    write_all,
)
from .staging import FilesystemStaging
from .upload_index import NAME as FILES
from .upload_index import Index, append

ABOUT = "session.json"
DATA = "data"
_NEW, _GONE = ".new-", ".gone-"
_REMEMBERED = 32
_LIST_WAIT_S = 30.0  # each of its writers holds it for one line


class FilesystemUploads(Uploads):
    """The sessions of the registry root in this directory."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._mutex = threading.Lock()
        self._taking: dict[str, int] = {}  # of who is alone: the open directory of what has arrived
        self._indexes: OrderedDict[str, Index] = OrderedDict()

    # the session

    def begin(self, upload: str, about: bytes, announced: bytes) -> None:
        new = _NEW + check_id(upload)
        with translated(upload), ExitStack() as opened:
            Place(self._root, UPLOADS).make_directory()
            space = opened.enter_context(self._space())
            try:
                os.mkdir(new, 0o700, dir_fd=space)
                session = opened.enter_context(opened_in(new, DIRECTORY, space))
                os.mkdir(DATA, 0o700, dir_fd=session)
                for name, data in ((ABOUT, about), (page_name(0), announced), (FILES, b"")):
                    with opened_in(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FILE, session) as fd:
                        write_all(fd, data)
                        os.fsync(fd)
                os.fsync(session)
                os.rename(new, upload, src_dir_fd=space, dst_dir_fd=space)
            except OSError:
                remove(space, new)
                raise
            os.fsync(space)

    def about(self, upload: str) -> tuple[Document, float]:
        with self._session(upload) as session, regular(ABOUT, os.O_RDONLY, session) as fd:
            data = read_all(fd)
            return Document(data, etag(data)), os.fstat(fd).st_mtime

    def announced(self, upload: str, page: int = 0) -> bytes:
        with self._session(upload) as session, regular(page_name(page), os.O_RDONLY, session) as fd:
            return read_all(fd)

    def announce(self, upload: str, announced: bytes, page: int = 0, *, new: bool = False) -> None:
        with self._session(upload) as session, translated(upload):
            draft = _NEW + page_name(0)
            with opened_in(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | FILE, session) as fd:
                write_all(fd, announced)
                os.fsync(fd)
            if new:  # whoever is alone makes it, so nobody can be between these two
                with suppress(FileNotFoundError):
                    os.stat(page_name(page), dir_fd=session, follow_symlinks=False)
                    raise locked()
            os.rename(draft, page_name(page), src_dir_fd=session, dst_dir_fd=session)
            os.fsync(session)
            os.utime(ABOUT, dir_fd=session, follow_symlinks=False)

    @contextmanager
    def alone(self, upload: str) -> Iterator[None]:
        with ExitStack() as opened:
            with translated(upload):
                session = opened.enter_context(self._session(upload))
                opened.enter_context(_held(session, shared=False))
            with suppress(OSError):  # for whoever takes thousands of files
                self._taking[upload] = opened.enter_context(opened_in(DATA, DIRECTORY, session))
                opened.callback(self._taking.pop, upload)
            yield

    def end(self, upload: str) -> None:
        with translated(upload), suppress(FileNotFoundError), self._space() as space:
            gone = _GONE + check_id(upload)
            remove(space, gone)
            with suppress(FileNotFoundError):
                os.rename(upload, gone, src_dir_fd=space, dst_dir_fd=space)
            remove(space, gone)
            remove(space, _NEW + upload)
        with self._mutex:
            self._indexes.pop(upload, None)

    def sessions(self) -> Iterator[str]:
        return (name for _, name in sorted(self._changes(), reverse=True) if not name.startswith((_NEW, _GONE)))

    def expired(self, before_s: float) -> Iterator[str]:
        for name in sorted(name for changed_s, name in self._changes() if changed_s < before_s):
            with suppress(KeyNotFound):
                yield check_id(name.removeprefix(_NEW).removeprefix(_GONE))

    def _changes(self) -> list[tuple[float, str]]:
        """When each of what lies there was last written to, with its name."""
        with translated(UPLOADS), suppress(FileNotFoundError), self._space() as space:
            return [(_last_change(space, name), name) for name in os.listdir(space)]
        return []

    # its files

    def add(self, upload: str, path: str, size_bytes: int, check: Admit, described: str = "") -> Incoming:
        with self._session(upload) as session, _held(session, shared=True) as about:
            with self._listed(upload, session) as (fd, index):
                known = check(index.session_files)
                if known is not None:
                    return _with_offset(session, index.files[known])
                file = Incoming(uuid4().hex, path, size_bytes, 0, None, described=described)
                line = {"file": file.file_id, "path": path, "size_bytes": size_bytes}
                append(fd, index, {**line, "described": described} if described else line)
            os.utime(about)
        return file

    def files(self, upload: str) -> Sequence[Incoming]:
        with self._session(upload) as session:
            files = self._now(upload, session)
            with opened_in(DATA, DIRECTORY, session) as data, os.scandir(data) as entries:
                sizes = {
                    entry.name: entry.stat(follow_symlinks=False).st_size
                    for entry in entries
                    if entry.is_file(follow_symlinks=False)
                }
            floors = {name.removesuffix(FLOOR) for name in sizes if name.endswith(FLOOR)}
            return [
                _with_offset(session, file) if file.file_id in floors else _at(file, sizes.get(file.file_id, 0))
                for file in files
            ]

    def file(self, upload: str, file_id: str) -> Incoming:
        with self._session(upload) as session:
            return _with_offset(session, self._known(upload, session, file_id))

    def drop(self, upload: str, file_id: str) -> None:
        with self._session(upload) as session, _held(session, shared=True), ExitStack() as held:
            self._known(upload, session, file_id)
            data = held.enter_context(opened_in(DATA, DIRECTORY, session))
            # One that is read-only is complete, so nobody writes to it.
            with suppress(FileNotFoundError, PermissionError):
                if not hold_open_file(held.enter_context(regular(file_id, os.O_RDWR, data))):
                    raise locked()
            with self._listed(upload, session) as (fd, index):
                if file_id in index.files:
                    append(fd, index, {"file": file_id, "gone": True})
            for name in (file_id, file_id + FLOOR):
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=data)

    def receive(self, upload: str, file_id: str, *, all_or_nothing: bool) -> Receiving:
        with ExitStack() as opened, translated(upload):
            session = opened.enter_context(self._session(upload))
            about = opened.enter_context(_held(session, shared=True))
            data = opened.enter_context(opened_in(DATA, DIRECTORY, session))
            file = self._known(upload, session, file_id)
            if file.sha256 is not None:
                return Complete(_at(file, file.size_bytes))
            fd = opened.enter_context(regular(file_id, os.O_RDWR | os.O_CREAT, data))
            if not hold_open_file(fd):
                raise locked()
            if os.fstat(fd).st_nlink != 1:
                raise KeyNotFound(file_id)  # dropped meanwhile; or somebody else's file has been put here
            file = self._known(upload, session, file_id)
            if file.sha256 is not None:  # a moment ago, by the writer before
                return Complete(_at(file, file.size_bytes))
            file = _with_offset(session, file)
            os.ftruncate(fd, file.offset)
            os.lseek(fd, file.offset, os.SEEK_SET)
            if all_or_nothing:
                with opened_in(file_id + FLOOR, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | FILE, data) as floor:
                    write_all(floor, f"{file.offset}\n".encode())
            else:
                forget_floor(file_id, data)

            def complete(sha256: str, mark: str) -> None:
                with self._listed(upload, session) as (listed, index):
                    append(listed, index, {"file": file_id, "sha256": sha256, "mark": mark})

            return FilesystemReceiving(file, fd, data, about, complete, opened.pop_all())
        raise AssertionError("unreachable")

    def pack(self, upload: str) -> Packing:
        with ExitStack() as opened, translated(upload):
            session = opened.enter_context(self._session(upload))
            about = opened.enter_context(_held(session, shared=True))
            if not hold_open_file(opened.enter_context(regular(page_name(0), os.O_RDWR, session))):
                raise locked()
            data = opened.enter_context(opened_in(DATA, DIRECTORY, session))
            return FilesystemPacking(data, about, partial(self._listed, upload, session), opened.pop_all())
        raise AssertionError("unreachable")

    def open(self, upload: str, file_id: str, start: int) -> Readable:
        with (
            self._session(upload) as session,
            opened_in(DATA, DIRECTORY, session) as data,
            regular(check_id(file_id), os.O_RDONLY, data) as fd,
        ):
            reader = os.fdopen(os.dup(fd), "rb", buffering=0)
        reader.seek(start)
        return reader

    def take(self, upload: str, file: Incoming, staging: Staging, prove: Prove) -> Artifact:
        data = self._taking.get(upload)
        if data is not None:
            return _take(data, file, staging, prove)
        with translated(file.path), self._session(upload) as session, opened_in(DATA, DIRECTORY, session) as data:
            return _take(data, file, staging, prove)

    def borrow(self, package: str, wanted: Artifact, inside: str, staging: Staging, prove: Prove) -> Artifact:
        assert isinstance(staging, FilesystemStaging)
        with translated(inside):
            source, target = Place(self._root, package) / inside, staging.place(wanted.path)
            return borrow(source, wanted, target, staging.syncs.file, prove)
        raise AssertionError("unreachable")

    # inside

    def _space(self) -> AbstractContextManager[int]:
        return Place(self._root, UPLOADS).directory(os.O_RDONLY)

    @contextmanager
    def _session(self, upload: str) -> Iterator[int]:
        with translated(upload), self._space() as space, opened_in(check_id(upload), DIRECTORY, space) as session:
            yield session

    def _now(self, upload: str, session: int) -> list[Incoming]:
        """The files as the list has them; nothing is said about how much has arrived."""
        index = self._remembered(upload)
        with regular(FILES, os.O_RDONLY, session) as fd, index.mutex:
            index.follow(fd)
            return list(index.files.values())

    def _known(self, upload: str, session: int, file_id: str) -> Incoming:
        index = self._remembered(upload)
        with regular(FILES, os.O_RDONLY, session) as fd, index.mutex:
            index.follow(fd)
            file = index.files.get(check_id(file_id))
        if file is None:
            raise KeyNotFound(file_id)
        return file

    @contextmanager
    def _listed(self, upload: str, session: int) -> Iterator[tuple[int, Index]]:
        """(the open list, held; what it says)."""
        with regular(FILES, os.O_RDWR, session) as fd:
            hold_within(fd, _LIST_WAIT_S)
            index = self._remembered(upload)
            with index.mutex:
                index.follow(fd)
                yield fd, index

    def _remembered(self, upload: str) -> Index:
        with self._mutex:
            index = self._indexes.setdefault(upload, Index())
            self._indexes.move_to_end(upload)
            while len(self._indexes) > _REMEMBERED:
                self._indexes.popitem(last=False)
        return index


@contextmanager
def _held(session: int, *, shared: bool) -> Iterator[int]:
    """The session's document, open and held. Raises ``UploadLocked``, ``KeyNotFound`` for a session that has ended."""
    with regular(ABOUT, os.O_RDWR, session) as fd:
        if not hold_open_file(fd, shared=shared):
            raise locked()
        if os.fstat(fd).st_nlink == 0:
            raise KeyNotFound(ABOUT)
        yield fd


def _with_offset(session: int, file: Incoming) -> Incoming:
    with opened_in(DATA, DIRECTORY, session) as data:
        try:
            status = os.stat(file.file_id, dir_fd=data, follow_symlinks=False)
        except FileNotFoundError:
            return _at(file, 0)
        offset = status.st_size if stat.S_ISREG(status.st_mode) else 0
        with suppress(FileNotFoundError), regular(file.file_id + FLOOR, os.O_RDONLY, data) as fd:
            said = os.read(fd, 32)
            if said.endswith(b"\n"):  # else its writer died before the first of the bytes that it is for
                offset = min(offset, int(said))
    return _at(file, offset)


def _take(data: int, file: Incoming, staging: Staging, prove: Prove) -> Artifact:
    assert isinstance(staging, FilesystemStaging)
    # A file without bytes may never have been written to.
    flags = os.O_RDONLY | (os.O_CREAT if file.size_bytes == 0 else 0)
    with translated(file.path), regular(check_id(file.file_id), flags, data) as fd:
        return take(data, fd, file, staging.place(file.path), staging.syncs.file, prove)


def _at(file: Incoming, arrived: int) -> Incoming:
    return replace(file, offset=file.size_bytes if file.sha256 is not None else min(arrived, file.size_bytes))


def _last_change(space: int, name: str) -> float:
    try:
        with opened_in(name, DIRECTORY, space) as session:
            return os.stat(ABOUT, dir_fd=session, follow_symlinks=False).st_mtime
    except OSError:
        return os.stat(name, dir_fd=space, follow_symlinks=False).st_mtime
