"""What the laboratory of the demo asks for before production may name a version of two of its models, and by whom.

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

REVIEW, EVALUATION, SIGNATURE = (
    f"urn:omnibioai:model-registry:predicate:{name}:v1" for name in ("review", "evaluation", "signature")
)
EVALUATOR = "benchmark"
_ED25519 = bytes.fromhex("302e020100300506032b657004220420")  # what stands before the 32 bytes in PKCS #8


def private_key(person: str) -> bytes:
    made = base64.b64encode(_ED25519 + hashlib.sha256(f"demo {person}".encode()).digest())
    return b"-----BEGIN PRIVATE KEY-----\n" + made + b"\n-----END PRIVATE KEY-----\n"


def set_up(registry: ModelRegistry, model: Model, authors: Sequence[str], reviewers: Sequence[str]) -> None:
    """Whose keys count, and the policy of the model's task; what is set already stays."""
    why: Any = {"actor": reviewers[0], "reason": "agreed with the atlas team: nobody lets it into production alone"}
    if registry.trust_document().document is None:
        registry.set_trust_document(json.dumps(_trust(authors, reviewers)).encode(), **why)
    if model.task not in {one.task for one in registry.policies()}:
        registry.set_policy(model.task, json.dumps(_policy(model)).encode(), **why)


def _trust(authors: Sequence[str], reviewers: Sequence[str]) -> dict[str, Any]:
    groups = {EVALUATOR: "evaluators", **dict.fromkeys(authors, "authors"), **dict.fromkeys(reviewers, "reviewers")}
    keys = [
        {"id": name, "person": name, "type": "pem", "public": public_pem(load_private(private_key(name)).public)}
        for name in groups
    ]
    people = {name: {"groups": [group], "actors": [name]} for name, group in groups.items()}
    return {"schema": "omr-trust/1", "people": people, "keys": keys}


def _policy(model: Model) -> dict[str, Any]:
    count = {1: "one-reviewer", 2: "two-reviewers"}[model.reviews]
    gate: dict[str, Any] = {
        "alias": "production",
        "require": [
            {"id": "measured", "metric": {"name": model.decisive, "gte": model.bar, "by": ["evaluators"]}},
            {"id": count, "approvals": {"at_least": model.reviews, "by": ["reviewers"], "not": ["registrant"]}},
            {"id": "no-blocking-finding", "findings": {"none_of": ["blocking"]}},
            {"id": "model-card", "file": {"path": "README.md", "min_bytes": 200}},
        ],
    }
    if model.is_signed:
        signed = {"id": "signed", "signature": {"by": ["authors"], "covers": "package"}, "overridable": False}
        gate["require"].append(signed)
        gate["break_glass"] = {"by": ["reviewers"], "reason_min_characters": 20}
    return {"schema": "omr-policy/1", "task": model.task, "models": [model.name], "gates": [gate]}


def attest(
    registry: ModelRegistry, model: Model, version: str, kind: str, said: Mapping[str, Any], who: str, why: str
) -> None:
    """That person says it of the version, and signs it."""
    ref = f"{model.name}@{version}"
    digest = str(registry.show(model.task, ref).package_digest)
    document = sign_statement(load_private(private_key(who)), f"{model.task}/{ref}", digest, kind, said)
    registry.attest(model.task, ref, document, actor=who, reason=why)
