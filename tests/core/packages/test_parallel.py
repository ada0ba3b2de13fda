"""Several at once: in order, as many as asked, and the first failure stops the rest."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core import ArtifactsRefused
from registry_core.packages.parallel import in_parallel


@given(st.lists(st.integers(), max_size=30), st.integers(1, 5))
def test_results_come_in_the_order_of_the_items(items: list[int], workers: int) -> None:
    assert in_parallel(lambda item: item * 2, items, workers) == [item * 2 for item in items]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_as_many_run_at_once_as_there_are_workers(workers: int) -> None:
    meeting = threading.Barrier(workers, timeout=60)  # nobody gets through before all are there
    assert len(in_parallel(lambda _: meeting.wait(), range(workers * 3), workers)) == workers * 3


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_first_failure_is_raised_and_stops_the_rest(workers: int) -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise ArtifactsRefused("the third")
        return item

    def items() -> Iterator[int]:
        yield from range(1000)

    before = set(threading.enumerate())
    with pytest.raises(ArtifactsRefused, match="the third"):
        in_parallel(work, items(), workers)
    # What was under way when it failed may still have run, and nothing after that.
    assert max(begun) <= 3 + 2 * (2 * workers)
    assert set(threading.enumerate()) <= before  # one of an earlier test may end meanwhile


def test_no_more_is_taken_from_the_queue_than_can_be_under_way() -> None:
    taken: list[int] = []
    seen: list[int] = []

    def items() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    def work(item: int) -> int:
        seen.append(len(taken) - item)
        return item

    in_parallel(work, items(), 2)
    assert max(seen) <= 2 * 2 + 2
