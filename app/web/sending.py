"""A stored file as an answer: sent by the kernel, through nginx, or by a redirect to the object store."""

from __future__ import annotations

import base64
import errno
import io
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from urllib.parse import quote

from flask import Response, current_app, g, request
from werkzeug.http import http_date
from werkzeug.wsgi import wrap_file

from registry_core import AccessUnreadable, IdentityUnavailable, InvalidToken, PermissionDenied, Principal, StoredFile

from ..config import Settings
from .errors import problem
from .gate import current_gate
from .peer import Peer
from .ranges import Part, Unsatisfiable, is_unmodified, may_be_partial, parts, status_of_conditions

log = logging.getLogger(__name__)

# Whoever may have had the beginning of something may not have the rest.
NO_MORE = (PermissionDenied, AccessUnreadable, InvalidToken, IdentityUnavailable)
SETTLED = timedelta(seconds=2)  # an address may come to name another file twice within a second
CHUNK_BYTES = 256 * 1024
CONTENT_TYPE = "application/octet-stream"


def send(stored: StoredFile, headers: Mapping[str, str] | None = None, named_at: datetime | None = None) -> Response:
    """The file, or the parts of it that the request wants, under ``headers`` beside the usual ones.

    ``named_at`` is since when it is this file that is at the address, in whole seconds. Conditions are judged here
    whoever sends the bytes. Raises ``Busy``, and as ``StoredFile.open``.
    """
    described = {**_describe(stored), **(headers or {})}
    wanted = _judge(stored.sha256, stored.size_bytes, described, named_at)
    if isinstance(wanted, Response):
        return wanted
    if request.method != "GET":
        return _one_part(stored, Part(0, stored.size_bytes), 200, described)
    # Others see the client's header too, and might make something else of one that is ignored here.
    may_be_elsewhere = "Range" not in request.headers or wanted is not None
    elsewhere = _elsewhere(stored, described, wanted) if may_be_elsewhere else None
    if elsewhere is not None:
        return elsewhere
    if wanted is None:
        return _one_part(stored, Part(0, stored.size_bytes), 200, described)
    if len(wanted) == 1:
        content_range = {"Content-Range": wanted[0].content_range(stored.size_bytes)}
        return _one_part(stored, wanted[0], 206, {**described, **content_range})
    return _many_parts(partial(read_part, stored), stored.size_bytes, wanted, described)


def send_document(data: bytes, sha256: str, headers: Mapping[str, str]) -> Response:
    """Bytes of this SHA-256, which never change, under ``headers`` beside the usual ones; conditions are judged."""
    described = {**_proven(sha256), "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", **headers}
    status = status_of_conditions(request.if_match, request.if_none_match, sha256)
    if status == 304:
        return _empty(304, described)
    if status == 412:
        return _refused(412, "The document is not the one that If-Match names.", described)
    response = _empty(200, described)
    response.set_data(data)
    return response


Make = Callable[[int, int], Iterable[bytes]]  # of (start, length)


