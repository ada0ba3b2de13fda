"""Long work that nobody waits for: a document says how far it is, and later what came of it.

``.operations/<id>.json`` is working space of the service, no part of the format. Whoever does the work beats: a
document that has been silent for too long, or whose process is gone, is of an operation that was interrupted. It
can be begun again, and takes the place of the one before where both have the same key. Ids are random, since whoever
knows one may read what came of it; ``.operations/keys/`` says which one a caller's key has.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import Any

from ..storage import Storage
from ..storage.contract import ABSENT, Document, KeyNotFound, Match, PreconditionFailed
from ..vocabulary.answers import Value, Warned
from ..vocabulary.errors import IdempotencyKeyReused, OperationNotFound, RegistryError
from ..vocabulary.looking import OperationFacts
from ..vocabulary.progress import Progress, ProgressCallback
from ..vocabulary.texts import format_time, parse_object, parse_time, printable
from .processes import beating, has_died, silent_s, this_process

log = logging.getLogger(__name__)

OPERATIONS = ".operations"
_KEYS = f"{OPERATIONS}/keys"
RUNNING, SUCCEEDED, FAILED, INTERRUPTED = "running", "succeeded", "failed", "interrupted"
EXPIRY_S = 24 * 3600.0
TELL_EVERY_S = 1.0  # where there is progress to tell
BEAT_EVERY_S = 5.0
SILENT_S = 30.0
SWEEP_EVERY_S = 600.0
_LAST_TRIES = 5
MOST_LOOKED_AT = 300  # a request each, on a store
_TOLD = ("task", "model_name", "version", "ref")
_ID = re.compile(r"[0-9a-f]{32}")
_NONE_YET = Progress(0, 0, 0, 0)
_FIELDS: dict[str, type | UnionType] = {
    **dict.fromkeys(("operation_id", "verb", "state", "created_at", "updated_at"), str),
    **dict.fromkeys(("result", "error", "process"), dict | None),
    "progress": dict,
}


@dataclass(frozen=True)
class Operation(Value):
    """One call that goes on by itself. ``state``: running, succeeded, failed or interrupted.

    ``result`` is what the verb answered, ``error`` the problem document in its place; both None while it runs.
    """

    operation_id: str
    verb: str
    state: str
    progress: dict[str, int]
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    created_at: str
    updated_at: str
    expires_at: str


class Operations:
    """The operations of one registry root. Thread-safe; any number of processes may serve it."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._swept_at = 0.0

    def get(
        self, operation_id: str, whose: Sequence[str] | None = None, of: Mapping[str, Any] | None = None
    ) -> Operation:
        """The operation as it is now. Raises ``OperationNotFound``, also for one that has expired.

        ``whose``: of those only that these have begun; None: of all. ``of``: of those only that do just that, by
        ``verb`` and by what it is about.
        """
        document = self._read(operation_id)
        fields = None if document is None else _fields(document)
        is_theirs = fields is not None and (whose is None or fields.get("whose") == list(whose))
        if fields is None or not is_theirs or _has_expired(fields) or (of is not None and _asked(fields) != {**of}):
            raise OperationNotFound(
                "There is no such operation. It may have expired.", operation_id=printable(operation_id)
            )
        return _shown(fields)

    def newest(self, limit: int, whose: Sequence[str] | None = None) -> Warned[OperationFacts]:
        """Those that moved last first; of no more than ``MOST_LOOKED_AT`` is it looked whose they are.

        ``whose``: as of :meth:`get`.
        """
        entries = [entry for entry in self._storage.documents.list(OPERATIONS) if entry.kind == "file"]
        entries.sort(key=lambda entry: entry.changed_s or 0.0, reverse=True)
        found: list[OperationFacts] = []
        for entry in entries[:MOST_LOOKED_AT]:
            document = self._read(entry.name.removesuffix(".json"))
            fields = None if document is None else _fields(document)
            if fields is None or _has_expired(fields) or (whose is not None and fields.get("whose") != list(whose)):
                continue
            found.append(_facts(fields))
            if len(found) == limit:
                break
        is_all = len(entries) <= MOST_LOOKED_AT or len(found) == limit
        return Warned(found, [] if is_all else [f"Only the last {MOST_LOOKED_AT} operations were looked at."])

    def begin(
        self, verb: str, request: Mapping[str, Any], key: str | None, whose: Sequence[str] | None = None
    ) -> tuple[Operation, RunningOperation | None]:
        """(the operation, and the right to do its work; None if it runs or is done already).

        ``key``: makes a repeat of the same request the same operation, unless that failed or was interrupted.
        ``whose``: who begins it, where callers are told apart; a key means nothing to others.
        Raises ``IdempotencyKeyReused``.
        """
        self._sweep_now_and_then()
        said = json.dumps(request, sort_keys=True)
        digest = hashlib.sha256(said.encode()).hexdigest()
        operation_id = uuid.uuid4().hex if key is None else self._id_of(json.dumps([whose, verb, key]))
        while True:
            earlier = None if key is None else self._read(operation_id)
            fields = None if earlier is None else _fields(earlier)
            if fields is not None and not _has_expired(fields) and _state(fields) in (RUNNING, SUCCEEDED):
                if fields.get("request_digest") != digest:
                    raise IdempotencyKeyReused(
                        "This Idempotency-Key was used for a different request. Use a new key.",
                        operation_id=operation_id,
                    )
                return _shown(fields), None
            now = format_time(datetime.now(UTC))
            began: dict[str, Any] = {
                "operation_id": operation_id,
                "verb": verb,
                "state": RUNNING,
                "progress": asdict(_NONE_YET),
                "result": None,
                "error": None,
                "created_at": now,
                "updated_at": now,
                "request_digest": digest,
                "about": {name: request[name] for name in _TOLD if name in request},
                **({} if whose is None else {"whose": list(whose)}),
                "process": beating(this_process()),
            }
            with suppress(PreconditionFailed):  # somebody else has begun it: look again
                when = ABSENT if earlier is None else Match(earlier.etag)
                running = RunningOperation(
                    self._storage, began, self._storage.documents.write(_key(operation_id), _encoded(began), when)
                )
                return _shown(began), running

    def _id_of(self, whose: str) -> str:
        """The id that the caller's key has: the one that was given to it first, at random."""
        name = f"{_KEYS}/{hashlib.sha256(whose.encode()).hexdigest()}.json"
        new = {"operation_id": uuid.uuid4().hex, "created_at": format_time(datetime.now(UTC))}
        while True:
            document: Document | None = None
            with suppress(KeyNotFound):
                document = self._storage.documents.read(name)
                known = str((parse_object(document.data) or {}).get("operation_id"))
                if _ID.fullmatch(known) is not None:
                    return known
            with suppress(PreconditionFailed):  # somebody else has: look again
                when = ABSENT if document is None else Match(document.etag)
                self._storage.documents.write(name, _encoded(new), when)
                return new["operation_id"]

    def sweep(self, *, dry_run: bool) -> list[str]:
        """The expired operations are gone, and the keys that named them; returns their ids."""
        gone = []
        for entry in list(self._storage.documents.list(OPERATIONS)):
            operation_id = entry.name.removesuffix(".json")
            document = self._read(operation_id) if entry.kind == "file" else None
            fields = None if document is None else _fields(document)
            if document is not None and (fields is None or _has_expired(fields)):
                if not dry_run:
                    self._storage.documents.delete(_key(operation_id))
                gone.append(operation_id)
        for entry in [] if dry_run else list(self._storage.documents.list(_KEYS)):
            with suppress(KeyNotFound):
                fields = parse_object(self._storage.documents.read(entry.key).data) or {}
                since = parse_time(fields.get("created_at"))
                is_old = since is None or (datetime.now(UTC) - since).total_seconds() > EXPIRY_S
                if is_old and self._read(str(fields.get("operation_id"))) is None:
                    self._storage.documents.delete(entry.key)
        return gone

    def _sweep_now_and_then(self) -> None:
        # So that documents do not pile up where nobody calls sweep.
        if time.monotonic() - self._swept_at > SWEEP_EVERY_S or self._swept_at == 0.0:
            self._swept_at = time.monotonic()
            try:
                self.sweep(dry_run=False)
            except RegistryError as error:
                log.error("expired operations were not cleared: %s", error.message)

    def _read(self, operation_id: str) -> Document | None:
        if _ID.fullmatch(operation_id) is None:
            return None
        with suppress(KeyNotFound):
            return self._storage.documents.read(_key(operation_id))
        return None


