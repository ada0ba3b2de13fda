"""The benchmark of downloads runs, on a tiny size; what it measures there means nothing."""

from __future__ import annotations

from pathlib import Path

from benchmarks.scale import MIB, Places, Scale
from benchmarks.sections import downloads


def test_downloads(tmp_path: Path) -> None:
    (table,) = downloads.run(Places({"here": tmp_path}), Scale(unit_bytes=MIB, rounds=1))
    assert [row.target for row in table.rows] == [None, None, None, 1.667, 1.053]
    assert all(row.value > 0 for row in table.rows)
    assert list(tmp_path.iterdir()) == []
