"""Documents that follow the journal: each shows its last event, and never an older one over a newer.

The journal is the truth (:mod:`registry_core.format.chain`); a projection is what readers look at, so that
they need not replay it. Every document carries the ``seq`` of the event that it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ..format.chain import Line
from ..format.layout import ModelKeys, is_private
from ..storage.contract import ABSENT, ANY, Condition, KeyNotFound, Match, PreconditionFailed, Prepared, Storage
from ..vocabulary.errors import RegistryError
from ..vocabulary.texts import encode, encode_document, is_name, is_segment, parse_object

Fields = Mapping[str, Any]


@dataclass
class Noticed:
    """What reads of one model have come upon by the way: which events were shown where, and what was damaged."""

    shown: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    born: dict[str, Line] = field(default_factory=dict)  # version -> its register event, where it was come upon
    note: tuple[int | None, int | None] | None = None

    def noted(self, storage: Storage, keys: ModelKeys) -> tuple[int | None, int | None]:
        """What is noted beside the lock, read once: an older note only says less."""
        if self.note is None:
            self.note = storage.documents.noted(keys.model)
        return self.note

    def show(self, key: str, seq: int | None) -> None:
        if seq is not None:
            self.shown[key] = seq

    def beyond(self, seq: int) -> bool:
        """Whether a later event was shown."""
        return any(shown > seq for shown in self.shown.values())


@dataclass(frozen=True)
class Projection:
    """One document that an event changes.

    ``render`` makes the new content from the old (empty: there is none; None: it cannot be read); content
    whose ``version`` is None says that the thing is gone. ``supersedes`` decides about a document
    without a ``seq``, which older software wrote. ``title`` says what is not true yet while it is pending.
    """

    key: str
    seq: int
    title: str
    render: Callable[[Fields | None], Fields]
    supersedes: Callable[[Fields | None], bool] = lambda _: True


class PreparedDocument:
    """A projection's write with all the space it needs; switch to it after the event."""

    def __init__(self, storage: Storage, projection: Projection) -> None:
        self._storage = storage
        self._projection = projection
        self.key = projection.key
        self._prepared: Prepared | None = None
        when, old = _look(storage, projection)
        self.is_later = when is None  # the document shows the event, or a later one, before there is such an event
        self._when = ANY if when is None else when
        self._new = projection.render(old)
        if not is_gone(self._new):
            self._prepared = storage.documents.prepare(projection.key, _data(projection, self._new), self._when)

    def switch(self) -> None:
        """The document shows the event, or a later one."""
        try:
            if self._prepared is not None:
                self._prepared.switch()
            else:
                _remove(self._storage, self._projection, self._new, self._when)
        except PreconditionFailed:  # another replica was faster to finish it
            write(self._storage, self._projection)

    def discard(self) -> None:
        if self._prepared is not None:
            self._prepared.discard()


def is_behind(storage: Storage, projection: Projection) -> bool:
    """Whether the document does not show the event yet."""
    when, old = _look(storage, projection)
    return when is not None and not (when is ABSENT and is_gone(projection.render(old)))


def write(storage: Storage, projection: Projection) -> None:
    """The document shows the event, or a later one: never over a higher ``seq``."""
    while True:
        when, old = _look(storage, projection)
        if when is None:
            return
        new = projection.render(old)
        try:
            if is_gone(new):
                _remove(storage, projection, new, when)
            else:
                storage.documents.write(projection.key, _data(projection, new), when)
        except PreconditionFailed:
            continue  # somebody else wrote it: look again
        return


def rewrite(storage: Storage, projection: Projection) -> None:
    """The document is what the event makes of it, whatever it was; call with the subject held.

    Where a storage has no locks and another replica writes it at the same time, what that one has written stays.
    """
    new = projection.render(None)
    try:
        when: Condition = Match(storage.documents.read(projection.key).etag)
    except KeyNotFound:
        when = ABSENT
    with suppress(PreconditionFailed):
        if is_gone(new):
            _remove(storage, projection, new, when)
        else:
            storage.documents.write(projection.key, _data(projection, new), when)