class RunningOperation:
    """The right to do an operation's work, once, and to say how far it is."""

    def __init__(self, storage: Storage, fields: dict[str, Any], document: Document) -> None:
        self._storage = storage
        self._fields = fields
        self._etag = document.etag
        self._progress = _NONE_YET
        self._done = threading.Event()
        self._is_ours = True

    def run(
        self,
        work: Callable[[ProgressCallback], dict[str, Any]],
        explain: Callable[[Exception], dict[str, Any]],
    ) -> None:
        """``work`` is done, and its outcome written down: what it returned, or what ``explain`` makes of its error.

        Never raises. An outcome that cannot be written is logged; the operation is then seen as interrupted.
        """
        ticker = threading.Thread(target=self._tick, name="heartbeat", daemon=True)
        ticker.start()
        try:
            outcome = {"state": SUCCEEDED, "result": work(self._note)}
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome
            outcome = {"state": FAILED, "error": explain(error)}
        self._done.set()
        ticker.join()
        for attempt in range(1, _LAST_TRIES + 1):
            if self._write({**outcome, "progress": asdict(self._progress)}):
                return
            if attempt < _LAST_TRIES and self._is_ours:
                time.sleep(attempt)

    def _note(self, progress: Progress) -> None:
        self._progress = progress

    def _tick(self) -> None:
        told, told_at = _NONE_YET, time.monotonic()
        while not self._done.wait(TELL_EVERY_S):
            now = self._progress
            if now != told or time.monotonic() - told_at >= BEAT_EVERY_S:
                self._write({"progress": asdict(now)})
                told, told_at = now, time.monotonic()

    def _write(self, changes: Mapping[str, Any]) -> bool:
        if not self._is_ours:
            return False
        process = beating(self._fields["process"])
        self._fields = {**self._fields, **changes, "process": process, "updated_at": format_time(datetime.now(UTC))}
        key = _key(self._fields["operation_id"])
        try:
            self._etag = self._storage.documents.write(key, _encoded(self._fields), Match(self._etag)).etag
            return True
        except PreconditionFailed:
            # It was taken for interrupted, and begun anew; or it was swept.
            self._is_ours = False
            log.warning("operation %s is somebody else's now", self._fields["operation_id"])
        except RegistryError as error:
            log.error("operation %s: its state is not written: %s", self._fields["operation_id"], error.message)
        return False


