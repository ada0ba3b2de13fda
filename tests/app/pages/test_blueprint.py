"""Whose forms count, what a browser may make of a page, and where the pages are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from app import create_app
from app.config import Settings
from app.pages.blueprint import POLICY, PagesBlueprint
from app.web.needs import check
from registry_core import ModelRegistry

from .visiting import BROWSER, Visitor

THEME = {"theme": "dark", "next": "/ui/"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:81"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_form_of_any_other_page_is_refused(visit: Visitor, headers: dict[str, str]) -> None:
    answer = visit.client.post("/ui/theme", data=THEME, headers=headers)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("headers", [{"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}])
def test_a_form_of_a_page_of_ours_counts(visit: Visitor, headers: dict[str, str]) -> None:
    answer = visit.client.post("/ui/theme", data=THEME, headers=headers)
    assert answer.status_code == 303


def test_a_page_that_came_without_tls_sends_no_form_to_what_has_it(visit: Visitor) -> None:
    for scheme, status in (("http", 403), ("https", 303)):
        headers = {"Origin": f"{scheme}://localhost"}
        answer = visit.client.post("/ui/theme", base_url="https://localhost", data=THEME, headers=headers)
        assert answer.status_code == status


def test_a_page_runs_nothing_but_the_script_of_the_service(visit: Visitor) -> None:
    answer = visit.client.get("/ui/", headers=BROWSER)
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("accept", "status"), [("text/html,*/*;q=0.8", 303), ("*/*", 404), ("application/json", 404), (None, 404)]
)
def test_whoever_prefers_a_page_is_led_to_the_home_page(visit: Visitor, accept: str | None, status: int) -> None:
    answer = visit.client.get("/", headers={} if accept is None else {"Accept": accept})
    assert answer.status_code == status
    assert answer.headers.get("Location") == ("/ui/" if status == 303 else None)


def test_pages_can_be_turned_off(visiting: Callable[..., Visitor]) -> None:
    visit = visiting(ui="false")
    assert visit.client.get("/ui/", headers=BROWSER).json["code"] == "no_such_path"  # type: ignore[index]
    assert visit.client.get("/", headers=BROWSER).status_code == 404


def test_a_page_that_does_not_say_what_it_needs_stops_the_start(registry: ModelRegistry) -> None:
    silent = PagesBlueprint("silent", __name__)
    silent.get("/silent")(lambda: "")
    app: Flask = create_app(Settings(threads=8), registry)
    app.register_blueprint(silent)
    with pytest.raises(LookupError, match="/silent"):
        check(app)


def test_whether_callers_are_asked_is_looked_up_once_for_a_page(
    visit: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    real = ModelRegistry.is_ruled.fget
    assert real is not None
    monkeypatch.setattr(ModelRegistry, "is_ruled", property(lambda registry: asked.append(real(registry)) or asked[-1]))
    visit.get("/ui/")
    assert asked == [False]
