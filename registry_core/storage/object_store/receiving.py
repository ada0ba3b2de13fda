"""The one writer of an uploaded file on an object store, one piece for each request."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any

from ..contract import Match, PreconditionFailed
from ..uploads import Incoming, Receiving, locked
from .bucket import Bucket

_TOUCH_EVERY_S = 30.0


class Sending:
    """The bytes of one object after another on their way into the store; the session hears of it now and then.

    ``position``: how many of the object's have been taken.
    """

    def __init__(self, bucket: Bucket, touch: Callable[[], None]) -> None:
        self._bucket, self._touch = bucket, touch
        self._upload: Any = None
        self._sink: Any = None
        self.position = 0
        self._touched_at = time.monotonic()

    @property
    def is_open(self) -> bool:
        return self._upload is not None

    def begin(self, key: str, size_bytes: int) -> None:
        """What is written from now on is of this object, of about that size; the one before has ended."""
        self.position = 0
        self._upload = self._bucket.upload(key, size_bytes)
        self._sink = self._upload.__enter__()

    def write(self, chunk: memoryview) -> None:
        self._sink.write(bytes(chunk))
        self.position += len(chunk)
        if time.monotonic() - self._touched_at > _TOUCH_EVERY_S:
            self._touch()
            self._touched_at = time.monotonic()

    def finish(self) -> None:
        """The object is there, whole."""
        upload, self._upload = self._upload, None
        upload.__exit__(None, None, None)

    def abandon(self) -> None:
        """Nothing is there of an object that was begun and has not ended."""
        upload, self._upload = self._upload, None
        if upload is not None:
            error = ConnectionAbortedError("these bytes are not kept")
            with suppress(ConnectionAbortedError):
                upload.__exit__(type(error), error, None)


class ObjectReceiving(Receiving):
    """One piece on its way into the store."""

    def __init__(
        self,
        bucket: Bucket,
        document: str,
        home: str,
        file: Incoming,
        fields: dict[str, Any],
        etag: str,
        touch: Callable[[], None],
        locks: ExitStack,
    ) -> None:
        self.file = file
        self._bucket, self._document = bucket, document
        self._fields, self._etag = fields, etag
        self._touch, self._locks = touch, locks
        self._piece = uuid.uuid4().hex
        self._key = f"{home}/{self._piece}"
        self._sending = Sending(bucket, touch)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._locks:
            self._sending.abandon()

    def write(self, chunk: memoryview) -> int:
        if not self._sending.is_open:
            self._sending.begin(self._key, self.file.size_bytes - self.file.offset)
        self._sending.write(chunk)
        return len(chunk)

    def keep(self, count: int, sha256: str | None) -> Incoming:
        if self.file.sha256 is not None or (count == 0 and sha256 is None):
            return self.file
        if count != self._sending.position:
            return self.file  # a write failed; the store has no part of this piece
        if count:
            self._sending.finish()
        pieces = [*self._fields["pieces"], *([[self._piece, count]] if count else [])]
        etags = dict(self._fields.get("etags", {}))
        if count:
            etags[self._piece] = self._bucket.tag(self._key)
        fields = {**self._fields, "pieces": pieces, "etags": etags, "sha256": sha256}
        try:
            self._bucket.put(self._document, json.dumps(fields, ensure_ascii=False).encode(), Match(self._etag))
        except PreconditionFailed:
            if count:
                self._bucket.delete(self._key)
            raise locked() from None
        self._touch()
        return replace(self.file, offset=self.file.offset + count, sha256=sha256)
