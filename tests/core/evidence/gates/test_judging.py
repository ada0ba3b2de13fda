"""Each kind of requirement, met and not, and what a person is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.evidence.attestations.resolving import part_in
from registry_core.evidence.gates.judging import judge
from registry_core.evidence.gates.seen import Seen
from registry_core.evidence.rules.policy_document import (
    Attestation,
    Covers,
    Fact,
    FactName,
    File,
    Findings,
    Load,
    Metric,
    NotArchived,
    Part,
    Severity,
    Signature,
    Source,
    What,
)
from registry_core.vocabulary.gates import Check

from ..worded import DATASET, GROUPS, OTHER_DATASET, Story, approvals, key_of, requirement, trusting

PROVENANCE = "https://slsa.dev/provenance/v1"


def check(what: What, seen: Seen) -> Check:
    return judge(requirement("kind", what), seen)


# approvals


def test_two_people_approve_and_not_one_of_them_twice() -> None:
    story = Story()
    first = story.reviews("ada", "approve")
    story.reviews("ada", "approve")
    assert not judge(approvals(), story.seen()).met
    second = story.reviews("bob", "approve")
    found = judge(approvals(), story.seen())
    assert found.met
    assert found.evidence == [first + 1, second]
    assert found.needed == "2 approvals by reviewers"
    assert found.found.startswith("2 by ada (event 3) and bob (event 4)")


def test_who_is_not_meant_has_no_say() -> None:
    story = Story()
    for person in ("ada", "bob", "ci"):
        story.reviews(person, "approve")
    found = judge(approvals(), story.seen())
    assert found.met
    assert "ci" not in found.found
    reject = story.reviews("ci", "reject")
    found = judge(approvals(), story.seen())
    assert found.met
    assert f"the reject of ci (event {reject}) does not block: it is by none of reviewers" in found.found
    assert reject not in found.evidence


def test_who_leaves_the_group_approves_and_rejects_no_more_and_that_is_told() -> None:
    story = Story()
    for person in ("ada", "bob"):
        story.reviews(person, "approve")
    reject = story.reviews("cyd", "reject")
    trust = trusting()
    left = {name: replace(person, groups=frozenset()) for name, person in trust.people.items()}
    gone = replace(trust, people={**trust.people, "cyd": left["cyd"]})
    found = judge(approvals(), story.seen(gone))
    assert found.met
    assert f"the reject of cyd (event {reject}) does not block: it is by none of reviewers" in found.found
    found = judge(approvals(), story.seen(replace(gone, people={**gone.people, "bob": left["bob"]})))
    assert (found.met, found.evidence) == (False, [2])
    assert not judge(approvals(), story.seen(trusting(without=["cyd"]))).met


@pytest.mark.parametrize("last", ["withdraw", "reject"])
def test_the_last_word_counts(last: str) -> None:
    story = Story()
    story.reviews("ada", "approve")
    story.reviews("bob", "approve")
    story.reviews("ada", last)
    found = judge(approvals(1), story.seen())
    assert found.met == (last == "withdraw"), found.found


def test_a_reject_blocks_until_it_is_taken_back_or_dismissed() -> None:
    story = Story()
    for person in ("ada", "bob"):
        story.reviews(person, "approve")
    reject = story.reviews("cyd", "reject")
    found = judge(approvals(), story.seen())
    assert not found.met
    assert f"cyd (event {reject}) rejects it" in found.found
    assert not judge(approvals(), story.seen(trusting(but=["cyd"]))).met, "it counted when it was attached"
    assert not judge(approvals(), story.seen(trusting(without=["cyd"]))).met, (
        "whoever is listed no more said it all the same"
    )
    story.set(dismissed={reject: 90})
    assert judge(approvals(), story.seen()).met
    story.set(dismissed={})
    story.reviews("cyd", "withdraw")
    assert judge(approvals(), story.seen()).met
    assert not judge(approvals(), story.seen(trusting(but=["cyd"]))).met, "a stolen key takes nothing back"


def test_a_last_word_with_a_revoked_key_helps_no_more_and_nothing_older_takes_its_place() -> None:
    story = Story()
    story.reviews("ada", "approve")
    story.reviews("bob", "approve")
    found = judge(approvals(), story.seen(trusting(but=["ada"])))
    assert not found.met
    assert "ada (event 2) is signed with a key that counts no longer" in found.found


def test_approvals_from_before_a_restore_do_not_count() -> None:
    story = Story()
    story.reviews("ada", "approve")
    story.reviews("bob", "approve")
    story.set(last_restore_seq=story.seq)
    assert not judge(approvals(1), story.seen()).met
    story.reviews("ada", "approve")
    assert judge(approvals(1), story.seen()).met


@pytest.mark.parametrize("part", list(Part))
def test_who_has_a_part_in_it_does_not_approve_it(part: Part) -> None:
    story = Story()
    for person in ("ada", "bob", "cyd"):
        story.reviews(person, "approve")
    story.set(born={"actor": "cyd"})
    story.signs("cyd", covers="artifacts")
    assert judge(approvals(3), story.seen()).met
    found = judge(approvals(2, part), story.seen())
    assert found.met
    assert "that of cyd (event 4) does not count" in found.found
    assert not judge(approvals(3, part), story.seen()).met


@pytest.mark.parametrize("part", [Part.REGISTRANT, Part.PROMOTER])
@pytest.mark.parametrize(
    "who",
    [{}, {"actor": None}, {"actor": "nobody known"}, {"actor": "cyd", "principal": {"iss": "iss", "sub": "other"}}],
)
def test_who_cannot_be_told_leaves_it_unmet(part: Part, who: dict[str, Any]) -> None:
    story = Story()
    for person in ("ada", "bob", "cyd"):
        story.reviews(person, "approve")
    if part is Part.REGISTRANT:
        story.set(born=who)
    found = judge(approvals(1, part), story.seen(promoter=who))
    assert not found.met
    assert "the trust document knows no one person by that" in found.found


def test_a_service_that_no_issuer_vouches_for_is_told_by_its_name() -> None:
    story = Story()
    story.set(born={"actor": "ci", "principal": {"sub": "ci", "kind": "service", "token_id": "7"}})
    found = judge(
        approvals(1, Part.REGISTRANT, Part.PROMOTER), story.seen(promoter={"principal": {"kind": "anonymous"}})
    )
    assert not found.met
    for who in ("who promotes it is nobody:", "who registered it is ci, a service:"):
        assert f"{who} the trust document knows no one person by that" in found.found


def test_a_revoked_key_still_tells_who_signed() -> None:
    story = Story()
    story.reviews("ada", "approve")
    story.signs("ada")
    both = trusting(but=["ada"])
    both.keys["another"] = both.keys[key_of("ada")]  # type: ignore[index]
    assert not judge(approvals(1, Part.SIGNERS), story.seen(both)).met


def test_who_signed_it_is_who_has_the_key_whatever_the_trust_document_calls_him_now() -> None:
    story = Story()
    story.signs("ada")
    now = trusting(without=["ada"])
    renamed = replace(now.keys[key_of("bob")], person="bob")
    now = replace(now, keys={**now.keys, key_of("ada"): renamed})
    story.reviews("bob", "approve")
    assert judge(approvals(1), story.seen(now)).met
    found = judge(approvals(1, Part.SIGNERS), story.seen(now))
    assert not found.met
    assert "that of bob (event 3) does not count, being of a signer of it" in found.found
    assert part_in(story.evidence, now, {"actor": "bob"}) == "signed"


@given(st.lists(st.tuples(st.sampled_from(sorted(GROUPS)), st.sampled_from(["approve", "reject", "withdraw"]))))
def test_what_comes_of_any_words(words: list[tuple[str, str]]) -> None:
    story, last = Story(), dict[str, str]()
    for person, decision in words:
        story.reviews(person, decision)
        last[person] = decision
    meant = [decision for person, decision in last.items() if "reviewers" in GROUPS[person]]
    for least in (1, 2, 3):
        wanted = "reject" not in meant and meant.count("approve") >= least
        assert judge(approvals(least), story.seen()).met == wanted


# metric


ACCURACY = Metric("accuracy", gte=0.8, by=("evaluators",))


def test_a_newer_worse_measurement_beats_an_older_better_one() -> None:
    story = Story()
    story.measures("ci", 0.9)
    assert check(ACCURACY, story.seen()).met
    newer = story.measures("ci-2", 0.7)
    found = check(ACCURACY, story.seen())
    assert not found.met
    assert found.evidence == [newer]
    assert found.found == "0.7 by ci-2 (event 3)."


@pytest.mark.parametrize(
    ("bound", "value", "met"),
    [
        (Metric("accuracy", gte=0.8), 0.8, True),
        (Metric("accuracy", gte=0.8), 0.7999999999999999, False),
        (Metric("accuracy", lte=0.1), 0.1, True),
        (Metric("accuracy", lte=0.1), 0.10000000000000002, False),
        (Metric("accuracy", lte=10**300), 3, True),
    ],
)
def test_bounds_include_themselves(bound: Metric, value: float, met: bool) -> None:
    story = Story()
    story.measures("ci", value)
    found = check(bound, story.seen())
    assert found.met == met
    assert str(value) in found.found


def test_what_was_measured_on_another_dataset_split_or_by_others_says_nothing() -> None:
    story = Story()
    story.measures("ci", 0.9)
    story.measures("ci", 0.1, dataset=OTHER_DATASET)
    story.measures("ada", 0.1)
    story.measures("ci", 0.1, name="recall")
    story.measures(
        "ci", 0.1, dataset={"digest": DATASET, "split": "train"}["digest"], metrics=[{"name": "f1", "value": 1}]
    )
    asked = Metric("accuracy", gte=0.8, dataset=DATASET, split="test", by=("evaluators",))
    assert check(asked, story.seen()).met
    assert not check(Metric("accuracy", gte=0.8, split="train"), story.seen()).met


@pytest.mark.parametrize(("n", "met"), [(100, True), (101, True), (99, False), (None, False)])
def test_of_how_many_samples(n: int | None, met: bool) -> None:
    story = Story()
    story.measures("ci", 0.9, n)
    assert check(Metric("accuracy", gte=0.8, min_n=100), story.seen()).met == met


@pytest.mark.parametrize("value", [True, "0.9", None, float("nan"), float("inf"), 10**400])
def test_what_is_no_finite_number_is_damage_and_never_passes(value: Any) -> None:
    story = Story()
    story.measures("ci", value)
    found = check(ACCURACY, story.seen())
    assert not found.met
    assert found.found.startswith("damaged")


def test_a_measurement_that_cannot_be_read_may_be_the_newest() -> None:
    story = Story()
    story.measures("ci", 0.9)
    lost = story.measures("ci", 0.1)
    story.damage(lost)
    found = check(ACCURACY, story.seen())
    assert not found.met
    assert found.found.startswith(f"damaged: a document is missing, or is not what its event names (event {lost})")


def test_a_measurement_by_a_revoked_key() -> None:
    story = Story()
    story.measures("ci", 0.9)
    story.measures("ci-2", 0.9)
    assert not check(ACCURACY, story.seen(trusting(but=["ci-2"]))).met, "nothing older takes its place"


def test_what_the_metadata_states_is_told_as_the_registrants_claim() -> None:
    asked = Metric("val.accuracy", gte=0.8, source=Source.METADATA)
    seen = Story().seen(stated={"val.accuracy": 0.81})
    found = check(asked, seen)
    assert found.met
    assert found.found == "0.81: that is the registrant's own claim."
    assert found.evidence == [1]
    assert not check(asked, Story().seen(stated={"val": 1.0})).met


# signature and attestation


def test_a_signature_that_covers_enough_by_whoever_is_meant() -> None:
    story = Story()
    anyhow, whole = Signature(("trainer",)), Signature(("trainer",), Covers.PACKAGE)
    assert check(anyhow, story.seen()).found == "It has no signature that counted."
    story.signs("ada")
    assert not check(anyhow, story.seen()).met
    seq = story.signs("trainer", covers="artifacts")
    found = check(anyhow, story.seen())
    assert found.met
    assert found.evidence == [seq]
    assert not check(whole, story.seen()).met
    seq = story.signs("trainer")
    assert check(whole, story.seen()).evidence == [seq]
    assert not check(whole, story.seen(trusting(but=["trainer"]))).met
    story.damage(seq)
    assert check(whole, story.seen()).found.startswith("damaged")


def test_a_signature_found_at_register() -> None:
    story, signer = Story(), {"person": "trainer", "key": key_of("trainer")}
    for verified in (False, True):
        story.set(signatures=({"verified": verified, "signers": [signer], "covers": "artifacts"},))
        assert check(Signature(("trainer",)), story.seen()).met == verified


def attested(where: dict[str, Any], by: tuple[str, ...] = ("evaluators",)) -> Attestation:
    return Attestation(PROVENANCE, by, where)


@pytest.mark.parametrize(
    ("wanted", "said", "met"),
    [
        (True, True, True),
        (True, 1, False),
        (1, True, False),
        (1, 1.0, True),
        ("1", 1, False),
        (False, None, False),
        ("x", {"x": 1}, False),
        ("x", ["x"], False),
    ],
)
def test_equal_in_type_and_value(wanted: Any, said: Any, met: bool) -> None:
    story = Story()
    story.says("ci", type_=PROVENANCE, runDetails={"builder": {"id": said}})
    assert check(attested({"runDetails.builder.id": wanted}), story.seen()).met == met
    assert not check(attested({"runDetails.builder": wanted}), story.seen()).met
    assert not check(attested({"runDetails.builder.id.more": wanted}), story.seen()).met


def test_the_last_statement_of_each_person_counts_and_all_must_say_so() -> None:
    story, asked = Story(), attested({"ok": True})
    assert check(asked, story.seen()).found == "There is none."
    story.says("ci", type_=PROVENANCE, ok=False)
    story.says("ada", type_=PROVENANCE, ok=False)
    story.says("ci", type_="another", ok=False)
    story.says("ci", type_=PROVENANCE, ok=True)
    assert check(asked, story.seen()).met
    against = story.says("ci-2", type_=PROVENANCE, ok=False)
    found = check(asked, story.seen())
    assert not found.met
    assert f"that of ci-2 (event {against}) says otherwise" in found.found
    story.says("ci-2", type_=PROVENANCE, ok=True)
    assert check(asked, story.seen()).met
    assert check(asked, story.seen(trusting(but=["ci"]))).met, "that of ci-2 is enough"
    assert not check(asked, story.seen(trusting(but=["ci", "ci-2"]))).met


def test_an_attestation_that_cannot_be_read() -> None:
    story = Story()
    story.says("ci", type_=PROVENANCE)
    story.damage(story.says("ci-2", type_=PROVENANCE))
    assert check(attested({}), story.seen()).found.startswith("damaged")


# what is asked of the version itself


def test_findings_that_are_open() -> None:
    story, asked = Story(), Findings((Severity.BLOCKING, Severity.MAJOR))
    story.finds("minor")
    assert check(asked, story.seen()).met
    blocking = story.finds("blocking")
    found = check(asked, story.seen())
    assert not found.met
    assert found.evidence == [blocking]
    assert "blocking: it is wrong" in found.found


@pytest.mark.parametrize(
    ("sizes", "met"),
    [({"README.md": 200}, True), ({"README.md": 199}, False), ({"README.md": None}, False), ({}, False)],
)
def test_a_file_of_some_size(sizes: dict[str, int | None], met: bool) -> None:
    assert check(File("README.md", 200), Story().seen(sizes=sizes)).met == met


@pytest.mark.parametrize(
    ("load", "met"), [("none", True), ("data_only", True), ("code", False), (None, False), (7, False)]
)
def test_a_fact_of_a_list(load: Any, met: bool) -> None:
    story = Story()
    story.set(facts=None if load is None else {"load": load})
    assert check(Fact(FactName.LOAD, (Load.NONE, Load.DATA_ONLY)), story.seen()).met == met


def test_an_archived_version() -> None:
    assert check(NotArchived(), Story().seen()).met
    assert not check(NotArchived(), Story().seen(is_archived=True)).met
