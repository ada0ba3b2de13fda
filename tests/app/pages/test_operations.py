"""The page of how the service is: what could go on now, what goes on, and what lies where."""

from __future__ import annotations

from pathlib import Path

from app import create_app
from app.config import Settings
from registry_core import CoreSettings, ModelRegistry

from ...support.packages import write_files
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


def test_sizes_are_told_to_admins_and_of_what_may_be_seen(registry: ModelRegistry, tmp_path: Path) -> None:
    fill(registry, tmp_path / "source", 3)
    required(registry)
    assert "task-0" in signed_in(registry, "ops").get("/ui/operations").words
    reader = signed_in(registry, "reader").get("/ui/operations")
    assert "task-0" not in reader.text
    assert "Free space" not in reader.words


def test_what_is_under_way_is_listed_and_kept_true(registry: ModelRegistry, visit: Visitor, tmp_path: Path) -> None:
    fill(registry, tmp_path / "source", 1)
    assert "Nothing is under way" in visit.get("/ui/operations").words
    asked = {"task": "task-0", "ref": "model-000@1.0"}
    operation, running = registry.begin_operation("verify", asked)
    assert running is not None
    session = registry.begin_upload("task-0", "model-000", [], more=True, actor="mei")
    page = visit.get("/ui/operations")
    for said in ("verify task-0/model-000 1.0", "running", "task-0/model-000", "mei", session.upload_id[:12]):
        assert said in page.words
    assert f"/v1/operations/{operation.operation_id}" in page.links
    assert f"/ui/upload?task=task-0&model=model-000&upload={session.upload_id}" in page.links
    assert 'data-poll="/ui/operations"' in page.text
    running.run(lambda _: 1 / 0, lambda _: {"code": "package_corrupt"})  # type: ignore[return-value, arg-type]
    page = visit.get("/ui/operations")
    assert "failed package_corrupt" in page.words
    assert "data-poll" not in page.text


def test_operations_and_uploads_of_others_are_shown_to_admins_alone(registry: ModelRegistry, tmp_path: Path) -> None:
    registry.register("celltype", "cells", "1.0", write_files(tmp_path / "source", {"model.pt": b"weights"}))
    required(registry)
    session = registry.begin_upload("celltype", "cells", [], more=True, actor="mei")
    assert session.upload_id[:12] in signed_in(registry, "ops").get("/ui/operations").words
    assert session.upload_id[:12] not in signed_in(registry, "ci").get("/ui/operations").words
    nobody = Visitor(create_app(Settings(threads=8), registry).test_client())
    assert session.upload_id[:12] not in nobody.get("/ui/operations").words
