"""npy: a header that is a Python literal, and then the numbers of one array, or a pickle of its objects."""

from __future__ import annotations

import re

from .as_pickles import read as read_pickles
from .file_bytes import FileBytes
from .load import UNREADABLE, Judged, Odd
from .stack_machine import Spent

FORMAT = "npy"
MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000  # numpy itself reads no more
_KIND = r"'[<>|=]?[biufcmMSUV?]\d{0,9}(?:\[[0-9A-Za-zμ/]{1,20}\])?'"
_SHAPE = r"\((?:\d{1,18}(?:, ?\d{1,18})*,?)?\)"
_FIELD = rf"\('[^'\\]{{0,100}}', {_KIND}(?:, {_SHAPE})?\)"
_HEADER = re.compile(
    rf"{{'descr': (?P<kind>{_KIND}|'[<>|=]?O8?'|\[{_FIELD}(?:, {_FIELD})*\]), "
    rf"'fortran_order': (?:True|False), 'shape': (?P<shape>{_SHAPE}),? ?}} *\n"
)
_ONE = re.compile(rf"(?P<kind>{_KIND})(?:, (?P<shape>{_SHAPE}))?")


def judge(data: FileBytes, spent: Spent) -> Judged | None:
    """None where it is no such file; its objects are a pickle, and judged as one. Raises ``FetchFailed``."""
    if data.size_bytes < 10 or data.at(0, len(MAGIC)) != MAGIC:
        return None
    try:
        begin, header = _header(data)
        found = _HEADER.fullmatch(header)
        if found is None:
            raise Odd("its header is none of an array of numbers")
        kind, count = found["kind"], _product(found["shape"])
        if kind.strip("'<>|=").startswith("O"):
            inner = read_pickles(data, begin, spent)
            return Judged(FORMAT, inner.judged.load, inner.judged.why)
        size_bytes = sum(_width(one["kind"]) * _product(one["shape"] or "") for one in _ONE.finditer(_kinds(kind)))
        if begin + count * size_bytes != data.size_bytes:
            raise Odd("its numbers do not fill it")
    except Odd as odd:
        return Judged(FORMAT, UNREADABLE, odd.args[0])
    return Judged(FORMAT)


def _header(data: FileBytes) -> tuple[int, str]:
    """(where it ends, its text)."""
    width = 2 if data.at(len(MAGIC), 1) == b"\x01" else 4
    if data.at(len(MAGIC), 1) not in (b"\x01", b"\x02", b"\x03"):
        raise Odd("it is of a version that is not read")
    begin = len(MAGIC) + 2 + width
    length = int.from_bytes(data.at(begin - width, width), "little")
    if length > LONGEST_HEADER:
        raise Odd("its header is longer than is read")
    return begin + length, data.at(begin, length).decode("utf-8", "replace")


def _kinds(text: str) -> str:
    """The kinds alone, without the names of fields, which may look like one."""
    return re.sub(r"\('[^'\\]*', ", "(", text)


def _width(kind: str) -> int:
    """How many bytes one has."""
    found = re.match(r"'[<>|=]?([a-zA-Z?])(\d*)", kind)
    assert found is not None
    return int(found[2] or (1 if found[1] == "?" else 0)) * (4 if found[1] == "U" else 1)


def _product(shape: str) -> int:
    count = 1
    for length in re.findall(r"\d+", shape)[:64]:
        count *= int(length)
    return count
