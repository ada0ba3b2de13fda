"""GGUF: pairs of keys and values, descriptions of tensors, and then nothing but numbers."""

from __future__ import annotations

from .bounds import HEADER_BYTES
from .file_bytes import FileBytes
from .load import CODE, UNREADABLE, Code, Judged, Odd, PastBound

FORMAT = "gguf"
MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # of values, by their types
_TEXT, _LIST, _UINT32 = 8, 9, 4
_DEEPEST = 8
_LONGEST_KEY = 65535
_ALIGNMENT = "general.alignment"
_TEMPLATE = "chat_template"
_MOST_DIMENSIONS = 8
# Type of a tensor -> (how many numbers a block has, bytes of a block).
_BLOCKS = {
    **{0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40)},
    **{10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292)},
    **{16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82)},
    **{23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2)},
    **{34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18)},
}


def judge(data: FileBytes) -> Judged | None:
    """None where it is no such file; readable only where its header tells of every byte. Raises ``FetchFailed``."""
    if data.size_bytes < len(MAGIC) or data.at(0, len(MAGIC)) != MAGIC:
        return None
    try:
        _Header(data).read()
    except Code as code:
        return Judged(FORMAT, CODE, code.args[0])
    except Odd as odd:
        return Judged(FORMAT, UNREADABLE, odd.args[0])
    return Judged(FORMAT)


class _Header:
    def __init__(self, data: FileBytes) -> None:
        self._data = data
        self._at = len(MAGIC)
        self._alignment = 32

    def read(self) -> None:
        if self.number(4) not in _VERSIONS:
            raise Odd("it is of a version that is not read")
        tensors, pairs = self.number(8), self.number(8)
        for _ in range(min(pairs, HEADER_BYTES)):  # each takes bytes, and they come to an end
            self.pair()
        places = [self.tensor() for _ in range(min(tensors, HEADER_BYTES))]
        self.check(places)

    def take(self, length: int) -> bytes:
        self.skip(length)
        return self._data.at(self._at - length, length)

    def skip(self, length: int) -> None:
        self._at += length
        if self._at > HEADER_BYTES:
            raise PastBound("its header is longer than is read")
        if self._at > self._data.size_bytes:
            raise Odd("it ends too early")

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "little")

    def text(self) -> str:
        length = self.number(8)
        if length > _LONGEST_KEY:
            raise Odd("it has a name that is too long")
        return self.take(length).decode("utf-8", "replace")

    def pair(self) -> None:
        key, kind = self.text(), self.number(4)
        if _TEMPLATE in key:
            raise Code("its chat template is a program, which whoever chats with it runs")
        if key == _ALIGNMENT and kind == _UINT32:
            self._alignment = self.number(4)
            if not 0 < self._alignment <= HEADER_BYTES:
                raise Odd("its tensors lie nowhere")
        else:
            self.value(kind, _DEEPEST)

    def value(self, kind: int, deepest: int) -> None:
        if kind == _TEXT:
            self.skip(self.number(8))
        elif kind in _WIDTHS:
            self.skip(_WIDTHS[kind])
        elif kind == _LIST and deepest:
            inner, count = self.number(4), self.number(8)
            if inner in _WIDTHS:
                self.skip(_WIDTHS[inner] * count)
                return
            for _ in range(min(count, HEADER_BYTES)):
                self.value(inner, deepest - 1)
        else:
            raise Odd("it has a value of a kind that is not read")

    def tensor(self) -> tuple[int, int]:
        """(where its numbers begin, how many bytes they take)."""
        self.text()
        dimensions = self.number(4)
        if dimensions > _MOST_DIMENSIONS:
            raise Odd("a tensor of it has too many dimensions")
        count = 1
        for _ in range(dimensions):
            count *= self.number(8)
        numbers, size_bytes = _BLOCKS.get(self.number(4), (0, 0))
        if not numbers or count % numbers:
            raise Odd("a tensor of it is of a kind that is not read")
        return self.number(8), count // numbers * size_bytes

    def aligned(self, at: int) -> int:
        return -(-at // self._alignment) * self._alignment

    def check(self, places: list[tuple[int, int]]) -> None:
        """The tensors follow one another, and fill the file but for what aligns them."""
        begin, at = self.aligned(self._at) if places else self._at, 0
        for start, size_bytes in sorted(places):
            if start != self.aligned(at):
                raise Odd("its tensors do not follow one another")
            at = start + size_bytes
        if not begin + at <= self._data.size_bytes <= begin + self.aligned(at):
            raise Odd("its tensors do not fill it")
