"""The client, the server and the connection killed at random points of pull and push.

No partial version, no wrong byte in the cache or the destination, and the next try completes. The point is a number
of bytes that have passed, so every part of a transfer is hit; and what pull does on this machine is cut off before each
of its steps.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from registry_client import RegistryClient
from registry_client.local.cache import Cache
from registry_core import NotFound

from ..support.packages import write_files
from ..support.servers import gunicorn
from . import killing
from .conftest import Service
from .trees import assert_nothing_wrong, beside, files_of, package
from .wire import Wire, wire

SIZE_BYTES = 200_000
FEW, MANY = range(5), range(5, 30)
WHO = ["client", "worker", "connection"]


def workers_of(service: Service) -> list[int]:
    """The processes that serve; their master begins new ones."""
    pid = service.server.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def killer(who: str, service: Service, line: Wire, process: Callable[[], object]) -> Callable[[], None]:
    def kill_workers() -> None:
        for pid in workers_of(service):
            os.kill(pid, signal.SIGKILL)

    return {"client": lambda: killing.kill(process()), "worker": kill_workers, "connection": line.cut}[who]


class Run:
    """One process that is killed, or whose server or line is, and what has passed by then."""

    def __init__(self, who: str, service: Service, line: Wire, point: int, begin: Callable[[], object]) -> None:
        self.process: object = None
        begun = threading.Event()
        struck = threading.Event()

        def strike() -> None:
            begun.wait(killing.TIMEOUT_S)
            struck.set()  # before it: once the process is gone, nobody waits for this thread
            killer(who, service, line, lambda: self.process)()

        line.at_byte(point, strike)
        self.process = begin()
        begun.set()
        self.code = killing.ended(self.process)
        self.was_struck = struck.is_set()
        line.at_byte(1 << 60, lambda: None)


def pull_and_kill(who: str, service: Service, area: Path, model: str, seed: int) -> None:
    draw = random.Random(f"pull {who} {seed}")
    registry = service.registry
    registry.register("t", model, "1", write_files(area / "source", package(seed, SIZE_BYTES)))
    expected = files_of(Path(registry.resolve("t", f"{model}@1").path))
    cache, dest = Cache(area / "cache"), area / "out" / "dest"
    total = sum(len(data) for data in set(expected.values())) + 8_000  # and heads and JSON
    with wire(service.url) as line:
        run = Run(
            who, service, line, draw.randrange(total), lambda: killing.pull(line.url, model, dest, cache.directory)
        )
        assert run.code in ((0, -signal.SIGKILL) if who == "client" else (0, 1))
        assert not dest.exists() or files_of(dest) == expected
        assert_nothing_wrong(cache)
        assert killing.ended(killing.pull(line.url, model, dest, cache.directory)) == 0
    assert files_of(dest) == expected
    assert beside(dest) == []
    assert_nothing_wrong(cache)


def push_and_kill(who: str, service: Service, area: Path, model: str, seed: int) -> None:
    draw = random.Random(f"push {who} {seed}")
    files = package(seed, SIZE_BYTES)
    source = write_files(area / "source", files)
    cache = area / "cache"
    total = sum(map(len, files.values())) + 12_000
    with wire(service.url) as line:
        point = draw.randrange(total)
        run = Run(who, service, line, point, lambda: killing.push(line.url, model, "1", source, cache))
        assert run.code in ((0, -signal.SIGKILL) if who == "client" else (0, 1))
        assert_all_or_nothing(service, model, files)
        assert killing.ended(killing.push(line.url, model, "1", source, cache)) == 0
    assert_all_or_nothing(service, model, files, must=True)
    assert len(service.registry.history("t", model).events) == 1


def assert_all_or_nothing(service: Service, model: str, files: dict[str, bytes], *, must: bool = False) -> None:
    try:
        found = service.registry.resolve("t", f"{model}@1")  # every byte proven
    except NotFound:
        assert not must
        return
    kept = files_of(Path(found.path))
    assert {path: kept.get(path) for path in files} == files
    assert service.registry.check().is_clean


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("seed", FEW)
def test_pull_killed(service: Service, area: Path, model: str, who: str, seed: int) -> None:
    pull_and_kill(who, service, area, model, seed)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("seed", FEW)
def test_push_killed(service: Service, area: Path, model: str, who: str, seed: int) -> None:
    push_and_kill(who, service, area, model, seed)


@pytest.mark.slow
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("seed", MANY)
def test_pull_killed_many_times(service: Service, area: Path, model: str, who: str, seed: int) -> None:
    pull_and_kill(who, service, area, model, seed)


@pytest.mark.slow
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("seed", MANY)
def test_push_killed_many_times(service: Service, area: Path, model: str, who: str, seed: int) -> None:
    push_and_kill(who, service, area, model, seed)


MANIFEST = "sha256sums.txt"
SMALL = {"a": b"a" * 5000, "deep/b": b"b"}  # no bytes twice: who is first would change the number of steps


def die_at(steps: Iterable[int], service: Service, area: Path, model: str) -> None:
    registry = service.registry
    source = write_files(area / "source", SMALL)
    registry.register("t", model, "1", source)
    expected = files_of(Path(registry.resolve("t", f"{model}@1").path))
    for step in steps:
        place = area / str(step)
        place.mkdir()
        cache, dest = Cache(place / "cache"), place / "out" / "dest"
        process = killing.pull(service.url, model, dest, cache.directory, dies_at=step)
        assert killing.ended(process) == -signal.SIGKILL, f"step {step} is not reached"
        assert not dest.exists() or files_of(dest) == expected
        assert_nothing_wrong(cache)
        assert killing.ended(killing.pull(service.url, model, dest, cache.directory)) == 0
        assert files_of(dest) == expected
        assert beside(dest) == []


def steps_of_a_pull(service: Service, area: Path, model: str) -> int:
    service.registry.register("t", f"{model}-0", "1", write_files(area / "s", SMALL))
    counter = killing.counter()
    process = killing.pull(service.url, f"{model}-0", area / "counted", area / "c", counter=counter)
    assert killing.ended(process) == 0
    assert counter.value > 30
    return int(counter.value)


def test_pull_killed_before_some_of_its_steps(service: Service, area: Path, model: str) -> None:
    count = steps_of_a_pull(service, area, model)
    few = {*random.Random(1).sample(range(count), 10), *range(count - 4, count)}
    die_at(sorted(few), service, area, model)


@pytest.mark.slow
def test_pull_killed_before_each_of_its_steps(service: Service, area: Path, model: str) -> None:
    die_at(range(steps_of_a_pull(service, area, model)), service, area, model)


def fill_and_die_at(steps: range, service: Service, area: Path, model: str) -> None:
    expected = files_of(Path(service.registry.resolve("t", f"{model}@1").path))
    for step in steps:
        place = area / str(step)
        (dest := place / "dest").mkdir(parents=True)
        cache = Cache(place / "cache")
        process = killing.pull(service.url, model, dest, cache.directory, dies_at=step)
        assert killing.ended(process) == -signal.SIGKILL, f"step {step} is not reached"
        found = {path: data for path, data in files_of(dest).items() if not path.startswith(".omr-pull/")}
        assert found == expected or MANIFEST not in found, "what has the manifest is whole"
        assert found.items() <= expected.items()
        assert killing.ended(killing.pull(service.url, model, dest, cache.directory)) == 0
        assert files_of(dest) == expected
        assert_nothing_wrong(cache)


def steps_of_filling(service: Service, area: Path, model: str) -> int:
    service.registry.register("t", model, "1", write_files(area / "s", SMALL))
    (area / "counted").mkdir()
    counter = killing.counter()
    assert killing.ended(killing.pull(service.url, model, area / "counted", area / "c", counter=counter)) == 0
    return int(counter.value)


@pytest.mark.parametrize("part", range(2))
def test_a_pull_into_a_directory_killed_while_it_gives_the_names(
    service: Service, area: Path, model: str, part: int
) -> None:
    count = steps_of_filling(service, area, model)
    fill_and_die_at(range(count - 14, count)[part::2], service, area, model)


@pytest.mark.slow
def test_a_pull_into_a_directory_killed_before_each_of_its_steps(service: Service, area: Path, model: str) -> None:
    fill_and_die_at(range(steps_of_filling(service, area, model)), service, area, model)


@pytest.mark.parametrize("part", range(4))
def test_an_update_killed_while_it_gives_the_names(service: Service, area: Path, model: str, part: int) -> None:
    """Whichever is there is whole, or has no manifest; and the next one ends it."""
    registry = service.registry
    registry.register("t", model, "1", write_files(area / "s", SMALL))
    registry.register("t", model, "2", write_files(area / "s2", {"a": b"new", "c": b"c"}))
    versions = [files_of(Path(registry.resolve("t", f"{model}@{number}").path)) for number in (1, 2)]

    def update(name: str, **words: Any) -> tuple[Path, int]:
        dest = area / name / "dest"
        with RegistryClient(service.url) as client:
            client.pull("t", f"{model}@1", dest, cache=Cache(area / name / "cache"))
        process = killing.pull(service.url, model, dest, area / name / "cache", update=True, **words)
        return dest, killing.ended(process)

    counter = killing.counter()
    assert update("counted", counter=counter) == (area / "counted/dest", 0)
    for step in range(counter.value - 24, counter.value)[part::4]:
        dest, code = update(str(step), dies_at=step)
        assert code == -signal.SIGKILL, f"step {step} is not reached"
        found = {path: data for path, data in files_of(dest).items() if not path.startswith(".omr-pull/")}
        assert found in versions or MANIFEST not in found
        process = killing.pull(service.url, model, dest, dest.parent / "cache", update=True)
        assert killing.ended(process) == 0
        assert files_of(dest) == versions[1]


def test_the_points_are_really_reached(service: Service, area: Path, model: str) -> None:
    """A sweep whose kills come too late would prove nothing."""
    service.registry.register("t", model, "1", write_files(area / "source", package(1, SIZE_BYTES)))
    with wire(service.url) as line:
        run = Run("client", service, line, 50_000, lambda: killing.pull(line.url, model, area / "dest", area / "cache"))
    assert run.was_struck
    assert run.code == -signal.SIGKILL
    assert not (area / "dest").exists()


def test_a_service_that_is_gone_for_a_while(area: Path) -> None:
    """Master and workers killed in the middle of a push and of a pull, and begun again at another address."""
    root = area / "root"
    root.mkdir()
    files = package(2, SIZE_BYTES)
    source, cache = write_files(area / "source", files), area / "cache"
    with gunicorn(root, workers=1) as first, wire(first.url) as line:
        line.at_byte(100_000, first.kill)
        assert killing.ended(killing.push(line.url, "m", "1", source, cache, retries=2)) == 1
        with gunicorn(root, workers=1) as second:
            line.upstream = second.url
            assert killing.ended(killing.push(line.url, "m", "1", source, cache)) == 0
            line.at_byte(100_000, second.kill)
            assert killing.ended(killing.pull(line.url, "m", area / "dest", cache, retries=2)) == 1
            assert not (area / "dest").exists()
        with gunicorn(root, workers=1) as third, RegistryClient(third.url) as client:
            line.upstream = third.url
            assert killing.ended(killing.pull(line.url, "m", area / "dest", cache)) == 0
            assert client.verify("t", "m@latest").files_checked == len(files) + 1
    kept = files_of(area / "dest")
    assert {path: kept[path] for path in files} == files
    assert_nothing_wrong(Cache(cache))
