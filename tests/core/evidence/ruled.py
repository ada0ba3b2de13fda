"""A registry with trust and policies, on a storage that can be looked into."""

from __future__ import annotations

import json
from typing import Any

from registry_core.evidence import rulebook, ruling
from registry_core.evidence.rules.rulebook import Rulebook
from registry_core.storage.contract import Storage

from ..access.ruled import journal_of


def trust_of(*people: str, **more: Any) -> bytes:
    return json.dumps({"schema": "omr-trust/1", "people": {name: {} for name in people}, **more}).encode()


def policy_of(task: str = "celltype", alias: str = "production", **more: Any) -> bytes:
    gate = {"alias": alias, "require": [{"id": "usable", "not_archived": {}}]}
    return json.dumps({"schema": "omr-policy/1", "task": task, "gates": [gate], **more}).encode()


def put_trust(storage: Storage, data: bytes) -> int:
    return ruling.set_trust(journal_of(storage), data, expected_seq=None, words=("ada", "new")).seq


def put_policy(storage: Storage, data: bytes, task: str = "celltype") -> int:
    return ruling.set_policy(journal_of(storage), task, data, expected_seq=None, words=("ada", "new")).seq


def clear(storage: Storage, task: str = "celltype") -> int:
    return ruling.clear_policy(journal_of(storage), task, expected_seq=None, words=("ada", "old")).seq


def rules(storage: Storage, until: Any = None) -> Rulebook:
    return rulebook.read(journal_of(storage), until)
