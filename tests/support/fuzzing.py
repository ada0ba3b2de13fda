"""What the fuzzers share: bytes that are nearly what was written, and how long `make soak` lets each go on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

SOAK_S = float(os.environ.get("MODEL_REGISTRY_SOAK_S", "300"))

# Where JSON and manifests end, begin, repeat and turn into something else.
_PIECES = [
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b",",
        b":",
        b"\n",
        b"\r",
        b"\0",
        b"\\",
        b"  ",
        b"/",
        b"..",
        b"\xff",
        b"\xef\xbb\xbf",
    ),
    *(
        b"null",
        b"true",
        b"NaN",
        b"1e999",
        b"-1",
        b"0",
        b"9" * 30,
        b"1" * 5000,
        b'"\\ud800"',
        b'"\\u0000"',
        b"{}",
        b"[]",
    ),
    *(b'"seq":', b'"version":', b'"alias":', b'"event":"register"', b'"prev":""', b'"set":[]', b"[" * 2000),
]
_places = st.floats(0, 1)
_edits = st.lists(
    st.one_of(
        st.tuples(st.just("cut"), _places, st.integers(1, 60)),
        st.tuples(st.just("put"), _places, st.sampled_from(_PIECES) | st.binary(max_size=8)),
        st.tuples(st.just("over"), _places, st.sampled_from(_PIECES) | st.binary(min_size=1, max_size=8)),
        st.tuples(st.just("copy"), _places, _places),
    ),
    min_size=1,
    max_size=4,
)


def nearly(real: bytes) -> st.SearchStrategy[bytes]:
    """The bytes after a few edits, or any others."""
    return st.one_of(_edits.map(lambda edits: _edited(real, edits)), st.binary(max_size=200))


def _edited(data: bytes, edits: list[tuple[str, float, object]]) -> bytes:
    for kind, place, what in edits:
        at = int(place * len(data))
        if isinstance(what, bytes):
            data = data[:at] + what + data[at + (len(what) if kind == "over" else 0) :]
        elif isinstance(what, int):
            data = data[:at] + data[at + what :]
        elif isinstance(what, float):
            data = data[:at] + data[int(what * len(data)) :]
    return data


def short(examples: int) -> settings:
    """For `make test`. The examples share one registry, of which each replaces a file."""
    return settings(max_examples=examples, suppress_health_check=list(HealthCheck))


def long() -> settings:
    """One round of a soak: other examples each time."""
    return settings(short(300), derandomize=False)


def for_the_time_of_a_soak(once: Callable[[], None]) -> None:
    """Again and again, until the time is up."""
    until = time.monotonic() + SOAK_S
    while time.monotonic() < until:
        once()
