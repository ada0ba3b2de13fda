"""Many small files of a version in one answer: its archive, of which each file is proven before it is kept.

What is at a path of the proven manifest, and has the size and the digest that this gives it, is kept; all else is
passed over. Whatever is wrong with it, the files that are missing then are fetched one by one.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from urllib.parse import quote, unquote

import httpx

from registry_core import RegistryError, StorageUnavailable, TarReader, TarRefused

from ..local.cache import Cache
from ..remote.bodies import PLAIN, chunks, whole
from ..remote.transport import Backoff, Repeat, Transport, may_repeat, problem_of, retry_after_s
from .download import STEP_BYTES, Remote, starts_at

log = logging.getLogger(__name__)

FEWEST = 32  # files that are missing: fewer are there as soon one by one
SMALL_BYTES = 1024 * 1024  # larger ones are fetched by themselves, several at once
SKIPPED_BYTES = 4 * 1024 * 1024  # from here on another request is sooner than reading what nobody wants


def missing(files: Sequence[Remote], cache: Cache | None) -> list[Remote]:
    """The small files that the cache lacks, if there is one and they are many enough for an archive; else none."""
    found = [
        file
        for file in files
        if file.sha256 is not None
        and 0 < file.size_bytes <= SMALL_BYTES
        and (cache is None or cache.lacks_bytes(file.sha256, file.size_bytes))
    ]
    return found if len(found) >= FEWEST else []


def fetch_small(
    transport: Transport,
    package: Sequence[Remote],
    wanted: Sequence[Remote],
    keep: Callable[[Remote, bytes], None],
) -> None:
    """``keep`` gets each wanted file of the package with its proven bytes, as many as the registry's archive had.

    Never raises for what the registry sends or does not send, but what ``keep`` does.
    """
    wanted_by_path = {file.path: file for file in wanted}
    ahead = {file.path: file.size_bytes for file in package}  # what may still come, each once
    with _Stream(transport, wanted[0]) as stream:
        tar = TarReader(stream)
        try:
            while wanted_by_path and (member := tar.next()) is not None:
                if ahead.pop(member.path, None) != member.size_bytes:
                    raise TarRefused("is not what the manifest says", member.path)
                file = wanted_by_path.pop(member.path, None)
                if file is None or file.sha256 is None:
                    continue
                data = tar.read()
                if hashlib.sha256(data).hexdigest() == file.sha256:
                    keep(file, data)  # else it is fetched by itself, and what is wrong is told then
        except TarRefused as refused:
            log.info("the archive is no more read: %r %s", refused.path, refused.reason)
        except _NoArchive as error:
            log.info("there is no archive to read: %s", error)


class _NoArchive(Exception):
    """The registry sends none, or none any more."""


class _Stream:
    """The bytes of the archive, one after another: a connection that breaks is begun anew where it stood."""

    def __init__(self, transport: Transport, file: Remote) -> None:
        names = (file.task, file.model_name, file.version)
        self._address = "/v1/archive/" + "/".join(quote(name, safe="") for name in names)
        self._transport, self._version = transport, file.version
        self._etag: str | None = None
        self._position = self._furthest = 0
        self._rest = memoryview(b"")
        self._chunks: Iterator[bytes] | None = None
        self._answer = ExitStack()
        self._backoff = Backoff(transport.retries)

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._close()

    def readinto(self, buffer: memoryview, /) -> int:
        """Raises ``_NoArchive``."""
        while not self._rest:
            try:
                if self._chunks is None:
                    self._chunks = self._open()
                chunk = next(self._chunks, None)
            except httpx.TransportError as error:
                self._close()
                self._wait(self._transport.unreachable(error))
                continue
            except RegistryError as error:
                raise _NoArchive(error.message) from None
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self._position += count
        return count

    def skip(self, count: int) -> None:
        """The next bytes are not wanted."""
        if count >= SKIPPED_BYTES:
            self._close()
            self._position += count
            self._furthest = max(self._furthest, self._position)
            return
        left = memoryview(bytearray(min(count, 64 * 1024)))
        while count and (passed := self.readinto(left[:count])):
            count -= passed

    def _open(self) -> Iterator[bytes]:
        headers = dict(PLAIN)
        if self._position:
            headers["Range"] = f"bytes={self._position}-"
            headers["If-Range"] = self._etag or ""
        answer = self._answer.enter_context(self._transport.stream(self._address, headers=headers))
        if not answer.is_success:
            read = whole(answer, self._transport.timeout_s)
            error = problem_of(read)
            if not may_repeat(read.status_code, error, Repeat.ANY_FAILURE):
                raise error
            self._close()
            self._wait(error, retry_after_s(read))
            return self._open()
        version, etag = answer.headers.get("X-Model-Version"), answer.headers.get("ETag")
        is_it = etag is not None and self._etag in (None, etag) and unquote(version or "") == self._version
        if not is_it or (self._position and not (answer.status_code == 206 and starts_at(answer, self._position))):
            raise StorageUnavailable("The registry sent another archive than was asked for.")
        self._etag = etag
        return chunks(answer, self._transport.timeout_s)

    def _wait(self, error: RegistryError, least_s: float | None = None) -> None:
        if self._position >= self._furthest + STEP_BYTES:
            # It goes on, however often the line breaks; but what comes again and again is no progress.
            self._backoff, self._furthest = Backoff(self._transport.retries), self._position
        try:
            self._backoff.wait(error, least_s)
        except RegistryError:
            raise _NoArchive(error.message) from None

    def _close(self) -> None:
        self._rest, self._chunks = memoryview(b""), None
        self._answer.close()
