"""E1 and E2: evidence never changes a package; what counts is what a key has verified that counted then, and counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry_core import AttestationRefused, GateNotMet, JournalCorrupt, TrustInvalid
from registry_core.evidence import of_version
from registry_core.evidence.keys import public_pem
from registry_core.packages import contents
from registry_core.storage.contract import Storage
from registry_core.storage.memory.root import MemoryStorage

from ..core.conftest import MODEL, TASK, Shelf
from ..core.evidence.governed import KEYS, Governed, policy, trust
from ..support.packages import write_files
from .test_gates import storage

__all__ = ["storage"]
APPROVED = {"id": "approved", "approvals": {"at_least": 1, "by": ["reviewers"]}}


@pytest.fixture
def governed(storage: Storage, tmp_path: Path) -> Governed:
    shelf = Shelf(storage, tmp_path)
    write_files(tmp_path / "1", {"model.pt": b"1"})
    shelf.register("1")
    return Governed(shelf)


def package(governed: Governed) -> dict[str, Any]:
    """Every byte of the package, when it was written, and what the journal says of it."""
    model = governed.shelf.model()
    key, packages = model.keys.package("1"), governed.shelf.storage.packages
    files = {one.key: (one.changed_s, packages.read(key, one.name)) for one in contents.files(model, "1")}
    return {**files, "recorded": model.recorded_digest("1"), "location": packages.locate(key)}


def is_met(governed: Governed) -> bool:
    gate = governed.shelf.registry().gate(TASK, f"{MODEL}@1", "production", actor="cyd")
    if not gate.met:
        with pytest.raises(GateNotMet):
            governed.promote()
        assert governed.shelf.alias("production") is None
    return gate.met


def approved(governed: Governed) -> str:
    """The key of ada's approval, which is enough."""
    governed.set_policy(policy(APPROVED))
    assert not is_met(governed)
    governed.review("ada")
    assert is_met(governed)
    model = governed.shelf.model()
    (one,) = of_version.read(model, "1").attestations
    return model.keys.attestation("1", one.digest.removeprefix("sha256:"))


def test_E1_evidence_never_changes_a_package(governed: Governed) -> None:
    registry, before = governed.shelf.registry(), package(governed)
    assert len(before) > 3
    governed.set_policy(policy(APPROVED))
    governed.review("ada")
    reject = governed.review("bob", "reject")
    governed.measure(0.9)
    governed.sign()
    registry.dismiss_attestation(TASK, MODEL, "1", reject, reason="not his to say")
    found = registry.open_finding(TASK, MODEL, "1", "blocking", "it is wrong").seq
    registry.resolve_finding(TASK, MODEL, "1", found, reason="mended")
    governed.set_trust(trust(revoked=("bob",)))
    governed.promote()
    registry.sweep(0)
    with pytest.raises(AttestationRefused):
        governed.review("bob")
    assert package(governed) == before
    registry.verify(TASK, f"{MODEL}@1")
    assert [one.code for one in registry.check().findings if one.severity == "damage"] == []


def test_E2_what_counted_counts_while_its_bytes_are_there(governed: Governed) -> None:
    key, files = approved(governed), governed.shelf.storage.documents
    data = files.read(key).data
    files.delete(key)
    assert not is_met(governed)
    files.write(key, data + b" ")
    assert not is_met(governed), "the same payload, but not the bytes that the event names"
    files.write(key, data)
    assert is_met(governed)


def test_E2_another_envelope_in_its_place_counts_for_nothing(governed: Governed) -> None:
    """Whoever may write to the root, and has a key that counts, makes no approval of somebody else's by swapping."""
    key, files = approved(governed), governed.shelf.storage.documents
    mine = files.read(key).data
    governed.review("cyd", "withdraw")
    (other,) = [one.key for one in files.list(key.rpartition("/")[0]) if one.key != key]
    files.write(key, files.read(other).data)
    assert not is_met(governed)
    files.write(other, mine)  # an approval where the journal names a withdrawal
    assert not is_met(governed)


def test_E2_what_no_event_names_counts_for_nothing(governed: Governed) -> None:
    governed.set_policy(policy(APPROVED))
    other = Governed(Shelf(MemoryStorage(), governed.shelf.sources))
    other.shelf.register("1")
    other.review("ada")
    assert other.shelf.model().recorded_digest("1") is not None
    keys = governed.shelf.model().keys
    for one in list(other.shelf.storage.documents.list(f"{keys.attestations}/1")):
        governed.shelf.storage.documents.write(one.key, other.shelf.storage.documents.read(one.key).data)
    assert not is_met(governed)
    listed = other.shelf.storage.documents.read(keys.evidence("1")).data
    governed.shelf.storage.documents.write(keys.evidence("1"), listed)
    if governed.shelf.storage.documents.looks_are_cheap():
        with pytest.raises(JournalCorrupt):  # it shows an event that the journal does not have
            is_met(governed)
    else:
        assert not is_met(governed)


def test_E2_a_key_that_is_revoked_helps_no_more(governed: Governed) -> None:
    approved(governed)
    events = governed.shelf.events()
    governed.set_trust(trust(revoked=("ada",)))
    assert not is_met(governed)
    assert governed.shelf.events() == events, "nothing stored is rewritten"
    with pytest.raises(AttestationRefused) as refused:
        governed.review("ada")
    assert refused.value.detail["why"] == "key_not_valid_then"
    governed.review("bob")
    assert is_met(governed)


def test_E2_a_name_of_a_key_is_no_key(governed: Governed) -> None:
    """ada's key id is given to another key: what the old key said counts no more, whatever it is called."""
    approved(governed)
    document = trust(without=("oncall",))
    for one in document["keys"]:
        if one["id"] == "ada":
            one["public"] = public_pem(KEYS["oncall"].public)
    governed.set_trust(document)
    assert not is_met(governed)


def test_E2_a_key_that_became_somebody_elses_is_no_word_of_his(governed: Governed) -> None:
    approved(governed)
    document = trust(without=("bob",))
    document["people"]["bob"] = {"groups": ["reviewers"]}
    for one in document["keys"]:
        if one["id"] == "ada":
            one["person"] = "bob"
    governed.set_trust(document)
    assert not is_met(governed), "neither ada has approved by a key of hers, nor bob by his"


def test_E2_one_key_under_two_people_is_refused(governed: Governed) -> None:
    approved(governed)
    document = trust()
    document["keys"].append({**document["keys"][0], "id": "ada-too", "person": "bob"})
    with pytest.raises(TrustInvalid):
        governed.shelf.registry().set_trust_document(document)
    assert is_met(governed)


def test_E2_whoever_is_not_trusted_attaches_nothing(governed: Governed) -> None:
    governed.set_policy(policy(APPROVED))
    governed.set_trust(trust(without=("ada",)))
    events = governed.shelf.events()
    with pytest.raises(AttestationRefused):
        governed.review("ada")
    assert governed.shelf.events() == events
    assert list(governed.shelf.storage.documents.list(governed.shelf.model().keys.attestations, deep=True)) == []
    assert not is_met(governed)
