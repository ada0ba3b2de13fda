"""A document shows its last event: never an older one over a newer, whoever is faster, and nothing half done stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from registry_core import RegistryError, StorageUnavailable
from registry_core.models import projections
from registry_core.models.projections import PreparedDocument, Projection
from registry_core.storage.contract import outcome_unknown

from ..simulated import Simulated, after, away

KEY = "some/document"


def shows(seq: int, version: str | None = "v", supersedes: Callable[[Any], bool] = lambda _: True) -> Projection:
    return Projection(KEY, seq, "not shown yet", lambda _: {"version": version}, supersedes)


@pytest.fixture
def storage() -> Simulated:
    return Simulated()


def put(storage: Simulated, **fields: Any) -> None:
    storage.state.documents[KEY] = json.dumps(fields).encode()


def shown(storage: Simulated) -> Any:
    return json.loads(storage.state.documents[KEY]) if KEY in storage.state.documents else None


def by_write(storage: Simulated, projection: Projection) -> None:
    projections.write(storage, projection)


def by_switch(storage: Simulated, projection: Projection) -> None:
    PreparedDocument(storage, projection).switch()


WAYS = pytest.mark.parametrize("way", [by_write, by_switch])
Way = Callable[[Simulated, Projection], None]


@pytest.mark.parametrize(("there", "is_written"), [(4, True), (5, False), (6, False)])
def test_a_document_shows_the_later_event(storage: Simulated, there: int, is_written: bool) -> None:
    put(storage, version="before", seq=there)
    assert projections.is_behind(storage, shows(5)) is is_written
    projections.write(storage, shows(5))
    assert shown(storage) == ({"version": "v", "seq": 5} if is_written else {"version": "before", "seq": there})


@pytest.mark.parametrize("gives_way", [True, False])
def test_a_document_of_older_software_gives_way_where_the_projection_says_so(
    storage: Simulated, gives_way: bool
) -> None:
    put(storage, version="older")
    asked: list[Any] = []

    def supersedes(fields: Any) -> bool:
        asked.append(fields)
        return gives_way

    projections.write(storage, shows(5, supersedes=supersedes))
    assert asked == [{"version": "older"}]
    assert shown(storage) == ({"version": "v", "seq": 5} if gives_way else {"version": "older"})


@pytest.mark.parametrize("there", [{"version": "a lie", "seq": 9}, {"version": "older"}, {}])
def test_an_event_that_is_only_being_made_is_later_than_whatever_was_there(
    storage: Simulated, there: dict[str, Any]
) -> None:
    put(storage, **there)
    PreparedDocument(storage, shows(5, supersedes=lambda _: False)).switch()
    assert shown(storage) == {"version": "v", "seq": 5}


@pytest.mark.parametrize(("meanwhile", "stays"), [(4, False), (6, True)])
def test_what_another_wrote_since_it_was_prepared_stays_if_it_is_newer(
    storage: Simulated, meanwhile: int, stays: bool
) -> None:
    put(storage, version="before", seq=3)
    prepared = PreparedDocument(storage, shows(5))
    put(storage, version="the other's", seq=meanwhile)
    prepared.switch()
    assert shown(storage) == ({"version": "the other's", "seq": 6} if stays else {"version": "v", "seq": 5})


@pytest.mark.parametrize(("meanwhile", "stays"), [(4, False), (6, True)])
def test_a_comparison_that_is_lost_is_looked_at_again(storage: Simulated, meanwhile: int, stays: bool) -> None:
    storage.acts.first("switch", after(lambda: put(storage, version="the other's", seq=meanwhile)))
    projections.write(storage, shows(5))
    assert shown(storage) == ({"version": "the other's", "seq": 6} if stays else {"version": "v", "seq": 5})


@WAYS
def test_what_is_gone_has_no_document_and_is_not_behind(storage: Simulated, way: Way) -> None:
    put(storage, version="before", seq=4)
    assert projections.is_behind(storage, shows(5, None))
    way(storage, shows(5, None))
    assert shown(storage) is None
    assert not projections.is_behind(storage, shows(5, None))
    assert projections.is_behind(storage, shows(5))


def test_a_prepared_document_that_is_discarded_holds_nothing(storage: Simulated) -> None:
    prepared = PreparedDocument(storage, shows(5))
    assert storage.acts.open_writes == {KEY}
    prepared.discard()
    assert (storage.acts.open_writes, shown(storage)) == (set(), None)


@pytest.mark.parametrize(
    ("error", "stays"),
    [(away(), False), (RegistryError("refused"), False), (outcome_unknown(), True)],
)
def test_what_was_set_aside_goes_if_there_is_no_event_for_certain(
    storage: Simulated, error: RegistryError, stays: bool
) -> None:
    with pytest.raises(RegistryError), projections.set_aside(storage, KEY, b"{}"):
        assert shown(storage) == {}
        raise error
    assert (shown(storage) is not None) is stays


def test_what_was_set_aside_stays_for_its_event(storage: Simulated) -> None:
    with projections.set_aside(storage, KEY, b"{}"):
        pass
    assert shown(storage) == {}
    stands = StorageUnavailable("It stands.", committed=True)
    with pytest.raises(StorageUnavailable), projections.set_aside(storage, KEY, b"{}"):
        raise stands
    assert shown(storage) == {}


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"1", b"[" * 100_000, b"\xff"])
def test_a_damaged_document_cannot_be_read_and_is_written_anew(storage: Simulated, data: bytes) -> None:
    storage.state.documents[KEY] = data
    with pytest.raises(ValueError, match=KEY):
        projections.read(storage, KEY)
    assert projections.is_behind(storage, shows(5))
    projections.write(storage, shows(5))
    assert shown(storage) == {"version": "v", "seq": 5}


def test_what_a_document_says_is_read(storage: Simulated) -> None:
    assert projections.read(storage, KEY) is None
    put(storage, version="v", seq=5)
    assert projections.read(storage, KEY) == {"version": "v", "seq": 5}
    put(storage, version=None, seq=6)
    assert projections.read(storage, KEY) is None
    put(storage, tags={})
    assert projections.read(storage, KEY) == {"tags": {}}
