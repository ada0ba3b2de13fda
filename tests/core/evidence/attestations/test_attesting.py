"""What counts for a version when it is sent, and what is refused and leaves nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry_core import InvalidParameter, PackageCorrupt, VersionNotFound
from registry_core.evidence import attesting, of_version
from registry_core.evidence.attestations import judged_document
from registry_core.evidence.attestations.attesting import Request
from registry_core.evidence.attestations.of_version import EvidenceOfVersion
from registry_core.evidence.keys import PrivateKey
from registry_core.evidence.signing.statement import EVALUATION, REVIEW
from registry_core.format.layout import ModelKeys
from registry_core.vocabulary.evidence_errors import AttestationNotFound, AttestationRefused
from registry_core.vocabulary.texts import encode, format_time

from ...conftest import MODEL, TASK, Shelf
from ..attested import ADA, GRACE, MALLORY, SLSA, Desk, Team, minute_now, moment, rewrapped, team
from ..signers import Known, bundled, enveloped

KEYS = ModelKeys(TASK, MODEL)
OTHER = "subject_mismatch"


@pytest.fixture
def desk(shelf: Shelf) -> Desk:
    return Desk(shelf)


def why(desk: Desk, data: bytes, **words: Any) -> str:
    before, kept = desk.shelf.events(), desk.kept()
    with pytest.raises(AttestationRefused) as refused:
        desk.attach(data, **words)
    assert (desk.shelf.events(), desk.kept()) == (before, kept), "a refusal leaves nothing"
    return str(refused.value.detail["why"])


def test_what_counts_is_kept_as_it_was_sent_and_its_event_names_it(desk: Desk) -> None:
    data = desk.review("approve", 0, ADA, GRACE)
    attached, is_new = desk.attach(data)
    assert is_new
    sha256 = hashlib.sha256(data).hexdigest()
    assert of_version.document(desk.shelf.model(), "1", f"sha256:{sha256}") == data
    event = desk.shelf.events()[-1]
    assert event["attestation"] == {
        "digest": f"sha256:{sha256}",
        "size": len(data),
        "form": "dsse",
        "type": REVIEW,
        "identity": attached.identity,
        "signers": [{"person": "ada", "key": ADA.public.sha256}, {"person": "grace", "key": GRACE.public.sha256}],
    }
    assert (event["event"], event["actor"], event["package_digest"]) == ("attest", "the-sender", desk.digest)
    assert desk.evidence().attestations == (attached,)


@pytest.mark.parametrize("wrap", [rewrapped, bundled, lambda data: data + b"\n"])
def test_the_same_payload_in_other_bytes_makes_no_event(desk: Desk, wrap: Any) -> None:
    data = desk.review()
    first, _ = desk.attach(data)
    assert desk.attach(wrap(data)) == (first, False)
    assert len(desk.kept()) == 1


def test_a_further_persons_signature_of_the_same_payload_makes_one_of_his_own(desk: Desk) -> None:
    desk.attach(desk.review("approve", 0, ADA))
    second, is_new = desk.attach(desk.review("approve", 0, ADA, GRACE))
    assert is_new
    assert [one.person for one in second.signers] == ["grace"]
    assert desk.attach(desk.review("approve", 0, GRACE)) == (second, False)


def test_what_was_signed_with_a_key_that_was_revoked_comes_to_count_by_another_one(desk: Desk) -> None:
    desk.attach(desk.provenance(1, ADA))
    desk.trust = team(("ada", ADA), ("ada", MALLORY), revoked=(ADA,))
    assert desk.attach(desk.provenance(1, MALLORY))[1]
    assert not desk.attach(desk.provenance(1, MALLORY))[1]


@pytest.mark.parametrize("minute", [-1, 0])
def test_what_is_not_later_than_the_last_of_its_kind_is_superseded(desk: Desk, minute: int) -> None:
    desk.attach(desk.review("reject", 0))
    assert why(desk, desk.review("approve", minute)) == "superseded"
    desk.attach(desk.review("approve", minute, GRACE))  # another person's
    desk.attach(desk.review("approve", 1))


def test_a_better_old_measurement_that_is_sent_again_is_superseded(desk: Desk) -> None:
    better = desk.evaluation(0.99, 0)
    desk.attach(better)
    assert not desk.attach(better)[1], "nothing was said since"
    desk.attach(desk.evaluation(0.5, 1))
    for again in (better, rewrapped(better), desk.evaluation(0.99, 0, ADA, split=""), desk.evaluation(0.98, 1)):
        assert why(desk, again) == "superseded"
    assert [one.seq for one in desk.evidence().attested(EVALUATION)] == [3, 4]


def reads(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the attestations that are read from now on."""
    found: list[str] = []
    documents = desk.shelf.storage.documents
    real = documents.read

    def reading(key: str) -> Any:
        if key.startswith(KEYS.attestations):
            found.append(key.rpartition("/")[2])
        return real(key)

    monkeypatch.setattr(documents, "read", reading)
    return found


