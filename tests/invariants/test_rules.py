"""E4 of trust and policies: what is not understood is refused, and what holds and cannot be read lets nothing pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from registry_core import ModelRegistry, PolicyInvalid, PolicyUnreadable, TrustInvalid
from registry_core.evidence import rulebook
from registry_core.models.registry_journal import RegistryJournal, document_key
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.vocabulary.texts import digest

from ..core.evidence.ruled import policy_of, trust_of
from ..core.evidence.rules.test_policy_grammar import FULL
from ..support.packages import open_registry

RULE: dict[str, Any] = {"id": "new", "quorum": {"of": 3}}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each name in the document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        if isinstance(value, dict) and path[-1:] != ("where",):
            yield (*path, name)
        yield from places(part, (*path, name))


def test_E4_an_unknown_rule_refuses_its_document(tmp_path: Path) -> None:
    registry = open_registry(tmp_path)
    for change, field in (
        ({"gates": [{"alias": "production", "require": [RULE]}]}, "gates[0].require[0].quorum"),
        ({"register": [RULE]}, "register[0].quorum"),
        ({"schema": "omr-policy/2"}, "schema"),
        ({"stages": []}, "stages"),
    ):
        with pytest.raises(PolicyInvalid) as refused:
            registry.set_policy("celltype", {**FULL, **change})
        assert refused.value.detail["field"] == field
    with pytest.raises(TrustInvalid):
        registry.set_trust_document(trust_of("ada", certificates=[]))
    assert registry.registry_history().events == []
    assert not (tmp_path / "log").exists()


def test_E4_a_typo_anywhere_in_a_policy_refuses_it(tmp_path: Path) -> None:
    registry = open_registry(tmp_path)
    found = list(places(FULL))
    assert len(found) > 40
    for *way, name in found:
        for typo in (f"{name}s", str(name).upper(), f" {name}"):
            fields: Any = deepcopy(FULL)
            at = fields
            for step in way:
                at = at[step]
            at[typo] = at.pop(name)
            with pytest.raises(PolicyInvalid):
                registry.try_policy("celltype", fields)
    assert registry.try_policy("celltype", FULL).aliases == ["production"]


def what_holds(registry: ModelRegistry) -> rulebook.Rulebook:
    return rulebook.read(RegistryJournal(registry._storage, 1.0))


def test_E4_what_holds_and_cannot_be_read_refuses_what_it_concerns(tmp_path: Path) -> None:
    registry = open_registry(tmp_path)
    registry.set_policy("celltype", policy_of(alias="staging"))
    registry.set_policy("celltype", policy_of())
    registry.set_policy("qc", policy_of("qc"))
    assert what_holds(registry).gates("celltype", "m", "production")  # understood, and remembered
    kept = tmp_path / document_key(digest(policy_of()))
    data = kept.read_bytes()
    for harm in (kept.unlink, lambda: kept.write_bytes(data[:-9]), lambda: kept.write_bytes(b"")):
        harm()
        with pytest.raises(PolicyUnreadable):
            what_holds(registry).gates("celltype", "m", "production")
        assert what_holds(registry).gates("qc", "m", "production")
    kept.write_bytes(data)
    assert what_holds(registry).gates("celltype", "m", "production")
    assert json.loads((tmp_path / "registry.json").read_bytes())["format"] == 2
    assert rulebook.read(RegistryJournal(FilesystemStorage(tmp_path), 1.0)).of("celltype")
