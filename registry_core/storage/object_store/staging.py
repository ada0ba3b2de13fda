"""An attempt on an object store: files below ``<package>/<attempt>/``, published by one small PUT.

A marker, ``.staging/<attempt>.json``, says that the attempt is under way, for which package, and how far:
``staged``, then ``reserved`` by the registration that is about to commit it, or ``condemned`` by a sweep.
The last two are won by compare-and-swap, so no sweep removes what a registration commits. A heartbeat
keeps the marker young. It goes when the package is published or discarded.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, BinaryIO, cast

from ...vocabulary.errors import ArtifactsRefused, InvalidName, StorageError, StorageUnavailable
from ...vocabulary.texts import check_key
from ...vocabulary.times import steady_s
from ..contract import (
    ABSENT,
    Artifact,
    Attempt,
    Facts,
    KeyNotFound,
    Match,
    PreconditionFailed,
    Readable,
    Source,
    Staging,
)
from .bucket import Bucket
from .pointers import Pointers

log = logging.getLogger(__name__)

STAGING = ".staging"
STAGED, RESERVED, CONDEMNED = "staged", "reserved", "condemned"
HEARTBEAT_S = 300.0
# A registration commits within seconds of reserving. Only one that died is left after this long.
RESERVED_AT_LEAST_S = 3600.0


def marker_key(attempt: str) -> str:
    return f"{STAGING}/{attempt}.json"


class ObjectStaging(Staging):
    """Files below ``<package>/<attempt>/``, and a marker that says so until they are published."""

    def __init__(self, bucket: Bucket, package: str, attempt: str | None) -> None:
        self.attempt = check_key(attempt or uuid.uuid4().hex)
        self._bucket = bucket
        self._package = package
        self._home = f"{package}/{self.attempt}"
        self._key = marker_key(self.attempt)
        self._kept = attempt is not None
        self._etag: str | None = None  # of the marker, once it is ours
        self._beat_at = 0.0
        self._mutex = threading.Lock()
        if attempt is None:
            self._hold()

    def __exit__(self, *exc_info: object) -> None:
        if self._kept:
            return
        try:
            self.discard()
        except StorageError as error:  # what the caller raised says more; a sweep finds what is left
            log.error("attempt %s could not be discarded: %s", self.attempt, error)

    def place(self, path: str) -> str:
        """The key of the file of that path; the attempt is young."""
        self.keep_young()
        key = f"{self._home}/{check_key(path)}"
        if self._bucket.bytes_left(key) < 0:
            raise ArtifactsRefused(f"{path!r} is too long a path for this object store.", path=path)
        return key

    def add(self, path: str, source: Source) -> Artifact:
        key = self.place(path)
        with self._bucket.upload(key, getattr(source, "size_bytes", 0)) as upload:
            sha256, size_bytes = source.pour(cast(BinaryIO, _Sink(upload, self)))
        return Artifact(path, sha256, size_bytes)

    def keep_young(self) -> None:
        """A heartbeat when one is due, so that no sweep takes a long upload for an abandoned one."""
        with self._mutex:
            if self._etag is None:
                self._hold()
            elif time.monotonic() - self._beat_at > HEARTBEAT_S:
                self._mark(STAGED)

    def seal(self) -> None:
        """A PUT that was answered is durable."""

    def open(self, path: str, start: int = 0, length: int | None = None) -> Readable:
        return self._bucket.stream(self.place(path), start, length)

    def reserve(self) -> None:
        with self._mutex:
            if self._etag is None:
                self._hold()
            self._mark(RESERVED)

    def keep(self) -> None:
        self._kept = True

    def publish(self, facts: Facts) -> None:
        self.keep()
        Pointers(self._bucket).publish(self._package, self.attempt, facts)
        self._bucket.delete(self._key)

    def discard(self) -> None:
        self._bucket.delete_all(self._home)
        self._bucket.delete(self._key)

    # the marker

    def _hold(self) -> None:
        """The marker is there and ours: made, or taken over from whoever named the attempt before."""
        try:
            self._etag = self._bucket.put(self._key, self._content(STAGED), ABSENT).etag
        except PreconditionFailed:
            now = self._bucket.read(self._key)
            if _state(now.data)[1] == CONDEMNED:
                raise _swept() from None
            self._etag = now.etag
        self._beat_at = time.monotonic()

    def _mark(self, state: str) -> None:
        assert self._etag is not None
        try:
            self._etag = self._bucket.put(self._key, self._content(state), Match(self._etag)).etag
        except PreconditionFailed:
            raise _swept() from None
        self._beat_at = time.monotonic()

    def _content(self, state: str) -> bytes:
        return json.dumps({"package": self._package, "state": state}).encode()


class _Sink:
    """What a source pours into: the upload, kept alive while it lasts."""

    def __init__(self, writer: Any, staging: ObjectStaging) -> None:
        self._writer = writer
        self._staging = staging

    def write(self, chunk: memoryview) -> int:
        self._staging.keep_young()
        self._writer.write(bytes(chunk))
        return len(chunk)

    def fileno(self) -> int:
        raise OSError("an upload is no file")


def attempts(bucket: Bucket) -> Iterator[Attempt]:
    """As ``Packages.staged``."""
    for meta in bucket.objects(STAGING):
        name = meta["path"].rsplit("/", 1)[-1].removesuffix(".json")
        # Nobody can see from here whether its process lives; its heartbeat keeps it young.
        yield Attempt(name, _age_s(meta["last_modified"]), alive=False, empty=False)


def condemn(bucket: Bucket, min_age_s: float) -> list[Staging]:
    """The old attempts, from now on unable to commit. A reserved one is not old before it is very old."""
    held: list[Staging] = []
    for attempt in list(attempts(bucket)):
        if attempt.age_s < min_age_s:
            continue
        key = marker_key(attempt.name)
        with suppress(KeyNotFound, PreconditionFailed):  # it is done, or came alive
            now = bucket.read(key)
            package, state = _state(now.data)
            if package is None:
                bucket.delete(key)  # what a self-check left
                continue
            if state == RESERVED and attempt.age_s < RESERVED_AT_LEAST_S:
                continue
            if state != CONDEMNED:
                bucket.put(key, json.dumps({"package": package, "state": CONDEMNED}).encode(), Match(now.etag))
            held.append(ObjectStaging(bucket, package, attempt.name))
    return held


def _state(data: bytes) -> tuple[str | None, str]:
    """(the package of a marker or None, how far it is)."""
    try:
        marker = json.loads(data)
        return check_key(marker["package"]), marker.get("state", STAGED)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError, InvalidName):
        return None, STAGED


def _swept() -> StorageUnavailable:
    return StorageUnavailable(
        "A sweep took this registration for an abandoned one. Nothing was changed; try again.", retry_after_s=1
    )


def _age_s(moment: datetime) -> float:
    return steady_s() - moment.timestamp()
