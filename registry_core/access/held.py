"""The rules that hold, kept in memory for as long as nothing has happened to the registry's own journal."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic
from typing import TypeVar

from ..format.layout import REGISTRY_HOME, REGISTRY_JOURNAL
from ..models.registry_journal import RegistryJournal
from ..vocabulary.errors import RegistryError
from . import in_force
from .decisions import Standing, standing
from .in_force import InForce, unreadable
from .principal import Principal
from .tokens import TokenDocument, id_of
from .who import Issuers

K = TypeVar("K")
V = TypeVar("V")
LOOK_EVERY_S = 5.0
MOST_KEPT = 10_000  # principals, and tokens


@dataclass(frozen=True)
class _Held:
    """``mark``: another one whenever something has happened to the journal; ``looked_at`` was before it was taken.

    ``standings`` and ``tokens`` are what was found by these rules, and go with them. What is kept of a token comes with
    whom it means, and when it was read.
    """

    rules: InForce
    mark: str
    looked_at: float
    standings: dict[Principal, Standing] = field(default_factory=dict)
    tokens: dict[str, tuple[TokenDocument, Principal, float]] = field(default_factory=dict)


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

    def now(self) -> InForce:
        """The rules, at the cost of a stat, or of one request in five seconds. Raises ``AccessUnreadable``."""
        return self._now().rules

    def standing(self, principal: Principal) -> Standing:
        """What they say of the principal, at the same cost; nothing is given to one whose token counts no longer.

        Raises ``AccessUnreadable``.
        """
        held = self._now()
        found = held.standings.get(principal)
        if found is None:
            found = standing(held.rules.rules, principal)
            if principal.token_id is not None and principal.token_id not in held.rules.said.tokens:
                found = replace(found, rules=(), is_blocked=True, is_admin=False)  # the token was revoked since
            _keep(held.standings, principal, found)
        return found

    def _now(self) -> _Held:
        storage, held = self._journal.storage, self._held
        is_cheap = storage.documents.looks_are_cheap()
        if held is not None and not is_cheap and _is_young(held.looked_at):
            return held
        with self._mutex:
            held, looked_at = self._held, monotonic()
            if held is not None and not is_cheap and _is_young(held.looked_at):
                return held
            mark = self._mark()
            if held is not None and held.mark == mark:
                if not is_cheap:
                    self._held = held = replace(held, looked_at=looked_at)
                return held
            self._held = None
            storage.documents.forget(REGISTRY_JOURNAL)
            rules = in_force.read(self._journal, self._issuers)
            if self._was_ruled and not rules.said.is_ruled:
                raise unreadable(f"{REGISTRY_JOURNAL} is gone")
            self._was_ruled = rules.said.is_ruled
            self._held = held = _Held(rules, mark, looked_at)
            return held

    def forget(self) -> None:
        """What this process has just changed is seen by whoever asks next."""
        with self._mutex:
            self._held = None

    def admitted(self, text: str, now: datetime) -> Principal | None:
        """Who calls with the token, None if it does not count. Raises ``AccessUnreadable``."""
        held, token_id = self._now(), id_of(text)
        known = None if token_id is None else self._token(held, token_id)
        return known[1] if known is not None and known[0].admits(text, now) else None

    def still_admitted(self, token_id: str, now: datetime) -> Principal | None:
        """Whoever was admitted by the token before, None if it counts no longer. Raises ``AccessUnreadable``."""
        known = self._token(self._now(), token_id)
        return known[1] if known is not None and now < known[0].expires_at else None

    def _token(self, held: _Held, token_id: str) -> tuple[TokenDocument, Principal] | None:
        known = held.tokens.get(token_id)
        if known is None or not _is_young(known[2]):
            read_at = monotonic()
            document = in_force.token_document(self._journal.storage, held.rules.said, token_id)
            if document is None:
                return None
            known = document, document.principal(), read_at
            _keep(held.tokens, token_id, known)
        return known[:2]

    def _mark(self) -> str:
        """One look at the journal as it lies in the storage, whatever this process remembers of it."""
        storage = self._journal.storage
        try:
            place = storage.place(REGISTRY_JOURNAL)
            if place is not None:
                return place
            found = [f"{entry.key} {entry.size_bytes}" for entry in storage.documents.list(REGISTRY_HOME)]
        except RegistryError as error:
            self._held = None
            raise unreadable(f"nobody can look at {REGISTRY_JOURNAL}: {error.message}") from error
        return hashlib.sha256("\n".join(found).encode()).hexdigest()


def _keep(kept: dict[K, V], key: K, value: V) -> None:
    # Asked several times in each call, and so no Bounded, which locks.
    if len(kept) >= MOST_KEPT:
        kept.clear()
    kept[key] = value


def _is_young(looked_at: float) -> bool:
    return monotonic() - looked_at < LOOK_EVERY_S
