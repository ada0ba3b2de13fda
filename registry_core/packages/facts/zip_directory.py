"""The members of a zip, as its central directory and the header before each of them both say.

Readers differ in which of the two they believe, and in where they look for the directory; so a zip is read only where
nothing is left to choose: it begins with a member, its members follow one another, then the directory, then its end.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .bounds import HEADER_BYTES, ZIP_MEMBERS
from .file_bytes import FileBytes
from .load import Odd, PastBound

LOCAL, CENTRAL, END, END64, LOCATOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_DESCRIPTOR = b"PK\x07\x08"
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_LONGEST_COMMENT = 65535
_ENCRYPTED, _HAS_DESCRIPTOR, _UTF8 = 0x0001, 0x0008, 0x0800
_KNOWN_FLAGS = _HAS_DESCRIPTOR | _UTF8 | 0x0006  # and how hard it was packed
_ALL_ONES = 0xFFFFFFFF
_ZIP64 = 1


@dataclass(frozen=True)
class Member:
    """A file of the archive; ``start`` is where its bytes begin. ``fault``: what is odd about it, in words."""

    name: str
    start: int
    size_bytes: int
    is_packed: bool
    fault: str | None = None


@dataclass(frozen=True)
class ZipRead:
    """What was found of the archive. ``fault``: why readers may differ about it; None where they cannot."""

    members: tuple[Member, ...]
    fault: str | None = None


@dataclass(frozen=True)
class _Entry:
    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size_bytes: int
    offset: int


def read(data: FileBytes) -> ZipRead | None:
    """What members it has; None where nothing of a zip is seen. Raises ``FetchFailed``."""
    begins = data.size_bytes >= 4 and data.at(0, 4) == LOCAL
    try:
        found = _end_of(data)
        if found is None:
            return ZipRead((), "it begins as a zip, and has no directory") if begins else None
        at, count, size_bytes, offset, closes = found
        shift = at - size_bytes - offset  # how far what lies before the archive has moved it
        if shift < 0 or (count and data.at(at - size_bytes, 4) != CENTRAL):
            return ZipRead((), "its directory is not where it says") if begins else None
        entries = _entries(data, at - size_bytes, at, count)
    except Odd as odd:
        return ZipRead((), odd.args[0])
    members = tuple(_member(data, entry, shift) for entry in entries)
    return ZipRead(members, _fault(data, entries, members, shift, at - size_bytes, closes))


def _end_of(data: FileBytes) -> tuple[int, int, int, int, bool] | None:
    """(where the directory ends, its entries and bytes, where it says that it begins, whether it ends the file)."""
    tail_bytes = min(data.size_bytes, _LONGEST_COMMENT + _END.size)
    tail = data.at(data.size_bytes - tail_bytes, tail_bytes)
    found = tail.rfind(END)
    if found < 0 or len(tail) - found < _END.size:
        return None
    at = data.size_bytes - tail_bytes + found
    _, disk, first_disk, here, count, size_bytes, offset, comment = _END.unpack_from(tail, found)
    closes = at + _END.size == data.size_bytes and not comment and tail.count(END) == 1
    if at >= _LOCATOR.size + _END64.size and data.at(at - _LOCATOR.size, 4) == LOCATOR:
        at64 = at - _LOCATOR.size - _END64.size
        big = _END64.unpack(data.at(at64, _END64.size))
        if big[0] != END64:
            raise Odd("its directory is not where it says")
        small = (here, count, size_bytes, offset)
        is_same = all(one in (other, 0xFFFF, _ALL_ONES) for one, other in zip(small, big[6:], strict=True))
        closes = closes and is_same and _LOCATOR.unpack(data.at(at - _LOCATOR.size, _LOCATOR.size))[2] <= at64
        at, (here, count, size_bytes, offset) = at64, big[6:]
    if disk or first_disk or here != count:
        raise Odd("it is a part of a zip")
    return at, count, size_bytes, offset, closes


def _entries(data: FileBytes, at: int, end: int, count: int) -> list[_Entry]:
    if count > ZIP_MEMBERS or end - at > HEADER_BYTES:
        raise PastBound("it has more members than are read")
    directory = data.at(at, end - at)
    at, entries = 0, []
    for _ in range(count):
        if len(directory) - at < _CENTRAL.size:
            raise Odd("its directory ends too early")
        fields = _CENTRAL.unpack_from(directory, at)
        name_at = at + _CENTRAL.size
        extra_at = name_at + fields[10]
        at = extra_at + fields[11] + fields[12]
        if fields[0] != CENTRAL or at > len(directory):
            raise Odd("its directory is none")
        size_bytes, packed, offset = _large(
            directory[extra_at : extra_at + fields[11]], fields[9], fields[8], fields[16]
        )
        entries.append(_Entry(directory[name_at:extra_at], fields[3], fields[4], fields[7], packed, size_bytes, offset))
    if at != len(directory):
        raise Odd("its directory has more than its entries")
    return entries


def _large(extra: bytes, *values: int) -> tuple[int, ...]:
    """The values, each of which stands in the extra field where it is too large for its own."""
    at, large = 0, b""
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == _ZIP64:
            large = extra[at + 4 : at + 4 + length]
        at += 4 + length
    found = []
    for value in values:
        if value == _ALL_ONES and len(large) >= 8:
            value, large = int.from_bytes(large[:8], "little"), large[8:]
        found.append(value)
    return tuple(found)


def _member(data: FileBytes, entry: _Entry, shift: int) -> Member:
    """The member, with what its own header says otherwise than the directory."""
    name = entry.name.decode("utf-8" if entry.flags & _UTF8 else "latin-1", "replace")
    at = entry.offset + shift
    start, fault = at, None
    try:
        fields = _LOCAL.unpack(data.at(at, _LOCAL.size))
        own_name = data.at(at + _LOCAL.size, fields[9])
        start = at + _LOCAL.size + fields[9] + fields[10]
        size_bytes, packed = _large(data.at(start - fields[10], fields[10]), fields[8], fields[7])
        said = (fields[6], packed, size_bytes)
        listed = (entry.crc, entry.packed, entry.size_bytes)
        is_later = bool(entry.flags & _HAS_DESCRIPTOR)  # then both stand behind the bytes
        is_same = said == listed or (
            is_later and all(one in (0, other) for one, other in zip(said, listed, strict=True))
        )
        if (fields[0], own_name, fields[2], fields[3]) != (LOCAL, entry.name, entry.flags, entry.method) or not is_same:
            fault = "a member says otherwise than the directory"
        elif entry.flags & ~_KNOWN_FLAGS:
            fault = "a member is encrypted, or of a form that is not read"
        elif not entry.method and entry.packed != entry.size_bytes:
            fault = "a member has two sizes"
        if start + entry.packed > data.size_bytes:
            raise Odd("a member ends behind the file")
    except Odd as odd:
        return Member(name, start, 0, True, odd.args[0])
    return Member(name, start, entry.packed, bool(entry.method), fault)


def _fault(
    data: FileBytes, entries: list[_Entry], members: tuple[Member, ...], shift: int, directory: int, closes: bool
) -> str | None:
    if shift:
        return "something lies before it"
    if not closes:
        return "something lies behind it"
    if len({entry.name for entry in entries}) != len(entries):
        return "it has two members of one name"
    at = 0
    for entry, member in sorted(zip(entries, members, strict=True), key=lambda pair: pair[0].offset):
        if member.fault is not None:
            return member.fault
        if entry.offset != at:
            return "something lies between its members"
        at = member.start + member.size_bytes
        if entry.flags & _HAS_DESCRIPTOR:
            at += _descriptor_bytes(data, at, entry)
    return None if at == directory else "something lies between its members"


def _descriptor_bytes(data: FileBytes, at: int, entry: _Entry) -> int:
    """How long what stands behind the member's bytes is; 0 where that says otherwise than the directory."""
    for width in ("I", "Q"):
        for mark in (_DESCRIPTOR, b""):
            said = mark + struct.pack(f"<I2{width}", entry.crc, *_fitting(width, entry.packed, entry.size_bytes))
            if at + len(said) <= data.size_bytes and data.at(at, len(said)) == said:
                return len(said)
    return 0


def _fitting(width: str, *values: int) -> tuple[int, ...]:
    return tuple(value & (_ALL_ONES if width == "I" else 2**64 - 1) for value in values)
