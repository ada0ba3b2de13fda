"""Which bytes a model has already, by digests that the registry computed itself when it registered them."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from ..format import manifest
from ..format.encoding import digest
from ..format.events import REGISTER
from ..models import package_manifest
from ..models.model import ModelStore
from ..packages import contents
from ..storage.contract import KeyNotFound
from ..vocabulary.errors import StorageError

MOST_VERSIONS = 200  # the newest; whoever pushes a version shares files with one of the last


@dataclass(frozen=True)
class StoredBytes:
    """A file of a published version: ``package`` is its storage key, ``path`` is inside of it."""

    package: str
    path: str
    size_bytes: int


def stored_bytes(model: ModelStore, wanted: Collection[str]) -> dict[str, StoredBytes]:
    """SHA-256 hex -> where the model has these bytes; only of the wanted ones, the newest version first.

    A manifest counts only if the journal has its digest: one that older software or somebody's editor wrote proves
    nothing. No artifact is read.
    """
    registered = {
        line.get("version"): line.get("package_digest")
        for line in model.journal.lines()
        if line.is_own and line.get("event") == REGISTER
    }
    missing = set(wanted)
    found: dict[str, StoredBytes] = {}
    for version in islice(reversed(registered), MOST_VERSIONS):
        if not missing:
            break
        with suppress(KeyNotFound, StorageError):
            if model.locate(version) is None:
                continue
            data, is_baseline = package_manifest.manifest_bytes(model, version)
            if digest(data) != registered[version]:
                continue
            hashes = manifest.parse(data, covers_manifest=is_baseline).hashes
            shared = {path: sha256 for path, sha256 in hashes.items() if sha256 in missing}
            if not shared:
                continue
            package = model.keys.package(version)
            for entry in contents.files(model, version):
                path = entry.key[len(package) + 1 :]
                if path in shared and entry.kind == "file":
                    found.setdefault(shared[path], StoredBytes(package, path, entry.size_bytes or 0))
            missing -= found.keys()
    return found
