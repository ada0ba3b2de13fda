"""Whoever has signed in sends, registers, promotes and proves as himself; when the session ends, nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import ModelRegistry

from ..app.pages.a_model import MODEL, PAGE, TASK
from ..support.servers import Server, wait_until
from .seeing import Eyes
from .test_upload import UPLOAD, choose, folder, registered, rows

RULES = {
    "schema": "omr-access/1",
    "protected_aliases": ["production"],
    "rules": [{"who": ["token:approver"], "on": ["*/*"], "role": "approver"}],
    "admins": [],
    "blocked": [],
}


@pytest.fixture
def person(service: Server, registry: ModelRegistry, eyes: Eyes) -> Eyes:
    """An approver, who has signed in."""
    registry.set_access_rules(RULES, expected_seq=0)
    token = registry.create_token("service", "approver").token
    eyes.go("/v1/auth/login?next=/ui/upload")
    eyes.type("[name=token]", token)
    eyes.press("Sign in", ".sign")
    eyes.reach("^/ui/upload")
    return eyes


def test_everything_is_done_by_whoever_has_signed_in(person: Eyes, registry: ModelRegistry, tmp_path: Path) -> None:
    source = folder(tmp_path)
    person.go(f"{UPLOAD}&version=3.0.0")
    assert not person.has("[name=who]")
    choose(person, source)
    person.press("Send and register")
    registered(person, registry, source, "3.0.0")
    person.press("Promote it")
    person.type("[name=reason]", "better")
    person.press("Move production from 1.0.0 to 3.0.0")
    person.reach("done=6")
    person.press("Take it back")
    person.type("dialog[open] [name=reason]", "no")
    person.press("Roll production back")
    person.reach("done=7")
    assert {event.actor for event in registry.history(TASK, MODEL, after=4).events} == {"approver"}
    person.go(f"{PAGE}/versions/3.0.0/verify")
    person.press("Verify now")
    person.find(".band.good", "Every byte is as it was registered.")


def test_a_session_that_ends_meanwhile_keeps_the_files(person: Eyes, registry: ModelRegistry, tmp_path: Path) -> None:
    source = folder(tmp_path)
    person.go(f"{UPLOAD}&version=3.0.0")
    choose(person, source)
    cookie = person.browser.get_cookie("registry_session")
    person.browser.delete_all_cookies()
    person.press("Send and register")
    person.find("[data-status].bad", "say who they are")
    assert set(rows(person).values()) == {"chosen"}
    person.browser.add_cookie({name: cookie[name] for name in ("name", "value", "path", "httpOnly", "sameSite")})
    person.press("Send and register")
    registered(person, registry, source, "3.0.0")
    wait_until(lambda: registry.show(TASK, f"{MODEL}@latest").version == "3.0.0", "latest does not name it")
