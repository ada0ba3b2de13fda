"""A tar of regular files and nothing else, read as a stream in little memory, and written.

What is read is POSIX ustar, with the long names of pax and of GNU tar. Everything else that a tar can hold (links,
devices, directories, sparse files, sizes and names by tricks) is refused by name, so that nothing of it is ever laid.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

BLOCK = tarfile.BLOCKSIZE
BUFFER_BYTES = 256 * 1024
MOST_EXTENSION_BYTES = 64 * 1024  # of the names and times that a pax header holds
MOST_TRAILING_BYTES = 1024 * 1024  # zeros after the end: tar fills up to the size of its record
_NUL = b"\0" * BLOCK
_REGULAR = b"0\0"
_SPACES = sum(b" " * 8)
# What pax says of a file that changes nothing of its name or its bytes.
_HARMLESS = {"atime", "charset", "comment", "ctime", "gid", "gname", "mtime", "uid", "uname"}
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"5": "a directory",
    b"6": "a FIFO",
    b"7": "a file of a kind that few systems know",
    b"K": "a link with a long name",
    b"S": "a sparse file",
    b"g": "a header for all files after it",
}


class Reads(Protocol):
    def readinto(self, buffer: memoryview, /) -> int | None: ...


class TarRefused(Exception):
    """The tar holds what it must not, or ends too early; ``path`` is of the file at which that was found."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason, self.path = reason, path


@dataclass(frozen=True)
class Member:
    """A regular file in a tar."""

    path: str
    size_bytes: int


class TarReader:
    """The files of a tar, one after another. Raises ``TarRefused`` at the first thing that is no regular file."""

    def __init__(self, reader: Reads) -> None:
        self._reader = reader
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._begin = self._end = 0  # what of the buffer has been read and not been used
        self._left = self._padding = 0  # of the file that is at hand
        self._path = ""

    def next(self) -> Member | None:
        """The next file, whose bytes :meth:`pour` gives; what was left of the one before is passed over.

        None at the end, after which there is nothing.
        """
        self._pass_over()
        self._skip(self._padding)
        self._padding = 0
        name: bytes | None = None
        is_extended = False
        while True:
            header = bytes(self._take(BLOCK))
            if header == _NUL:
                self._require_end()
                return None
            kind, size_bytes, plain_name = _parsed(header)
            if kind in b"xL":
                if is_extended or not 0 < size_bytes <= MOST_EXTENSION_BYTES:
                    raise TarRefused("has more names for one file than a tar may have", _shown(plain_name))
                data = bytes(self._take(size_bytes))
                self._skip(-size_bytes % BLOCK)
                name = data.rstrip(b"\0") if kind == b"L" else _path_of(data)
                is_extended = True
                continue
            path = _text(plain_name if name is None else name)  # a plain name may be the beginning of a long one
            if kind not in _REGULAR:
                raise TarRefused(f"is {_KINDS.get(kind, 'no regular file')}; a package holds regular files only", path)
            self._left, self._padding, self._path = size_bytes, -size_bytes % BLOCK, path
            return Member(path, size_bytes)

    def pour(self, take: Callable[[memoryview], Any]) -> None:
        """``take`` gets all bytes of the file that is at hand, piece by piece; each is valid until it returns."""
        while self._left:
            if self._begin == self._end:
                self._fill()
            count = min(self._left, self._end - self._begin)
            take(self._buffer[self._begin : self._begin + count])
            self._begin += count
            self._left -= count

    def read(self) -> bytes:
        """All bytes of the file that is at hand, which is a small one."""
        pieces: list[bytes] = []
        self.pour(lambda piece: pieces.append(bytes(piece)))
        return b"".join(pieces)

    def _pass_over(self) -> None:
        """What is left of the file at hand is not wanted; a reader that can ``skip`` need not read it."""
        buffered = min(self._left, self._end - self._begin)
        self._begin += buffered
        self._left -= buffered
        skip = getattr(self._reader, "skip", None)
        if self._left and skip is not None:
            skip(self._left)
            self._left = 0
        self.pour(lambda _: None)

    def _take(self, count: int) -> memoryview:
        while self._end - self._begin < count:
            self._fill()
        self._begin += count
        return self._buffer[self._begin - count : self._begin]

    def _skip(self, count: int) -> None:
        if count:
            self._take(count)

    def _fill(self) -> None:
        """More of the tar is in the buffer, of which not more than an extension is kept."""
        kept = self._end - self._begin
        self._buffer[:kept] = bytes(self._buffer[self._begin : self._end])
        self._begin, self._end = 0, kept
        count = self._reader.readinto(self._buffer[kept:]) or 0
        if not count:
            raise TarRefused("is where the tar breaks off", self._path)
        self._end += count

    def _require_end(self) -> None:
        passed = 0
        while passed <= MOST_TRAILING_BYTES:
            rest = self._buffer[self._begin : self._end]
            if any(rest):
                raise TarRefused("is followed by something after the end of the tar", self._path)
            passed += len(rest)
            self._begin = 0
            self._end = self._reader.readinto(self._buffer) or 0
            if not self._end:
                return
        raise TarRefused("is followed by a tar's end that does not end", self._path)


