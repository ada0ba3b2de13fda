"""What holds: the trust document and the policies that the registry's own journal names, each proven by its digest.

What cannot be told is never guessed: whoever needs it is refused with ``policy_unreadable``, and no older document
counts meanwhile. A document is read when it is asked for, so that a damaged one refuses only what it could concern.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from ...format.chain import Line, lost_range
from ...format.events import POLICY, TRUST
from ...format.layout import REGISTRY_JOURNAL
from ...models.named_documents import document_of
from ...models.proven import Unproven, proven, proven_news
from ...models.registry_journal import RegistryJournal
from ...models.timeline import counting_times
from ...storage.contract import Storage
from ...vocabulary.bounded import Bounded
from ...vocabulary.errors import IntegrityError
from ...vocabulary.evidence_errors import PolicyInvalid, PolicyUnreadable, TrustInvalid
from ...vocabulary.texts import printable
from . import policy_grammar, trust_document
from .policy_document import ALL_TASKS, GateRule, PolicyDocument, Requirement
from .trust_document import EMPTY, TrustDocument

MOST_REMEMBERED_BYTES = 16 * 1024 * 1024  # of documents, as they are written

_Key = tuple[str | None, str | None]  # whose policy, None: the trust document; digest
D = TypeVar("D", TrustDocument, PolicyDocument)
S = TypeVar("S", "Setting", "_Loss")


@dataclass(frozen=True)
class Setting:
    """What an event set: a policy, or the trust document (``policy`` is None). No ``document``: none holds any more.

    ``at``: when, as the event says; ``since``: from when on it counts, which is earlier where a later event says so.
    """

    policy: str | None
    document: str | None
    seq: int
    actor: str | None = None
    at: str | None = None
    reason: str | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class _Loss:
    """That event ``seq`` says that those up to ``last`` are lost."""

    seq: int
    last: int
    since: datetime | None


@dataclass(frozen=True)
class _Known:
    """What was proven of a journal: ``end`` is its last line, ``said`` what its lines set."""

    end: Line | None = None
    said: tuple[Setting, ...] = ()
    lost: tuple[_Loss, ...] = ()

    @property
    def seq(self) -> int:
        return 0 if self.end is None else self.end.seq


@dataclass(frozen=True)
class PolicyInForce:
    """A policy, and the event that set it."""

    digest: str
    seq: int
    document: PolicyDocument
    actor: str | None
    at: str | None


@dataclass(frozen=True)
class Rulebook:
    """What held after event ``seq``. Whatever reads a document raises ``PolicyUnreadable``, ``StorageError``.

    ``settings``: the last of the trust document (None) and of each policy; ``named``: all that held once; ``later``:
    what was set since. ``lost``: the last event that is lost, after which all that was not set since is unknown.
    """

    seq: int
    settings: Mapping[str | None, Setting]
    named: frozenset[str]
    lost: int
    later: tuple[Setting, ...]
    _known: _Known = field(repr=False, compare=False)
    _storage: Storage = field(repr=False, compare=False)
    _read: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    def then(self, until: int | datetime) -> Rulebook:
        """As it was after that event, or at that moment; what was read here is not read again.

        Raises ``PolicyUnreadable`` where there is no such event.
        """
        return _after(self._known, until, self._storage, self._read)

    @property
    def trust(self) -> TrustDocument:
        """The trust document; where none was ever set, one that trusts nobody."""
        data = self.data(None)
        return EMPTY if data is None else _parsed((None, self.trust_digest), data, _trust)

    @property
    def trust_digest(self) -> str | None:
        return self.last(None).document

    @property
    def trust_seq(self) -> int:
        return self.last(None).seq

    @property
    def trust_actor(self) -> str | None:
        return self.last(None).actor

    @property
    def trust_at(self) -> str | None:
        return self.last(None).at

    @property
    def policies(self) -> tuple[PolicyInForce, ...]:
        """All that hold, by their tasks."""
        found = (self.policy(task) for task in sorted(name for name in self.settings if name is not None))
        return tuple(one for one in found if one is not None)

    def policy(self, task: str) -> PolicyInForce | None:
        """The policy of the task, or that of all where it is ``*``; None if none holds."""
        last, data = self.last(task), self.data(task)
        if last.document is None or data is None:
            return None
        document = _parsed((task, last.document), data, lambda written: policy_grammar.parse(written, task))
        return PolicyInForce(last.document, last.seq, document, last.actor, last.at)

    def of(self, task: str) -> list[PolicyInForce]:
        """The policies that the models of the task meet."""
        found = (self.policy(name) for name in dict.fromkeys((ALL_TASKS, task)))
        return [one for one in found if one is not None]

    def concerning(self, task: str, model_name: str) -> list[PolicyInForce]:
        """The policies that are about the model."""
        return [one for one in self.of(task) if one.document.concerns(model_name)]

    def gates(self, task: str, model_name: str, alias: str) -> list[tuple[PolicyInForce, GateRule]]:
        """The gates before the alias of the model, all of which must hold."""
        return [(one, gate) for one in self.of(task) for gate in one.document.matches(model_name, alias)]

    def for_register(self, task: str, model_name: str) -> list[tuple[PolicyInForce, tuple[Requirement, ...]]]:
        """What is required before a version of the model is taken in."""
        found = ((one, one.document.for_register(model_name)) for one in self.of(task))
        return [(one, requirements) for one, requirements in found if requirements]

    def if_set(self, task: str, named: str, data: bytes) -> Rulebook:
        """As it would be with the policy of that digest in the place of the task's."""
        settings = {**self.settings, task: Setting(task, named, self.seq + 1)}
        return replace(self, settings=settings, _read={**self._read, named: data})

    def last(self, policy: str | None) -> Setting:
        """The event that set it last; of what never was set one with ``seq`` 0."""
        return self.settings.get(policy, Setting(policy, None, 0))

    def is_unknown(self, policy: str | None) -> bool:
        """Whether a lost event may have set it otherwise."""
        return self.last(policy).seq < self.lost

    def data(self, policy: str | None) -> bytes | None:
        """The bytes of what holds, as its event names them; None where none does."""
        named = self.known(policy).document
        return None if named is None else self.read(named)

    def read(self, named: str) -> bytes:
        """The bytes of a document that is named, read and hashed once for all who ask here."""
        if named not in self._read:
            try:
                self._read[named] = document_of(self._storage, named)
            except Unproven as why:
                raise unreadable(str(why)) from None
        return self._read[named]

    def known(self, policy: str | None) -> Setting:
        """As :meth:`last`, where no lost event may have set it otherwise."""
        if self.is_unknown(policy):
            raise unreadable(f"events of {REGISTRY_JOURNAL} are lost, and {title_of(policy)} was not set since")
        return self.last(policy)


