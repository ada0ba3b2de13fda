"""The storage contract as a test suite: every rule of documents, packages and the whole, for every backend.

A backend's class gives ``opener``: each call opens its one root anew, as another replica would.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

import pytest

from registry_core import InvalidName, LockTimeout, StorageUnavailable
from registry_core.storage.contract import ABSENT, ANY, Entry, Facts, KeyNotFound, Match, PreconditionFailed, Storage
from registry_core.storage.packages import read_all
from registry_core.vocabulary.artifact import Artifact

from .lines import Lines
from .racing import Race, race_in_processes, race_in_threads

Opener = Callable[[], Storage]

MODEL = "tasks/t/models/m"
VERSIONS = f"{MODEL}/versions"
PACKAGE = f"{VERSIONS}/1.0"
GRAVE = f"{MODEL}/deleted/1.0/package"
LOG = f"{MODEL}/audit/promotions.jsonl"
FACTS = Facts(7, "sha256:" + "0" * 64)
STRANGE = [
    "a b",
    "ü 日本",
    "100%",
    "%41",
    "x#1?",
    "~t",
    "[1]{a}",
    "*",
    '"q"',
    "<x>|^`",
    "a&b+c=d;e",
    "ends ",
    "..x",
    "'@!$",
]


@dataclass(frozen=True)
class Bytes:
    """A source of these bytes."""

    data: bytes

    def pour(self, sink: BinaryIO) -> tuple[str, int]:
        for start in range(0, len(self.data), 512 * 1024):
            sink.write(memoryview(self.data)[start : start + 512 * 1024])
        return hashlib.sha256(self.data).hexdigest(), len(self.data)


class Broken(Exception):
    """What a caller raises."""


@dataclass(frozen=True)
class Breaking:
    """A source that fails in the middle, with an error of its own or one that a storage might raise."""

    error: Exception

    def pour(self, sink: BinaryIO) -> tuple[str, int]:
        sink.write(memoryview(b"half"))
        raise self.error


def publish(
    storage: Storage, package: str = PACKAGE, files: dict[str, bytes] | None = None, facts: Facts = FACTS
) -> str:
    """A published package; returns the attempt's name."""
    with storage.packages.stage(package) as staging:
        for path, data in (files or {"model.pt": b"weights", "deep/er/map.json": b"{}", "empty": b""}).items():
            staging.add(path, Bytes(data))
        staging.seal()
        staging.reserve()
        staging.publish(facts)
    return staging.attempt


def abandon(storage: Storage, package: str = PACKAGE, data: bytes = b"left") -> str:
    """An attempt as a crash leaves it: there, and held by nobody."""
    with storage.packages.stage(package) as staging:
        staging.add("file", Bytes(data))
        staging.seal()
        staging.keep()
    return staging.attempt


def content(storage: Storage, package: str, path: str, start: int = 0, length: int | None = None) -> bytes:
    with storage.packages.open(package, path, start, length) as reader:
        parts = []
        while part := reader.read(3):
            parts.append(part)
    return b"".join(parts)


def names(entries: Iterator[Entry]) -> list[tuple[str, str]]:
    return [(entry.key, entry.kind) for entry in entries]


