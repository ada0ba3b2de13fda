"""A policy is tried on what is there before it holds, and nothing is written for that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry_core import GateNotMet, InvalidName, PolicyInvalid, PolicyUnreadable
from registry_core.models.registry_journal import document_key
from registry_core.storage.filesystem.tree import FilesystemStorage

from ....support.packages import write_files
from ...conftest import MODEL, TASK, Shelf
from ..governed import NO_FINDING, NOT_ARCHIVED, TWO, Governed, policy

Told = list[tuple[str, str, bool, bool, list[str]]]


@pytest.fixture
def governed(shelf: Shelf) -> Governed:
    return Governed(shelf)


def tried(governed: Governed, document: dict[str, object], task: str = TASK) -> Told:
    """(alias, version, whether it names it, whether it is met, what it lacks), by what would hold."""
    before = (governed.shelf.events(), governed.journal.journal.last())
    found = governed.shelf.registry().try_policy(task, json.dumps(document).encode()).versions
    assert (governed.shelf.events(), governed.journal.journal.last()) == before, "nothing is written"
    assert {(one.task, one.model_name) for one in found} <= {(TASK, MODEL)}
    return [(one.alias, one.version, one.named, one.met, [check.id for check in one.unmet]) for one in found]


def test_what_each_guarded_alias_names_is_judged_by_what_would_hold(governed: Governed) -> None:
    governed.promote("1")
    governed.promote("2", alias="prod-eu")
    governed.promote("1", alias="other")
    assert tried(governed, policy(NO_FINDING, alias="prod*")) == [
        ("prod-eu", "2", True, True, []),
        ("production", "1", True, True, []),
    ]
    governed.find(version="2")
    assert tried(governed, policy(NO_FINDING, TWO, alias="prod*")) == [
        ("prod-eu", "2", True, False, ["no-finding", "two"]),
        ("production", "1", True, False, ["two"]),
    ]
    # Whoever promoted it is known by the event, so that an approval by another counts.
    governed.review("ada")
    governed.review("bob")
    assert tried(governed, policy(TWO)) == [("production", "1", True, True, [])]
    for other in (policy(NO_FINDING, models=["another"]), policy(NO_FINDING, alias="nothing*"), policy()):
        assert tried(governed, other) == []
    assert tried(governed, policy(NO_FINDING, task="another"), "another") == []


def warned(governed: Governed, document: dict[str, object], task: str = TASK) -> list[str]:
    return governed.shelf.registry().try_policy(task, json.dumps(document).encode()).warnings


def test_a_pattern_that_versions_are_called_by_is_warned_of(governed: Governed) -> None:
    shelf, registry = governed.shelf, governed.shelf.registry()
    for version in ("v1.0", "V2"):
        shelf.register(version)
    like = "no new version can be called like {!r}: refs would not tell it from an alias that the gate guards".format
    taken = (
        f"{TASK}/{MODEL}@{{}} stands in the place of an alias that the gate of {{!r}} guards: nobody gets its bytes by "
        "that name (gate_not_met)"
    ).format
    document = policy(NO_FINDING, alias="v*")
    for task in (TASK, "*"):
        found = warned(governed, {**document, "task": task}, task)
        assert sorted(found) == sorted([like("v*"), taken("v1.0", "v*"), taken("V2", "v*")])
    assert warned(governed, policy(NO_FINDING, alias="v1.0")) == [taken("v1.0", "v1.0")]
    assert warned(governed, policy(NO_FINDING, alias="1.*")) == [like("1.*")]
    for other in (policy(NO_FINDING, alias="*"), policy(NO_FINDING), policy()):
        assert warned(governed, other) == []
    assert warned(governed, {**document, "models": ["another"]}) == [like("v*")]
    # And it is so.
    assert registry.set_policy(TASK, document).warnings == [like("v*")]
    assert registry.set_policy(TASK, document).warnings == [like("v*")], "though it holds already"
    with pytest.raises(GateNotMet, match="in its place"):
        registry.resolve(TASK, f"{MODEL}@v1.0")
    with pytest.raises(InvalidName):
        shelf.register("v3")
    assert registry.set_policy(TASK, policy(NO_FINDING)).warnings == []


def test_of_an_alias_that_is_not_there_yet_the_newest_version_is_judged(governed: Governed) -> None:
    assert tried(governed, policy(NOT_ARCHIVED)) == [("production", "2", False, True, [])]
    governed.shelf.register("10")
    governed.shelf.registry().stage(TASK, MODEL, "10", "archived")
    assert tried(governed, policy(NOT_ARCHIVED)) == [("production", "10", False, False, ["usable"])]
    governed.shelf.registry().delete(TASK, MODEL, "10", reason="wrong")
    assert tried(governed, policy(NOT_ARCHIVED)) == [("production", "2", False, True, [])]


def test_the_policy_of_all_holds_beside_it_and_its_own_not_any_more(governed: Governed) -> None:
    governed.promote("1")
    governed.find()
    governed.set_policy(policy(TWO, task="*"), task="*")
    governed.set_policy(policy(NO_FINDING))
    assert tried(governed, policy(NOT_ARCHIVED)) == [("production", "1", True, False, ["two"])]
    assert tried(governed, policy(NOT_ARCHIVED, task="*"), "*") == [("production", "1", True, False, ["no-finding"])]


def test_what_cannot_be_told_is_no_verdict(governed: Governed) -> None:
    governed.promote("1")
    of_all = governed.set_policy(policy(TWO, task="*"), task="*")
    with pytest.raises(PolicyInvalid):
        governed.shelf.registry().try_policy(TASK, policy(alias="x", gate=[]))
    governed.shelf.storage.documents.delete(document_key(of_all))
    with pytest.raises(PolicyUnreadable):
        tried(governed, policy(NOT_ARCHIVED))
    assert tried(governed, policy(NOT_ARCHIVED, task="*"), "*") == [("production", "1", True, True, [])]


def test_a_version_that_cannot_be_judged_says_so(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    write_files(tmp_path / "1", {"model.pt": b"1"})
    governed = Governed(Shelf(FilesystemStorage(tmp_path / "root"), tmp_path))
    governed.shelf.register("1")
    governed.promote("1")
    manifest = tmp_path / "root" / governed.shelf.model().keys.package("1") / "sha256sums.txt"
    manifest.chmod(0o644)
    manifest.write_bytes(b"what is this")
    sized = {"id": "sized", "file": {"path": "model.pt"}}
    (one,) = governed.shelf.registry().try_policy(TASK, policy(sized)).versions
    assert (one.met, one.unmet) == (False, [])
    assert str(one.fault).startswith("package_corrupt: ")
