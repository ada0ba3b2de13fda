"""A result of made-up values."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.results import Result, Section
from benchmarks.tables import Growth, Line, Row, Table

GROWTH = Growth(
    "CPU over events",
    "events",
    [100, 1000, 10_000],
    "ms",
    [
        Line("bare: read", [0.5, 0.5, 0.5]),
        Line("resolve", [1.0, 1.0, 1.2], is_flat=True, bare="bare: read"),
        Line("promote <&>", [1.0, 10.0, 100.0], is_flat=True, bare="bare: read"),
        Line("list", [2.0, 20.0, 200.0]),
    ],
    ["Said of it."],
)
ROWS = Table("speed | of it", [Row("a", 1.2, "x", 1.3), Row("b", 9, "x", 1.3), Row("c", 5, "s", note="best")])
RESULT = Result(
    "2026-01-02T03:04:05Z",
    "abc",
    ["2 cores"],
    False,
    (0.1, 0.2),
    "quiet",
    [Section("growth", 12.3, [GROWTH]), Section("omr", 4.5, [ROWS])],
)
OLDER = replace(
    RESULT,
    commit="old",
    sections=[Section("growth", 1, [replace(GROWTH, lines=[Line("resolve", [1, 7, 77.7], True)])])],
)
