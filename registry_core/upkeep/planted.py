"""What lies in a root and was never put there by the registry: links, FIFOs, devices, one kind in another's place.

And what a store keeps although the registry has removed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..format.chain import Line
from ..format.layout import CHECKPOINT, LOG, MANIFEST, REGISTRY, SESSIONS, TASKS, TOMBSTONE
from ..models import projections, used_keys
from ..models.model import ModelStore
from ..packages import contents
from ..packages.strays import is_dropping, without_strays
from ..storage.contract import Entry, Storage
from ..vocabulary.errors import RegistryError
from ..vocabulary.reports import Finding

_FILE = "file"
_DIRECTORY: Mapping[str, Any] = {}
_ANYTHING = {"*": None}  # but links and the like
_DOCUMENTS = {"*": _FILE}
_GRAVE = {TOMBSTONE: _FILE, MANIFEST: _FILE, "package": _DIRECTORY}
_MODEL = {
    ".lock": _FILE,
    ".index": _DOCUMENTS,
    "versions": {"*": _DIRECTORY},
    "aliases": _DOCUMENTS,
    "audit": _DOCUMENTS,
    "state": _DOCUMENTS,
    "deleted": {"*": _GRAVE},
    "adopted": _DOCUMENTS,
    "attestations": {"*": _DOCUMENTS},
    "evidence": _DOCUMENTS,
    "ownership.json": _FILE,
}
_ROOT = {
    REGISTRY: _FILE,
    ".lock": _FILE,
    LOG: {"*": _DOCUMENTS, CHECKPOINT.removeprefix(f"{LOG}/"): _FILE},
    TASKS: {"*": {"models": {"*": _MODEL}}},
    ".staging": _ANYTHING,
    ".uploads": _ANYTHING,
    ".operations": _ANYTHING,
    SESSIONS: _DOCUMENTS,
    ".catalog": _ANYTHING,
}
_SUFFIXES = (".json", ".jsonl", ".txt")  # of what the registry names as a document


_OTHER = "a link, a FIFO or a device, which the registry never puts there; it is not followed, read or changed"


def planted(storage: Storage, *, is_ours: bool) -> Iterator[Finding]:
    """What can hide, or stand for, something of the registry, or is lost of the root; in packages: :func:`strays`.

    ``is_ours``: there are events of this software, which makes the root's id before the first of them.
    """
    if is_ours and not projections.is_there(storage, REGISTRY):
        message = "it is missing, and with it the id of the registry, although there are events that came after it"
        yield Finding("damage", REGISTRY, message, "root_id_lost", "omr init")
    if storage.documents.looks_are_cheap():  # a store over a network has objects only
        yield from _below(storage, "", _ROOT)


def _below(storage: Storage, prefix: str, shape: Mapping[str, Any]) -> Iterator[Finding]:
    try:
        entries = list(storage.documents.list(prefix))
    except RegistryError:
        return  # whoever needs what lies there says so
    for entry in entries:
        expected = shape.get(entry.name, shape.get("*"))
        is_named = entry.name in shape or entry.name.endswith(_SUFFIXES)
        fault = _fault(entry, expected)
        if fault is not None:
            yield Finding("damage" if is_named or entry.kind == "other" else "note", entry.key, fault, "planted")
        elif entry.kind == "prefix" and isinstance(expected, Mapping) and expected:
            yield from _below(storage, entry.key, expected)


def _fault(entry: Entry, expected: Any) -> str | None:
    if entry.kind == "other":
        return _OTHER
    if entry.kind == "file" and isinstance(expected, Mapping):
        return "a file lies where a directory belongs"
    if entry.kind == "prefix" and expected == _FILE:
        return "a directory lies where a document belongs"
    return None


def strays(model: ModelStore, version: str) -> Iterator[Finding]:
    """What lies in the package of a registered version whose manifest is whole, and is no part of it."""
    if not model.storage.documents.looks_are_cheap():
        return
    where = f"{model.title}@{version}"
    entries = list(contents.files(model, version))
    for entry in entries:
        if entry.kind == "other":
            yield Finding("damage", entry.key, _OTHER, "planted")
    hashes = contents.manifest_hashes(model, version)
    _, found = without_strays(model, version, entries, hashes)
    left = [path for path in found if not is_dropping(path, hashes)]
    if left:
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        message = f"{left[0]!r}{more} was never registered; 'omr repair strays {model.title}' moves it away"
        yield Finding("damage", where, message, "stray", f"omr repair strays {model.title}")
    if len(found) > len(left):
        message = f"{len(found) - len(left)} files that systems left in it are no part of it"
        yield Finding("note", where, message, "dropping")


def keys_lost(model: ModelStore, lines: Iterable[Line]) -> Iterator[Finding]:
    """Idempotency keys that are free again, since somebody has removed what kept them."""
    for line in used_keys.missing(model.storage, model.keys, lines):
        message = "its idempotency key is not kept any more; remove keys/.since, and the next register keeps all again"
        yield Finding("damage", f"{model.title} event {line.seq}", message, "key_missing")


def kept_by_store(model: ModelStore, version: str) -> Iterator[Finding]:
    """What a bucket with versioning still has of a purged version, where it says so."""
    left = model.storage.packages.remains(model.keys.package(version))
    if left:
        message = f"it was purged, but the bucket keeps {left} bytes of it as old versions"
        command = "omr purge --old-versions"
        yield Finding("note", f"{model.title}@{version}", message, "purged_bytes_kept", command)
