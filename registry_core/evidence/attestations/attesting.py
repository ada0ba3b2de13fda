"""How a signed document comes to count for a version: judged, set aside under its own digest, and named by one event.

What does not count is refused and leaves nothing. What counted is never rewritten: who revokes a key, or dismisses a
reject, says so beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from ...format.chain import later_than
from ...format.events import ATTEST, MOST_BYTES
from ...models.changes import Committed, Draft, change, standing
from ...models.missing import no_version
from ...models.model import ModelStore
from ...models.named_documents import lies_there
from ...vocabulary.errors import InvalidParameter
from ...vocabulary.evidence import Signer
from ...vocabulary.evidence_errors import AttestationNotFound, AttestationRefused
from ...vocabulary.texts import DIGEST_PREFIX, check_words, encode, format_time, parse_time, printable
from ..rules.trust_document import TrustDocument
from ..signing import statement
from ..signing.not_counted import SUPERSEDED, NotCounted
from . import judged_document, of_version
from .judged_document import Judged, Sent, Weighing
from .of_version import AHEAD, Attested, EvidenceOfVersion, latest
from .predicates import Decision, Evaluation, Review, said_in

MOST_ATTESTATIONS = 1000  # of a version


@dataclass(frozen=True)
class Request:
    """What somebody sends about a version. ``from_package``: the file of the package that it is."""

    version: str
    data: bytes
    actor: str | None
    reason: str | None
    from_package: str | None = None


@dataclass(frozen=True)
class SeenEvidence:
    """What an attachment looks at. ``at``: when its event would be; ``judged``: what is sent, or why it does not count.

    ``is_there``: that the document lies in the storage already, as an earlier event's; ``before``: what was said then.
    """

    model: ModelStore
    evidence: EvidenceOfVersion
    is_published: bool
    at: datetime
    trust: TrustDocument
    judged: Judged | NotCounted
    is_there: bool
    before: Before


class Before:
    """When it was that people said something of the same, by documents of earlier events.

    Each is read once: what is named by its digest never changes. ``says``: what is sent.
    """

    def __init__(self, model: ModelStore, version: str, says: Review | Evaluation | None) -> None:
        self._model, self._version, self._says = model, version, says
        self._known: dict[tuple[str, str], datetime | None] = {}

    def when(self, one: Attested) -> datetime | None:
        """The moment that it says, which is no later than its event, and what clocks may differ by; None: of another.

        That is all there is to go by where nobody can read it, or where the clock by which it was of the future was
        found to be ahead since.
        """
        key = one.digest, one.identity
        if key not in self._known:
            found = of_version.statement_in(self._model, self._version, one)
            before = None if found is None else said_in(found)
            if before is None:
                return latest(one)
            self._known[key] = before.at if _is_of_the_same(self._says, before) else None
        known = self._known[key]
        return None if known is None else min(known, latest(one))


def attach(model: ModelStore, request: Request, trusted: Callable[[], TrustDocument]) -> tuple[Attested, bool]:
    """The document counts for the version from now on, by one event that names its digest and who signed it.

    The same payload signed by nobody else makes no event: then the answer is the earlier one, and False. Raises
    ``AttestationRefused`` saying ``why`` it does not count, ``VersionNotFound``, ``InvalidParameter``, whatever
    ``trusted`` raises, ``JournalCorrupt``, ``StorageError``.
    """
    check_words(request.actor, request.reason)
    if request.data and request.from_package is not None:
        raise InvalidParameter("Send either a document or from_package.", field="from_package")
    model.require_version(request.version)
    try:
        if request.from_package is not None:
            data = judged_document.read_file(model, request.version, request.from_package)
            request = replace(request, data=data)
        sent = judged_document.read(request.data)
    except NotCounted as error:
        raise refused(error) from None
    package = judged_document.package_of(model, request.version, sent)
    weighing, before = Weighing(sent, package, request.from_package), Before(model, request.version, sent.says)
    done = change(
        model, lambda: look(model, request, sent, weighing, before, trusted), lambda seen: decide(seen, request, sent)
    )
    if isinstance(done, Committed):
        with standing(model, done.event):
            return of_version.attested_by(done.event["seq"], done.event), True
    _mend(model, request, sent, done)
    return done, False


def _key(model: ModelStore, version: str, sent: Sent) -> str:
    return model.keys.attestation(version, sent.digest.removeprefix(DIGEST_PREFIX))


def _mend(model: ModelStore, request: Request, sent: Sent, known: Attested) -> None:
    """The document that an earlier event names is there again, if it was lost and has just been sent."""
    key = _key(model, request.version, sent)
    if known.digest == sent.digest and not lies_there(model.storage, key, request.data):
        model.storage.documents.write(key, request.data)


def look(
    model: ModelStore,
    request: Request,
    sent: Sent,
    weighing: Weighing,
    before: Before,
    trusted: Callable[[], TrustDocument],
) -> SeenEvidence:
    is_published = model.has_version(request.version)
    evidence = EvidenceOfVersion(request.version, None, None)
    if is_published:
        evidence = of_version.read(model, request.version)
    trust, at = trusted(), event_time(model)
    judged: Judged | NotCounted
    try:
        judged = weighing.judge(trust, at)
    except NotCounted as error:
        judged = error
    # One that no event names may be what a crash left, and gone in a moment.
    is_named = any(one.digest == sent.digest for one in evidence.attestations)
    is_there = is_named and lies_there(model.storage, _key(model, request.version, sent), request.data)
    return SeenEvidence(model, evidence, is_published, at, trust, judged, is_there, before)


def event_time(model: ModelStore) -> datetime:
    """When an event would be that is made now: by that it is judged whether a key counts."""
    last = model.journal.last()
    now = datetime.now(UTC)
    return parse_time(later_than(last.get("ts_utc") if last is not None else None, now)) or now


def decide(seen: SeenEvidence, request: Request, sent: Sent) -> Draft | Attested:
    """The event, or the one before that says all of it already."""
    if not seen.is_published:
        no_version(seen.model.keys, request.version)
    if isinstance(seen.judged, NotCounted):
        raise refused(seen.judged)
    judged = seen.judged
    known = _known(seen, judged.identity)
    signers = [signer for signer in judged.signers if signer.person not in known]
    if not signers:
        _check_time(seen, judged, judged.signers, is_known=True)
        return max((known[signer.person] for signer in judged.signers), key=lambda one: one.seq)
    _check_time(seen, judged, signers)
    _check_room(seen, judged)
    about = {
        "digest": sent.digest,
        "size": len(request.data),
        "form": sent.signed.form,
        "type": judged.type,
        "identity": judged.identity,
        "signers": [{"person": signer.person, "key": signer.key} for signer in signers],
        **judged.more,
        **({"media": sent.signed.media} if sent.signed.media is not None else {}),
        **({"from_package": request.from_package} if request.from_package is not None else {}),
    }
    # One that is there is an earlier event's too, and would be gone if this event came to nothing.
    beside = {} if seen.is_there else {_key(seen.model, request.version, sent): request.data}
    draft = Draft(
        ATTEST,
        request.version,
        request.actor,
        request.reason,
        package_digest=seen.evidence.package_digest,
        own={"attestation": about},
        beside=beside,
    )
    return require_short(seen.model, draft)


def require_short(model: ModelStore, draft: Draft) -> Draft:
    """The draft, of which the event fits into a line. Raises ``InvalidParameter``."""
    size = len(encode({"seq": 10**12, **draft.fields(model), "ts_utc": "." * 27, "prev": "." * 71}))
    if size > MOST_BYTES:
        raise InvalidParameter(
            f"The event would have {size} bytes; at most {MOST_BYTES} are kept. Say less in actor and reason, or "
            "leave fewer paths out of the signature.",
            field="reason",
        )
    return draft


def _known(seen: SeenEvidence, identity: str) -> dict[str, Attested]:
    """Person -> the event by which a signature of his on the payload came to count, if it counts still."""
    return {
        signer.person: one
        for one in seen.evidence.attestations
        if one.identity == identity
        for signer in one.signers
        if seen.trust.counts_now(signer.key, signer.person)
    }


def _check_time(seen: SeenEvidence, judged: Judged, signers: list[Signer], *, is_known: bool = False) -> None:
    """What says when it was is later than each signer's last of its kind, and not of the future.

    What ``is_known`` was said before, and may be that last one.
    """
    says = judged.says
    if says is None:
        return
    if says.at > seen.at + AHEAD:
        raise refused(
            NotCounted(SUPERSEDED, f"It says that it is of {format_time(says.at)}, which is more than 5 minutes ahead.")
        )
    came_back = seen.evidence.last_restore_at
    is_approval = isinstance(says, Review) and says.decision == Decision.APPROVE
    if is_approval and not is_known and came_back is not None and says.at < came_back - AHEAD:
        raise refused(
            NotCounted(
                SUPERSEDED,
                f"It approves what was there at {format_time(says.at)}; the version was deleted since, and came "
                f"back at {format_time(came_back)}. Look at it again.",
            )
        )
    for person in dict.fromkeys(signer.person for signer in signers):
        for one in _that_may_be_later(seen.evidence, judged.type, person, says.at):
            if is_known and one.identity == judged.identity:
                continue
            last = seen.before.when(one)
            if last is not None and says.at <= last:
                raise refused(
                    NotCounted(
                        SUPERSEDED,
                        f"{person} said something at the same time or later: by event {one.seq}, of "
                        f"{format_time(last)}; and this is of {format_time(says.at)}.",
                    )
                )


def _that_may_be_later(evidence: EvidenceOfVersion, kind: str, person: str, at: datetime) -> Iterator[Attested]:
    """The person's documents of that type that may say that they are of that moment or later; of reviews the last.

    What is said now is later than what was attached long ago, so nothing of that has to be read.
    """
    documents = reversed(evidence.attested(kind))
    found = (one for one in documents if person in {signer.person for signer in one.signers})
    return (one for one in (islice(found, 1) if kind == statement.REVIEW else found) if at <= latest(one))


def _is_of_the_same(says: Review | Evaluation | None, before: Review | Evaluation) -> bool:
    """Whether the one takes the place of the other: of an evaluation, in any metric of the same dataset."""
    if not isinstance(says, Evaluation) or not isinstance(before, Evaluation):
        return True
    shared = {one.name for one in says.metrics} & {one.name for one in before.metrics}
    return bool(shared) and says.dataset.key == before.dataset.key


def _check_room(seen: SeenEvidence, judged: Judged) -> None:
    """Raises ``InvalidParameter`` where the version has as many as it may; whoever objects always may."""
    objects = isinstance(judged.says, Review) and judged.says.decision != Decision.APPROVE
    if len(seen.evidence.attestations) >= MOST_ATTESTATIONS and not objects:
        raise InvalidParameter(
            f"{seen.model.title}@{seen.evidence.version} has {MOST_ATTESTATIONS} attestations, which is all that are "
            "kept. Rejects, withdrawals and findings are taken still.",
            field="document",
        )


def refused(error: NotCounted) -> AttestationRefused:
    """The refusal of what does not count."""
    return AttestationRefused(f"It does not count: {error.message} Nothing was stored.", why=error.why)


def dismiss(model: ModelStore, version: str, seq: int, actor: str | None, reason: str | None) -> int:
    """The reject of that event blocks no longer, by one event that says why; the caller is an admin of the model.

    One that was dismissed is so by the event that did it. Raises ``AttestationNotFound`` where the event is no reject
    of the version, ``InvalidParameter`` without a reason, ``VersionNotFound``, ``StorageError``.
    """
    check_words(actor, reason)
    require_reason(reason, "dismissed")

    def look() -> tuple[EvidenceOfVersion, bool]:
        return of_version.read(model, version), model.has_version(version)

    def decide(seen: tuple[EvidenceOfVersion, bool]) -> Draft | int:
        evidence, is_published = seen
        if not is_published:
            no_version(model.keys, version)
        if seq in evidence.dismissed:
            return evidence.dismissed[seq]
        one = next((one for one in evidence.attested(statement.REVIEW) if one.seq == seq), None)
        found = None if one is None else of_version.statement_in(model, version, one)
        says = None if found is None else said_in(found)
        # What nobody can read may be a reject, and blocks like one.
        if one is None or (isinstance(says, Review) and says.decision != Decision.REJECT):
            raise AttestationNotFound(
                f"Event {seq} is no reject of {model.title}@{version}.", seq=seq, version=printable(version)
            )
        own = {"dismisses": seq}
        draft = Draft(ATTEST, version, actor, reason, package_digest=evidence.package_digest, own=own)
        return require_short(model, draft)

    done = change(model, look, decide)
    return int(done.event["seq"]) if isinstance(done, Committed) else done


def require_reason(reason: str | None, what: str) -> None:
    """Raises ``InvalidParameter``."""
    if reason is None or not reason.strip():
        raise InvalidParameter(f"Say why it is {what}: reason is required.", field="reason")
