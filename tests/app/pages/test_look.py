"""Light or dark is chosen by a form, kept by a cookie, and leads back to where one was."""

from __future__ import annotations

import pytest

from app.pages.look import here

from .visiting import Visitor


def test_a_chosen_theme_is_in_every_page(visit: Visitor) -> None:
    assert "data-theme" not in visit.get("/ui/").text
    answer = visit.post("/ui/theme", theme="dark", next="/ui/?q=blood")
    assert answer.headers["Location"] == "/ui/?q=blood"
    assert '<html lang="en" data-theme="dark">' in visit.get("/ui/").text
    visit.post("/ui/theme", theme="light", next="/ui/")
    assert '<html lang="en" data-theme="light">' in visit.get("/ui/").text
    visit.post("/ui/theme", theme="neither", next="/ui/")
    assert "data-theme" not in visit.get("/ui/").text


@pytest.mark.parametrize(
    "came",
    [
        None,
        "",
        "https://evil.example/ui/",
        "//evil.example/ui/",
        "/v1/models",
        "/ui/../v1",
        "/ui/\\evil",
        "/ui/\n",
        "ui/",
        "//[x",
        "//[",
    ],
)
def test_a_form_leads_nowhere_else(visit: Visitor, came: str | None) -> None:
    with visit.client.application.test_request_context():
        assert here(came) == "/ui/"
