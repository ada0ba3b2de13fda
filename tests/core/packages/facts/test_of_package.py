"""A package is as bad as the worst of its files, and its event says which those are, shortly."""

from __future__ import annotations

import json

import pytest

from registry_core.packages.facts.of_package import EXTRACTOR, MOST_REASONS, PackageFacts, read
from registry_core.vocabulary.errors import StorageUnavailable
from registry_core.vocabulary.texts import encode

from .crafted import HONEST, SYSTEM
from .files import safetensors


def facts(files: dict[str, bytes], workers: int = 1) -> PackageFacts:
    sizes = {path: len(data) for path, data in files.items()}
    return read(sizes, lambda path, start, length: files[path][start : start + length], workers)


FILES = {"b.safetensors": safetensors(), "a.safetensors": safetensors(), "x.pkl": HONEST["numbers"], "README.md": b"x"}


@pytest.mark.parametrize("workers", [1, 4])
def test_an_event_says_how_many_there_are_of_each_format_and_the_worst(workers: int) -> None:
    found = facts(FILES, workers)
    assert [one.path for one in found.files] == sorted(FILES)
    formats = {"pickle": 1, "safetensors": 2, "text": 1}
    assert found.summary() == {"extractor": EXTRACTOR, "load": "data_only", "formats": formats}
    assert facts({}).summary() == {"extractor": EXTRACTOR, "load": "none", "formats": {}}


def test_an_event_says_what_makes_it_the_worst() -> None:
    files = {**FILES, "notes.txt": SYSTEM, "other.bin": b"\0", "deep/run.py": b""}
    assert facts(files).summary()["because"] == [
        {"path": "deep/run.py", "format": "code", "why": "files that end in .py are run"},
        {"path": "notes.txt", "format": "pickle", "why": "read as a pickle from byte 0 on, it imports os.system"},
    ]


def test_an_event_stays_small_and_can_be_written() -> None:
    files = {
        f"{n:04}" + "\udcff\x1b\U0010ffff" * 300: b"c" + b"o" * 250 + b"\n" + b"\x01" * 3000 + b"\n" for n in range(50)
    }
    event = facts(files).summary()
    assert event["load"] == "code"
    assert len(event["because"]) == MOST_REASONS
    line = encode(event)
    assert len(line) < 40_000
    assert json.loads(line) == event


def test_what_cannot_be_got_is_the_storages_own_error() -> None:
    def fetch(path: str, start: int, length: int) -> bytes:
        raise StorageUnavailable("away")

    with pytest.raises(StorageUnavailable, match="away"):
        read({"a": 5}, fetch, 2)
