"""Whose a model is, changed by an admin: one event, the document after it, and everything that reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry_core import CoreSettings, InvalidParameter, ModelNotFound, ModelRegistry, PermissionDenied
from registry_core.format.layout import ModelKeys
from registry_core.models import owners
from registry_core.models.model import ModelStore
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.owners import LEGACY_UNOWNED, UNOWNED, owned_by

from ..access.ruled import put
from ..models.test_owners import MINE, NAME, OLD, TASK, Place, log, of


@pytest.fixture(params=["directory", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    root = tmp_path / "root"
    root.mkdir()
    return Place(MemoryStorage() if request.param == "store" else FilesystemStorage(root), tmp_path)


def test_a_model_goes_from_one_to_another_and_to_nobody(place: Place) -> None:
    place.register("1", of("7"))
    done = place.registry.own(TASK, NAME, "8", actor="ops", reason="sold")
    assert (done.organization_id, done.status, done.seq) == ("8", "owned", 2)
    assert place.whose() == owned_by("8")
    event = place.registry.history(TASK, NAME, event="own").events[0]
    assert (event.version, event.actor, event.reason, event.owner) == (None, "ops", "sold", "8")
    said = {**OLD, "organization_id": "8", "registered_by": "ops", "registered_at": event.ts_utc, "seq": 2}
    assert place.document() == said
    assert place.registry.own(TASK, NAME, "8") == done
    assert place.registry.own(TASK, NAME, None).status == "unowned"
    assert place.whose() == UNOWNED
    place.register("2", of("7"))
    assert place.named() == ["7", "8", None, None]
    assert place.registry.check().findings == []
    assert place.registry.audit_verify(TASK, NAME).events == 4


@pytest.mark.parametrize("said", [OLD, {**OLD, "status": "legacy_unowned", "organization_id": None}, b"{"])
def test_what_older_software_or_damage_says_gives_way(place: Place, said: Any) -> None:
    place.register("1", None)
    place.write(said)
    assert place.registry.own(TASK, NAME, "7").seq == 2
    assert (place.whose(), place.document()["seq"]) == (owned_by("7"), 2)


def test_a_name_that_only_a_run_has_taken_is_given_to_others(place: Place) -> None:
    put(place.storage, MINE)
    log(place, "7")
    place.registry.own(TASK, NAME, "8")
    with pytest.raises(PermissionDenied):
        log(place, "7")
    place.register("1", of("8"))
    assert place.named() == ["8", None]


@pytest.mark.parametrize("org", ["", "a\nb", "\udcff", "x" * 256, 7])
def test_what_can_be_no_organization_is_refused(place: Place, org: Any) -> None:
    place.register("1", None)
    with pytest.raises(InvalidParameter):
        place.registry.own(TASK, NAME, org)
    assert place.whose() == UNOWNED


def test_a_model_that_is_not_there_is_nobodys(place: Place) -> None:
    with pytest.raises(ModelNotFound):
        place.registry.own(TASK, NAME, "7")
    with pytest.raises(PermissionDenied):
        place.registry.as_(of("7")).own(TASK, NAME, "7")


def test_lists_follow_at_once(tmp_path: Path) -> None:
    place = Place(MemoryStorage(), tmp_path)
    put(place.storage, MINE)
    place.register("1", of("7"))
    seven, eight = place.registry.as_(of("7")), place.registry.as_(of("8"))
    assert (len(seven.list_models().items), len(eight.list_models().items)) == (1, 0)
    place.registry.own(TASK, NAME, "8")
    assert (len(seven.list_models().items), len(eight.list_models().items)) == (0, 1)


@pytest.mark.parametrize("way", ["to a store", "to a directory"])
def test_a_copy_knows_whose_each_model_is(tmp_path: Path, way: str) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    place = Place(FilesystemStorage(root), tmp_path)
    place.register("1", of("7"))
    place.registry.own(TASK, NAME, "8")
    for name, document in (("old", OLD), ("legacy", {**OLD, "status": "legacy_unowned", "organization_id": None})):
        place.registry.register(TASK, name, "1", tmp_path / "1")
        keys = ModelKeys(TASK, name)
        place.storage.documents.write(keys.ownership, json.dumps({**document, **keys.names}).encode())
    target = MemoryStorage() if way == "to a store" else FilesystemStorage(other)
    copy = ModelRegistry.open("memory://", storage=target, settings=CoreSettings())
    place.registry.migrate_to(copy)
    for name, whose in ((NAME, owned_by("8")), ("old", owned_by("7")), ("legacy", LEGACY_UNOWNED)):
        assert owners.read(ModelStore(target, TASK, name, 1.0)) == whose
    assert {one.code for one in copy.check().findings} == {"legacy_unowned"}
    place.registry.own(TASK, NAME, "9")
    place.registry.migrate_to(copy)
    assert owners.read(ModelStore(target, TASK, NAME, 1.0)) == owned_by("9")
