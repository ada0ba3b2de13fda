"""The one bounded cache: never over its limit, the least used forgotten first, and safe between threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from registry_core.vocabulary.bounded import Bounded

KEYS = "abcdef"


def remembered(cache: Bounded[str, int]) -> dict[str, int]:
    return {key: value for key in KEYS if (value := cache.get(key)) is not None}


def test_the_one_that_was_asked_for_longest_ago_is_forgotten() -> None:
    cache: Bounded[str, int] = Bounded(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert remembered(cache) == {"a": 1, "c": 3}


def test_a_value_that_is_put_again_takes_the_place_and_counts_once() -> None:
    cache: Bounded[str, int] = Bounded(10, weigh=lambda value: value)
    cache.put("a", 6)
    cache.put("b", 4)
    cache.put("a", 5)
    assert remembered(cache) == {"a": 5, "b": 4}
    cache.put("c", 1)
    assert remembered(cache) == {"a": 5, "b": 4, "c": 1}


def test_the_limit_itself_is_allowed_and_one_more_is_not() -> None:
    cache: Bounded[str, int] = Bounded(10, weigh=lambda value: value)
    cache.put("a", 10)
    assert remembered(cache) == {"a": 10}
    cache.put("b", 1)
    assert remembered(cache) == {"b": 1}


def test_what_is_over_the_limit_by_itself_drives_nothing_out() -> None:
    cache: Bounded[str, int] = Bounded(10, weigh=lambda value: value)
    cache.put("a", 3)
    cache.put("b", 4)
    cache.put("a", 11)
    assert remembered(cache) == {"b": 4}  # and the old value is not the answer for the new one


def test_what_is_forgotten_is_gone_with_its_weight() -> None:
    cache: Bounded[str, int] = Bounded(10, weigh=lambda value: value)
    cache.put("a", 6)
    assert (cache.forget("a"), cache.forget("a"), cache.get("a")) == (6, None, None)
    cache.put("b", 5)
    cache.put("c", 5)
    assert remembered(cache) == {"b": 5, "c": 5}


@given(
    limit=st.integers(0, 12),
    steps=st.lists(st.tuples(st.sampled_from(["get", "put", "forget"]), st.sampled_from(KEYS), st.integers(1, 8))),
)
def test_it_does_what_a_plain_list_would_do(limit: int, steps: list[tuple[str, str, int]]) -> None:
    cache: Bounded[str, int] = Bounded(limit, weigh=lambda value: value)
    known: list[tuple[str, int]] = []  # the least used first
    for step, key, value in steps:
        there = dict(known).get(key)
        if step == "put":
            cache.put(key, value)
        else:
            assert (cache.get(key) if step == "get" else cache.forget(key)) == there
        known = [pair for pair in known if pair[0] != key]
        if step == "get" and there is not None:
            known.append((key, there))
        elif step == "put" and value <= limit:
            known.append((key, value))
        while sum(weight for _, weight in known) > limit:
            known.pop(0)
    assert remembered(cache) == dict(known)


def test_of_many_threads_one_gets_what_is_forgotten_and_the_limit_holds() -> None:
    cache: Bounded[int, int] = Bounded(100)

    def work(thread: int) -> int:
        given = 0
        for n in range(2000):
            cache.put(n % 150, thread)
            cache.get(n % 70)
            given += cache.forget(-1) is not None
        return given

    cache.put(-1, 0)
    with ThreadPoolExecutor(8) as pool:
        given = sum(pool.map(work, range(8)))
    assert given == 1
    assert sum(cache.get(n) is not None for n in range(150)) == 100
