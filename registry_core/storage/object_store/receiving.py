"""The one writer of an uploaded file on an object store, one piece for each request."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any

from ..contract import Match, PreconditionFailed
from ..uploads import Incoming, Receiving, locked
from .bucket import Bucket

_TOUCH_EVERY_S = 30.0


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
        self._sending: Any = None
        self._sink: Any = None
        self._count = 0
        self._touched_at = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._locks:
            self._abandon()

    def write(self, chunk: memoryview) -> int:
        if self._sink is None:
            self._sending = self._bucket.upload(self._key, self.file.size_bytes - self.file.offset)
            self._sink = self._sending.__enter__()
        self._sink.write(bytes(chunk))
        self._count += len(chunk)
        if time.monotonic() - self._touched_at > _TOUCH_EVERY_S:
            self._touch()
            self._touched_at = time.monotonic()
        return len(chunk)

    def keep(self, count: int, sha256: str | None) -> Incoming:
        if self.file.sha256 is not None or (count == 0 and sha256 is None):
            return self.file
        if count != self._count:
            return self.file  # a write failed; the store has no part of this piece
        if count:
            self._finish()
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

    def _finish(self) -> None:
        sending, self._sending = self._sending, None
        sending.__exit__(None, None, None)

    def _abandon(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None:
            abandon(sending)


def abandon(sending: AbstractContextManager[Any]) -> None:
    """Nothing is there of the object that was being sent."""
    error = ConnectionAbortedError("these bytes are not kept")
    with suppress(ConnectionAbortedError):
        sending.__exit__(type(error), error, None)
