"""What is asked of the whole registry gives away nothing that the caller may not see: no count, no place, no damage."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from registry_core import CatalogState, IndexBuilding, ModelRegistry, StreamedEvent
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..catalogue.shelf import somebody_builds
from .access.ruled import put
from .registry.guarded import FOREIGN, OWN, PUBLIC, RULES, House, house

OTHERS = ["viewer", "stranger", "anonymous", "left"]


@pytest.fixture
def here(tmp_path: Path) -> House:
    (tmp_path / "root").mkdir()
    return house(FilesystemStorage(tmp_path / "root"), tmp_path)


def told(view: ModelRegistry) -> tuple[Any, ...]:
    """All that lists tell, but for the catalogue's own name in ids."""
    events = view.events()
    ids = [one.id for one in events] + [view.last_event()]
    epoch = re.compile(r"^[0-9a-f]{12}")
    # Of whoever sees nothing it is the present moment.
    shown = [epoch.sub("", one) if ".0." not in one else "" for one in ids]
    pages = [view.list_models(limit=1, sort=sort) for sort in ("name", "-created_at", "metric:loss")]
    searches = [view.list_models(text="m"), view.list_models(alias="latest"), view.list_models(sort="metric:hidden")]
    tasks = view.list_tasks()
    rows = [view.list_summaries(limit=1, sort=sort) for sort in ("name", "-changed_at", "-created_at", "-versions")]
    rows += [view.list_summaries(alias="latest"), view.list_summaries(without_alias="hidden")]
    rows += [view.list_summaries(q="m")]
    past = view.activity(), view.activity(limit=1), view.activity(order="asc", q="production", limit=3)
    told = list(tasks), tasks.warnings, view.catalog_state, rows, view.list_facets(), past
    return shown, list(events), events.warnings, pages, searches, *told


def without_ids(found: tuple[Any, ...]) -> str:
    return re.sub(r"id='[^']*'", "", repr(found))


@pytest.mark.parametrize("who", OTHERS)
def test_what_happens_to_hidden_models_changes_nothing(here: House, who: str, tmp_path: Path) -> None:
    view = here.as_(who)
    before = told(view)
    for version in ("4", "5"):
        here.registry.register(FOREIGN, "m", version, here.source, {"metrics": {"hidden": 1.0}}, set_alias="latest")
        here.registry.register(FOREIGN, "other", version, here.source)
    here.registry.register("another", "m", "1", here.source)
    here.registry.tag(FOREIGN, "m", "1", "a", "b")
    assert without_ids(told(view)) == without_ids(before)
    assert told(view)[0] == before[0]
    # Damage: a journal that has lost its end, and a version that cannot be read.
    model = tmp_path / "root" / "tasks" / FOREIGN / "models" / "m"
    journal = model / "audit" / "promotions.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-2]))
    meta = model / "versions" / "4" / "model_meta.json"
    meta.parent.chmod(0o755)
    meta.unlink()
    meta.mkdir()
    here.registry.reindex()
    assert without_ids(told(view)) == without_ids(before)
    assert told(view)[0] == before[0]
    assert told(here.registry)[6] != []


@pytest.mark.parametrize("who", ["viewer", "stranger"])
def test_the_stream_goes_on_after_any_of_its_ids(here: House, who: str) -> None:
    view = here.as_(who)
    everything = list(view.events())
    assert len(everything) > 6
    for at, one in enumerate(everything):
        assert list(view.events(one.id)) == everything[at + 1 :]
        of_all = [two.event for two in here.registry.events(one.id)]  # an admin's client may go on after it, too
        assert of_all[-1:] == [everything[-1].event][: len(of_all)]
    assert list(view.events(view.last_event())) == []
    here.registry.promote(FOREIGN, "m", "candidate", "2")
    now = view.last_event()
    assert list(view.events(now)) == []
    here.registry.promote(PUBLIC, "m", "candidate", "2")
    assert [one.event.task for one in view.events(now)] == [PUBLIC]


def test_where_nothing_is_seen_it_begins_now(here: House) -> None:
    view = here.as_("left")
    now = view.last_event()
    assert list(view.events(now)) == []
    assert list(view.events()) == []


@pytest.mark.parametrize("who", OTHERS)
def test_a_position_that_somebody_makes_up_tells_nothing(here: House, who: str) -> None:
    """Else whoever asks after one position after the other learns how many events there are between two of his."""
    view = here.as_(who)
    epoch, place, known_at = here.registry.last_event().split(".", 2)
    assert place.isdigit()
    answers = {str([one.event.seq for one in view.events(f"{epoch}.{n}.{known_at}")]) for n in range(int(place) + 2)}
    assert len(answers) == 1


def test_ids_of_a_model_that_is_gone_go_on_by_their_time(here: House) -> None:
    view = here.as_("viewer")
    last = list(view.events())[-1]
    epoch, _, known_at = last.id.split(".", 2)
    again = view.events(f"{epoch}.1-{'0' * 16}.{known_at}")
    assert last.id in [one.id for one in again]


def test_what_may_not_be_seen_is_passed_over_once(here: House) -> None:
    view = here.as_("stranger")
    found = view.events()
    assert found.reached is not None
    here.registry.promote(FOREIGN, "m", "candidate", "2")
    further = view.events(found[-1].id, since=found.reached)
    assert (list(further), further.reached.position) == ([], found.reached.position + 1)  # type: ignore[union-attr]
    here.registry.promote(PUBLIC, "m", "candidate", "2")
    assert [one.event.task for one in view.events(found[-1].id, since=further.reached)] == [PUBLIC]
    # What was hidden and is not any more is not told of in a stream that has passed it.
    put(here.storage, RULES.replace(b"public/*", b"*/*"))
    assert {one.event.task for one in view.events(found[-1].id, since=further.reached)} == {PUBLIC}
    assert {one.event.task for one in view.events(found[-1].id)} == {FOREIGN, PUBLIC}
    # Of another catalogue, or one that was made anew, it says nothing.
    here.registry.reindex()
    known: list[StreamedEvent] = list(view.events(since=further.reached))
    assert {one.event.task for one in known} == {OWN, FOREIGN, PUBLIC}


@pytest.mark.parametrize("who", [*OTHERS, "chief"])
def test_while_the_index_is_built_nobody_else_is_told_how_many_models_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    (tmp_path / "root").mkdir()
    here = house(FilesystemStorage(tmp_path / "root"), tmp_path)
    view = here.as_(who)
    with somebody_builds(here.registry._kept_catalogue._database.path, monkeypatch):
        assert "of 0 models" in here.registry.list_models().warnings[0]
        page = view.list_models()
        assert {item["task"] for item in page.items} == {
            item["task"] for item in here.registry.list_models().items if who == "chief" or item["task"] in seen(who)
        }
        said = page.warnings
        for ask in (
            *(view.list_tasks, view.events, view.last_event, view.require_catalogue),
            *(view.list_summaries, view.list_facets, view.activity),
        ):
            with pytest.raises(IndexBuilding) as refused:
                ask()
            said.append(f"{refused.value.message} {refused.value.detail}")
        with pytest.raises(IndexBuilding) as told_all:
            here.registry.list_tasks()
    assert set(told_all.value.detail) == {"models_done", "models_total", "retry_after_s"}
    assert not re.search(r"models|\d of", " ".join(said).replace("'retry_after_s': 5", ""))
    here.registry.reindex()
    assert view.catalog_state == CatalogState(True, 0, 0)
    assert here.registry.catalog_state.models_total == 3


def seen(who: str) -> set[str]:
    return {"viewer": {OWN, PUBLIC}, "left": set[str]()}.get(who, {PUBLIC})
