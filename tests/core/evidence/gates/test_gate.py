"""The gate in the verbs: what lets an alias name a version, what refuses it, and what the event says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core import GateNotMet, InvalidName, InvalidParameter, NotConfigured, PolicyUnreadable, VersionNotFound
from registry_core.format.layout import ModelKeys
from registry_core.models.registry_journal import document_key
from registry_core.storage.filesystem.tree import FilesystemStorage

from ....support.machine import remove_tree
from ...conftest import MODEL, TASK, Shelf
from ..governed import NO_FINDING, NOT_ARCHIVED, TWO, Governed, policy, trust

ACCURATE = {"id": "accuracy", "metric": {"name": "accuracy", "gte": 0.8, "by": ["evaluators"]}}
SIGNED = {"id": "signed", "signature": {"by": ["trainer"], "covers": "package"}}
SIZED = {"id": "weights", "file": {"path": "model.pt", "min_bytes": 1}}


@pytest.fixture
def governed(shelf: Shelf) -> Governed:
    return Governed(shelf)


def unmet(refused: pytest.ExceptionInfo[GateNotMet]) -> list[str]:
    return [check["id"] for check in refused.value.detail["checks"]]


def refuses(governed: Governed, *ids: str, **words: Any) -> None:
    before = governed.shelf.events()
    with pytest.raises(GateNotMet) as refused:
        governed.promote(**words)
    assert unmet(refused) == list(ids)
    assert governed.shelf.events() == before, "a refusal writes nothing"


def test_where_no_policy_was_ever_set_nothing_is_asked_or_said(governed: Governed) -> None:
    governed.promote()
    assert "gate" not in governed.shelf.events()[-1]


def test_a_promote_passes_once_everything_is_met_and_its_event_says_why(governed: Governed) -> None:
    named = governed.set_policy(policy(ACCURATE, TWO, SIGNED, NO_FINDING, SIZED, NOT_ARCHIVED))
    refuses(governed, "accuracy", "two", "signed")
    measured, first, second, signed = (
        governed.measure(0.9),
        governed.review("ada"),
        governed.review("bob"),
        governed.sign(),
    )
    governed.promote()
    event = governed.shelf.events()[-1]
    assert event["gate"] == {
        "policies": [named],
        "trust": event["gate"]["trust"],
        "registry_seq": 2,
        "met": True,
        "checks": [
            ["accuracy", True, [measured]],
            ["two", True, [first, second]],
            ["signed", True, [signed]],
            ["no-finding", True, []],
            ["weights", True, []],
            ["usable", True, []],
        ],
        "seen": {"sizes": {"model.pt": 1}, "archived": False},
    }
    assert governed.shelf.alias("production") == "1"


def test_a_blocking_finding_refuses_the_same_version_too(governed: Governed) -> None:
    governed.set_policy(policy(NO_FINDING))
    governed.promote()
    finding = governed.find()
    refuses(governed, "no-finding")
    governed.resolve(finding)
    governed.promote()


def test_all_gates_that_match_must_hold_and_others_are_not_asked(governed: Governed) -> None:
    governed.set_policy(policy(NO_FINDING, alias="prod*"))
    governed.set_policy(policy(ACCURATE, task="*"), task="*")
    governed.find()
    refuses(governed, "accuracy", "no-finding")
    governed.promote(alias="other")
    assert "gate" not in governed.shelf.events()[-1]
    refuses(governed, "no-finding", alias="prod-eu")


def test_rollback_is_no_way_around(governed: Governed) -> None:
    governed.promote("1")
    governed.promote("2")
    governed.set_policy(policy(NO_FINDING))
    governed.find(version="1")
    with pytest.raises(GateNotMet):
        governed.shelf.registry().rollback(TASK, MODEL, "production", actor="cyd")
    with pytest.raises(GateNotMet):
        governed.shelf.registry().rollback(TASK, MODEL, "production", actor="cyd", dry_run=True)


def test_a_stage_is_no_way_around_and_lifts_no_archived_mark(governed: Governed) -> None:
    registry = governed.shelf.registry()
    governed.set_policy(policy(NOT_ARCHIVED))
    registry.stage(TASK, MODEL, "1", "archived", actor="cyd")
    with pytest.raises(GateNotMet):
        registry.stage(TASK, MODEL, "1", "production", actor="cyd")
    for reason in (None, " "):
        with pytest.raises(InvalidParameter, match="says why"):
            registry.stage(TASK, MODEL, "1", "none", actor="cyd", reason=reason)
    registry.stage(TASK, MODEL, "1", "none", actor="cyd", reason="it was a mistake")
    registry.stage(TASK, MODEL, "1", "production", actor="cyd")
    assert governed.shelf.events()[-1]["gate"]["met"]
    governed.set_policy(policy(NO_FINDING))
    registry.stage(TASK, MODEL, "1", "archived", actor="cyd")
    registry.stage(TASK, MODEL, "1", "production", actor="cyd")
    assert registry.show(TASK, f"{MODEL}@1").warnings, "it is archived still"


def test_register_with_an_alias_is_no_way_around(governed: Governed) -> None:
    governed.set_policy(policy(TWO, alias="latest"))
    with pytest.raises(GateNotMet, match="set_alias: null"):
        governed.shelf.registry().register(TASK, MODEL, "3", governed.shelf.source("3"), actor="cyd")
    assert governed.shelf.registry().register(TASK, MODEL, "3", governed.shelf.source("3"), set_alias=None)


def test_a_register_whose_alias_asks_for_what_the_package_has(governed: Governed) -> None:
    governed.set_policy(policy(SIZED, NOT_ARCHIVED, alias="latest"))
    governed.shelf.register("3", set_alias="latest", actor="cyd")
    gate = governed.shelf.events()[-1]["gate"]
    assert gate["met"]
    assert gate["seen"] == {"sizes": {"model.pt": 1}, "archived": False}
    governed.set_policy(policy({**SIZED, "file": {"path": "model.pt", "min_bytes": 2}}, alias="latest"))
    with pytest.raises(GateNotMet) as refused:
        governed.shelf.register("4", set_alias="latest", actor="cyd")
    assert unmet(refused) == ["weights"]
    assert not governed.shelf.model().is_taken("4")


@pytest.mark.parametrize("name", ["production", "Staging", "latest", "main"])
def test_names_that_everybody_takes_for_aliases_are_no_versions(shelf: Shelf, name: str) -> None:
    with pytest.raises(InvalidName):
        shelf.register(name)
    with pytest.raises(VersionNotFound):
        shelf.registry().resolve(TASK, f"{MODEL}@{name}")


def test_nor_are_those_of_aliases_that_a_policy_guards(governed: Governed) -> None:
    governed.shelf.register("champion")
    governed.shelf.registry().resolve(TASK, f"{MODEL}@champion")
    governed.set_policy(policy(NO_FINDING, alias="ch*"))
    governed.set_policy(policy(NO_FINDING, alias="*", task="*"), task="*")
    with pytest.raises(InvalidName, match="a policy guards an alias"):
        governed.shelf.register("challenger")
    with pytest.raises(GateNotMet, match="stands in its place"):
        governed.shelf.registry().resolve(TASK, f"{MODEL}@champion")
    governed.shelf.register("plain")


def test_a_policy_that_cannot_be_read_refuses_what_it_may_concern(governed: Governed) -> None:
    named = governed.set_policy(policy(NO_FINDING))
    governed.shelf.storage.documents.write(document_key(named), b"{}")
    with pytest.raises(PolicyUnreadable):
        governed.promote()
    assert governed.shelf.alias("production") is None


def test_the_policy_in_force_is_that_at_the_end_of_the_journal_each_time(governed: Governed) -> None:
    governed.set_policy(policy(TWO))
    refuses(governed, "two")
    governed.set_policy(policy(NO_FINDING))
    governed.promote()
    governed.set_policy(policy(TWO))
    refuses(governed, "two", version="2")
    governed.review("ada", version="2")
    governed.review("bob", version="2")
    governed.set_trust(trust(revoked=("bob",)))
    refuses(governed, "two", version="2")


def test_a_damaged_envelope_counts_for_nothing(governed: Governed) -> None:
    governed.set_policy(policy({"id": "one", "approvals": {"at_least": 1, "by": ["reviewers"]}}))
    governed.review("ada")
    keys = governed.shelf.model().keys
    (one,) = governed.shelf.storage.documents.list(f"{keys.attestations}/1")
    kept = governed.shelf.storage.documents.read(one.key)
    governed.shelf.storage.documents.write(one.key, kept.data + b" ")
    refuses(governed, "one")
    governed.shelf.storage.documents.write(one.key, kept.data)
    governed.promote()


# override


GLASS = {"by": ["oncall"], "reason_min_characters": 10}
OVERRIDE = {"reason": "the night is on fire", "ticket": "OPS-1"}


def test_whoever_may_overrides_what_may_be_and_the_event_says_so(governed: Governed) -> None:
    governed.set_policy(policy(TWO, NO_FINDING, break_glass=GLASS))
    refuses(governed, "two", override=OVERRIDE)
    refuses(governed, "two", actor="oncall", override={"reason": "too short"})
    finding = governed.find()
    refuses(governed, "two", "no-finding", actor="oncall", override=OVERRIDE)
    governed.resolve(finding)
    governed.promote(actor="oncall", override=OVERRIDE)
    gate = governed.shelf.events()[-1]["gate"]
    assert gate["override"] == {**OVERRIDE, "unmet": ["two"]}
    assert not gate["met"]
    registry = governed.shelf.registry()
    for told in (registry.resolve(TASK, f"{MODEL}@production"), registry.show(TASK, f"{MODEL}@production")):
        (warning,) = told.warnings
        assert warning.startswith("gate_overridden: 'production' names 1 though two is not met.")
        assert "by oncall less than a minute ago: the night is on fire (OPS-1)" in warning
    assert "gate_overridden" in [one.code for one in registry.check().findings]
    for person in ("ada", "bob"):
        governed.review(person)
    assert registry.resolve(TASK, f"{MODEL}@production").warnings == []
    assert "gate_overridden" not in [one.code for one in registry.check().findings]


def test_a_damaged_package_does_not_keep_its_overridden_alias_from_being_shown(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    governed = Governed(Shelf(FilesystemStorage(tmp_path / "root"), tmp_path))
    governed.shelf.register("1")
    governed.set_policy(policy(TWO, SIZED, break_glass=GLASS))
    governed.promote(actor="oncall", override=OVERRIDE)
    package = tmp_path / "root" / ModelKeys(TASK, MODEL).package("1")
    package.chmod(0o755)
    (package / "sha256sums.txt").unlink()
    (warning,) = governed.shelf.registry().show(TASK, f"{MODEL}@production").warnings
    assert warning.startswith("gate_overridden: the gate of 'production' was overridden, and cannot be asked again: ")
    remove_tree(tmp_path / "root")


def test_whoever_only_reads_needs_no_library_for_keys(
    governed: Governed, without_cryptography: Callable[[], None]
) -> None:
    governed.set_policy(policy(TWO, break_glass=GLASS))
    governed.promote(actor="oncall", override=OVERRIDE)
    without_cryptography()
    with pytest.raises(NotConfigured):
        governed.promote()
    registry = governed.shelf.registry()
    (warning,) = registry.resolve(TASK, f"{MODEL}@production").warnings
    assert warning.startswith("not_configured: what 'production' must meet cannot be told: Keys and signatures need")
    assert "not_configured" in [one.code for one in registry.check().findings]


def test_what_is_met_is_not_overridden_and_without_glass_nobody_does(governed: Governed) -> None:
    governed.set_policy(policy(NO_FINDING, break_glass=GLASS))
    governed.promote(actor="oncall", override=OVERRIDE)
    assert "override" not in governed.shelf.events()[-1]["gate"]
    governed.set_policy(policy(TWO))
    refuses(governed, "two", actor="oncall", override=OVERRIDE)


@pytest.mark.parametrize(
    "override",
    [
        {},
        {"reason": " "},
        {"reason": 1},
        {"reason": "x", "why": "y"},
        {"reason": "\ud800"},
        [],
        "text",
        {"reason": "x", "ticket": 7},
    ],
)
def test_an_override_that_says_nothing(governed: Governed, override: Any) -> None:
    with pytest.raises(InvalidParameter):
        governed.promote(override=override)


# what is told


def test_an_alias_that_was_moved_without_its_gate_is_told(governed: Governed) -> None:
    governed.promote()
    governed.set_policy(policy(NO_FINDING))
    registry, ref = governed.shelf.registry(), f"{MODEL}@production"
    assert registry.resolve(TASK, ref).warnings == [], "nothing was asked of anybody then"
    from ...conftest import move

    event = governed.shelf.append(move("production", "2"))
    registry.promote(TASK, MODEL, "other", "1")  # finishes it
    (warning,) = registry.resolve(TASK, ref).warnings
    assert warning.startswith(
        f"gate_not_recorded: a policy guards 'production', and it was moved by event {event['seq']}"
    )
    (told,) = [one for one in registry.check().findings if one.code == "gate_not_recorded"]
    assert (told.severity, told.where) == ("note", f"{TASK}/{MODEL}: alias production")
    assert told.message in warning
    governed.set_policy(policy(NO_FINDING, NOT_ARCHIVED))
    assert registry.resolve(TASK, ref).warnings == [warning], "a policy that is set anew forgives nothing"
    governed.promote("2")
    assert registry.resolve(TASK, ref).warnings == []
    assert "gate_not_recorded" not in [one.code for one in registry.check().findings]


def test_what_is_asked_is_told_before(governed: Governed) -> None:
    registry = governed.shelf.registry()
    free = registry.gate(TASK, f"{MODEL}@1", "production")
    assert (free.gated, free.met, free.checks, free.in_force) == (False, True, [], [])
    governed.set_policy(policy(TWO, NOT_ARCHIVED))
    governed.review("ada")
    told = registry.gate(TASK, f"{MODEL}@1", "production", actor="cyd")
    assert (told.gated, told.met) == (True, False)
    two, usable = told.checks
    assert (two.id, two.met, usable.met) == ("two", False, True)
    assert two.needed == "2 approvals by reviewers, none of them who promotes it"
    assert [(one.name, one.seq, one.actor) for one in told.in_force] == [
        (f"policy {TASK}", 2, "an admin"),
        ("trust", 1, "an admin"),
    ]
    assert not registry.gate(TASK, f"{MODEL}@1", "production").met
    with pytest.raises(InvalidName):
        registry.gate(TASK, f"{MODEL}@1", "../x")
    with pytest.raises(VersionNotFound):
        registry.gate(TASK, f"{MODEL}@9", "production")


def test_as_it_was_at_a_moment(governed: Governed) -> None:
    governed.set_policy(policy(TWO, NOT_ARCHIVED))
    governed.review("ada")
    governed.review("bob")
    then = governed.shelf.events()[-1]["ts_utc"]
    governed.review("bob", "reject")
    registry = governed.shelf.registry()
    registry.stage(TASK, MODEL, "1", "archived")
    governed.set_policy(policy(NO_FINDING))
    ref = f"{MODEL}@1"
    assert registry.gate(TASK, ref, "production", actor="cyd", as_of=then).met
    assert [check.id for check in registry.gate(TASK, ref, "production", actor="cyd").checks] == ["no-finding"]
    governed.set_policy(policy(TWO, NOT_ARCHIVED))
    assert [check.met for check in registry.gate(TASK, ref, "production", actor="cyd").checks] == [False, False]


def test_versions_are_read_whatever_becomes_of_policies(governed: Governed) -> None:
    named = governed.set_policy(policy(NO_FINDING))
    governed.shelf.storage.documents.delete(document_key(named))
    registry = governed.shelf.registry()
    assert registry.package_files(TASK, f"{MODEL}@1").version == "1"
    assert registry.resolve(TASK, f"{MODEL}@1").version == "1"
    with pytest.raises(PolicyUnreadable):
        governed.promote()
