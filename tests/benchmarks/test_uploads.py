"""The benchmark of uploads runs, on tiny sizes; what it measures there means nothing."""

from __future__ import annotations

from pathlib import Path

from benchmarks.scale import MIB, Places, Scale
from benchmarks.sections import uploads


def test_it_runs_and_leaves_nothing(tmp_path: Path) -> None:
    speed, memory = uploads.run(Places({"here": tmp_path}), Scale(unit_bytes=MIB, rounds=2))
    assert [row.target for row in speed.rows] == [None, None, None, 2.5, 2.5]
    assert [row.target for row in memory.rows] == [None, 100]
    assert all(row.value > 0 for row in speed.rows)
    assert list(tmp_path.iterdir()) == []
