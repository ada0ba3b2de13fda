"""Who may change the rules and make tokens; what is changed here holds here at once."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    AccessMoved,
    AccessUnreadable,
    InvalidParameter,
    Kind,
    ModelRegistry,
    NameTaken,
    PermissionDenied,
    TokenNotFound,
)
from registry_core.access.governing import set_document
from registry_core.format.layout import REGISTRY_JOURNAL
from registry_core.models.registry_journal import RegistryJournal
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..access.ruled import written
from .guarded import OWN, PEOPLE, RULES, House, house, somebody


@pytest.fixture
def here(tmp_path: Path) -> House:
    (tmp_path / "root").mkdir()
    return house(FilesystemStorage(tmp_path / "root"), tmp_path)


def rules(**changes: Any) -> dict[str, Any]:
    return {**json.loads(RULES), **changes}


@pytest.mark.parametrize("who", [name for name in PEOPLE if name != "chief"])
def test_rules_and_service_tokens_are_for_admins(here: House, who: str) -> None:
    view = here.as_(who)
    made = here.registry.create_token("service", "ci")
    for call in (
        view.access_rules,
        lambda: view.set_access_rules(rules()),
        lambda: view.try_access_rules("user:x", "read", OWN, "m"),
        lambda: view.create_token("service", "mine"),
    ):
        with pytest.raises(PermissionDenied):
            call()
    with pytest.raises((TokenNotFound, PermissionDenied)):
        view.revoke_token(made.id)
    assert here.registry.access_rules().document == rules()


def test_an_admin_sets_rules_as_they_were_read_and_they_hold_at_once(here: House) -> None:
    chief = here.as_("chief")
    read = chief.access_rules()
    assert read.document == rules()
    done = chief.set_access_rules(rules(rules=[]), expected_seq=read.seq, actor="x", reason="closed")
    assert chief.access_rules().seq == done.seq
    with pytest.raises(PermissionDenied):
        here.as_("publisher").promote(OWN, "m", "candidate", "2")
    with pytest.raises(AccessMoved):
        chief.set_access_rules(rules(), expected_seq=read.seq)
    event = here.registry.registry_history(after=done.seq - 1).events[0]
    assert (event.actor, event.claimed_actor, event.reason) == ("chief", "x", "closed")
    assert event.principal is not None
    assert event.principal["sub"] == "chief"


@pytest.mark.parametrize("changes", [{"admins": []}, {"blocked": ["user:chief"]}, {"admins": ["user:other"]}])
def test_nobody_takes_his_own_admin_away(here: House, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter) as refused:
        here.as_("chief").set_access_rules(rules(**changes))
    assert refused.value.detail["field"] == "admins"
    assert here.registry.access_rules().document == rules()
    here.registry.set_access_rules(rules(**changes))  # the operator may


@pytest.mark.parametrize("value", [float("nan"), {1}, "\ud800"])
def test_what_json_cannot_say_is_no_document(here: House, value: Any) -> None:
    with pytest.raises(InvalidParameter) as refused:
        here.as_("chief").set_access_rules({"schema": "omr-access/1", "admins": [value]})
    assert refused.value.detail["field"] == "document"
    assert here.registry.access_rules().document == rules()


def test_the_operator_is_the_way_back(here: House, tmp_path: Path) -> None:
    (document,) = (tmp_path / "root" / "log" / "documents").iterdir()
    document.unlink()
    again = ModelRegistry.open(tmp_path / "root")
    with pytest.raises(AccessUnreadable):
        again.as_(PEOPLE["chief"]).access_rules()
    again.set_access_rules(rules())
    again.trust(here.registry._issuers)
    fresh = ModelRegistry.open(tmp_path / "root")
    fresh.trust(here.registry._issuers)
    assert fresh.as_(PEOPLE["chief"]).access_rules().document == rules()
    assert (tmp_path / "root" / REGISTRY_JOURNAL).exists()


def test_rules_are_tried_as_they_would_name_somebody(here: House) -> None:
    chief = here.as_("chief")
    given = chief.try_access_rules("user:publisher", "promote", OWN, "m", "candidate")
    assert (given.allowed, given.rules) == (True, [2])
    assert not chief.try_access_rules("user:publisher", "promote", OWN, "m", "production").allowed
    assert chief.try_access_rules("user:left", "read", OWN, "m").is_blocked
    for who, action, field in (("nobody at all", "read", "who"), ("user:x", "fly", "action")):
        with pytest.raises(InvalidParameter) as refused:
            chief.try_access_rules(who, action, OWN, "m")
        assert refused.value.detail["field"] == field


def test_each_is_told_who_it_is(here: House) -> None:
    person = here.as_(somebody("publisher", name="pat@lab.example", groups=frozenset("ba"))).whoami()
    assert (person.kind, person.subject, person.name, person.groups) == (
        *("user", "publisher", "pat@lab.example"),
        ["a", "b"],
    )
    assert (person.is_admin, here.as_("chief").whoami().is_admin, here.as_("admin").whoami().is_admin) == (
        *(False, True),
        False,  # of its models only
    )
    assert (here.registry.whoami().kind, here.registry.whoami().is_admin) == ("operator", True)
    for who in ("anonymous", "left"):
        with pytest.raises(PermissionDenied):
            here.as_(who).whoami()


def test_a_person_makes_tokens_for_himself_and_no_token_makes_one(here: House) -> None:
    person = somebody("publisher", name="pat@lab.example")
    made = here.as_(person).create_token("personal", "laptop", role="viewer", days=1)
    who = here.registry.admitted(made.token)
    assert who is not None
    assert (who.kind, who.subject, who.token_id) == (Kind.USER, "publisher", made.id)
    assert here.as_(who).list_aliases(OWN, "m")
    with pytest.raises(PermissionDenied):  # it is narrower than he is
        here.as_(who).promote(OWN, "m", "candidate", "2")
    with pytest.raises(InvalidParameter):
        here.as_(who).create_token("personal", "another")
    for nobody in ("anonymous", "left"):
        with pytest.raises(PermissionDenied):
            here.as_(nobody).create_token("personal", "x")
    with pytest.raises(InvalidParameter):
        here.registry.create_token("personal", "x")
    other = here.as_("user").create_token("personal", "phone")
    assert [one.id for one in here.as_(person).list_tokens()] == [made.id]
    assert {one.id for one in here.as_("chief").list_tokens()} == {made.id, other.id}
    with pytest.raises(TokenNotFound):
        here.as_(person).revoke_token(other.id)
    here.as_(person).revoke_token(made.id)
    assert here.registry.admitted(made.token) is None


def test_a_service_token_is_made_by_an_admin_and_ends_at_once(here: House, tmp_path: Path) -> None:
    chief = here.as_("chief")
    made = chief.create_token("service", "ci", on=["own/*"])
    with pytest.raises(NameTaken):
        chief.create_token("service", "ci")
    for wrong in ({"kind": "other"}, {"days": 0}, {"days": 10**9}, {"role": "king"}, {"on": "own/*"}):
        with pytest.raises(InvalidParameter):
            chief.create_token(**{"kind": "service", "name": "x", **wrong})
    who = here.registry.admitted(made.token)
    assert who is not None
    assert who.kind is Kind.SERVICE
    with pytest.raises(TokenNotFound) as caught:
        chief.revoke_token(made.token[:-1])  # cut off: it is no id, and must not be said to anybody
    assert made.token[:-1] not in caught.value.message + str(caught.value.detail)
    assert chief.revoke_token(made.token, reason="left on a bus").id == made.id
    assert here.registry.admitted(made.token) is None
    kept = b"".join(path.read_bytes() for path in (tmp_path / "root").rglob("*") if path.is_file())
    assert made.token.encode() not in kept


def test_who_is_an_admin_no_more_when_the_lock_is_had_ends_no_token(
    here: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was given when the verb began, and is taken back while it waits for another change, is not done."""
    made, before = here.registry.create_token("service", "ci"), here.registry._identity.before_change

    class Held(RegistryJournal):
        def lock(self) -> AbstractContextManager[None]:
            return nullcontext()  # the verb has it: as if another had changed the rules just before

    def take_away() -> None:
        before()
        others = written(admins=["user:other"])
        set_document(Held(here.storage, 1.0), others, expected_seq=None, actor=None, reason=None)

    monkeypatch.setattr(here.registry._identity, "before_change", take_away)
    with pytest.raises(PermissionDenied):
        here.as_("chief").revoke_token(made.id)
    assert here.registry.admitted(made.token) is not None
