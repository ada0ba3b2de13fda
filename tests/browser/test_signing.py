"""Where callers say who they are: a person signs in, makes a token, ends it, tries the rules, and signs out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_core import CoreSettings, ModelRegistry

from ..app.pages.signed_in import RULES
from ..support.servers import Server, gunicorn
from .seeing import FORMS, Eyes
from .test_every_page import AXE, NARROWEST, judged, node_packages

PAST = "/ui/access/history?proof=1"
TRIAL = "/ui/access?who=token:ci&action=promote&model=celltype/m&alias=latest"


@pytest.fixture
def ruled(tmp_path: Path) -> ModelRegistry:
    (tmp_path / "ruled").mkdir()
    found = ModelRegistry.open(settings=CoreSettings(root=str(tmp_path / "ruled")))
    found.set_access_rules(RULES, actor="the operator", reason="the first rules")
    return found


@pytest.fixture
def asking(ruled: ModelRegistry, tmp_path: Path) -> Iterator[Server]:
    with gunicorn(tmp_path / "ruled", workers=1) as server:
        yield server


def _sign_in(eyes: Eyes, service: Server, ruled: ModelRegistry) -> None:
    eyes.at = service.url
    eyes.go("/ui/tokens")
    eyes.press("Sign in", "main")
    eyes.type("#token", "omr_wrong")
    eyes.press("Sign in", ".sign")
    eyes.find("[role=alert]", "does not count")
    eyes.type("#token", ruled.create_token("service", "ops").token)
    eyes.press("Sign in", ".sign")
    eyes.reach("^/ui/tokens$")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_token_is_made_and_ended(
    eyes: Eyes, plain: Eyes, asking: Server, ruled: ModelRegistry, scripts: bool
) -> None:
    person = eyes if scripts else plain
    _sign_in(person, asking, ruled)
    person.type("#name", "two words")
    person.press("Make the token")
    person.find("[role=alert]", "No token was made")
    assert person.value("#name") == "two words"
    person.type("#name", "nightly")
    person.press("Make the token")
    text = person.find(".secret code").text
    assert ruled.admitted(text) is not None
    person.find("tr:last-child summary").click()
    person.type("tr:last-child input[name=reason]", "left in a train")
    person.press("Revoke nightly", "tr:last-child form")
    person.find("[role=status]", "counts no longer")
    assert ruled.admitted(text) is None
    person.press("ops", "header")
    person.press("Sign out", "header")
    person.find("h1", "Signed out")
    person.go("/ui/tokens")
    person.find("main", "Sign in")


def test_these_pages_are_for_everybody(eyes: Eyes, asking: Server, ruled: ModelRegistry) -> None:
    axe = (node_packages("axe", AXE) / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    _sign_in(eyes, asking, ruled)
    for path in ("/ui/", "/ui/tokens", "/ui/access", TRIAL, PAST, "/v1/auth/login"):
        for form in FORMS:
            eyes.show_as(form)
            eyes.go(path)
            assert judged(eyes, axe) == [], (path, form)
        eyes.show_as("phone", width=NARROWEST)
        assert eyes.run("return document.documentElement.scrollWidth") <= NARROWEST, path
        eyes.picture("signed-in-" + path.strip("/").replace("/", "-").partition("?")[0])
        eyes.show_as("light")