def _parsed(header: bytes) -> tuple[bytes, int, bytes]:
    """(kind, size, name). Raises ``TarRefused``."""
    if sum(header) - sum(header[148:156]) + _SPACES != _octal(header[148:156]):
        raise TarRefused("is where what was sent is no tar")
    name = header[:100].partition(b"\0")[0]
    # POSIX has a prefix of long names there, GNU tar times.
    if header[257:263] == b"ustar\0" and (prefix := header[345:500].partition(b"\0")[0]):
        name = prefix + b"/" + name
    size = header[124:136]
    if size[0] & 0x80:
        raise TarRefused("has a size that no small file has; send large files by themselves", _shown(name))
    return header[156:157], _octal(size), name


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not digits:
        return 0
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise TarRefused("is where what was sent is no tar")
    return int(digits, 8)


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise TarRefused("has a name that is not UTF-8", _shown(name)) from None


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _path_of(records: bytes) -> bytes | None:
    """The path that a pax header gives the next file; None if it says nothing of that."""
    found: bytes | None = None
    while records:
        length, _, _ = records.partition(b" ")
        if not (length.isdigit() and len(length) < 6 and len(length) + 3 < int(length) <= len(records)):
            raise TarRefused("has a pax header that is none")
        record, records = records[len(length) + 1 : int(length)], records[int(length) :]
        key, equals, value = record.partition(b"=")
        name = _shown(key)
        if not equals or not value.endswith(b"\n"):
            raise TarRefused("has a pax header that is none")
        if name == "path" and found is None:
            found = value[:-1]
        elif name not in _HARMLESS:
            raise TarRefused(f"has a pax header with {name[:100]!r}, which is not taken here")
    return found


def tar_header(path: str, size_bytes: int, *, mode: int = 0o644, made_s: int = 0) -> bytes:
    """What stands before the bytes of a file, which has no owner, in a tar that any program takes."""
    if not _is_plain(path, size_bytes):
        entry = tarfile.TarInfo(path)
        entry.size, entry.mode, entry.mtime = size_bytes, mode, made_s
        return entry.tobuf(tarfile.PAX_FORMAT)
    # The same bytes, for thousands of files in a tenth of the time.
    first = path.encode().ljust(_NAME_BYTES, b"\0")
    first += b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, 0, 0, size_bytes, made_s)
    return first + b"%06o\0 " % (sum(first) + _LAST_SUM) + _LAST


def tar_header_size(path: str, size_bytes: int) -> int:
    """How long :func:`tar_header` is, whatever the mode and the time."""
    return BLOCK if _is_plain(path, size_bytes) else len(tar_header(path, size_bytes))


def _is_plain(path: str, size_bytes: int) -> bool:
    """Whether one block of the oldest form says it all."""
    return len(path) <= _NAME_BYTES and path.isascii() and size_bytes < _PLAIN_BYTES


_NAME_BYTES, _PLAIN_BYTES = 100, 8**11
_LAST = tarfile.TarInfo().tobuf(tarfile.PAX_FORMAT)[156:]  # of a plain header: what follows its sum
_LAST_SUM = sum(_LAST) + _SPACES
TAR_END = b"\0" * 2 * BLOCK


def tar_padding(size_bytes: int) -> bytes:
    """What stands behind the bytes of a file."""
    return b"\0" * (-size_bytes % BLOCK)
