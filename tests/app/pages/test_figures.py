"""Values as persons read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.pages import figures

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-11-27T11:59:30Z", (30, "s")),
        ("2026-11-27T12:00:30Z", (0, "s")),  # a clock that is ahead
        ("2026-11-27T11:54:00.123456Z", (5, "min")),
        ("2026-11-27T09:00:00+00:00", (3, "h")),
        ("2026-11-27T13:00:00+04:00", (3, "h")),
        ("2026-10-02T12:00:00Z", (56, "d")),
        ("2026-09-27T12:00:00Z", (2, "mo")),
        ("2023-11-27T12:00:00Z", (3, "y")),
        ("2026-11-27T11:00:00", (1, "h")),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1_764_244_800, None),
        ("0001-01-01T00:00:00+10:00", None),
    ],
)
def test_how_long_ago(text: str | None, told: tuple[int, str] | None) -> None:
    assert figures.ago(text, NOW) == told


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (47_200_000, "47.2 MB"), (999_999, "1.0 MB"), (None, "")],
)
def test_bytes(count: int | None, told: str) -> None:
    assert figures.size(count) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (104_339, "104,339"),
        (0.9573, "0.9573"),
        (0.95734999, "0.9573"),
        (3.0, "3"),
        (1e-9, "1e-09"),
        (1.5e12, "1,500,000,000,000"),
        (1e300, "1e+300"),
        (10**400, "≥1e+300"),
        (-(10**400), "≤\N{MINUS SIGN}1e+300"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (True, "True"),
        ("n/a", "n/a"),
        (None, ""),
    ],
)
def test_numbers(value: Any, told: str) -> None:
    assert figures.number(value) == told


@pytest.mark.parametrize(
    ("value", "base", "told"),
    [
        (0.9527, 0.9573, "\N{MINUS SIGN}0.0046"),
        (132_779, 129_658, "+3,121"),
        (1, 1, "0"),
        (None, 1, ""),
        (1, "x", ""),
        (True, 0, ""),
        (10**400, 0.5, ""),
    ],
)
def test_differences(value: Any, base: Any, told: str) -> None:
    assert figures.difference(value, base) == told


def test_digests_are_cut() -> None:
    assert figures.short("sha256:0123456789abcdef") == "0123456789ab…"
    assert figures.short(None) == ""


def test_moments() -> None:
    assert figures.when("2026-09-15T10:42:31.5Z") == "2026-09-15 10:42"
    assert figures.when("soon") == "soon"
