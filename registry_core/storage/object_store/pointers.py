"""The pointer of a published package on an object store: a small document says which attempt's files they are.

A package's pointer says for ever the same attempt, so that is remembered; whether the package is retired,
and its notes, are read anew.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...vocabulary.errors import InvalidName, StorageUnavailable
from ...vocabulary.texts import check_key
from ..contract import ABSENT, Facts, KeyNotFound, Match, PreconditionFailed
from .bucket import Bucket
from .record_cache import Bounded

REMEMBERED = 10_000
MOMENT_S = 1.0


def pointer_key(package: str) -> str:
    return f"{package}.json"


@dataclass(frozen=True)
class Pointer:
    """The pointer document of a package."""

    attempt: str
    facts: Facts


def parse(package: str, data: bytes) -> tuple[Pointer, dict[str, Any]]:
    """The pointer, and all that its document says. Raises ``StorageUnavailable`` for one that is damaged."""
    try:
        fields = json.loads(data)
        attempt = check_key(fields["attempt"])
        notes, retired = fields.get("notes") or {}, bool(fields.get("retired"))
        return Pointer(attempt, Facts(fields["seq"], fields["package_digest"], notes, retired)), fields
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError, InvalidName):
        raise StorageUnavailable(f"The pointer document {pointer_key(package)} is damaged.") from None


class Pointers:
    """The pointers of one bucket's packages."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._attempts: Bounded[str, str] = Bounded(REMEMBERED)
        self._fresh = threading.local()

    def pointer(self, package: str) -> Pointer:
        """The pointer as it is now. Raises ``KeyNotFound``, ``StorageUnavailable``."""
        self._fresh.package = None
        try:
            pointer, _ = parse(package, self._bucket.read(pointer_key(check_key(package))).data)
        except KeyNotFound:
            self._attempts.forget(package)
            self._remember(package, None)
            raise KeyNotFound(package) from None
        self._attempts.put(package, pointer.attempt)
        self._remember(package, pointer)
        return pointer

    def _remember(self, package: str, pointer: Pointer | None) -> None:
        self._fresh.package, self._fresh.pointer, self._fresh.read_at = package, pointer, time.monotonic()

    def facts(self, package: str) -> Facts | None:
        """What the pointer says; what this thread has read a moment ago serves once more."""
        fresh = self._fresh
        if getattr(fresh, "package", None) != package or time.monotonic() - fresh.read_at > MOMENT_S:
            with suppress(KeyNotFound):
                self.pointer(package)
        fresh.package = None
        pointer: Pointer | None = fresh.pointer
        return pointer.facts if pointer is not None else None

    def remembered(self, package: str) -> str | None:
        """The attempt that the pointer has named before, without a look; None where that is not remembered."""
        return self._attempts.get(package)

    def home(self, package: str) -> str:
        """The prefix of the package's files. Raises ``KeyNotFound``."""
        pointer = self.pointer(package)
        if pointer.facts.retired:
            raise KeyNotFound(package)
        return f"{package}/{pointer.attempt}"

    def publish(self, package: str, attempt: str, facts: Facts) -> None:
        """As ``Staging.publish``."""
        key = pointer_key(package)
        home = f"{package}/{attempt}"
        document = {"attempt": attempt, "seq": facts.seq, "package_digest": facts.package_digest}
        try:
            found = self.pointer(package).attempt
        except KeyNotFound:
            if next(self._bucket.objects(home), None) is None:
                raise KeyNotFound(package) from None
            self._bucket.put(key, json.dumps(document).encode(), ABSENT)
            return
        if found != attempt:
            raise PreconditionFailed(package)

    def change(self, package: str, seq: int, changes: Mapping[str, Any]) -> None:
        """The pointer says so, unless an event later than ``seq`` has changed it. Raises ``KeyNotFound``."""
        key = pointer_key(check_key(package))
        self._fresh.package = None
        while True:
            now = self._bucket.read(key)
            _, fields = parse(package, now.data)
            if (fields.get("changed") or 0) >= seq:
                return
            notes = {**(fields.get("notes") or {}), **changes.get("notes", {})}
            document = {**fields, **changes, "notes": notes, "changed": seq}
            with suppress(PreconditionFailed):  # another replica was faster: look again
                self._bucket.put(key, json.dumps(document).encode(), Match(now.etag))
                return

    def retired(self, package: str) -> str | None:
        """As ``Packages.retired``."""
        with suppress(KeyNotFound):
            pointer = self.pointer(package)
            home = f"{package}/{pointer.attempt}"
            if pointer.facts.retired and next(self._bucket.objects(home), None) is not None:
                return home
        return None
