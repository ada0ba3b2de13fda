"""Documents and logs on an object store: one conditional PUT is lock, check and commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Reversible, Sequence
from contextlib import contextmanager
from typing import Any

from ...vocabulary.texts import check_key
from ..contract import ANY, Condition, Document, Documents, Entry, Prepared
from .batches import Batches
from .bucket import Bucket
from .logs import ObjectLogs, is_record, place_behind
from .packages import IsPackage, ObjectPackages, sorted_entries
from .pointers import pointer_key


class ObjectDocuments(Documents):
    """The documents and logs of one bucket; a package is listed as its pointer says."""

    def __init__(self, bucket: Bucket, packages: ObjectPackages, is_package: IsPackage) -> None:
        self._bucket = bucket
        self._logs = ObjectLogs(bucket)
        self._batches = Batches(bucket)
        self._packages = packages
        self._is_package = is_package

    # documents

    def read(self, key: str) -> Document:
        return self._bucket.read(check_key(key))

    def prepare(self, key: str, data: bytes, when: Condition = ANY, *, is_private: bool = False) -> Prepared:
        return _PreparedDocument(self._bucket, check_key(key), data, when)

    def delete(self, key: str) -> None:
        self._bucket.delete(check_key(key))

    def delete_if_locked(self, key: str) -> None:
        """Nobody is kept out here."""

    def remove(self, key: str, gone: bytes, when: Condition = ANY) -> None:
        self.write(key, gone, when)

    # what lies where

    def list(self, prefix: str, *, deep: bool = False) -> Iterator[Entry]:
        if self._is_package(prefix):
            yield from self._packages.files(prefix)
        elif deep:
            yield from sorted_entries(self._bucket.objects(prefix))
        else:
            yield from self._list_level(prefix)

    def list_after(self, prefix: str, after: str) -> Iterator[Entry]:
        return (Entry(meta["path"], "file", meta["size"]) for meta in self._bucket.objects(prefix, after))

    def _list_level(self, prefix: str) -> Iterator[Entry]:
        files, prefixes = self._bucket.level(prefix)
        packages = {key for key in prefixes if self._is_package(key)}
        # Attempts that have no pointer are not published, and nobody's business.
        shown = [key for key in prefixes if key not in packages or pointer_key(key) in files]
        for key in packages:
            files.pop(pointer_key(key), None)
        entries = [*(Entry(key, "prefix") for key in shown), *(_entry(files[key]) for key in files)]
        yield from sorted(entries, key=lambda entry: entry.key)

    def looks_are_cheap(self) -> bool:
        return False

    # logs

    def append(self, log: str, record: bytes, expected_seq: int) -> None:
        self._logs.append(log, record, expected_seq)

    def replace_end(self, log: str, after: int, records: Sequence[bytes], aside: str) -> bool:
        behind = [entry.key for entry in self.list_after(*place_behind(log, after)) if is_record(entry.name)]
        if behind:
            self.write(aside, b"\n".join(self._bucket.read(key).data for key in behind))
        for key in behind:
            self._bucket.delete(key)
        self._logs.put_behind(log, after, records)
        return bool(behind)

    def records(self, log: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        return self._logs.records(log, after)

    def record(self, log: str, seq: int) -> bytes | None:
        return self._logs.record(log, seq)

    def last(self, log: str) -> tuple[int, bytes] | None:
        return self._logs.last(log)

    def forget(self, log: str) -> None:
        self._logs.forget(log)

    # lines

    def append_lines(self, home: str, lines: Mapping[str, bytes]) -> None:
        self._batches.append(home, lines)

    def lines(self, home: str, within: str) -> Mapping[str, Reversible[bytes]]:
        return self._batches.lines(home, within)

    def fold_lines(self, home: str) -> None:
        self._batches.fold(home)

    # locks

    @contextmanager
    def lock(self, key: str, timeout_s: float) -> Iterator[None]:
        yield  # conditional writes serialise: the next event can be created only once


def _entry(meta: Any) -> Entry:
    return Entry(meta["path"], "file", meta["size"], None, meta["last_modified"].timestamp())


class _PreparedDocument(Prepared):
    def __init__(self, bucket: Bucket, key: str, data: bytes, when: Condition) -> None:
        self._bucket, self._key, self._data, self._when = bucket, key, data, when

    def switch(self) -> Document:
        return self._bucket.put(self._key, self._data, self._when)

    def discard(self) -> None:
        """Nothing was set aside."""
