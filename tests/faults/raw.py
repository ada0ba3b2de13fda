"""A registry as its files alone show it, read without a line of ``registry_core``."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Facts:
    """What stands in one model: complete events, versions seen in the directory, alias -> version."""

    events: tuple[bytes, ...] = ()
    versions: frozenset[str] = frozenset()
    aliases: dict[str, str] = field(default_factory=dict)


def facts(model: Path) -> Facts:
    """The model's facts. Fails where the directory shows half a package, a torn alias or a broken chain."""
    events = _events(model / "audit" / "promotions.jsonl")
    versions = frozenset(_names(model / "versions"))
    for version in versions:
        assert_whole(model / "versions" / version)
    pointing = {}
    for name in _names(model / "aliases"):
        document = json.loads((model / "aliases" / name).read_bytes())
        pointing[name.removesuffix(".json")] = document["version"]
        assert document["version"] in versions, f"alias {name} names {document['version']}, which is not there"
    return Facts(tuple(events), versions, pointing)


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


def _events(journal: Path) -> list[bytes]:
    """The complete lines, each proven by the chain; an incomplete last line is no event."""
    if not journal.exists():
        return []
    lines = journal.read_bytes().split(b"\n")
    lines, rest = lines[:-1], lines[-1]
    if rest:
        try:
            json.loads(rest)
        except ValueError:
            pass
        else:
            lines.append(rest)
    before = b""
    for number, line in enumerate(lines, start=1):
        event = json.loads(line)
        assert event["seq"] == number
        assert event["prev"] == "sha256:" + hashlib.sha256(before).hexdigest(), f"the chain breaks at line {number}"
        before = line
    return lines


def events(model: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _events(model / "audit" / "promotions.jsonl")]


def assert_whole(package: Path) -> None:
    """The package's files are exactly those of its manifest, with those bytes, and its metadata names it."""
    listed = {}
    for line in (package / "sha256sums.txt").read_text().splitlines():
        sha256, path = line.split("  ", 1)
        listed[path] = sha256
    found = {str(path.relative_to(package)) for path in package.rglob("*") if not path.is_dir()}
    assert found == listed.keys() | {"sha256sums.txt"}, f"{package.name} holds {sorted(found)}"
    for path, sha256 in listed.items():
        assert hashlib.sha256((package / path).read_bytes()).hexdigest() == sha256, f"{package.name}/{path}"
    assert json.loads((package / "model_meta.json").read_bytes())["version"] == package.name


def tree(top: Path, *, times: bool = False) -> dict[str, tuple[Any, ...]]:
    """Path -> kind, mode and content of all that is below ``top``; with ``times``, when it last changed too."""
    found: dict[str, tuple[Any, ...]] = {}
    for directory, names, files in os.walk(top):
        for name in [*names, *files]:
            path = Path(directory, name)
            status = path.lstat()
            content: Any = None
            if stat.S_ISREG(status.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            elif stat.S_ISLNK(status.st_mode):
                content = path.readlink()
            entry = (status.st_mode, content)
            found[str(path.relative_to(top))] = (*entry, status.st_mtime_ns, status.st_ctime_ns) if times else entry
    return found


def staging(root: Path) -> list[str]:
    """What is left in the staging area."""
    return _names(root / ".staging")