def test_what_was_attached_long_ago_is_not_read_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said now is later than all of it, however much it is."""
    for minute in range(5):
        desk.attach(desk.evaluation(0.9, minute))
        desk.attach(desk.review("reject", minute))
    real, an_hour = of_version.read, timedelta(hours=1)

    def of_then(*arguments: Any) -> EvidenceOfVersion:
        found = real(*arguments)
        return replace(found, attestations=tuple(replace(one, at=one.at - an_hour) for one in found.attestations))

    monkeypatch.setattr(of_version, "read", of_then)
    found = reads(desk, monkeypatch)
    desk.attach(desk.evaluation(0.9, minute_now()))
    desk.attach(desk.review("approve", minute_now()))
    assert found == []
    assert why(desk, desk.evaluation(0.9, 4)) == "superseded"


def test_what_may_be_later_is_read_once_for_both_looks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        desk.attach(desk.evaluation(0.9, 5, digest=f"sha256:{n}"))
    found = reads(desk, monkeypatch)
    desk.attach(desk.evaluation(0.9, 4, digest="sha256:another"))
    assert len(found) == len(set(found)) == 3


def test_what_cannot_be_read_in_the_first_look_is_tried_again_in_the_second(desk: Desk) -> None:
    attached, _ = desk.attach(desk.evaluation(0.9, 5))
    key, documents = KEYS.attestation("1", attached.digest.removeprefix("sha256:")), desk.shelf.storage.documents
    data = documents.read(key).data
    before = attesting.Before(desk.shelf.model(), "1", judged_document.read(desk.evaluation(0.9, 6)).says)
    documents.delete(key)
    assert before.when(attached) == of_version.latest(attached)
    documents.write(key, data)
    assert before.when(attached) == datetime.fromisoformat(moment(5))
    documents.delete(key)
    assert before.when(attached) == datetime.fromisoformat(moment(5)), "what it said it says for ever"


def test_measurements_on_other_data_or_of_other_metrics_are_no_later_ones(desk: Desk) -> None:
    desk.attach(desk.evaluation(0.9, 5))
    desk.attach(desk.evaluation(0.9, 1, digest="sha256:another"))
    desk.attach(desk.evaluation(0.9, 1, split="test"))
    said = {"evaluated_at": moment(1), "dataset": {"name": "pbmc"}, "metrics": [{"name": "f1", "value": 1}]}
    desk.attach(enveloped(desk.payload(EVALUATION, said), ADA))
    both = {
        **said,
        "metrics": [{"name": "f1", "value": 1}, {"name": "accuracy", "value": 1}],
        "evaluated_at": moment(2),
    }
    assert why(desk, enveloped(desk.payload(EVALUATION, both), ADA)) == "superseded"


def test_what_is_of_the_future_is_superseded(desk: Desk) -> None:
    def at(ahead: timedelta) -> bytes:
        said = {"reviewed_at": format_time(datetime.now(UTC) + ahead), "decision": "approve"}
        return enveloped(desk.payload(REVIEW, said), ADA)

    assert why(desk, at(timedelta(minutes=6))) == "superseded"
    desk.attach(at(timedelta(minutes=4)))
    assert why(desk, at(timedelta(minutes=3))) == "superseded", "what is later than its own event counts as it says"


def test_an_approval_that_was_held_back_until_the_version_was_deleted_and_came_back_is_superseded(desk: Desk) -> None:
    registry = desk.shelf.registry()
    registry.delete(TASK, MODEL, "1", reason="it is wrong")
    registry.restore(TASK, MODEL, "1")
    assert why(desk, desk.review("approve", 1)) == "superseded"
    desk.attach(desk.review("reject", 1))  # whoever objects is always heard
    desk.attach(desk.review("approve", minute_now()))


def test_whose_keys_do_not_count_is_refused_whoever_he_says_he_is(desk: Desk) -> None:
    assert why(desk, desk.review("approve", 0, MALLORY)) == "untrusted_key"
    desk.trust = team(("ada", ADA), revoked=(ADA,))
    assert why(desk, desk.review()) == "key_not_valid_then"


def test_one_whose_signature_does_not_count_is_no_signer(desk: Desk) -> None:
    attached, _ = desk.attach(desk.review("approve", 0, MALLORY, GRACE))
    assert [one.person for one in attached.signers] == ["grace"]


@pytest.mark.parametrize(
    "about",
    [
        {"sha256": "b" * 64},
        {"name": "t/m@2"},
        {"name": "m@1"},
        {"subject": []},
        {"subject": [{"name": "t/m@1", "digest": {"sha512": "a" * 128}}]},
    ],
)
def test_a_review_is_of_this_version_and_its_bytes(desk: Desk, about: dict[str, Any]) -> None:
    assert why(desk, desk.review("approve", 0, ADA, **about)) == ("malformed" if about == {"subject": []} else OTHER)


def test_a_review_of_two_versions_at_once_is_refused_and_a_foreign_statement_of_them_is_not(desk: Desk) -> None:
    own = {"name": "t/m@1", "digest": {"sha256": desk.digest.removeprefix("sha256:")}}
    both = [{"name": "t/m@2", "digest": {"sha256": "b" * 64}}, own]
    assert why(desk, desk.review("approve", 0, ADA, subject=both)) == "subject_mismatch"
    desk.attach(enveloped(desk.payload(SLSA, {}, subject=both), ADA))
    assert why(desk, enveloped(desk.payload(SLSA, {}, subject=both[:1]), ADA)) == "subject_mismatch"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff",
        b"null",
        b"{" * 100_000,
        b'{"payload": "", "payload": "", "payloadType": "t", "signatures": [{"sig": "AA=="}]}',
        b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----",
    ],
)
def test_what_is_no_document_is_malformed(desk: Desk, data: bytes) -> None:
    assert why(desk, data) == "malformed"


@pytest.mark.parametrize(
    "payload",
    [
        b'{"_type":"https://in-toto.io/Statement/v1","_type":"x"}',
        b"NaN",
        b"\xff",
        b'{"_type":"https://in-toto.io/Statement/v1","predicateType":"a","subject":[{"name":"\\ud800"}]}',
    ],
)
def test_what_two_readers_could_read_in_two_ways_is_malformed(desk: Desk, payload: bytes) -> None:
    assert why(desk, enveloped(payload, ADA)) == "malformed"


def test_what_is_no_statement_is_refused(desk: Desk) -> None:
    assert why(desk, enveloped(b"anything", ADA, payload_type="text/plain")) == "wrong_predicate"


def test_a_review_of_more_than_256_kib_is_refused_and_a_foreign_statement_is_not(desk: Desk) -> None:
    long = "x" * (200 * 1024)  # base64 makes a third more of it
    assert why(desk, enveloped(desk.payload(REVIEW, {"comment": long}), ADA)) == "malformed"
    desk.attach(enveloped(desk.payload(SLSA, {"log": long}), ADA))
    assert why(desk, enveloped(desk.payload(SLSA, {"log": long * 4}), ADA)) == "malformed"


def test_an_event_is_never_longer_than_a_line_may_be(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.attach(desk.review())
    size = len(encode(desk.shelf.events()[-1]))
    monkeypatch.setattr(attesting, "MOST_BYTES", size + 20)
    with pytest.raises(InvalidParameter):
        desk.attach(desk.review("approve", 1, ADA, GRACE))
    desk.attach(desk.review("approve", 1))


def test_a_version_has_so_many_and_whoever_objects_is_always_heard(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attesting, "MOST_ATTESTATIONS", 2)
    desk.attach(desk.provenance(1))
    desk.attach(desk.review("approve", 0))
    with pytest.raises(InvalidParameter):
        desk.attach(desk.provenance(2))
    with pytest.raises(InvalidParameter):
        desk.attach(desk.review("approve", 1))
    desk.attach(desk.review("reject", 1))
    desk.attach(desk.review("withdraw", 2))


def test_a_document_that_was_lost_is_there_again_when_it_is_sent_again(desk: Desk) -> None:
    data = desk.review()
    attached, _ = desk.attach(data)
    key = KEYS.attestation("1", attached.digest.removeprefix("sha256:"))
    for damage in (lambda: desk.shelf.storage.documents.delete(key), lambda: _write(desk, key, b"other")):
        damage()
        with pytest.raises(PackageCorrupt):
            of_version.document(desk.shelf.model(), "1", attached.digest)
        (review,) = desk.evidence().attested(REVIEW)
        assert review.seq == attached.seq
        assert of_version.statement_in(desk.shelf.model(), "1", review) is None
        assert desk.attach(data) == (attached, False)
        assert of_version.document(desk.shelf.model(), "1", attached.digest) == data


def test_what_a_crash_left_is_written_again_before_the_event_that_names_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep that has found it before may be about to remove it: no event names it yet."""
    data, documents = desk.review(), desk.shelf.storage.documents
    key = KEYS.attestation("1", judged_document.read(data).digest.removeprefix("sha256:"))
    documents.write(key, data)
    real, written = documents.write, list[str]()

    def writing(key: str, *more: Any, **options: Any) -> Any:
        written.append(key)
        return real(key, *more, **options)

    monkeypatch.setattr(documents, "write", writing)
    assert desk.attach(data)[1]
    assert key in written


