"""Aliases are moved knowingly: against what the page had shown, with a reason, and with a way back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app import create_app
from app.config import Settings
from app.pages.blueprint import PREFIX
from registry_core import CoreSettings, ModelRegistry

from ...support.old_registry import OldRegistry
from .a_model import MODEL, MOVE, PAGE, TASK, production, promoted, register
from .visiting import OURS, Page, Visitor


@pytest.fixture(autouse=True)
def model(registry: ModelRegistry, tmp_path: Path) -> None:
    promoted(registry, tmp_path)


def events(registry: ModelRegistry) -> int:
    return registry.history(TASK, MODEL).events[-1].seq


def test_the_page_says_what_would_change(visit: Visitor) -> None:
    page = visit.get(f"{PAGE}/promote")  # production and the newest, unless the address says something else
    assert page.form(MOVE).fields["version"] == "2.0.0"
    assert "Worse: auprc." in page.words
    assert "cells 700 900 +200" in page.words  # a count: neither is better
    assert "val_loss ↓ better 0.3000 0.2500 better −0.0500" in page.words
    assert "Files: 1 of 3 differ" in page.words or "Files: 1 of 2 differ" in page.words


def test_who_it_was_is_kept_for_the_browser_alone(visit: Visitor) -> None:
    answer = visit.press(visit.get(f"{PAGE}/promote"), MOVE, reason="x", who="Ádám; Path=/")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("registry_who=%C3%81d%C3%A1m%3B%20Path%3D%2F;")
    assert "SameSite=Strict" in cookie
    assert "HttpOnly" in cookie


def test_what_moved_meanwhile_is_told_and_a_second_click_is_a_knowing_one(
    visit: Visitor, registry: ModelRegistry
) -> None:
    shown = visit.get(f"{PAGE}/promote")
    registry.promote(TASK, MODEL, "production", "1.1.0", actor="lin", reason="I was faster")
    answer = visit.press(shown, MOVE, 409, reason="better <b>", who="ada")
    now = production(registry)
    assert now is not None
    assert now.version == "1.1.0"
    page = Page(answer.text)
    assert "Nothing was changed. lin moved production while you looked: it names 1.1.0 now, not 1.0.0" in page.words
    assert "( just now : “I was faster”" in page.words
    assert "event 5" in page.words
    assert "auprc 0.8600 better 0.8400" in page.words  # the difference is to what it names now
    form = page.form("Move production from 1.1.0 to 2.0.0")
    assert (form.fields["reason"], form.fields["who"]) == ("better <b>", "ada")
    visit.press(page, "Move production")
    now = production(registry)
    assert now is not None
    assert now.version == "2.0.0"


def test_away_and_back_is_no_more_what_was_shown(visit: Visitor, registry: ModelRegistry) -> None:
    shown = visit.get(f"{PAGE}/promote")
    registry.promote(TASK, MODEL, "production", "1.1.0")
    registry.promote(TASK, MODEL, "production", "1.0.0", reason="no")
    page = Page(visit.press(shown, MOVE, 409, reason="x").text)
    assert "Somebody moved production while you looked, and back: it names 1.0.0 again" in page.words
    visit.press(page, MOVE)


def test_the_same_form_sent_twice_is_one_event(visit: Visitor, registry: ModelRegistry) -> None:
    shown = visit.get(f"{PAGE}/promote")
    visit.press(shown, MOVE, reason="x", who="ada")
    page = Page(visit.press(shown, MOVE, 409, reason="x", who="ada").text)
    assert "Nothing was changed, and nothing is left to do. ada was faster" in page.words
    assert all(form.method != "post" or "reason" not in form.fields for form in page.forms)
    assert events(registry) == 5


def test_of_many_at_the_same_moment_one_changes_it_and_all_others_are_told(
    visiting: Callable[..., Visitor], registry: ModelRegistry
) -> None:
    """Each has read the same page, half of them for another version; none overwrites what another did."""
    visit = visiting()
    forms = [visit.get(f"{PAGE}/promote?version={version}").form("Move production") for version in ("1.1.0", "2.0.0")]

    clients = [visiting().client for _ in range(8)]  # made one after the other: Python 3.11 parses in one thread only

    def send(place: int) -> tuple[int, str]:
        form = forms[place % 2]
        fields = {**form.fields, "reason": f"as {place} sees it", "who": f"reviewer {place}"}
        answer = clients[place].post(form.action, data=fields, headers=OURS)
        return answer.status_code, Page(answer.text).words

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    now = production(registry)
    assert now is not None
    assert (now.seq, events(registry)) == (5, 5)
    assert sorted(status for status, _ in answers) == [303, *[409] * 7]
    assert all("Nothing was changed" in words and str(now.actor) in words for status, words in answers if status == 409)


def test_a_removed_alias_is_not_made_again_unseen(visit: Visitor, registry: ModelRegistry) -> None:
    shown = visit.get(f"{PAGE}/promote")
    registry.unalias(TASK, MODEL, "production", actor="lin", reason="it harms")
    page = Page(visit.press(shown, MOVE, 409, reason="x").text)
    assert "lin removed production while you looked: it named 1.0.0" in page.words
    assert "“it harms”" in page.words
    visit.press(page, "Let production name 2.0.0")


def test_a_new_alias_is_made_unless_somebody_made_it_first(visit: Visitor, registry: ModelRegistry) -> None:
    shown = visit.get(f"{PAGE}/promote?alias=staging&version=1.1.0")
    registry.promote(TASK, MODEL, "staging", "1.0.0", actor="lin")
    page = Page(visit.press(shown, "Let staging name 1.1.0", 409, reason="x").text)
    assert "lin made staging while you looked: it names 1.0.0 now" in page.words


@pytest.mark.parametrize(
    "fields",
    [
        {"expected_version": "1.0.0"},
        {"expected_seq": "4"},
        {"expected_version": "1.0.0", "expected_seq": "four"},
        {},
    ],
)
def test_a_form_that_does_not_say_what_it_saw_changes_nothing(
    visit: Visitor, registry: ModelRegistry, fields: dict[str, str]
) -> None:
    answer = visit.post(f"{PAGE}/promote", 422, alias="production", version="2.0.0", reason="x", **fields)
    assert "Nothing was changed." in Page(answer.text).words
    assert events(registry) == 4


@pytest.mark.parametrize("reason", ["", "  \r\n "])
@pytest.mark.parametrize(
    ("path", "button"),
    [
        ("promote", "Move production"),
        ("rollback?to=1.0.0&alias=latest", "Roll latest"),
        ("unalias", "Remove production"),
    ],
)
def test_nothing_is_moved_without_a_reason(
    visit: Visitor, registry: ModelRegistry, path: str, button: str, reason: str
) -> None:
    answer = visit.press(visit.get(f"{PAGE}/{path}"), button, 422, reason=reason, who="ada")
    page = Page(answer.text)
    assert "Say why" in page.words
    assert page.form(button).fields["who"] == "ada"
    assert events(registry) == 4


def test_what_the_registry_refuses_keeps_the_words(visit: Visitor, registry: ModelRegistry) -> None:
    shown = visit.get(f"{PAGE}/promote")
    answer = visit.press(shown, MOVE, 422, reason="y" * 5000)
    page = Page(answer.text)
    assert "reason has 5000 characters" in page.words
    assert page.form(MOVE).fields["reason"] == "y" * 5000
    assert events(registry) == 4


def test_a_rollback_names_its_target(visit: Visitor, registry: ModelRegistry) -> None:
    registry.promote(TASK, MODEL, "production", "2.0.0")
    shown = visit.get(f"{PAGE}/rollback")
    assert shown.form("Roll production back from 2.0.0 to 1.0.0").fields["version"] == "1.0.0"
    registry.promote(TASK, MODEL, "production", "1.1.0", actor="lin")
    page = Page(visit.press(shown, "Roll production back", 409, reason="x").text)
    visit.press(page, "Roll production back from 1.1.0 to 1.0.0")  # where it was to go, whatever came between
    now = production(registry)
    assert now is not None
    assert now.version == "1.0.0"


def test_what_is_so_already_has_no_button(visit: Visitor) -> None:
    page = visit.get(f"{PAGE}/promote?version=1.0.0")
    assert "It names this version already." in page.words
    assert not [form for form in page.forms if "reason" in form.fields]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("promote?version=9.9", "No such version"),
        ("unalias?alias=nobody", "has no alias 'nobody'"),
        ("rollback?alias=nobody", "has no alias 'nobody'"),
        ("rollback", "nothing to go back to"),
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(visit: Visitor, path: str, says: str) -> None:
    assert says in visit.get(f"{PAGE}/{path}", 404).words


def test_pages_that_only_show_change_nothing(visiting: Callable[..., Visitor], registry: ModelRegistry) -> None:
    visit = visiting(ui="readonly")
    page = visit.get(f"{PAGE}/promote")
    assert "You may look at this, and not do it." in page.words
    assert not [form for form in page.forms if "reason" in form.fields]
    fields = {"alias": "production", "version": "2.0.0", "expected_version": "1.0.0", "expected_seq": "4"}
    visit.post(f"{PAGE}/promote", 403, reason="x", **fields)
    assert events(registry) == 4


def test_the_page_is_below_its_prefix() -> None:
    assert PAGE.startswith(PREFIX)


def test_of_thousands_of_files_that_differ_a_hundred_are_shown(
    visit: Visitor, registry: ModelRegistry, tmp_path: Path
) -> None:
    for version in ("3.0.0", "3.0.1"):
        source = tmp_path / version
        source.mkdir()
        for number in range(1200):
            (source / f"{number}.txt").write_text(f"{version} {number}")
        registry.register(TASK, MODEL, version, str(source), {}, set_alias="many")
    page = visit.get(f"{PAGE}/promote?alias=many&version=3.0.0")
    assert "and 1100 more" in page.words
    assert page.nodes < 1500


def test_of_thousands_of_metrics_a_hundred_are_shown(visit: Visitor, registry: ModelRegistry, tmp_path: Path) -> None:
    many = {f"f1/{number}": 0.9 for number in range(2000)}
    register(registry, tmp_path / "more", **{"3.0.0": many, "3.0.1": dict.fromkeys(many, 0.8)})
    page = visit.get(f"{PAGE}/promote?alias=latest&version=3.0.0")
    assert "and 1900 more" in page.words
    worse = visit.get(f"{PAGE}/promote?version=1.1.0")
    assert worse.nodes < 1500
    registry.promote(TASK, MODEL, "production", "3.0.0")
    assert "and 1980 more." in visit.get(f"{PAGE}/promote?version=3.0.1").words


def test_an_alias_of_older_software_is_moved_and_guarded_all_the_same(tmp_path: Path) -> None:
    old = OldRegistry(tmp_path / "root")
    old.model("old", "m").version("1", alias="production").version("2", alias=None).version("3", alias=None)
    registry = ModelRegistry.open(settings=CoreSettings(root=str(tmp_path / "root"), catalog_refresh_s=0))
    visit = Visitor(create_app(Settings(threads=8), registry).test_client())
    forms = [visit.get(f"/ui/models/old/m/promote?version={version}") for version in ("2", "3")]
    assert forms[0].form("Move production").fields["expected_seq"] == ""
    visit.press(forms[0], "Move production from 1 to 2", reason="newer")
    page = Page(visit.press(forms[1], "Move production from 1 to 3", 409, reason="newest").text)
    assert "it names 2 now, not 1" in page.words
