"""Each person's last word about a version: pure functions of what the journal has, the documents, and who is trusted.

A last word is chosen among the statements that counted when they were attached; it helps only if its key counts now,
under the same person, and nothing older takes its place. A reject that counted blocks until its person takes it back
by a word that counts now, or an admin dismisses it: whatever has become of its key or of the person since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from ...vocabulary.evidence import Signer
from ..rules.trust_document import TrustDocument
from ..signing.not_counted import NotCounted
from ..signing.statement import EVALUATION, MODEL_SIGNING, REVIEW, SIGNATURE, Statement
from .of_version import Attested, EvidenceOfVersion, latest, signers_of
from .predicates import Dataset, Decision, Evaluation, Measured, Review, said_in

SIGNATURES = frozenset({SIGNATURE, MODEL_SIGNING})  # and what is of the form ssh


Statements = Mapping[int, Statement | None]
"""Of attest events: the statement in the document of each; None where the document is damaged or missing."""


@dataclass(frozen=True)
class Word:
    """What one person said by the event ``seq``. ``helps``: its key counts now, under the same person.

    ``statement`` is None where the document that has it is damaged; ``is_damaged`` says so. A signature that was found
    at register has neither document nor statement.
    """

    person: str
    key: str
    seq: int
    attested: Attested | None
    statement: Statement | None
    helps: bool
    is_damaged: bool = False
    covers: str | None = None

    @cached_property
    def says(self) -> Review | Evaluation | None:
        """What a review or an evaluation says; None of all else, and of what cannot be read."""
        try:
            return said_in(self.statement) if self.statement is not None else None
        except NotCounted:
            return None


def is_signature(one: Attested) -> bool:
    """Whether the document says nothing but whose package it is."""
    return one.type in SIGNATURES or one.form == "ssh"


def words(evidence: EvidenceOfVersion, statements: Statements, trust: TrustDocument, predicate_type: str) -> list[Word]:
    """Everything of that type that counted when it was attached, oldest first; one for each person who signed it."""
    found = []
    for one in evidence.attested(predicate_type):
        statement = statements.get(one.seq)
        for signer, helps in _persons(counted(one, trust), trust):
            found.append(Word(signer.person, signer.key, one.seq, one, statement, helps, statement is None))
    return found


def _persons(signers: Iterable[Signer], trust: TrustDocument) -> list[tuple[Signer, bool]]:
    """Each person once, with a key of his that counts now if one does."""
    found: dict[str, tuple[Signer, bool]] = {}
    for signer in signers:
        if signer.person not in found or not found[signer.person][1]:
            found[signer.person] = signer, trust.counts_now(signer.key, signer.person)
    return list(found.values())


def counted(one: Attested, trust: TrustDocument) -> list[Signer]:
    """Whose signatures counted at the moment that the event has now.

    That is what was judged when it was made, but for a clock that was found to have been ahead since.
    """
    return _valid_at(one.signers, one.at if one.is_ahead else None, trust)


def counted_at_register(evidence: EvidenceOfVersion, said: Mapping[str, Any], trust: TrustDocument) -> list[Signer]:
    """As :func:`counted`, of a signature that the register event lists."""
    return _valid_at(signers_of(said.get("signers")), evidence.born_at, trust)


def _valid_at(signers: Iterable[Signer], at: datetime | None, trust: TrustDocument) -> list[Signer]:
    """Those whose keys were valid at that moment; None: the one at which they were judged."""
    if at is None:
        return list(signers)
    # A key that is listed no more says nothing of when it was valid; then the event's own word is all there is.
    known = ((signer, trust.keys.get(signer.key)) for signer in signers)
    return [signer for signer, key in known if key is None or key.valid_from is None or key.valid_from <= at]


@dataclass(frozen=True)
class Reviews:
    """``approvals``: last words that approve, by person, since the version last came back; those that do not help too.

    ``rejects``: those that block; ``unreadable``: what nobody can read and may be a reject, which blocks as well. Who
    rejected may not be in the trust document any more.
    """

    approvals: Mapping[str, Word]
    rejects: tuple[Word, ...]
    unreadable: tuple[Word, ...]


def reviews(evidence: EvidenceOfVersion, statements: Statements, trust: TrustDocument) -> Reviews:
    """What the reviewers say of the version."""
    said = words(evidence, statements, trust, REVIEW)
    last = {word.person: word for word in said}
    standing = [word for word in _standing(said) if word.seq not in evidence.dismissed]
    return Reviews(
        {person: word for person, word in last.items() if _approves(word) and word.seq > evidence.last_restore_seq},
        tuple(word for word in standing if word.says is not None),
        tuple(word for word in standing if word.says is None),
    )


def _approves(word: Word) -> bool:
    return isinstance(word.says, Review) and word.says.decision == Decision.APPROVE


def _standing(said: Iterable[Word]) -> Iterable[Word]:
    """Each person's last reject, or what may be one, that nothing which counts now has taken back."""
    standing: dict[str, Word] = {}
    for word in said:
        says = word.says
        if says is None or (isinstance(says, Review) and says.decision == Decision.REJECT):
            standing[word.person] = word
        elif word.helps:
            standing.pop(word.person, None)
    return standing.values()


