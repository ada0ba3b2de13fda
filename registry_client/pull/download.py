"""One file over HTTP into an open file: resumed where it broke off, done when its digest is proven."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote

import httpx

from registry_core import PackageCorrupt, RegistryError, StorageUnavailable

from ..local.files import hash_open, write_all
from ..remote.bodies import PLAIN, chunks, whole
from ..remote.transport import Backoff, Repeat, Transport, may_repeat, problem_of, retry_after_s

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-[0-9]+/(?:[0-9]+|\*)")
STEP_BYTES = 16 * 1024  # a line that breaks has not brought less than that, or it is no line
PROOFS = 2  # bytes that are wrong once may have met a bad moment; twice, something is wrong


@dataclass(frozen=True)
class Remote:
    """One file of a pinned version: it has ``size_bytes``, and no more of it is taken.

    ``sha256`` is hex, None where nothing proves the file; then ``size_bytes`` is only the most that it may have.
    """

    task: str
    model_name: str
    version: str
    path: str
    sha256: str | None
    size_bytes: int

    @property
    def address(self) -> str:
        names = "/".join(quote(part, safe="") for part in (self.task, self.model_name, self.version))
        return f"/v1/files/{names}/{quote(self.path, safe='/')}"


def fetch(transport: Transport, remote: Remote, fd: int, tick: Callable[[int], None], stop: Callable[[], None]) -> None:
    """The open file holds the remote one's bytes, proven where there is a digest.

    What it holds already is taken for the beginning. ``tick`` hears of every byte, negative where some turned
    out worthless; ``stop`` is called between chunks and may raise. Whatever is sent, it comes to an end, and no
    more than a piece beyond the file's size is ever written. Raises ``PackageCorrupt`` where other
    bytes come again and again, what the server answers, and ``StorageUnavailable`` where it does not.
    """
    backoff = Backoff(transport.retries)
    wrong = told = furthest = 0
    most_wrong = 1 if remote.sha256 is None else PROOFS
    sha, have = hash_open(fd) if remote.sha256 is not None else _restart(fd)

    def tell() -> None:
        nonlocal told
        tick(have - told)
        told = have

    while True:
        tell()
        try:
            for chunk in _rest(transport, remote, have):
                stop()
                if chunk is None:
                    sha, have = _restart(fd)
                else:
                    write_all(fd, chunk)
                    sha.update(chunk)
                    have += len(chunk)
                tell()
                if have > remote.size_bytes:
                    break  # more than there can be: it is wrong, and must not fill the disk
        except httpx.TransportError as error:
            if have >= furthest + STEP_BYTES:
                # It goes on, however often the line breaks; but what comes again and again is no progress.
                backoff, furthest = Backoff(transport.retries), have
            backoff.wait(transport.unreachable(error))
            continue
        except _Refused as refused:
            if not may_repeat(refused.status, refused.error, Repeat.ANY_FAILURE):
                raise refused.error from None
            backoff.wait(refused.error, refused.retry_after_s)
            continue
        if have <= remote.size_bytes and remote.sha256 in (None, sha.hexdigest()):
            return
        actual = sha.hexdigest()
        sha, have = _restart(fd)
        tell()
        wrong, furthest = wrong + 1, 0
        if wrong == most_wrong:
            raise corrupt(remote, actual)


def _rest(transport: Transport, remote: Remote, have: int) -> Iterator[bytes | None]:
    """As :func:`_body`; nothing if all is there already. An empty file is asked for all the same: is it there?"""
    if have < remote.size_bytes or have == 0:
        yield from _body(transport, remote, have)


def corrupt(remote: Remote, actual: str) -> PackageCorrupt:
    """The error that says which bytes came."""
    expected = f"{remote.size_bytes} bytes" if remote.sha256 is None else f"sha256:{remote.sha256}"
    problem = {"path": remote.path, "kind": "changed", "expected": expected, "actual": f"sha256:{actual}"}
    return PackageCorrupt(
        f"The bytes of {remote.path!r} that arrived are not those of {remote.model_name}@{remote.version}. "
        "Nothing was kept of them. Verify the version; if it is whole, something on the way changes what it carries.",
        version=remote.version,
        problems=[problem],
    )


def _restart(fd: int) -> tuple["hashlib._Hash", int]:
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    return hashlib.sha256(), 0


class _Refused(Exception):
    def __init__(self, status: int, error: RegistryError, after_s: float | None) -> None:
        super().__init__(error.message)
        self.status, self.error, self.retry_after_s = status, error, after_s


def _body(transport: Transport, remote: Remote, have: int) -> Iterator[bytes | None]:
    """The bytes after the first ``have``; a None before them says that they are all of them."""
    headers = dict(PLAIN)
    if have:
        headers["Range"] = f"bytes={have}-"
        if remote.sha256 is not None:
            headers["If-Range"] = f'"{remote.sha256}"'
    with transport.stream(remote.address, headers=headers) as answer:
        if not (answer.is_success or answer.status_code == 416):
            read = whole(answer, transport.timeout_s)
            raise _Refused(read.status_code, problem_of(read), retry_after_s(read))
        version = answer.headers.get("X-Model-Version")
        if version is not None and unquote(version) != remote.version:
            raise StorageUnavailable(
                f"The registry sent a file of version {version!r} where {remote.version!r} was asked for."
            )
        if answer.status_code == 416:
            yield None
            raise httpx.RemoteProtocolError("the server has fewer bytes than were asked for")
        if have and not (answer.status_code == 206 and starts_at(answer, have)):
            if answer.status_code == 206:
                yield None
                raise httpx.RemoteProtocolError("the server sent another part than was asked for")
            yield None
        yield from chunks(answer, transport.timeout_s)


def starts_at(answer: httpx.Response, have: int) -> bool:
    """Whether the answer of status 206 has the bytes from there on."""
    match = _CONTENT_RANGE.match(answer.headers.get("Content-Range", ""))
    return match is not None and int(match[1]) == have
