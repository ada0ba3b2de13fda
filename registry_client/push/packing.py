"""Many small files in a few requests: tars that are made while they are sent, and of which each whole file counts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from registry_core import (
    TAR_END,
    ChecksumMismatch,
    NotFound,
    RegistryError,
    StorageUnavailable,
    UploadExpired,
    UploadNotFound,
    tar_header,
    tar_header_size,
    tar_padding,
)

from ..local.files import hash_open
from ..remote.transport import Backoff, Transport
from . import tus
from .local_package import LocalFile, Opener, changed

SMALL_BYTES = 1024 * 1024  # a larger file goes by itself, in pieces
FEWEST = 8  # files: fewer are sent as soon by themselves
PACK_BYTES = 256 * 1024 * 1024  # of the files in one tar
_PART_BYTES = 256 * 1024
_TAR = "application/x-tar"

Sent = Callable[[int, int], None]  # of files and bytes that are there now


class NotOffered(Exception):
    """The registry takes no packs: it is older than they are, or something before it lets none pass."""


def send(
    transport: Transport,
    upload_id: str,
    files: Sequence[LocalFile],
    hashes: dict[str, str],
    tick: Callable[[int], None],
    sent: Sent,
    stop: Callable[[], None],
) -> None:
    """All files, small ones in the order of their announcement, are whole at the server.

    ``tick`` hears of bytes that are on their way, negative where they got lost there; ``sent`` of what is there. Raises
    ``NotOffered``, ``SessionGone``, ``ArtifactsRefused`` where a file changes meanwhile, what the server answers, and
    ``StorageUnavailable`` where it does not.
    """
    left = list(files)
    backoff = Backoff(transport.retries)
    while left:
        pack = _first(left)
        ticked = 0

        def count(size_bytes: int) -> None:
            nonlocal ticked
            ticked += size_bytes
            tick(size_bytes)

        try:
            _post(transport, upload_id, pack, count, stop)
            there = {file.path for file in pack}
        except RegistryError as error:
            if isinstance(error, ChecksumMismatch):
                _require_unchanged(pack, hashes, str(error.detail.get("path")))
            elif not tus.may_pass(error):
                raise
            _, arrived = tus.look(transport, upload_id)
            there = {file.path for file in pack if file.path in arrived and arrived[file.path].sha256 is not None}
            if there:
                backoff = Backoff(transport.retries)
            after_s = error.detail.get("retry_after_s")
            backoff.wait(error, after_s if isinstance(after_s, (int, float)) else None)
        else:
            backoff = Backoff(transport.retries)
        size_bytes = sum(file.size_bytes for file in pack if file.path in there)
        tick(size_bytes - ticked)
        sent(len(there), size_bytes)
        left = [file for file in left if file.path not in there]


def _first(files: Sequence[LocalFile]) -> list[LocalFile]:
    """As many as one tar takes; one at least."""
    pack, total_bytes = [files[0]], files[0].size_bytes
    for file in files[1:]:
        total_bytes += file.size_bytes
        if total_bytes > PACK_BYTES:
            break
        pack.append(file)
    return pack


def _post(
    transport: Transport,
    upload_id: str,
    pack: Sequence[LocalFile],
    count: Callable[[int], None],
    stop: Callable[[], None],
) -> None:
    length = len(TAR_END)
    for file in pack:
        length += tar_header_size(file.path, file.size_bytes) + file.size_bytes + len(tar_padding(file.size_bytes))
    try:
        transport.call(
            "POST",
            f"/v1/uploads/{upload_id}/pack",
            content=_tar(pack, count, stop),
            headers={"Content-Type": _TAR, "Content-Length": str(length)},
            retries=0,
        )
    except (UploadNotFound, UploadExpired):
        raise tus.SessionGone from None
    except NotFound:
        raise NotOffered from None
    except RegistryError as error:
        if error.code == "body_too_large":
            raise NotOffered from None
        raise


def _tar(pack: Sequence[LocalFile], count: Callable[[int], None], stop: Callable[[], None]) -> Iterator[bytes]:
    part, of_files = bytearray(), 0
    with Opener() as opener:
        for file in pack:
            stop()
            fd = opener.open(file)
            try:
                part += tar_header(file.path, file.size_bytes) + file.read(fd) + tar_padding(file.size_bytes)
            finally:
                os.close(fd)
            of_files += file.size_bytes
            if len(part) >= _PART_BYTES:
                yield bytes(part)
                count(of_files)
                part, of_files = bytearray(), 0
    yield bytes(part + TAR_END)
    count(of_files)


def _require_unchanged(pack: Sequence[LocalFile], hashes: dict[str, str], path: str) -> None:
    """The file is what was announced, so that its bytes were garbled on the way. Raises ``ArtifactsRefused``."""
    for file in pack:
        if file.path == path:
            fd = file.open()
            try:
                if hash_open(fd)[0].hexdigest() != hashes[path]:
                    raise changed(path)
            finally:
                os.close(fd)
            return
    raise StorageUnavailable(f"The registry complains of {path!r}, which was not sent to it.")
