"""Where in a log the records of a name are: segments beside the log, each written once, that no answer depends on.

``<home>/.index/<from>-<to>-<SHA-256 of the last line before to>`` is of the bytes ``from`` to ``to`` of the log that
lies in a directory of ``<home>``. It has pages. Each begins with its SHA-256 (over the segment's name and the page's
place too), the form of the naming, the number of entries in all, and the number of the last line covered; then come
entries of 24 bytes, sorted: the first 8 bytes of the SHA-256 of a name, the record's number, its offset. Pages with the
first entries of others follow, up to one that has all. So each page proves by itself that there is no entry where one
would be.

A segment counts if the log still has its last line there. What none covers is read, and a hit is confirmed by reading
the record; so what is lost, damaged, another log's or out of date costs time only. Nothing is synced.
"""

from __future__ import annotations

import hashlib
import heapq
import os
import re
import struct
import uuid
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import BinaryIO

from ..contract import Naming
from .beneath import DIRECTORY_BITS, Place, disk_of, open_file
from .logfile import UNIT_BYTES, Span, Wanted, line_at, lines_before, may_be, numbered, scan, size_of

DIRECTORY = ".index"
_AT_ONCE_BYTES = 4 * 1024 * 1024  # of a log whose index is made anew
_NUMBERS = 1 << 63  # no record has so high a one
_HEAD = struct.Struct(">32s8sQQ")
_ENTRY = struct.Struct(">8sQQ")
_IN_PAGE = 40
_PAGE_BYTES = _HEAD.size + _IN_PAGE * _ENTRY.size
_NAME = re.compile(r"(0|[1-9][0-9]{0,17})-([1-9][0-9]{0,17})-([0-9a-f]{64})")


class Damaged(Exception):
    """The segment is not what was written, or not of this log; it is among the ``damaged`` from now on."""


def key_of(name: bytes) -> bytes:
    """What an entry has of a name."""
    return hashlib.sha256(name).digest()[:8]


def number_name(seq: int) -> bytes:
    """The name that every record has, beside those that it is given: its number. No other begins with NUL."""
    return b"\0%d" % seq


