"""Two replicas over one bucket that say things of a version and judge it: without coordination, and nothing is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registry_core import CoreSettings, GateNotMet
from registry_core.evidence import of_version
from registry_core.format.layout import is_package
from registry_core.models import vouching
from registry_core.storage import open_storage

from ..core.conftest import MODEL, TASK, Shelf
from ..core.evidence.attested import ADA, GRACE, Desk
from ..core.evidence.governed import Governed, policy, trust
from ..support.seaweed import Seaweed

EACH = 6
APPROVED = {"id": "approved", "approvals": {"at_least": 1, "by": ["reviewers"]}}


@pytest.fixture
def shelves(seaweed: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Shelf, Shelf]:
    """Two replicas, each with its own memory of the bucket; version 1 is there."""
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)
    root, options = seaweed.new_root(), CoreSettings.from_env(seaweed.env).storage
    one, other = (Shelf(open_storage(root, options, is_package), tmp_path) for _ in range(2))
    one.register("1")
    return one, other


def test_two_replicas_attest_at_once_and_nothing_is_lost(shelves: tuple[Shelf, Shelf]) -> None:
    desks = [Desk(shelf) for shelf in shelves]
    both = desks[0].review("approve", 5, ADA, GRACE)
    sent = [desks[0].provenance(number, ADA) for number in range(2 * EACH)]

    def work(number: int) -> list[bool]:
        desk, own = desks[number], sent[number * EACH : (number + 1) * EACH]
        return [desk.attach(both)[1], *(desk.attach(data)[1] for data in own)]

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(work, range(2))
    assert sorted([first[0], second[0]]) == [False, True], "the same document makes one event"
    assert all(first[1:] + second[1:])
    for desk in desks:
        model = desk.shelf.model()
        found = of_version.read(model, "1").attestations
        assert {of_version.document(model, "1", one.digest) for one in found} == {both, *sent}
        assert desk.shelf.registry().sweep(0).documents == []
        assert desk.shelf.registry().check().findings == []


@pytest.mark.parametrize("damage", [None, b"{"])
def test_a_list_of_evidence_that_is_lost_or_damaged_is_made_anew(
    shelves: tuple[Shelf, Shelf], damage: bytes | None
) -> None:
    one, other = (Desk(shelf) for shelf in shelves)
    sent = [one.provenance(number, ADA) for number in range(3)]
    for data in sent:
        one.attach(data)
    seen, key, files = one.evidence(), one.shelf.model().keys.evidence("1"), other.shelf.storage.documents
    if damage is None:
        files.delete(key)
    else:
        files.write(key, damage)
    assert one.evidence() == other.evidence() == seen, "it is never taken for nothing"
    other.attach(other.provenance(9, GRACE))
    model = one.shelf.model()
    fields = vouching.read(model.storage, model.keys, "1") or {}
    assert len(fields["attestations"]) == 4
    assert one.evidence() == other.evidence()
    assert one.shelf.registry().check().findings == []


def test_what_one_replica_sets_the_other_s_gate_asks_for(shelves: tuple[Shelf, Shelf]) -> None:
    one, other = Governed(shelves[0]), shelves[1].registry()
    assert other.promote(TASK, MODEL, "production", "1", actor="cyd").version == "1"
    one.shelf.registry().set_policy(TASK, policy(APPROVED))
    with pytest.raises(GateNotMet):
        other.promote(TASK, MODEL, "production", "1", actor="cyd")
    one.review("ada")
    assert other.gate(TASK, f"{MODEL}@1", "production", actor="cyd").met
    other.promote(TASK, MODEL, "production", "1", actor="cyd")
    one.shelf.registry().set_trust_document(trust(revoked=("ada",)))
    with pytest.raises(GateNotMet):
        other.promote(TASK, MODEL, "production", "1", actor="cyd")
    one.shelf.registry().clear_policy(TASK)
    assert other.promote(TASK, MODEL, "production", "1", actor="cyd").version == "1"