def _write(desk: Desk, key: str, data: bytes) -> None:
    desk.shelf.storage.documents.write(key, data)


def test_after_a_document_that_nobody_can_read_only_what_is_later_than_its_event_counts(desk: Desk) -> None:
    attached, _ = desk.attach(desk.review("reject", 0))
    desk.shelf.storage.documents.delete(KEYS.attestation("1", attached.digest.removeprefix("sha256:")))
    assert why(desk, desk.review("approve", 5)) == "superseded"


def test_no_version_no_evidence(desk: Desk) -> None:
    data = desk.evaluation()
    desk.version = "9"
    with pytest.raises(VersionNotFound):
        desk.attach(data)
    desk.version = "1"
    desk.shelf.registry().delete(TASK, MODEL, "1", reason="wrong")
    with pytest.raises(VersionNotFound):
        desk.attach(data)
    desk.shelf.registry().restore(TASK, MODEL, "1")
    desk.attach(data)


def test_a_reject_is_dismissed_with_a_reason_and_by_one_event(desk: Desk) -> None:
    approved, _ = desk.attach(desk.review("approve", 0, GRACE))
    rejected, _ = desk.attach(desk.review("reject", 0))
    model = desk.shelf.model()
    with pytest.raises(InvalidParameter):
        attesting.dismiss(model, "1", rejected.seq, "root", " ")
    for seq in (approved.seq, 1, 99):
        with pytest.raises(AttestationNotFound):
            attesting.dismiss(model, "1", seq, "root", "mistaken")
    seq = attesting.dismiss(model, "1", rejected.seq, "root", "mistaken")
    assert attesting.dismiss(model, "1", rejected.seq, "root", "again") == seq
    assert dict(desk.evidence().dismissed) == {rejected.seq: seq}
    assert desk.shelf.events()[-1]["dismisses"] == rejected.seq


