"""One upload session: its files created, sent in pieces that carry their checksum, and taken up where they broke off.

The protocol is tus 1.0 (https://tus.io/protocols/resumable-upload). A piece arrives whole or not at all.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from registry_core import Conflict, NotFound, RegistryError, StorageUnavailable

from ..forms import is_token
from ..remote.answers import read, read_list, whole_number
from ..remote.bodies import object_of
from ..remote.transport import Backoff, Repeat, Transport
from .local_package import LocalFile, changed

PAGE_FILES = 5000  # what one announcement may have
PIECE_BYTES = 8 * 1024 * 1024
_PART_BYTES = 256 * 1024
_VERSION = {"Tus-Resumable": "1.0.0"}
_BODY = "application/offset+octet-stream"


class SessionGone(Exception):
    """The session was registered, expired or cancelled: whoever wants to upload begins a new one."""


@dataclass(frozen=True)
class Arrived:
    """What the server has of one file. ``sha256`` (a digest) is None until it is complete."""

    path: str
    url: str
    offset: int
    size_bytes: int
    sha256: str | None


@dataclass(frozen=True)
class Session:
    """An upload session. ``have``: the paths whose bytes the model has already."""

    upload_id: str
    have: list[str]


def begin(transport: Transport, task: str, model_name: str, files: list[dict[str, Any]], actor: str | None) -> Session:
    """A new session for these files, which are announced in pages. Raises ``InvalidInput``, ``StorageError``."""
    body: dict[str, Any] = {"task": task, "model_name": model_name, "files": files[:PAGE_FILES], "actor": actor}
    if len(files) > PAGE_FILES:
        body["more"] = True
    # One that is begun twice costs nothing: what is never used expires.
    begun = read(Session, _posted(transport, "/v1/uploads", body))
    have = list(begun.have)
    for at in range(PAGE_FILES, len(files), PAGE_FILES):
        page = {"files": files[at : at + PAGE_FILES], "more": at + PAGE_FILES < len(files)}
        try:
            have += read(Session, _posted(transport, f"/v1/uploads/{begun.upload_id}/files", page)).have
        except NotFound as error:
            if error.code in ("upload_not_found", "upload_expired"):
                raise SessionGone from None
            # One that knows no pages: it takes all in one request, or says how many it takes.
            return read(Session, _posted(transport, "/v1/uploads", {**body, "files": files, "more": False}))
    return Session(begun.upload_id, have)


def _posted(transport: Transport, path: str, body: dict[str, Any]) -> Any:
    # A repeat of the last page gets the same answer.
    return object_of(transport.call("POST", path, body=body, repeat=Repeat.ANY_FAILURE))


def look(transport: Transport, upload_id: str) -> tuple[Session, dict[str, Arrived]]:
    """The session, and what has arrived by path. Raises ``SessionGone``."""
    if not is_token(upload_id):
        raise SessionGone
    try:
        found = object_of(transport.call("GET", f"/v1/uploads/{upload_id}"))
    except NotFound:
        raise SessionGone from None
    arrived = {file.path: file for file in read_list(Arrived, found.get("files"))}
    return read(Session, {"have": [], **found}), arrived


def send(
    transport: Transport,
    upload_id: str,
    file: LocalFile,
    arrived: Arrived | None,
    tick: Callable[[int], None],
    stop: Callable[[], None],
) -> int:
    """All bytes of the file are at the server; returns how many had to be sent.

    ``arrived``: what it had before. Raises ``SessionGone``, ``ArtifactsRefused`` where the file changes meanwhile,
    what the server answers, and ``StorageUnavailable`` where it does not.
    """
    if arrived is not None:
        address, offset = _address(upload_id, arrived.url), arrived.offset
    else:
        address, offset = _create(transport, upload_id, file), 0
    tick(offset)
    sent, furthest = 0, offset
    backoff = Backoff(transport.retries)
    fd = file.open()
    try:
        while offset < file.size_bytes:
            stop()
            length = min(PIECE_BYTES, file.size_bytes - offset)
            try:
                _patch(transport, address, file, fd, offset, length)
            except RegistryError as error:
                if not may_pass(error):
                    raise
                after_s = error.detail.get("retry_after_s")
                backoff.wait(error, after_s if isinstance(after_s, (int, float)) else None)
                now = _offset(transport, address)
                if now > file.size_bytes:
                    raise StorageUnavailable("The registry says that it has more of a file than there is.") from None
                if now > furthest:  # one that forgets and takes again would be sent to for ever
                    backoff = Backoff(transport.retries)
                    furthest = now
                sent += max(0, now - offset)
                tick(now - offset)
                offset = now
                continue
            offset += length
            if offset > furthest:
                backoff, furthest = Backoff(transport.retries), offset
            sent += length
            tick(length)
    finally:
        os.close(fd)
    return sent


def drop(transport: Transport, upload_id: str, arrived: Arrived) -> None:
    """Nothing is left of the file at the server. Raises ``SessionGone``."""
    _call(transport, "DELETE", _address(upload_id, arrived.url))


def may_pass(error: RegistryError) -> bool:
    """Whether the piece may get through when it is sent again."""
    passing = ("upload_offset_mismatch", "upload_locked", "checksum_mismatch", "busy", "lock_timeout")
    return isinstance(error, StorageUnavailable) or error.code in passing


def _create(transport: Transport, upload_id: str, file: LocalFile) -> str:
    name = base64.b64encode(file.path.encode()).decode()
    headers = {**_VERSION, "Upload-Length": str(file.size_bytes), "Upload-Metadata": f"filename {name}"}
    # A repeat gets the same file again, for nothing has been sent to it.
    answer = _call(transport, "POST", f"/v1/uploads/{upload_id}", headers)
    return _address(upload_id, answer.headers.get("Location", ""))


def _address(upload_id: str, location: str) -> str:
    """The file's path, whatever a proxy made of the host and prefix before it."""
    file_id = location.rstrip("/").rpartition("/")[2]
    if not is_token(file_id):
        raise StorageUnavailable("The registry did not say where the file shall go.")
    return f"/v1/uploads/{upload_id}/{file_id}"


