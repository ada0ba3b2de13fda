"""An attempt on an object store: files below ``<package>/<attempt>/``, published by one small PUT.

A marker, ``.staging/<attempt>.json``, says that the attempt is under way and for which package; a
heartbeat keeps it young. It goes when the package is published or discarded.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ..errors import StorageUnavailable
from .base import ABSENT, ANY, Artifact, Facts, KeyNotFound, PreconditionFailed, Source, Staging, check_key

if TYPE_CHECKING:
    from .object_store import ObjectStorage

STAGING = ".staging"
HEARTBEAT_S = 300.0


def marker_key(attempt: str) -> str:
    return f"{STAGING}/{attempt}.json"


class ObjectStaging(Staging):
    """Files below ``<package>/<attempt>/``, and a marker that says so until they are published."""

    def __init__(self, storage: ObjectStorage, package: str, attempt: str | None) -> None:
        self.attempt = check_key(attempt or uuid.uuid4().hex)
        self._storage = storage
        self._package = package
        self._home = f"{package}/{self.attempt}"
        self._kept = attempt is not None
        self._beat_at = 0.0
        if attempt is None:
            self._beat()

    def _beat(self) -> None:
        marker = json.dumps({"package": self._package}).encode()
        self._storage.put(marker_key(self.attempt), marker, ANY)
        self._beat_at = time.monotonic()

    def __exit__(self, *exc_info: object) -> None:
        if not self._kept:
            self.discard()

    def add(self, path: str, source: Source) -> Artifact:
        key = f"{self._home}/{check_key(path)}"
        with self._storage.upload(key) as upload:
            sha256, size_bytes = source.pour(cast(BinaryIO, _Sink(upload, self)))
        return Artifact(path, sha256, size_bytes)

    def keep_young(self) -> None:
        """A heartbeat, so that no sweep takes a long upload for an abandoned one."""
        if time.monotonic() - self._beat_at > HEARTBEAT_S:
            self._beat()

    def seal(self) -> None:
        """A PUT that was answered is durable."""

    def reserve(self) -> None:
        try:
            self._storage.read(marker_key(self.attempt))
        except KeyNotFound:
            raise StorageUnavailable(
                "A sweep took this registration for an abandoned one. Nothing was changed; try again.", retry_after_s=1
            ) from None
        self._beat()

    def keep(self) -> None:
        self._kept = True

    def publish(self, facts: Facts) -> None:
        self.keep()
        pointer = {"attempt": self.attempt, "seq": facts.seq, "package_digest": facts.package_digest}
        key = f"{self._package}.json"
        data = json.dumps(pointer).encode()
        try:
            found = json.loads(self._storage.read(key).data)
        except KeyNotFound:
            if next(self._storage.objects(self._home), None) is None:
                raise KeyNotFound(self._package) from None
            self._storage.put(key, data, ABSENT)
        else:
            if found.get("attempt") != self.attempt:
                raise PreconditionFailed(self._package)
        self._storage.delete(marker_key(self.attempt))

    def discard(self) -> None:
        for meta in list(self._storage.objects(self._home)):
            self._storage.delete(meta["path"])
        self._storage.delete(marker_key(self.attempt))


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
