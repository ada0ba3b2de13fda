"""The storage contract on an object store (S3, GCS, Azure Blob).

There are no locks and no renames here. What a rename does on a disk, one small conditional PUT does
here: a log record is an object that is created if absent, and a package is published by creating
its pointer document. Large files are uploaded unconditionally, below a prefix of their attempt.

::

    .../audit/<seq, 12 digits>.json      a record of the log .../audit/<any name> (object_logs.py)
    .../versions/<version>/<attempt>/    the files of a package (object_packages.py)
    .../versions/<version>.json          its pointer: attempt, seq, package_digest, and what events changed since
    .staging/<attempt>.json              an attempt under way (object_staging.py)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..contract import (
    ANY,
    Attempt,
    Condition,
    Document,
    Entry,
    Facts,
    KeyNotFound,
    Prepared,
    Readable,
    Staging,
    Storage,
    StorageOptions,
    check_key,
)
from . import staging
from .bucket import Bucket
from .logs import ObjectLogs
from .packages import ObjectPackages, is_package_key, pointer_key, sorted_entries
from .self_check import check_conditions
from .unfinished_uploads import abort_s3
from .uploads import ObjectUploads

if TYPE_CHECKING:
    from obstore.store import ObjectStore


class ObjectStorage(Storage):
    """A registry root in a bucket. ``store`` takes the place of the one that the URL names."""

    scans_logs_cheaply = False
    has_locks = False
    reads_fail_for_good = False

    def __init__(
        self,
        url: str,
        options: StorageOptions = StorageOptions(),  # noqa: B008 - frozen
        *,
        store: ObjectStore | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._options = options
        self._bucket = Bucket(self.url, options, store)
        self._logs = ObjectLogs(self._bucket)
        self._packages = ObjectPackages(self._bucket)
        self._trusted = False

    # documents

    def read(self, key: str) -> Document:
        return self._bucket.read(check_key(key))

    def prepare(self, key: str, data: bytes, when: Condition = ANY) -> Prepared:
        return _PreparedDocument(self._bucket, check_key(key), data, when)

    def delete(self, key: str) -> None:
        self._bucket.delete(check_key(key))

    def list(self, prefix: str, *, deep: bool = False) -> Iterator[Entry]:
        if is_package_key(prefix):
            yield from self._packages.list(prefix)
        elif deep:
            yield from sorted_entries(self._bucket.objects(prefix))
        else:
            yield from self._list_level(prefix)

    def list_after(self, prefix: str, after: str) -> Iterator[Entry]:
        return (Entry(meta["path"], "file", meta["size"]) for meta in self._bucket.objects(prefix, after))

    def _list_level(self, prefix: str) -> Iterator[Entry]:
        files, prefixes = self._bucket.level(prefix)
        packages = {key for key in prefixes if is_package_key(key)}
        # Attempts that have no pointer are not published, and nobody's business.
        shown = [key for key in prefixes if key not in packages or pointer_key(key) in files]
        for key in packages:
            files.pop(pointer_key(key), None)
        entries = [*(Entry(key, "prefix") for key in shown), *(Entry(key, "file", files[key]) for key in files)]
        yield from sorted(entries, key=lambda entry: entry.key)

    # logs

    def append(self, log: str, record: bytes, expected_seq: int) -> None:
        self._logs.append(log, record, expected_seq)

    def records(self, log: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        return self._logs.records(log, after)

    def record(self, log: str, seq: int) -> bytes | None:
        return self._logs.record(log, seq)

    def forget(self, log: str) -> None:
        self._logs.forget(log)

    def last(self, log: str) -> tuple[int, bytes] | None:
        return self._logs.last(log)

    # packages

    def stage(self, package: str, attempt: str | None = None) -> Staging:
        return staging.ObjectStaging(self._bucket, check_key(package), attempt)

    def staged(self) -> Iterator[Attempt]:
        return staging.attempts(self._bucket)

    @contextmanager
    def sweep(self, min_age_s: float) -> Iterator[Sequence[Staging]]:
        yield staging.condemn(self._bucket, min_age_s)
        scheme, _, rest = self.url.partition("://")
        if scheme == "s3":
            bucket, _, prefix = rest.partition("/")
            young = {attempt.name for attempt in self.staged() if attempt.age_s < min_age_s}
            abort_s3(bucket, f"{prefix}/" if prefix else "", self._options, min_age_s, spare=young)

    def open(self, package: str, path: str, start: int = 0, length: int | None = None) -> Readable:
        return self._packages.open(package, path, start, length)

    def presign(self, package: str, path: str, expires: timedelta) -> str | None:
        return self._packages.presign(package, path, expires)

    def locate(self, package: str) -> str:
        return f"{self.url}/{self._packages.locate(package)}"

    def facts(self, package: str) -> Facts | None:
        return self._packages.facts(package)

    def sealed(self, package: str) -> bool:
        with suppress(KeyNotFound):
            return not self._packages.pointer(package).facts.retired
        return False

    def annotate(self, package: str, seq: int, notes: Mapping[str, Any], registered: Facts | None = None) -> None:
        changes: dict[str, Any] = {"notes": notes}
        if registered is not None:
            changes |= {"seq": registered.seq, "package_digest": registered.package_digest}
        self._packages.change(package, seq, changes)

    def retire(self, package: str, grave: str, seq: int) -> None:
        self._packages.change(package, seq, {"retired": True})

    def reinstate(self, package: str, grave: str, seq: int) -> None:
        self._packages.change(package, seq, {"retired": False})

    def retired(self, package: str, grave: str) -> str | None:
        return self._packages.retired(package)

    def erase(self, package: str, grave: str) -> None:
        home = self._packages.retired(package)
        if home is not None:
            self._bucket.delete_all(home)

    def uploads(self) -> ObjectUploads:
        """Where files wait that arrive for packages here."""
        return ObjectUploads(self._bucket)

    # the whole

    @contextmanager
    def lock(self, key: str, timeout_s: float) -> Iterator[None]:
        yield  # conditional writes serialise: the next event can be created only once

    def probe(self, *, for_writing: bool = True) -> int | None:
        return None

    def check_guarantees(self) -> None:
        if not self._trusted:
            check_conditions(self._bucket, staging.STAGING)
            self._trusted = True


class _PreparedDocument(Prepared):
    def __init__(self, bucket: Bucket, key: str, data: bytes, when: Condition) -> None:
        self._bucket, self._key, self._data, self._when = bucket, key, data, when

    def commit(self) -> Document:
        return self._bucket.put(self._key, self._data, self._when)

    def discard(self) -> None:
        """Nothing was set aside."""
