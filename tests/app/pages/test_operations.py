"""The page of how the service is: what could go on now, what goes on, and what lies where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from registry_core import ModelRegistry

from .filling import fill
from .signed_in import required, signed_in
from .visiting import Visitor


def test_what_lies_where(registry: ModelRegistry, visit: Visitor, tmp_path: Path) -> None:
    fill(registry, tmp_path / "source", 4)
    page = visit.get("/ui/operations")
    for said in ("ready", "built", "in 3 tasks", "task-0 2 4", "task-1 1 2"):
        assert said in page.words
    assert "/ui/?task=task-1" in page.links


def test_a_service_that_can_take_nothing_says_why(tmp_path: Path, registry: ModelRegistry) -> None:
    from app import create_app
    from app.config import Settings
    from registry_core import CoreSettings

    (tmp_path / "root").mkdir()
    there = ModelRegistry.open(settings=CoreSettings(root=str(tmp_path / "root")))
    settings = Settings(threads=8, min_free_bytes=1 << 60)
    words = Visitor(create_app(settings, there).test_client()).get("/ui/operations").words
    assert "Nothing can be registered now" in words
    assert "are the minimum" in words
    required(there)
    shown = Visitor(create_app(settings, there).test_client()).get("/ui/operations").words
    assert "Nothing can be registered now" in shown
    assert "are the minimum" not in shown


def test_sizes_are_told_to_admins_and_of_what_may_be_seen(
    registry: ModelRegistry, visiting: Callable[..., Visitor], tmp_path: Path
) -> None:
    fill(registry, tmp_path / "source", 3)
    required(registry)
    assert "task-0" in signed_in(registry, "ops").get("/ui/operations").words
    reader = signed_in(registry, "reader").get("/ui/operations")
    assert "task-0" not in reader.text
    assert "Free space" not in reader.words