_known: WeakKeyDictionary[Storage, _Known] = WeakKeyDictionary()
_mutex = threading.Lock()
_remembered: Bounded[_Key, tuple[int, Any]] = Bounded(MOST_REMEMBERED_BYTES, lambda one: one[0])


def read(journal: RegistryJournal, until: int | datetime | None = None) -> Rulebook:
    """What holds now, or held after event ``until``, or at that moment; costs the journal's new lines.

    Raises ``PolicyUnreadable`` where the journal is not whole, ``StorageError`` where it cannot be read for the moment.
    """
    try:
        try:
            known = _follow(journal)
        except Unproven:  # what this process remembers of the journal may be from before a repair
            with _mutex:
                _known.pop(journal.storage, None)
            journal.storage.documents.forget(REGISTRY_JOURNAL)
            known = _follow(journal)
    except Unproven as why:
        raise unreadable(str(why)) from None
    except IntegrityError as error:
        raise unreadable(f"the registry's own journal cannot be read: {error.message}") from error
    return _after(known, known.seq if until is None else until, journal.storage, {})


def _after(known: _Known, until: int | datetime, storage: Storage, documents: dict[str, bytes]) -> Rulebook:
    if isinstance(until, datetime):
        times = [*((one.seq, one.since) for one in known.said), *((one.seq, one.since) for one in known.lost)]
        seq = max((seq for seq, since in times if since is None or since <= until), default=0)
    else:
        seq = until
    if seq > known.seq:
        raise unreadable(f"event {seq} of {REGISTRY_JOURNAL} is not there")
    said = [one for one in known.said if one.seq <= seq]
    named = frozenset(one.document for one in said if one.document is not None)
    settings = {one.policy: one for one in said}
    lost = max((one.last for one in known.lost if one.seq <= seq), default=0)
    return Rulebook(seq, settings, named, lost, known.said[len(said) :], known, storage, documents)