def _patch(transport: Transport, address: str, file: LocalFile, fd: int, offset: int, length: int) -> None:
    # Read twice, the second time from memory where the system has it still: a piece is never held as a whole.
    sha = hashlib.sha256()
    for part in _parts(file, fd, offset, length):
        sha.update(part)
    checksum = base64.b64encode(sha.digest()).decode()
    headers = {
        **_VERSION,
        "Content-Type": _BODY,
        "Content-Length": str(length),
        "Upload-Offset": str(offset),
        "Upload-Checksum": f"sha256 {checksum}",
    }
    _call(transport, "PATCH", address, headers, content=_parts(file, fd, offset, length), retries=0)


def _parts(file: LocalFile, fd: int, offset: int, length: int) -> Iterator[bytes]:
    end = offset + length
    while offset < end:
        part = os.pread(fd, min(_PART_BYTES, end - offset), offset)
        if not part:
            raise changed(file.path)
        offset += len(part)
        yield part


def _offset(transport: Transport, address: str) -> int:
    text = _call(transport, "HEAD", address).headers.get("Upload-Offset", "")
    offset = whole_number(text)
    if offset is None:
        raise StorageUnavailable("The registry did not say how much of the file it has.")
    return offset


def _call(
    transport: Transport,
    method: str,
    path: str,
    headers: dict[str, str] = _VERSION,
    *,
    content: Iterable[bytes] | None = None,
    retries: int | None = None,
) -> Any:
    try:
        return transport.call(method, path, headers=headers, content=content, retries=retries)
    except NotFound:
        raise SessionGone from None
    except Conflict as error:
        if method == "HEAD":  # without a body that could say more: somebody still writes
            raise StorageUnavailable(error.message) from None
        raise
