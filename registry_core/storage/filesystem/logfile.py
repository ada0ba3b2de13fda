"""An append-only file of JSON lines whose last line may be torn by a crash.

A record is a line, whatever it holds; only the *last* line is judged. If it is what a crash leaves of a line
(no newline, and no complete JSON object; or NUL bytes where a sector never reached the disk) it is no record:
readers pass over it and the next append removes it. If it is a complete JSON object that merely lacks its newline,
it counts, and the next append supplies the newline. Any other line counts too: it is damage, and never removed here.

The number of a record is that of its line. At the end it is told without counting all of them: a record that says its
number (``Documents.last``) is believed, and those behind it are counted.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from ...vocabulary.errors import JournalCorrupt
from ..contract import Held, Naming, Newest, PreconditionFailed, Search, outcome_unknown
from ..locks import let_go
from .beneath import Place, translated_errors

UNIT_BYTES = 64 * 1024  # less of a log is read as fast as it is looked up
_STEP_BYTES, _CHUNK_BYTES = 1024, 1024 * 1024  # read at once: at first, and at most
_SECTOR_BYTES = 512  # of a disk: a power cut leaves each of them as it was, or as it is written
_NULS = re.compile(rb"\x00+")


def append(place: Place, record: bytes, expected_seq: int) -> None:
    """The record is line ``expected_seq``, durably; on failure the file is as it was.

    The caller holds the lock of whose log it is: whoever may read the file itself may hold that. Raises
    ``PreconditionFailed`` if another writer has that line, and ``OSError``.
    """
    fd = place.open(os.O_RDWR | os.O_CREAT)
    try:
        file = os.fdopen(fd, "r+b", buffering=0, closefd=False)
        end = find_end(file)
        if end.number + 1 != expected_seq:
            raise PreconditionFailed(place.key)
        line = (b"" if end.newline else b"\n") + record + b"\n"
        try:
            os.ftruncate(fd, end.size)
            write_at(fd, line, end.size)
            os.fsync(fd)
            if expected_seq == 1:
                place.sync_entry()
        except OSError:
            _undo(fd, end.size)
            raise
    finally:
        let_go(fd)


def _undo(fd: int, size: int) -> None:
    try:
        os.ftruncate(fd, size)
        os.fsync(fd)
    except OSError:
        raise outcome_unknown() from None


def sync(place: Place) -> None:
    """Whatever the file shows is on the disk: its writer may have died before its own fsync."""
    fd = place.open(os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    place.sync_entry()


def records(file: BinaryIO, after: int, near: tuple[int, int]) -> Iterator[tuple[int, bytes]]:
    """(seq, line without newline) from ``after + 1`` on. ``near``: a number up to ``after``, where its line ends."""
    seq, at = near
    held: bytes | None = None  # one line back, so that the last one can be judged
    for line in _lines(file, at):
        if held is not None:
            seq += 1
            if seq > after:
                yield seq, held.rstrip(b"\n")
        held = line
        at += len(line)
    if held is not None and _is_record(held, at - len(held)) and seq + 1 > after:
        yield seq + 1, held.rstrip(b"\n")


def _lines(file: BinaryIO, start: int) -> Iterator[bytes]:
    with open(file.fileno(), "rb", closefd=False) as buffered:
        buffered.seek(start)
        yield from buffered


@dataclass(frozen=True)
class Span:
    """The bytes of whole lines behind line ``after``."""

    start: int
    end: int
    after: int


def numbered(file: BinaryIO, span: Span) -> Iterator[tuple[int, int, bytes]]:
    """(number, offset, line) of each line of the span, with its newline if it has one."""
    number, at = span.after, span.start
    for line in _lines(file, at):
        if at >= span.end:
            return
        number += 1
        yield number, at, line
        at += len(line)


@dataclass(frozen=True)
class Wanted:
    """The records to find, as ``Documents.named`` says."""

    name: bytes
    held: Held
    naming: Naming
    before: int | None = None

    def is_met(self, line: bytes) -> bool:
        for part in self.held:
            if part not in line if isinstance(part, bytes) else not any(one in line for one in part):
                return False
        return self.name in self.naming.of(line)


# Finds the records of the span that are wanted, the newest first.
LookUp = Callable[[BinaryIO, Span, Wanted], Iterator[tuple[int, bytes]]]


def scan(file: BinaryIO, span: Span, wanted: Wanted) -> Iterator[tuple[int, bytes]]:
    """The records of the span that are wanted, the newest first; all of it is read, and judged as it is asked for."""
    found, number = [], span.after
    for begin, data in _pieces(file, span):
        if begin + len(data) >= span.end:
            yield from ((hit, _first_line(data, start)) for hit, start in _hits(data, number, wanted))
            break
        found += [(hit, begin + start) for hit, start in _hits(data, number, wanted)][::-1]
        number += data.count(b"\n")
    yield from ((number, line_at(file, at).rstrip(b"\n")) for number, at in reversed(found))


def _hits(data: bytes, number: int, wanted: Wanted) -> Iterator[tuple[int, int]]:
    """(number, offset) of the lines that are wanted, the newest first; the first of the data is ``number + 1``."""
    start, counted = len(data), 0
    # Backwards, from line to line of whichever part is the rarest there; find() takes several times as long.
    while (hit := min([_last_with(part, data, start) for part in wanted.held])) >= 0:
        start = data.rfind(b"\n", 0, hit) + 1
        if not wanted.is_met(_first_line(data, start)):
            continue
        # Lines are counted from the front to the newest one, and from there back to each that follows.
        number += data.count(b"\n", counted, start) if start >= counted else -data.count(b"\n", start, counted)
        counted = start
        if wanted.before is None or number + 1 < wanted.before:
            yield number + 1, start


def _last_with(part: bytes | tuple[bytes, ...], data: bytes, end: int) -> int:
    """Where the part, or the last of several, begins before ``end``; -1: nowhere."""
    if isinstance(part, bytes):
        return data.rfind(part, 0, end)
    last = -1
    for one in part:  # a rare one is not looked for behind a later one
        last = max(last, data.rfind(one, max(last, 0), end))
    return last


def _first_line(data: bytes, start: int) -> bytes:
    end = data.find(b"\n", start)
    return data[start:end] if end >= 0 else data[start:]


def _pieces(file: BinaryIO, span: Span) -> Iterator[tuple[int, bytes]]:
    """(offset, whole lines from there on) of the span, so many bytes at once."""
    at, step = span.start, _CHUNK_BYTES
    while at < span.end:
        data = os.pread(file.fileno(), min(step, span.end - at), at)
        whole = data if at + len(data) >= span.end else data[: data.rfind(b"\n") + 1]
        if whole:
            yield at, whole
            at += len(whole)
        elif len(data) < step:
            return  # the file has become shorter
        else:
            step *= 2  # a longer line


def line_at(file: BinaryIO, offset: int) -> bytes:
    """The line that begins there, with its newline if it has one; empty if none begins there."""
    step, data = _STEP_BYTES, b""
    before = min(offset, 1)
    if os.pread(file.fileno(), before, offset - before) not in (b"", b"\n"):
        return b""
    while b"\n" not in data:
        more = os.pread(file.fileno(), step, offset + len(data))
        if not more:
            return data
        data, step = data + more, 2 * step
    return data[: data.index(b"\n") + 1]


def may_be(line: bytes, number: int) -> bool:
    """Whether the line can be the one of that number."""
    return line != b"" and _said(line) in (None, number)


def size_of(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


@dataclass(frozen=True)
class End:
    """The number of the last record (0: there is none), its bytes, those of all, whether a newline closes them.

    Behind ``size`` there is at most what is no record, which the next append removes.
    """

    number: int
    last: bytes
    size: int
    newline: bool


def find_end(file: BinaryIO) -> End:
    """The last record, read backwards: what it takes depends on what stands behind the last that says its number."""
    start, line, size, before = _last(file)
    if not line:
        return End(0, b"", 0, True)
    return End(_number(start, line, before), line.rstrip(b"\n"), size, line.endswith(b"\n"))


def end_of(file: BinaryIO) -> int:
    """:attr:`End.size` alone; no record is asked for its number."""
    return _last(file)[2]


def _last(file: BinaryIO) -> tuple[int, bytes, int, Iterator[tuple[int, bytes]]]:
    """(offset of the last record, its line, empty if there is none, where it ends, the lines before it)."""
    size = file.seek(0, os.SEEK_END)
    lines = lines_before(file, size)
    start, line = next(lines, (0, b""))
    if line and not _is_record(line, start):
        size = start
        start, line = next(lines, (0, b""))
    return start, line, size, lines


def _number(start: int, line: bytes, before: Iterator[tuple[int, bytes]]) -> int:
    """The number of the line that begins at ``start`` and stands behind those ``before``, the newest first."""
    for behind, (at, found) in enumerate(chain([(start, line)], before)):
        said = _said(found)
        if said is not None and 0 < said <= at + 1:  # each line before it has a newline at least
            return said + behind
    return behind + 1


def _said(line: bytes) -> int | None:
    """The number that the record says it has, if it says one."""
    if b'"prev"' not in line:
        return None
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    seq = fields.get("seq") if isinstance(fields, dict) and isinstance(fields.get("prev"), str) else None
    return seq if isinstance(seq, int) else None


def lines_before(file: BinaryIO, end: int) -> Iterator[tuple[int, bytes]]:
    """(offset, bytes) of each line before ``end``, the newest first, with its newline if it has one."""
    held, start, step = b"", end, _STEP_BYTES
    while start > 0:
        step = min(step, start)
        start -= step
        file.seek(start)
        held = file.read(step) + held
        at = len(held)
        while (newline := held.rfind(b"\n", 0, max(0, at - 1))) >= 0:
            yield start + newline + 1, held[newline + 1 : at]
            at = newline + 1
        held, step = held[:at], min(2 * step, _CHUNK_BYTES)
    if held:
        yield 0, held


def _is_complete(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _is_record(line: bytes, start: int) -> bool:
    """Whether the last line, which starts at that offset, counts: any that a crash of its writer cannot have left.

    One that is no event all the same is damage, and stays where it is.
    """
    return (line.endswith(b"\n") and not _lacks_sectors(line, start)) or _is_complete(line)


def _lacks_sectors(line: bytes, start: int) -> bool:
    """Whether there are NUL bytes in the place of sectors that never reached the disk; no line of ours has any."""
    if b"\0" not in line:
        return False
    runs = [(start + run.start(), start + run.end()) for run in _NULS.finditer(line)]
    return all(end % _SECTOR_BYTES == 0 for _, end in runs)


def write_at(fd: int, data: bytes, offset: int) -> None:
    """All of the bytes are in the open file, from the offset on."""
    left = memoryview(data)
    while left:
        written = os.pwrite(fd, left, offset)
        left = left[written:]
        offset += written


class OpenedLog(Search):
    """The log, if there is a ``file``, as it is when it is searched first; ``index`` gives what finds in a long one."""

    def __init__(self, log: str, file: BinaryIO | None, index: Callable[[], LookUp]) -> None:
        self._log, self._file, self._index = log, file, index
        self._size: int | None = None  # of all records
        self._find: LookUp | None = None

    def named(self, name: bytes, held: Held, naming: Naming, before: int | None = None) -> Iterator[tuple[int, bytes]]:
        if self._file is not None:
            with translated_errors(self._log, JournalCorrupt):
                if self._size is None:
                    self._size = end_of(self._file)
                if self._find is None:
                    self._find = scan if self._size < UNIT_BYTES else self._index()
                yield from self._find(self._file, Span(0, self._size, 0), Wanted(name, held, naming, before))

    def newest(self, name: bytes, held: Held, naming: Naming) -> Newest:
        number = 0
        if self._file is not None and self._size is None:  # else its end was found already, and not its number
            with translated_errors(self._log, JournalCorrupt):
                end = find_end(self._file)
            number, self._size = end.number, end.size
        return number, next(self.named(name, held, naming), None)
