"""Progress adds up over threads, never goes back, and ends at the total."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from registry_core import Progress
from registry_core.vocabulary.progress import Meter

from ...support.packages import open_registry, write_files


def test_without_a_callback_nothing_happens() -> None:
    meter = Meter(None)
    meter.start(1, 1)
    meter.tick(1)
    meter.file_done()


def test_steps_are_added_up_and_told_in_order() -> None:
    told: list[Progress] = []
    meter = Meter(told.append)
    meter.start(2, 10)
    meter.tick(7)
    meter.file_done()
    meter.tick(3)
    meter.file_done()
    assert told == [
        Progress(0, 10, 0, 2),
        Progress(7, 10, 0, 2),
        Progress(7, 10, 1, 2),
        Progress(10, 10, 1, 2),
        Progress(10, 10, 2, 2),
    ]


def test_threads_lose_no_step() -> None:
    told: list[Progress] = []
    meter = Meter(told.append)
    meter.start(400, 4000)
    meeting = threading.Barrier(4)

    def work() -> None:
        meeting.wait()
        for _ in range(100):
            meter.tick(10)
            meter.file_done()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told[-1] == Progress(4000, 4000, 400, 400)
    assert [p.bytes_done for p in told] == sorted(p.bytes_done for p in told)
    assert [p.files_done for p in told] == sorted(p.files_done for p in told)


@pytest.mark.parametrize("workers", [1, 3])
def test_register_and_verify_end_at_their_total(tmp_path: Path, workers: int) -> None:
    (tmp_path / "root").mkdir()
    files = {f"f{number}": b"x" * number * 1000 for number in range(6)}
    registry = open_registry(tmp_path / "root", workers=workers)
    told: list[Progress] = []
    registry.register("t", "m", "1", write_files(tmp_path / "source", files), progress=told.append)
    size_bytes = sum(map(len, files.values()))
    assert (told[0], told[-1]) == (Progress(0, size_bytes, 0, 6), Progress(size_bytes, size_bytes, 6, 6))
    told.clear()
    verification = registry.verify("t", "m@1", progress=told.append)
    total = Progress(verification.bytes_checked, verification.bytes_checked, 7, 7)
    assert (told[0].bytes_done, told[-1]) == (0, total)


def test_a_callback_that_fails_stops_the_registration_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    source = write_files(tmp_path / "source", {"model.pt": b"w"})

    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_registry(tmp_path / "root").register("t", "m", "1", source, progress=stop)
    assert open_registry(tmp_path / "root").register("t", "m", "1", source).version == "1"
    assert open_registry(tmp_path / "root").sweep(0).removed == []
