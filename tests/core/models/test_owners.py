"""Whose a model is: what events say counts, then ownership.json, and what nobody can understand is closed."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from registry_core import CoreSettings, ModelRegistry, PermissionDenied, Principal
from registry_core.access.principal import Kind
from registry_core.format.layout import ModelKeys
from registry_core.models import owners
from registry_core.models.changes import pending
from registry_core.models.model import ModelStore
from registry_core.storage import Storage
from registry_core.storage.contract import KeyNotFound
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.owners import LEGACY_UNOWNED, NOT_THERE, UNOWNED, Ownership, owned_by, parse

from ...support.old_registry import OldRegistry
from ...support.packages import write_files
from ..access.issuers import ISSUERS, PLATFORM
from ..access.ruled import put, written

TASK, NAME = "t", "m"
KEYS = ModelKeys(TASK, NAME)
RULES = written(rules=[{"who": ["permission:write"], "on": ["*/*"], "role": "publisher"}])
OLD = {
    "schema_version": 1,
    **KEYS.names,
    "organization_id": "7",
    "status": "owned",
    "registered_by": "old",
    "registered_at": "2024-03-01T09:00:00+00:00",
    "discovered_at": None,
    "note": None,
}


def of(org: str | None, name: str = "ada") -> Principal:
    return Principal(Kind.USER, name, PLATFORM, org=org, permissions=frozenset(["write"]))


class Place:
    """One registry, whose callers are of organizations."""

    def __init__(self, storage: Storage, top: Path, *, is_ruled: bool = True) -> None:
        self.storage, self._top = storage, top
        settings = CoreSettings(workers=1, artifacts_allowed_roots=(str(top),))
        self.registry = ModelRegistry.open("memory://", storage=storage, settings=settings)
        self.registry.trust(ISSUERS)
        if is_ruled:
            put(storage, RULES)

    def register(self, version: str, who: Principal | None) -> None:
        source = write_files(self._top / version, {"model.pt": version.encode()})
        view = self.registry if who is None else self.registry.as_(who)
        view.register(TASK, NAME, version, source)

    def write(self, data: Any) -> None:
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.storage.documents.write(KEYS.ownership, data)

    def remove(self) -> None:
        self.storage.documents.delete(KEYS.ownership)

    def document(self) -> dict[str, Any]:
        found = json.loads(self.storage.documents.read(KEYS.ownership).data)
        assert isinstance(found, dict)
        return found

    def model(self) -> ModelStore:
        return ModelStore(self.storage, TASK, NAME, 1.0)

    def whose(self) -> Ownership:
        return owners.read(self.model())

    def named(self) -> list[str | None]:
        return [event.owner for event in self.registry.history(TASK, NAME).events]


@pytest.fixture(params=["directory", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    root = tmp_path / "root"
    root.mkdir()
    return Place(MemoryStorage() if request.param == "store" else FilesystemStorage(root), tmp_path)


# what a register says


def test_the_first_register_by_somebody_of_an_organization_names_it(place: Place) -> None:
    assert place.whose() == NOT_THERE
    place.register("1", of("7"))
    place.register("2", of("7", "grace"))
    place.register("3", of("8"))
    assert place.named() == ["7", None, None]
    assert place.whose() == owned_by("7")
    event = place.registry.history(TASK, NAME).events[0]
    assert place.document() == {**OLD, "registered_by": "ada", "registered_at": event.ts_utc, "seq": 1}


@pytest.mark.parametrize("who", [of(None), None], ids=["somebody of none", "the operator"])
def test_a_model_that_is_there_is_nobodys_to_take_by_a_register(place: Place, who: Principal | None) -> None:
    place.register("1", who)
    place.register("2", of("7"))
    assert place.named() == [None, None]
    assert place.whose() == UNOWNED
    assert not any(entry.key == KEYS.ownership for entry in place.storage.documents.list(KEYS.model))


def test_a_repeat_of_the_first_register_says_nothing_new(place: Place, tmp_path: Path) -> None:
    source = write_files(tmp_path / "again", {"model.pt": b"x"})
    for _ in range(2):
        place.registry.as_(of("7")).register(TASK, NAME, "1", source, idempotency_key="k")
    assert place.named() == ["7"]


def test_nobody_is_not_told_whose_it_is(place: Place) -> None:
    place.register("1", of("7"))
    put(place.storage, written(rules=[{"who": ["anonymous"], "on": ["*/*"], "role": "viewer"}]))
    told = place.registry.as_(Principal(Kind.ANONYMOUS)).history(TASK, NAME).events
    assert [event.owner for event in told] == [None]


# what older software wrote


@pytest.mark.parametrize(
    ("said", "whose"),
    [
        ({}, owned_by("7")),
        ({"organization_id": 7}, owned_by("7")),
        ({"later": "field"}, owned_by("7")),
        ({"status": "unowned", "organization_id": None}, UNOWNED),
        ({"status": "legacy_unowned", "organization_id": None}, LEGACY_UNOWNED),
    ],
)
def test_where_no_event_names_an_owner_the_document_does(place: Place, said: Any, whose: Ownership) -> None:
    place.write({**OLD, **said})
    assert place.whose() == whose
    place.register("1", None)
    assert place.whose() == whose


CLOSED: dict[str, Any] = {
    "no JSON": b"{",
    "nothing": b"",
    "a list": b"[]",
    "an empty object": b"{}",
    "a later schema": {**OLD, "schema_version": 2},
    "no schema": {"organization_id": "7", "status": "owned"},
    "another model's": {**OLD, "model_name": "other"},
    "another status": {**OLD, "status": "shared"},
    "owned by nobody": {**OLD, "organization_id": None},
    "owned by an empty name": {**OLD, "organization_id": ""},
    "owned by no name": {**OLD, "organization_id": True},
    "owned by a list": {**OLD, "organization_id": ["7"]},
    "unowned, and somebody's": {**OLD, "status": "unowned"},
    "a status that is no text": {**OLD, "status": ["owned"]},
}


@pytest.mark.parametrize("name", CLOSED)
def test_what_cannot_be_understood_is_for_admins_only(place: Place, name: str) -> None:
    place.write(CLOSED[name])
    assert place.whose() == LEGACY_UNOWNED
    place.register("1", None)
    place.register("2", of("7"))
    assert place.whose() == LEGACY_UNOWNED
    assert place.named() == [None, None]


def test_what_is_no_file_is_for_admins_only(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    place = Place(FilesystemStorage(root), tmp_path)
    place.register("1", None)
    (tmp_path / "elsewhere").write_text(json.dumps(OLD))
    (root / KEYS.ownership).symlink_to(tmp_path / "elsewhere")
    assert place.whose() == LEGACY_UNOWNED
    (root / KEYS.ownership).unlink()
    (root / KEYS.ownership).mkdir()
    assert place.whose() == LEGACY_UNOWNED


@pytest.mark.parametrize("harm", [b"", {**OLD, "organization_id": "8"}, {**OLD, "schema_version": 2}, None])
def test_an_event_counts_before_whatever_lies_there(place: Place, harm: Any) -> None:
    place.register("1", of("7"))
    place.register("2", of("7"))
    if harm is None:
        place.remove()
    else:
        place.write(harm)
    assert place.whose() == owned_by("7")


def test_an_owner_named_by_a_file_is_named_by_the_event_of_its_own_register(place: Place) -> None:
    place.write(OLD)
    place.register("1", of("8"))
    place.register("2", of("7"))
    assert place.named() == [None, "7"]
    assert (place.whose(), place.document()["seq"]) == (owned_by("7"), 2)


def test_a_real_directory_of_older_software(tmp_path: Path) -> None:
    old = OldRegistry(tmp_path / "root")
    old.model(TASK, NAME).version("1").owned_by("org-7", "old")
    old.model(TASK, "free").version("1").owned_by(None)
    storage = FilesystemStorage(tmp_path / "root")
    assert owners.read(ModelStore(storage, TASK, NAME, 1.0)) == owned_by("org-7")
    assert owners.read(ModelStore(storage, TASK, "free", 1.0)) == UNOWNED


# what a crash leaves


def test_an_event_whose_document_is_not_written_counts_and_is_finished(place: Place) -> None:
    place.register("1", of("7"))
    written_before = place.document()
    place.remove()
    assert place.whose() == owned_by("7")
    assert pending(place.model())
    assert place.registry.sweep().finished == [f"{TASK}/{NAME}"]
    assert place.document() == written_before


@pytest.mark.parametrize("whose", [UNOWNED, LEGACY_UNOWNED, NOT_THERE, owned_by("7"), owned_by("a b")])
def test_an_ownership_is_read_as_it_is_written(whose: Ownership) -> None:
    assert parse(str(whose)) == whose


# the first run


MINE = written(rules=[{"who": ["permission:write"], "on": ["*/*"], "role": "publisher", "owner": "own-or-unowned"}])


def log(place: Place, org: str | None, run: str = "r") -> None:
    place.registry.as_(of(org)).log_metric(TASK, NAME, run, "loss", 1.0)


def test_the_first_run_of_a_name_takes_it_for_the_organization(place: Place) -> None:
    put(place.storage, MINE)
    log(place, "7")
    made = place.document()
    assert {**made, "registered_at": None} == {**OLD, "registered_by": "ada", "registered_at": None}
    assert place.whose() == owned_by("7")
    for again in (lambda: log(place, "8"), lambda: log(place, None), lambda: place.register("1", of("8"))):
        with pytest.raises(PermissionDenied):
            again()
    log(place, "7", "other")
    assert place.document() == made
    place.register("1", of("7"))
    assert place.named() == ["7"]
    assert place.document()["seq"] == 1


def test_a_run_takes_nothing_that_is_there(place: Place) -> None:
    place.register("1", None)
    log(place, "7")
    assert place.whose() == UNOWNED
    with pytest.raises(KeyNotFound):
        place.document()


def test_a_run_by_somebody_of_none_leaves_the_name_free(place: Place) -> None:
    put(place.storage, MINE)
    log(place, None)
    place.registry.log_metric(TASK, NAME, "operators", "loss", 1.0)
    assert place.whose() == NOT_THERE
    place.register("1", of("7"))
    assert place.named() == ["7"]


@pytest.mark.parametrize("other", ["a run", "a register"])
def test_whoever_was_slower_with_the_first_run_is_refused(place: Place, other: str, monkeypatch: Any) -> None:
    """On a store nobody is held meanwhile: the other comes between the look and the write."""
    put(place.storage, MINE)
    documents, written_key = type(place.storage.documents), []
    real = documents.write

    def write(self: Any, key: str, *more: Any, **options: Any) -> Any:
        if key == KEYS.ownership and not written_key:
            written_key.append(key)
            log(place, "8", "theirs") if other == "a run" else place.register("1", of("8"))
        return real(self, key, *more, **options)

    monkeypatch.setattr(documents, "write", write)
    monkeypatch.setattr(ModelStore, "lock", lambda _: nullcontext())
    with pytest.raises(PermissionDenied):
        log(place, "7", "ours")
    assert place.whose() == owned_by("8")
    assert "ours" not in [run.run_id for run in place.registry.runs(TASK, NAME).items]