class StorageContract(Lines):
    """Subclass with the fixture ``opener``. ``crosses_processes``: another process can open the root too.

    ``has_locks``: a lock keeps others out; else only conditional writes do.
    """

    crosses_processes = True
    has_locks = True

    @pytest.fixture
    def opener(self) -> Opener:
        raise NotImplementedError

    @pytest.fixture
    def storage(self, opener: Opener) -> Storage:
        return opener()

    # documents

    def test_what_was_never_written_is_not_found(self, storage: Storage) -> None:
        with pytest.raises(KeyNotFound):
            storage.documents.read("a/b")

    @pytest.mark.parametrize("data", [b"", b"{}", bytes(range(256)), b"x" * 1024 * 1024])
    def test_a_document_is_read_as_it_was_written_by_anyone(self, opener: Opener, data: bytes) -> None:
        written = opener().documents.write("a/b.json", data)
        found = opener().documents.read("a/b.json")
        assert (found.data, found.etag) == (data, written.etag)

    def test_a_private_document_is_one_like_any_other_to_its_owner(self, opener: Opener) -> None:
        opener().documents.write("a/b.json", b"1", is_private=True)
        assert opener().documents.read("a/b.json").data == b"1"

    def test_an_etag_names_its_bytes(self, storage: Storage) -> None:
        first = storage.documents.write("a", b"1")
        second = storage.documents.write("a", b"2")
        assert first.etag
        assert second.etag
        assert first.etag != second.etag

    def test_any_overwrites(self, storage: Storage) -> None:
        storage.documents.write("a", b"1", ANY)
        storage.documents.write("a", b"2", ANY)
        assert storage.documents.read("a").data == b"2"

    def test_absent_is_won_once(self, opener: Opener) -> None:
        opener().documents.write("a", b"1", ABSENT)
        with pytest.raises(PreconditionFailed):
            opener().documents.write("a", b"2", ABSENT)
        assert opener().documents.read("a").data == b"1"

    def test_what_was_deleted_is_absent_again(self, storage: Storage) -> None:
        storage.documents.write("a", b"1", ABSENT)
        storage.documents.delete("a")
        storage.documents.write("a", b"2", ABSENT)
        assert storage.documents.read("a").data == b"2"

    def test_a_match_writes_over_what_it_names(self, opener: Opener) -> None:
        first = opener().documents.write("a", b"1")
        second = opener().documents.write("a", b"2", Match(first.etag))
        opener().documents.write("a", b"3", Match(second.etag))
        assert opener().documents.read("a").data == b"3"

    def test_a_stale_match_fails_and_changes_nothing(self, opener: Opener) -> None:
        stale = opener().documents.write("a", b"1")
        opener().documents.write("a", b"2")
        with pytest.raises(PreconditionFailed):
            opener().documents.write("a", b"3", Match(stale.etag))
        assert opener().documents.read("a").data == b"2"

    def test_a_match_of_what_is_gone_fails(self, storage: Storage) -> None:
        gone = storage.documents.write("a", b"1")
        storage.documents.delete("a")
        with pytest.raises(PreconditionFailed):
            storage.documents.write("a", b"2", Match(gone.etag))
        with pytest.raises(KeyNotFound):
            storage.documents.read("a")

    def test_what_is_prepared_is_seen_only_when_committed(self, opener: Opener) -> None:
        prepared = opener().documents.prepare("a", b"1", ABSENT)
        with pytest.raises(KeyNotFound):
            opener().documents.read("a")
        written = prepared.switch()
        prepared.discard()
        assert opener().documents.read("a") == written

    def test_what_is_discarded_leaves_nothing(self, storage: Storage) -> None:
        storage.documents.prepare("a", b"1").discard()
        assert list(storage.documents.list("", deep=True)) == []
        assert list(storage.packages.staged()) == []

    def test_a_prepared_write_fails_at_its_commit_if_somebody_was_faster(self, opener: Opener) -> None:
        prepared = opener().documents.prepare("a", b"1", ABSENT)
        opener().documents.write("a", b"2")
        with pytest.raises(PreconditionFailed):
            prepared.switch()
        prepared.discard()
        assert opener().documents.read("a").data == b"2"

    def test_deleting_is_idempotent(self, storage: Storage) -> None:
        storage.documents.write("a/b", b"1")
        storage.documents.delete("a/b")
        storage.documents.delete("a/b")
        storage.documents.delete("never/was")
        with pytest.raises(KeyNotFound):
            storage.documents.read("a/b")

    def test_what_is_removed_is_gone_or_says_so(self, opener: Opener) -> None:
        written = opener().documents.write("a", b"1")
        opener().documents.remove("a", b"gone", Match(written.etag))
        if self.has_locks:
            with pytest.raises(KeyNotFound):
                opener().documents.read("a")
        else:
            assert opener().documents.read("a").data == b"gone"

    def test_what_has_changed_meanwhile_is_not_removed(self, opener: Opener) -> None:
        stale = opener().documents.write("a", b"1")
        opener().documents.write("a", b"2")
        for when in (ABSENT, Match(stale.etag)):
            with pytest.raises(PreconditionFailed):
                opener().documents.remove("a", b"gone", when)
        assert opener().documents.read("a").data == b"2"

    def test_only_a_lock_makes_it_sure_whose_a_document_is(self, opener: Opener) -> None:
        opener().documents.write("a/b", b"1")
        opener().documents.delete_if_locked("a/b")
        assert [entry.key for entry in opener().documents.list("a", deep=True)] == ([] if self.has_locks else ["a/b"])

    @pytest.mark.parametrize("key", ["/a", "a/", "a//b", "..", "../a", "a/../b", "./a", "a/.", "a\0b"])
    def test_only_plain_relative_keys_are_keys(self, storage: Storage, key: str) -> None:
        calls: list[Callable[[], Any]] = [
            lambda: storage.documents.read(key),
            lambda: storage.documents.write(key, b""),
            lambda: storage.documents.delete(key),
            lambda: list(storage.documents.list(key)),
            lambda: storage.packages.stage(key),
            lambda: storage.packages.locate(key),
            lambda: storage.packages.open(PACKAGE, key),
        ]
        for call in calls:
            with pytest.raises((InvalidName, KeyNotFound)):
                call()

    def test_names_are_kept_as_they_are(self, storage: Storage) -> None:
        for name in STRANGE:
            storage.documents.write(f"d/{name}", name.encode())
        assert [entry.name for entry in storage.documents.list("d")] == sorted(STRANGE)
        assert [storage.documents.read(f"d/{name}").data.decode() for name in STRANGE] == STRANGE

    def test_a_glance_at_a_package_says_what_reads_and_lists_say(self, opener: Opener) -> None:
        storage = opener()
        publish(storage)
        seen = storage.packages.glance(PACKAGE, ("model.pt", "empty", "absent"), 4)
        if seen is not None:
            listed = storage.documents.list(PACKAGE, deep=True)
            assert seen.size_bytes == sum(entry.size_bytes or 0 for entry in listed)
            assert seen.files == {"model.pt": b"weig", "empty": b""}
        assert storage.packages.glance(PACKAGE, ("deep",), 4) is None
        assert storage.packages.glance(f"{PACKAGE}0", ("model.pt",), 4) is None

    def test_no_reader_ever_sees_half_a_document(self, opener: Opener) -> None:
        size, done = 300_000, threading.Event()
        opener().documents.write("a", b"0" * size)

        def read() -> set[bytes]:
            storage, seen = opener(), set()
            while not done.is_set():
                data = storage.documents.read("a").data
                assert len(data) == size
                seen |= {data[:1], data[-1:], data[size // 2 : size // 2 + 1]}
                assert data == data[:1] * size
            return seen

        with ThreadPoolExecutor(2) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            storage = opener()
            for turn in range(30):
                storage.documents.write("a", str(turn % 10).encode() * size)
            done.set()
            assert all(reader.result() for reader in readers)

    # listing

    def test_a_prefix_is_whole_segments_and_sorted(self, storage: Storage) -> None:
        for key in ("a/b", "a/bc/d", "a/b.c", "a/b0", "ab/c", "a/z/y/x", "a/z.x"):
            storage.documents.write(key, b"12")
        assert names(storage.documents.list("a")) == [
            ("a/b", "file"),
            ("a/b.c", "file"),
            ("a/b0", "file"),
            ("a/bc", "prefix"),
            ("a/z", "prefix"),
            ("a/z.x", "file"),
        ]
        assert list(storage.documents.list("a", deep=True)) == [
            Entry("a/b", "file", 2),
            Entry("a/b.c", "file", 2),
            Entry("a/b0", "file", 2),
            Entry("a/bc/d", "file", 2),
            Entry("a/z.x", "file", 2),
            Entry("a/z/y/x", "file", 2),
        ]
        assert names(storage.documents.list("a/z")) == [("a/z/y", "prefix")]
        for prefix in ("a", "a/z", "a/z/y", "a/b", "none"):
            assert sorted(storage.documents.names(prefix)) == sorted(e.name for e in storage.documents.list(prefix))

    def test_the_size_of_one_file_is_what_a_list_says(self, storage: Storage) -> None:
        storage.documents.write("a/b", b"12")
        storage.documents.write("a/bc/d", b"")
        assert {key: storage.documents.size(key) for key in ("a/b", "a/bc/d", "a/bc", "a", "a/none", "none/b")} == {
            "a/b": 2,
            "a/bc/d": 0,
            "a/bc": None,
            "a": None,
            "a/none": None,
            "none/b": None,
        }

    def test_the_root_has_no_name(self, storage: Storage) -> None:
        storage.documents.write("registry.json", b"{}")
        storage.documents.write("tasks/t/x", b"")
        found = [entry for entry in names(storage.documents.list("")) if not entry[0].startswith(".")]
        assert found == [("registry.json", "file"), ("tasks", "prefix")]

    @pytest.mark.parametrize("deep", [False, True])
    def test_below_nothing_and_below_a_document_is_nothing(self, storage: Storage, deep: bool) -> None:
        storage.documents.write("a/b", b"")
        assert list(storage.documents.list("c", deep=deep)) == []
        assert list(storage.documents.list("a/b", deep=deep)) == []

    def test_what_is_written_is_listed_at_once_and_what_is_deleted_is_not(self, opener: Opener) -> None:
        opener().documents.write("a/b", b"")
        opener().documents.write("a/c", b"")
        assert [entry.name for entry in opener().documents.list("a")] == ["b", "c"]
        opener().documents.delete("a/b")
        assert [entry.name for entry in opener().documents.list("a")] == ["c"]

    def test_a_log_is_listed_below_its_own_directory_only(self, storage: Storage) -> None:
        storage.documents.append(LOG, b"{}", 1)
        storage.documents.write(f"{MODEL}/aliases/latest.json", b"{}")
        assert names(storage.documents.list(MODEL)) == [(f"{MODEL}/aliases", "prefix"), (f"{MODEL}/audit", "prefix")]

    # logs

    def test_an_empty_log_has_no_record(self, storage: Storage) -> None:
        assert storage.documents.last(LOG) is None
        assert list(storage.documents.records(LOG)) == []

    def test_records_come_back_in_order_to_anyone(self, opener: Opener) -> None:
        records = [f'{{"n":{n},"t":"ü"}}'.encode() for n in range(1, 41)]
        storage = opener()
        for seq, record in enumerate(records, start=1):
            storage.documents.append(LOG, record, seq)
        other = opener()
        assert other.documents.last(LOG) == (40, records[-1])
        assert list(other.documents.records(LOG)) == list(enumerate(records, start=1))
        assert list(other.documents.records(LOG, 37)) == list(enumerate(records, start=1))[37:]
        assert list(other.documents.records(LOG, 40)) == list(other.documents.records(LOG, 99)) == []

    def test_a_place_in_a_log_is_won_once(self, opener: Opener) -> None:
        opener().documents.append(LOG, b'{"n":1}', 1)
        for storage in (opener(), opener()):
            with pytest.raises(PreconditionFailed):
                storage.documents.append(LOG, b'{"n":2}', 1)
        assert list(opener().documents.records(LOG)) == [(1, b'{"n":1}')]

    def test_a_log_has_no_gaps(self, storage: Storage) -> None:
        with pytest.raises(PreconditionFailed):
            storage.documents.append(LOG, b"{}", 2)
        storage.documents.append(LOG, b'{"n":1}', 1)
        with pytest.raises(PreconditionFailed):
            storage.documents.append(LOG, b"{}", 3)
        assert list(storage.documents.records(LOG)) == [(1, b'{"n":1}')]

    def test_an_end_that_others_have_moved_is_found(self, opener: Opener) -> None:
        one, other = opener(), opener()
        for seq in range(1, 10, 3):
            one.documents.append(LOG, b'{"by":"one"}', seq)
            other.documents.append(LOG, b'{"by":"other"}', seq + 1)
            other.documents.append(LOG, b'{"by":"other"}', seq + 2)
            with pytest.raises(PreconditionFailed):
                one.documents.append(LOG, b'{"by":"one"}', seq + 1)
            assert one.documents.last(LOG) == (seq + 2, b'{"by":"other"}')

    def test_reading_a_log_may_end_early(self, storage: Storage) -> None:
        for seq in range(1, 30):
            storage.documents.append(LOG, b"{}", seq)
        records = storage.documents.records(LOG, 3)
        assert next(records) == (4, b"{}")
        records.close()  # type: ignore[attr-defined]
        assert storage.documents.last(LOG) == (29, b"{}")

    def test_what_a_log_shows_is_synced_only_where_that_is_asked_for(self, storage: Storage) -> None:
        storage.documents.append(LOG, b'{"n":1}', 1)
        asked: list[bool] = []
        for is_needed in (False, True):
            storage.documents.sync(LOG, lambda is_needed=is_needed: asked.append(is_needed) or is_needed)
        assert asked in ([], [False, True])
        assert storage.documents.last(LOG) == (1, b'{"n":1}')

    def test_a_storage_that_has_a_clock_says_what_time_it_is_and_leaves_nothing(self, storage: Storage) -> None:
        before, there, after = time.time(), storage.now(), time.time()
        assert there is None or before - 2 < there < after + 2  # a store says it in whole seconds
        assert list(storage.packages.staged()) == []
        storage.documents.write("a/b", b"")
        assert [entry.key for entry in storage.documents.list(".staging", deep=True)] == []

    # packages

    def test_a_published_package_is_whole_for_anyone(self, opener: Opener) -> None:
        files = {"model.pt": bytes(range(256)) * 99, "deep/er/label map.json": b"{}", "deep.x": b"1", "empty": b""}
        publish(opener(), files=files)
        storage = opener()
        assert storage.packages.sealed(PACKAGE)
        assert storage.packages.locate(PACKAGE)
        assert list(storage.documents.list(PACKAGE, deep=True)) == [
            Entry(f"{PACKAGE}/{path}", "file", len(data)) for path, data in sorted(files.items())
        ]
        assert {path: content(storage, PACKAGE, path) for path in files} == files
        assert names(storage.documents.list(VERSIONS)) == [(PACKAGE, "prefix")]
        assert list(storage.packages.staged()) == []

    def test_names_in_a_package_are_kept_as_they_are(self, storage: Storage) -> None:
        files = {f"d {n}/{name}": name.encode() for n, name in enumerate(STRANGE)}
        publish(storage, files=files)
        listed = [entry.key.removeprefix(PACKAGE + "/") for entry in storage.documents.list(PACKAGE, deep=True)]
        assert listed == sorted(files)
        assert {path: content(storage, PACKAGE, path) for path in files} == files

    def test_a_file_larger_than_any_buffer_is_hashed_as_it_is_kept(self, storage: Storage) -> None:
        data = bytes(range(251)) * 50_000  # 12 MB
        with storage.packages.stage(PACKAGE) as staging:
            artifact = staging.add("big", Bytes(data))
            staging.seal()
            staging.reserve()
            staging.publish(FACTS)
        assert artifact == Artifact("big", hashlib.sha256(data).hexdigest(), len(data))
        with storage.packages.open(PACKAGE, "big") as reader:
            assert reader.read() == data
        buffer, total, sha256 = memoryview(bytearray(1_000_003)), 0, hashlib.sha256()
        with storage.packages.open(PACKAGE, "big") as reader:
            while count := reader.readinto(buffer):
                total += count
                sha256.update(buffer[:count])
        assert (total, sha256.hexdigest()) == (len(data), artifact.sha256)

    def test_nobody_sees_a_package_before_it_is_published(self, opener: Opener) -> None:
        with opener().packages.stage(PACKAGE) as staging:
            staging.add("model.pt", Bytes(b"weights"))
            staging.seal()
            staging.reserve()
            self._assert_absent(opener())
            staging.publish(FACTS)
        assert content(opener(), PACKAGE, "model.pt") == b"weights"

    def _assert_absent(self, storage: Storage) -> None:
        assert not storage.packages.sealed(PACKAGE)
        assert list(storage.documents.list(PACKAGE, deep=True)) == []
        assert PACKAGE not in [entry.key for entry in storage.documents.list(VERSIONS)]
        with pytest.raises(KeyNotFound):
            storage.packages.locate(PACKAGE)
        with pytest.raises(KeyNotFound):
            storage.packages.open(PACKAGE, "model.pt")

    def test_files_can_be_added_at_the_same_time(self, storage: Storage) -> None:
        files = {f"{n % 3}/{n}": str(n).encode() * n for n in range(24)}
        with storage.packages.stage(PACKAGE) as staging:
            with ThreadPoolExecutor(8) as pool:
                artifacts = list(pool.map(lambda item: staging.add(item[0], Bytes(item[1])), files.items()))
            staging.seal()
            staging.reserve()
            staging.publish(FACTS)
        assert [(a.path, a.size_bytes) for a in artifacts] == [(path, len(data)) for path, data in files.items()]
        assert {path: content(storage, PACKAGE, path) for path in files} == files

    def test_what_is_staged_can_be_read_before_anybody_sees_it(self, storage: Storage) -> None:
        with storage.packages.stage(PACKAGE) as staging:
            staging.add("deep/model.pt", Bytes(b"weights"))
            staging.seal()
            for start, length, data in ((0, None, b"weights"), (2, 3, b"igh"), (5, None, b"ts")):
                with staging.open("deep/model.pt", start, length) as reader:
                    assert read_all(reader) == data
            with pytest.raises(KeyNotFound), staging.open("deep") as reader:
                read_all(reader)
            self._assert_absent(storage)

    def test_leaving_discards(self, opener: Opener) -> None:
        with opener().packages.stage(PACKAGE) as staging:
            staging.add("model.pt", Bytes(b"weights"))
        storage = opener()
        self._assert_absent(storage)
        assert list(storage.packages.staged()) == []

    def test_what_is_discarded_cannot_be_published(self, opener: Opener) -> None:
        with opener().packages.stage(PACKAGE) as staging:
            staging.add("model.pt", Bytes(b"weights"))
        with pytest.raises(KeyNotFound):
            opener().packages.stage(PACKAGE, staging.attempt).publish(FACTS)
        self._assert_absent(opener())

    @pytest.mark.parametrize("error", [Broken("mine"), FileNotFoundError("mine"), OSError(5, "mine"), KeyError("mine")])
    def test_a_callers_exception_passes_unchanged(self, opener: Opener, error: Exception) -> None:
        with pytest.raises(type(error)) as raised, opener().packages.stage(PACKAGE) as staging:
            staging.add("model.pt", Bytes(b"weights"))
            raise error
        assert raised.value is error
        with pytest.raises(type(error)) as raised, opener().documents.lock(MODEL, 5):
            raise error
        assert raised.value is error
        with pytest.raises(type(error)) as raised, opener().packages.sweep(0):
            raise error
        assert raised.value is error
        storage = opener()
        assert list(storage.packages.staged()) == []
        with storage.documents.lock(MODEL, 5):
            self._assert_absent(storage)

    def test_a_sources_exception_passes_unchanged_and_leaves_nothing(self, opener: Opener) -> None:
        error = Broken("mine")
        with pytest.raises(Broken) as raised, opener().packages.stage(PACKAGE) as staging:
            staging.add("whole", Bytes(b"weights"))
            staging.add("half", Breaking(error))
        assert raised.value is error
        self._assert_absent(opener())
        assert list(opener().packages.staged()) == []

    def test_a_path_leads_nowhere_else(self, storage: Storage) -> None:
        with storage.packages.stage(PACKAGE) as staging:
            for path in ("../x", "/x", "a/../../x", "a//b", ""):
                with pytest.raises(InvalidName):
                    staging.add(path, Bytes(b"x"))
        assert list(storage.packages.staged()) == []

    def test_publishing_is_repeatable(self, opener: Opener) -> None:
        attempt = publish(opener())
        before = list(opener().documents.list(PACKAGE, deep=True))
        opener().packages.stage(PACKAGE, attempt).publish(FACTS)
        assert list(opener().documents.list(PACKAGE, deep=True)) == before
        assert list(opener().packages.staged()) == []

    def test_what_a_crash_left_is_published_by_name(self, opener: Opener) -> None:
        with opener().packages.stage(PACKAGE) as staging:
            staging.add("file", Bytes(b"committed"))
            staging.seal()
            staging.reserve()
            staging.keep()
        attempt = staging.attempt
        self._assert_absent(opener())
        assert [found.name for found in opener().packages.staged()] == [attempt]
        opener().packages.stage(PACKAGE, attempt).publish(FACTS)
        assert content(opener(), PACKAGE, "file") == b"committed"
        assert opener().packages.sealed(PACKAGE)
        assert list(opener().packages.staged()) == []

    def test_an_attempt_named_beforehand_is_made(self, opener: Opener) -> None:
        opener().packages.stage(PACKAGE, "named").discard()
        with opener().packages.stage(PACKAGE, "named") as staging:
            staging.add("file", Bytes(b"1"))
            assert [found.name for found in opener().packages.staged()] == ["named"]
            staging.seal()
            staging.reserve()
            staging.publish(FACTS)
        assert content(opener(), PACKAGE, "file") == b"1"
        assert list(opener().packages.staged()) == []

    def test_nothing_staged_is_nothing_published(self, storage: Storage) -> None:
        with pytest.raises(KeyNotFound):
            storage.packages.stage(PACKAGE, "gone").publish(FACTS)
        self._assert_absent(storage)

    def test_a_published_package_is_never_replaced(self, opener: Opener) -> None:
        publish(opener(), files={"model.pt": b"first"})
        with pytest.raises(PreconditionFailed), opener().packages.stage(PACKAGE) as staging:
            staging.add("model.pt", Bytes(b"second"))
            staging.seal()
            staging.reserve()
            staging.publish(FACTS)
        other = abandon(opener())
        with pytest.raises(PreconditionFailed):
            opener().packages.stage(PACKAGE, other).publish(FACTS)
        assert content(opener(), PACKAGE, "model.pt") == b"first"

    def test_discarding_leaves_nothing(self, opener: Opener) -> None:
        attempt = abandon(opener())
        opener().packages.stage(PACKAGE, attempt).discard()
        opener().packages.stage(PACKAGE, attempt).discard()
        assert list(opener().packages.staged()) == []
        with pytest.raises(KeyNotFound):
            opener().packages.stage(PACKAGE, attempt).publish(FACTS)

    @pytest.mark.parametrize(
        ("start", "length"),
        [(0, None), (0, 0), (0, 1), (0, 10), (0, 99), (3, 4), (9, 1), (9, 99), (10, None), (10, 1), (11, 5), (4, None)],
    )
    def test_a_part_of_a_file_is_what_lies_in_it(self, opener: Opener, start: int, length: int | None) -> None:
        data = b"0123456789"
        publish(opener(), files={"file": data, "empty": b""})
        end = None if length is None else start + length
        assert content(opener(), PACKAGE, "file", start, length) == data[start:end]
        assert content(opener(), PACKAGE, "empty", start, length) == b""

    def test_a_reader_reads_to_the_end_and_then_nothing(self, storage: Storage) -> None:
        publish(storage, files={"file": b"0123456789"})
        with storage.packages.open(PACKAGE, "file", 2, 6) as reader:
            assert reader.read(0) == b""
            assert reader.read() == b"234567"
            assert reader.read() == reader.read(5) == b""

    @pytest.mark.parametrize(("start", "length"), [(0, None), (0, 0), (0, 1), (5, None)])
    def test_a_file_that_is_not_there_is_not_found(self, storage: Storage, start: int, length: int | None) -> None:
        publish(storage)
        for package, path in ((PACKAGE, "nope"), (PACKAGE, "model.pt/x"), (f"{VERSIONS}/2", "x")):
            with pytest.raises(KeyNotFound):
                storage.packages.open(package, path, start, length)

    def test_a_directory_is_no_file(self, storage: Storage) -> None:
        publish(storage)
        with pytest.raises(KeyNotFound):
            storage.packages.open(PACKAGE, "deep")

    def test_facts_are_those_of_the_publication_or_left_to_the_journal(self, opener: Opener) -> None:
        publish(opener())
        assert opener().packages.facts(PACKAGE) in (None, FACTS)
        assert opener().packages.facts(f"{VERSIONS}/2") is None
        assert opener().packages.keeps_facts() is (opener().packages.facts(PACKAGE) is not None)

    def test_versions_whose_names_look_like_documents_are_all_there(self, storage: Storage) -> None:
        for version in ("a", "a.json", "b.json"):
            publish(storage, f"{VERSIONS}/{version}", {"file": version.encode()})
        assert [entry.name for entry in storage.documents.list(VERSIONS)] == ["a", "a.json", "b.json"]
        assert [content(storage, f"{VERSIONS}/{name}", "file") for name in ("a", "a.json")] == [b"a", b"a.json"]

    def test_tasks_and_models_may_be_called_versions(self, storage: Storage) -> None:
        model = "tasks/versions/models/versions"
        storage.documents.append(f"{model}/audit/promotions.jsonl", b"{}", 1)
        storage.documents.write(f"{model}/aliases/versions.json", b"{}")
        publish(storage, f"{model}/versions/versions")
        assert names(storage.documents.list("tasks/versions/models")) == [(model, "prefix")]
        assert [entry.name for entry in storage.documents.list(model)] == ["aliases", "audit", "versions"]
        assert [entry.name for entry in storage.documents.list(f"{model}/aliases")] == ["versions.json"]
        assert names(storage.documents.list(f"{model}/versions")) == [(f"{model}/versions/versions", "prefix")]
        assert len(list(storage.documents.list(f"{model}/versions/versions", deep=True))) == 3

    # packages that are retired

    def test_a_retired_package_is_found_by_nobody_and_comes_back_whole(self, opener: Opener) -> None:
        publish(opener(), files={"model.pt": b"weights", "deep/map": b"{}"})
        opener().packages.retire(PACKAGE, GRAVE, 8)
        opener().packages.retire(PACKAGE, GRAVE, 8)
        storage = opener()
        assert not storage.packages.sealed(PACKAGE)
        with pytest.raises(KeyNotFound):
            storage.packages.locate(PACKAGE)
        kept = storage.packages.retired(PACKAGE, GRAVE)
        assert kept is not None
        assert content(storage, kept, "model.pt") == b"weights"
        assert [entry.key[len(kept) :] for entry in storage.documents.list(kept, deep=True)] == [
            "/deep/map",
            "/model.pt",
        ]
        opener().packages.reinstate(PACKAGE, GRAVE, 9)
        opener().packages.reinstate(PACKAGE, GRAVE, 9)
        assert opener().packages.sealed(PACKAGE)
        assert opener().packages.retired(PACKAGE, GRAVE) is None
        assert content(opener(), PACKAGE, "model.pt") == b"weights"
        assert names(opener().documents.list(VERSIONS)) == [(PACKAGE, "prefix")]

    def test_an_instance_that_knew_a_package_learns_that_it_is_retired(self, opener: Opener) -> None:
        knowing = opener()
        publish(knowing, files={"model.pt": b"weights"})
        assert content(knowing, PACKAGE, "model.pt") == b"weights"
        opener().packages.retire(PACKAGE, GRAVE, 8)
        with pytest.raises(KeyNotFound):
            knowing.packages.locate(PACKAGE)
        assert knowing.packages.retired(PACKAGE, GRAVE) is not None
        opener().packages.reinstate(PACKAGE, GRAVE, 9)
        assert knowing.packages.locate(PACKAGE) == opener().packages.locate(PACKAGE)
        assert content(knowing, PACKAGE, "model.pt") == b"weights"

    def test_an_erased_package_is_gone(self, opener: Opener) -> None:
        publish(opener())
        opener().packages.retire(PACKAGE, GRAVE, 8)
        opener().packages.erase(PACKAGE, GRAVE)
        opener().packages.erase(PACKAGE, GRAVE)
        assert opener().packages.retired(PACKAGE, GRAVE) is None
        with pytest.raises(KeyNotFound):
            opener().packages.locate(PACKAGE)

    def test_only_a_retired_package_is_erased(self, opener: Opener) -> None:
        publish(opener(), files={"model.pt": b"weights"})
        opener().packages.erase(PACKAGE, GRAVE)
        assert content(opener(), PACKAGE, "model.pt") == b"weights"

    def test_what_never_was_cannot_be_retired(self, storage: Storage) -> None:
        with pytest.raises(KeyNotFound):
            storage.packages.retire(PACKAGE, GRAVE, 1)
        with pytest.raises(KeyNotFound):
            storage.packages.reinstate(PACKAGE, GRAVE, 1)
        assert storage.packages.retired(PACKAGE, GRAVE) is None
        storage.packages.erase(PACKAGE, GRAVE)

    def test_notes_are_those_of_the_last_event(self, opener: Opener) -> None:
        publish(opener())
        opener().packages.annotate(PACKAGE, 9, {"archived": True})
        opener().packages.annotate(PACKAGE, 8, {"archived": False})
        found = opener().packages.facts(PACKAGE)
        assert found is None or found.notes == {"archived": True}

    # sweep

    def test_a_sweep_holds_what_nobody_holds(self, opener: Opener) -> None:
        one, other = abandon(opener(), data=b"1"), abandon(opener(), f"{VERSIONS}/2.0", data=b"2")
        publish(opener(), f"{VERSIONS}/3.0")
        with opener().packages.sweep(0) as held:
            assert sorted(staging.attempt for staging in held) == sorted([one, other])
            for staging in held:
                staging.discard()
        assert list(opener().packages.staged()) == []
        assert opener().packages.sealed(f"{VERSIONS}/3.0")
        with pytest.raises(KeyNotFound):
            opener().packages.stage(PACKAGE, one).publish(FACTS)

    def test_a_sweep_leaves_what_is_young(self, opener: Opener) -> None:
        attempt = abandon(opener())
        with opener().packages.sweep(3600) as held:
            assert list(held) == []
        (found,) = opener().packages.staged()
        assert (found.name, found.alive) == (attempt, False)
        assert 0 <= found.age_s < 3600

    def test_what_a_sweep_held_but_kept_can_still_be_published(self, opener: Opener) -> None:
        publish(opener(), f"{VERSIONS}/0.9")
        attempt = abandon(opener(), data=b"committed")
        with opener().packages.sweep(0) as held:
            assert [staging.attempt for staging in held] == [attempt]
        assert [found.name for found in opener().packages.staged()] == [attempt]
        opener().packages.stage(PACKAGE, attempt).publish(FACTS)
        assert content(opener(), PACKAGE, "file") == b"committed"

    def test_an_attempt_that_a_sweep_took_cannot_commit(self, opener: Opener) -> None:
        """Either the sweep sees that it lives, or it learns in time that it was swept."""
        with opener().packages.stage(PACKAGE) as staging:
            staging.add("file", Bytes(b"1"))
            staging.seal()
            with opener().packages.sweep(0) as held:
                taken = staging.attempt in [one.attempt for one in held]
                for one in held:
                    one.discard()
            if taken:
                with pytest.raises(StorageUnavailable):
                    staging.reserve()
            else:
                staging.reserve()
                staging.publish(FACTS)
        assert opener().packages.sealed(PACKAGE) is not taken
        assert list(opener().packages.staged()) == []

    def test_no_sweep_takes_an_attempt_that_is_about_to_commit(self, opener: Opener) -> None:
        with opener().packages.stage(PACKAGE) as staging:
            staging.add("file", Bytes(b"1"))
            staging.seal()
            staging.reserve()
            with opener().packages.sweep(0) as held:
                assert list(held) == []
            staging.publish(FACTS)
        assert content(opener(), PACKAGE, "file") == b"1"

    # the whole

    def test_a_lock_is_exclusive_where_there_are_locks(self, opener: Opener) -> None:
        storage = opener()
        with storage.documents.lock(MODEL, 5):
            if self.has_locks:
                with pytest.raises(LockTimeout), opener().documents.lock(MODEL, 0.05):
                    pytest.fail("two holders")
            with opener().documents.lock("tasks/t/models/other", 5):
                pass
        with opener().documents.lock(MODEL, 5):
            pass

    def test_a_usable_root_is_probed_and_trusted_without_a_trace(self, storage: Storage) -> None:
        free = storage.probe()
        assert free is None or free > 0
        storage.check_guarantees()
        assert list(storage.documents.list("", deep=True)) == []

    # the counted race

    def test_threads_race_and_every_place_has_one_winner(self, opener: Opener) -> None:
        race = Race(racers=8, turns=5)
        race.judge(race_in_threads(opener, race), opener())

    def test_processes_race_and_every_place_has_one_winner(self, opener: Opener) -> None:
        if not self.crosses_processes:
            return  # memory has no second process to race with
        race = Race(racers=3, turns=6)
        race.judge(race_in_processes(opener, race), opener())
