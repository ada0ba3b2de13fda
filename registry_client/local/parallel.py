"""Several transfers at once; when one fails, the others end soon."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")


class Cancelled(Exception):
    """Another transfer of the same call has failed, so this one is not wanted any more."""


def each(work: Callable[[T, Callable[[], None]], None], items: Iterable[T], workers: int) -> None:
    """``work(item, stop)`` of every item, ``workers`` at a time; the first failure is raised when all have ended.

    ``stop`` raises as soon as another item has failed, or the caller was interrupted: call it often.
    """
    failed = threading.Event()

    def stop() -> None:
        if failed.is_set():
            raise Cancelled

    def run(item: T) -> None:
        stop()
        try:
            work(item, stop)
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="transfer") as pool:
        futures = [pool.submit(run, item) for item in items]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        except BaseException:
            failed.set()
            raise
        wait(futures)
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, Cancelled)):
        raise error
