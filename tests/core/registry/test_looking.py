"""A glance at a version says what ``show`` says, of which aliases name it as the index has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from registry_core import CoreSettings, ModelRegistry, VersionNotFound

from ...support.packages import write_files


def test_a_glance_is_what_show_says(tmp_path: Path) -> None:
    settings = CoreSettings(root="memory://glance", catalog_dir=str(tmp_path / "catalogue"), catalog_refresh_s=0)
    registry = ModelRegistry.open(settings=settings)
    source = write_files(tmp_path / "source", {"model.pt": b"x"})
    for version in ("1", "2"):
        registry.register("t", "m", version, source, {"tags": {"organ": "blood"}})
    for alias in ("production", "b", "a"):
        registry.promote("t", "m", alias, "1")
    registry.patch("t", "m", "1", description="said", actor="a", reason="r")
    registry.stage("t", "m", "2", "archived", actor="a", reason="old")
    for ref in ("1", "2", "production", "latest"):
        shown = registry.show("t", f"m@{ref}")
        assert registry.glance("t", "m", ref) == replace(shown, package_dir=None)
    assert registry.glance("t", "m", "1").aliases == ["a", "b", "production"]
    registry.promote("t", "m", "latest", "1")
    registry.delete("t", "m", "2", actor="a", reason="r")
    with pytest.raises(VersionNotFound):
        registry.glance("t", "m", "2")
