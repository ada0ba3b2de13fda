"""A registry in which everything has happened to some version, and what must be true of it wherever it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import ModelRegistry, NameTaken, RegistryError, VersionExists, VersionNotFound

from ...support.packages import write_files

TASK, MODEL = "celltype", "pbmc"


def fill(registry: ModelRegistry, root: Path, sources: Path) -> None:
    """Versions named for what befalls them; ``root`` is the registry's directory."""
    old = write_files(root / f"tasks/{TASK}/models/{MODEL}/versions/old", {"weights": b"w", "model_meta.json": b"{}"})
    digest = "50e721e49c013f00c62cf59f2163542a9d8df02464efeb615d31051b0fddc326"
    (old / "sha256sums.txt").write_text(f"{digest}  weights\n")
    names = ("kept", "archived", "deleted", "restored", "purged")
    for name in names:
        package = write_files(sources / name, {"weights": name.encode() * 1000, "deep/map": b"{}"})
        registry.register(TASK, MODEL, name, package, set_alias=None)
    registry.promote(TASK, MODEL, "production", "kept")
    registry.promote(TASK, MODEL, "gone", "kept")
    registry.unalias(TASK, MODEL, "gone")
    registry.adopt()
    registry.stage(TASK, MODEL, "archived", "archived", reason="recalled")
    registry.tag(TASK, MODEL, "kept", "tissue", "blood")
    registry.delete(TASK, MODEL, "purged", reason="wrong data")
    registry.purge(0)
    for name in ("deleted", "restored"):
        registry.delete(TASK, MODEL, name, reason="wrong data")
    registry.restore(TASK, MODEL, "restored")


def change_more(registry: ModelRegistry) -> None:
    """Some of it is turned round, for a second migration to follow."""
    registry.restore(TASK, MODEL, "deleted")
    registry.delete(TASK, MODEL, "restored", reason="again")
    registry.stage(TASK, MODEL, "archived", "none")
    registry.unalias(TASK, MODEL, "production")


def judge(registry: ModelRegistry, sources: Path, *, more: bool) -> None:
    """All that was done holds here. ``more``: after :func:`change_more`, too."""
    there, away = ("deleted", "restored") if more else ("restored", "deleted")
    assert [found for found in registry.check().findings if found.severity != "note"] == []
    assert registry.verify(TASK, f"{MODEL}@{there}").files_checked == 3
    assert registry.verify(TASK, f"{MODEL}@old").files_checked == 3
    assert bool(registry.resolve(TASK, f"{MODEL}@archived").warnings) is not more
    assert registry.show(TASK, f"{MODEL}@kept").tags == {"tissue": "blood"}
    aliases = [alias.alias for alias in registry.list_aliases(TASK, MODEL)]
    assert aliases == ([] if more else ["production"])
    for name in (away, "purged"):
        with pytest.raises(VersionNotFound):
            registry.resolve(TASK, f"{MODEL}@{name}")
        with pytest.raises(RegistryError) as refused:
            registry.register(TASK, MODEL, name, sources / "kept", set_alias=None)
        assert isinstance(refused.value, (VersionExists, NameTaken))
    with pytest.raises(VersionNotFound):
        registry.restore(TASK, MODEL, "purged")