def send_made(
    make: Make, size_bytes: int, etag: str | None, headers: Mapping[str, str], named_at: datetime | None = None
) -> Response:
    """As :func:`send`, of bytes that are made while they are sent; without an ETag there are no ranges.

    Raises ``Busy``.
    """
    described = {**headers, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"} if etag is not None else {**headers}
    wanted = _judge(etag, size_bytes, described, named_at) if etag is not None else None
    if isinstance(wanted, Response):
        return wanted
    if wanted is None:
        return stream(lambda: make(0, size_bytes), size_bytes, described)
    if len(wanted) > 1:
        return _many_parts(make, size_bytes, wanted, described)
    part = wanted[0]
    content_range = {"Content-Range": part.content_range(size_bytes)}
    response = stream(lambda: make(part.start, part.length), part.length, {**described, **content_range})
    response.status_code = 206
    return response


def stream(chunks: Callable[[], Iterable[bytes]], size_bytes: int, headers: Mapping[str, str]) -> Response:
    """An answer of ``size_bytes`` that is made while it is sent. Raises ``Busy``."""
    response = _empty(200, headers)
    response.headers["Content-Length"] = str(size_bytes)
    if request.method == "GET":
        response.call_on_close(_admitted())
        response.response = _as_long_as_it_may(chunks)
    return response


def _as_long_as_it_may(chunks: Callable[[], Iterable[bytes]]) -> Iterator[bytes]:
    with breaking_off():
        yield from chunks()


@contextmanager
def breaking_off() -> Iterator[None]:
    """Where the caller may have no more of what is being sent the connection ends, and the log says so."""
    try:
        yield
    except NO_MORE as error:
        log.warning("an answer was broken off: %s", error.code, extra=dict(error.detail))
        raise ConnectionResetError(errno.ECONNRESET, "the caller may have no more of it") from error


def _judge(
    etag: str | None, size_bytes: int, described: dict[str, str], named_at: datetime | None
) -> Response | list[Part] | None:
    """What the request's conditions and ranges make of the answer: another, these parts, or all of it (None).

    It gets its date, if that is old enough.
    """
    status = status_of_conditions(request.if_match, request.if_none_match, etag)
    now, is_old = datetime.now(UTC), False
    if named_at is not None and now - named_at >= SETTLED:
        described["Last-Modified"] = http_date(named_at)
        is_old = is_unmodified(request.if_modified_since, named_at, now) and not request.if_none_match
    if status == 304 or (status == 200 and is_old):
        return _empty(304, described)
    if status == 412:
        return _refused(412, "The file is not the one that If-Match names.", described)
    # Of a HEAD a range means nothing.
    if request.method != "GET" or not may_be_partial(request.headers.get("If-Range"), etag):
        return None
    try:
        return parts(request.headers.get("Range"), size_bytes)
    except Unsatisfiable:
        detail = f"The file has {size_bytes} bytes; the range names none of them."
        return _refused(416, detail, {**described, "Content-Range": f"bytes */{size_bytes}"})


def _describe(stored: StoredFile) -> dict[str, str]:
    headers = {
        "Content-Type": CONTENT_TYPE,
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-cache",  # keep it, and ask whether it is still the one
        "X-Content-Type-Options": "nosniff",
        "X-Model-Version": quote(stored.version),
    }
    return {**headers, **_proven(stored.sha256)} if stored.sha256 is not None else headers


def _proven(sha256: str) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(sha256)).decode()
    return {"ETag": f'"{sha256}"', "Repr-Digest": f"sha-256=:{digest}:"}


def _empty(status: int, headers: Mapping[str, str]) -> Response:
    response = Response(status=status)
    response.headers.update(headers)
    return response


def _refused(status: int, detail: str, headers: Mapping[str, str]) -> Response:
    response = problem(status, f"http_{status}", HTTPStatus(status).phrase, detail)
    response.headers.update({name: value for name, value in headers.items() if name in _KEPT})
    return response


_KEPT = ("Content-Range", "ETag", "Last-Modified", "Accept-Ranges", "Cache-Control", "X-Model-Version", "X-Repo-Commit")


# by others


def _elsewhere(stored: StoredFile, described: Mapping[str, str], wanted: list[Part] | None) -> Response | None:
    """The answer that lets nginx or the object store send the bytes; None: this process does."""
    settings: Settings = current_app.extensions["settings"]
    if stored.location is not None:
        # nginx sees the client's If-Match too, and knows no ETag when it judges it.
        if settings.accel_prefix is None or request.if_match:
            return None
        stored.open().close()  # nginx sends what lies there, so that is looked at first
        response = _empty(200, described)
        del response.headers["Accept-Ranges"]  # nginx says so itself, and would say it twice
        response.headers["X-Accel-Redirect"] = f"{settings.accel_prefix}/{quote(stored.key)}"
        return response
    # The store knows another ETag, so it would answer every If-Range with the whole file; as it does several ranges.
    # And another date, that of the object: the client sends it the date of a newer one, and keeps that.
    judged_here = request.if_match or "If-Range" in request.headers or "If-Modified-Since" in request.headers
    good_for_s = _presigned_for_s(settings)
    if good_for_s <= 0 or judged_here or len(wanted or ()) > 1:
        return None
    url = stored.presigned_url(good_for_s)
    if url is None:
        return None
    described = {name: value for name, value in described.items() if name.startswith("X-")}
    response = _empty(302, {**described, "Location": url, "Cache-Control": "no-store"})
    response.autocorrect_location_header = False
    if stored.sha256 is not None:
        response.headers["X-Linked-Etag"] = f'"{stored.sha256}"'
        response.headers["X-Linked-Size"] = str(stored.size_bytes)
    return response


