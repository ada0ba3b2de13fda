"""Everything that was said of a version before some event, as the model's journal has it, and the documents of it.

The journal alone says what there is: an event names its document by the SHA-256 of its bytes, and whoever made the
event had judged it (:mod:`.attesting`). What it is worth now says :mod:`.statements_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ...format.chain import Line
from ...format.events import ATTEST, FINDING, REGISTER, REPAIR, RESTORE
from ...models import vouching
from ...models.journal import CLOCK, KIND
from ...models.model import ModelStore
from ...storage.contract import KeyNotFound
from ...vocabulary.errors import PackageCorrupt
from ...vocabulary.evidence import Signer
from ...vocabulary.texts import DIGEST_PREFIX, digest, list_or_empty, parse_time, text_or_none
from ..signing import signed_document, statement
from ..signing.not_counted import NotCounted
from ..signing.statement import Statement

AHEAD = timedelta(minutes=5)  # what a document may say of the future
_NEVER = datetime.min.replace(tzinfo=UTC)
_FOREVER = datetime.max.replace(tzinfo=UTC) - AHEAD


@dataclass(frozen=True)
class Attested:
    """A document that counted when event ``seq`` attached it. ``at``: when that was, by the clock of whoever did, or of
    whoever found that clock to be ahead (``is_ahead``).

    ``signers``: whose signatures came to count by this event. ``covers``: of a signature, artifacts or package.
    ``from_package``: the file of the package that it is; there is no other copy of a signature found at register,
    which has no ``digest``.
    """

    seq: int
    at: datetime
    digest: str
    form: str
    type: str
    identity: str
    signers: tuple[Signer, ...]
    covers: str | None = None
    from_package: str | None = None
    size_bytes: int = 0
    ignored: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()
    is_ahead: bool = False
    by: Mapping[str, Any] = field(default_factory=dict)  # the actor and principal of the event


@dataclass(frozen=True)
class Finding:
    """Something that was found about the version by event ``seq``.

    ``ended``: the event that resolved it, or ``dismissed`` it.
    """

    seq: int
    severity: str
    title: str
    url: str | None
    at: str | None
    actor: str | None
    ended: int | None = None
    dismissed: bool = False
    by: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return self.ended is None


@dataclass(frozen=True)
class EvidenceOfVersion:
    """What was said of the version, oldest first.

    ``born``: what its register event says, empty where none registers it. ``signatures``: those found in the package at
    register, verified or not, as the event lists them. ``dismissed``: attest event -> the event by which an admin
    dismissed it. ``last_restore_seq``: the event by which the version came back last, 0 if it was never gone, and when.
    ``born_at``: when it was registered, where the clock of whoever did was found to have been ahead; else None.
    """

    version: str
    register_seq: int | None
    package_digest: str | None
    attestations: tuple[Attested, ...] = ()
    dismissed: Mapping[int, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, Any] | None = None
    facts_seq: int | None = None
    signatures: tuple[Mapping[str, Any], ...] = ()
    last_restore_seq: int = 0
    last_restore_at: datetime | None = None
    born: Mapping[str, Any] = field(default_factory=dict)
    born_at: datetime | None = None

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        return tuple(found for found in self.findings if found.is_open)

    def attested(self, predicate_type: str) -> tuple[Attested, ...]:
        """The documents of that type, oldest first."""
        return tuple(one for one in self.attestations if one.type == predicate_type)


def read(model: ModelStore, version: str, before: int | None = None) -> EvidenceOfVersion:
    """What was said of the version before that event, or until now: a function of the journal's lines before it.

    It costs the events of evidence about the version, however long the model's past is. Raises ``StorageError``.
    """
    with model.journal.searching():
        lines = vouching.lines(model, version, before)
        return of_lines(version, lines, clock_repairs(model, before) if lines else [])


def of_lines(version: str, lines: list[Line], repaired_at: list[tuple[int, datetime]]) -> EvidenceOfVersion:
    """As :func:`read`, of the events about the version, oldest first; ``repaired_at``: when clocks were set right."""
    said: dict[str, Any] = {"register_seq": None, "package_digest": None}
    attestations, dismissed, findings = list[Attested](), dict[int, int](), dict[int, Finding]()
    for line in lines:
        kind, facts = line.get("event"), line.get("facts")
        if isinstance(facts, dict):
            said |= {"facts": facts, "facts_seq": line.seq}
        if kind == REGISTER:
            said |= _born(line, repaired_at)
        elif kind == RESTORE:
            came_back_at, _ = when_made(line.seq, line.get("ts_utc"), repaired_at)
            said |= {"last_restore_seq": line.seq, "last_restore_at": came_back_at}
        elif kind == ATTEST and isinstance(line.get("dismisses"), int):
            dismissed[line.get("dismisses")] = line.seq
        elif kind == ATTEST and isinstance(line.get("attestation"), dict):
            attestations.append(attested_by(line.seq, line.fields or {}, repaired_at))
        elif kind == FINDING and isinstance(line.get("finding"), dict):
            _found(findings, line)
    return EvidenceOfVersion(
        version, attestations=tuple(attestations), dismissed=dismissed, findings=tuple(findings.values()), **said
    )


def document(model: ModelStore, version: str, named: str) -> bytes:
    """The bytes of the document that an event names by their digest.

    Raises ``PackageCorrupt`` where they are missing, or others, ``StorageError`` where that cannot be told.
    """
    key = model.keys.attestation(version, named.removeprefix(DIGEST_PREFIX))
    try:
        data = model.storage.documents.read(key).data
    except KeyNotFound:
        data = None
    if data is None or digest(data) != named:
        is_so = "is missing" if data is None else "is not what its event names"
        raise PackageCorrupt(
            f"The attestation {named} of {model.title}@{version} {is_so}. Restore it from a backup.",
            version=version,
            problems=[
                {
                    "path": key.removeprefix(model.keys.model + "/"),
                    "kind": "missing" if data is None else "changed",
                    "expected": named,
                    "actual": None if data is None else digest(data),
                }
            ],
        )
    return data


def statement_in(model: ModelStore, version: str, one: Attested) -> Statement | None:
    """The statement in the event's document, read and hashed now; None where that is damaged, missing, or has none."""
    try:
        signed = signed_document.parse(document(model, version, one.digest))
        return statement.of(signed.payload_type, signed.payload) if signed.identity == one.identity else None
    except (PackageCorrupt, NotCounted):
        return None


