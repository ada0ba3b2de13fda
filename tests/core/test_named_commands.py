"""The command that check names beside a finding mends it: run it, and check finds that no more.

Where none is named, no repair would find anything to do about it.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from obstore.store import MemoryStore

from registry_client.cli.main import main
from registry_core import CoreSettings, Finding, ModelRegistry
from registry_core.format.layout import is_package
from registry_core.storage import StorageOptions
from registry_core.storage.object_store.store import ObjectStorage

from ..support.machine import remove_tree
from ..support.packages import open_registry, write_files
from .upkeep.governed import MODEL, TASK, fill

HOME = f"tasks/{TASK}/models/{MODEL}"
EVENTS = "audit/promotions.jsonl"


def _put(name: str, data: bytes | dict[str, object]) -> Callable[[Path], object]:
    content = data if isinstance(data, bytes) else json.dumps(data).encode()

    def do(model: Path) -> None:
        (model / name).parent.mkdir(exist_ok=True)
        (model / name).write_bytes(content)

    return do


def _edit(name: str, **changes: object) -> Callable[[Path], object]:
    return lambda model: (model / name).write_text(json.dumps({**json.loads((model / name).read_bytes()), **changes}))


def _remove(name: str) -> Callable[[Path], object]:
    return lambda model: (model / name).unlink()


def _instead(name: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    def do(model: Path) -> None:
        (model / name).unlink(missing_ok=True)
        make(model / name)

    return do


def _planted_in_package(model: Path) -> None:
    home = model / "versions/kept"
    home.chmod(0o755)
    (home / "sitecustomize.py").write_bytes(b"x")
    home.chmod(0o555)


def _cut_journal(model: Path) -> None:
    lines = (model / EVENTS).read_bytes().splitlines(keepends=True)
    (model / EVENTS).write_bytes(b"".join(lines[:-3]))


NAMES = {"task": TASK, "model_name": MODEL}
ALIAS, STATE, STONE = "aliases/production.json", "state/kept.json", "deleted/deleted/tombstone.json"
OWNER = "ownership.json"
OLD_OWNER = {"schema_version": 1, **NAMES, "status": "owned"}
# What is done to a whole model -> the codes that check then has.
DAMAGES: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "alias torn": (_put(ALIAS, b"{"), {"alias_damaged"}),
    "alias removed": (_remove(ALIAS), {"alias_missing"}),
    "alias moved by hand": (_edit(ALIAS, version="archived"), {"alias_differs", "document_differs"}),
    "alias of a version that is not there": (_edit(ALIAS, version="no"), {"alias_without_version", "alias_differs"}),
    "alias without a version": (_edit(ALIAS, version=None), {"alias_missing", "document_differs"}),
    "alias that was removed is back": (
        _put("aliases/gone.json", {**NAMES, "alias": "gone", "version": "kept", "seq": 7}),
        {"alias_differs"},
    ),
    "alias that no event made": (
        _put("aliases/new.json", {**NAMES, "alias": "new", "version": "kept", "seq": 3}),
        {"document_differs", "older_alias"},
    ),
    "alias is a directory": (_instead(ALIAS, Path.mkdir), {"planted"}),
    "alias is a link": (_instead(ALIAS, lambda path: path.symlink_to("latest.json")), {"planted"}),
    "alias is a FIFO": (_instead(ALIAS, lambda path: os.mkfifo(path)), {"planted"}),
    "state torn": (_put(STATE, b"null"), {"state_damaged"}),
    "state removed": (_remove(STATE), {"state_missing"}),
    "state changed": (_edit(STATE, tags={}), {"state_differs"}),
    "state that no event has set": (
        _put("state/restored.json", {**NAMES, "version": "restored", "tags": {"a": 1}, "seq": 3}),
        {"state_differs"},
    ),
    "state of nobody": (_put("state/no.json", {**NAMES, "version": "no", "tags": {}, "seq": 3}), {"state_differs"}),
    "state of nobody, torn": (_put("state/no.json", b"{"), {"state_damaged"}),
    "state is a directory": (_instead(STATE, Path.mkdir), {"unreadable", "planted"}),
    "tombstone torn": (_put(STONE, b""), {"tombstone_damaged"}),
    "tombstone removed": (_remove(STONE), {"tombstone_missing"}),
    "tombstone changed": (_edit(STONE, actor="mallory"), {"document_differs"}),
    "tombstone of a purge changed": (
        _edit("deleted/purged/tombstone.json", purged_at="2026-01-01T00:00:00.000000Z"),
        {"document_differs"},
    ),
    "owner torn": (_put(OWNER, b"{"), {"ownership_damaged"}),
    "owner removed": (_remove(OWNER), {"ownership_missing"}),
    "owner changed": (_edit(OWNER, organization_id="8"), {"ownership_differs", "document_differs"}),
    "owner of older software": (_put(OWNER, {**OLD_OWNER, "organization_id": "8"}), {"ownership_differs"}),
    "owner of later software": (_edit(OWNER, schema_version=2), {"ownership_damaged"}),
    "owner is a directory": (_instead(OWNER, Path.mkdir), {"planted", "ownership_damaged"}),
    "owner is a link": (_instead(OWNER, lambda path: path.symlink_to("registry.json")), {"planted"}),
    "package open": (lambda model: (model / "versions/kept").chmod(0o755), {"unsealed"}),
    "file in a package": (_planted_in_package, {"stray"}),
    "journal cut": (_cut_journal, {"journal_short"}),
    "registry.json removed": (lambda model: (model.parents[3] / "registry.json").unlink(), {"root_id_lost"}),
    "older version": (
        lambda model: shutil.copytree(model / "versions/old", model / "versions/older"),
        {"older_version"},
    ),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    registry = open_registry(root)
    fill(registry, root, tmp_path / "sources")
    registry.own(TASK, MODEL, "7", actor="ada")
    registry.tag(TASK, MODEL, "kept", "organ", "lung")
    return root


def found(root: Path) -> list[Finding]:
    return open_registry(root).check().findings


def run(root: Path, command: str) -> None:
    """As a person would: what is only proposed is done when that is asked for."""
    program, *words = shlex.split(command)
    assert program == "omr"
    done = CliRunner().invoke(main, ["--root", str(root), *words])
    if done.exit_code == 1 and "add --yes" in done.output:
        done = CliRunner().invoke(main, ["--root", str(root), *words, "--yes"])
    assert done.exit_code == 0, (command, done.output)


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_check_names_is_mended_by_the_command_that_it_names(root: Path, damage: str) -> None:
    before = {(one.where, one.code) for one in found(root)}
    do, codes = DAMAGES[damage]
    do(root / HOME)
    new = [one for one in found(root) if (one.where, one.code) not in before]
    assert {one.code for one in new} & codes
    commands = {one.command for one in new if one.command is not None}
    for command in sorted(commands):
        run(root, command)
    left = [one for one in found(root) if (one.where, one.code) not in before]
    still = {(one.where, one.code) for one in left}
    assert [one for one in new if one.command is not None and (one.where, one.code) in still] == []
    if not any(one.command is None for one in new):
        assert [one for one in left if one.severity != "note"] == []
    remove_tree(root)


def test_on_an_object_store_what_no_event_has_made_is_said_to_be_gone(tmp_path: Path) -> None:
    """There its document stays, naming no version, so that a slow replica writes nothing over it."""
    url = "s3://bucket/registry"
    storage = ObjectStorage(url, StorageOptions(), is_package, store=MemoryStore())
    registry = ModelRegistry.open(settings=CoreSettings(root=url), storage=storage)
    registry.register("t", "m", "1", write_files(tmp_path / "source", {"x": b"x"}), actor="ada")
    about = {"task": "t", "model_name": "m"}
    planted = {
        "aliases/new": {**about, "alias": "new", "version": "1", "seq": 1},
        "state/1": {**about, "version": "1", "tags": {"a": 1}, "seq": 1},
    }
    for name, fields in planted.items():
        storage.documents.write(f"tasks/t/models/m/{name}.json", json.dumps(fields).encode())
    assert {one.command for one in registry.check().findings} == {"omr repair documents t/m", None}
    done = registry.repair_documents("t", "m", is_wanted=True)
    assert sorted(done.paths) == ["aliases/new.json", "state/1.json"]
    assert registry.check().findings == []
    assert registry.repair_documents("t", "m", is_wanted=True).steps == []
    assert [alias.alias for alias in registry.list_aliases("t", "m")] == ["latest"]
    assert registry.show("t", "m@1").tags == {}
    registry.promote("t", "m", "new", "1")
    registry.tag("t", "m", "1", "b", 2)
    assert registry.check().findings == []
    assert registry.show("t", "m@1").tags == {"b": 2}


def test_where_events_are_lost_what_they_may_have_made_stays(root: Path) -> None:
    model = root / HOME
    _cut_journal(model)
    run(root, f"omr repair journal {TASK} {MODEL} --accept-loss")
    _put("state/old.json", {**NAMES, "version": "old", "tags": {"a": 1}, "seq": 3})(model)
    assert open_registry(root).repair_documents(TASK, MODEL, is_wanted=True).steps == []
    assert (model / "state/old.json").exists()
