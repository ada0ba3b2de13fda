"""The end of a log is written anew: what stood behind a record is read, and other records take its place."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from typing import BinaryIO

from .beneath import Place
from .logfile import write_at


def rest(place: Place, after: int) -> bytes:
    """All bytes behind record ``after``, whatever they are."""
    try:
        fd = place.open(os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    with os.fdopen(fd, "rb") as file:
        _skip(file, after)
        return file.read()


def replace_end(place: Place, after: int, lines: Sequence[bytes]) -> None:
    """The records follow record ``after``, durably, in the place of all bytes that stood behind it."""
    fd = place.open(os.O_RDWR | os.O_CREAT)
    with os.fdopen(fd, "r+b") as file:
        end = _skip(file, after)
        file.seek(max(0, end - 1))
        is_closed = file.read(1) == b"\n" or end == 0
        os.ftruncate(fd, end)
        write_at(fd, (b"" if is_closed else b"\n") + b"".join(line + b"\n" for line in lines), end)
        os.fsync(fd)
    place.sync_entry()


def _skip(file: BinaryIO, count: int) -> int:
    """Where the record after the first ``count`` begins; the file is read up to there."""
    return sum(len(line) for line in islice(file, count))
