"""The end of a log on a filesystem, found from behind: its number is what counting all lines would give.

And a log that is searched more than once: it is opened once, and each search finds what it would find by itself.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.storage.contract import Documents, Naming, PreconditionFailed
from registry_core.storage.filesystem import documents as documents_module
from registry_core.storage.filesystem import log_index, logfile
from registry_core.storage.filesystem.beneath import Place
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


# searched

RECORDS = 300
NAMING = Naming("1", lambda raw: [f"rest {json.loads(raw)['rest']}".encode()])


@pytest.fixture(params=[10**9, 2048], ids=["read", "looked up"])
def root(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log that is short enough to be read as a whole, or one with an index of many segments."""
    for module in (documents_module, logfile, log_index):
        monkeypatch.setattr(module, "UNIT_BYTES", request.param)
    documents = FilesystemStorage(tmp_path).documents
    for seq in range(1, RECORDS + 1):
        append(documents, seq)
        documents.index(LOG, NAMING)
    return tmp_path


def append(documents: Documents, seq: int) -> None:
    documents.append(LOG, json.dumps({"seq": seq, "prev": "p", "rest": seq % 7, "pad": "x" * 40}).encode(), seq)


def expected(rest: int) -> list[int]:
    return [seq for seq in range(RECORDS, 0, -1) if seq % 7 == rest]


def seqs(found: Iterator[tuple[int, bytes]]) -> list[int]:
    return [seq for seq, _ in found]


def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the files that are opened from now on."""
    keys: list[str] = []
    real = Place.open

    def opening(place: Place, *arguments: int) -> int:
        keys.append(place.key)
        return real(place, *arguments)

    monkeypatch.setattr(Place, "open", opening)
    return keys


def test_it_is_opened_once_however_much_is_asked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = opened(monkeypatch)
    segments: list[str] = []
    real = log_index.open_file
    monkeypatch.setattr(log_index, "open_file", lambda name, *more: segments.append(name) or real(name, *more))
    with FilesystemStorage(root).documents.searching(LOG) as search:
        assert [seqs(search.named(b"rest %d" % rest, [b'"rest"'], NAMING)) for rest in range(7)] == [
            expected(rest) for rest in range(7)
        ]
        assert search.newest(b"rest 3", [b'"rest"'], NAMING)[1] is not None
    assert keys == [LOG]
    assert len(segments) == len(set(segments)), "and so is each segment of its index"


def test_searches_that_go_on_side_by_side_are_not_in_each_others_way(root: Path) -> None:
    with FilesystemStorage(root).documents.searching(LOG) as search:
        both = [search.named(b"rest %d" % rest, [b'"rest"'], NAMING, before=200) for rest in (1, 2)]
        pairs = list(zip(*map(seqs, both), strict=True))
    assert pairs == list(zip(*[[seq for seq in expected(rest) if seq < 200] for rest in (1, 2)], strict=True))


def test_a_segment_that_turns_out_to_be_damaged_meanwhile_is_done_without(root: Path) -> None:
    """Whoever has begun to read it goes on, and whoever asks next gets a right answer too."""
    documents = FilesystemStorage(root).documents
    with documents.searching(LOG) as search:
        begun = search.named(b"rest 1", [b'"rest"'], NAMING)
        first = next(begun)[0]
        for segment in (root / "home").glob(".index/*"):
            data = bytearray(segment.read_bytes())
            data[log_index._HEAD.size + 5 :: log_index._PAGE_BYTES] = bytes(
                one ^ 1 for one in data[log_index._HEAD.size + 5 :: log_index._PAGE_BYTES]
            )
            segment.chmod(0o644)
            segment.write_bytes(data)
        assert [seqs(search.named(b"rest %d" % rest, [b'"rest"'], NAMING)) for rest in range(7)] == [
            expected(rest) for rest in range(7)
        ]
        assert [first, *seqs(begun)] == expected(1)


def test_it_is_the_log_as_it_was_when_it_was_searched_first(root: Path) -> None:
    documents = FilesystemStorage(root).documents
    with documents.searching(LOG) as search:
        assert search.newest(b"rest 0", [b'"rest"'], NAMING)[0] == RECORDS
        append(documents, RECORDS + 1)
        assert seqs(search.named(b"rest %d" % ((RECORDS + 1) % 7), [b'"rest"'], NAMING)) == expected((RECORDS + 1) % 7)
    with documents.searching(LOG) as search:
        assert search.newest(b"rest %d" % ((RECORDS + 1) % 7), [b'"rest"'], NAMING)[1] is not None


def test_where_there_is_no_log_nothing_is_found(tmp_path: Path) -> None:
    with FilesystemStorage(tmp_path).documents.searching(LOG) as search:
        assert list(search.named(b"rest 0", [], NAMING)) == []
        assert search.newest(b"rest 0", [], NAMING) == (0, None)


def test_what_fails_while_it_is_open_is_told_as_what_it_is(root: Path) -> None:
    with pytest.raises(FileNotFoundError), FilesystemStorage(root).documents.searching(LOG):
        raise FileNotFoundError