class Segment:
    """An open segment whose first page is whole. ``number``: that of the last line covered; ``count``: of entries."""

    def __init__(self, start: int, end: int, name: str, fd: int, damaged: set[str]) -> None:
        self.start, self.end, self.name = start, end, name
        self._fd, self._damaged = fd, damaged
        self._pages: dict[int, bytes] = {}
        head = os.pread(fd, _HEAD.size, 0)
        if len(head) < _HEAD.size or _HEAD.unpack(head)[2] == 0:
            raise self.damage()
        _, self.form, self.count, self.number = _HEAD.unpack(head)
        *self._levels, (size, _) = _levels(self.count)
        if os.fstat(fd).st_size != size:
            raise self.damage()
        self._page(0)  # proves what was taken from its head

    def damage(self) -> Damaged:
        self._damaged.add(self.name)
        return Damaged(self.name)

    def _page(self, page: int, level: int = 0) -> bytes:
        begin, count = self._levels[level]
        at = begin + page * _PAGE_BYTES
        data = self._pages.get(at)
        if data is None:
            size = _HEAD.size + min(_IN_PAGE, count - page * _IN_PAGE) * _ENTRY.size
            data = os.pread(self._fd, size, at)
            if data[:32] != _proof(self.name, at, data[32:]):
                raise self.damage()
            self._pages[at] = data
        return data

    def all(self) -> Iterator[bytes]:
        """Every entry, sorted."""
        for page in range(-(-self.count // _IN_PAGE)):
            data = self._page(page)
            yield from (data[at : at + _ENTRY.size] for at in range(_HEAD.size, len(data), _ENTRY.size))
            self._pages.clear()

    def newest(self, key: bytes, before: int) -> Iterator[tuple[int, int]]:
        """(number, offset) of the records that have the key and a number below ``before``, the newest first."""
        target = _ENTRY.pack(key, before, 0)
        page = self._last_page_before(target)
        while page >= 0:
            data = self._page(page)
            for entry in reversed(range(_count_below(data, target))):
                found, number, offset = _ENTRY.unpack_from(data, _HEAD.size + entry * _ENTRY.size)
                if found != key:
                    return
                yield number, offset
            page -= 1

    def _last_page_before(self, target: bytes) -> int:
        """The last page whose first entry is below the target, else the first."""
        page = 0
        for level in range(len(self._levels) - 1, 0, -1):
            page = page * _IN_PAGE + max(0, _count_below(self._page(page, level), target) - 1)
        return page


def _count_below(data: bytes, target: bytes) -> int:
    """How many of the page's entries are below the target."""
    count = (len(data) - _HEAD.size) // _ENTRY.size
    begin, size = _HEAD.size, _ENTRY.size
    return bisect_left(range(count), target, key=lambda entry: data[begin + entry * size : begin + (entry + 1) * size])


def _levels(count: int) -> Iterator[tuple[int, int]]:
    """(where its pages begin, how many entries they have) of each level, and last where all end.

    A level has the first entries of the pages of the one below it.
    """
    at, pages = 0, 0
    while pages != 1:
        yield at, count
        pages = -(-count // _IN_PAGE)
        at += pages * _HEAD.size + count * _ENTRY.size
        count = pages
    yield at, count


def _proof(name: str, at: int, rest: bytes) -> bytes:
    return hashlib.sha256(b"%b\n%d\n%b" % (name.encode(), at, rest)).digest()


class LogIndex:
    """The segments of one log; ``damaged``: the names of those that were found so, and count no more."""

    def __init__(self, log: Place, damaged: set[str]) -> None:
        self._log, self._damaged = log, damaged
        self._known: tuple[str, list[Segment]] | None = None  # of which form of names, what searches have opened

    @property
    def _directory(self) -> Place | None:
        home = self._log.above.above
        return home / DIRECTORY if home.key else None

    def search(self, opened: ExitStack, file: BinaryIO, all_of_it: Span, wanted: Wanted) -> Iterator[tuple[int, bytes]]:
        """The records of the log that are wanted, the newest first.

        Segments are opened once for all searches of the same log, and closed with ``opened``.
        """
        size = all_of_it.end
        while True:
            try:
                for number, record in _search(file, size, self._kept_open(opened, file, size, wanted.naming), wanted):
                    wanted = replace(wanted, before=number)
                    yield number, record
                return
            except Damaged:  # without it, from where it was found; others may read it yet, so it stays open
                self._known = None

    def _kept_open(self, opened: ExitStack, file: BinaryIO, size: int, naming: Naming) -> list[Segment]:
        if self._known is None or self._known[0] != naming.form:
            self._known = naming.form, opened.enter_context(self._covering(file, size, naming))
        return self._known[1]

    def near(self, file: BinaryIO, after: int) -> tuple[int, int]:
        """A number of at most ``after``, where its line ends: as near as is known."""
        known = (0, 0)
        with suppress(Damaged), self._covering(file, size_of(file)) as found:
            for segment in found:
                if segment.number > after:
                    number, at = next(segment.newest(key_of(number_name(after + 1)), after + 2), (0, 0))
                    is_there = number == after + 1 and may_be(line_at(file, at), number)
                    return (after, at) if is_there else known
                known = (segment.number, segment.end)
        return known

    def extend(self, file: BinaryIO, size: int, naming: Naming) -> None:
        """The first ``size`` bytes are covered but for less than a unit. Call with the log's lock held.

        Raises ``OSError`` and :class:`Damaged`, and then more than that is not.
        """
        place = self._directory
        with self._covering(file, size, naming) as found, ExitStack() as opened:
            chain: list[Segment] = []
            for segment in found:
                if segment.start == (chain[-1].end if chain else 0):
                    chain.append(segment)
            at, number = (chain[-1].end, chain[-1].number) if chain else (0, 0)
            is_closed = os.pread(file.fileno(), 1, size - 1) == b"\n"
            if place is None or size - at < UNIT_BYTES or not is_closed:
                return
            with suppress(FileExistsError), place.parent() as home:
                os.mkdir(place.name, DIRECTORY_BITS, dir_fd=home)
            directory = opened.enter_context(place.directory(os.O_RDONLY))
            disk_of(directory)  # something can be put there
            while size - at >= UNIT_BYTES:
                part = _gathered(file, Span(at, size, number), naming)
                at, number = part.end, part.number
                chain.append(self._written(part, directory, opened))
                while len(chain) > 1 and _level(chain[-2]) <= _level(chain[-1]) + 1:
                    newer, older = chain.pop(), chain.pop()
                    chain.append(self._written(_merged(older, newer), directory, opened))
            kept = {segment.name for segment in chain}
            for name in os.listdir(directory):
                if name not in kept:
                    os.unlink(name, dir_fd=directory)

    @contextmanager
    def _covering(self, file: BinaryIO, size: int, naming: Naming | None = None) -> Iterator[list[Segment]]:
        """The segments that count of the first ``size`` bytes, in order, none over another; of that naming."""
        with ExitStack() as opened:
            found: list[Segment] = []
            for name, start, end, last_line, directory in self._named(opened):
                is_over = found and start < found[-1].end
                if is_over or end > size or name in self._damaged or _sha256_before(file, end) != last_line:
                    continue
                with suppress(OSError, Damaged):
                    fd = open_file(name, os.O_RDONLY, directory)
                    opened.callback(os.close, fd)
                    segment = Segment(start, end, name, fd, self._damaged)
                    if naming is None or segment.form == _form(naming):
                        found.append(segment)
            yield found

    def _named(self, opened: ExitStack) -> list[tuple[str, int, int, str, int]]:
        """(name, start, end, SHA-256 of the last line, directory) of what is called a segment: the longer first."""
        place = self._directory
        if place is None:
            return []
        try:
            directory = opened.enter_context(place.directory(os.O_RDONLY))
            names = [match for match in map(_NAME.fullmatch, os.listdir(directory)) if match is not None]
        except OSError:
            return []
        found = [(match[0], int(match[1]), int(match[2]), match[3], directory) for match in names]
        return sorted(found, key=lambda one: (one[1], -one[2]))

    def _written(self, part: _Part, directory: int, opened: ExitStack) -> Segment:
        name = f"{part.start}-{part.end}-{part.last_line}"
        aside = f"{uuid.uuid4().hex}.new"
        try:
            with os.fdopen(open_file(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, directory), "wb") as file:
                entries, count = part.entries, part.count
                while count:
                    firsts = []
                    while page := list(islice(entries, _IN_PAGE)):
                        firsts.append(page[0])
                        rest = b"".join([_HEAD.pack(b"", part.form, part.count, part.number)[32:], *page])
                        file.write(_proof(name, file.tell(), rest) + rest)
                    entries, count = iter(firsts), len(firsts) if len(firsts) > 1 else 0
            os.rename(aside, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            with suppress(OSError):
                os.unlink(aside, dir_fd=directory)
            raise
        self._damaged.discard(name)
        fd = open_file(name, os.O_RDONLY, directory)
        opened.callback(os.close, fd)
        return Segment(part.start, part.end, name, fd, self._damaged)


def _search(file: BinaryIO, size: int, found: list[Segment], wanted: Wanted) -> Iterator[tuple[int, bytes]]:
    """The records among the first ``size`` bytes that are wanted, the newest first; ``found``: what covers them.

    Raises :class:`Damaged`.
    """
    key = key_of(wanted.name)
    before = _NUMBERS if wanted.before is None else wanted.before
    for part in reversed(_parts(found, size)):
        if isinstance(part, Span):
            if part.after + 1 < before:
                yield from scan(file, part, wanted)
            continue
        for number, at in part.newest(key, before):
            record = line_at(file, at).rstrip(b"\n")
            names = list(wanted.naming.of(record))
            if wanted.name in names:
                yield number, record
            elif key not in map(key_of, names):  # else two names have one key
                raise part.damage()


def _parts(found: list[Segment], size: int) -> list[Segment | Span]:
    """The first ``size`` bytes, in order: what segments cover, and what none does."""
    parts: list[Segment | Span] = []
    at, number = 0, 0
    for segment in found:
        if segment.start > at:
            parts.append(Span(at, segment.start, number))
        parts.append(segment)
        at, number = segment.end, segment.number
    return [*parts, Span(at, size, number)] if at < size else parts


@dataclass(frozen=True)
class _Part:
    """What a new segment is of. ``last_line``: the SHA-256 of the last line; ``number``: its number."""

    start: int
    end: int
    last_line: str
    form: bytes
    count: int
    number: int
    entries: Iterator[bytes]


def _gathered(file: BinaryIO, rest: Span, naming: Naming) -> _Part:
    """The next whole lines of the log, as many as are taken at once."""
    entries, number, end, line = [], rest.after, rest.start, b""
    for number, at, line in numbered(file, rest):
        for name in (number_name(number), *naming.of(line.rstrip(b"\n"))):
            entries.append(_ENTRY.pack(key_of(name), number, at))
        end = at + len(line)
        if end - rest.start >= _AT_ONCE_BYTES:
            break
    entries.sort()
    last_line = hashlib.sha256(line).hexdigest()
    return _Part(rest.start, end, last_line, _form(naming), len(entries), number, iter(entries))


def _merged(older: Segment, newer: Segment) -> _Part:
    entries = heapq.merge(older.all(), newer.all())
    last_line = newer.name.rpartition("-")[2]
    count = older.count + newer.count
    return _Part(older.start, newer.end, last_line, newer.form, count, newer.number, entries)


def _level(segment: Segment) -> int:
    """Equal for lengths of up to twice each other. Segments are kept few, since each of them is asked."""
    return ((segment.end - segment.start) // UNIT_BYTES).bit_length()


def _form(naming: Naming) -> bytes:
    return key_of(naming.form.encode())


def _sha256_before(file: BinaryIO, end: int) -> str:
    """The SHA-256 of the line that ends there; a digest of nothing where none does."""
    _, line = next(lines_before(file, end))
    return hashlib.sha256(line if line.endswith(b"\n") else b"").hexdigest()
