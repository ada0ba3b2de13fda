"""Which event used an idempotency key: by the journal's names, or by a document where a storage has no index of them.

The documents are a projection of register events, true before their answers. That there is none says that a key was
not used, once a change has written those of all events before down, and that it has (``keys/.since``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from ..format.chain import Line
from ..format.layout import ModelKeys
from ..storage.contract import ABSENT, PreconditionFailed, Storage
from ..vocabulary.errors import InvalidParameter
from ..vocabulary.texts import encode_document
from . import projections
from .journal import KEY, Event, Journal
from .projections import Projection

MAX_CHARACTERS = 255


def check(key: object) -> None:
    """A caller may use it as a key; None is none. Raises ``InvalidParameter``."""
    if key is None or (isinstance(key, str) and 0 < len(key) <= MAX_CHARACTERS and key.isascii() and key.isprintable()):
        return
    raise InvalidParameter(
        f"An idempotency key has 1 to {MAX_CHARACTERS} printable ASCII characters.", field="idempotency_key"
    )


def of(key: str | None, whose: tuple[str, str] | None) -> str | None:
    """What the journal calls a caller's key: no other caller's is called so. ``whose``: where they are told apart."""
    return key if key is None or whose is None else "\n".join([*whose, key])


def key_of(event: Event) -> str | None:
    """The key that the event used, if it is one of register and used one."""
    used: Any = event.get("idempotency")
    key = used.get("key") if isinstance(used, dict) else None
    return key if isinstance(key, str) else None


def projection(keys: ModelKeys, event: Event, key: str) -> Projection:
    """The key's document after the event."""
    document = {**keys.names, "version": event["version"]}
    return Projection(keys.used_key(key), event["seq"], "its idempotency key is not kept yet", lambda _: document)


def find(storage: Storage, keys: ModelKeys, journal: Journal, key: str, born: Callable[[], Line | None]) -> Line | None:
    """The event that used the key. ``born`` gives one that may have, and whose document may not be there yet."""
    if not storage.packages.keeps_facts():
        return next(journal.named(KEY, key), None)
    is_damaged, seq = False, None
    try:
        seq = projections.seq_of(projections.read(storage, keys.used_key(key)))
    except ValueError:
        is_damaged = True
    line = journal.line(seq) if seq is not None else born()
    if line is not None and key_of(line.fields or {}) == key:
        return line
    if seq is None and not is_damaged and projections.is_there(storage, keys.used_keys_known):
        return None
    return next(journal.named(KEY, key), None)


def missing(storage: Storage, keys: ModelKeys, lines: Iterable[Line]) -> Iterator[Line]:
    """The events whose keys are kept nowhere, though it is said that all are: another register may use such a key."""
    there = {entry.key for entry in storage.documents.list(keys.used_keys)} if storage.packages.keeps_facts() else set()
    if keys.used_keys_known in there:
        used = ((line, key_of(line.fields or {})) for line in lines if line.is_own)
        yield from (line for line, key in used if key is not None and keys.used_key(key) not in there)


def write_down(storage: Storage, keys: ModelKeys, journal: Journal) -> None:
    """From now on a key without a document was not used. Call where the last event is finished, before the next."""
    if not storage.packages.keeps_facts() or projections.is_there(storage, keys.used_keys_known):
        return
    last = 0
    for line in journal.lines():
        last, event = line.seq, line.fields or {}
        key = key_of(event)
        if key is not None and line.is_own:
            projections.write(storage, projection(keys, event, key))
    with suppress(PreconditionFailed):
        storage.documents.write(keys.used_keys_known, encode_document({"seq": last}), ABSENT)
