"""CPU and bytes are those of the call, and of nothing else."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from benchmarks.counting import Meter, of_command, of_server, with_children

from ..support.servers import gunicorn, is_up


def test_a_meter_counts_what_the_call_reads_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    meter = Meter()
    read = meter.typical(lambda: (tmp_path / "file").read_bytes(), lambda: bytes(1), calls=3, most_s=10)
    assert 100_000 <= read.read_bytes < 100_100
    assert meter.cost(lambda: None).read_bytes < 100
    asked = itertools.count(0, 7)
    assert Meter(lambda: next(asked)).cost(lambda: None).requests == 0


def test_cpu_of_a_command_and_of_a_server_is_theirs(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    assert of_command(sys.executable, "-c", busy) >= 0.29
    assert with_children(lambda: of_command(sys.executable, "-c", busy)) >= 0.29
    with gunicorn(tmp_path, workers=1) as server:
        before = of_server(server.pid)
        assert is_up(f"{server.url}/health")
        assert of_server(server.pid) > before
