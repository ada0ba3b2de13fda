"""Whose last word about a version counts, from values alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry_core.evidence import of_version, statements_of
from registry_core.evidence.attestations.of_version import Attested, EvidenceOfVersion
from registry_core.evidence.signing.statement import EVALUATION, REVIEW, SIGNATURE, V1, Statement
from registry_core.format.chain import parse_line
from registry_core.vocabulary.evidence import Signer
from registry_core.vocabulary.texts import encode, format_time

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
SLSA = "https://slsa.dev/provenance/v1"


@dataclass(frozen=True)
class Listed:
    """A key as a trust document lists it."""

    person: str
    valid_from: datetime | None = None


@dataclass(frozen=True)
class People:
    """Who is trusted now, by their keys."""

    keys: Mapping[str, Listed]
    revoked: frozenset[str] = frozenset()

    def counts_now(self, sha256: str, person: str) -> bool:
        key = self.keys.get(sha256)
        return key is not None and key.person == person and sha256 not in self.revoked


TWO = People({"a1": Listed("ada"), "a2": Listed("ada"), "g1": Listed("grace")})


@dataclass
class Told:
    """What was said, one after the other, each by an event of its own."""

    evidence: EvidenceOfVersion = field(default_factory=lambda: EvidenceOfVersion("1", 1, "sha256:" + "0" * 64))
    statements: dict[int, Statement | None] = field(default_factory=dict)

    def say(self, kind: str, predicate: Mapping[str, Any] | None, *signers: str, covers: str | None = None) -> int:
        """``signers``: ``person:key``; without a predicate the document is damaged."""
        seq = 2 + len(self.evidence.attestations)
        pairs = tuple(Signer(*one.split(":")) for one in signers)
        at = NOON + timedelta(minutes=seq)
        one = Attested(seq, at, f"sha256:{seq}", "dsse", kind, f"sha256:{seq}", pairs, covers)
        self.evidence = replace(self.evidence, attestations=(*self.evidence.attestations, one))
        self.statements[seq] = None if predicate is None else Statement(V1, (), kind, predicate)
        return seq

    def review(self, decision: str, signer: str) -> int:
        when = f"2026-11-28T11:{2 + len(self.evidence.attestations):02d}:00Z"
        return self.say(REVIEW, {"reviewed_at": when, "decision": decision}, signer)

    def measure(self, value: float, when: str, signer: str = "ada:a1", **dataset: str) -> int:
        metrics = [{"name": "accuracy", "value": value}]
        said = {"evaluated_at": f"2026-11-28T{when}:00Z", "dataset": dataset, "metrics": metrics}
        return self.say(EVALUATION, said, signer)

    def reviews(self, trust: People = TWO) -> tuple[dict[str, bool], list[str]]:
        """(who approves, and whether that helps; who blocks)."""
        found = statements_of.reviews(self.evidence, self.statements, trust)
        approvals = {person: word.helps for person, word in found.approvals.items()}
        return approvals, sorted(word.person for word in (*found.rejects, *found.unreadable))


def test_two_keys_of_one_person_are_one_approval() -> None:
    told = Told()
    told.review("approve", "ada:a1")
    told.review("approve", "ada:a2")
    assert told.reviews() == ({"ada": True}, [])


def test_two_people_who_sign_one_review_are_two() -> None:
    told = Told()
    told.say(REVIEW, {"reviewed_at": "2026-11-28T11:00:00Z", "decision": "approve"}, "ada:a1", "ada:a2", "grace:g1")
    assert told.reviews() == ({"ada": True, "grace": True}, [])
    assert told.reviews(replace(TWO, revoked=frozenset({"a1"}))) == ({"ada": True, "grace": True}, [])


def test_a_last_word_that_no_longer_counts_does_not_fall_back_to_an_older_one() -> None:
    told = Told()
    told.review("approve", "ada:a1")
    told.review("approve", "ada:a2")
    assert told.reviews(replace(TWO, revoked=frozenset({"a2"}))) == ({"ada": False}, [])


def test_a_key_that_is_another_persons_now_helps_neither() -> None:
    told = Told()
    told.review("approve", "ada:a1")
    assert told.reviews(People({"a1": Listed("grace")})) == ({"ada": False}, [])


@pytest.mark.parametrize("later", ["approve", "withdraw"])
def test_a_reject_blocks_until_its_person_takes_it_back(later: str) -> None:
    told = Told()
    told.review("approve", "grace:g1")
    told.review("reject", "ada:a1")
    assert told.reviews() == ({"grace": True}, ["ada"])
    told.review(later, "ada:a2")
    assert told.reviews()[1] == []


@pytest.mark.parametrize(
    "trust", [replace(TWO, revoked=frozenset({"a1"})), People({"g1": Listed("grace")}), People({})]
)
def test_a_reject_blocks_whatever_becomes_of_its_key(trust: People) -> None:
    told = Told()
    told.review("reject", "ada:a1")
    assert told.reviews(trust)[1] == ["ada"]


def test_what_was_taken_back_with_a_stolen_key_blocks_again() -> None:
    told = Told()
    told.review("reject", "ada:a1")
    told.review("withdraw", "ada:a2")
    assert told.reviews()[1] == []
    assert told.reviews(replace(TWO, revoked=frozenset({"a2"})))[1] == ["ada"]


def test_a_reject_that_was_dismissed_does_not_block_and_a_new_one_does() -> None:
    told = Told()
    told.review("approve", "ada:a1")
    seq = told.review("reject", "ada:a1")
    told.evidence = replace(told.evidence, dismissed={seq: 9})
    assert told.reviews() == ({}, [])
    told.review("reject", "ada:a1")
    assert told.reviews() == ({}, ["ada"])


def test_an_approval_from_before_the_version_came_back_does_not_count_and_a_reject_does() -> None:
    told = Told()
    told.review("approve", "ada:a1")
    seq = told.review("reject", "grace:g1")
    told.evidence = replace(told.evidence, last_restore_seq=seq + 1)
    assert told.reviews() == ({}, ["grace"])


def test_a_review_that_nobody_can_read_blocks_until_its_person_says_something_new() -> None:
    told = Told()
    told.review("approve", "ada:a1")
    told.say(REVIEW, None, "ada:a1")
    assert told.reviews() == ({}, ["ada"])
    told.review("approve", "ada:a1")
    assert told.reviews() == ({"ada": True}, [])


def test_what_a_clock_that_was_ahead_let_count_does_not() -> None:
    told = Told()
    told.review("approve", "ada:a1")
    (one,) = told.evidence.attestations
    told.evidence = replace(told.evidence, attestations=(replace(one, at=NOON - timedelta(days=9), is_ahead=True),))
    assert told.reviews()[0] == {"ada": True}
    assert told.reviews(People({"a1": Listed("ada", valid_from=NOON)}))[0] == {}
    assert told.reviews(People({"a1": Listed("ada", valid_from=NOON - timedelta(days=9))}))[0] == {"ada": True}


def test_so_it_is_of_a_signature_that_was_found_at_register() -> None:
    found = {"verified": True, "covers": "artifacts", "signers": [{"person": "ada", "key": "a1"}]}
    event = {"seq": 1, "event": "register", "version": "1", "ts_utc": format_time(NOON), "signatures": [found]}
    lines, repaired = [parse_line(1, encode(event))], NOON - timedelta(days=9)
    later = People({"a1": Listed("ada", valid_from=NOON - timedelta(days=1))})
    assert set(statements_of.signatures(of_version.of_lines("1", lines, []), later)) == {"ada"}
    evidence = of_version.of_lines("1", lines, [(2, repaired)])
    assert set(statements_of.signatures(evidence, later)) == set()
    assert set(statements_of.signatures(evidence, People({"a1": Listed("ada", valid_from=repaired)}))) == {"ada"}
    assert statements_of.who_signed(evidence, later) == {"ada"}, "who may not approve is another question"


def _last(told: Told, **only: Any) -> Any:
    found = statements_of.measurements(told.evidence, told.statements, TWO, "accuracy", **only)
    return (found[-1].value and found[-1].value.value) if found else "nothing"


def test_the_last_measurement_is_the_one_that_was_made_last() -> None:
    told = Told()
    told.measure(0.7, "10:00", digest="sha256:d", split="test")
    told.measure(0.9, "09:00", digest="sha256:d", split="validation")
    told.measure(0.8, "08:00", "grace:g1", digest="sha256:e")
    assert _last(told) == 0.7
    assert _last(told, split="validation") == 0.9
    assert _last(told, dataset="sha256:e") == 0.8
    assert _last(told, by=lambda person: person == "grace") == 0.8
    assert _last(told, dataset="sha256:f") == "nothing"


def test_a_measurement_that_nobody_can_read_takes_the_place_of_what_its_person_said_before() -> None:
    told = Told()
    told.measure(0.9, "09:00")
    told.say(EVALUATION, None, "ada:a1")
    assert _last(told) is None
    assert _last(told, by=lambda person: person == "grace") == "nothing"
    told.measure(0.8, "10:00")
    assert _last(told) == 0.8


def test_another_metric_says_nothing() -> None:
    told = Told()
    told.measure(0.9, "09:00")
    assert statements_of.measurements(told.evidence, told.statements, TWO, "f1") == []


def test_of_statements_of_others_each_persons_last_counts() -> None:
    told = Told()
    told.say(SLSA, {"n": 1}, "ada:a1")
    told.say(SLSA, {"n": 2}, "ada:a1")
    told.say(SLSA, {"n": 3}, "grace:g1")
    found = statements_of.attestations(told.evidence, told.statements, TWO, SLSA)
    assert {person: word.statement and word.statement.predicate["n"] for person, word in found.items()} == {
        "ada": 2,
        "grace": 3,
    }


def test_signatures_found_at_register_and_sent_later_are_alike() -> None:
    told = Told()
    found: dict[str, Any] = {"path": "model.sig", "format": "model-signing", "covers": "artifacts"}
    told.evidence = replace(
        told.evidence,
        signatures=(
            {**found, "verified": True, "signers": [{"person": "ada", "key": "a1"}, {"person": 1}]},
            {**found, "verified": False, "signers": [{"person": "grace", "key": "g1"}]},
        ),
    )
    assert {
        person: (word.seq, word.covers) for person, word in statements_of.signatures(told.evidence, TWO).items()
    } == {"ada": (1, "artifacts")}
    seq = told.say(SIGNATURE, {}, "ada:a2", covers="package")
    assert statements_of.signatures(told.evidence, TWO)["ada"].seq == seq
    assert set(statements_of.signatures(told.evidence, TWO, covers="package")) == {"ada"}
    revoked = replace(TWO, revoked=frozenset({"a2"}))
    assert not statements_of.signatures(told.evidence, revoked)["ada"].helps
