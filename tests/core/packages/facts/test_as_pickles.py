"""Whether loading a pickle runs code is told without loading it, however it puts its names together."""

from __future__ import annotations

import pickle
import tracemalloc
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_core.packages.facts.as_pickles import Pickles, read
from registry_core.packages.facts.bounds import PICKLE_OPCODES, Left
from registry_core.packages.facts.constructors import CONSTRUCTORS
from registry_core.packages.facts.file_bytes import Fetched, of_bytes
from registry_core.packages.facts.load import CODE, DATA_ONLY, UNREADABLE
from registry_core.packages.facts.stack_machine import Spent

from .crafted import HONEST, HOSTILE, LEGACY_TORCH, NO_PICKLES, SYSTEM

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner, inner, inner),
    max_leaves=10,
)


def pickles(data: bytes) -> Pickles:
    return read(of_bytes(data), 0, Spent(Left()))


@pytest.mark.parametrize("name", HOSTILE)
def test_what_runs_code_is_code(name: str) -> None:
    found = pickles(HOSTILE[name])
    assert (found.judged.load, found.has_reached) == (CODE, True)
    assert found.judged.why


@pytest.mark.parametrize("name", HONEST)
def test_plain_data_is_data_only(name: str) -> None:
    found = pickles(HONEST[name])
    assert (found.judged.load, found.judged.why, found.count) == (DATA_ONLY, None, 1)


def test_the_form_that_torch_had_before_archives_is_data_only() -> None:
    assert pickles(LEGACY_TORCH).judged.load == DATA_ONLY
    assert pickles(HONEST["numbers"] + LEGACY_TORCH[-16:]).judged.load == UNREADABLE  # of others nobody knows the rest


@pytest.mark.parametrize("name", NO_PICKLES)
def test_what_no_unpickler_follows_reaches_nothing(name: str) -> None:
    found = pickles(NO_PICKLES[name])
    assert (found.judged.load, found.has_reached, found.count) == (UNREADABLE, False, 0)


KINDS: list[Callable[[object], object]] = [
    lambda value: value,
    lambda value: OrderedDict(a=value),
    lambda value: defaultdict(list, a=deque([value])),
    lambda value: [Counter(a=1), {1}, frozenset([b""]), bytearray(b"x"), value, value],
]


@settings(max_examples=60)
@given(plain, st.sampled_from(KINDS), st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_whatever_python_writes_of_plain_values_is_data_only(
    value: object, kind: Callable[[object], object], protocol: int
) -> None:
    assert pickles(pickle.dumps(kind(value), protocol)).judged.load == DATA_ONLY


@settings(max_examples=20)
@given(st.sampled_from([*HONEST.values()]), st.integers(0, 5))
def test_a_global_behind_honest_values_is_found_in_any_protocol(honest: bytes, protocol: int) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, ...]:
            return eval, ("0",)

    assert pickles(honest + pickle.dumps([1, {"a": Hostile()}], protocol)).judged.load == CODE


def test_every_name_of_the_short_list_has_its_reason_and_is_no_other_name_of_python_2() -> None:
    import _compat_pickle

    assert all(CONSTRUCTORS.values())
    forbidden = ("operator", "functools", "types", "joblib", "os", "importlib")
    assert not [name for module, name in CONSTRUCTORS if module.partition(".")[0] in forbidden]
    assert ("torch.storage", "_load_from_bytes") not in CONSTRUCTORS
    assert not CONSTRUCTORS.keys() & _compat_pickle.NAME_MAPPING.keys()
    renamed = {module for module, _ in CONSTRUCTORS} & _compat_pickle.IMPORT_MAPPING.keys()
    assert renamed == {"__builtin__"}


def test_no_more_opcodes_are_followed_than_the_bound() -> None:
    endless = pickles(b"N0" * PICKLE_OPCODES)
    assert (endless.judged.load, endless.has_reached) == (UNREADABLE, True), "nobody knows what comes behind them"
    assert pickles(SYSTEM + b"N0" * PICKLE_OPCODES).judged.load == CODE
    spent = Spent(Left(opcodes=5))
    assert not read(of_bytes(b"N0" * 10 + b"words"), 0, spent).has_reached, "almost all files are no pickle"
    assert read(of_bytes(b"N0" * 100), 0, spent).has_reached


def test_what_is_stepped_over_is_not_read() -> None:
    large = 64 * 1024**3
    head, tail = b"\x80\x04\x8e" + large.to_bytes(8, "little"), SYSTEM

    def fetch(start: int, length: int) -> bytes:
        assert not len(head) + 300_000 < start + length < len(head) + large, "inside of what is skipped"
        data = bytearray(length)
        for at, part in ((0, head), (len(head) + large, tail)):
            for offset, byte in enumerate(part):
                if 0 <= at + offset - start < length:
                    data[at + offset - start] = byte
        return bytes(data)

    data = Fetched(fetch, len(head) + large + len(tail))
    assert read(data, 0, Spent(Left())).judged.load == CODE
    assert data.fetched_bytes < 100_000


def test_memory_does_not_grow_with_what_a_pickle_copies() -> None:
    bomb = b"\x80\x04" + b"(" + b"N" * 5 + b"t" + b"2\x86" * 20_000 + b"."
    tracemalloc.start()
    try:
        assert pickles(bomb).judged.load == DATA_ONLY
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024 * 1024
    finally:
        tracemalloc.stop()
