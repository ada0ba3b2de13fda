"""What the registry asks of an object store, by the ``obstore`` library; its errors become the contract's.

Requests of small documents and transfers of files have different patience: a document is given up within
the time that a caller waits, a transfer only when no byte moves any more.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

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

from ...vocabulary.errors import InvalidName, NotConfigured, StorageUnavailable
from ...vocabulary.texts import check_key
from ..contract import (
    ABSENT,
    ANY,
    Condition,
    Document,
    KeyNotFound,
    Match,
    PreconditionFailed,
    Readable,
    StorageOptions,
)
from .stream import ObjectStream

log = logging.getLogger(__name__)

T = TypeVar("T")

MIB = 1024 * 1024
PART_BYTES = 8 * MIB
PARTS_AT_ONCE = 4  # of one file: bounds memory to a part times (PARTS_AT_ONCE + 1) for each running file
MOST_PARTS = 9_000  # S3 takes 10,000
PAGE = 1000
MOST_KEY_BYTES = 1024  # on S3, Google and Azure alike
CONNECT_TIMEOUT = timedelta(seconds=5)
DOCUMENT_TIMEOUT = timedelta(seconds=15)  # of one try; documents are small
DEADLINE = timedelta(seconds=30)  # no retry of a document's request begins later than this after the first try
# Files of any size: no limit as long as bytes move, and a broken transfer goes on where it was, however late.
STALLED_AFTER = timedelta(seconds=120)
UNLIMITED = timedelta(days=7)
FILE_RETRIES = 25  # in a row without an answer: about a minute
LONGEST_PAUSE = timedelta(seconds=3)
_DENIALS = (
    *("ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "AccessDenied", "SignatureDoesNotMatch"),
    *("status code: 401", "status code: 403"),  # a refused list has no error class of its own
)
_NO_ROOT = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")


class Bucket:
    """The objects below a URL. Credentials and endpoint come from the provider's usual variables.

    ``store`` takes the place of the one that the URL names.
    """

    def __init__(self, url: str, options: StorageOptions, store: ObjectStore | None = None) -> None:
        self.url = url.rstrip("/")
        self._quotes_etags = options.quote_etags
        # Google compares an object's generation, not its ETag.
        self._counts_generations = self.url.startswith("gs:")
        self._documents: Any = store or _open(
            self.url,
            options,
            {"timeout": DOCUMENT_TIMEOUT},
            {"max_retries": 1000, "retry_timeout": DEADLINE},
        )
        self._files: Any = store or _open(
            self.url,
            options,
            {"timeout": UNLIMITED, "read_timeout": STALLED_AFTER},
            {"max_retries": FILE_RETRIES, "retry_timeout": UNLIMITED},
        )

    def bytes_left(self, key: str) -> int:
        """How many bytes may follow the key in that of an object; less than 0 if it is too long itself."""
        above = self.url.partition("://")[2].partition("/")[2]
        return MOST_KEY_BYTES - len(f"{above}/{key}".lstrip("/").encode())

    # documents

    def read(self, key: str) -> Document:
        def ask() -> Document:
            found = obstore.get(self._documents, _check_key(key))
            return Document(bytes(found.bytes()), self._etag(found.meta))

        return _patiently(key, ask)

    def put(self, key: str, data: bytes, when: Condition) -> Document:
        """One conditional PUT, sent again where no answer came. Its own first try is recognised by its content."""
        mode = self._mode(when)

        def ask() -> Document:
            result = obstore.put(self._documents, _check_key(key), data, mode=mode, use_multipart=False)
            return Document(data, self._etag(result))

        try:
            return _patiently(key, ask)
        except (PreconditionFailed, KeyNotFound) as error:
            if when is not ANY:
                with suppress(KeyNotFound):
                    now = self.read(key)
                    if now.data == data:
                        return now
            raise PreconditionFailed(key) from error

    def _mode(self, when: Condition) -> Any:
        if isinstance(when, Match):
            if self._counts_generations:
                return {"version": when.etag}
            return {"e_tag": when.etag if self._quotes_etags else when.etag.strip('"')}
        return "create" if when is ABSENT else "overwrite"

    def _etag(self, meta: Any) -> str:
        return (meta["version"] if self._counts_generations else meta["e_tag"]) or ""

    def delete(self, key: str) -> None:
        with suppress(KeyNotFound):
            _patiently(key, lambda: obstore.delete(self._documents, _check_key(key)))

    def delete_all(self, prefix: str) -> None:
        """Nothing is left below the prefix."""
        for chunk in self._pages(prefix):
            keys = [meta["path"] for meta in chunk]
            try:
                _patiently(prefix, partial(obstore.delete, self._documents, keys))
            except KeyNotFound:
                for key in keys:  # somebody else is removing them too
                    self.delete(key)

    # listing

    def level(self, prefix: str) -> tuple[dict[str, Any], list[str]]:
        """One level: (key -> what the store says of each object, the prefixes); held, as the library streams none."""
        top = _check_key(prefix) if prefix else None
        found = _patiently(prefix, lambda: obstore.list_with_delimiter(self._documents, top))
        return {meta["path"]: meta for meta in found["objects"]}, list(found["common_prefixes"])

    def objects(self, prefix: str, after: str | None = None) -> Iterator[Any]:
        """What the store says of each object below the prefix, or those behind ``after``, in the store's order."""
        return (meta for chunk in self._pages(prefix, after) for meta in chunk)

    def _pages(self, prefix: str, after: str | None = None) -> Iterator[Sequence[Any]]:
        """Pages of a listing. One that breaks off is begun anew, and what was given already passed over."""
        top = _check_key(prefix) if prefix else None
        given: set[str] = set()
        stream: Iterator[Any] | None = None

        def ask() -> Sequence[Any] | None:
            nonlocal stream
            try:
                stream = stream or iter(obstore.list(self._documents, top, offset=after, chunk_size=PAGE))
                return next(stream, None)
            except BaseException:
                stream = None
                raise

        while (chunk := _patiently(prefix, ask)) is not None:
            yield [meta for meta in chunk if meta["path"] not in given]
            given.update(meta["path"] for meta in chunk)

    # files

    @contextmanager
    def upload(self, key: str, size_bytes: int = 0) -> Iterator[_Upload]:
        """A writer of one object of about that size; there whole on exit, or nothing of it after an error."""
        part_bytes = part_size(size_bytes)
        upload = _Upload(
            key,
            obstore.open_writer(self._files, _check_key(key), buffer_size=part_bytes, max_concurrency=PARTS_AT_ONCE),
        )
        try:
            yield upload
            upload.close()
        except BaseException as error:
            upload.abort(error)
            raise

    def copy(self, source: str, target: str) -> None:
        """The target is the same bytes, without a way through here; over what is there. Raises ``KeyNotFound``."""
        with _typed_errors(source):
            obstore.copy(self._files, _check_key(source), _check_key(target))

    def modified_at(self, key: str) -> float:
        return _patiently(key, lambda: float(obstore.head(self._documents, key)["last_modified"].timestamp()))

    def tag(self, key: str) -> str:
        """The ETag of the object as it is now: of other bytes it is another. Raises ``KeyNotFound``."""
        return _patiently(key, lambda: self._etag(obstore.head(self._documents, _check_key(key))))

    def stream(self, key: str, start: int = 0, length: int | None = None) -> Readable:
        """A streamed reader of one object, or of what lies within it of a range. Raises ``KeyNotFound``."""
        options: Any = {}
        if length:
            options["range"] = (start, start + length)
        elif start:
            options["range"] = {"offset": start}
        with _typed_errors(key):
            if length == 0:
                self._size(_check_key(key))
                return ObjectStream(iter(()), 0)
            try:
                found = obstore.get(self._files, _check_key(key), options=options or None)
            except BaseError as error:
                # Stores refuse a range that begins at the end; a reader finds nothing there.
                if not options or "status code: 416" not in str(error) or self._size(key) > start:
                    raise
                return ObjectStream(iter(()), 0)
            first, last = found.range
            return ObjectStream(_typed_chunks(key, found.stream(min_chunk_size=MIB)), last - first)

    def presign(self, key: str, expires: timedelta) -> str | None:
        """An address to read the object from; None where the store cannot sign one."""
        try:
            return obstore.sign(self._files, "GET", _check_key(key), expires)
        except (BaseError, TypeError, ValueError) as error:
            log.warning("no presigned address: %s", error)
            return None

    def _size(self, key: str) -> int:
        return int(obstore.head(self._files, key)["size"])


