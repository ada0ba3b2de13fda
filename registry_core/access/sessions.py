"""Sessions of browsers: who has signed in, known again by a random id that the browser alone has.

``.sessions/<SHA-256 of the id>.json`` is working space of the service, no part of the format: it is never migrated, and
a sweep removes what has expired. Whoever signed in with a token of the registry is that token, as it is now.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ..format.layout import SESSIONS, session
from ..storage.contract import ABSENT, KeyNotFound, PreconditionFailed, Storage
from ..vocabulary.bounded import Bounded
from ..vocabulary.errors import PackageCorrupt, RegistryError
from ..vocabulary.texts import format_time, parse_object, parse_time
from . import tokens
from .principal import Kind, Principal

log = logging.getLogger(__name__)

SCHEMA = "omr-session/1"
VIA = "session"
LIFE = timedelta(hours=8)
KEPT_S = 5.0  # where each look is a request
SWEEP_EVERY_S = 3600.0
MOST_KEPT = 10_000
_ID_BYTES = 32


class Sessions:
    """The sessions of one registry root. Thread-safe; any number of processes may serve it.

    ``token``: who calls with the token of the registry that has an id; None if it counts no longer.
    """

    def __init__(self, storage: Storage, token: Callable[[str, datetime], Principal | None]) -> None:
        self._storage = storage
        self._token = token
        self._known: Bounded[str, tuple[Mapping[str, Any], float]] = Bounded(MOST_KEPT)
        self._swept_at: float | None = None

    def begin(
        self, principal: Principal, now: datetime, seal: Callable[[str], str] | None = None
    ) -> tuple[str, datetime]:
        """(id of a new session, which nobody else has; when it ends: in 8 h, or with the principal if that is sooner).

        ``seal``: makes of the id a text that is kept with it. Raises ``StorageError``.
        """
        self._sweep_now_and_then(now)
        session_id = secrets.token_hex(_ID_BYTES)
        ends = now + LIFE if principal.expires_at is None else min(now + LIFE, principal.expires_at)
        fields = {
            "schema": SCHEMA,
            "created_at": format_time(now),
            "expires_at": format_time(ends),
            "token_id": principal.token_id,
            "kind": str(principal.kind),
            "sealed": None if seal is None else seal(session_id),
            "who": None if principal.token_id is not None else tokens.fields_of_person(principal),
        }
        self._write(session(_digest(session_id)), fields)
        return session_id, ends

    def principal(self, session_id: str, now: datetime) -> Principal | None:
        """Who has signed in; None where the session has ended. Raises ``AccessUnreadable``, ``StorageError``."""
        return self.signed_in(session_id, now)[0]

    def signed_in(self, session_id: str, now: datetime) -> tuple[Principal | None, str | None]:
        """(as :meth:`principal`, the sealed text that is kept with the session)."""
        fields = self._read(_digest(session_id))
        found = self._principal(fields, now)
        kept = None if fields is None or found is None else fields.get("sealed")
        return found, None if kept is None else str(kept)

    def _principal(self, fields: Mapping[str, Any] | None, now: datetime) -> Principal | None:
        ends = None if fields is None else parse_time(fields.get("expires_at"))
        if fields is None or ends is None or ends <= now:
            return None
        token_id = fields.get("token_id")
        if token_id is not None:
            found = self._token(str(token_id), now)
            return None if found is None else _ending(found, min(ends, found.expires_at or ends))
        try:
            return _ending(tokens.person(fields.get("who"), Kind(str(fields.get("kind")))), ends)
        except ValueError:
            return None

    def end(self, session_id: str) -> None:
        """There is no such session any more: here at once, elsewhere on a store within five seconds."""
        digest = _digest(session_id)
        self._storage.documents.delete(session(digest))
        self._known.forget(digest)

    def spend(self, text: str, ends: datetime) -> bool:
        """Whether nobody has spent the text before; nobody else can until ``ends``. Raises ``StorageError``."""
        try:
            self._write(session(_digest(f"spent {text}")), {"schema": SCHEMA, "expires_at": format_time(ends)})
        except PreconditionFailed:
            return False
        return True

    def sweep(self, now: datetime, *, dry_run: bool) -> list[str]:
        """What has expired, and what is damaged, is gone; returns its keys."""
        gone = []
        for entry in list(self._storage.documents.list(SESSIONS)):
            if entry.kind != "file":
                continue
            fields: Mapping[str, Any] = {}
            with suppress(KeyNotFound, PackageCorrupt):
                fields = parse_object(self._storage.documents.read(entry.key).data) or {}
            ends = parse_time(fields.get("expires_at"))
            if ends is None or ends <= now:
                if not dry_run:
                    self._storage.documents.delete(entry.key)
                gone.append(entry.key)
        return gone

    def _write(self, key: str, fields: Mapping[str, Any]) -> None:
        self._storage.documents.write(key, json.dumps(fields).encode(), ABSENT, is_private=True)

    def _read(self, digest: str) -> Mapping[str, Any] | None:
        """The document; on a store, where each look is a request, as it was at most 5 s ago."""
        is_kept = not self._storage.documents.looks_are_cheap()
        known, read_at = self._known.get(digest) or (None, 0.0)
        if known is not None and is_kept and time.monotonic() - read_at < KEPT_S:
            return known
        read_at = time.monotonic()
        try:
            fields = parse_object(self._storage.documents.read(session(digest)).data)
        except (KeyNotFound, PackageCorrupt):
            fields = None
        found = fields if fields is not None and fields.get("schema") == SCHEMA and "kind" in fields else None
        if is_kept and found is not None:
            self._known.put(digest, (found, read_at))
        elif is_kept:
            self._known.forget(digest)
        return found

    def _sweep_now_and_then(self, now: datetime) -> None:
        # So that documents do not pile up where nobody calls sweep.
        if self._swept_at is None or time.monotonic() - self._swept_at > SWEEP_EVERY_S:
            self._swept_at = time.monotonic()
            try:
                self.sweep(now, dry_run=False)
            except RegistryError as error:
                log.error("expired sessions were not cleared: %s", error.message)


def _ending(principal: Principal, ends: datetime) -> Principal:
    return replace(principal, via=VIA, expires_at=ends)


def _digest(session_id: str) -> str:
    return hashlib.sha256(session_id.encode("utf-8", "backslashreplace")).hexdigest()