def _born(line: Line, repaired_at: list[tuple[int, datetime]]) -> dict[str, Any]:
    """What the register event says."""
    at, is_ahead = when_made(line.seq, line.get("ts_utc"), repaired_at)
    return {
        "register_seq": line.seq,
        "package_digest": text_or_none(line.get("package_digest")),
        "born": line.fields or {},
        "born_at": at if is_ahead else None,
        "signatures": tuple(one for one in list_or_empty(line.get("signatures")) if isinstance(one, dict)),
    }


def attested_by(seq: int, event: Mapping[str, Any], repaired_at: Iterable[tuple[int, datetime]] = ()) -> Attested:
    """What the event attached."""
    said: dict[str, Any] = event["attestation"]
    at, is_ahead = when_made(seq, event.get("ts_utc"), repaired_at)
    size = said.get("size")
    return Attested(
        seq=seq,
        at=at or _NEVER,
        digest=text_or_none(said.get("digest")) or "",
        form=text_or_none(said.get("form")) or "",
        type=text_or_none(said.get("type")) or "",
        identity=text_or_none(said.get("identity")) or "",
        signers=signers_of(said.get("signers")),
        covers=text_or_none(said.get("covers")),
        from_package=text_or_none(said.get("from_package")),
        size_bytes=size if isinstance(size, int) else 0,
        ignored=tuple(str(path) for path in list_or_empty(said.get("ignored"))),
        uncovered=tuple(str(path) for path in list_or_empty(said.get("uncovered"))),
        is_ahead=is_ahead,
        by={name: event.get(name) for name in ("actor", "claimed_actor", "principal")},
    )


def when_made(seq: int, said: Any, repaired_at: Iterable[tuple[int, datetime]]) -> tuple[datetime | None, bool]:
    """When an event was made that says so, and whether that is earlier: a clock that was ahead was set right since."""
    own = parse_time(said)
    if own is None:
        return None, False
    at = min([own, *(when for repair, when in repaired_at if repair > seq)])
    return at, at < own


def latest(one: Attested) -> datetime:
    """No document says of itself that it is later than that, but by a clock that was found to be ahead since."""
    return one.at if one.is_ahead or one.at > _FOREVER else one.at + AHEAD


def signers_of(said: Any) -> tuple[Signer, ...]:
    """The signers as an event lists them."""
    pairs = ((one.get("person"), one.get("key")) for one in list_or_empty(said) if isinstance(one, dict))
    return tuple(Signer(person, key) for person, key in pairs if isinstance(person, str) and isinstance(key, str))


def _found(findings: dict[int, Finding], line: Line) -> None:
    """The findings, by their events, after one more event about them."""
    said: dict[str, Any] = line.get("finding")
    dismissed = said.get("dismisses")
    for seq in (said.get("resolves"), dismissed):
        one = findings.get(seq) if isinstance(seq, int) else None
        if one is not None and one.is_open:
            findings[one.seq] = replace(one, ended=line.seq, dismissed=one.seq == dismissed)
    if "severity" in said:
        by = {name: line.get(name) for name in ("actor", "claimed_actor", "principal")}
        severity, title, url = (text_or_none(said.get(name)) for name in ("severity", "title", "url"))
        actor, when = text_or_none(line.get("actor")), text_or_none(line.get("ts_utc"))
        findings[line.seq] = Finding(line.seq, severity or "", title or "", url, when, actor, by=by)


def clock_repairs(
    model: ModelStore, before: int | None = None, among: Iterable[Line] | None = None
) -> list[tuple[int, datetime]]:
    """The events that found clocks to have been ahead, with their times; not on a store over a network, whose clock no
    host may be ahead of. ``among``: the repairs, where they are known."""
    if not model.storage.documents.looks_are_cheap():
        return []
    lines = model.journal.named(KIND, REPAIR, before) if among is None else among
    found = ((line.seq, parse_time(line.get("ts_utc"))) for line in lines if line.get("repaired") == CLOCK)
    return [(seq, when) for seq, when in found if when is not None]
