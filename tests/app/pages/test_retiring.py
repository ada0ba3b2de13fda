"""A version is archived, deleted and restored with a reason, after its page has said whom that concerns."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import ModelRegistry, VersionNotFound

from .a_model import MODEL, PAGE, TASK, register
from .signed_in import RULES, required, signed_in
from .visiting import Page, Visitor

OLD, NEW = f"{PAGE}/versions/1.0.0", f"{PAGE}/versions/2.0.0"


@pytest.fixture(autouse=True)
def model(registry: ModelRegistry, tmp_path: Path) -> None:
    register(registry, tmp_path)


def stage(registry: ModelRegistry, version: str) -> str:
    return registry.show(TASK, f"{MODEL}@{version}").stage


def names(registry: ModelRegistry) -> dict[str, str]:
    return {alias.alias: alias.version for alias in registry.list_aliases(TASK, MODEL)}


def test_a_version_is_archived_and_taken_out_again(visit: Visitor, registry: ModelRegistry) -> None:
    answer = visit.press(visit.get(f"{OLD}/archive"), "Archive 1.0.0", reason="mislabelled", who="grace")
    assert stage(registry, "1.0.0") == "archived"
    assert answer.headers["Location"] == f"{OLD}?done=4"
    page = visit.follow(answer)
    assert "Done. grace" in page.words
    (undo,) = {link for link in page.links if link.endswith("/unarchive")}
    shown = visit.get(undo)
    assert "1.0.0 is archived: mislabelled." in shown.words
    answer = visit.press(shown, "Take 1.0.0 out of the archive", reason="labelled anew")
    assert stage(registry, "1.0.0") == "none"
    assert [link for link in visit.follow(answer).links if link.endswith("/archive")]


@pytest.mark.parametrize("alias", ["production", "staging"])
def test_what_is_taken_out_of_the_archive_keeps_its_aliases(
    visit: Visitor, registry: ModelRegistry, alias: str
) -> None:
    registry.stage(TASK, MODEL, "1.0.0", "archived", reason="mislabelled")
    registry.promote(TASK, MODEL, alias, "1.0.0")
    before = names(registry)
    answer = visit.press(visit.get(f"{OLD}/unarchive"), "out of the archive", reason="it is right")
    assert names(registry) == before
    assert not registry.show(TASK, f"{MODEL}@1.0.0").warnings
    assert [link for link in visit.follow(answer).links if link.endswith("/archive")]


def test_who_is_given_an_archived_version_still_is_said_first(visit: Visitor, registry: ModelRegistry) -> None:
    registry.promote(TASK, MODEL, "production", "1.0.0", actor="lin", reason="best so far")
    page = visit.get(f"{OLD}/archive")
    assert page.words.index("What still names it production lin") < page.words.index("Why?")
    assert "best so far" in page.words


def test_a_version_is_deleted_by_typing_its_name_and_restored(visit: Visitor, registry: ModelRegistry) -> None:
    shown = visit.get(f"{OLD}/delete")
    page = Page(visit.press(shown, "Delete 1.0.0", 422, reason="wrong donors", typed_version="1.0.O").text)
    assert "The name that was typed is not that of the version." in page.words
    assert page.form("Delete 1.0.0").fields["reason"] == "wrong donors"
    assert page.form("Delete 1.0.0").fields["typed_version"] == "1.0.O"
    answer = visit.press(page, "Delete 1.0.0", typed_version="1.0.0", who="ada")
    with pytest.raises(VersionNotFound):
        registry.show(TASK, f"{MODEL}@1.0.0")
    assert answer.headers["Location"] == f"{PAGE}?done=4"
    (undo,) = {link for link in visit.follow(answer).links if link.endswith("/restore")}
    stone = visit.get(undo)
    assert "by ada Why wrong donors" in stone.words
    answer = visit.press(stone, "Restore 1.0.0", reason="they were right")
    assert registry.verify(TASK, f"{MODEL}@1.0.0").version == "1.0.0"
    assert [link for link in visit.follow(answer).links if link.endswith("/delete")]


def test_a_version_that_is_named_has_no_button_to_delete_it(visit: Visitor, registry: ModelRegistry) -> None:
    shown = visit.get(f"{NEW}/delete")
    assert "It cannot be deleted while an alias names it." in shown.words
    assert not [form for form in shown.forms if "reason" in form.fields]
    assert {link.partition("?")[0].rpartition("/")[2] for link in shown.links if "alias=latest" in link} == {
        "promote",
        "unalias",
    }


def test_an_alias_that_came_meanwhile_is_told(visit: Visitor, registry: ModelRegistry) -> None:
    shown = visit.get(f"{OLD}/delete")
    registry.promote(TASK, MODEL, "production", "1.0.0", actor="lin")
    answer = visit.press(shown, "Delete 1.0.0", 409, typed_version="1.0.0", reason="wrong")
    page = Page(answer.text)
    assert "named by production" in page.words
    assert registry.show(TASK, f"{MODEL}@1.0.0").stage == "production"


@pytest.mark.parametrize("verb", ["archive", "unarchive", "delete"])
def test_nothing_is_done_without_a_reason(visit: Visitor, registry: ModelRegistry, verb: str) -> None:
    answer = visit.post(f"{OLD}/{verb}", 422, reason=" ", typed_version="1.0.0", who="ada")
    assert "Say why" in Page(answer.text).words
    assert len(registry.history(TASK, MODEL).events) == 3


def test_what_is_not_deleted_or_gone_for_ever_has_no_button(visit: Visitor, registry: ModelRegistry) -> None:
    page = visit.get(f"{OLD}/restore")
    assert "It is not deleted." in page.words
    registry.delete(TASK, MODEL, "1.0.0", reason="x")
    registry.purge()
    page = visit.get(f"{OLD}/restore")
    assert not [form for form in page.forms if "reason" in form.fields] or "Restore 1.0.0" in page.words


def test_a_version_that_never_was_is_a_page_that_says_so(visit: Visitor) -> None:
    for verb in ("archive", "unarchive", "delete", "restore"):
        visit.get(f"{PAGE}/versions/9/{verb}", 404)


def test_whoever_may_move_no_alias_is_offered_none_of_it(registry: ModelRegistry) -> None:
    registry.promote(TASK, MODEL, "production", "1.0.0")
    required(registry)
    document = {**RULES, "rules": [{"who": ["token:reader"], "on": [f"{TASK}/*"], "role": "viewer"}]}
    registry.set_access_rules(document, actor="ops", reason="for readers")
    page = signed_in(registry, "reader").get(f"{OLD}/archive")
    assert "What still names it" in page.words
    assert not [link for link in page.links if "/promote" in link or "/unalias" in link]
