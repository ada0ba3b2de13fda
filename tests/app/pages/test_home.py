"""The page of all models: what a row says, filters and orders that are addresses, and every state it can be in."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest

from app.pages.home import ROWS
from registry_core import CatalogState, IndexBuilding, ModelRegistry

from .filling import fill
from .signed_in import required, signed_in
from .visiting import Page, Visitor

MODELS = ROWS + 5


@pytest.fixture
def filled(registry: ModelRegistry, tmp_path: Path) -> ModelRegistry:
    fill(registry, tmp_path / "source", 5)
    return registry


def _names(page: Page) -> list[str]:
    """The models that the page shows, in its order."""
    return re.findall(r'class="name"[^>]*>([^<]+)<', page.text)


@pytest.mark.usefixtures("filled")
def test_a_row_says_what_is_in_production_since_when_by_whom_and_what_is_newest(visit: Visitor) -> None:
    page = visit.get("/ui/?q=model-003")
    assert _names(page) == ["model-003"]
    for said in ("task-0", "Number 3.", "1.0", "grace", "2.0", "0.8200", "accuracy", "1 model", "just now"):
        assert said in page.words
    assert "accuracy of the newest 2 versions: from 0.8100 to 0.8200" in page.text
    assert "not yet" in visit.get("/ui/?q=model-000").words


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("/ui/?task=task-1", {"model-001", "model-004"}),
        ("/ui/?alias=production", {"model-001", "model-002", "model-003", "model-004"}),
        ("/ui/?alias=!production", {"model-000"}),
        ("/ui/?tag=kind:k1", {"model-001", "model-003"}),
        ("/ui/?q=number%204", {"model-004"}),
        ("/ui/?q=number&task=task-0&tag=kind:k1&alias=production", {"model-003"}),
    ],
)
def test_filters_are_addresses(visit: Visitor, address: str, names: set[str]) -> None:
    page = visit.get(address)
    assert set(_names(page)) == names
    assert f"{len(names)} model" in page.words


@pytest.mark.usefixtures("filled")
def test_a_filter_keeps_the_others_and_can_be_taken_away(visit: Visitor) -> None:
    page = visit.get("/ui/?q=number&tag=kind:k1&sort=name")
    assert "/ui/?q=number&task=task-1&tag=kind:k1&sort=name" in page.links
    assert "/ui/?tag=kind:k1&sort=name" in page.links
    assert "/ui/?q=number&sort=name" in page.links
    fields = page.form("Sort").fields
    assert (fields["q"], fields["tag"]) == ("number", "kind:k1")


@pytest.mark.usefixtures("filled")
def test_a_page_says_how_a_program_asks_for_the_same(visit: Visitor) -> None:
    page = visit.get("/ui/?q=number+of&tag=kind:k1&alias=!production&sort=name")
    (address,) = [link for link in page.links if link.startswith("/v1/models/summary")]
    assert visit.client.get(address).json == []
    assert "omr models '--query=number of' --without-alias=production --tag=kind:k1 --sort=name" in page.words
    (address,) = [link for link in visit.get("/ui/?task=task-1").links if link.startswith("/v1/models/summary")]
    listed = visit.client.get(address).json
    assert {row["model_name"] for row in listed} == {"model-001", "model-004"}  # type: ignore[union-attr]


@pytest.mark.usefixtures("filled")
def test_orders(visit: Visitor) -> None:
    names = [f"model-{number:03}" for number in range(5)]
    assert _names(visit.get("/ui/?sort=-created_at")) == names[::-1]
    assert sorted(_names(visit.get("/ui/?sort=name"))) == names
    assert sorted(_names(visit.get("/ui/?sort=-bytes"))) == names
    visit.get("/ui/?sort=colour", 422)
    visit.get("/ui/?first=1e3", 422)
    visit.get("/ui/?cursor=x", 422)


def test_a_page_of_many_is_small_and_leads_to_the_others(
    registry: ModelRegistry, visit: Visitor, tmp_path: Path
) -> None:
    fill(registry, tmp_path / "source", MODELS, versions=1)
    page = visit.get("/ui/?sort=name")
    assert len(_names(page)) == ROWS
    assert f"1–{ROWS} of {MODELS}" in page.words
    assert page.nodes < 1500
    assert page.sent_bytes < 20_000
    (following,) = [link for link in page.links if "cursor=" in link]
    rest = visit.get(unescape(following))
    assert sorted(_names(page) + _names(rest)) == [f"model-{number:03}" for number in range(MODELS)]
    assert f"{ROWS + 1}–{MODELS} of {MODELS}" in rest.words


def test_an_empty_registry_says_how_to_register_the_first(visit: Visitor) -> None:
    words = visit.get("/ui/").words
    for said in ("There is no model yet", "omr --url http://localhost push", "RegistryClient("):
        assert said in words


@pytest.mark.usefixtures("filled")
def test_where_nothing_matches_the_page_says_so_and_leads_back(visit: Visitor) -> None:
    page = visit.get("/ui/?q=zebra")
    assert "No model matches" in page.words
    assert "/ui/" in page.links


def test_a_page_while_the_index_is_built_says_how_far_it_is_and_looks_again(
    registry: ModelRegistry, visit: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def building(*_: object, **__: object) -> None:
        raise IndexBuilding("The catalogue is being built.", retry_after_s=5)

    monkeypatch.setattr(registry, "list_summaries", building)
    monkeypatch.setattr(ModelRegistry, "catalog_state", property(lambda _: CatalogState(False, 12, 4000)))
    answer = visit.client.get("/ui/", headers={"Accept": "text/html"})
    assert answer.headers["Retry-After"] == "5"
    page = visit.get("/ui/", 503)
    assert "12 of 4,000 models" in page.words
    assert 'http-equiv="refresh" content="5"' in page.text


def test_whoever_may_see_some_models_sees_and_counts_those(
    registry: ModelRegistry, visit: Visitor, tmp_path: Path
) -> None:
    fill(registry, tmp_path / "source", 3)
    registry.register("celltype", "model-of-cells", "1.0", tmp_path / "source")
    required(registry)
    page = signed_in(registry, "reader").get("/ui/")
    assert _names(page) == ["model-of-cells"]
    assert "1 model · 1 version" in page.words
    assert "task-0" not in page.text
    nobody = visit.get("/ui/")
    assert "Sign in to see" in nobody.words
    assert "/v1/auth/login?next=/ui/" in nobody.links


def test_hostile_words_stay_words(registry: ModelRegistry, visit: Visitor, tmp_path: Path) -> None:
    fill(registry, tmp_path / "source", 1)
    evil = '"><script>alert(1)</script>'
    registry.patch("task-0", "model-000", "2.0", description=evil, tags={evil[:20]: evil})
    for address in ("/ui/", f"/ui/?q={quote(evil)}", f"/ui/?task={quote(evil)}", f"/ui/?tag={quote('a:' + evil)}"):
        assert "<script>alert" not in visit.get(address).text


@pytest.mark.parametrize("ui", ["true", "readonly"])
def test_pages_that_only_show_offer_no_way_to_register(visiting: Callable[..., Visitor], ui: str) -> None:
    page = visiting(ui=ui).get("/ui/")
    assert len([link for link in page.links if link.startswith("/ui/upload")]) == (1 if ui == "true" else 0)


@pytest.mark.parametrize(("who", "registers"), [("reader", False), ("ci", True), ("ops", True)])
def test_whoever_may_register_a_version_of_what_is_shown_has_a_button_for_it(
    registry: ModelRegistry, tmp_path: Path, who: str, registers: bool
) -> None:
    fill(registry, tmp_path / "source", 1)
    registry.register("celltype", "cells", "1.0", tmp_path / "source")
    required(registry)
    assert ("/ui/upload" in signed_in(registry, who).get("/ui/").links) == registers
