"""What the laboratory of the demo asks for before production may name a version of its model of blood, and by whom.

The keys are made of the names of those who have them, so that anybody can sign in their place: as little of a secret
as all else here.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from models import Model

from registry_core import ModelRegistry, load_private, sign_statement
from registry_core.evidence.keys import public_pem

REVIEW, EVALUATION = (f"urn:omnibioai:model-registry:predicate:{name}:v1" for name in ("review", "evaluation"))
EVALUATOR = "benchmark"
_ED25519 = bytes.fromhex("302e020100300506032b657004220420")  # what stands before the 32 bytes in PKCS #8


def private_key(person: str) -> bytes:
    made = base64.b64encode(_ED25519 + hashlib.sha256(f"demo {person}".encode()).digest())
    return b"-----BEGIN PRIVATE KEY-----\n" + made + b"\n-----END PRIVATE KEY-----\n"


def set_up(registry: ModelRegistry, model: Model, authors: Sequence[str], reviewers: Sequence[str]) -> None:
    """Whose keys count, and the policy; where there is one nothing is done."""
    if registry.policies():
        return
    groups = {**{name: ["reviewers"] for name in reviewers}, EVALUATOR: ["evaluators"]}
    people = {name: {"groups": groups.get(name, []), "actors": [name]} for name in (*authors, *groups)}
    keys = [
        {"id": name, "person": name, "type": "pem", "public": public_pem(load_private(private_key(name)).public)}
        for name in groups
    ]
    require = [
        {"id": "measured", "metric": {"name": model.decisive, "gte": 0.9, "by": ["evaluators"]}},
        {"id": "two-reviewers", "approvals": {"at_least": 2, "by": ["reviewers"], "not": ["registrant"]}},
        {"id": "no-blocking-finding", "findings": {"none_of": ["blocking"]}},
        {"id": "model-card", "file": {"path": "README.md", "min_bytes": 200}},
    ]
    gates = [{"alias": "production", "require": require}]
    policy = {"schema": "omr-policy/1", "task": model.task, "models": [model.name], "gates": gates}
    trust = {"schema": "omr-trust/1", "people": people, "keys": keys}
    why: Any = {"actor": reviewers[0], "reason": "agreed with the atlas team: nobody lets it into production alone"}
    registry.set_trust_document(json.dumps(trust).encode(), **why)
    registry.set_policy(model.task, json.dumps(policy).encode(), **why)


def attest(
    registry: ModelRegistry, model: Model, version: str, kind: str, said: Mapping[str, Any], who: str, why: str
) -> None:
    """That person says it of the version, and signs it."""
    ref = f"{model.name}@{version}"
    digest = str(registry.show(model.task, ref).package_digest)
    document = sign_statement(load_private(private_key(who)), f"{model.task}/{ref}", digest, kind, said)
    registry.attest(model.task, ref, document, actor=who, reason=why)