def _follow(journal: RegistryJournal) -> _Known:
    """What the journal says now; lines that were proven before are not read again."""
    with _mutex:
        known = _known.get(journal.storage, _Known())
    news = None if known.end is None or not known.end.is_own else proven_news(journal, known.end)
    if news is None:
        known, news = _Known(), proven(journal, journal.journal.lines())
    if news:
        known = _with(known, news)
        with _mutex:
            _known[journal.storage] = known
    return known


def _with(known: _Known, news: Sequence[Line]) -> _Known:
    """As it is after the lines, by whose times those before count earlier where their clocks were ahead."""
    before = [] if known.end is None else [known.end]
    times = [*counting_times([*before, *news])]
    said, lost = list[Setting](), list[_Loss]()
    for line, since in zip(news, times[len(before) :], strict=True):
        if (one := _setting(line, since)) is not None:
            said.append(one)
        if (gone := lost_range(line)) is not None:
            lost.append(_Loss(line.seq, gone.stop - 1, since))
    earliest = times[0]
    return _Known(
        news[-1],
        (*(_no_later(one, earliest) for one in known.said), *said),
        (*(_no_later(one, earliest) for one in known.lost), *lost),
    )


def _no_later(one: S, moment: datetime | None) -> S:
    return one if one.since is None or moment is None or one.since <= moment else replace(one, since=moment)


def _setting(line: Line, since: datetime | None) -> Setting | None:
    kind, policy, document = line.get("event"), line.get("policy"), line.get("document")
    if kind not in (TRUST, POLICY) or not line.is_own:
        return None
    is_one = isinstance(document, str) if kind == TRUST else isinstance(policy, str)
    if not is_one or not isinstance(document, str | None):
        raise Unproven(f"event {line.seq} of {REGISTRY_JOURNAL} is none that this version understands")
    actor, at, reason = (line.get(name) for name in ("actor", "ts_utc", "reason"))
    return Setting(policy if kind == POLICY else None, document, line.seq, actor, at, reason, since)


def _parsed(key: _Key, data: bytes, parse: Callable[[bytes], D]) -> D:
    """What the document says; the same bytes are understood once."""
    found = _remembered.get(key)
    if found is None:
        try:
            found = (len(data), parse(data))
        except (TrustInvalid, PolicyInvalid) as error:
            raise unreadable(f"this version does not understand {title_of(key[0])}: {error.message}") from error
        _remembered.put(key, found)
    return found[1]


def _trust(data: bytes) -> TrustDocument:
    return trust_document.parse(data)


def title_of(policy: str | None) -> str:
    """What to call it in a sentence."""
    if policy is None:
        return "the trust document"
    return "the policy of all tasks" if policy == ALL_TASKS else f"the policy of {printable(policy)}"


def unreadable(why: str) -> PolicyUnreadable:
    """The refusal where it cannot be told what must be met."""
    return PolicyUnreadable(
        f"What must be met before an alias may name a version cannot be told: {why}. Until an operator has mended "
        "that, no alias that it could concern is moved: a backup of log/ does and, where its journal is whole, "
        "'omr --root ROOT trust set' or 'policy set'."
    )