class _Upload:
    """An object being written, in parts where it is large."""

    def __init__(self, key: str, writer: Any) -> None:
        self._key = key
        self._writer = writer

    def write(self, data: bytes) -> None:
        with _typed_errors(self._key):
            self._writer.write(data)

    def close(self) -> None:
        with _typed_errors(self._key):
            self._writer.close()

    def abort(self, error: BaseException) -> None:
        """Nothing of it is kept; what cannot be reached now is left to a sweep."""
        with suppress(BaseError, OSError):
            self._writer.__exit__(type(error), error, error.__traceback__)


def _check_key(key: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in key):
        raise InvalidName(f"{key!r} is not a key that object stores take.", name=key)
    return check_key(key)


def part_size(size_bytes: int) -> int:
    """Bytes of a part, such that a file of that size does not need more parts than a store takes."""
    least = -(-size_bytes // MOST_PARTS)
    return max(PART_BYTES, -(-least // MIB) * MIB)


def _typed_chunks(key: str, chunks: Any) -> Iterator[bytes]:
    stream = iter(chunks)
    while True:
        with _typed_errors(key):
            chunk = next(stream, None)
        if chunk is None:
            return
        yield bytes(chunk)


@contextmanager
def _typed_errors(key: str) -> Iterator[None]:
    """An error of the store becomes one of the contract's. Only calls of the store belong inside."""
    try:
        yield
    except (AlreadyExistsError, PreconditionError, NotModifiedError) as error:
        raise PreconditionFailed(key) from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise _denied(key, error) from error
    except (BaseError, OSError) as error:  # FileNotFoundError, and the writer's errors, are builtin ones
        text = str(error)
        if any(word in text for word in _NO_ROOT):
            raise NotConfigured(
                "The bucket of the registry root does not exist. Create it, or check OMNIBIOAI_MODEL_REGISTRY_ROOT.",
                reason="root_missing",
            ) from error
        if isinstance(error, (FileNotFoundError, NotFoundError)):
            raise KeyNotFound(key) from error
        if any(word in text for word in _DENIALS):
            raise _denied(key, error) from error
        log.error("object store failed at %s: %s", key, text.split("\n", 1)[0])
        raise StorageUnavailable(
            "The object store did not answer as it should, and went on so after retries. Try again.", retry_after_s=5
        ) from error


def _denied(key: str, error: Exception) -> StorageUnavailable:
    log.error("object store refused at %s: %s", key, str(error).split("\n", 1)[0])
    return StorageUnavailable(
        "The object store refused the registry's credentials, or they have expired. An operator must renew them.",
        retry_after_s=60,
    )


def _patiently(key: str, ask: Callable[[], T]) -> T:
    """What ``ask`` returns, asked again where no answer came, until the deadline. Only for what may be repeated."""
    give_up_at = time.monotonic() + DEADLINE.total_seconds()
    pause_s = 0.1
    while True:
        try:
            with _typed_errors(key):
                return ask()
        except StorageUnavailable as error:
            if not _was_unanswered(error) or time.monotonic() + pause_s > give_up_at:
                raise
        time.sleep(random.uniform(0, pause_s))
        pause_s = min(2 * pause_s, LONGEST_PAUSE.total_seconds())


def _was_unanswered(error: StorageUnavailable) -> bool:
    """Whether the store said nothing at all, so that asking again can help."""
    cause = error.__cause__
    return not isinstance(cause, (PermissionDeniedError, UnauthenticatedError)) and "status code" not in str(cause)


def _open(url: str, options: StorageOptions, timeouts: dict[str, timedelta], retries: dict[str, Any]) -> Any:
    s3 = {"endpoint": options.endpoint, "region": options.region} if url.startswith("s3:") else {}
    config: Any = {name: value for name, value in s3.items() if value is not None}
    client: Any = {"allow_http": True, "connect_timeout": CONNECT_TIMEOUT, **timeouts}
    backoff: Any = {"init_backoff": timedelta(seconds=0.1), "max_backoff": LONGEST_PAUSE, "base": 2}
    retry: Any = {"backoff": backoff, **retries}
    try:
        return from_url(url, config=config, client_options=client, retry_config=retry)
    except (BaseError, ValueError) as error:
        raise NotConfigured(f"The registry root cannot be opened: {error}", reason="bad_setting") from None
