"""What lies in a published package and was never registered: left there by systems, or put there by somebody."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..format.layout import MANIFEST
from ..models.model import ModelStore
from ..storage.contract import Entry
from ..vocabulary.texts import printable

_SHOWN = 3
_NAMES = {".DS_Store", "Thumbs.db", "desktop.ini"}
_PREFIXES = ("._", ".nfs", ".fuse_hidden")
_CACHE = "__pycache__"


def is_dropping(path: str, registered: Collection[str]) -> bool:
    """Whether systems leave files of that path behind, where nothing that a loader loads is changed by them.

    What Python has compiled counts only where no registered source is beside it: Python would load it instead.
    """
    *directories, name = path.split("/")
    if _CACHE in directories:
        beside = "".join(f"{directory}/" for directory in directories[: directories.index(_CACHE)])
        return not any(
            known.startswith(beside) and known.endswith(".py") and "/" not in known[len(beside) :]
            for known in registered
        )
    return name in _NAMES or name.startswith(_PREFIXES)


def without_strays(
    model: ModelStore, version: str, entries: Iterable[Entry], hashes: Collection[str]
) -> tuple[dict[str, int | None], list[str]]:
    """(path -> size of the version's own files that are there, what else lies there).

    What the manifest of a registered version does not cover is no part of it; older software's, which no event
    registers, cover but a part of what is theirs.
    """
    start = len(model.keys.package(version)) + 1
    sizes = {entry.key[start:]: entry.size_bytes for entry in entries if entry.kind == "file"}
    uncovered = sizes.keys() - set(hashes) - {MANIFEST}
    if uncovered and model.registered(version) is None:
        uncovered = {path for path in uncovered if is_dropping(path, hashes)}
    return {path: size for path, size in sizes.items() if path not in uncovered}, sorted(uncovered)


def of_version(model: ModelStore, version: str, hashes: Collection[str]) -> list[str]:
    """The paths of all that lies in the package of a registered version and is no part of it, links too."""
    package = model.keys.package(version)
    entries = list(model.storage.documents.list(package, deep=True))
    _, found = without_strays(model, version, entries, hashes)
    others = {entry.key[len(package) + 1 :] for entry in entries if entry.kind == "other"}
    return sorted({*found, *(others - set(hashes) - {MANIFEST})})


def warning(paths: list[str]) -> list[str]:
    """What whoever uses the version is told of them."""
    if not paths:
        return []
    shown = ", ".join(printable(path) for path in paths[:_SHOWN])
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return [f"Lies in the package, and is no part of it: {shown}{more}. 'omr repair strays' moves it away."]
