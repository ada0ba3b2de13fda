"""Rights add up, blocked ends them all, narrowing never widens, and what nobody knows nobody may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.access.decisions import Decision, decide, standing
from registry_core.access.document import default_rules
from registry_core.access.ownership import Owner
from registry_core.access.principal import ANONYMOUS, OPERATOR, Cut, Kind, Principal
from registry_core.access.roles import Action, Role
from registry_core.vocabulary.owners import NOT_THERE, UNOWNED, Ownership, Status
from registry_core.vocabulary.patterns import parse_models

from . import some
from .issuers import ISSUERS, OIDC, PLATFORM
from .some import document, document_fields, principals, written

MODEL = ("celltype", "human_pbmc")
ADA = Principal(Kind.USER, "ada", OIDC)

questions = st.tuples(some.actions, some.models | st.none(), some.names | st.none(), some.ownerships)
Question = tuple[Action, tuple[str, str] | None, str | None, Ownership]


def ask(fields: dict[str, Any], principal: Principal, question: Question) -> Decision:
    return decide(document(fields), principal, *question)


# what holds for all rules


@given(document_fields(), some.rule_fields(), principals(), questions)
def test_a_rule_more_takes_nothing(
    fields: dict[str, Any], rule: dict[str, Any], principal: Principal, question: Question
) -> None:
    before = ask(fields, principal, question)
    after = ask({**fields, "rules": [*fields["rules"], rule]}, principal, question)
    assert after.allowed or not before.allowed
    assert set(before.rules) <= set(after.rules)
    alone = ask({**fields, "rules": [rule], "admins": []}, principal, question)
    assert after.allowed is (before.allowed or alone.allowed)


@given(document_fields(), principals(), questions)
def test_no_admin_listed_and_no_rule_is_nothing(
    fields: dict[str, Any], principal: Principal, question: Question
) -> None:
    assert not ask({**fields, "rules": [], "admins": []}, principal, question).allowed


@given(document_fields(), some.subjects, principals(), questions)
def test_blocked_ends_all(fields: dict[str, Any], text: str, principal: Principal, question: Question) -> None:
    found = ask({**fields, "blocked": [text], "admins": [text]}, principal, question)
    (is_meant,) = {one.matches(principal) for one in written(blocked=[text]).blocked}
    if is_meant:
        assert found.is_blocked
        assert not found.allowed
        assert not standing(written(**{**fields, "blocked": [text]}), principal).visible()("public", "ada", UNOWNED)
    assert not (found.is_blocked and not is_meant)


@given(document_fields(), principals(), questions, some.cuts)
def test_a_cut_never_widens(fields: dict[str, Any], principal: Principal, question: Question, cut: Cut) -> None:
    whole = ask(fields, some.uncut(principal), question)
    left = ask(fields, replace(principal, cut=cut), question)
    assert whole.allowed or not left.allowed
    assert left.allowed or left.is_cut or not whole.allowed
    action, model, alias, _ = question
    if left.allowed and cut.on is not None and model is not None:
        assert any(one.matches(*model) for one in cut.on)
    if left.allowed and cut.aliases is not None and action is Action.PROMOTE:
        assert alias is not None


@given(document_fields(), principals(), questions, st.lists(some.patterns, max_size=2))
def test_what_narrows_a_rule_never_widens(
    fields: dict[str, Any], principal: Principal, question: Question, aliases: list[str]
) -> None:
    wide = {**fields, "rules": [{**rule, "owner": "any"} for rule in fields["rules"]]}
    for rule in wide["rules"]:
        rule.pop("aliases", None)
    for narrowed in (
        fields,
        {**wide, "rules": [{**rule, "aliases": aliases} for rule in wide["rules"]]},
        {**wide, "rules": [{**rule, "owner": "own-or-unowned"} for rule in wide["rules"]]},
        {**wide, "protected_aliases": ["*"]},
    ):
        assert ask(wide, principal, question).allowed or not ask(narrowed, principal, question).allowed


@given(document_fields(), principals(), some.models, some.names, some.ownerships)
def test_protection_is_lifted_by_approvers_only(
    fields: dict[str, Any], principal: Principal, model: tuple[str, str], alias: str, ownership: Ownership
) -> None:
    fields = {**fields, "protected_aliases": [alias], "admins": []}
    found = decide(document(fields), principal, Action.PROMOTE, model, alias, ownership)
    assert {fields["rules"][number]["role"] for number in found.rules} <= {"approver", "maintainer", "admin"}


@given(document_fields(), principals(), some.models, some.ownerships)
def test_what_is_seen_is_what_may_be_read(
    fields: dict[str, Any], principal: Principal, model: tuple[str, str], ownership: Ownership
) -> None:
    rules = document(fields)
    allowed = decide(rules, principal, Action.READ, model, None, ownership).allowed
    assert standing(rules, principal).visible()(*model, ownership) is allowed


@given(document_fields(), principals(), questions)
def test_a_role_includes_those_before_it(fields: dict[str, Any], principal: Principal, question: Question) -> None:
    _, model, alias, ownership = question
    order = [Action.READ, Action.USE, Action.WRITE, Action.DELETE, Action.ADMIN]
    allowed = [ask(fields, principal, (action, model, alias, ownership)).allowed for action in order]
    assert allowed == sorted(allowed, reverse=True)


@given(document_fields(), principals(), questions)
def test_an_action_that_nobody_knows_nobody_may(
    fields: dict[str, Any], principal: Principal, question: Question
) -> None:
    for unknown in ("", "everything", "READ", None):
        assert not decide(document(fields), principal, unknown, *question[1:]).allowed  # type: ignore[arg-type]


@given(document_fields(), principals(), questions)
def test_the_registry_itself_is_not_one_of_its_models(
    fields: dict[str, Any], principal: Principal, question: Question
) -> None:
    action, _, alias, ownership = question
    found = ask({**fields, "admins": []}, principal, (action, None, alias, ownership))
    for number in found.rules:
        assert "*/*" in fields["rules"][number]["on"]
        assert fields["rules"][number].get("owner", "any") == "any"


# cases with names


def test_the_operator_may_all() -> None:
    rules = written(blocked=["user:ada", "token:*"])
    assert all(decide(rules, OPERATOR, action, MODEL).allowed for action in Action)
    assert standing(rules, OPERATOR).visible()(*MODEL, UNOWNED)


def test_which_rules_give_it_is_said() -> None:
    rules = written(
        rules=[
            {"who": ["user:ada"], "on": ["*/*"], "role": "viewer"},
            {"who": ["user:bob"], "on": ["*/*"], "role": "admin"},
            {"who": ["authenticated"], "on": ["celltype/*"], "role": "user"},
        ]
    )
    assert decide(rules, ADA, Action.READ, MODEL).rules == (0, 2)
    assert decide(rules, ADA, Action.USE, MODEL).rules == (2,)
    refused = decide(rules, ADA, Action.PROMOTE, MODEL, "latest")
    assert refused.required.to_dict() == {"action": "promote", "on": "celltype/human_pbmc", "alias": "latest"}
    assert decide(rules, ADA, Action.ADMIN, None).required.on is None


def test_aliases_narrow_promotes_and_nothing_else() -> None:
    rules = written(
        protected_aliases=["prod-*"],
        rules=[{"who": ["token:ci-*"], "on": ["celltype/*"], "role": "publisher", "aliases": ["latest", "prod-*"]}],
    )
    ci = Principal(Kind.SERVICE, name="ci-eu")
    assert decide(rules, ci, Action.WRITE, MODEL).allowed
    assert [decide(rules, ci, Action.PROMOTE, MODEL, one).allowed for one in ("latest", "candidate", "prod-eu")] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(("role", "may"), [("publisher", False), ("approver", True)])
def test_to_archive_is_for_approvers(role: str, may: bool) -> None:
    rules = written(rules=[{"who": ["user:ada"], "on": ["*/*"], "role": role}])
    assert decide(rules, ADA, Action.PROMOTE, MODEL, None).allowed is may
    narrowed = written(rules=[{"who": ["user:ada"], "on": ["*/*"], "role": role, "aliases": ["*"]}])
    assert not decide(narrowed, ADA, Action.PROMOTE, MODEL, None).allowed


def test_where_a_package_may_come_from() -> None:
    rule = {"who": ["user:ada"], "on": ["*/*"], "role": "publisher"}
    of = {**rule, "from": ["/shared/ml"]}
    reads = {**rule, "role": "viewer"}
    assert decide(written(rules=[of, reads]), ADA, Action.WRITE, MODEL).sources == ("/shared/ml",)
    two = written(rules=[of, {**of, "from": ["/data", "/shared/ml"]}])
    assert decide(two, ADA, Action.WRITE, MODEL).sources == ("/data", "/shared/ml")
    assert decide(written(rules=[of, rule]), ADA, Action.WRITE, MODEL).sources is None
    assert decide(written(rules=[of], admins=["user:ada"]), ADA, Action.WRITE, MODEL).sources is None
    assert decide(written(rules=[{**rule, "from": []}]), ADA, Action.WRITE, MODEL).sources == ()


def test_a_service_token_has_what_token_rules_give_and_nothing_else() -> None:
    service = Principal(Kind.SERVICE, name="ci")
    rules = written(
        rules=[
            {"who": ["anonymous"], "on": ["*/*"], "role": "viewer"},
            {"who": ["authenticated", "user:ci"], "on": ["*/*"], "role": "admin"},
        ]
    )
    assert not decide(rules, service, Action.READ, MODEL).allowed


def test_without_a_document() -> None:
    rules = default_rules(ISSUERS)
    user = Principal(Kind.USER, "1", PLATFORM, org="7", permissions=frozenset({"model.use"}))
    ours, theirs = Ownership(Status.OWNED, "7"), Ownership(Status.OWNED, "8")
    may = [
        (one.status, one.org)
        for one in (ours, theirs, UNOWNED, NOT_THERE, Ownership(Status.LEGACY_UNOWNED))
        if decide(rules, user, Action.WRITE, MODEL, None, one).allowed
    ]
    assert may == [(Status.OWNED, "7"), (Status.NOT_THERE, None)]
    assert not decide(rules, user, Action.DELETE, MODEL, None, ours).allowed
    assert not decide(rules, replace(user, issuer=OIDC), Action.READ, MODEL, None, ours).allowed
    assert not decide(rules, ANONYMOUS, Action.READ, MODEL).allowed
    assert not any(decide(rules, user, Action.ADMIN, model, None, ours).allowed for model in (MODEL, None))


def test_a_cut_ends_what_the_list_of_admins_gives_too() -> None:
    rules = written(admins=["user:ada"])
    cut = Cut(Role.PUBLISHER, (parse_models("celltype/*"),), ("latest",))
    ada = replace(ADA, cut=cut)
    assert decide(rules, ada, Action.WRITE, MODEL).allowed
    assert decide(rules, ada, Action.PROMOTE, MODEL, "latest").allowed
    for question in (
        (Action.DELETE, MODEL, None),
        (Action.WRITE, ("other", "pbmc"), None),
        (Action.PROMOTE, MODEL, "production"),
        (Action.ADMIN, None, None),
    ):
        assert decide(rules, ada, *question).is_cut


def test_what_is_narrowed_to_aliases_is_no_admin_who_could_widen_it() -> None:
    ada = replace(ADA, cut=Cut(aliases=("*",)))
    listed = written(admins=["user:ada"])
    ruled = written(rules=[{"who": ["user:ada"], "on": ["*/*"], "role": "admin", "aliases": ["*"]}])
    for model in (None, MODEL):
        assert decide(listed, ada, Action.ADMIN, model).is_cut
        assert not decide(ruled, ADA, Action.ADMIN, model).allowed
        assert decide(listed, ADA, Action.ADMIN, model).allowed
    assert decide(listed, ada, Action.DELETE, MODEL).allowed
    assert decide(ruled, ADA, Action.DELETE, MODEL).allowed


def test_owner_own_is_for_models_that_are_there() -> None:
    rules = written(rules=[{"who": ["authenticated"], "on": ["*/*"], "role": "publisher", "owner": str(Owner.OWN)}])
    assert not decide(rules, replace(ADA, org="7"), Action.WRITE, MODEL, None, NOT_THERE).allowed
