"""What happened: the verbs that tell of events, of one model or of all."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Protocol

from .answers import Event, HistoryPage, Value
from .verbs import ModelName, Task

OfAlias = Annotated[str | None, "Only events of this alias."]
OfVersion = Annotated[str | None, "Only events of this version."]
OfKind = Annotated[str | None, "Only events of this kind."]
OfActor = Annotated[str | None, "Only events that this actor made."]
Since = Annotated[str | datetime | None, "Only events from this moment on (RFC 3339)."]
Until = Annotated[str | datetime | None, "Only events before this moment (RFC 3339)."]
Words = Annotated[str | None, "Only events that have each of these words in kind, names, actor or reason."]
Limit = Annotated[int, "At most so many events."]


@dataclass(frozen=True)
class ActivityPage(Value):
    """Events of all models."""

    events: list[Event]
    next: Annotated[str | None, "What to send as before for the events that follow, null at the end."]
    warnings: list[str] = field(default_factory=list)


class VerbsOfEvents(Protocol):
    """What ``ModelRegistry`` and ``RegistryClient`` have in common beside ``Verbs``.

    Oldest first, by alias, version or event alone, the journal itself is told. Otherwise it is the catalogue's word,
    which costs a page however many events there are: then an event has no digest, no principal and no field of later
    software, and its reason ends after 1000 characters. Such a page looks through 3000 events at most: where few of
    them are wanted it is short, and its ``next`` goes on.
    """

    def history(
        self,
        task: Task,
        model_name: ModelName,
        *,
        alias: OfAlias = None,
        version: OfVersion = None,
        event: OfKind = None,
        after: Annotated[int, "Only events after this seq."] = 0,
        limit: Limit = 100,
        order: Annotated[str, "asc: the oldest first; desc: the newest."] = "asc",
        before: Annotated[str | int | None, "Only events before this seq."] = None,
        actor: OfActor = None,
        since: Since = None,
        until: Until = None,
        q: Words = None,
    ) -> HistoryPage:
        """The model's events, in the order of the journal; ``limit`` is from 1 to 1000.

        Raises ``ModelNotFound``, ``InvalidParameter``, ``StorageUnavailable``.
        """
        ...

    def activity(
        self,
        *,
        order: Annotated[str, "desc: the newest first; asc: the oldest."] = "desc",
        before: Annotated[str | None, "Where the page begins: what the page before has as its next."] = None,
        alias: OfAlias = None,
        version: OfVersion = None,
        event: OfKind = None,
        actor: OfActor = None,
        since: Since = None,
        until: Until = None,
        q: Words = None,
        limit: Limit = 100,
    ) -> ActivityPage:
        """The events of all models that may be seen, in the order of their time; ``limit`` is from 1 to 1000.

        Raises ``InvalidParameter``, ``StorageUnavailable``.
        """
        ...
