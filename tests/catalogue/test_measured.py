"""The metrics of a model over its versions: of the newest, in the order in which they were made."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from registry_core import InvalidParameter
from registry_core.catalogue import measured

from .filled import fill, moment, steps
from .shelf import Shelf
from .tables import plan


def test_values_are_those_of_the_newest_versions_oldest_first(shelf: Shelf) -> None:
    for number in range(1, 8):
        metrics: dict[str, Any] = {"loss": number / 3, "nested": {"deep": number}}
        shelf.add("m", f"1.{number}", metrics=metrics if number != 4 else {"loss": "high", "acc": 1})
    shelf.add("n", "1", metrics={"loss": 99.0, "other": 1})
    registry = shelf.registry
    found = registry.metric_values("t", "m", "loss")
    assert [(version, value) for version, _, value in found] == [(f"1.{n}", n / 3) for n in (1, 2, 3, 5, 6, 7)]
    assert [at for _, at, _ in found] == [
        registry.show("t", f"m@{version}").meta["created_at"] for version, _, _ in found
    ]
    assert registry.metric_values("t", "m", "loss", limit=2) == found[-2:]
    assert [value for *_, value in registry.metric_values("t", "m", "nested.deep", 1)] == [7.0]
    assert registry.metric_values("t", "m", "none") == ()
    assert registry.metric_keys("t", "m") == ("acc", "loss", "nested.deep")
    registry.delete("t", "m", "1.7", reason="wrong")
    assert registry.metric_values("t", "m", "loss") == found[:-1]


def test_keys_are_those_of_the_newest_twenty(shelf: Shelf) -> None:
    for number in range(22):
        shelf.add("m", f"1.{number}", metrics={f"k{number:02}": 1})
    assert shelf.registry.metric_keys("t", "m") == tuple(f"k{number:02}" for number in range(2, 22))


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_is_from_one_to_a_thousand(shelf: Shelf, limit: int) -> None:
    shelf.add("m", "1")
    with pytest.raises(InvalidParameter):
        shelf.registry.metric_values("t", "m", "a", limit)


def test_they_cost_the_same_however_many_versions_there_are(tmp_path: Path) -> None:
    costs = {}
    for versions in (2_000, 20_000):
        fill(tmp_path / str(versions), 1, versions)
        with closing(sqlite3.connect(tmp_path / str(versions))) as connection:
            found = measured.values(connection, 1, "m1", 1_000)
            assert [version for version, *_ in found] == [f"v{n}" for n in range(versions - 999, versions + 1)]
            assert found[0] == (f"v{versions - 999}", moment(versions - 999), versions - 999 + 0.1)
            costs[versions] = (
                steps(connection, lambda c=connection: measured.values(c, 1, "m1", 1_000)),  # type: ignore[misc]
                steps(connection, lambda c=connection: measured.keys(c, 1)),  # type: ignore[misc]
            )
            for sql, values in ((measured._VALUES, (1, "m1", 1_000)), (measured._KEYS, (1, 20, 1_000))):
                assert not any("SCAN v " in step or "SCAN metric" in step for step in plan(connection, sql, values))
    for few, many in zip(costs[2_000], costs[20_000], strict=True):
        assert many <= few + 500
