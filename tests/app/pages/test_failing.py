"""A problem is a page for whoever reads pages, with the same status, and says what to do."""

from __future__ import annotations

from .visiting import BROWSER, Visitor


def test_what_is_not_there_is_a_page(visit: Visitor) -> None:
    page = visit.get("/ui/nowhere", 404)
    assert "no_such_path" in page.words
    assert "/ui/" in page.links


def test_a_program_is_answered_as_everywhere(visit: Visitor) -> None:
    answer = visit.client.get("/ui/nowhere", headers={"Accept": "application/json"})
    assert (answer.json or {})["code"] == "no_such_path"


def test_what_was_asked_for_runs_nothing(visit: Visitor) -> None:
    answer = visit.client.get("/ui/%3Cscript%3Ealert(1)%3C/script%3E?q=%22%3E%3Cscript%3E", headers=BROWSER)
    assert answer.status_code == 404
    assert "<script>" not in answer.text
