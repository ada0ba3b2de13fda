"""A proof goes on by itself, and its page says how far it is and what came of it, whenever it is opened."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from app import create_app
from app.config import Settings
from registry_core import CoreSettings, ModelRegistry

from ...support.servers import wait_for
from .a_model import MODEL, PAGE, TASK, register
from .visiting import Page, Visitor

VERIFY = f"{PAGE}/versions/2.0.0/verify"


def ended(visit: Visitor, address: str) -> Page:
    """The page once it looks after nothing any more."""
    return wait_for(lambda: visit.get(address), lambda page: "data-poll=" not in page.text, "it goes on")


def test_a_proof_is_an_operation_with_an_address(visit: Visitor, registry: ModelRegistry, tmp_path: Path) -> None:
    register(registry, tmp_path)
    shown = visit.get(VERIFY)
    assert "Every byte is read" in shown.words
    address = visit.press(shown, "Verify now").headers["Location"]
    assert address.startswith(f"{VERIFY}?operation=")
    page = ended(visit, address)
    assert "Every byte is as it was registered. 3 files" in page.words
    assert visit.press(page, "Verify again").headers["Location"] != address
    assert "not kept any more" in visit.get(f"{VERIFY}?operation={uuid4().hex}").words


def test_what_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    registry = ModelRegistry.open(settings=CoreSettings(root=str(tmp_path / "root"), catalog_refresh_s=0))
    register(registry, tmp_path / "sources")
    visit = Visitor(create_app(Settings(threads=8), registry).test_client())
    package = Path(registry.resolve(TASK, f"{MODEL}@2.0.0").path)
    shutil.copy(package / "labels.json", package / "labels.json.new")
    page = ended(visit, visit.press(visit.get(VERIFY), "Verify now").headers["Location"])
    assert "labels.json.new extra" in page.words


def test_there_is_nothing_to_verify_where_no_version_is(
    visit: Visitor, registry: ModelRegistry, tmp_path: Path
) -> None:
    register(registry, tmp_path)
    visit.get(f"{PAGE}/versions/9/verify", 404)
    visit.post(f"{PAGE}/versions/9/verify", 404)


@pytest.mark.parametrize("ui", ["true", "readonly"])
def test_it_changes_nothing_so_pages_that_only_show_have_it(
    visiting: Callable[..., Visitor], registry: ModelRegistry, tmp_path: Path, ui: str
) -> None:
    register(registry, tmp_path)
    visit = visiting(ui=ui)
    ended(visit, visit.press(visit.get(VERIFY), "Verify now").headers["Location"])


def test_the_proof_of_one_version_is_not_shown_of_another(
    visit: Visitor, registry: ModelRegistry, tmp_path: Path
) -> None:
    register(registry, tmp_path)
    address = visit.press(visit.get(VERIFY), "Verify now").headers["Location"]
    ended(visit, address)
    asked = address.partition("?")[2]
    assert "Every byte is as it was" not in visit.get(f"{PAGE}/versions/1.0.0/verify?{asked}").words
    visit.get(f"{PAGE}/versions/9/verify?{asked}", 404)
    upload = visit.get(f"/ui/upload?task={TASK}&model={MODEL}&version=2.0.0&{asked}")
    assert "is registered" not in upload.words
