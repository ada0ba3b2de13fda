"""A version is taken in once, under a name that is nobody's, with what the gate says, and a repeat changes nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from registry_core import CoreSettings, DigestMismatch, IdempotencyKeyReused, InvalidName, NameTaken, VersionExists
from registry_core.models.gate import Asked, Verdict
from registry_core.models.model import ModelStore
from registry_core.verbs.registration import Request, register
from registry_core.vocabulary.answers import Registration
from registry_core.vocabulary.errors import InvalidParameter, StorageUnavailable

from ...support.machine import remove_tree
from ...support.packages import open_registry, write_files
from ..conftest import MODEL, TASK, Shelf, SimulatedShelf
from ..simulated import after, away, fails


def test_a_repeat_gets_the_same_answer_and_changes_nothing(shelf: Shelf) -> None:
    first = shelf.register("3", set_alias="best", idempotency_key="k")
    before = shelf.events()
    assert shelf.register("3", set_alias="best", idempotency_key="k") == first
    assert shelf.events() == before
    with pytest.raises(VersionExists):
        shelf.register("3", set_alias="best")


def test_a_key_is_for_one_request(shelf: Shelf) -> None:
    shelf.register("3", idempotency_key="k")
    with pytest.raises(IdempotencyKeyReused):
        shelf.register("4", idempotency_key="k")
    # Another key that an event only mentions is free.
    shelf.register("4", idempotency_key="l", reason="k2")
    assert shelf.register("5", idempotency_key="k2").version == "5"


def test_a_name_is_given_to_no_other_bytes(shelf: Shelf) -> None:
    other = write_files(shelf.sources / "other", {"model.pt": b"other"})
    for source, same in ((shelf.source("1"), True), (other, False)):
        with pytest.raises(VersionExists) as refused:
            shelf.registry().register(TASK, MODEL, "1", source)
        assert refused.value.detail["same_content"] is same


def test_a_name_that_is_taken_while_the_bytes_are_read_is_not_given_twice(simulated: SimulatedShelf) -> None:
    simulated.storage.acts.first("lock", after(lambda: simulated.register("3")))
    with pytest.raises(VersionExists) as refused:
        simulated.register("3")
    assert refused.value.detail["same_content"] is True
    assert [event["version"] for event in simulated.events()] == ["1", "2", "3"]
    assert simulated.storage.state.attempts == {}
    simulated.assert_whole("3")


def test_names_of_versions_and_aliases_keep_apart(shelf: Shelf) -> None:
    shelf.promote("best", "1")
    refusals: list[tuple[str, str | None, type[Exception]]] = [
        ("best", None, NameTaken),
        ("3", "1", NameTaken),
        ("3", "3", NameTaken),
        ("a..b", None, InvalidName),
        ("3", "a..b", InvalidName),
    ]
    before = shelf.events()
    for version, alias, error in refusals:
        with pytest.raises(error):
            shelf.register(version, set_alias=alias)
    assert shelf.events() == before


def test_the_event_says_what_the_alias_named_before(shelf: Shelf) -> None:
    shelf.promote("best", "1")
    shelf.register("3", set_alias="best")
    event = shelf.events()[-1]
    assert (event["alias"], event["previous_version"], event["version"]) == ("best", "1", "3")
    assert shelf.registry().rollback(TASK, MODEL, "best").version == "1"


def test_a_manifest_that_is_brought_binds(shelf: Shelf) -> None:
    source = write_files(shelf.sources / "3", {"model.pt": b"3", "sha256sums.txt": b"0" * 64 + b"  model.pt\n"})
    with pytest.raises(DigestMismatch):
        shelf.registry().register(TASK, MODEL, "3", source)
    assert not shelf.model().has_version("3")


def test_what_stands_in_the_way_is_seen_before_the_event(tmp_path: Path) -> None:
    source = write_files(tmp_path / "source", {"model.pt": b"1"})
    (tmp_path / "root").mkdir()
    registry = open_registry(tmp_path / "root")
    versions = write_files(tmp_path / "root" / f"tasks/{TASK}/models/{MODEL}/versions", {"1": b"no directory"})
    with pytest.raises(NameTaken, match="in the way"):
        registry.register(TASK, MODEL, "1", source)
    assert (versions / "1").read_bytes() == b"no directory"
    assert not (versions.parent / "audit").exists()


def test_the_first_registration_marks_the_root(shelf: Shelf) -> None:
    said = json.loads(shelf.storage.documents.read("registry.json").data)
    assert said["format"] == 1
    assert re.fullmatch("[0-9a-f]{32}", said["id"])


def test_what_was_taken_in_is_sealed(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    source = write_files(tmp_path / "source", {"model.pt": b"1"})
    made = open_registry(tmp_path / "root").register(TASK, MODEL, "1", source)
    assert [path.stat().st_mode & 0o222 for path in Path(made.package_path).iterdir()] == [0, 0, 0]
    remove_tree(tmp_path / "root")


def test_bytes_are_durable_before_the_event_that_names_them(simulated: SimulatedShelf) -> None:
    calls = simulated.storage.acts.during(lambda: simulated.register("3"))
    assert calls.index("seal") < calls.index("append") < calls.index("publish")


class Guard:
    def judge(self, model: ModelStore, asked: Asked) -> Verdict:
        refusal = None if asked.alias == "best" else InvalidParameter("The gate is shut.", field="alias")
        return Verdict(refusal, {"gate": "guard"})

    def guards(self, model: ModelStore) -> bool:
        return True


@pytest.mark.parametrize("alias", ["best", "shut"])
def test_an_alias_that_comes_to_name_the_version_asks_the_gate(shelf: Shelf, alias: str) -> None:
    source = str(shelf.source("3"))
    request = Request(TASK, MODEL, "3", source, {}, alias, None, None, None)

    def work() -> object:
        return register(
            shelf.model(),
            request,
            CoreSettings(workers=1),
            registry_root=None,
            uploaded=lambda *_: pytest.fail("nothing was uploaded"),
            gate=Guard(),
            progress=None,
        )

    if alias == "best":
        work()
        assert shelf.events()[-1]["gate"] == "guard"
        return
    with pytest.raises(InvalidParameter, match="shut"):
        work()
    assert not shelf.model().has_version("3")


@pytest.mark.parametrize(("directory", "upload"), [(None, None), ("/a", "b")])
def test_a_request_has_one_source(directory: str | None, upload: str | None) -> None:
    with pytest.raises(InvalidParameter):
        Request(TASK, MODEL, "3", directory, {}, None, None, None, None, upload).check()


@pytest.mark.parametrize("key", ["", "a" * 256, "größe", "a\nb"])
def test_a_key_is_short_and_printable(key: str) -> None:
    with pytest.raises(InvalidParameter):
        Request(TASK, MODEL, "3", "/a", {}, None, None, None, key).check()
    Request(TASK, MODEL, "3", "/a", {}, None, None, None, "a" * 255).check()


def test_a_repeat_after_a_crash_is_answered_without_a_look_at_the_package(simulated: SimulatedShelf) -> None:
    """The event stands and the bytes are the registry's: the caller's own may be gone by now."""
    source = simulated.source("3")
    simulated.storage.acts.first("publish", fails(away()))

    def register_it() -> Registration:
        return simulated.registry().register(TASK, MODEL, "3", source, set_alias=None, idempotency_key="k")

    with pytest.raises(StorageUnavailable):
        register_it()
    remove_tree(source)
    assert register_it().version == "3"
    simulated.assert_whole("3")
