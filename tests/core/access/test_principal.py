"""What is kept of who called, and when it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from registry_core.access.principal import ANONYMOUS, OPERATOR, Kind, Principal

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_an_event_says_who_it_was_and_nothing_else_of_him() -> None:
    ada = Principal(Kind.USER, "4711", "https://id", "ada@lab.example", frozenset({"ml"}), "7", token_id="t", via="jwt")
    assert ada.recorded() == {
        "sub": "4711",
        "iss": "https://id",
        "kind": "user",
        "org": "7",
        "via": "jwt",
        "token_id": "t",
    }
    assert OPERATOR.recorded() == {"kind": "operator", "via": "root"}
    assert ANONYMOUS.recorded() == {"kind": "anonymous"}


def test_it_ends_at_its_moment() -> None:
    ends = Principal(Kind.USER, expires_at=NOW)
    assert [ends.is_expired(NOW + timedelta(seconds=s)) for s in (-1, 0, 1)] == [False, True, True]
    assert not ANONYMOUS.is_expired(NOW)
