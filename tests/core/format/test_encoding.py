"""A moment has one form, is read back in every zone, and what is no moment is None."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import example, given
from hypothesis import strategies as st

from registry_core.format.chain import later_than
from registry_core.format.encoding import format_time, parse_time

moments = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@given(moments, st.integers(-12, 14), moments)
def test_time_follows_a_line_of_older_software_too(before: datetime, hours: int, now: datetime) -> None:
    old = before.astimezone(timezone(timedelta(hours=hours))).isoformat()
    assert parse_time(later_than(old, now)) == max(now, before + timedelta(microseconds=1))


@given(moments, st.integers(-14, 14))
def test_times_round_trip_in_every_zone(moment: datetime, hours: int) -> None:
    assert parse_time(format_time(moment)) == moment
    assert parse_time(moment.astimezone(timezone(timedelta(hours=hours))).isoformat()) == moment
    assert parse_time(moment.replace(tzinfo=None).isoformat()) == moment  # without an offset it is UTC


@given(
    st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=30), st.lists(st.integers())),
)
@example("9999-12-31T23:59:59-12:00")
@example("0001-01-01T00:00:00+12:00")
@example("2024-02-30T00:00:00Z")
def test_what_is_no_time_is_none_and_never_an_error(value: object) -> None:
    found = parse_time(value)
    assert found is None or found.tzinfo is UTC
