"""What spans say at any moment is what the journal says of it, whoever wrote it and whatever the clocks said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from registry_core import SpanPage
from registry_core.format.chain import Line, parse_line
from registry_core.models.spans import moves_of, newest, spans
from registry_core.models.timeline import replay
from registry_core.vocabulary.texts import format_time, parse_time

BEGIN = datetime(2026, 5, 4, 12, tzinfo=UTC)
names = st.sampled_from(["latest", "production", "staging"])
versions = st.sampled_from(["1", "2", "3"])
minutes = st.integers(0, 40)

moved = st.builds(lambda alias, version: {"event": "promote", "alias": alias, "version": version}, names, versions)
removed = st.builds(lambda alias: {"event": "unalias", "alias": alias, "version": None}, names)
staged = st.builds(
    lambda gone, version: {"event": "stage", "alias": None, "version": version, "unaliased": gone},
    st.lists(names, unique=True, max_size=2),
    versions,
)
both = st.just({"event": "stage", "alias": "production", "version": "1", "unaliased": ["staging"]})
others = st.sampled_from([{"event": "tag", "alias": None, "version": "1"}, {"event": "repair", "repaired": "clock"}])
ours = st.one_of(moved, removed, staged, both, others)
# Of older software's: what it moved, and at which minute, None where it does not say or says no time.
olders = st.tuples(moved, st.none() | minutes)
histories = st.lists(ours | olders, max_size=14)


def lines_of(history: list[Any], steps: list[int]) -> list[Line]:
    """The journal's lines; each of ours is later than the one before, but for a repair of the clock."""
    now, lines = BEGIN, []
    for seq, (one, step) in enumerate(zip(history, steps, strict=True), start=1):
        if isinstance(one, tuple):
            fields, minute = one
            told = {} if minute is None else {"ts_utc": (BEGIN + timedelta(minutes=minute)).isoformat()}
            said = {key: value for key, value in fields.items() if key != "event"} | told
        else:
            now += timedelta(minutes=step) * (-1 if one.get("repaired") else 1)
            said = {"seq": seq, **one, "ts_utc": format_time(now), "prev": "sha256:x"}
        lines.append(parse_line(seq, json.dumps(said).encode()))
    return lines


@st.composite
def journals(draw: st.DrawFn) -> list[Line]:
    history = draw(histories)
    return lines_of(history, draw(st.lists(st.integers(1, 9), min_size=len(history), max_size=len(history))))


def at(page: SpanPage, moment: datetime) -> dict[str, str]:
    """Alias -> version, by the spans alone."""
    found: dict[str, str] = {}
    for span in page.spans:
        since, until = parse_time(span.since), parse_time(span.until)
        if (since is None or since <= moment) and (until is None or moment < until):
            assert span.alias not in found, "two at once"
            found[span.alias] = span.version
    return found


@given(journals(), st.integers(-30, 140), st.integers(1, 15))
def test_at_each_moment_they_are_what_the_journal_says_of_it(lines: list[Line], minute: int, limit: int) -> None:
    moment = BEGIN + timedelta(minutes=minute)
    truth = replay(lines, moment).pointing()
    moves = list(moves_of(lines))
    assert at(spans(*newest(moves, 1000)), moment) == truth
    some = spans(*newest(moves, limit))
    since = parse_time(some.complete_since)
    if since is None or moment >= since:
        assert at(some, moment) == truth
    assert at(some, BEGIN + timedelta(days=9)) == replay(lines).pointing()


@given(journals(), st.integers(-30, 140), names)
def test_of_one_alias_they_are_those_of_all_without_the_others(lines: list[Line], minute: int, alias: str) -> None:
    moves = list(moves_of(lines))
    one = spans(*newest([move for move in moves if move.alias == alias], 1000))
    assert one.spans == [span for span in spans(*newest(moves, 1000)).spans if span.alias == alias]
    then = replay(lines, BEGIN + timedelta(minutes=minute)).pointing()
    assert at(one, BEGIN + timedelta(minutes=minute)) == {name: then[name] for name in then if name == alias}


def test_a_span_says_who_made_it_why_and_by_which_event() -> None:
    lines = lines_of([{"event": "promote", "alias": "a", "version": "1", "actor": "ada", "reason": "why"}], [5])
    (span,) = spans(*newest(list(moves_of(lines)), 1)).spans
    assert (span.actor, span.reason, span.seq, span.until) == ("ada", "why", 1, None)
    assert span.since == format_time(BEGIN + timedelta(minutes=5))