def _presigned_for_s(settings: Settings) -> int:
    """Whole seconds that an address is good for: never longer than whoever gets it may come himself."""
    principal: Principal | None = g.get("principal")
    if principal is None:
        return settings.presign_s
    if principal.expires_at is None:
        return settings.presign_required_s
    return min(settings.presign_required_s, int((principal.expires_at - datetime.now(UTC)).total_seconds()))


# by this process


def _admitted() -> Callable[[], None]:
    return current_gate().admit_download()


class _Body:
    """``left`` bytes of an open file from where it stands on. A server sends it by sendfile if it is one."""

    def __init__(self, stored: StoredFile, part: Part, leave: Callable[[], None]) -> None:
        self._leave: Callable[[], None] | None = leave
        self._left = part.length
        # Without an end: what is cut to length has no descriptor to give to the kernel. An object store's
        # stream must have one, or it would send what nobody takes.
        whole = stored.location is not None
        self._reader = stored.open(part.start, None if whole else part.length)
        # Only our own connection asks; another server is given no descriptor that it would send from unasked.
        self._is_ours = isinstance(request.environ.get("gunicorn.socket"), Peer)
        if hasattr(self._reader, "ask"):
            self.ask = self._ask

    def _ask(self) -> None:
        with breaking_off():
            self._reader.ask()  # type: ignore[attr-defined]

    def fileno(self) -> int:
        if not hasattr(self._reader, "fileno") or (hasattr(self, "ask") and not self._is_ours):
            raise io.UnsupportedOperation("fileno")
        return int(self._reader.fileno())

    def read(self, size: int = -1) -> bytes:
        with breaking_off():
            data = self._reader.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        with suppress(AttributeError):  # it was never opened
            self._reader.close()
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    __del__ = close  # also where an error came between opening and sending


def _one_part(stored: StoredFile, part: Part, status: int, headers: Mapping[str, str]) -> Response:
    response = _empty(status, headers)
    if request.method == "GET":
        body = _Body(stored, part, _admitted())
        response.response = wrap_file(request.environ, body, CHUNK_BYTES)  # type: ignore[arg-type]
        response.direct_passthrough = True
    response.headers["Content-Length"] = str(part.length)
    return response


def read_part(stored: StoredFile, start: int, length: int) -> Iterator[bytes]:
    with stored.open(start, length) as reader:
        while chunk := reader.read(CHUNK_BYTES):
            yield chunk


def _many_parts(make: Make, size_bytes: int, wanted: list[Part], headers: Mapping[str, str]) -> Response:
    boundary = secrets.token_hex(16)
    heads = [
        f"\r\n--{boundary}\r\nContent-Type: {headers['Content-Type']}\r\nContent-Range: "
        f"{part.content_range(size_bytes)}\r\n\r\n".encode()
        for part in wanted
    ]
    tail = f"\r\n--{boundary}--\r\n".encode()
    total_bytes = sum(map(len, heads)) + sum(part.length for part in wanted) + len(tail)

    def chunks() -> Iterator[bytes]:
        for head, part in zip(heads, wanted, strict=True):
            yield head
            yield from make(part.start, part.length)
        yield tail

    response = stream(chunks, total_bytes, {**headers, "Content-Type": f"multipart/byteranges; boundary={boundary}"})
    response.status_code = 206
    return response
