"""``sha256sums.txt``: every file of a package but itself, in the format of ``sha256sum -c``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..vocabulary.answers import Problem
from ..vocabulary.artifact import Artifact
from ..vocabulary.texts import DIGEST_PREFIX
from . import older
from .layout import MANIFEST

# As we write it, and not "./-", which is read like everybody's "./".
_LINE = re.compile(r"^([0-9a-f]{64})  (?!\./)([^\r\n]+)$", re.MULTILINE)


def render(artifacts: Iterable[Artifact]) -> bytes:
    """The manifest of the artifacts, sorted by path: ``<hex>  <path>`` a line, UTF-8."""
    lines = sorted((artifact.path, artifact.sha256) for artifact in artifacts)
    # To sha256sum a bare "-" is its standard input.
    return "".join(f"{sha256}  {'./-' if path == '-' else path}\n" for path, sha256 in lines).encode()


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was read: path -> hex; ``faults`` are the lines that make no sense."""

    hashes: dict[str, str]
    faults: list[str] = field(default_factory=list)


def parse(data: bytes, *, covers_manifest: bool = False, max_faults: int | None = None) -> Manifest:
    """What the bytes say, faults included, up to so many of them; never raises.

    Takes what ``sha256sum`` and older software write too. A line for the manifest itself cannot be right and is
    passed over (``covers_manifest``: it can, because this is a baseline kept elsewhere).
    """
    text = data.decode("utf-8", "replace")
    hashes = {path: sha256 for sha256, path in _LINE.findall(text)}
    if len(hashes) == text.count("\n") and text.endswith("\n") and MANIFEST not in hashes:
        return Manifest(hashes)  # every line is one of ours, and no path stands twice: nothing is left to be told
    return _parse_lines(text, covers_manifest, max_faults)


def _parse_lines(text: str, covers_manifest: bool, max_faults: int | None) -> Manifest:
    hashes: dict[str, str] = {}
    faults: list[str] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        if len(faults) == max_faults:
            break
        line = raw.rstrip("\r")
        if not line.strip():
            continue
        entry = _entry(line)
        if entry is None:
            faults.append(f"line {number} is not '<sha256>  <path>'")
            continue
        path, sha256 = entry
        if older.names_itself(path) and not covers_manifest:
            continue
        if hashes.setdefault(path, sha256) != sha256:
            faults.append(f"line {number} gives {path!r} a second digest")
    return Manifest(hashes, faults)


def _entry(line: str) -> tuple[str, str] | None:
    """(path, hex) of a line; None if it is none."""
    match = _LINE.fullmatch(line)
    return (match[2], match[1]) if match is not None else older.manifest_entry(line)


def compare_brought(brought: Manifest, actual: dict[str, str]) -> list[Problem]:
    """Where the files of a package differ from the manifest it came with (hex digests)."""
    problems = [Problem(MANIFEST, "manifest", actual=fault) for fault in brought.faults]
    for path, expected in sorted(brought.hashes.items()):
        found = actual.get(path)
        if found != expected:
            kind = "missing" if found is None else "changed"
            problems.append(Problem(path, kind, DIGEST_PREFIX + expected, found and DIGEST_PREFIX + found))
    return problems
