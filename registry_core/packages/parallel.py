"""The same work for many things, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


R = TypeVar("R")


def in_parallel(work: Callable[[T], R], items: Iterable[T], workers: int) -> list[R]:
    """``work`` of every item, in order, ``workers`` at a time; the first failure stops the rest.

    At most ``2 * workers`` items are under way, so that the queue stays short.
    """
    if workers <= 1:
        return [work(item) for item in items]
    results: dict[int, R] = {}
    numbered = enumerate(items)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        running = {pool.submit(work, item): n for n, item in islice(numbered, 2 * workers)}
        try:
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    results[running.pop(future)] = future.result()
                for n, item in islice(numbered, len(done)):
                    running[pool.submit(work, item)] = n
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [results[n] for n in range(len(results))]
