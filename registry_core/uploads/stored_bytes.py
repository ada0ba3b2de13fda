"""Which bytes a model has already, by digests that the registry computed itself when it registered them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from ..format import manifest
from ..format.chain import Line
from ..format.events import REGISTER
from ..models import package_manifest
from ..models.journal import KIND
from ..models.model import ModelStore
from ..packages import contents
from ..storage.contract import KeyNotFound
from ..vocabulary.bounded import Bounded
from ..vocabulary.errors import PackageCorrupt, StorageError
from ..vocabulary.texts import digest

REMEMBERED = 4096  # damaged files
MOST_EVENTS = 100  # that are looked at where each is a request
MOST_VERSIONS = 200  # the newest; whoever pushes a version shares files with one of the last


@dataclass(frozen=True)
class StoredBytes:
    """A file of a published version: ``package`` is its storage key, ``path`` is inside of it.

    ``seq`` is that of the event which registered the version.
    """

    package: str
    path: str
    size_bytes: int
    seq: int


class KnownDamage:
    """Which bytes this process found damaged where a model has them, so that it does not offer them again.

    Versions share their files, so one that is damaged counts for all that were registered before it too; a version
    that comes later brings the bytes anew.
    """

    def __init__(self) -> None:
        self._up_to: Bounded[tuple[str, str], int] = Bounded(REMEMBERED)

    def remember(self, model: ModelStore, sha256: str, stored: StoredBytes) -> None:
        self._up_to.put((model.keys.model, sha256), max(stored.seq, self.up_to(model, sha256)))

    def up_to(self, model: ModelStore, sha256: str) -> int:
        """The last event whose version is in doubt."""
        return self._up_to.get((model.keys.model, sha256)) or 0


def stored_bytes(
    model: ModelStore, wanted: Collection[str], damage: KnownDamage | None = None
) -> dict[str, StoredBytes]:
    """SHA-256 hex -> where the model has these bytes; only of the wanted ones, the newest version first.

    A manifest counts only if the journal has its digest: one that older software or somebody's editor wrote proves
    nothing. No artifact is read: whether the bytes are still these, whoever uses them finds out. ``damage`` leaves
    out what is known not to be.
    """
    missing = set(wanted)
    found: dict[str, StoredBytes] = {}
    for born in islice(_registrations(model), MOST_VERSIONS):
        version, package_digest, seq = str(born.get("version")), born.get("package_digest"), born.seq
        if not missing:
            break
        with suppress(KeyNotFound, StorageError, PackageCorrupt):  # then its files are asked for
            if model.locate(version) is None:
                continue
            data, is_baseline = package_manifest.manifest_bytes(model, version)
            if digest(data) != package_digest:
                continue
            hashes = manifest.parse(data, covers_manifest=is_baseline).hashes
            shared = {
                path: sha256
                for path, sha256 in hashes.items()
                if sha256 in missing and (damage is None or seq > damage.up_to(model, sha256))
            }
            if not shared:
                continue
            package = model.keys.package(version)
            for entry in contents.files(model, version):
                path = entry.key[len(package) + 1 :]
                if path in shared and entry.kind == "file":
                    found.setdefault(shared[path], StoredBytes(package, path, entry.size_bytes or 0, seq))
            missing -= found.keys()
    return found


def _registrations(model: ModelStore) -> Iterator[Line]:
    """The events of registrations, the newest first; of a store without an index, those among the last events."""
    if model.storage.documents.looks_are_cheap():
        yield from model.journal.named(KIND, REGISTER)
    elif (last := model.journal.last()) is not None:
        lines = list(model.journal.lines(max(0, last.seq - MOST_EVENTS)))
        yield from (line for line in reversed(lines) if line.is_own and line.get("event") == REGISTER)
