"""Strategies of rules, callers and models, small enough that they meet each other often."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from registry_core.access.document import AccessDocument, parse
from registry_core.access.ownership import Owner
from registry_core.access.principal import ANONYMOUS, Cut, Kind, Principal
from registry_core.access.roles import Action, Role
from registry_core.vocabulary.owners import Ownership, Status
from registry_core.vocabulary.patterns import parse_models

from .issuers import ISSUERS, OIDC, OTHER, PLATFORM

NAMES = ["ada", "ci-eu", "ml", "prod-eu", "latest", "celltype", "public"]
PATTERNS = ["*", "ada", "ci-*", "prod-*", "*-eu", "c*l*e", "latest", "celltype", "public"]
ORGS = ["7", "8"]

names, patterns = st.sampled_from(NAMES), st.sampled_from(PATTERNS)
models = st.tuples(names, names)
on = st.builds("{}/{}".format, patterns, patterns)
subjects = st.one_of(
    st.sampled_from(["user:ada", "user:other/ada", "user:oidc/ada", "user:nobody/ada", "group:ml", "group:other/ml"]),
    st.sampled_from(["permission:model.use", "org:7", "org:8"]),
    st.builds("token:{}".format, patterns),
)
callers = subjects | st.sampled_from(["authenticated"])
actions = st.sampled_from(list(Action))
ownerships = st.one_of(
    st.builds(Ownership, st.just(Status.OWNED), st.sampled_from(ORGS)),
    st.builds(Ownership, st.sampled_from([one for one in Status if one is not Status.OWNED])),
)


@st.composite
def rule_fields(draw: st.DrawFn) -> dict[str, Any]:
    """A rule as it is written."""
    found: dict[str, Any] = {
        "who": draw(st.lists(callers, min_size=1, max_size=3)),
        "on": draw(st.lists(on, min_size=1, max_size=2)),
        "role": draw(st.sampled_from([str(role) for role in Role])),
    }
    if draw(st.booleans()):
        found["owner"] = draw(st.sampled_from([str(owner) for owner in Owner]))
    if draw(st.booleans()):
        found["aliases"] = draw(st.lists(patterns, max_size=2))
    if draw(st.booleans()):
        found["from"] = draw(st.lists(st.sampled_from(["/shared/ml", "/data"]), max_size=2))
    return found


@st.composite
def document_fields(draw: st.DrawFn) -> dict[str, Any]:
    """A document as it is written."""
    return {
        "schema": "omr-access/1",
        "rules": draw(st.lists(rule_fields(), max_size=4)),
        "protected_aliases": draw(st.lists(patterns, max_size=2)),
        "admins": draw(st.lists(subjects, max_size=1)),
        "blocked": draw(st.lists(subjects, max_size=1)),
    }


@st.composite
def principals(draw: st.DrawFn) -> Principal:
    kind = draw(st.sampled_from([one for one in Kind if one is not Kind.OPERATOR]))
    cut = draw(st.none() | cuts)
    if kind is Kind.ANONYMOUS:
        return ANONYMOUS
    if kind is Kind.SERVICE:
        return Principal(kind, name=draw(names), cut=cut)
    return Principal(
        kind,
        subject=draw(names),
        issuer=draw(st.sampled_from([OIDC, PLATFORM, OTHER])),
        groups=draw(st.frozensets(names, max_size=2)),
        org=draw(st.none() | st.sampled_from(ORGS)),
        permissions=draw(st.frozensets(st.sampled_from(["model.use", "model.read"]), max_size=2)),
        cut=cut,
    )


cuts = st.builds(
    Cut,
    role=st.none() | st.sampled_from(list(Role)),
    on=st.none() | st.lists(on, max_size=2).map(lambda texts: tuple(parse_models(text) for text in texts)),
    aliases=st.none() | st.lists(patterns, max_size=2).map(tuple),
)


def document(fields: dict[str, Any]) -> AccessDocument:
    return parse(json.dumps(fields).encode(), ISSUERS)


def written(**fields: Any) -> AccessDocument:
    """A document with those fields."""
    return document({"schema": "omr-access/1", **fields})


def uncut(principal: Principal) -> Principal:
    return replace(principal, cut=None)
