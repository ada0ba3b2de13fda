"""Each file is judged by all that it may be, within bounds, and nothing in it makes that fail."""

from __future__ import annotations

import random
import sys
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_core.packages.facts import safetensors as safetensors_format
from registry_core.packages.facts.bounds import FILE_BYTES, Left
from registry_core.packages.facts.file_bytes import Fetched, of_bytes
from registry_core.packages.facts.judge import judge
from registry_core.packages.facts.load import LOADS, FetchFailed, worst
from registry_core.vocabulary.facts import FileFacts

from .crafted import HONEST, SYSTEM
from .files import EVERY, npy, onnx, safetensors, torch, zipped

FILES = [(load, path) for load, files in EVERY.items() for path in files]
SEEDS = [data for files in EVERY.values() for data in files.values() if len(data) < 5000]


def judged(path: str, data: bytes) -> FileFacts:
    return judge(path, of_bytes(data), Left())


@pytest.mark.parametrize(("load", "path"), FILES)
def test_each_file_is_what_it_is(load: str, path: str) -> None:
    found = judged(path, EVERY[load][path])
    assert found.load == load
    assert (found.why is None) == (load in LOADS[:2])


def test_a_file_that_two_loaders_take_for_two_things_is_told_as_the_worse() -> None:
    whole = safetensors_format.judge(of_bytes(EVERY["code"]["both.safetensors"]))
    assert whole is not None
    assert whole.load == "none"


def test_the_worst_counts() -> None:
    assert [worst(LOADS[:count]) for count in range(5)] == ["none", *LOADS]


def test_what_looks_like_two_formats_is_the_worse_of_them() -> None:
    inside = {"a": {"dtype": "U8", "shape": [len(torch())], "data_offsets": [0, len(torch())]}}
    found = judged("model.safetensors", safetensors(inside, torch()))
    assert (found.load, found.format) == ("unreadable", "torch")
    hostile = torch(SYSTEM)
    inside = {"a": {"dtype": "U8", "shape": [len(hostile)], "data_offsets": [0, len(hostile)]}}
    assert judged("model.safetensors", safetensors(inside, hostile)).load == "code"


def test_a_read_that_fails_says_nothing_of_the_file() -> None:
    def fetch(start: int, length: int) -> bytes:
        raise OSError("the disk is away")

    with pytest.raises(FetchFailed) as failed:
        judge("x", Fetched(fetch, 100), Left())
    assert str(failed.value.error) == "the disk is away"
    with pytest.raises(FetchFailed):
        judge("x", Fetched(lambda start, length: b"", 100), Left())


def test_long_names_make_no_long_reasons() -> None:
    found = judged("x", b"c" + b"o" * 200 + b"." + b"x" * 3000 + b"\n" + b"y" * 4000 + b"\n.")
    assert found.load == "code"
    assert found.why is not None
    assert len(found.why) < 300


@pytest.mark.parametrize("size_bytes", [10 * 1024**3, 2**62])
def test_of_a_large_file_of_any_kind_little_is_read(size_bytes: int) -> None:
    heads = [b"", b"\x08", b"GGUF\x03\0\0\0", b"\x80\x04\x8e", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x93NUMPY\x01\0"]
    for head in [*heads, safetensors(), npy(), onnx(), *HONEST.values()]:
        data = Fetched(lambda start, length, head=head: head[start : start + length].ljust(length, b"\1"), size_bytes)
        assert judge("model", data, Left()).load in LOADS
        assert data.fetched_bytes < FILE_BYTES
    text = Fetched(lambda start, length: b"a" * length, size_bytes)
    assert judge("model.txt", text, Left()).load == "unreadable"
    assert text.fetched_bytes < 70 * 1024**2


def mutated(seed: int) -> Iterator[bytes]:
    """Files that were whole once: bits, bytes and lengths changed, cut, doubled, and put together of two."""
    chance = random.Random(seed)
    while True:
        data = bytearray(chance.choice(SEEDS))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data) + 1)
            match chance.randrange(5):
                case 0 if data:
                    data[at % len(data)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
                case 1:
                    del data[at : at + chance.randint(1, 20)]
                case 2:
                    data[at:at] = data[at : at + chance.randint(1, 50)]
                case 3:
                    data[at : at + 8] = chance.choice((2**63 - 1, 2**64 - 1, 2**31, 0)).to_bytes(8, "little")
                case _:
                    data[at:] = chance.choice(SEEDS)[at:]
        yield bytes(data)


def assert_none_fails(count: int, seed: int) -> None:
    files, modules = mutated(seed), set(sys.modules)
    names = ["model", "config.json", "model.npz"]
    for n in range(count):
        data = next(files)
        found = judged(names[n % 3], data)
        assert found.load in LOADS
        assert "reading it failed" not in (found.why or ""), data
    assert not {"antigravity", "webbrowser", "joblib", "torch"} & (set(sys.modules) - modules)


def test_no_mutated_file_breaks_a_reader() -> None:
    assert_none_fails(300, seed=1)


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_no_bytes_break_a_reader(data: bytes) -> None:
    for start in (
        b"",
        b"\x80\x04",
        b"GGUF\x03\0\0\0",
        b"PK\x03\x04",
        b"\x93NUMPY\x01\0",
        b"\x08\x08",
        b"\x02" + bytes(7) + b"{}",
    ):
        assert "reading it failed" not in (judged("config.json", start + data).why or "")


@pytest.mark.slow
def test_no_mutated_file_of_very_many_breaks_a_reader_and_memory_stays_flat() -> None:
    assert_none_fails(1000, seed=2)
    tracemalloc.start()
    try:
        assert_none_fails(1000, seed=3)
        before = tracemalloc.get_traced_memory()[0]
        assert_none_fails(4000, seed=4)
        assert tracemalloc.get_traced_memory()[0] < before + 256 * 1024
    finally:
        tracemalloc.stop()
    assert_none_fails(95_000, seed=5)


def test_what_breaks_a_reader_all_the_same_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise RecursionError

    monkeypatch.setattr("registry_core.packages.facts.gguf.judge", broken)
    found = judged("README.md", b"text")
    assert (found.load, found.why) == ("unreadable", "reading it failed (RecursionError)")
    assert judged("README.md", zipped({"a.py": b""})).load == "code"
