"""A damaged document is answered from the journal, with a warning; never as if nothing had been set."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import PackageCorrupt, VersionInUse, VersionNotFound

from ...support.old_registry import OldRegistry
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


def test_a_document_that_is_gone_is_answered_from_the_journal(model: Path) -> None:
    registry = open_registry(_root(model))
    registry.restore("t", "m", "2")
    before = registry.show("t", "m@latest")
    for gone in ("aliases/production.json", "aliases/latest.json", "state/1.json"):
        (model / gone).unlink()
    registry = open_registry(_root(model))
    for selector in ("production", "latest"):
        resolved = registry.resolve("t", f"m@{selector}")
        assert (resolved.version, resolved.alias) == ("1", selector)
        assert any(f"aliases/{selector}.json" in warning for warning in resolved.warnings)
    assert any("recalled" in warning for warning in registry.resolve("t", "m@1").warnings)
    shown = registry.show("t", "m@1")
    assert (shown.aliases, shown.tags, shown.stage) == (before.aliases, before.tags, before.stage)
    listed = registry.list_aliases("t", "m")
    assert [alias.alias for alias in listed] == ["latest", "production"]
    assert len([warning for warning in listed.warnings if "is gone" in warning]) == 2
    with pytest.raises(VersionNotFound):
        registry.resolve("t", "m@never")


def test_what_is_changed_after_a_document_went_is_added_to_what_it_said(model: Path) -> None:
    (model / "state/1.json").unlink()
    (model / "aliases/production.json").unlink()
    registry = open_registry(_root(model))
    assert registry.tag("t", "m", "1", "k2", "w").tags == {"k": "v", "k2": "w"}
    assert json.loads((model / "state/1.json").read_bytes())["archived"] is True
    with pytest.raises(VersionInUse):
        registry.restore("t", "m", "2")
        registry.delete("t", "m", "1", reason="nobody sees that it is in production")
    assert registry.unalias("t", "m", "production").previous_version == "1"
    assert [alias.alias for alias in registry.list_aliases("t", "m")] == ["latest"]
    assert registry.list_aliases("t", "m").warnings == []
    with pytest.raises(VersionNotFound):
        registry.resolve("t", "m@production")


def test_lists_have_the_alias_whose_document_is_gone(model: Path) -> None:
    registry = open_registry(_root(model))
    assert registry.list_models(alias="production").total == 1
    (model / "aliases/production.json").unlink()
    assert registry.list_models(alias="production").total == 1
    registry.reindex()
    assert registry.list_models(alias="production").total == 1


def test_an_alias_that_older_software_moved_last_is_what_its_document_says(model: Path) -> None:
    """It removes one by removing the document, and no line of its journal says so."""
    OldRegistry(_root(model)).model("t", "m").promote("production", "1").promote("old", "1")
    for gone in ("production", "old"):
        (model / f"aliases/{gone}.json").unlink()
    registry = open_registry(_root(model))
    for _ in range(2):
        for gone in ("production", "old"):
            with pytest.raises(VersionNotFound):
                registry.resolve("t", f"m@{gone}")
        listed = registry.list_aliases("t", "m")
        assert ([alias.alias for alias in listed], listed.warnings) == (["latest"], [])
        assert registry.list_models(alias="old").total == registry.list_models(alias="production").total == 0
        registry.tag("t", "m", "1", "an event", "of ours")  # and after it all the same
