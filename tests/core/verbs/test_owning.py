"""Whose a model is, changed by an admin: one event, the document after it, and everything that reads them."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry_core import CoreSettings, InvalidParameter, ModelNotFound, ModelRegistry, PermissionDenied, Principal
from registry_core.access.principal import Cut, Kind
from registry_core.access.roles import Role
from registry_core.format.layout import ModelKeys
from registry_core.models import owners
from registry_core.models.journal import Journal
from registry_core.models.model import ModelStore
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.owners import LEGACY_UNOWNED, UNOWNED, owned_by

from ..access.issuers import OIDC, PLATFORM
from ..access.ruled import put, written
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


# what older software left as legacy_unowned

LEGACY = {**OLD, "status": "legacy_unowned", "organization_id": None, "registered_by": None}


def resolver(org: str | None, *permissions: str, **more: Any) -> Principal:
    given = frozenset(permissions or ["model.resolve_ownership"])
    return Principal(Kind.USER, f"of-{org}", PLATFORM, org=org, permissions=given, **more)


@pytest.fixture
def unruled(tmp_path: Path) -> Place:
    """No access document was ever set; the model is of the time before owners."""
    place = Place(MemoryStorage(), tmp_path, is_ruled=False)
    place.register("1", None)
    place.write(LEGACY)
    return place


def test_whoever_the_platform_lets_makes_it_his_organizations_once(unruled: Place) -> None:
    view = unruled.registry.as_(resolver("7"))
    done = view.resolve_ownership(TASK, NAME, reason="ours")
    assert (done.organization_id, done.status, done.seq, done.already_resolved) == ("7", "owned", 2, False)
    assert unruled.whose() == owned_by("7")
    event = unruled.registry.history(TASK, NAME, event="own").events[0]
    assert (event.owner, event.reason, event.actor) == ("7", "ours", "of-7")
    again = view.resolve_ownership(TASK, NAME)
    assert (again.already_resolved, again.seq) == (True, 2)
    with pytest.raises(PermissionDenied):
        unruled.registry.as_(resolver("8")).resolve_ownership(TASK, NAME)
    # That call only.
    for call in (lambda: view.resolve(TASK, f"{NAME}@1"), lambda: view.history(TASK, NAME)):
        with pytest.raises(ModelNotFound):
            call()
    with pytest.raises(PermissionDenied):
        view.own(TASK, NAME, "7")
    assert unruled.registry.as_(resolver("7", "model.read")).history(TASK, NAME).events


@pytest.mark.parametrize(
    "who",
    [
        resolver("7", "model.use", "model.read"),
        resolver("7", expires_at=datetime(2020, 1, 1, tzinfo=UTC)),
        resolver("7", cut=Cut(Role.MAINTAINER)),
        Principal(Kind.USER, "of-7", OIDC, org="7", permissions=frozenset(["model.resolve_ownership"])),
        Principal(Kind.ANONYMOUS),
    ],
    ids=["others", "over", "cut", "another issuer's", "nobody"],
)
def test_nobody_else_does(unruled: Place, who: Principal) -> None:
    for name in (NAME, "none"):
        with pytest.raises(PermissionDenied):
            unruled.registry.as_(who).resolve_ownership(TASK, name)
    assert unruled.whose() == LEGACY_UNOWNED


def test_of_every_other_model_he_is_told_alike(unruled: Place, tmp_path: Path) -> None:
    for name, document in (("theirs", {**OLD, "organization_id": "8"}), ("free", None)):
        unruled.registry.register(TASK, name, "1", tmp_path / "1")
        if document is not None:
            keys = ModelKeys(TASK, name)
            unruled.storage.documents.write(keys.ownership, json.dumps({**document, **keys.names}).encode())
    view, told = unruled.registry.as_(resolver("7")), set()
    for name in ("theirs", "free", "none", "n@ne"):
        with pytest.raises(PermissionDenied) as refused:
            view.resolve_ownership(TASK, name)
        told.add(repr((refused.value.message, refused.value.detail)).replace(name, "NAME"))
    assert len(told) == 1


def test_with_an_access_document_admins_do(unruled: Place) -> None:
    put(unruled.storage, written(admins=["user:platform/of-7", "user:platform/of-None"]))
    with pytest.raises(PermissionDenied):
        unruled.registry.as_(resolver("8")).resolve_ownership(TASK, NAME)
    for view in (unruled.registry, unruled.registry.as_(resolver(None))):
        with pytest.raises(InvalidParameter):
            view.resolve_ownership(TASK, NAME)
    admin = unruled.registry.as_(resolver("7"))
    assert not admin.resolve_ownership(TASK, NAME).already_resolved
    unruled.registry.own(TASK, NAME, "8")
    with pytest.raises(InvalidParameter):
        admin.resolve_ownership(TASK, NAME)
    with pytest.raises(ModelNotFound):
        admin.resolve_ownership(TASK, "none")


def test_of_two_who_resolve_at_once_one_is_refused(unruled: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real, faster = Journal.append, []

    def append(self: Journal, event: dict[str, Any]) -> None:
        if not faster:
            faster.append(True)
            unruled.registry.as_(resolver("8")).resolve_ownership(TASK, NAME)
        real(self, event)

    monkeypatch.setattr(Journal, "append", append)
    monkeypatch.setattr(ModelStore, "lock", lambda _: nullcontext())
    with pytest.raises(PermissionDenied):
        unruled.registry.as_(resolver("7")).resolve_ownership(TASK, NAME)
    assert unruled.whose() == owned_by("8")


def test_to_try_rules_goes_by_whose_the_model_is(place: Place) -> None:
    put(place.storage, MINE.replace(b"permission:write", b"org:7"))
    place.register("1", None)

    def allowed(who: str, name: str = NAME) -> bool:
        return place.registry.try_access_rules(who, "write", TASK, name).allowed

    assert not allowed("org:7")
    assert allowed("org:7", "none")
    place.registry.own(TASK, NAME, "7")
    assert (allowed("org:7"), allowed("org:8")) == (True, False)