@dataclass(frozen=True)
class Measurement:
    """A person's last word about a metric on a dataset. ``value`` is None where nobody can read it."""

    word: Word
    dataset: Dataset
    value: Measured | None


def measurements(
    evidence: EvidenceOfVersion,
    statements: Statements,
    trust: TrustDocument,
    metric: str,
    *,
    dataset: str | None = None,
    split: str | None = None,
    by: Callable[[str], bool] = lambda _: True,
) -> list[Measurement]:
    """Who measured the metric last on what, the last measurement at the end; each person's last of each dataset.

    ``dataset``: only of what has this digest; ``by``: only of these persons. A document of theirs that nobody can read
    may be a later word about anything: it takes the place of all that is older.
    """
    found: dict[tuple[Any, ...], Measurement] = {}
    for word in words(evidence, statements, trust, EVALUATION):
        said = word.says
        if not by(word.person):
            continue
        if not isinstance(said, Evaluation):
            older = [key for key, one in found.items() if one.word.person == word.person]
            for key in older:
                del found[key]
            found[word.person, None] = Measurement(word, Dataset(), None)
            continue
        value = said.metric(metric)
        if value is None or dataset not in (None, said.dataset.digest) or split not in (None, said.dataset.split):
            continue
        found.pop((word.person, None), None)
        found[word.person, *said.dataset.key] = Measurement(word, said.dataset, value)
    return sorted(found.values(), key=_when)


def _when(one: Measurement) -> tuple[bool, Any, int]:
    said, attested = one.word.says, one.word.attested
    if not isinstance(said, Evaluation) or attested is None:
        return True, 0, one.word.seq  # what cannot be read may be later than all
    return False, min(said.at, latest(attested)), one.word.seq


def attestations(
    evidence: EvidenceOfVersion, statements: Statements, trust: TrustDocument, predicate_type: str
) -> dict[str, Word]:
    """Each person's last statement of that type."""
    return {word.person: word for word in words(evidence, statements, trust, predicate_type)}


def signatures(evidence: EvidenceOfVersion, trust: TrustDocument, covers: str | None = None) -> dict[str, Word]:
    """Each person's last signature of the package, found in it at register or sent later; ``covers``: only such."""
    found = []
    for one in evidence.signatures:
        if one.get("verified") is True and evidence.register_seq is not None:
            what = one.get("covers") if isinstance(one.get("covers"), str) else None
            for signer, helps in _persons(counted_at_register(evidence, one, trust), trust):
                found.append(Word(signer.person, signer.key, evidence.register_seq, None, None, helps, covers=what))
    for sent in filter(is_signature, evidence.attestations):
        for signer, helps in _persons(counted(sent, trust), trust):
            found.append(Word(signer.person, signer.key, sent.seq, sent, None, helps, covers=sent.covers))
    return {word.person: word for word in found if covers in (None, word.covers)}


def who_signed(evidence: EvidenceOfVersion, trust: TrustDocument) -> set[str]:
    """Everybody who signed the package: as who had the key was called then, and as who has it is called now."""
    found = [signer for one in evidence.signatures for signer in signers_of(one.get("signers"))]
    found += [signer for sent in filter(is_signature, evidence.attestations) for signer in sent.signers]
    now = (trust.keys[signer.key].person for signer in found if signer.key in trust.keys)
    return {signer.person for signer in found}.union(now)
