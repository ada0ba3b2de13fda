"""The index of a log on a filesystem: whatever becomes of it, what is found is what reading all would find."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from registry_core.storage.contract import Documents, Naming
from registry_core.storage.filesystem import documents as documents_module
from registry_core.storage.filesystem import log_index, logfile
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.documents import MemoryDocuments

from ....support.machine import remove_tree

LOG = "home/audit/log.jsonl"
RECORDS = 400
NAMES = [f"n{number}" for number in range(40)]


def names_of(raw: bytes) -> list[bytes]:
    try:
        fields = json.loads(raw)
    except ValueError:
        return []
    return [name.encode() for name in fields.get("names", ())] if isinstance(fields, dict) else []


NAMING = Naming("1", names_of)


def record(seq: int, draw: random.Random, *, is_own: bool = True) -> bytes:
    """Every record has the name ``all``, one has ``first``; few have the later of the others."""
    names = ["all", *draw.sample(NAMES[: 1 + draw.randrange(40)], 1), *(["first"] if seq == 1 else [])]
    own = {"seq": seq, "prev": "sha256:0"} if is_own else {}
    return json.dumps({**own, "names": names, "pad": "x" * draw.randrange(300)}).encode()


def documents(root: Path) -> Documents:
    """As another process has them."""
    return FilesystemStorage(root).documents


def found_of(
    here: Documents, name: bytes, held: bytes, naming: Naming = NAMING, before: int | None = None
) -> list[tuple[int, bytes]]:
    """What one search by itself finds."""
    with here.searching(LOG) as search:
        return list(search.named(name, [held], naming, before))


def go_on(root: Path, count: int, *, seed: int = 1, has_index: bool = True, is_own: bool = True) -> None:
    """That many records more."""
    here = documents(root)
    draw = random.Random(seed)
    last = here.last(LOG)
    for seq in range((last[0] if last else 0) + 1, (last[0] if last else 0) + count + 1):
        here.append(LOG, record(seq, draw, is_own=is_own), seq)
        if has_index:
            here.index(LOG, NAMING)


def segments(root: Path) -> list[Path]:
    return sorted((root / "home" / ".index").iterdir())


def assert_right(root: Path) -> None:
    """Every question is answered as by reading all lines of the file."""
    here = documents(root)
    data = (root / LOG).read_bytes()
    lines = list(enumerate(data[: data.rindex(b"\n") + 1].splitlines(), start=1))  # what is torn is none
    named = [(seq, raw, names_of(raw)) for seq, raw in reversed(lines)]
    for name in [*NAMES, "all", "first", "none"]:
        held, wanted = json.dumps(name).encode(), name.encode()
        expected = [(seq, raw) for seq, raw, names in named if wanted in names]
        assert found_of(here, wanted, held) == expected, name
        middle = len(lines) // 2
        before = [one for one in expected if one[0] < middle]
        assert found_of(here, wanted, held, NAMING, middle) == before, name
        newest = expected[0] if expected else None
        with documents(root).searching(LOG) as search:
            assert next(search.named(wanted, [held], NAMING), None) == newest
        last = here.last(LOG)
        with documents(root).searching(LOG) as search:
            assert search.newest(wanted, [held], NAMING) == (last[0] if last else 0, newest)
            assert search.newest(wanted, [held], NAMING)[1] == newest
    for after in (0, 1, len(lines) // 3, len(lines) - 1, len(lines), len(lines) + 5):
        assert list(here.records(LOG, after)) == lines[after:]
        assert here.record(LOG, after + 1) == dict(lines).get(after + 1)


@pytest.fixture(autouse=True)
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few records have many segments."""
    for module in (documents_module, logfile, log_index):
        monkeypatch.setattr(module, "UNIT_BYTES", 2048)
    monkeypatch.setattr(log_index, "_AT_ONCE_BYTES", 5000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    go_on(tmp_path, RECORDS)
    return tmp_path


def test_what_is_found_is_what_is_there(root: Path) -> None:
    assert_right(root)
    sizes = [int(end) - int(start) for start, end, _ in (path.name.split("-") for path in segments(root))]
    assert len(sizes) <= 10, "they are merged"
    assert (root / LOG).stat().st_size - sum(sizes) < 4096, "all but the end is covered"


def test_a_record_has_many_names_and_a_name_many_records(tmp_path: Path) -> None:
    """Pages full of one name, and names that lie at the edges of pages."""
    here = documents(tmp_path)
    for seq in range(1, 900):
        own = {"seq": seq, "prev": "p", "names": ["all", f"every-{seq % 7}", f"only-{seq}"]}
        here.append(LOG, json.dumps(own).encode(), seq)
        here.index(LOG, NAMING)
    for seq in range(1, 900):
        name = f"only-{seq}".encode()
        assert [found for found, _ in found_of(here, name, name)] == [seq]
    for rest in range(7):
        name = f"every-{rest}".encode()
        expected = [seq for seq in range(899, 0, -1) if seq % 7 == rest]
        assert [found for found, _ in found_of(here, name, name)] == expected
        assert [found for found, _ in found_of(here, name, name, NAMING, 450)] == [n for n in expected if n < 450]


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 0x10
    path.write_bytes(data)


def _other(root: Path) -> Path:
    other = root / "another"
    other.mkdir()
    go_on(other, RECORDS, seed=2)
    return other


def _exchange(root: Path, *, keeps_names: bool) -> None:
    ours, theirs = segments(root), segments(_other(root))
    for mine, foreign in zip(ours, theirs, strict=False):
        shutil.copy(foreign, mine if keeps_names else mine.with_name(foreign.name))
        if not keeps_names:
            mine.unlink()


HARM: dict[str, Callable[[Path], object]] = {
    "deleted": lambda root: remove_tree(root / "home" / ".index"),
    "emptied": lambda root: [path.write_bytes(b"") for path in segments(root)],
    "the first one deleted": lambda root: segments(root)[0].unlink(),
    "one in the middle deleted": lambda root: segments(root)[1].unlink(),
    "truncated": lambda root: [os.truncate(path, path.stat().st_size // 2) for path in segments(root)],
    "truncated at a page": lambda root: [os.truncate(path, log_index._PAGE_BYTES) for path in segments(root)],
    "zeros": lambda root: [path.write_bytes(bytes(path.stat().st_size)) for path in segments(root)],
    "its first byte flipped": lambda root: [_flip(path, 0) for path in segments(root)],
    "the number of entries flipped": lambda root: [_flip(path, 47) for path in segments(root)],
    "an entry flipped": lambda root: [_flip(path, 400) for path in segments(root)],
    "its last byte flipped": lambda root: [_flip(path, -1) for path in segments(root)],
    "another log's": lambda root: _exchange(root, keeps_names=False),
    "another log's under our names": lambda root: _exchange(root, keeps_names=True),
    "directories": lambda root: [(path.unlink(), path.mkdir()) for path in segments(root)],
    "links": lambda root: [
        (path.rename(root / path.name), path.symlink_to(root / path.name)) for path in segments(root)
    ],
    "names that mean nothing": lambda root: [
        (root / "home/.index" / name).write_bytes(b"x") for name in ("0-9", "0-0-" + "0" * 64, "9-1-" + "a" * 64, "é")
    ],
    "a file in its place": lambda root: (remove_tree(root / "home/.index"), (root / "home/.index").write_bytes(b"x")),
    "written by software that does not know it": lambda root: go_on(root, 50, has_index=False),
    "lines of older software": lambda root: go_on(root, 50, has_index=False, is_own=False),
    "a torn line": lambda root: (root / LOG).open("ab").write(b'{"seq": 401, "na'),
    "the log truncated": lambda root: os.truncate(root / LOG, (root / LOG).stat().st_size // 2),
}


@pytest.mark.parametrize("harm", HARM)
def test_whatever_becomes_of_it_no_answer_is_wrong(root: Path, harm: str) -> None:
    HARM[harm](root)
    assert_right(root)
    go_on(root, 30, seed=5)
    assert_right(root)


@pytest.mark.parametrize("page", range(4))
def test_a_page_that_is_damaged_is_found_and_mended(root: Path, page: int) -> None:
    largest = max(segments(root), key=lambda path: path.stat().st_size)
    _flip(largest, page * log_index._PAGE_BYTES + 700)
    assert_right(root)
    here = documents(root)
    for name in NAMES:  # whoever comes upon it mends it with its next change
        found_of(here, name.encode(), name.encode())
    found_of(here, b"all", b"all")
    draw = random.Random(9)
    last = here.last(LOG)
    assert last is not None
    here.append(LOG, record(last[0] + 1, draw), last[0] + 1)
    here.index(LOG, NAMING)
    assert_right(root)
    for path in segments(root):
        start, end, _ = path.name.split("-")
        with path.open("rb") as file:
            list(log_index.Segment(int(start), int(end), path.name, file.fileno(), set()).all())


def test_a_log_that_was_put_back_as_it_was_before_is_not_found_as_it_came_to_be(root: Path) -> None:
    lines = (root / LOG).read_bytes().splitlines(keepends=True)
    for kept in (50, 200, 399):
        (root / LOG).write_bytes(b"".join(lines[:kept]))
        assert_right(root)
        go_on(root, 150, seed=kept, has_index=False)  # otherwise than it went on
        assert_right(root)
        go_on(root, 150, seed=kept)
        assert_right(root)


def test_other_names_are_another_form(root: Path) -> None:
    def more(raw: bytes) -> list[bytes]:
        return [*names_of(raw), b"new"]

    here = documents(root)
    new = Naming("2", more)
    assert len(found_of(here, b"new", b"{", new)) == RECORDS
    here.index(LOG, new)
    assert len(found_of(documents(root), b"new", b"{", new)) == RECORDS
    assert_right(root)


def _index(root: str) -> None:
    log_index.UNIT_BYTES = 2048
    for _ in range(20):
        documents(Path(root)).index(LOG, NAMING)


def test_two_processes_that_write_it_at_once_do_no_harm(root: Path) -> None:
    remove_tree(root / "home" / ".index")
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(_index, [str(root)] * 2))
    assert_right(root)
    assert all(not path.name.endswith(".new") for path in segments(root))


def test_readers_write_nothing_and_a_root_that_cannot_be_written_to_is_read(root: Path) -> None:
    remove_tree(root / "home" / ".index")
    before = hashlib.sha256(b"".join(sorted(str(path).encode() for path in root.rglob("*")))).digest()
    assert_right(root)
    assert hashlib.sha256(b"".join(sorted(str(path).encode() for path in root.rglob("*")))).digest() == before


def test_a_log_without_an_index_is_searched_all_the_same() -> None:
    """As every storage without one does."""
    assert MemoryDocuments.searching is Documents.searching
    assert MemoryDocuments.index is Documents.index
