"""All files of a version as one tar, streamed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial

from ..format.layout import META
from ..format.tar import TAR_END, tar_header, tar_header_size, tar_padding
from ..vocabulary.errors import StorageUnavailable
from ..vocabulary.texts import check_key, parse_time
from .stored_files import CHUNK_BYTES, StoredFile

PART_BYTES = 64 * 1024
TAR_FORMAT = 1  # goes up whenever the same package becomes other bytes than before
_MAX_META_BYTES = 8 * 1024 * 1024
# zip begins with 1980 and ends with 2107, in whatever zone its maker lives.
_EARLIEST_S = int(datetime(1980, 1, 2, tzinfo=UTC).timestamp())
_LATEST_S = int(datetime(2107, 12, 30, tzinfo=UTC).timestamp())


def tar_size(stored: list[StoredFile]) -> int:
    """Bytes of the archive that :func:`tar` makes."""
    inner = sum(_header_size(file) + file.size_bytes + len(tar_padding(file.size_bytes)) for file in stored)
    return inner + len(TAR_END)


def tar(stored: list[StoredFile], start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """``length`` bytes, from ``start`` on, of the files as an uncompressed tar, streamed; None: up to its end.

    Raises ``StorageUnavailable`` if a file gets shorter meanwhile.
    """
    end = tar_size(stored) if length is None else start + length
    at = 0
    part = bytearray()  # each is sent by itself, so that thousands of small files are few
    for size_bytes, read in _pieces(stored, _made_s(stored)):
        first, last = max(start - at, 0), min(end - at, size_bytes)
        if first < last:
            for chunk in read(first, last - first):
                part += chunk
                if len(part) >= PART_BYTES:
                    yield bytes(part)
                    part.clear()
        at += size_bytes
        if at >= end:
            break
    if part:
        yield bytes(part)


_Read = Callable[[int, int], Iterable[bytes]]  # of (start, length) within a piece


def _pieces(stored: list[StoredFile], made_s: int) -> Iterator[tuple[int, _Read]]:
    for file in stored:
        yield _header_size(file), partial(_of_header, file, made_s)
        yield file.size_bytes, partial(_of_file, file)
        padding = tar_padding(file.size_bytes)
        yield len(padding), partial(_of_bytes, padding)
    yield len(TAR_END), partial(_of_bytes, TAR_END)


def _of_bytes(data: bytes, start: int, length: int) -> Iterable[bytes]:
    return (data[start : start + length],)


def _of_header(file: StoredFile, made_s: int, start: int, length: int) -> Iterable[bytes]:
    # The version's own time and no owners: the archive of a version is the same bytes for ever.
    return _of_bytes(tar_header(check_key(file.path), file.size_bytes, mode=0o444, made_s=made_s), start, length)


def _of_file(file: StoredFile, start: int, length: int) -> Iterator[bytes]:
    # On this machine without an end: only so does opening it tell that it is as long as it was registered.
    left = length
    with file.open(start, None if file.location is not None else length) as reader:
        while left and (chunk := reader.read(min(left, CHUNK_BYTES))):
            left -= len(chunk)
            yield chunk
    if left:
        raise StorageUnavailable(f"{file.path!r} is shorter than it was. Verify the version.", retry_after_s=5)


def _made_s(stored: list[StoredFile]) -> int:
    """When the version was made, as its metadata says, in whole seconds that every format of archives can hold."""
    for file in stored:
        if file.path == META and file.size_bytes <= _MAX_META_BYTES:
            with file.open() as reader:
                data = reader.read(_MAX_META_BYTES)
            try:
                made = parse_time(json.loads(data)["created_at"])
            except (ValueError, TypeError, KeyError, RecursionError):
                made = None
            if made is not None:
                return min(max(int(made.timestamp()), _EARLIEST_S), _LATEST_S)
    return _EARLIEST_S


def _header_size(file: StoredFile) -> int:
    return tar_header_size(file.path, file.size_bytes)
