"""The rules that hold, kept in memory for as long as nothing has happened to the registry's own journal."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime

from ..format.layout import REGISTRY_HOME, REGISTRY_JOURNAL
from ..models.registry_journal import RegistryJournal
from ..vocabulary.errors import AccessUnreadable, RegistryError
from . import in_force
from .in_force import InForce, unreadable
from .principal import Principal
from .tokens import TokenDocument, id_of
from .who import Issuers

LOOK_EVERY_S = 5.0


@dataclass(frozen=True)
class _Held:
    """``mark``: another one whenever something has happened to the journal; ``looked_at`` was before it was taken."""

    rules: InForce
    mark: str
    looked_at: float


class HeldRules:
    """Rules that held 5 s ago at the earliest; on a filesystem those that hold now. Thread-safe.

    Where nobody can look, there are no rules, and never those of before.
    """

    def __init__(self, journal: RegistryJournal, issuers: Issuers) -> None:
        self._journal = journal
        self._issuers = issuers
        self._mutex = threading.Lock()  # who looks; others wait for what comes of it
        self._held: _Held | None = None
        self._was_ruled = False
        self._tokens: dict[str, tuple[TokenDocument, float]] = {}

    def now(self) -> InForce:
        """The rules, at the cost of a stat, or of one request in five seconds. Raises ``AccessUnreadable``."""
        storage = self._journal.storage
        held = self._held
        if held is not None and not storage.documents.looks_are_cheap() and _is_young(held.looked_at):
            return held.rules
        with self._mutex:
            held, looked_at = self._held, time.monotonic()
            if held is not None and not storage.documents.looks_are_cheap() and _is_young(held.looked_at):
                return held.rules
            mark = self._mark()
            if held is not None and held.mark == mark:
                self._held = replace(held, looked_at=looked_at)
                return held.rules
            self._held, self._tokens = None, {}
            storage.documents.forget(REGISTRY_JOURNAL)
            rules = in_force.read(self._journal, self._issuers)
            if self._was_ruled and not rules.said.is_ruled:
                raise unreadable(f"{REGISTRY_JOURNAL} is gone")
            self._was_ruled = rules.said.is_ruled
            self._held = _Held(rules, mark, looked_at)
            return rules

    def forget(self) -> None:
        """What this process has just changed is seen by whoever asks next."""
        with self._mutex:
            self._held = None

    def admitted(self, text: str, now: datetime) -> Principal | None:
        """Who calls with the token, None if it does not count. Raises ``AccessUnreadable``."""
        rules, token_id = self.now(), id_of(text)
        if token_id is None:
            return None
        known, read_at = self._tokens.get(token_id, (None, 0.0))
        if known is None or not _is_young(read_at):
            read_at = time.monotonic()
            known = in_force.token_document(self._journal.storage, rules.said, token_id)
            if known is not None and self._held is not None and self._held.rules is rules:
                self._tokens[token_id] = (known, read_at)
        return known.principal() if known is not None and known.admits(text, now) else None

    def _mark(self) -> str:
        """One look at the journal as it lies in the storage, whatever this process remembers of it."""
        storage = self._journal.storage
        try:
            place = storage.place(REGISTRY_JOURNAL)
            if place is not None:
                return place
            found = [f"{entry.key} {entry.size_bytes}" for entry in storage.documents.list(REGISTRY_HOME)]
        except AccessUnreadable:
            raise
        except RegistryError as error:
            self._held = None
            raise unreadable(f"nobody can look at {REGISTRY_JOURNAL}: {error.message}") from error
        return hashlib.sha256("\n".join(found).encode()).hexdigest()


def _is_young(looked_at: float) -> bool:
    return time.monotonic() - looked_at < LOOK_EVERY_S
