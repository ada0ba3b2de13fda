"""A reviewer meets a gate: it refuses and says why, somebody approves by a key, and then it lets the version pass."""

from __future__ import annotations

import json
from typing import Any

from registry_core import ModelRegistry, load_private, sign_statement
from registry_core.evidence import attesting, rulebook
from registry_core.evidence.keys import new_ed25519, private_pem, public_pem
from registry_core.evidence.signing.making import REVIEW_PREDICATE
from registry_core.models.model import ModelStore
from registry_core.models.registry_journal import RegistryJournal

from ..app.pages.a_model import MODEL, MOVE, PAGE, TASK, production
from .seeing import Eyes

KEY = new_ed25519()
TRUST = {
    "schema": "omr-trust/1",
    "people": {"ada": {"groups": ["reviewers"]}, "lin": {"actors": ["lin"]}},
    "keys": [{"id": "ada-laptop", "person": "ada", "type": "pem", "public": public_pem(KEY.public)}],
}
APPROVED = {"id": "approved", "approvals": {"at_least": 1, "by": ["reviewers"], "not": ["promoter"]}}
POLICY = {
    "schema": "omr-policy/1",
    "task": TASK,
    "models": ["*"],
    "gates": [{"alias": "production", "require": [APPROVED]}],
}


def approve(registry: ModelRegistry, version: str) -> None:
    """What Ada sends from elsewhere."""
    digest = registry.show(TASK, f"{MODEL}@{version}").package_digest
    said: dict[str, Any] = {"decision": "approve", "reviewed_at": "2026-11-01T09:00:00Z", "comment": "looked at it"}
    key = load_private(private_pem(KEY))
    document = sign_statement(key, f"{TASK}/{MODEL}@{version}", str(digest), REVIEW_PREDICATE, said)
    storage = registry._storage
    request = attesting.Request(version, document, "ada", None)
    attesting.attach(
        ModelStore(storage, TASK, MODEL, 10.0), request, lambda: rulebook.read(RegistryJournal(storage, 10.0)).trust
    )


def test_a_gate_refuses_until_somebody_has_approved(eyes: Eyes, registry: ModelRegistry) -> None:
    registry.set_trust_document(json.dumps(TRUST).encode(), actor="ops", reason="who we are")
    registry.set_policy(TASK, json.dumps(POLICY).encode(), actor="ops", reason="four eyes")
    eyes.go(PAGE)
    eyes.press("Promote 2.0.0", "main")
    dialog = "dialog[open]"
    assert "not met" in eyes.find(f"{dialog} .checklist", "approved").text
    eyes.type(f"{dialog} [name=reason]", "better by far")
    eyes.type(f"{dialog} [name=who]", "lin")
    eyes.press(MOVE, dialog)
    eyes.find(f"{dialog} .band.bad", "Nothing was changed.")
    assert eyes.value(f"{dialog} [name=reason]") == "better by far"
    assert "0 of 1 met" in eyes.find(f"{dialog} .checklist").text
    eyes.picture("gate")
    approve(registry, "2.0.0")
    eyes.press(MOVE, dialog)
    eyes.find(".band.good", "lin moved production")
    found = production(registry)
    assert found is not None
    assert (found.version, found.reason) == ("2.0.0", "better by far")
    eyes.go(f"{PAGE}/versions/2.0.0?tab=evidence")
    assert "ada" in eyes.find("main", "looked at it").text
    assert "1 of 1 met" in eyes.find(".checklist", "What production needs").text