def _key(operation_id: str) -> str:
    return f"{OPERATIONS}/{operation_id}.json"


def _encoded(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _fields(document: Document) -> dict[str, Any] | None:
    """What the document says; None if it is damaged."""
    fields = parse_object(document.data) or {}
    is_known = all(isinstance(fields.get(name), kind) for name, kind in _FIELDS.items())
    if not is_known or fields["state"] not in (RUNNING, SUCCEEDED, FAILED):
        return None
    return fields if parse_time(fields["updated_at"]) is not None and _age_s(fields) > -EXPIRY_S else None


def _state(fields: Mapping[str, Any]) -> str:
    if fields["state"] == RUNNING and (_age_s(fields) > SILENT_S or has_died(fields.get("process") or {})):
        return INTERRUPTED
    return str(fields["state"])


def _age_s(fields: Mapping[str, Any]) -> float:
    """How long ago it was written. Clocks may jump; they are asked only where nothing else can tell."""
    beat_s = silent_s(fields.get("process") or {})
    return beat_s if beat_s is not None else (datetime.now(UTC) - _updated_at(fields)).total_seconds()


def _updated_at(fields: Mapping[str, Any]) -> datetime:
    return parse_time(fields["updated_at"]) or datetime.now(UTC)


def _has_expired(fields: Mapping[str, Any]) -> bool:
    return _age_s(fields) > EXPIRY_S


def _shown(fields: Mapping[str, Any]) -> Operation:
    names = ("operation_id", "verb", "progress", "result", "error", "created_at", "updated_at")
    expires = _updated_at(fields) + timedelta(seconds=EXPIRY_S)
    known: dict[str, Any] = {name: fields.get(name) for name in names}
    return Operation(**known, state=_state(fields), expires_at=format_time(expires))


def _asked(fields: Mapping[str, Any]) -> dict[str, Any]:
    told = fields.get("about")
    return {"verb": fields["verb"], **(told if isinstance(told, dict) else {})}


def _facts(fields: Mapping[str, Any]) -> OperationFacts:
    told, error = fields.get("about"), fields.get("error") or {}
    names = ("operation_id", "verb", "created_at", "updated_at")
    known: dict[str, Any] = {name: fields[name] for name in names}
    return OperationFacts(
        **known,
        state=_state(fields),
        progress=_progress(fields["progress"]),
        about=told if isinstance(told, dict) else {},
        error=str(error["code"]) if "code" in error else None,
    )


def _progress(said: Mapping[str, Any]) -> Progress:
    counts = (said.get(name) for name in asdict(_NONE_YET))
    return Progress(*(count if isinstance(count, int) and count >= 0 else 0 for count in counts))
