"""How two texts differ, line by line, at a bounded cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Literal

from ..vocabulary.comparison import FileDiff

MAX_BYTES = 1024 * 1024  # of either file
MAX_LINES = 5000  # of the diff
MAX_DIFF_BYTES = 1024 * 1024
# So many lines are compared with each other, behind what both begin with and before what both end with; more are
# shown as taken out and put in. It grows with the square of them.
MAX_COMPARED = 1000

Opcode = tuple[Literal["replace", "delete", "insert", "equal"], int, int, int, int]


def differ(path: str, old: tuple[str, bytes | None], new: tuple[str, bytes | None]) -> FileDiff:
    """How the file differs; each side with its name, and None where there is no such file."""
    if old[1] == new[1]:
        return FileDiff(path, "same", "")
    texts = [_text(data) for _, data in (old, new)]
    if texts[0] is None or texts[1] is None:
        return FileDiff(path, "binary", "")
    names = [f"{name}/{path}" if data is not None else "/dev/null" for name, data in (old, new)]
    lines, size_bytes = [f"--- {names[0]}\n", f"+++ {names[1]}\n"], 0
    for line in _unified(_lines(texts[0]), _lines(texts[1])):
        size_bytes += len(line)
        if len(lines) == MAX_LINES or size_bytes > MAX_DIFF_BYTES:
            return FileDiff(path, "text", "".join(lines), is_cut=True)
        lines.append(line)
    return FileDiff(path, "text", "".join(lines))


def _text(data: bytes | None) -> str | None:
    """The bytes as a text; None where they are none."""
    try:
        return None if data is not None and b"\0" in data else (data or b"").decode()
    except UnicodeDecodeError:
        return None


def _lines(text: str) -> list[str]:
    """The lines with their ends; only a line feed ends one."""
    *whole, rest = text.split("\n")
    return [*(f"{line}\n" for line in whole), *([rest] if rest else [])]


class _Bounded(SequenceMatcher[str]):
    """Looks only at what stands between the same beginning and the same end, and at no more than is cheap."""

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        super().__init__(None, "", "")
        self._old, self._new = old, new

    def get_opcodes(self) -> list[Opcode]:
        old, new = self._old, self._new
        begin = _in_common(zip(old, new, strict=False))
        shorter = min(len(old), len(new)) - begin
        end = _in_common(zip(old[len(old) - shorter :][::-1], new[len(new) - shorter :][::-1], strict=False))
        changed, put = old[begin : len(old) - end], new[begin : len(new) - end]
        middle: list[Opcode] = [("replace", 0, len(changed), 0, len(put))]
        if len(changed) + len(put) <= MAX_COMPARED:
            middle = SequenceMatcher(None, changed, put).get_opcodes()
        moved = [(tag, i + begin, j + begin, m + begin, n + begin) for tag, i, j, m, n in middle]
        ends: Opcode = ("equal", len(old) - end, len(old), len(new) - end, len(new))
        found: list[Opcode] = [("equal", 0, begin, 0, begin), *moved, ends]
        return [opcode for opcode in found if (opcode[1], opcode[3]) != (opcode[2], opcode[4])]


def _in_common(pairs: Iterator[tuple[str, str]]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _unified(old: list[str], new: list[str]) -> Iterator[str]:
    for group in _Bounded(old, new).get_grouped_opcodes(3):
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"
        for tag, i, j, m, n in group:
            if tag == "equal":
                yield from (_shown(" ", line) for line in old[i:j])
            else:
                yield from (_shown("-", line) for line in old[i:j])
                yield from (_shown("+", line) for line in new[m:n])


def _range(start: int, stop: int) -> str:
    length = stop - start
    if length == 1:
        return str(start + 1)
    return f"{start + (length > 0)},{length}"


def _shown(mark: str, line: str) -> str:
    return mark + line if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"