def test_whose_keys_count_is_asked_with_the_model_held(desk: Desk) -> None:
    desk.attach(desk.review())
    assert desk.asked == 2, "once before, and once under the lock"


@dataclass(frozen=True)
class _Watched(Team):
    """A trust document that keeps of which moments it is asked."""

    moments: list[datetime] = field(default_factory=list, compare=False)

    def then(self, sha256: str, at: datetime) -> Known | str:
        self.moments.append(at)
        return super().then(sha256, at)


class _Counting:
    """A key of the library that counts what it verifies."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.verified = inner, 0

    def verify(self, *signed: bytes) -> None:
        self.verified += 1
        self.inner.verify(*signed)


def counting(person: str, key: PrivateKey) -> tuple[_Counting, dict[str, Known]]:
    inner = _Counting(key.public.inner)
    return inner, {key.public.sha256: Known(person, replace(key.public, inner=inner))}


@pytest.mark.parametrize("kind", ["review", "signature", "provenance"])
def test_a_signature_is_verified_once_and_the_moment_judged_with_the_model_held(desk: Desk, kind: str) -> None:
    inner, known = counting("ada", ADA)
    trust = _Watched(known)
    desk.trust = trust
    data = desk.provenance(1) if kind == "provenance" else getattr(desk, kind)()
    assert desk.attach(data)[1]
    assert inner.verified == 1
    first, second = trust.moments
    assert first <= second


def test_a_key_that_is_revoked_between_the_two_looks_does_not_count(desk: Desk) -> None:
    inner, known = counting("ada", ADA)
    looks = iter([Team(known), Team(known, frozenset(known))])
    before, request = desk.shelf.events(), Request("1", desk.review(), None, None)
    with pytest.raises(AttestationRefused) as refused:
        attesting.attach(desk.shelf.model(), request, lambda: next(looks))
    assert refused.value.detail["why"] == "key_not_valid_then"
    assert (inner.verified, desk.shelf.events(), desk.kept()) == (2, before, [])


def test_a_key_that_is_another_persons_between_the_two_looks_signs_for_him(desk: Desk) -> None:
    looks = iter([team(("ada", ADA)), team(("grace", ADA))])
    request = Request("1", desk.signature(), None, None)
    attached, _ = attesting.attach(desk.shelf.model(), request, lambda: next(looks))
    assert [one.person for one in attached.signers] == ["grace"]


def test_the_document_lists_all_of_it_and_is_made_anew_where_it_is_lost(desk: Desk) -> None:
    desk.attach(desk.review())
    key = KEYS.evidence("1")
    before = json.loads(desk.shelf.storage.documents.read(key).data)
    for damage in (lambda: desk.shelf.storage.documents.delete(key), lambda: _write(desk, key, b"{}")):
        damage()
        desk.attach(desk.provenance(len(desk.shelf.events())))
        now = json.loads(desk.shelf.storage.documents.read(key).data)
        assert now["attestations"][0] == before["attestations"][0]
        assert now["events"] == [event["seq"] for event in desk.shelf.events() if event["event"] == "attest"]
