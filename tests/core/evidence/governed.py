"""A registry with a trust document and policies, whose people say things of its versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from registry_core.evidence import attesting, trust_document
from registry_core.evidence.keys import public_pem
from registry_core.evidence.signing.statement import EVALUATION, REVIEW, SIGNATURE
from registry_core.format.events import FINDING, POLICY, TRUST
from registry_core.models.changes import Draft, change
from registry_core.models.registry_journal import POLICIES, RegistryJournal, document_key, say
from registry_core.vocabulary.texts import digest, format_time

from ..conftest import MODEL, TASK, Shelf
from .signers import enveloped, private, statement

PEOPLE = ("ada", "bob", "cyd", "ci", "trainer", "oncall")
GROUPS = {"ada": ["reviewers"], "bob": ["reviewers"], "cyd": ["reviewers"], "ci": ["evaluators"]}
KEYS = {name: private(number=100 + number) for number, name in enumerate(PEOPLE)}
BEGINNING = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
TWO = {"id": "two", "approvals": {"at_least": 2, "by": ["reviewers"], "not": ["promoter"]}}
NO_FINDING = {"id": "no-finding", "findings": {"none_of": ["blocking"]}, "overridable": False}
NOT_ARCHIVED: dict[str, Any] = {"id": "usable", "not_archived": {}}


def trust(revoked: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> dict[str, Any]:
    names = [name for name in PEOPLE if name not in without]
    return {
        "schema": "omr-trust/1",
        "people": {
            name: {"groups": GROUPS.get(name, []), "actors": [name], "principals": [f"https://id.example|{name}"]}
            for name in names
        },
        "keys": [
            {"id": name, "person": name, "type": "pem", "public": public_pem(KEYS[name].public)} for name in names
        ],
        "revoked": [{"key": name, "at": "2026-11-27T00:00:00Z", "reason": "stolen"} for name in revoked],
    }


def policy(*require: Mapping[str, Any], alias: str = "production", task: str = TASK, **more: Any) -> dict[str, Any]:
    """A policy of one gate; ``break_glass`` is of the gate."""
    glass = {"break_glass": more.pop("break_glass")} if "break_glass" in more else {}
    gates = [{"alias": alias, "require": list(require), **glass}] if require else []
    return {"schema": "omr-policy/1", "task": task, "models": ["*"], "gates": gates, **more}


@dataclass
class Governed:
    """What is done to it; each time is a minute after the one before."""

    shelf: Shelf
    minute: int = 0

    def __post_init__(self) -> None:
        self.set_trust(trust())

    @property
    def journal(self) -> RegistryJournal:
        return RegistryJournal(self.shelf.storage, 10.0)

    def set_trust(self, document: Mapping[str, Any]) -> str:
        return self._set(TRUST, document, {})

    def set_policy(self, document: Mapping[str, Any], task: str = TASK) -> str:
        say(self.shelf.storage, POLICIES)
        return self._set(POLICY, document, {"policy": task})

    def _set(self, kind: str, document: Mapping[str, Any], own: Mapping[str, Any]) -> str:
        data = json.dumps(document).encode()
        named = digest(data)
        if kind == TRUST:
            trust_document.parse(data)
        draft = Draft(kind, None, "an admin", None, own={"document": named, **own}, beside={document_key(named): data})
        change(self.journal, lambda: None, lambda _: draft)
        return named

    def attest(self, kind: str, predicate: Mapping[str, Any], *people: str, version: str = "1") -> int:
        model = self.shelf.model()
        sha256 = str(model.recorded_digest(version)).removeprefix("sha256:")
        said = statement(predicate, predicate_type=kind, name=f"{TASK}/{MODEL}@{version}", sha256=sha256)
        return self.send(enveloped(said, *(KEYS[person] for person in people)), version)

    def send(self, data: bytes, version: str = "1") -> int:
        from registry_core.evidence import rulebook

        request = attesting.Request(version, data, "a sender", None)
        attached, _ = attesting.attach(self.shelf.model(), request, lambda: rulebook.read(self.journal).trust)
        return attached.seq

    def review(self, person: str, decision: str = "approve", version: str = "1") -> int:
        return self.attest(REVIEW, {"reviewed_at": self.moment(), "decision": decision}, person, version=version)

    def measure(self, value: float, person: str = "ci", version: str = "1") -> int:
        said = {
            "evaluated_at": self.moment(),
            "dataset": {"name": "pbmc"},
            "metrics": [{"name": "accuracy", "value": value}],
        }
        return self.attest(EVALUATION, said, person, version=version)

    def sign(self, person: str = "trainer", version: str = "1") -> int:
        return self.attest(SIGNATURE, {}, person, version=version)

    def find(self, severity: str = "blocking", version: str = "1") -> int:
        found = {"severity": severity, "title": "it is wrong", "url": None}
        return self._finding(Draft(FINDING, version, "ada", None, own={"finding": found}))

    def resolve(self, finding: int, version: str = "1") -> int:
        return self._finding(Draft(FINDING, version, "ada", "mended", own={"finding": {"resolves": finding}}))

    def _finding(self, draft: Draft) -> int:
        done: Any = change(self.shelf.model(), lambda: None, lambda _: draft)
        return int(done.event["seq"])

    def promote(self, version: str = "1", alias: str = "production", actor: str = "cyd", **words: Any) -> Any:
        return self.shelf.registry().promote(TASK, MODEL, alias, version, actor=actor, **words)

    def moment(self) -> str:
        self.minute += 1
        return format_time(BEGINNING + timedelta(minutes=self.minute))
