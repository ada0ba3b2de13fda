"""The page of one model: what is in production, why and what it replaced, what else there is, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import ModelRegistry

from ...support.packages import write_files
from .a_model import MODEL, PAGE, TASK, register
from .hostile import SCRIPTS
from .test_history import MOST_BYTES, MOST_NODES
from .visiting import BROWSER, Page, Visitor


@pytest.fixture
def model(registry: ModelRegistry, tmp_path: Path) -> ModelRegistry:
    """Three versions; production named the first, and names the second."""
    register(registry, tmp_path)
    registry.promote(TASK, MODEL, "production", "1.0.0", actor="ada", reason="the first")
    registry.promote(TASK, MODEL, "production", "1.1.0", actor="grace", reason="better on donors, RB-228")
    return registry


def test_it_says_who_put_the_present_version_there_and_why_and_what_it_replaced(
    model: ModelRegistry, visit: Visitor
) -> None:
    page = visit.get(PAGE)
    assert "production 1.1.0 grace , just now , in place of 1.0.0 better on donors, RB-228" in page.words
    assert "RB-228 Roll back to 1.0.0 Promote 2.0.0…" in page.words
    assert "latest 2.0.0 Follows each registration" in page.words
    assert "grace moved production from 1.0.0 to 1.1.0 better on donors, RB-228" in page.words
    assert f"{PAGE}/rollback?alias=production" in page.links
    assert f"{PAGE}/promote?alias=production&version=2.0.0" in page.links


def test_versions_are_set_against_what_is_in_production(model: ModelRegistry, visit: Visitor) -> None:
    page = visit.get(PAGE)
    assert "Version Registered auprc cells val_loss vs production Size" in page.words
    assert "2.0.0 latest just now trainer 0.8400 900 0.2500 −0.0200" in page.words
    assert "1.1.0 production just now trainer 0.8600 900 0.3100" in page.words
    other = visit.get(f"{PAGE}?metric=val_loss")
    assert "Registered val_loss auprc cells vs production" in other.words
    assert "2.0.0 latest just now trainer 0.2500 0.8400 900 −0.0600" in other.words


def test_the_curve_says_in_a_sentence_what_it_shows(model: ModelRegistry, visit: Visitor) -> None:
    said = "auprc of 3 versions: 0.8500 in 1.0.0, 0.8400 in 2.0.0; lowest 0.8400 in 2.0.0, highest 0.8600 in 1.1.0."
    page = visit.get(PAGE)
    assert f'aria-label="{said} In production: 0.8600."' in page.text
    assert "production 0.8600" in page.words
    assert "in production was in production other" in page.words
    assert f"{PAGE}?metric=cells#metric" in page.links


def test_a_metric_that_no_version_has_is_told(model: ModelRegistry, visit: Visitor) -> None:
    assert "No version has the metric <b>." in visit.get(f"{PAGE}?metric=<b>").words


def test_a_version_that_is_new_is_there_to_be_promoted_and_one_that_is_in_production_is_not(
    model: ModelRegistry, visit: Visitor
) -> None:
    model.promote(TASK, MODEL, "production", "2.0.0", actor="grace", reason="best")
    page = visit.get(PAGE)
    assert "Promote" not in page.words
    assert page.text.count("primary") == 1, "registering is what is left to do"
    assert "Roll back to 1.1.0" in page.words
    model.rollback(TASK, MODEL, "production", actor="sre", reason="INC-1")
    page = visit.get(PAGE)
    assert "Roll back… Promote 2.0.0…" in page.words, "what a rollback of a rollback leads to says its own page"
    assert page.text.count("primary") == 1


def test_without_production_it_says_what_that_means(registry: ModelRegistry, visit: Visitor, tmp_path: Path) -> None:
    register(registry, tmp_path)
    page = visit.get(PAGE)
    assert f"production names no version yet Whoever asks for {MODEL}@production gets an error" in page.words
    assert "Promote 2.0.0…" in page.words
    assert "vs production" not in page.words
    assert "pull variants splice_effect@latest" in page.words


def test_without_metrics_it_says_where_they_come_from(registry: ModelRegistry, visit: Visitor, tmp_path: Path) -> None:
    registry.register(TASK, MODEL, "1", write_files(tmp_path / "source", {"w": b"w"}), set_alias=None)
    page = visit.get(PAGE)
    assert "No version says what it has achieved." in page.words
    assert "metadata={'metrics': {'accuracy': 0.95}}" in page.words
    assert "What each alias named" not in page.words


def test_what_was_deleted_is_told_and_can_come_back(model: ModelRegistry, visit: Visitor) -> None:
    model.promote(TASK, MODEL, "latest", "1.1.0")
    model.delete(TASK, MODEL, "2.0.0", actor="ada", reason="consent withdrawn")
    model.delete(TASK, MODEL, "1.0.0", actor="ada", reason="old")
    model.restore(TASK, MODEL, "1.0.0", actor="ada")
    page = visit.get(PAGE)
    assert "1 deleted ada deleted 2.0.0 consent withdrawn Restore…" in page.words
    assert f"{PAGE}/versions/2.0.0/restore" in page.links
    assert f"{PAGE}/versions/1.0.0/restore" not in page.links


def test_a_model_whose_versions_are_gone_is_there(registry: ModelRegistry, visit: Visitor, tmp_path: Path) -> None:
    source = write_files(tmp_path / "source", {"w": b"w"})
    registry.register(TASK, MODEL, "1", source, {"metrics": {"a": 1}}, set_alias=None)
    registry.delete(TASK, MODEL, "1", actor="ada", reason="wrong")
    page = visit.get(PAGE)
    assert "0 versions" in page.words
    assert "There is no version of this model. Register a version 1 deleted" in page.words
    assert "Get it" not in page.words


def test_what_is_archived_is_marked(model: ModelRegistry, visit: Visitor) -> None:
    model.stage(TASK, MODEL, "1.0.0", "archived", actor="ada", reason="superseded")
    page = visit.get(PAGE)
    assert "1.0.0 archived just now" in page.words
    assert "ada archived 1.0.0 superseded" in page.words


def test_a_page_shows_25_versions_and_leads_to_the_others(
    registry: ModelRegistry, visit: Visitor, tmp_path: Path
) -> None:
    source = write_files(tmp_path / "source", {"w": b"w"})
    for number in range(30):
        registry.register(TASK, MODEL, f"v{number:02}", source, {"metrics": {"a": number}}, set_alias=None)
    page = visit.get(PAGE)
    assert "25 of 30 Next" in page.words
    (following,) = [link for link in page.links if "cursor=" in link]
    rest = visit.get(following)
    assert "To the beginning 5 of 30" in rest.words
    assert "v04" in rest.words
    assert "v05 just now" not in rest.words
    assert "The cursor" in visit.get(f"{PAGE}?cursor=nothing", 422).words


def test_of_many_aliases_some_have_cards_and_the_others_are_named(model: ModelRegistry, visit: Visitor) -> None:
    for number in range(20):
        model.promote(TASK, MODEL, f"site-{number}", "1.0.0")
    page = visit.get(PAGE)
    assert "16 more aliases" in page.words
    assert page.nodes < MOST_NODES


@pytest.mark.parametrize("alias", ["hidden", "wide", "empty", "card"])
def test_an_alias_with_the_name_of_a_style_is_an_alias_like_others(
    model: ModelRegistry, visit: Visitor, alias: str
) -> None:
    model.promote(TASK, MODEL, alias, "1.0.0", actor="ada")
    for path in (PAGE, f"{PAGE}/history"):
        page = visit.get(path)
        assert f"ada moved {alias} to 1.0.0" in page.words
        assert f"promote {alias}" not in page.text


def test_the_metric_that_is_shown_is_among_those_to_choose(
    registry: ModelRegistry, visit: Visitor, tmp_path: Path
) -> None:
    register(registry, tmp_path, **{"1": {f"k{n:02}": n for n in range(30)}})
    page = visit.get(f"{PAGE}?metric=k20")
    assert '" aria-current="true">k20</a>' in page.text
    assert "Metric over versions k20 k00 k01 k02 k03 k04 24 more" in page.words


def test_what_is_copied_is_safe_to_paste_and_right_below_a_prefix(model: ModelRegistry, visit: Visitor) -> None:
    text = visit.client.get(PAGE, headers={**BROWSER, "Host": "models.example"}).text
    page = Page(text)
    ref = f"{MODEL}@production"
    assert f"omr --url http://models.example pull {TASK} {ref} ./{MODEL}" in page.words
    assert f"RegistryClient('http://models.example').pull('{TASK}', '{ref}', './{MODEL}')" in page.words
    assert f"HF_ENDPOINT=http://models.example/hf hf download {TASK}/{MODEL} --revision production" in page.words
    assert f"curl -fsS http://models.example/v1/archive/{TASK}/{MODEL}/production | tar -x" in page.words
    below = visit.client.get(PAGE, headers=BROWSER, environ_overrides={"SCRIPT_NAME": "/registry"}).text
    assert "pull" in Page(below).words
    assert "http://localhost/registry/v1/archive/" in below


def test_a_model_that_is_not_there_is_a_page_that_says_so(model: ModelRegistry, visit: Visitor) -> None:
    assert "There is no model variants/gone." in visit.get("/ui/models/variants/gone", 404).words


def test_pages_that_only_show_have_no_button_that_changes(
    model: ModelRegistry, visiting: Callable[..., Visitor]
) -> None:
    page = visiting(ui="readonly").get(PAGE)
    for word in ("Promote", "Roll back", "Register a version", "Restore"):
        assert word not in page.words


@pytest.mark.parametrize("text", SCRIPTS[:12])
def test_hostile_reasons_and_descriptions_are_text(
    registry: ModelRegistry, visit: Visitor, tmp_path: Path, text: str
) -> None:
    source = write_files(tmp_path / "source", {"w": b"w"})
    metadata = {"metrics": {text[:200]: 1.0}, "description": text}
    registry.register(TASK, MODEL, "1", source, metadata, actor=text, reason=text)
    registry.promote(TASK, MODEL, "production", "1", actor=text, reason=text)
    assert " ".join(text.split()) in visit.get(PAGE).words


def test_with_many_versions_events_and_aliases_it_has_few_nodes_and_bytes(
    registry: ModelRegistry, visit: Visitor, tmp_path: Path
) -> None:
    source = write_files(tmp_path / "source", {"w": b"w"})
    for number in range(300):
        metrics = {f"metric-{key}": number / (key + 7) for key in range(12)}
        more = {"actor": f"person-{number % 9}", "reason": f"reviewed in RB-{number}, calibration checked on donors"}
        registry.register(TASK, MODEL, f"1.{number}.0", source, {"metrics": metrics}, **more)
        alias = ("production", "staging", f"site-{number % 10}")[number % 3]
        registry.promote(TASK, MODEL, alias, f"1.{number}.0", **more)
    page = visit.get(PAGE)
    assert "25 of 300" in page.words
    assert page.nodes <= MOST_NODES
    assert page.sent_bytes <= MOST_BYTES
