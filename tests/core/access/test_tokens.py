"""A token is known again by what is kept of it, which cannot say it; and counts for no more than its owner had."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.access import tokens
from registry_core.access.decisions import decide
from registry_core.access.principal import ANONYMOUS, Cut, Kind, Principal
from registry_core.access.roles import Action, Role
from registry_core.access.tokens import TokenDocument, TokenKind, cut_of, id_of, made, new_text, parse, render
from registry_core.vocabulary.errors import InvalidName, InvalidParameter

from . import some
from .issuers import OIDC

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ADA = Principal(Kind.USER, "4711", OIDC, "ada@lab.example", frozenset({"ml"}), "7", frozenset({"model.use"}), via="jwt")


def service(text: str, **more: Any) -> TokenDocument:
    wanted = {"owner": None, "cut": None, "now": NOW, "life": DAY, **more}
    return made(text, TokenKind.SERVICE, "ci-eu", **wanted)


def personal(text: str, owner: Principal | None = ADA, cut: Cut | None = None) -> TokenDocument:
    return made(text, TokenKind.PERSONAL, "laptop", owner=owner, cut=cut, now=NOW, life=DAY)


def test_no_two_are_alike_and_each_has_256_random_bits() -> None:
    texts = {new_text() for _ in range(100)}
    assert len({text[21:85] for text in texts}) == len({id_of(text) for text in texts}) == 100
    assert all(len(text[21:85]) * 4 == 256 for text in texts)


@given(st.integers(0, 92), st.sampled_from("0123456789abcdefg_ A"))
def test_a_mistyped_one_is_told_from_a_wrong_one(at: int, typed: str) -> None:
    text = "omr_0123456789abcdef_" + "5" * 64
    text += tokens._checksum(text)
    assert id_of(text) == "0123456789abcdef"
    wrong = text[:at] + typed + text[at + 1 :]
    assert (id_of(wrong) is None) is (wrong != text)


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "0", lambda t: t + "\n", str.upper, lambda t: ""])
def test_what_is_not_whole_is_no_token(change: Callable[[str], str]) -> None:
    assert id_of(change(new_text())) is None


def test_it_is_admitted_by_its_own_text_until_it_expires() -> None:
    text = new_text()
    token = service(text)
    assert token.admits(text, NOW)
    assert token.admits(text, NOW + DAY - timedelta(microseconds=1))
    assert not token.admits(text, NOW + DAY)
    assert not token.admits(new_text(), NOW)


def test_what_is_kept_does_not_say_it() -> None:
    text = new_text()
    for token in (service(text), personal(text)):
        data = render(token).decode()
        assert text[21:] not in data
        assert text not in data
        assert text[21:] not in repr(token)


def test_a_service_token_is_its_name() -> None:
    who = service(new_text()).principal()
    assert (who.kind, who.name, who.subject, who.issuer, who.via) == (Kind.SERVICE, "ci-eu", "", None, "token")


def test_a_personal_token_is_its_owner_as_he_was() -> None:
    token = personal(new_text(), cut=Cut(Role.USER))
    who = token.principal()
    assert (who.kind, who.subject, who.issuer, who.groups, who.org) == (Kind.USER, "4711", OIDC, ADA.groups, "7")
    assert (who.token_id, who.via, who.expires_at, who.cut) == (token.id, "token", NOW + DAY, Cut(Role.USER))
    rules = some.written(rules=[{"who": ["group:ml"], "on": ["*/*"], "role": "publisher"}])
    assert decide(rules, who, Action.USE, ("a", "b")).allowed
    assert decide(rules, who, Action.WRITE, ("a", "b")).is_cut
    blocked = some.written(rules=[{"who": ["group:ml"], "on": ["*/*"], "role": "user"}], blocked=["user:4711"])
    assert decide(blocked, who, Action.USE, ("a", "b")).is_blocked


@pytest.mark.parametrize(
    "owner",
    [
        None,
        ANONYMOUS,
        Principal(Kind.SERVICE, name="ci"),
        Principal(Kind.CLIENT, "client:ci", OIDC),
        Principal(Kind.USER, "1", OIDC, token_id="0123456789abcdef", via="token"),
    ],
)
def test_only_a_person_who_has_signed_in_makes_a_personal_one(owner: Principal | None) -> None:
    with pytest.raises(InvalidParameter) as refused:
        personal(new_text(), owner)
    assert refused.value.detail["field"] == "kind"


@pytest.mark.parametrize("life", [timedelta(0), -DAY, tokens.LONGEST_LIFE + DAY])
def test_how_long_one_may_live(life: timedelta) -> None:
    with pytest.raises(InvalidParameter) as refused:
        service(new_text(), life=life)
    assert refused.value.detail["field"] == "days"


def test_its_name_is_a_name() -> None:
    with pytest.raises(InvalidName):
        made(new_text(), TokenKind.SERVICE, "a/b", owner=None, cut=None, now=NOW, life=DAY)


@pytest.mark.parametrize(
    ("role", "on", "aliases", "field"),
    [
        ("owner", None, None, "role"),
        (None, ["celltype"], None, "on[0]"),
        (None, "*/*", None, "on"),
        (None, None, ["latest", "[a]"], "aliases[1]"),
    ],
)
def test_a_cut_that_cannot_be_understood(role: Any, on: Any, aliases: Any, field: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        cut_of(role, on, aliases)
    assert refused.value.detail["field"] == field


@given(some.cuts, some.principals(), st.booleans())
def test_what_is_written_is_read(cut: Cut, owner: Principal, is_personal: bool) -> None:
    text = new_text()
    if is_personal and owner.kind is Kind.USER:
        token = personal(text, replace(some.uncut(owner), via="jwt", expires_at=NOW), cut)
        assert token.owner == some.uncut(owner)
    else:
        token = service(text, cut=cut)
    assert parse(render(token)) == token


def damaged() -> list[dict[str, Any]]:
    whole: dict[str, Any] = json.loads(render(personal(new_text(), cut=Cut(Role.USER))))
    changes: list[dict[str, Any]] = [
        {"schema": "omr-token/2"},
        {"more": 1},
        {"id": "../../etc"},
        {"sha256": "0"},
        {"kind": "admin"},
        {"kind": "service"},
        {"owner": None},
        {"owner": {**whole["owner"], "roles": []}},
        {"owner": {**whole["owner"], "groups": "ml"}},
        {"owner": {**whole["owner"], "subject": None}},
        {"cut": {"role": "user"}},
        {"cut": {**whole["cut"], "role": "owner"}},
        {"cut": []},
        {"expires_at": "never"},
        {"created_at": None},
        {"name": 7},
    ]
    return [{**whole, **change} for change in changes]


@pytest.mark.parametrize("fields", damaged())
def test_what_is_not_understood_whole_counts_for_nothing(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(json.dumps(fields).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"[" * 10_000])
def test_bytes_that_are_no_document(data: bytes) -> None:
    with pytest.raises(ValueError, match="schema"):
        parse(data)
