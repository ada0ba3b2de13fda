"""What files are is what the last event says, and reading them again is one event more; on each storage alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import CoreSettings, InvalidParameter, ModelRegistry, PackageCorrupt, VersionNotFound
from registry_core.packages.facts.of_package import EXTRACTOR
from registry_core.storage import Storage

from ...support.old_registry import OldRegistry
from ...support.packages import open_registry, write_files
from ..packages.facts.crafted import HONEST, SYSTEM
from .test_looking import storage as storage

FILES = {"model.pkl": SYSTEM, "README.md": b"a model", "labels.pkl": HONEST["numbers"]}
FORMATS = {"pickle": 2, "text": 1}


@pytest.fixture
def registry(storage: Storage, tmp_path: Path) -> ModelRegistry:
    registry = ModelRegistry.open("memory://", storage=storage, settings=CoreSettings(workers=2))
    registry.register("t", "m", "1", write_files(tmp_path / "source", FILES), actor="ada")
    return registry


def test_what_the_register_event_says(registry: ModelRegistry) -> None:
    found = registry.facts("t", "m@latest")
    assert (found.version, found.load, found.formats, found.seq) == ("1", "code", FORMATS, 1)
    assert (found.extractor, found.files, found.warnings) == (EXTRACTOR, None, [])
    assert [one["path"] for one in found.because] == ["model.pkl"]
    assert found.ts_utc == registry.history("t", "m").events[0].ts_utc


def test_each_file_where_it_is_asked_for_and_no_event_of_it(registry: ModelRegistry) -> None:
    found = registry.facts("t", "m@1", details=True)
    assert found.files is not None
    told = [(one.path, one.format, one.load) for one in found.files]
    assert told == [
        ("README.md", "text", "none"),
        ("labels.pkl", "pickle", "data_only"),
        ("model.pkl", "pickle", "code"),
    ]
    assert len(registry.history("t", "m").events) == 1


def test_the_last_event_counts(registry: ModelRegistry) -> None:
    registry.tag("t", "m", "1", "a", "b")
    again = registry.refresh_facts("t", "m@1", actor="grace", reason="a new form")
    assert (again.seq, again.load, again.formats) == (3, "code", FORMATS)
    assert again.files is not None
    found = registry.facts("t", "m@1")
    assert (found.seq, found.ts_utc) == (3, again.ts_utc)
    event = registry.history("t", "m").events[-1]
    assert (event.event, event.version, event.actor, event.reason) == ("facts", "1", "grace", "a new form")
    assert event.package_digest == registry.show("t", "m@1").package_digest
    assert registry.check().findings == []
    assert registry.audit_verify("t", "m").events == 3


def test_what_is_not_there_or_cannot_be_said_changes_nothing(registry: ModelRegistry, tmp_path: Path) -> None:
    registry.register("t", "m", "2", write_files(tmp_path / "2", {"a": b"a"}), set_alias=None)
    registry.delete("t", "m", "2", reason="wrong")
    for verb in (registry.facts, registry.refresh_facts):
        with pytest.raises(VersionNotFound):
            verb("t", "m@2")
    with pytest.raises(InvalidParameter):
        registry.refresh_facts("t", "m@1", actor="\udc80")
    assert len(registry.history("t", "m").events) == 3


def test_a_damaged_package_gets_no_new_facts(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    registry = open_registry(tmp_path / "root")
    registry.register("t", "m", "1", write_files(tmp_path / "source", FILES))
    package = tmp_path / "root/tasks/t/models/m/versions/1"
    package.chmod(0o755)
    (package / "model.pkl").unlink()
    with pytest.raises(PackageCorrupt):
        registry.refresh_facts("t", "m@1")
    assert registry.facts("t", "m@1").load == "code"


def test_of_a_version_of_older_software_nobody_has_read_them_until_asked(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    old = OldRegistry(root).model("t", "m")
    write_files(old.package("1"), {"model.pkl": SYSTEM, "model_meta.json": b"{}"})
    registry = open_registry(root)
    found = registry.facts("t", "m@1")
    assert (found.load, found.seq, found.formats) == (None, None, {})
    assert "omr facts" in found.warnings[0]
    assert registry.refresh_facts("t", "m@1").load == "code"
    assert registry.facts("t", "m@1").load == "code"
