"""What is in use stays; what is deleted comes back whole or not at all; what is purged is what was meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from registry_core import InvalidParameter, PackageCorrupt, VersionExists, VersionInUse, VersionNotFound

from ..conftest import MODEL, TASK, Shelf, SimulatedShelf
from ..simulated import after


def delete(shelf: Shelf, version: str, reason: str = "wrong labels") -> None:
    shelf.registry().delete(TASK, MODEL, version, reason=reason)


def test_a_version_in_use_stays_though_its_alias_is_damaged(shelf: Shelf) -> None:
    shelf.promote("best", "1")
    with pytest.raises(VersionInUse) as refused:
        delete(shelf, "1")
    assert refused.value.detail["aliases"] == ["best"]
    shelf.promote("other", "2")  # only the last event's document is mended in passing
    shelf.storage.documents.write(shelf.model().keys.alias("best"), b"rubbish")
    with pytest.raises(VersionInUse):
        delete(shelf, "1")


@pytest.mark.parametrize("reason", [None, "", " \n"])
def test_a_reason_is_one(shelf: Shelf, reason: str | None) -> None:
    with pytest.raises(InvalidParameter):
        shelf.registry().delete(TASK, MODEL, "1", reason=reason)
    assert shelf.model().has_version("1")


def test_only_what_is_there_can_be_deleted(shelf: Shelf) -> None:
    before = shelf.events()
    with pytest.raises(VersionNotFound):
        delete(shelf, "9")
    assert shelf.events() == before
    delete(shelf, "1")
    with pytest.raises(VersionNotFound):
        delete(shelf, "1")


def test_the_manifest_outlives_the_bytes(shelf: Shelf) -> None:
    delete(shelf, "1")
    shelf.registry().purge(0)
    kept = shelf.storage.documents.read(shelf.model().keys.kept_manifest("1")).data
    assert b"  model.pt\n" in kept


def test_only_what_is_deleted_can_be_restored(shelf: Shelf) -> None:
    with pytest.raises(VersionExists):
        shelf.registry().restore(TASK, MODEL, "1")
    delete(shelf, "1")
    assert shelf.registry().restore(TASK, MODEL, "1").version == "1"
    shelf.assert_whole("1")
    delete(shelf, "1")
    shelf.registry().purge(0)
    with pytest.raises(VersionNotFound, match="purged"):
        shelf.registry().restore(TASK, MODEL, "1")


def test_damaged_bytes_stay_deleted(simulated: SimulatedShelf) -> None:
    delete(simulated, "1")
    simulated.storage.state.packages[simulated.model().keys.grave("1")]["model.pt"] = b"x"
    with pytest.raises(PackageCorrupt):
        simulated.registry().restore(TASK, MODEL, "1")
    assert not simulated.model().has_version("1")


def test_what_others_move_while_it_is_proven_is_looked_at_again(simulated: SimulatedShelf) -> None:
    """A slow writer is moving the bytes at that moment: they were never damaged, nor purged."""
    delete(simulated, "1")
    grave, packages = simulated.model().keys.grave("1"), simulated.storage.state.packages
    on_their_way = packages.pop(grave)

    def arrive(real: Callable[[], str | None]) -> str | None:
        found = real()
        packages[grave] = on_their_way
        simulated.promote("other", "2")  # an event since the look began
        return found

    simulated.storage.acts.first("retired", arrive)
    assert simulated.registry().restore(TASK, MODEL, "1").version == "1"
    simulated.assert_whole("1")


def test_a_purge_takes_what_is_old_enough_and_a_preview_nothing(shelf: Shelf) -> None:
    delete(shelf, "1")
    title = f"{TASK}/{MODEL}@1"
    report = shelf.registry().purge(3600)
    assert (report.purged, report.kept) == ([], [title])
    before = shelf.events()
    assert shelf.registry().purge(0, dry_run=True).purged == [title]
    assert shelf.events() == before
    report = shelf.registry().purge(0)
    assert (report.purged, report.kept) == ([title], [])
    assert report.bytes_freed > 0
    assert shelf.registry().purge(0).purged == []
    assert [event["event"] for event in shelf.events()[-2:]] == ["delete", "purge"]


def test_what_was_restored_and_deleted_again_meanwhile_is_not_purged(simulated: SimulatedShelf) -> None:
    delete(simulated, "1")

    def anew() -> None:
        simulated.registry().restore(TASK, MODEL, "1")
        delete(simulated, "1", reason="once more")

    simulated.storage.acts.first("lock", after(anew))
    simulated.registry().purge(0)
    assert simulated.registry().restore(TASK, MODEL, "1").version == "1"
    assert "purge" not in [event["event"] for event in simulated.events()]
