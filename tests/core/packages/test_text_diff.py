"""A diff is what `patch` makes the one file of the other with, and costs no more than its bounds."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.packages.text_diff import MAX_COMPARED, MAX_DIFF_BYTES, MAX_LINES, differ

texts = st.text(st.sampled_from("ab\n\r\u2028\x0b"), max_size=30)


def patched(old: str, diff: str) -> str:
    """What the program `patch` makes of the text."""
    at, new = 0, ""
    old_lines = re.findall(r"[^\n]*\n|[^\n]+", old)
    _, _, *rest = re.findall(r"[^\n]*\n", diff)
    for number, line in enumerate(rest):
        ends = number + 1 < len(rest) and rest[number + 1].startswith("\\")
        text = line[1:-1] if ends else line[1:]
        if line.startswith("@@"):
            start, _, count = line.split()[1][1:].partition(",")
            until = int(start) - (count != "0")
            new, at = new + "".join(old_lines[at:until]), until
        elif line[0] in " -":
            assert old_lines[at] == text
            new, at = new + (text if line[0] == " " else ""), at + 1
        elif line[0] == "+":
            new += text
    return new + "".join(old_lines[at:])


@given(texts, texts)
def test_patch_makes_the_one_of_the_other(old: str, new: str) -> None:
    found = differ("file", ("1", old.encode()), ("2", new.encode()))
    if old == new:
        assert (found.kind, found.diff) == ("same", "")
    else:
        assert (found.kind, found.is_cut) == ("text", False)
        assert patched(old, found.diff) == new


def test_what_many_lines_have_in_common_is_left_out_and_the_rest_is_a_diff_too() -> None:
    old = [f"line {number}\n" for number in range(3000)]
    new = [*old[:1000], "put in\n", *old[1000:2000], *old[2001:]]
    found = differ("file", ("1", "".join(old).encode()), ("2", "".join(new).encode()))
    assert patched("".join(old), found.diff) == "".join(new)
    assert len(found.diff) < 50_000
    turned = old[: MAX_COMPARED * 2]
    found = differ("file", ("1", "".join(turned).encode()), ("2", "".join(turned[::-1]).encode()))
    assert found.kind == "text"
    assert patched("".join(turned), found.diff) == "".join(turned[::-1])


@pytest.mark.parametrize(("line", "count"), [("x", 500_000), ("x" * 10_000, 106)])
def test_a_diff_ends_somewhere(line: str, count: int) -> None:
    old = "".join(f"{line}{number}\n" for number in range(count))[:MAX_DIFF_BYTES]
    found = differ("file", ("1", old.encode()), ("2", b""))
    assert found.diff.count("\n") <= MAX_LINES
    assert len(found.diff) <= MAX_DIFF_BYTES + 100
    assert found.is_cut


def test_of_the_worst_of_files_nothing_is_compared_that_costs_more_than_the_lines() -> None:
    drawn = random.Random(7)
    old, new = ([f"{drawn.randrange(100)}{side}\n" for _ in range(MAX_LINES // 2 - 10)] for side in "ab")
    found = differ("file", ("1", "".join(old).encode()), ("2", "".join(new).encode()))
    assert "".join(line[0] for line in found.diff.split("\n")[3:-1]) == "-" * len(old) + "+" * len(new)


@pytest.mark.parametrize("data", [b"\xff", b"a\0b", b"\xed\xa0\x80"])
def test_what_is_no_utf8_is_binary(data: bytes) -> None:
    for other in (b"text", None):
        assert differ("f", ("1", data), ("2", other)).kind == "binary"
        assert differ("f", ("1", other), ("2", data)).kind == "binary"
