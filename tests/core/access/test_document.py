"""An access document is understood whole, or refused with the field that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.access.document import AccessDocument, default_rules, parse
from registry_core.access.ownership import Owner
from registry_core.access.roles import Role
from registry_core.format.strict import MAX_BYTES
from registry_core.vocabulary.errors import InvalidParameter

from .issuers import ISSUERS, PLATFORM
from .some import document, document_fields

FULL: dict[str, Any] = {
    "schema": "omr-access/1",
    "protected_aliases": ["production", "staging", "prod-*"],
    "rules": [
        {"who": ["anonymous"], "on": ["public/*"], "role": "user"},
        {"who": ["authenticated"], "on": ["*/*"], "role": "viewer", "owner": "own-or-unowned"},
        {"who": ["group:ml"], "on": ["celltype/*"], "role": "publisher", "from": ["/shared/ml/"]},
        {"who": ["user:lead@lab.example", "group:reviewers"], "on": ["celltype/human_pbmc"], "role": "approver"},
        {"who": ["token:ci-*"], "on": ["celltype/*"], "role": "publisher", "aliases": ["latest", "candidate"]},
    ],
    "admins": ["user:ops@lab.example"],
    "blocked": ["user:left@lab.example"],
}
RULE = FULL["rules"][0]


def test_all_that_a_document_can_say() -> None:
    found = document(FULL)
    assert found.protected_aliases == ("production", "staging", "prod-*")
    assert [rule.role for rule in found.rules] == ["user", "viewer", "publisher", "approver", "publisher"]
    assert [str(one) for rule in found.rules for one in rule.on][:2] == ["public/*", "*/*"]
    assert found.rules[1].owner is Owner.OWN_OR_UNOWNED
    assert found.rules[2].sources == ("/shared/ml",)
    assert found.rules[4].aliases == ("latest", "candidate")
    assert (found.rules[0].aliases, found.rules[0].sources, found.rules[0].owner) == (None, None, Owner.ANY)
    assert [one.text for one in (*found.admins, *found.blocked)] == ["user:ops@lab.example", "user:left@lab.example"]


def test_the_least_document_gives_nothing() -> None:
    assert document({"schema": "omr-access/1"}) == AccessDocument()


def test_without_a_document_the_platforms_permissions_count() -> None:
    rules = default_rules(ISSUERS).rules
    assert [(rule.who[0].text, rule.role, rule.owner) for rule in rules] == [
        ("permission:model.read", Role.VIEWER, Owner.OWN_OR_UNOWNED),
        ("permission:model.use", Role.PUBLISHER, Owner.OWN_OR_UNOWNED),
    ]
    assert {rule.who[0].issuer for rule in rules} == {PLATFORM}
    assert not default_rules(ISSUERS).admins


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"schema": "omr-access/2"}, "schema"),
        ({"schema": None}, "schema"),
        ({"expires": "never"}, "expires"),
        ({"rules": {}}, "rules"),
        ({"rules": [RULE, []]}, "rules[1]"),
        ({"rules": [{**RULE, "unless": []}]}, "rules[0].unless"),
        ({"rules": [{**RULE, "role": "owner"}]}, "rules[0].role"),
        ({"rules": [{**RULE, "role": ["user"]}]}, "rules[0].role"),
        ({"rules": [{**RULE, "role": "publisher"}]}, "rules[0].role"),
        ({"rules": [{"who": ["anonymous"], "on": ["*/*"]}]}, "rules[0].role"),
        ({"rules": [{**RULE, "who": []}]}, "rules[0].who"),
        ({"rules": [{**RULE, "who": "anonymous"}]}, "rules[0].who"),
        ({"rules": [{**RULE, "who": ["anonymous", "everybody"]}]}, "rules[0].who[1]"),
        ({"rules": [{**RULE, "on": []}]}, "rules[0].on"),
        ({"rules": [{**RULE, "on": ["public"]}]}, "rules[0].on[0]"),
        ({"rules": [{**RULE, "aliases": ["prod-?"]}]}, "rules[0].aliases[0]"),
        ({"rules": [{**RULE, "aliases": None}]}, "rules[0].aliases"),
        ({"rules": [{**RULE, "from": ["shared"]}]}, "rules[0].from[0]"),
        ({"rules": [{**RULE, "from": ["/shared/../etc"]}]}, "rules[0].from[0]"),
        ({"rules": [{**RULE, "owner": "mine"}]}, "rules[0].owner"),
        ({"protected_aliases": ["[production]"]}, "protected_aliases[0]"),
        ({"protected_aliases": [7]}, "protected_aliases[0]"),
        ({"admins": ["anonymous"]}, "admins[0]"),
        ({"blocked": ["authenticated"]}, "blocked[0]"),
        ({"admins": ["\ud800"]}, "admins[0]"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        document({**FULL, **change})
    assert refused.value.detail["field"] == field
    assert field in refused.value.message


def test_where_it_cannot_be_read_on_is_said() -> None:
    with pytest.raises(InvalidParameter, match="no JSON: see line 2, column 24"):
        parse(b'{"schema": "omr-access/1",\n "rules": [], "admins" []}', ISSUERS)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", "access"),
        (b"[]", "access"),
        (b"\xff", "access"),
        (b'{"schema": "omr-access/1", "rules": NaN}', "access"),
        (b'{"schema": "omr-access/1"', "access"),
        (b"[" * 100_000, "access"),
        (b'{"schema": "omr-access/1", "rules": [], "rules": []}', "rules"),
        (b'{"schema": "omr-access/1", "blocked": []}' + b" " * MAX_BYTES, "access"),
        (b"{}", "schema"),
    ],
)
def test_bytes_that_are_no_document(data: bytes, field: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        parse(data, ISSUERS)
    assert refused.value.detail["field"] == field


@given(document_fields())
def test_what_can_be_written_is_read(fields: dict[str, Any]) -> None:
    found = document(fields)
    assert len(found.rules) == len(fields["rules"])
    assert [one.text for rule in found.rules for one in rule.who] == [
        text for rule in fields["rules"] for text in rule["who"]
    ]


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["schema", "rules", "who", "on", "role", "x"]), inner)
        ),
        max_leaves=8,
    )
)
def test_anything_else_is_refused_and_nothing_breaks(value: Any) -> None:
    for one in (value, {"schema": "omr-access/1", "rules": value}):
        try:
            parse(json.dumps(one).encode(), ISSUERS)
        except InvalidParameter:
            continue
        assert one == {"schema": "omr-access/1", "rules": []}