@contextmanager
def set_aside(storage: Storage, key: str, data: bytes) -> Iterator[None]:
    """A document that an event inside needs has been written before it; gone again if there is no event after all.

    What a kill leaves is nobody's until an event names it.
    """
    storage.documents.write(key, data, is_private=is_private(key))
    try:
        yield
    except RegistryError as error:
        if "committed" not in error.detail:
            with suppress(RegistryError):
                storage.documents.delete_if_locked(key)  # else another replica may have written it for its own event
        raise


def read(storage: Storage, key: str) -> Fields | None:
    """The document's fields; None if it is absent, or says that the thing is gone.

    Raises ``ValueError`` for one that cannot be read.
    """
    try:
        fields = _parse(storage.documents.read(key).data)
    except KeyNotFound:
        return None
    if fields is None:
        raise ValueError(key)
    return None if fields.get("version", "") is None else fields


def is_damaged(old: Fields | None, about: Fields) -> bool:
    """Whether what was found of a document that only we write is not what we wrote; an absent one is empty.

    ``about``: the names of what lies under its key, which each of ours says as well.
    """
    return old is None or (bool(old) and (seq_of(old) is None or not is_about(old, about)))


def is_about(fields: Fields, about: Fields) -> bool:
    """Whether the document says nothing else of what it is about; that a thing is gone needs no name."""
    return all(fields.get(name, value) == value for name, value in about.items())


def is_there(storage: Storage, key: str) -> bool:
    """Whether there is a document, whatever it says."""
    try:
        storage.documents.read(key)
    except KeyNotFound:
        return False
    return True


def shown_seq(storage: Storage, keys: ModelKeys, key: str) -> int | None:
    """The model's event that the document shows, one of a thing that is gone included; None where it shows none."""
    try:
        fields = _parse(storage.documents.read(key).data)
    except KeyNotFound:
        return None
    return seq_of(fields) if fields is not None and is_about(fields, keys.names) else None


def seq_of(fields: Fields | None) -> int | None:
    """The event that the document shows; None where older software wrote it."""
    seq = fields.get("seq") if fields is not None else None
    return seq if isinstance(seq, int) else None


def _look(storage: Storage, projection: Projection) -> tuple[Condition | None, Fields | None]:
    """(what must still hold when the document is written, or None if it must not be; its content)."""
    try:
        now = storage.documents.read(projection.key)
    except KeyNotFound:
        return ABSENT, {}
    fields = _parse(now.data)
    seq = seq_of(fields)
    is_due = projection.supersedes(fields) if seq is None else seq < projection.seq
    return (Match(now.etag) if is_due else None), fields


def _remove(storage: Storage, projection: Projection, new: Fields, when: Condition) -> None:
    """The thing is gone. Where its document stays, its ``seq`` keeps a slow replica from writing an older event."""
    storage.documents.remove(projection.key, _data(projection, new), when)


def _data(projection: Projection, new: Fields) -> bytes:
    return encode_document({**new, "seq": projection.seq})


def is_gone(fields: Fields) -> bool:
    """Whether the content of a document says that the thing is gone."""
    return fields.get("version", "") is None


def _parse(data: bytes) -> Fields | None:
    fields = parse_object(data)
    try:
        encode(fields or {})  # what JSON cannot hold (NaN, a lone surrogate) no document of ours has had
    except ValueError:
        return None
    return fields or None


def may_look_up(storage: Storage, name: str, prefix: str, suffix: str = "") -> bool:
    """Whether ``name`` may become part of a key: by the grammar, or because it is there already."""
    if not isinstance(name, str):
        return False
    if is_name(name):
        return True
    return is_segment(name) and any(entry.name == name + suffix for entry in storage.documents.list(prefix))
