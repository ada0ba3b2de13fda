"""The benchmarks run, on tiny sizes; what they measure there means nothing and is not looked at."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import pytest

from benchmarks import page, timing
from benchmarks.__main__ import BENCHMARKS, BESIDE
from benchmarks.bare_servers import tar_server
from benchmarks.load import drive, get
from benchmarks.machine import write_many
from benchmarks.peers import section
from benchmarks.scale import MIB, Places, Scale
from benchmarks.sections import (
    access,
    catalogue,
    clients,
    evidence,
    growth,
    health,
    large_files,
    memory,
    omr,
    requests,
    small_files,
    store,
)
from benchmarks.tables import Growth, Table
from benchmarks.timing import percentile, take_turns
from registry_core import ModelRegistry

from ..support.machine import need
from ..support.servers import gunicorn

TINY = Scale(
    unit_bytes=MIB,
    rounds=1,
    requests=2,
    seconds=0.1,
    versions=200,
    calls=1,
    verb_s=0.1,
    in_a_row=2,
    events=(10, 40),
    versions_of_a_model=(5, 10),
    models=(1, 3),
    files=(1, 5),
    stored=(10, 20),
    stored_versions=(5, 10),
    clients=(1, 3),
    small_files=12,
    many_files=12,
    followed=(5, 10),
    searched=30,
)


FLAT = {
    *("promote", "promote, with a catalogue", "tag", "stage", "rollback", "unalias", "delete and restore", "resolve"),
    *("resolve, verified", "show", "register", "register with a key", "register again, same key", "begin upload"),
}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places({"here": tmp_path})


def test_bytes(places: Places) -> None:
    tables = list(large_files.run(places, TINY))
    assert [table.title for table in tables] == [
        "1 MiB in 1 file, here",
        "1 MiB in 3 files, here",
        "1 MiB in 10 files, here",
        "1 MiB in 64 files, here",
        "12 files of 4096 bytes from a directory, here",
    ]
    assert {row.target for table in tables for row in table.rows} == {None, 1.1, 0.75, 0.6, 3.0}
    assert list(places.main.iterdir()) == []


def test_evidence(places: Places) -> None:
    gate, signatures, log = evidence.run(places, TINY)
    assert [row.target for row in gate.rows] == [None, None, 2]
    assert [row.target for row in signatures.rows] == [50, None, 50, None]
    assert all(row.value > 0 for table in (signatures, log) for row in table.rows)
    assert list(places.main.iterdir()) == []


def test_small_files(places: Places) -> None:
    (table,) = small_files.run(places, TINY)
    assert [row.target for row in table.rows] == [None, None, None, None, 4, 4]
    assert all(row.value > 0 for row in table.rows)
    assert list(places.main.iterdir()) == []


def test_what_tar_sends_to_the_bare_server_comes_back(tmp_path: Path) -> None:
    for name in ("source", "served", "back"):
        (tmp_path / name).mkdir()
    write_many(tmp_path / "source" / "files", 5, 100)
    with tar_server(tmp_path / "served") as url:
        small_files.up(tmp_path / "source", url)
        small_files.down(tmp_path / "back", url)
    subprocess.run(["diff", "-r", tmp_path / "source", tmp_path / "back"], check=True)


def test_what_is_read_of_a_journal_s_end_is_no_growth() -> None:
    """From the first size whose journal has an index on; and only of bytes, and only where the journal grows."""
    sizes = [100, 1_000, 10_000]
    costs = {"resolve": [{"read_bytes": 50_000.0, "cpu_s": 0.001}] * 3}
    lines = {
        (axis, what): growth.table("", axis, sizes, costs, what, True).lines[0]
        for axis in ("events", "versions", "models")
        for what in ("read_bytes", "cpu_s")
    }
    bounded = {of: (line.since, line.bounded) for of, line in lines.items() if line.since or line.bounded}
    assert bounded == dict.fromkeys([("events", "read_bytes"), ("versions", "read_bytes")], (1, 64 * 1024))


def test_growth(places: Places) -> None:
    tables = list(growth.run(places, TINY))
    assert len(tables) == 12
    assert list(places.main.iterdir()) == []
    for table in tables:
        flat = {line.what for line in table.lines if line.is_flat}
        assert flat >= FLAT if table.axis != "files of a package" else flat == set()
        assert "list by name" in {line.what for line in table.lines} - flat
        assert all(len(line.values) == len(table.sizes) == 2 for line in table.lines)
    stored = [table for table in tables if table.unit == "requests"]
    assert len(stored) == 2
    for table in stored:
        bare = next(line for line in table.lines if line.what == "bare: put an object")
        assert bare.values == [1, 1]


def test_memory(places: Places) -> None:
    (table,) = memory.run(places, TINY)
    assert [row.is_met for row in table.rows] == [None, True, True]
    assert list(places.main.iterdir()) == []


def test_health(places: Places) -> None:
    (table,) = health.run(places, TINY)
    assert {row.target for row in table.rows} == {100}
    assert all(row.value > 0 for row in table.rows)
    assert list(places.main.iterdir()) == []


def test_clients(places: Places) -> None:
    cpu, speed, _ = clients.run(places, TINY)
    assert all(len(line.values) == 2 and min(line.values) > 0 for line in (*cpu.lines, *speed.lines))
    assert list(places.main.iterdir()) == []


def test_requests(places: Places) -> None:
    (table,) = requests.run(places, TINY)
    assert {row.target for row in table.rows} == {None, 1 / 0.7}
    assert all(row.value > 0 for row in table.rows)
    assert list(places.main.iterdir()) == []


def test_access(places: Places) -> None:
    (table,) = access.run(places, TINY)
    assert {row.target for row in table.rows} == {None, 1 / 0.9, 1 / 0.8}
    assert all(row.value > 0 for row in table.rows)
    assert list(places.main.iterdir()) == []


def test_omr(places: Places) -> None:
    (table,) = omr.run(places, TINY)
    assert {row.target for row in table.rows} == {None, 0.12, 0.20, 0.25}
    assert all(row.value > 0 for row in table.rows)
    assert list(places.main.iterdir()) == []


def test_catalogue(places: Places) -> None:
    built, pages, followed = catalogue.run(places, TINY)
    assert isinstance(built, Table)
    assert isinstance(pages, Table)
    assert {row.target for row in built.rows} == {None, 0.2, 1 / 0.7}
    assert "last page, p50" in [row.what for row in pages.rows]
    assert all(row.value > 0 for row in (*built.rows, *pages.rows))
    assert isinstance(followed, Growth)
    assert [line.is_flat for line in followed.lines] == [True, True, False]
    assert list(places.main.iterdir()) == []


def test_every_benchmark_has_a_heading_on_the_page() -> None:
    assert BENCHMARKS.keys() | BESIDE.keys() == page.HEADINGS.keys()


@pytest.mark.slow
def test_store(places: Places) -> None:
    large, small = store.run(places, TINY)
    assert [row.target for row in large.rows] == [None, None, 1.3]
    assert all(row.value > 0 for row in small.rows)
    assert list(places.main.iterdir()) == []


@pytest.mark.slow
def test_peers(places: Places) -> None:
    need(section.PYTHON.exists(), "make bench-peers makes MLflow's environment")
    (table,) = section.run(places, TINY)
    assert len(table.rows) == 24
    assert all(row.value > 0 for row in table.rows)
    assert list(places.main.iterdir()) == []


def test_the_load_generator_refuses_an_answer_that_is_no_success(tmp_path: Path) -> None:
    with gunicorn(tmp_path, workers=1) as server, pytest.raises(RuntimeError, match="404"):
        drive(server.url, [get(f"{server.url}/v1/resolve?task=a&ref=b@c")] * 2, seconds=1)


def test_contenders_take_turns() -> None:
    clock = itertools.count()
    seconds = take_turns({"a": lambda: float(next(clock)), "b": lambda: float(next(clock))}, 3)
    assert seconds == {"a": [0, 2, 4], "b": [1, 3, 5]}


def test_no_round_begins_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "TURNS_S", -1.0)
    assert take_turns({"a": lambda: 1.0}, 3) == {"a": [1]}


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_percentile(share: float, expected: int) -> None:
    assert percentile(range(100, 0, -1), share) == expected


def test_register_in_the_benchmark_of_bytes_stores_what_verify_reads(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "part").write_bytes(b"x" * 1000)
    cpu: dict[str, float] = {}
    contenders = large_files.contenders(tmp_path, source, [source / "part"], cpu)
    assert contenders["register"]() > 0
    registry = ModelRegistry.open(tmp_path / "registry")
    assert registry.verify("bench", "large@latest").bytes_checked > 1000
    assert contenders["verify"]() > 0
    assert cpu.keys() == {"register", "verify"}
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
