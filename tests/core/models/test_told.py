"""A damaged document is answered from the journal, with a warning; never as if nothing had been set."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import PackageCorrupt, VersionNotFound

from ...support.packages import open_registry, write_files

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda _: b"",
    "cut": lambda data: data[: len(data) // 2],
    "filled with NUL": lambda data: bytes(len(data)),
    "no object": lambda _: b"[]",
    "an empty object": lambda _: b"{}",
    "not UTF-8": lambda data: b"\xff" + data,
    "another model's": lambda data: data.replace(b'"model_name": "m"', b'"model_name": "n"'),
    "another thing's": lambda data: re.sub(
        rb'"alias": "production"' if b'"alias"' in data else rb'"version": "."', b'"alias": "x", "version": "x"', data
    ),
}


@pytest.fixture(params=DAMAGES)
def damage(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(DAMAGES[request.param](path.read_bytes())) and None


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """1 is archived, tagged and in production; 2 is deleted."""
    root = tmp_path / "root"
    root.mkdir()
    registry = open_registry(root)
    for version in ("1", "2"):
        registry.register(
            "t", "m", version, write_files(tmp_path / version, {"model.pt": version.encode()}), set_alias=None
        )
    registry.promote("t", "m", "production", "1", actor="ada", reason="best")
    registry.tag("t", "m", "1", "k", "v")
    registry.stage("t", "m", "1", "archived", reason="recalled")
    registry.delete("t", "m", "2", reason="wrong", actor="ada")
    registry.promote("t", "m", "latest", "1")
    assert registry.check().findings == []
    return root / "tasks/t/models/m"


def _root(model: Path) -> Path:
    return model.parents[3]


def _named(model: Path) -> set[str]:
    return {finding.where for finding in open_registry(_root(model)).check().findings if finding.severity == "damage"}


def test_a_state(model: Path, damage: Callable[[Path], None]) -> None:
    before = open_registry(_root(model)).show("t", "m@1")
    damage(model / "state/1.json")
    resolved = open_registry(_root(model)).resolve("t", "m@1")
    assert any("recalled" in warning for warning in resolved.warnings)
    assert any("state/1.json" in warning for warning in resolved.warnings)
    shown = open_registry(_root(model)).show("t", "m@1")
    assert (shown.tags, shown.stage) == (before.tags, before.stage)
    assert any("state/1.json" in warning for warning in shown.warnings)
    assert _named(model) == {"t/m state of 1"}
    open_registry(_root(model)).tag("t", "m", "1", "k2", "w")
    assert open_registry(_root(model)).show("t", "m@1").tags == {"k": "v", "k2": "w"}
    assert open_registry(_root(model)).check().findings == []


def test_an_alias(model: Path, damage: Callable[[Path], None]) -> None:
    registry = open_registry(_root(model))
    before = registry.list_aliases("t", "m")
    damage(model / "aliases/production.json")
    assert registry.list_aliases("t", "m") == before
    listed = {item["version"]: (item["aliases"], item["stage"]) for item in registry.list_models().items}
    assert listed["1"] == (["latest", "production"], "production")
    shown = registry.show("t", "m@1")
    assert "production" in shown.aliases
    assert any("aliases/production.json" in warning for warning in shown.warnings)
    with pytest.raises(PackageCorrupt):
        registry.resolve("t", "m@production")
    assert _named(model) == {"t/m alias production"}
    registry.promote("t", "m", "production", "1")
    assert registry.check().findings == []


def test_a_tombstone(model: Path, damage: Callable[[Path], None]) -> None:
    stone = model / "deleted/2/tombstone.json"
    before = json.loads(stone.read_bytes())
    damage(stone)
    with pytest.raises(VersionNotFound) as caught:
        open_registry(_root(model)).resolve("t", "m@2")
    told = caught.value.detail["deleted"]
    assert {name: told[name] for name in ("deleted_at", "actor", "reason", "package_digest", "seq")} == {
        name: before[name] for name in ("deleted_at", "actor", "reason", "package_digest", "seq")
    }
    assert _named(model) == {"t/m@2"}
    open_registry(_root(model)).purge(0.0, actor="eve")
    assert json.loads(stone.read_bytes())["deleted_at"] == before["deleted_at"]
    assert open_registry(_root(model)).check().findings == []


def test_a_restored_version_has_no_tombstone_whatever_lies_there(model: Path) -> None:
    open_registry(_root(model)).restore("t", "m", "2")
    assert open_registry(_root(model)).resolve("t", "m@2").warnings == []


def test_what_json_cannot_hold_no_document_of_ours_has(model: Path) -> None:
    """It could not be written again, so the journal says what the document said."""
    before = open_registry(_root(model)).show("t", "m@1").tags
    for document in (model / "state/1.json", model / "deleted/2/tombstone.json"):
        for value in (b"NaN", b"1e999", b'"\\ud800"'):
            data = document.read_bytes()
            document.write_bytes(data.replace(b'"seq"', b'"more": ' + value + b', "seq"'))
            assert len(_named(model)) == 1, (document, value)
            document.write_bytes(data)
    for document in (model / "state/1.json", model / "deleted/2/tombstone.json"):
        document.write_bytes(document.read_bytes().replace(b'"seq"', b'"more": NaN, "seq"'))
    registry = open_registry(_root(model))
    assert registry.tag("t", "m", "1", "k2", "w").tags == {**before, "k2": "w"}
    registry.purge(0.0)
    assert registry.check().findings == []


@pytest.mark.parametrize("kind", ["directory", "link", "FIFO"])
def test_an_alias_in_whose_place_lies_no_file(model: Path, kind: str) -> None:
    before = open_registry(_root(model)).list_aliases("t", "m")
    document = model / "aliases/production.json"
    document.unlink()
    make = {"directory": os.mkdir, "link": lambda path: os.symlink("latest.json", path), "FIFO": os.mkfifo}[kind]
    make(document)
    registry = open_registry(_root(model))
    assert registry.list_aliases("t", "m") == before
    assert any("aliases/production.json" in warning for warning in registry.show("t", "m@1").warnings)
    assert "t/m alias production" in _named(model)
