"""Callers are matched by what was verified of them, and by the issuer that verified it."""

from __future__ import annotations

import pytest

from registry_core.access.principal import ANONYMOUS, OPERATOR, Kind, Principal
from registry_core.access.who import TO_TRY, Issuers, parse, principal_named

from .issuers import ISSUERS, OIDC, OTHER, PLATFORM

ADA = Principal(Kind.USER, "4711", OIDC, "ada@lab.example", frozenset({"ml"}), "7", frozenset({"model.use"}))
FOREIGN = Principal(Kind.USER, "4711", OTHER, "ada@lab.example", frozenset({"ml"}), "7", frozenset({"model.use"}))
OF_PLATFORM = Principal(Kind.CLIENT, "client:ci", PLATFORM, None, frozenset(), "7", frozenset({"model.use"}))
CI = Principal(Kind.SERVICE, "", None, "ci-eu", token_id="t")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("anonymous", {"nobody", "ada", "foreign", "platform"}),
        ("authenticated", {"ada", "foreign", "platform"}),
        ("user:4711", {"ada"}),
        ("user:Ada@Lab.example", {"ada"}),
        ("user:oidc/4711", {"ada"}),
        ("user:other/4711", {"foreign"}),
        ("user:unknown/4711", set()),
        ("user:client:ci", set()),
        ("user:platform/client:ci", {"platform"}),
        ("user:ci-eu", set()),
        ("group:ml", {"ada"}),
        ("group:other/ml", {"foreign"}),
        ("group:ML", set()),
        ("token:ci-*", {"service"}),
        ("token:*", {"service"}),
        ("permission:model.use", {"platform"}),
        ("org:7", {"platform"}),
    ],
)
def test_who_is_meant(text: str, meant: set[str]) -> None:
    callers = {"nobody": ANONYMOUS, "ada": ADA, "foreign": FOREIGN, "platform": OF_PLATFORM, "service": CI}
    who = parse(text, ISSUERS)
    assert {name for name, caller in callers.items() if who.matches(caller)} == meant
    assert not who.matches(OPERATOR)


def test_an_address_that_only_looks_like_anothers_in_small_letters_is_not_his() -> None:
    other = "\N{KELVIN SIGN}Ä@lab.example"
    assert other.lower() == "kä@lab.example"
    like, theirs = (Principal(Kind.USER, "1", OIDC, name=name) for name in (other, "kä@lab.example"))
    for named, meant in (("kä@lab.example", theirs), ("KÄ@lab.example", theirs), (other, like), (other[:3], None)):
        who = parse(f"user:{named}", ISSUERS)
        assert [one for one in (like, theirs) if who.matches(one)] == [one for one in (meant,) if one], named


def test_a_group_may_have_a_slash_behind_the_alias() -> None:
    who = parse("group:oidc//lab/ml", ISSUERS)
    assert who.matches(Principal(Kind.USER, "1", OIDC, groups=frozenset({"/lab/ml"})))


@pytest.mark.parametrize("text", ["user:4711", "group:ml", "permission:model.use", "org:7", "user:oidc/4711"])
def test_where_no_issuer_is_configured_nobody_is_meant(text: str) -> None:
    who = parse(text, Issuers(aliases={}))
    nameless = Principal(Kind.USER, "4711", None, "4711", frozenset({"ml"}), "7", frozenset({"model.use"}))
    assert not who.matches(nameless)
    assert not who.matches(ADA)


@pytest.mark.parametrize(
    "text",
    ["", "everybody", "user", "user:", "group:/lab", "user:oidc/", "role:admin", "token:[a]", "user:a\n", "User:a"],
)
def test_what_names_nobody_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is|has"):
        parse(text, ISSUERS)


@pytest.mark.parametrize(
    "text", ["anonymous", "user:ada", "user:other/ada", "group:ml", "token:ci-eu", "permission:model.use", "org:7"]
)
def test_somebody_to_try_rules_with_is_who_was_named(text: str) -> None:
    assert parse(text, TO_TRY).matches(principal_named(text))
    assert not parse("user:somebody-else", TO_TRY).matches(principal_named(text))
