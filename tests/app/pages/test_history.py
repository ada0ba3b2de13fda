"""The page of what happened to a model: events, what aliases named on a day, the proof of the journal, its costs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry_core import ModelRegistry

from ...support.packages import write_files
from .a_model import MODEL, PAGE, TASK, register
from .hostile import SCRIPTS
from .visiting import Page, Visitor

HISTORY = f"{PAGE}/history"
MOST_NODES, MOST_BYTES = 1_500, 20_000  # of a page, and sent as a proxy sends them


@pytest.fixture
def model(registry: ModelRegistry, tmp_path: Path) -> ModelRegistry:
    """Three versions; production named the first and then the second, and staging nothing any more."""
    register(registry, tmp_path)
    registry.promote(TASK, MODEL, "production", "1.0.0", actor="ada", reason="the first")
    registry.promote(TASK, MODEL, "staging", "2.0.0", actor="dolores", reason="smoke tests")
    registry.promote(TASK, MODEL, "production", "1.1.0", actor="grace", reason="better on donors, RB-228")
    registry.unalias(TASK, MODEL, "staging", actor="dolores", reason="done")
    return registry


def seqs(page: Page) -> list[int]:
    return [int(found[1:]) for found in page.ids if re.fullmatch(r"e\d+", found)]


def day(delta: int = 0) -> str:
    return f"{datetime.now(UTC) + timedelta(days=delta):%Y-%m-%d}"


def test_events_stand_newest_first_by_month_each_with_an_address(model: ModelRegistry, visit: Visitor) -> None:
    page = visit.get(HISTORY)
    assert seqs(page) == [7, 6, 5, 4, 3, 2, 1]
    assert f"{datetime.now(UTC):%B %Y} " in page.words
    assert "7 grace" not in page.words
    assert "6 grace moved production from 1.0.0 to 1.1.0 better on donors, RB-228" in page.words
    assert "7 dolores removed staging from 2.0.0 done" in page.words
    (address,) = [link for link in page.links if link.endswith("#e3")]
    assert seqs(visit.get(address.partition("#")[0]))[0] == 3


def test_a_page_has_fifty_events_and_leads_to_those_before(
    registry: ModelRegistry, visit: Visitor, tmp_path: Path
) -> None:
    register(registry, tmp_path, **{"1": {"a": 1}})
    for number in range(59):
        registry.patch(TASK, MODEL, "1", description=f"number {number}", actor="ada")
    page = visit.get(f"{HISTORY}?actor=ada")
    assert seqs(page) == list(range(60, 10, -1))
    (following,) = [link for link in page.links if "before=11" in link and "#" not in link]
    assert "actor=ada" in following
    rest = visit.get(following)
    assert seqs(rest) == list(range(10, 1, -1))
    assert "To the beginning" in rest.words


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("event=register", [3, 2, 1]),
        ("alias=staging", [7, 5]),
        ("alias=production", [6, 4]),
        ("actor=grace", [6]),
        ("version=2.0.0", [7, 5, 3]),
        ("q=RB-228", [6]),
        ("q=donors&actor=ada", []),
        ("alias=&event=&actor=", [7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_filters(model: ModelRegistry, visit: Visitor, query: str, found: list[int]) -> None:
    page = visit.get(f"{HISTORY}?{query}")
    assert seqs(page) == found
    assert ("No event matches." in page.words) is (not found)


def test_days_are_whole_at_both_ends(model: ModelRegistry, visit: Visitor) -> None:
    today, yesterday, tomorrow = day(), day(-1), day(1)
    assert len(seqs(visit.get(f"{HISTORY}?since={yesterday}&until={tomorrow}"))) == 7
    assert len(seqs(visit.get(f"{HISTORY}?since={today}&until={tomorrow}"))) == 7
    assert seqs(visit.get(f"{HISTORY}?until={day(-2)}")) == []
    assert seqs(visit.get(f"{HISTORY}?since={day(2)}")) == []


@pytest.mark.parametrize("query", ["since=x", "until=2026-02-30", "as_of=now", "day=-1", "day=1e3", "before=x"])
def test_what_is_no_day_is_refused(model: ModelRegistry, visit: Visitor, query: str) -> None:
    visit.get(f"{HISTORY}?{query}", 422)


@pytest.mark.parametrize("query", ["as_of=9999-12-31", "until=9999-12-31", "as_of=0001-01-01"])
def test_days_at_the_ends_of_time_are_days_or_refused(model: ModelRegistry, visit: Visitor, query: str) -> None:
    assert visit.client.get(f"{HISTORY}?{query}", headers={"Accept": "text/html"}).status_code in (200, 422)


def test_it_says_what_each_alias_named_at_a_moment(model: ModelRegistry, visit: Visitor) -> None:
    events = model.history(TASK, MODEL).events
    assert "production 1.1.0 since" in visit.get(HISTORY).words
    assert "staging 2.0.0 since" not in visit.get(HISTORY).words
    after_fifth = str(events[4].ts_utc).replace("+", "%2B")
    page = visit.get(f"{HISTORY}?as_of={after_fifth}")
    assert "production 1.0.0 since" in page.words
    assert "staging 2.0.0 since" in page.words
    assert "ada the first" in page.words
    long_ago = visit.get(f"{HISTORY}?as_of=2001-02-03")
    assert "No alias named anything then." in long_ago.words
    assert 'value="2001-02-03"' in long_ago.text
    assert "Now" in long_ago.words


def test_as_of_says_what_the_journal_says(model: ModelRegistry, visit: Visitor) -> None:
    model.stage(TASK, MODEL, "1.1.0", "archived", actor="ada")
    model.rollback(TASK, MODEL, "production", actor="sre", reason="INC-1")
    for event in model.history(TASK, MODEL).events:
        moment = str(event.ts_utc)
        words = visit.get(f"{HISTORY}?as_of={moment}").words
        there = {f"{one.alias} {one.version} since" for one in model.list_aliases(TASK, MODEL, as_of=moment)}
        assert set(re.findall(r"(?:production|staging|latest) \S+ since", words)) == there


def test_the_slider_leads_to_a_day_and_keeps_the_filters(model: ModelRegistry, visit: Visitor) -> None:
    answer = visit.client.get(f"{HISTORY}?day=0&alias=production", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{HISTORY}?as_of={day()}&alias=production")


def test_the_chain_is_proven_when_that_is_asked_for(model: ModelRegistry, visit: Visitor) -> None:
    page = visit.get(HISTORY)
    assert "chain of" not in page.words
    (prove,) = [link for link in page.links if "proof=1" in link]
    proven = visit.get(prove.partition("#")[0])
    head = model.audit_verify(TASK, MODEL).head
    assert "chain of 7 events holds" in proven.words
    assert str(head) in proven.words


def test_a_broken_chain_is_the_first_thing_that_is_told(tmp_path: Path) -> None:
    from app import create_app
    from app.config import Settings
    from registry_core import CoreSettings

    core = CoreSettings(root=str(tmp_path / "root"), catalog_refresh_s=0)
    (tmp_path / "root").mkdir()
    register(ModelRegistry.open(settings=core), tmp_path)
    (journal,) = (tmp_path / "root").rglob("*.jsonl")
    journal.write_bytes(journal.read_bytes().replace(b"nightly", b"nightlx", 1))
    visit = Visitor(create_app(Settings(core=core, threads=2)).test_client())
    page = visit.get(f"{HISTORY}?proof=1")
    assert "The chain of this journal is broken" in page.words
    assert "holds" not in page.words


def test_months_lead_to_their_events(model: ModelRegistry, visit: Visitor) -> None:
    page = visit.get(HISTORY)
    assert "Export JSON" in page.words
    assert f"/v1/history?task={TASK}&model_name={MODEL}&order=desc" in page.links
    assert "register 3" in page.words
    assert "promote 3" in page.words


def test_a_model_that_is_not_there_is_a_page_that_says_so(model: ModelRegistry, visit: Visitor) -> None:
    assert "There is no model" in visit.get("/ui/models/variants/gone/history", 404).words


@pytest.mark.parametrize("text", SCRIPTS[:6])
def test_hostile_filters_and_reasons_are_text(model: ModelRegistry, visit: Visitor, text: str) -> None:
    model.patch(TASK, MODEL, "1.0.0", description="x", actor=text, reason=text)
    assert " ".join(text.split()) in visit.get(HISTORY).words
    for name in ("q", "actor", "alias", "event", "version"):
        answer = visit.client.get(HISTORY, query_string={name: text}, headers={"Accept": "text/html"})
        assert answer.status_code == 200
        assert not Page(answer.text).inline


def test_with_many_events_and_aliases_it_has_few_nodes_and_bytes(
    registry: ModelRegistry, visit: Visitor, tmp_path: Path
) -> None:
    source = write_files(tmp_path / "source", {"w": b"w"})
    for number in range(120):
        more = {"actor": f"person-{number % 9}", "reason": f"reviewed in RB-{number}, calibration checked on donors"}
        registry.register(TASK, MODEL, f"1.{number}.0", source, **more)
        alias = ("production", "staging", f"site-{number % 20}")[number % 3]
        registry.promote(TASK, MODEL, alias, f"1.{number}.0", **more)
    for query in ("", "?as_of=2100-01-01"):
        page = visit.get(HISTORY + query)
        assert page.nodes <= MOST_NODES
        assert page.sent_bytes <= MOST_BYTES
