"""The end of a log on a filesystem, found from behind: its number is what counting all lines would give."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.storage.contract import PreconditionFailed
from registry_core.storage.filesystem import logfile
from registry_core.storage.filesystem.tree import FilesystemStorage

LOG = "home/audit/log.jsonl"


def own(seq: int) -> bytes:
    return json.dumps({"seq": seq, "event": "tag", "prev": "sha256:0"}).encode()


def written(top: Path, *lines: bytes) -> FilesystemStorage:
    storage = FilesystemStorage(top)
    (top / LOG).parent.mkdir(parents=True)
    (top / LOG).write_bytes(b"".join(line + b"\n" for line in lines))
    return storage


@given(st.lists(st.binary(max_size=6), max_size=30), st.booleans(), st.integers(1, 9))
def test_lines_are_read_backwards_as_they_are_read_forwards(lines: list[bytes], is_closed: bool, step: int) -> None:
    data = b"\n".join(line.replace(b"\n", b"") for line in lines) + (b"\n" if is_closed else b"")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logfile, "_STEP_BYTES", step)
        found = list(logfile.lines_before(io.BytesIO(data), len(data)))

    assert [line for _, line in reversed(found)] == io.BytesIO(data).readlines()
    assert all(data[at : at + len(line)] == line for at, line in found)


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ([own(1), own(2)], 2),
        ([own(1), own(2), b'{"alias":"a"}', b'{"alias":"b"}'], 4),  # older software's behind ours
        ([b'{"alias":"a"}', b'{"alias":"b"}'], 2),  # nothing but older software's
        ([own(1), own(2), b'{"n":2}', b""], 4),
        ([own(1), b'{"seq": 7, "alias": "a"}'], 2),  # a number without a place in the chain is none
        ([own(1), b'"prev" is no object'], 2),
        ([own(1), own(9_000_000)], 2),  # more lines than the file has bytes
        ([b"", b"", b"", own(4), own(5)], 5),  # lost events
    ],
)
def test_the_end_is_found_without_counting(tmp_path: Path, lines: list[bytes], number: int) -> None:
    documents = written(tmp_path, *lines).documents
    assert documents.last(LOG) == (number, lines[-1])
    for wrong in (number, number + 2):
        with pytest.raises(PreconditionFailed):
            documents.append(LOG, own(wrong), wrong)
    documents.append(LOG, own(number + 1), number + 1)
    assert documents.last(LOG) == (number + 1, own(number + 1))


def test_what_a_crash_left_of_a_line_has_no_number(tmp_path: Path) -> None:
    documents = written(tmp_path, own(1), own(2)).documents
    with (tmp_path / LOG).open("ab") as file:
        file.write(own(3)[:20])
    assert documents.last(LOG) == (2, own(2))
    documents.append(LOG, own(3), 3)
    assert [seq for seq, _ in documents.records(LOG)] == [1, 2, 3]
