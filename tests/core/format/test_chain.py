"""The chain: whatever is done to a line that another stands after, it is found; time only goes forward."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from registry_core.format.chain import Line, later_than, next_record, parse_line
from registry_core.vocabulary.texts import digest, encode, format_time, parse_time

from ..journals import NOW, faults_of, own_fields, write, writers

moments = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


def parsed(raws: list[bytes]) -> list[Line]:
    return [parse_line(seq, raw) for seq, raw in enumerate(raws, start=1)]


def faults(raws: list[bytes]) -> list[tuple[int, str]]:
    return faults_of(parsed(raws))


@given(writers)
def test_an_untouched_chain_has_no_fault_and_is_what_the_design_says(who: list[str | None]) -> None:
    raws = write(who)
    assert faults(raws) == []
    for number, raw in enumerate(raws):
        fields = json.loads(raw)
        if who[number] is None:
            assert "seq" not in fields
            continue
        before = raws[number - 1] if number else b""
        all_before = b"".join(line + b"\n" for line in raws[:number])
        proven = before if number and who[number - 1] is not None else all_before
        assert fields["prev"] == "sha256:" + hashlib.sha256(proven).hexdigest()
        assert fields["seq"] == number + 1


@given(writers, st.data())
@settings(max_examples=200)
def test_any_changed_byte_is_found(who: list[str | None], data: st.DataObject) -> None:
    raws = write([*who, "the last"])
    number = data.draw(st.integers(0, len(raws) - 2))
    at = data.draw(st.integers(0, len(raws[number]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value not in (raws[number][at], ord("\n"))))
    raws[number] = raws[number][:at] + bytes([byte]) + raws[number][at + 1 :]
    assert faults(raws)


@given(writers, st.data())
def test_a_removed_or_repeated_line_is_found(who: list[str | None], data: st.DataObject) -> None:
    raws = write([*who, "the last"])
    number = data.draw(st.integers(0, len(raws) - 2))
    assert faults(raws[:number] + raws[number + 1 :])
    assert faults(raws[: number + 1] + raws[number:])


@given(writers, st.data())
def test_any_other_order_is_found(who: list[str | None], data: st.DataObject) -> None:
    raws = write([*who, "the last"])
    order = data.draw(st.permutations(range(len(raws))))
    assume(order != list(range(len(raws))))
    assert faults([raws[number] for number in order])


@given(writers, st.integers(0, 8), st.sampled_from([b"{}", b"null", b"", b"text", b'{"seq": 1}']))
def test_an_inserted_line_is_found(who: list[str | None], at: int, inserted: bytes) -> None:
    raws = write([*who, "the last"])
    at = min(at, len(raws) - 1)
    assert faults([*raws[:at], inserted, *raws[at:]])


@given(writers)
def test_a_cut_end_is_the_one_thing_that_only_a_kept_head_can_tell(who: list[str | None]) -> None:
    raws = write([*who, "kept", "cut"])
    head = digest(raws[-1])
    assert faults(raws[:-1]) == []
    assert digest(raws[-2]) != head


def test_the_faults_are_named_by_the_number_of_the_line() -> None:
    raws = write(["a", "b", "c", "d"])
    assert [seq for seq, _ in faults([raws[0], raws[1].replace(b'"b"', b'"x"'), *raws[2:]])] == [3]
    assert [seq for seq, _ in faults([raws[0], b"rubbish", *raws[2:]])] == [2, 3]
    assert [seq for seq, _ in faults([raws[0], *raws[2:]])] == [2, 2, 3]


@given(st.lists(moments, min_size=1, max_size=12))
@example([NOW, NOW, NOW])
@example([NOW, NOW - timedelta(days=400), NOW - timedelta(days=500)])
def test_time_only_goes_forward_whatever_the_clock_says(clock: list[datetime]) -> None:
    line: Line | None = None
    written: list[str] = []
    for now in clock:
        record = next_record(line, digest(b""), own_fields("r"), now)
        line = parse_line(record["seq"], encode(record))
        written.append(record["ts_utc"])
        assert parse_time(record["ts_utc"]) is not None
    assert written == sorted(set(written))  # as text too: the form has one width
    for now, text in zip(clock, written, strict=True):
        assert parse_time(text) >= now  # type: ignore[operator]
    if clock == sorted(set(clock)):
        assert written == [format_time(now) for now in clock]


@given(moments)
def test_after_the_last_moment_of_the_calendar_an_event_can_still_be_written(now: datetime) -> None:
    """A journal line that claims the end of time must not stop the model for ever."""
    record = next_record(parse_line(1, b'{"ts_utc": "9999-12-31T23:59:59.999999Z"}'), digest(b""), own_fields("r"), now)
    assert record["seq"] == 2


@given(st.binary(max_size=60))
@example(b"[" * 100_000)
@example(b'{"seq": 1, "prev": "x"}')
def test_any_record_can_be_read(raw: bytes) -> None:
    line = parse_line(1, raw)
    assert line.fields is None or isinstance(line.fields, dict)
    assert line.get("anything") is None or line.fields


@pytest.mark.parametrize(
    ("raw", "own"),
    [
        (b'{"seq": 1, "prev": "sha256:00", "event": "of later software"}', True),
        (b'{"seq": 1, "prev": "sha256:00", "event": "unalias"}', True),
        (b'{"seq": "1", "prev": "sha256:00", "event": "unalias"}', False),
        (b'{"seq": 1}', False),
        (b'{"prev": "sha256:00"}', False),
        (b"[1]", False),
    ],
)
def test_a_line_is_ours_if_it_takes_part_in_the_chain(raw: bytes, own: bool) -> None:
    assert parse_line(1, raw).is_own is own


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"event": 1, "version": "1"},
        {"event": "promote"},
        {"event": "delete", "version": ["1"]},
        {"event": "later", "version": {}},
        {"event": "register", "version": "1", "attempt": 5},
    ],
)
def test_what_claims_to_be_an_event_and_lacks_what_all_have_is_none(fields: dict[str, object]) -> None:
    assert parse_line(1, encode({"seq": 1, **fields, "prev": digest(b"")})).fields is None


@given(moments, st.integers(-12, 14), moments)
def test_time_follows_a_line_of_older_software_too(before: datetime, hours: int, now: datetime) -> None:
    old = before.astimezone(timezone(timedelta(hours=hours))).isoformat()
    assert parse_time(later_than(old, now)) == max(now, before + timedelta(microseconds=1))
