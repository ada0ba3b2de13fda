"""One file, read as everything that it may be: whoever loads it chooses as what."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...vocabulary.facts import FileFacts
from . import archives, as_pickles, binaries, gguf, npy, onnx, safetensors, texts
from .bounds import Left
from .file_bytes import FileBytes
from .load import CODE, DATA_ONLY, LOADS, UNREADABLE, FetchFailed, Judged, Odd
from .names import suffix_of_code
from .stack_machine import Spent

BINARY = "binary"
_LONGEST_WHY = 200


def judge(path: str, data: FileBytes, left: Left) -> FileFacts:
    """What the bytes say of the file; reads a bounded part of it, and runs nothing. Raises ``FetchFailed`` alone."""
    found = _guarded(lambda: _judge(path, data, Spent(left)))
    assert found is not None
    why = found.why if found.why is None or len(found.why) <= _LONGEST_WHY else found.why[:_LONGEST_WHY] + "..."
    return FileFacts(path, found.format, found.load, why)


def _judge(path: str, data: FileBytes, spent: Spent) -> Judged:
    suffix = suffix_of_code(path)
    if suffix is not None:
        return Judged("code", CODE, f"files that end in {suffix} are run")
    pickled = as_pickles.read(data, 0, spent)
    if pickled.judged.load == CODE:
        return pickled.judged
    seen = list(_formats(path, data, spent))
    is_whole = pickled.judged.load == DATA_ONLY
    if pickled.has_reached or is_whole or (pickled.count and not seen):
        seen.append(pickled.judged)
    if not seen:
        return Judged(BINARY, UNREADABLE, "it is of no format that is read")
    return max(seen, key=lambda one: LOADS.index(one.load))


def _formats(path: str, data: FileBytes, spent: Spent) -> Iterator[Judged]:
    """The file as each format that it may be of; where one of them cannot be told, it is unreadable as that."""
    readers: tuple[Callable[[], Judged | None], ...] = (
        lambda: safetensors.judge(data),
        lambda: gguf.judge(data),
        lambda: npy.judge(data, spent),
        lambda: onnx.judge(data),
        lambda: archives.judge(data, spent, lambda name, part: _judge_member(name, part, spent)),
        lambda: binaries.hdf5(data),
        lambda: binaries.rds(data),
        lambda: texts.judge(path, data),
    )
    for read in readers:
        found = _guarded(read)
        if found is not None:
            yield found


def _guarded(read: Callable[[], Judged | None]) -> Judged | None:
    """What the reader says; whatever breaks it but a read that fails is a fact about the file."""
    try:
        return read()
    except FetchFailed:
        raise
    except Odd as odd:
        return Judged(BINARY, UNREADABLE, odd.args[0])
    except Exception as error:  # noqa: BLE001 - such as of too little memory
        return Judged(BINARY, UNREADABLE, f"reading it failed ({type(error).__name__})")


def _judge_member(name: str, data: FileBytes, spent: Spent) -> Judged:
    """As a file of its own; an archive within one is not read."""
    suffix = suffix_of_code(name)
    if suffix is not None:
        return Judged("code", CODE, f"files that end in {suffix} are run")
    pickled = as_pickles.read(data, 0, spent)
    if pickled.has_reached:
        return pickled.judged
    found = texts.judge(name, data) or binaries.hdf5(data)
    return found or Judged(BINARY, UNREADABLE, "a member is of no format that is read")
