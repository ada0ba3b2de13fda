"""What a policy asks of every new version: without it nothing is taken in, whatever the alias."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from registry_core import GateNotMet, SignatureRefused

from ..support.packages import write_files
from .conftest import MODEL, TASK, Shelf
from .evidence.governed import KEYS, NOT_ARCHIVED, TWO, Governed, policy
from .evidence.signing.test_found_signatures import FILES, signed

SIGNED = {"id": "signed", "signature": {"by": ["trainer"]}}
CARD = {"id": "card", "file": {"path": "README.md", "min_bytes": 3}}


@pytest.fixture
def governed(shelf: Shelf) -> Governed:
    return Governed(shelf)


def register(governed: Governed, files: Mapping[str, bytes], version: str = "3", **words: Any) -> Any:
    source = write_files(governed.shelf.sources / version, dict(files))
    said = {"set_alias": None, "actor": "cyd", **words}
    return governed.shelf.registry().register(TASK, MODEL, version, source, **said)


def leaves_nothing(governed: Governed, version: str = "3") -> None:
    assert [event["version"] for event in governed.shelf.events()] == ["1", "2"]
    assert not governed.shelf.model().is_taken(version)
    governed.shelf.assert_whole("1", "2")


@pytest.mark.parametrize("alias", [None, "latest"])
def test_without_a_signature_that_counts_nothing_is_published(governed: Governed, alias: str | None) -> None:
    governed.set_policy(policy(register=[SIGNED]))
    with pytest.raises(SignatureRefused) as refused:
        register(governed, FILES, set_alias=alias)
    assert (refused.value.detail["why"], refused.value.detail["signatures"]) == ("missing", [])
    leaves_nothing(governed)
    register(governed, signed(FILES, KEYS["trainer"]), set_alias=alias)
    assert governed.shelf.model().is_taken("3")


def test_a_signature_of_somebody_else_and_one_of_other_bytes_do_not_count(governed: Governed) -> None:
    governed.set_policy(policy(register=[SIGNED]))
    with pytest.raises(SignatureRefused):
        register(governed, signed(FILES, KEYS["ada"]))
    changed = {**signed(FILES, KEYS["trainer"]), "model.pt": b"others"}
    with pytest.raises(SignatureRefused) as refused:
        register(governed, changed)
    (one,) = refused.value.detail["signatures"]
    assert refused.value.detail["why"] == one["why"] != "missing"
    leaves_nothing(governed)


def test_what_else_is_asked_is_the_gate_of_register(governed: Governed) -> None:
    governed.set_policy(policy(register=[CARD]))
    for files in (FILES, {**FILES, "README.md": b"#"}):
        with pytest.raises(GateNotMet) as refused:
            register(governed, files)
        assert [check["id"] for check in refused.value.detail["checks"]] == ["card"]
        leaves_nothing(governed)
    register(governed, {**FILES, "README.md": b"# m"})


def test_another_model_or_task_is_not_asked(governed: Governed) -> None:
    governed.set_policy(policy(register=[SIGNED], models=["other*"]))
    register(governed, FILES)
    governed.set_policy(policy(register=[SIGNED], task="*"), task="*")
    with pytest.raises(SignatureRefused):
        register(governed, FILES, "4")


def test_a_version_from_before_the_policy_may_be_promoted(governed: Governed) -> None:
    """It is asked of who registers; an alias has gates of its own."""
    governed.set_policy(policy(NOT_ARCHIVED, register=[SIGNED]))
    governed.promote()
    assert governed.shelf.alias("production") == "1"


def test_a_rollback_is_overridden_as_a_promote_is(governed: Governed) -> None:
    governed.promote("1")
    governed.promote("2")
    governed.set_policy(policy(TWO, break_glass={"by": ["oncall"], "reason_min_characters": 10}))
    registry, override = governed.shelf.registry(), {"reason": "the night is on fire", "ticket": "OPS-1"}
    for actor, said in (("oncall", None), ("cyd", override), ("oncall", {"reason": "short"})):
        with pytest.raises(GateNotMet):
            registry.rollback(TASK, MODEL, "production", actor=actor, override=said)
    assert governed.shelf.alias("production") == "2"
    registry.rollback(TASK, MODEL, "production", actor="oncall", override=override)
    assert governed.shelf.alias("production") == "1"
    event = governed.shelf.events()[-1]
    assert (event["event"], event["gate"]["override"]) == ("rollback", {**override, "unmet": ["two"]})
    (warning,) = registry.resolve(TASK, f"{MODEL}@production").warnings
    assert warning.startswith("gate_overridden: ")
    assert registry.audit_gates().faults == []
