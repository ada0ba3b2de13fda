"""The storage contract on an object store (S3, GCS, Azure Blob), by the ``obstore`` library.

There are no locks and no renames here. What a rename does on a disk, one small conditional PUT does
here: a log record is an object that is created if absent, and a package is published by creating
its pointer document. Large files are uploaded unconditionally, below a prefix of their attempt.

::

    .../audit/<seq, 12 digits>.json      a record of the log .../audit/<any name>
    .../versions/<version>/<attempt>/    the files of a package
    .../versions/<version>.json          its pointer: attempt, seq, package_digest
    .staging/<attempt>.json              an attempt under way (object_staging.py)
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    NotModifiedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import ObjectStore, from_url

from ..errors import NotConfigured, StorageUnavailable
from .base import (
    ABSENT,
    ANY,
    Attempt,
    Condition,
    Document,
    Entry,
    Facts,
    KeyNotFound,
    Match,
    PreconditionFailed,
    Prepared,
    Readable,
    Staging,
    Storage,
    StorageOptions,
    check_key,
    outcome_unknown,
)
from .object_staging import STAGING, ObjectStaging, marker_key
from .record_cache import RecordCache
from .unfinished_uploads import abort_s3

log = logging.getLogger(__name__)

PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 4  # of one file: bounds memory to PART_BYTES * (PARTS_AT_ONCE + 1) for each running file
DEADLINE = timedelta(seconds=30)  # no retry begins later than this after the first try
REQUEST_TIMEOUT = timedelta(seconds=120)
CONNECT_TIMEOUT = timedelta(seconds=5)
READ_AHEAD = 32  # log records fetched at once
CACHED_RECORDS = 20_000
_SEQ_DIGITS = 12


class ObjectStorage(Storage):
    """A registry root in a bucket. Credentials and endpoint come from the provider's usual variables.

    ``store`` takes the place of the one that the URL names.
    """

    scans_logs_cheaply = False

    def __init__(
        self,
        url: str,
        options: StorageOptions = StorageOptions(),  # noqa: B008 - frozen
        *,
        store: ObjectStore | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._options = options
        self._store: Any = store or _open(self.url, options)
        self._records = RecordCache(CACHED_RECORDS)
        self._attempts: dict[str, str] = {}  # package -> attempt: write-once, so never out of date
        self._facts: dict[str, Facts] = {}
        self._trusted = False
        self._mutex = threading.Lock()

    # documents

    def read(self, key: str) -> Document:
        with _typed_errors(key):
            found = obstore.get(self._store, check_key(key))
            return Document(bytes(found.bytes()), found.meta["e_tag"] or "")

    def prepare(self, key: str, data: bytes, when: Condition = ANY) -> Prepared:
        return _PreparedDocument(self, check_key(key), data, when)

    def put(self, key: str, data: bytes, when: Condition) -> Document:
        """One conditional PUT. A first try whose answer was lost is recognised by its content."""
        try:
            with _typed_errors(key):
                result = obstore.put(self._store, key, data, mode=self._mode(when), use_multipart=False)
            return Document(data, result["e_tag"] or "")
        except PreconditionFailed:
            with suppress(KeyNotFound):
                now = self.read(key)
                if now.data == data and when is not ANY:
                    return now
            raise

    def _mode(self, when: Condition) -> Any:
        if isinstance(when, Match):
            return {"e_tag": when.etag if self._options.quote_etags else when.etag.strip('"')}
        return "create" if when is ABSENT else "overwrite"

    @contextmanager
    def upload(self, key: str) -> Iterator[Any]:
        """A writer of one object, in parts where it is large; there whole on exit, or an error."""
        writer = obstore.open_writer(self._store, key, buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
        try:
            with _typed_errors(key):
                yield writer
                writer.close()
        except BaseException:
            # Closing completes the object, and so leaves no hidden parts behind; the attempt's
            # discard() removes it.
            with suppress(BaseError, OSError):
                writer.close()
            raise

    def delete(self, key: str) -> None:
        with suppress(KeyNotFound), _typed_errors(key):
            obstore.delete(self._store, check_key(key))

    # listing

    def list(self, prefix: str, *, deep: bool = False) -> Iterator[Entry]:
        if prefix and self._is_package(prefix):
            yield from self._list_package(prefix)
        elif deep:
            yield from (Entry(meta["path"], "file", meta["size"]) for meta in self.objects(prefix))
        else:
            yield from self._list_level(prefix)

    def _list_level(self, prefix: str) -> Iterator[Entry]:
        with _typed_errors(prefix):
            found = obstore.list_with_delimiter(self._store, check_key(prefix) if prefix else None)
        entries = [Entry(meta["path"], "file", meta["size"]) for meta in found["objects"]]
        published = {entry.key for entry in entries}
        for key in found["common_prefixes"]:
            # Attempts that have no pointer are not published, and nobody's business.
            if not _is_package_key(key) or f"{key}.json" in published:
                entries.append(Entry(key, "prefix"))
        pointers = {f"{entry.key}.json" for entry in entries if entry.kind == "prefix" and _is_package_key(entry.key)}
        yield from sorted((entry for entry in entries if entry.key not in pointers), key=lambda entry: entry.key)

    def _list_package(self, package: str) -> Iterator[Entry]:
        try:
            home = f"{package}/{self._attempt(package)}"
        except KeyNotFound:
            return
        for meta in self.objects(home):
            yield Entry(package + meta["path"][len(home) :], "file", meta["size"])

    def objects(self, prefix: str, after: str | None = None) -> Iterator[Any]:
        with _typed_errors(prefix):
            stream = obstore.list(self._store, check_key(prefix) if prefix else None, offset=after, chunk_size=1000)
        while True:
            with _typed_errors(prefix):
                chunk = next(iter(stream), None)
            if chunk is None:
                return
            yield from chunk

    def _is_package(self, prefix: str) -> bool:
        return _is_package_key(prefix)

    # logs

    def append(self, log: str, record: bytes, expected_seq: int) -> None:
        if expected_seq > 1 and self._record(log, expected_seq - 1) is None:
            raise PreconditionFailed(log)
        try:
            self.put(_record_key(log, expected_seq), record, ABSENT)
        except StorageUnavailable as error:
            raise outcome_unknown() from error
        self._records.add(_record_key(log, expected_seq), record)

    def records(self, log: str, after: int = 0) -> Iterator[tuple[int, bytes]]:
        with ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="records") as pool:
            ahead: deque[tuple[int, Future[bytes | None]]] = deque()
            seq = after
            try:
                while True:
                    while len(ahead) < min(READ_AHEAD, 1 + 2 * (seq - after)):
                        following = (ahead[-1][0] if ahead else seq) + 1
                        ahead.append((following, pool.submit(self._record, log, following)))
                    seq, fetched = ahead.popleft()
                    record = fetched.result()
                    if record is None:
                        return
                    yield seq, record
            finally:
                for _, fetched in ahead:
                    fetched.cancel()

    def last(self, log: str) -> tuple[int, bytes] | None:
        """The end is found from the last place known in this process: two small reads as a rule.

        A process that knows nothing gallops (1, 2, 4, ...) and bisects: about 2 log2(events) reads.
        """
        known = self._records.highest(_log_prefix(log))
        step = 1
        while self._record(log, known + step) is not None:
            known += step
            step *= 2
        while step > 1:
            step //= 2
            if self._record(log, known + step) is not None:
                known += step
        record = self._record(log, known) if known else None
        return (known, record) if record is not None else None

    def _record(self, log: str, seq: int) -> bytes | None:
        """Records never change, so one that was read once is never read again."""
        key = _record_key(log, seq)
        cached = self._records.get(key)
        if cached is not None:
            return cached
        try:
            record = self.read(key).data
        except KeyNotFound:
            return None
        self._records.add(key, record)
        return record

    # packages

    def stage(self, package: str, attempt: str | None = None) -> Staging:
        return ObjectStaging(self, check_key(package), attempt)

    def staged(self) -> Iterator[Attempt]:
        for meta in self.objects(STAGING):
            name = meta["path"].rsplit("/", 1)[-1].removesuffix(".json")
            # Nobody can see from here whether its process lives; its heartbeat keeps it young.
            yield Attempt(name, _age_s(meta["last_modified"]), alive=False, empty=False)

    @contextmanager
    def sweep(self, min_age_s: float) -> Iterator[Sequence[Staging]]:
        held: list[Staging] = []
        for attempt in list(self.staged()):
            if attempt.age_s < min_age_s:
                continue
            with suppress(KeyNotFound, ValueError, KeyError):
                package = json.loads(self.read(marker_key(attempt.name)).data)["package"]
                # Without its marker an attempt can no longer commit (reserve() looks for it).
                self.delete(marker_key(attempt.name))
                held.append(ObjectStaging(self, check_key(package), attempt.name))
        yield held
        self._abort_uploads(min_age_s)

    def _abort_uploads(self, min_age_s: float) -> None:
        scheme, _, rest = self.url.partition("://")
        if scheme == "s3":
            bucket, _, prefix = rest.partition("/")
            count = abort_s3(bucket, f"{prefix}/" if prefix else "", self._options, min_age_s)
            if count:
                log.info("aborted %s unfinished multipart uploads", count)

    def open(self, package: str, path: str, start: int = 0, length: int | None = None) -> Readable:
        key = f"{package}/{self._attempt(package)}/{check_key(path)}"
        with _typed_errors(key):
            options: Any = {}
            if length is not None:
                options["range"] = (start, start + length)
            elif start:
                options["range"] = {"offset": start}
            found = obstore.get(self._store, key, options=options or None)
            first, last = found.range
            return _Stream(key, iter(found.stream(min_chunk_size=1024 * 1024)), last - first)

    def locate(self, package: str) -> str:
        pointer = self._pointer(package)
        return f"{self.url}/{package}/{pointer['attempt']}"

    def facts(self, package: str) -> Facts | None:
        if package not in self._facts:
            with suppress(KeyNotFound):
                self._pointer(package)
        return self._facts.get(package)

    def sealed(self, package: str) -> bool:
        try:
            self._pointer(package)
        except KeyNotFound:
            return False
        return True

    def _attempt(self, package: str) -> str:
        if package not in self._attempts:
            self._pointer(package)
        return self._attempts[package]

    def _pointer(self, package: str) -> dict[str, Any]:
        try:
            pointer = json.loads(self.read(f"{check_key(package)}.json").data)
            attempt, facts = pointer["attempt"], Facts(pointer["seq"], pointer["package_digest"])
        except (ValueError, KeyError, TypeError):
            raise StorageUnavailable(f"The pointer document {package}.json is damaged.") from None
        with self._mutex:
            self._attempts[package], self._facts[package] = attempt, facts
        return cast("dict[str, Any]", pointer)

    # the whole

    @contextmanager
    def lock(self, key: str, timeout_s: float) -> Iterator[None]:
        yield  # conditional writes serialise: the next event can be created only once

    def probe(self) -> int | None:
        return None

    def check_guarantees(self) -> None:
        if self._trusted:
            return
        key = f"{STAGING}/probe-{uuid.uuid4().hex}"
        try:
            first = self._try("create an object", key, b"1", ABSENT)
            self._must_fail("refuse to create an object that is there", key, b"2", ABSENT)
            self._try("replace an object whose ETag matches", key, b"3", Match(first.etag))
            self._must_fail("refuse to replace an object whose ETag has changed", key, b"4", Match(first.etag))
            self._must_fail("refuse to create an object that was replaced", key, b"5", ABSENT)
        finally:
            with suppress(StorageUnavailable):
                self.delete(key)
        self._trusted = True

    def _try(self, what: str, key: str, data: bytes, when: Condition) -> Document:
        try:
            return self.put(key, data, when)
        except PreconditionFailed:
            raise _untrusted(what) from None

    def _must_fail(self, what: str, key: str, data: bytes, when: Condition) -> None:
        with suppress(PreconditionFailed):
            self.put(key, data, when)
            raise _untrusted(what)


class _PreparedDocument(Prepared):
    def __init__(self, storage: ObjectStorage, key: str, data: bytes, when: Condition) -> None:
        self._storage, self._key, self._data, self._when = storage, key, data, when

    def commit(self) -> Document:
        return self._storage.put(self._key, self._data, self._when)

    def discard(self) -> None:
        """Nothing was set aside."""


class _Stream:
    """A streamed object; a body that ends early is an error, never a short file."""

    def __init__(self, key: str, chunks: Iterator[Any], size_bytes: int) -> None:
        self._key = key
        self._chunks = chunks
        self._left = size_bytes
        self._rest = memoryview(b"")

    def _fill(self) -> None:
        while not self._rest:
            with _typed_errors(self._key):
                chunk = next(self._chunks, None)
            if chunk is None:
                if self._left:
                    raise StorageUnavailable("The object store broke off in the middle of a file.", retry_after_s=5)
                return
            self._rest = memoryview(bytes(chunk))
            self._left -= len(self._rest)

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            parts = []
            while part := self.read(PART_BYTES):
                parts.append(part)
            return b"".join(parts)
        self._fill()
        data, self._rest = bytes(self._rest[:size]), self._rest[size:]
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._chunks = iter(())

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


@contextmanager
def _typed_errors(key: str) -> Iterator[None]:
    """An error of the store becomes one of the contract's; every other exception passes unchanged."""
    try:
        yield
    except (FileNotFoundError, NotFoundError) as error:
        raise KeyNotFound(key) from error
    except (AlreadyExistsError, PreconditionError, NotModifiedError) as error:
        raise PreconditionFailed(key) from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise _denied(key, error) from error
    except BaseError as error:
        text = str(error)
        if any(code in text for code in ("ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "AccessDenied")):
            raise _denied(key, error) from error
        log.error("object store failed at %s: %s", key, text.split("\n", 1)[0])
        raise StorageUnavailable(
            "The object store did not answer as it should, and went on so after retries. Try again.", retry_after_s=5
        ) from error


def _denied(key: str, error: BaseError) -> StorageUnavailable:
    log.error("object store refused at %s: %s", key, str(error).split("\n", 1)[0])
    return StorageUnavailable(
        "The object store refused the registry's credentials, or they have expired. An operator must renew them.",
        retry_after_s=60,
    )


def _untrusted(what: str) -> NotConfigured:
    return NotConfigured(
        f"This object store does not {what}. Without that two replicas could both win, so the registry refuses it. "
        "Use a store with conditional writes, or a filesystem root.",
        reason="store_lacks_conditional_writes",
    )


def _open(url: str, options: StorageOptions) -> Any:
    s3 = {"endpoint": options.endpoint, "region": options.region} if url.startswith("s3:") else {}
    config: Any = {name: value for name, value in s3.items() if value is not None}
    try:
        return from_url(
            url,
            config=config,
            client_options={
                "allow_http": True,
                "timeout": timedelta(seconds=120),
                "connect_timeout": timedelta(seconds=5),
            },
            retry_config={"max_retries": 8, "retry_timeout": DEADLINE},
        )
    except (BaseError, ValueError) as error:
        raise NotConfigured(f"The registry root cannot be opened: {error}", reason="bad_setting") from None


def _is_package_key(key: str) -> bool:
    # The only thing that this module must know of the layout: packages lie in `.../versions/`.
    return "/versions/" in key and "/" not in key.rsplit("/versions/", 1)[1]


def _log_prefix(log_key: str) -> str:
    return check_key(log_key).rpartition("/")[0]


def _record_key(log_key: str, seq: int) -> str:
    return f"{_log_prefix(log_key)}/{seq:0{_SEQ_DIGITS}d}.json"


def _age_s(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds()
