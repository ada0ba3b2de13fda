"""What a model says of its names: which are taken, which may be looked up, and what they name, damage included."""

from __future__ import annotations

import json

import pytest

from registry_core import InvalidName, NameTaken, VersionExists, VersionNotFound
from registry_core.format.layout import ModelKeys
from registry_core.models.model import ModelStore
from registry_core.vocabulary.answers import Alias

from ..conftest import MODEL, TASK, Shelf, move

KEYS = ModelKeys(TASK, MODEL)


def damage(shelf: Shelf, alias: str) -> None:
    shelf.storage.documents.write(KEYS.alias(alias), b"rubbish")


def test_a_damaged_alias_names_what_the_journal_says_of_that_alias_last(shelf: Shelf) -> None:
    shelf.promote("best", "1")
    shelf.promote("best", "2")
    shelf.registry().promote(TASK, MODEL, "other", "1", reason="best")  # the text, but not the alias
    damage(shelf, "best")
    assert shelf.model().alias_named("best") == "2"
    assert shelf.promote("best", "1").previous_version == "2"
    assert shelf.alias("best") == "1"


def test_a_damaged_alias_of_which_the_journal_says_nothing_names_nothing(shelf: Shelf) -> None:
    damage(shelf, "best")
    assert shelf.alias("best") is None


def test_the_name_of_a_deleted_version_is_taken_for_ever(shelf: Shelf) -> None:
    shelf.registry().delete(TASK, MODEL, "1", reason="wrong")
    shelf.registry().purge(0)
    assert not shelf.model().has_version("1")
    assert shelf.model().is_taken("1")
    with pytest.raises(VersionExists) as refused:
        shelf.register("1")
    assert refused.value.detail["same_content"] is True  # as the manifest says, which outlives the bytes
    with pytest.raises(NameTaken):
        shelf.promote("1", "2")


def test_a_model_whose_versions_are_all_deleted_is_still_one(shelf: Shelf) -> None:
    for version in ("1", "2"):
        shelf.registry().delete(TASK, MODEL, version, reason="wrong")
    assert shelf.model().exists()
    assert list(shelf.model().versions()) == []
    assert not ModelStore(shelf.storage, TASK, "none", 1.0).exists()


def test_a_name_outside_the_grammar_is_looked_up_only_if_it_is_there(shelf: Shelf) -> None:
    model = shelf.model()
    assert not model.may_look_up("old name", KEYS.versions)
    shelf.storage.documents.write(KEYS.alias("old name"), json.dumps({"version": "1"}).encode())
    assert model.may_look_up("old name", KEYS.aliases, ".json")
    assert not model.may_look_up("old name", KEYS.versions)
    assert not model.may_look_up("../m", KEYS.aliases, ".json")
    found = model.find("old name")
    assert found is not None
    assert (found.version, found.alias) == ("1", "old name")


def test_a_name_that_can_be_no_version_is_said_to_be_so(shelf: Shelf) -> None:
    for version, error in (("a..b", InvalidName), ("3", VersionNotFound)):
        with pytest.raises(error) as refused:
            shelf.promote("best", version)
        assert type(refused.value) is error


def test_an_alias_wins_over_a_version_of_its_name(shelf: Shelf) -> None:
    shelf.storage.documents.write(
        KEYS.alias("1"), json.dumps({"version": "2"}).encode()
    )  # older software took any name
    found = shelf.model().find("1")
    assert found is not None
    assert (found.version, found.alias) == ("2", "1")


def test_an_alias_that_moved_while_it_was_looked_at_is_followed(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.promote("best", "1")

    class Slow(ModelStore):
        """Between its look at the alias and at the version somebody moves the one and deletes the other."""

        def locate(self, version: str) -> str | None:
            if version == "1" and shelf.alias("best") == "1":
                shelf.promote("best", "2")
                shelf.registry().delete(TASK, MODEL, "1", reason="superseded")
            return super().locate(version)

    found = Slow(shelf.storage, TASK, MODEL, 10.0).find("best")
    assert found is not None
    assert found.version == "2"


def test_an_alias_whose_version_is_not_there_is_named(shelf: Shelf) -> None:
    shelf.storage.documents.write(KEYS.alias("best"), json.dumps({"version": "9"}).encode())
    with pytest.raises(VersionNotFound) as refused:
        shelf.model().find("best")
    assert refused.value.detail["version"] == "9"


def test_the_last_event_of_ours_and_the_aliases_that_older_software_moved_since(shelf: Shelf) -> None:
    model = shelf.model()
    for number, alias in enumerate(("early", "late"), start=3):
        line = {"alias": alias, "version": "1", "ts_utc": "2020-01-01T00:00:00+00:00"}
        if alias == "late":
            shelf.append(move("best", "2"))
            number += 1
        shelf.storage.documents.append(KEYS.journal, json.dumps(line).encode(), number)
    event, since = model.last_event(model.journal.last())
    assert event is not None
    assert (event["alias"], since) == ("best", {KEYS.alias("late")})


def test_every_alias_is_listed_a_damaged_one_from_the_journal(shelf: Shelf) -> None:
    shelf.promote("best", "1")
    shelf.promote("other", "2")
    before = shelf.model().told.aliases()
    damage(shelf, "other")
    shelf.storage.documents.write(KEYS.alias("unheard-of"), b"garbage")
    assert shelf.model().told.aliases() == before
    assert [(alias.alias, alias.version) for alias in before] == [("best", "1"), ("other", "2")]
    assert all(isinstance(alias, Alias) for alias in shelf.model().told.aliases())
