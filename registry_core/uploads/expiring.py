"""Upload sessions that nobody has written to for too long are cleared away."""

from __future__ import annotations

import logging
import time
from itertools import islice

from ..settings import CoreSettings
from ..storage.contract import Storage
from ..vocabulary.errors import RegistryError
from ..vocabulary.times import steady_s

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 600.0


class Expiring:
    """Which sessions of a root have expired. Thread-safe."""

    def __init__(self, storage: Storage, settings: CoreSettings) -> None:
        self._storage, self._space, self._expiry_s = storage, storage.uploads, settings.upload_expiry_s
        self._looked_at = 0.0

    def sweep(self, *, dry_run: bool) -> list[str]:
        """They are gone; returns their ids."""
        before_s = self.before_s(may_write=not dry_run)
        found = self._space.expired(before_s)
        return [upload_id for upload_id in found if dry_run or self._space.clear(upload_id, before_s)]

    def make_room(self) -> None:
        """One of them is gone, if there are any: each new session makes room, so that their number stays bounded."""
        # On an object store a look costs a request for each session, so it is taken now and then.
        now_s = time.monotonic()
        if not self._storage.documents.looks_are_cheap() and now_s - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = now_s
        before_s = self.before_s()
        try:
            for upload_id in islice(self._space.expired(before_s), 1):
                self._space.clear(upload_id, before_s)
        except RegistryError as error:
            log.error("an expired upload was not cleared: %s", error.message)

    def before_s(self, *, may_write: bool = True) -> float:
        """What was not changed since has expired, by the storage's own clock too where something has by this one."""
        before_s = steady_s() - self._expiry_s
        if may_write and any(True for _ in self._space.expired(before_s)):
            there = self._storage.now()
            return before_s if there is None else min(before_s, there - self._expiry_s)
        return before_s
