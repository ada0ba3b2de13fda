"""Trust and policies: for admins, told with who set them, when, and by which event."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    GateNotMet,
    InvalidParameter,
    ModelRegistry,
    PermissionDenied,
    PolicyInvalid,
    PolicyNotFound,
    PolicyRules,
    PolicyTrial,
    PolicyUnreadable,
    TrustRules,
)
from registry_core.format.events import POLICY
from registry_core.models.changes import Draft
from registry_core.models.registry_journal import POLICIES, document_key, said_of_root
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.texts import digest

from ..access.ruled import journal_of
from ..evidence.ruled import policy_of, trust_of
from .guarded import OWN, House, house

NOBODY_HAS = {"id": "reviewed", "approvals": {"at_least": 1, "by": ["reviewers"]}}
APPROVED = policy_of(OWN, gates=[{"alias": "production", "require": [NOBODY_HAS]}])
WORDS = {"actor": "ada", "reason": "reviewed"}
CHANGES: dict[str, Callable[[ModelRegistry], Any]] = {
    "set_trust_document": lambda r: r.set_trust_document(trust_of("ada")),
    "set_policy": lambda r: r.set_policy("celltype", policy_of(alias="staging")),
    "clear_policy": lambda r: r.clear_policy("celltype"),
}
READS: dict[str, Callable[[ModelRegistry], Any]] = {
    "trust_document": lambda r: r.trust_document(),
    "policies": lambda r: r.policies(),
    "policy": lambda r: r.policy("celltype"),
    "try_policy": lambda r: r.try_policy("celltype", policy_of()),
    "log_document": lambda r: r.log_document(digest(policy_of())),
}


@pytest.fixture
def here(tmp_path: Path) -> House:
    return house(MemoryStorage(), tmp_path, tasks=())


def test_what_holds_is_told_with_who_set_it(here: House) -> None:
    registry = here.registry
    assert registry.trust_document() == TrustRules(None, None, 0, None, None, None)
    assert registry.policies() == []
    change = registry.set_trust_document(json.loads(trust_of("ada")), **WORDS)
    found = registry.trust_document()
    assert found.document == json.loads(trust_of("ada"))
    assert (found.seq, found.digest, found.actor, found.reason) == (change.seq, change.digest, "ada", "reviewed")
    set_ = registry.set_policy("celltype", policy_of(), **WORDS)
    registry.set_policy("*", policy_of("*"))
    policy = registry.policy("celltype")
    assert isinstance(policy, PolicyRules)
    assert policy.document == json.loads(policy_of())
    assert (policy.task, policy.digest, policy.seq) == ("celltype", digest(policy_of()), set_.seq)
    assert policy.updated_at is not None
    assert [(one.task, one.actor) for one in registry.policies()] == [("*", None), ("celltype", "ada")]
    assert registry.policy("celltype", as_of=policy.updated_at) == policy
    registry.clear_policy("celltype")
    assert [one.task for one in registry.policies()] == ["*"]
    with pytest.raises(PolicyNotFound):
        registry.policy("celltype")
    assert registry.policy("celltype", as_of=policy.updated_at) == policy
    assert registry.trust_document(as_of="2020-01-01T00:00:00Z").seq == 0
    with pytest.raises(InvalidParameter):
        registry.trust_document(as_of="yesterday")


def test_a_policy_that_is_tried_is_not_set(here: House) -> None:
    assert here.registry.try_policy("celltype", policy_of()) == PolicyTrial(
        "celltype", digest(policy_of()), ["*"], ["production"], holds=False
    )
    with pytest.raises(PolicyInvalid) as refused:
        here.registry.try_policy("celltype", policy_of(gate=[]))
    assert refused.value.detail == {"field": "gate"}
    assert here.registry.policies() == []
    here.registry.set_policy("celltype", policy_of())
    assert here.registry.try_policy("celltype", policy_of()).holds


def test_the_bytes_of_what_holds_or_held_are_given_and_no_others(here: House) -> None:
    for alias in ("production", "staging"):
        here.registry.set_policy("celltype", policy_of(alias=alias))
    for name in (digest(policy_of()), digest(policy_of()).removeprefix("sha256:")):
        assert here.registry.log_document(name) == policy_of()
    named = here.registry.registry_history(event="access").events[-1].document
    for other in (named, "sha256:" + "0" * 64, "../../registry", "", "\ud800"):
        with pytest.raises(PolicyNotFound):
            here.registry.log_document(str(other))
    here.storage.documents.write(document_key(digest(policy_of())), b"{}")
    with pytest.raises(PolicyUnreadable, match="damaged"):
        here.registry.log_document(digest(policy_of()))


@pytest.mark.parametrize("name", [*CHANGES, *READS])
def test_they_are_for_admins(here: House, name: str) -> None:
    here.registry.set_policy("celltype", policy_of())
    before = here.registry.registry_history().events
    for who in ("anonymous", "admin", "approver", "left", "stranger"):
        with pytest.raises(PermissionDenied):
            (CHANGES | READS)[name](here.as_(who))
    assert here.registry.registry_history().events == before
    (CHANGES | READS)[name](here.as_("chief"))
    last = here.registry.registry_history().events[-1]
    assert (last.principal is not None) is (name in CHANGES)


def test_what_json_cannot_say_is_no_document(here: House) -> None:
    for value in ({"schema": float("nan")}, {"schema": {1}}):
        with pytest.raises(InvalidParameter):
            here.registry.set_trust_document(value)


def test_a_policy_that_a_crash_has_left_unsaid_gates_already(tmp_path: Path) -> None:
    here = house(MemoryStorage(), tmp_path, tasks=(OWN,))
    journal, named = journal_of(here.storage), digest(APPROVED)
    here.storage.documents.write(document_key(named), APPROVED)
    draft = Draft(POLICY, None, None, None, own={"policy": OWN, "document": named})
    journal.journal.append(journal.journal.next_event(journal.journal.last(), draft.fields(journal)))
    assert POLICIES not in said_of_root(here.storage)
    with pytest.raises(GateNotMet):
        here.registry.promote(OWN, "m", "production", "2")
