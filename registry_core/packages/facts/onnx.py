"""ONNX: a message of Protocol Buffers, walked from its first byte to its last; weights are stepped over."""

from __future__ import annotations

from .bounds import HEADER_BYTES
from .file_bytes import FileBytes
from .load import UNREADABLE, Judged, Odd, PastBound

FORMAT = "onnx"
MOST_FIELDS = 300_000
_DEEPEST = 64
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LEAF = ""
# Message -> number of a field -> the message that it holds; what is no message, or holds no graph, is a leaf.
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {
        **dict.fromkeys((1, 2, 3, 4, 5, 6, 8, 14, 26), _LEAF),
        7: "graph",
        20: "training",
        25: "function",
    },
    "training": {1: "graph", 2: "graph", 3: _LEAF, 4: _LEAF},
    "function": {**dict.fromkeys((1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 13, 14), _LEAF), 7: "node", 11: "attribute"},
    "graph": {**dict.fromkeys((2, 10, 11, 12, 13, 14, 15, 16), _LEAF), 1: "node", 5: "tensor"},
    "node": {**dict.fromkeys((1, 2, 3, 4, 6, 7, 8, 9, 10), _LEAF), 5: "attribute"},
    "attribute": {
        **dict.fromkeys((1, 2, 3, 4, 7, 8, 9, 13, 14, 15, 20, 21, 22, 23), _LEAF),
        5: "tensor",
        10: "tensor",
        6: "graph",
        11: "graph",
    },
    "tensor": dict.fromkeys((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16), _LEAF),
}
_IR_VERSION, _GRAPH, _OPSETS = 1, 7, 8


def judge(data: FileBytes) -> Judged | None:
    """None where it is no such file; readable only where every byte belongs to a field that is known.

    Raises ``FetchFailed``.
    """
    if data.size_bytes < 2 or data.at(0, 1) != b"\x08":  # the version of the format, which every writer writes first
        return None
    walk = _Walk(data)
    try:
        walk.message("model", 0, data.size_bytes, _DEEPEST)
        if not {_IR_VERSION, _GRAPH, _OPSETS} <= walk.top:
            return None
    except Odd as odd:
        return Judged(FORMAT, UNREADABLE, odd.args[0]) if {_IR_VERSION, _GRAPH} <= walk.top else None
    return Judged(FORMAT)


class _Walk:
    def __init__(self, data: FileBytes) -> None:
        self.top: set[int] = set()  # numbers of fields that the model itself has
        self._data = data
        self._fields = self._bytes = 0

    def message(self, kind: str, at: int, end: int, deepest: int) -> None:
        if not deepest:
            raise Odd("its graphs are nested too deep")
        fields = _MESSAGES[kind]
        while at < end:
            self._fields += 1
            if self._fields > MOST_FIELDS:
                raise PastBound("it has more fields than are read")
            tag, at = self.varint(at, end)
            number, wire = tag >> 3, tag & 7
            if number not in fields:
                raise Odd(f"its {kind} has a field that is not known")
            if kind == "model":
                self.top.add(number)
            inner = fields[number]
            if wire == _BYTES:
                length, at = self.varint(at, end)
                if length > end - at:
                    raise Odd("it ends too early")
                if inner:
                    self.message(inner, at, at + length, deepest - 1)
                at += length
            elif inner or wire not in (_VARINT, _FIXED32, _FIXED64):
                raise Odd(f"its {kind} has a field of another form")
            elif wire == _VARINT:
                at = self.varint(at, end)[1]
            else:
                at += 4 if wire == _FIXED32 else 8
            if at > end:
                raise Odd("it ends too early")

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """(the number there, where it ends)."""
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                raise Odd("it ends too early")
            self._bytes += 1
            if self._bytes > HEADER_BYTES:
                raise PastBound("it is longer than is read")
            byte = self._data.at(at, 1)[0]
            value |= (byte & 0x7F) << shift
            at += 1
            if byte < 0x80:
                return value, at
        raise Odd("a number of it is too long")
