"""What a journal tells, and what the documents and directories of its model show, without a line of the core."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Fields = dict[str, Any]


@dataclass
class Facts:
    """One model: the versions that are there, alias -> version, what is said of versions, those deleted or adopted.

    ``gone``: version -> (who deleted it when, whether its bytes are still kept).
    """

    versions: set[str] = field(default_factory=set)
    aliases: dict[str, str] = field(default_factory=dict)
    states: dict[str, Fields] = field(default_factory=dict)
    gone: dict[str, tuple[Fields, bool]] = field(default_factory=dict)
    adopted: dict[str, str] = field(default_factory=dict)

    def pieces(self) -> dict[tuple[str, str], Any]:
        """Each single thing that an event may change, by its name."""
        found: dict[tuple[str, str], Any] = {("version", version): True for version in self.versions}
        for kind in ("aliases", "states", "gone", "adopted"):
            found |= {(kind, name): value for name, value in getattr(self, kind).items()}
        return found


def events(model: Path) -> list[Fields]:
    """The complete lines, the chain proven; those of older software have no ``seq``."""
    journal = model / "audit" / "promotions.jsonl"
    found: list[Fields] = []
    everything, before = b"", b""
    lines = journal.read_bytes().split(b"\n") if journal.exists() else []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            assert line is lines[-1], f"a torn line in the middle: {line!r}"
            continue
        found.append(event)
        if "prev" in event:
            assert event["seq"] == len(found)
            stands = before if found[-2:-1] and "prev" in found[-2] else everything
            assert event["prev"] == "sha256:" + hashlib.sha256(stands).hexdigest(), f"the chain breaks at {len(found)}"
        everything += line + b"\n"
        before = line
    return found


def told(lines: Sequence[Fields], *, old_versions: Sequence[str] = ()) -> Facts:
    """What is true after the events; ``old_versions`` are older software's, which no event brings."""
    facts = Facts(versions=set(old_versions))
    for line in lines:
        event, version, alias = line.get("event", "promote"), line["version"], line.get("alias")
        if alias is not None and version is None:
            del facts.aliases[alias]
        elif alias is not None:
            facts.aliases[alias] = version
        for gone in line.get("unaliased", ()):
            del facts.aliases[gone]
        if event == "register":
            facts.versions.add(version)
            if line.get("adopted"):
                facts.adopted[version] = line["package_digest"]
        elif event == "delete":
            facts.versions.remove(version)
            assert version not in facts.aliases.values(), f"event {line['seq']} deletes {version}, which is in use"
            facts.gone[version] = (_grave(line), True)
        elif event == "restore":
            assert facts.gone.pop(version)[1], "restored after its bytes were purged"
            facts.versions.add(version)
        elif event == "purge":
            facts.gone[version] = (facts.gone[version][0], False)
        if line.get("set"):
            facts.states[version] = _state(facts.states.get(version, {}), line)
        assert set(facts.aliases.values()) <= facts.versions, f"after event {line} an alias names what is not there"
    return facts


def _state(before: Fields, line: Fields) -> Fields:
    changed = line["set"]
    state = {**before, "tags": {**before.get("tags", {}), **changed.get("tags", {})}}
    if "description" in changed:
        state["description"] = changed["description"]
    if "archived" in changed:
        state["archived"] = changed["archived"]
        state["archived_reason"] = line["reason"] if changed["archived"] else None
    return state


def _grave(line: Fields) -> Fields:
    words = {name: line[name] for name in ("version", "package_digest", "actor", "reason")}
    return {**words, "deleted_at": line["ts_utc"]}


def shown(model: Path) -> Facts:
    """What the model's directory shows."""
    states = {name: _document(model / "state" / f"{name}.json") for name in _names(model / "state", ".json")}
    known = ("tags", "description", "archived", "archived_reason")
    facts = Facts(
        versions=set(_names(model / "versions")),
        aliases={
            name: _document(model / "aliases" / f"{name}.json")["version"]
            for name in _names(model / "aliases", ".json")
        },
        states={version: {name: state[name] for name in known if name in state} for version, state in states.items()},
        adopted={
            name: "sha256:" + hashlib.sha256((model / "adopted" / f"{name}.txt").read_bytes()).hexdigest()
            for name in _names(model / "adopted", ".txt")
        },
    )
    for version in _names(model / "deleted"):
        home = model / "deleted" / version
        if (home / "tombstone.json").exists():
            stone = _document(home / "tombstone.json")
            words = {name: stone[name] for name in ("version", "package_digest", "actor", "reason", "deleted_at")}
            assert (stone["purged_at"] is None) or "purged_by" in stone
            facts.gone[version] = (words, stone["purged_at"] is None)
    return facts


def buried(model: Path) -> set[str]:
    """Deleted versions whose bytes are kept."""
    return {version for version in _names(model / "deleted") if (model / "deleted" / version / "package").exists()}


def assert_sealed(model: Path) -> None:
    """Published or retired, a package is read-only to the last directory."""
    packages = [model / "versions" / version for version in _names(model / "versions")]
    packages += [model / "deleted" / version / "package" for version in buried(model)]
    for package in packages:
        for path in [package, *package.rglob("*")]:
            assert stat.S_IMODE(path.stat().st_mode) == (0o555 if path.is_dir() else 0o444), path


def _names(directory: Path, suffix: str = "") -> list[str]:
    found = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []
    return [name.removesuffix(suffix) for name in found if name.endswith(suffix)]


def _document(path: Path) -> Fields:
    content: Fields = json.loads(path.read_bytes())
    return content
