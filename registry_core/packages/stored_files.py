"""One file of a version, or all of them as a tar, handed out byte for byte."""

from __future__ import annotations

import hashlib
import io
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..format import manifest
from ..format.commit_ids import commit_id
from ..format.layout import MANIFEST, META
from ..models import package_manifest
from ..models.model import Found, ModelStore
from ..storage.contract import KeyNotFound, Readable
from ..vocabulary.answers import Problem
from ..vocabulary.bounded import Bounded
from ..vocabulary.errors import ArtifactNotFound, PackageCorrupt
from ..vocabulary.texts import DIGEST_PREFIX, check_key, digest, parse_time, printable
from . import contents, verify
from .hash_stream import hash_stream
from .strays import warning, without_strays

log = logging.getLogger(__name__)

_EMPTY = hashlib.sha256(b"").hexdigest()
CHUNK_BYTES = 256 * 1024
MOST_FILES = 50_000  # of all packages whose inventories are remembered: some 20 MB


@dataclass(frozen=True)
class StoredFile:
    """One file of a version. ``sha256`` is hex, None where an old manifest does not cover the file."""

    version: str
    path: str
    sha256: str | None
    size_bytes: int
    _model: ModelStore = field(repr=False)

    @property
    def key(self) -> str:
        """The file's path below the registry's root."""
        return f"{self._package}/{check_key(self.path)}"

    @property
    def location(self) -> str | None:
        """The file's absolute path, where it lies on this machine's filesystem."""
        return self._model.storage.packages.local_path(self._package, self.path)

    def open(self, start: int = 0, length: int | None = None) -> Readable:
        """A streamed reader. One that is open outlives the version's deletion on a filesystem.

        Raises ``ArtifactNotFound`` once the version is purged, ``PackageCorrupt`` for a file that is not as long
        as it was registered. Reading raises ``PermissionDenied`` and ``AccessUnreadable`` where rules are asked.
        """
        reader = self._open(start, length)
        if isinstance(reader, io.FileIO) and os.fstat(reader.fileno()).st_size != self.size_bytes:
            reader.close()
            raise verify.corrupt(self._model, self.version, [Problem(printable(self.path), "changed")])
        if self._model.asking is None:
            return reader
        from ..models.asking import AskedReader  # only where rules are asked

        return AskedReader(reader, self._model.asking)

    def _open(self, start: int, length: int | None) -> Readable:
        storage = self._model.storage
        with suppress(KeyNotFound):
            return storage.packages.open(self._package, self.path, start, length)
        # Deleted since it was found: whoever has begun to read it finishes.
        with suppress(KeyNotFound):
            grave = storage.packages.retired(self._package, self._model.keys.grave(self.version))
            if grave is not None:
                return storage.packages.open(grave, self.path, start, length)
        if self._model.locate(self.version) is not None:
            raise verify.corrupt(self._model, self.version, [Problem(printable(self.path), "missing")])
        raise _no_such_file(self._model, self.version, self.path)

    def presigned_url(self, expires_s: float) -> str | None:
        """An address from which anybody may read the file for so long; None where the storage gives none."""
        try:
            return self._model.storage.packages.presign(self._package, self.path, timedelta(seconds=expires_s))
        except KeyNotFound:
            raise _no_such_file(self._model, self.version, self.path) from None

    @property
    def _package(self) -> str:
        return self._model.keys.package(self.version)


@dataclass(frozen=True)
class Inventory:
    """What lies in a package: path -> (SHA-256 hex, size), the manifest first, the others sorted by path.

    The digest is None where an old manifest does not cover the file, and ``commit_id`` and ``package_digest`` (hex)
    are None if there is one such file. So is the latter where older software has rewritten the metadata since.
    ``damaged``: what is not there, or cannot be what the manifest says, by path.
    """

    files: Mapping[str, tuple[str | None, int]]
    commit_id: str | None
    package_digest: str | None
    damaged: Mapping[str, Problem] = field(default_factory=dict)
    _created_at: list[datetime | None] = field(default_factory=list, compare=False, repr=False)

    def created_at(self, found: Found) -> datetime | None:
        """When the version was made, as its metadata says; read when it is asked for, and then remembered with this."""
        if not self._created_at:
            with suppress(PackageCorrupt):
                self._created_at.append(parse_time(contents.read_meta(found.model, found.version).get("created_at")))
        return self._created_at[0] if self._created_at else None

    def stored(self, found: Found) -> list[StoredFile]:
        """Every file. Raises ``PackageCorrupt``."""
        if self.damaged:
            raise verify.corrupt(found.model, found.version, list(self.damaged.values()))
        return [StoredFile(found.version, path, *known, found.model) for path, known in self.files.items()]

    def file(self, found: Found, path: str) -> StoredFile:
        """The one file. Raises ``ArtifactNotFound``, ``PackageCorrupt``."""
        if path in self.damaged:
            raise verify.corrupt(found.model, found.version, [self.damaged[path]])
        known = self.files.get(path)
        if known is None:
            raise _no_such_file(found.model, found.version, path)
        return StoredFile(found.version, path, *known, found.model)


@dataclass(frozen=True)
class PackageFiles:
    """The files of the version that a selector named a moment ago. ``package_digest`` is as in :class:`Inventory`."""

    version: str
    package_digest: str | None
    _found: Found = field(repr=False)
    _inventory: Inventory = field(repr=False)

    def files(self) -> list[StoredFile]:
        """Every file, the manifest first."""
        return self._inventory.stored(self._found)

    def file(self, path: str) -> StoredFile:
        """The one file. Raises ``ArtifactNotFound``."""
        return self._inventory.file(self._found, path)

    def folder(self, path: str) -> dict[str, StoredFile | None] | None:
        """What is in the folder, by name, sorted: None is another folder. None if there is no such folder.

        The package itself is the folder of the empty path.
        """
        top = f"{path}/" if path else ""
        inside = {name.removeprefix(top): name for name in self._inventory.files if name.startswith(top)}
        if path and not inside:
            return None
        files = {rest: self.file(name) for rest, name in inside.items() if "/" not in rest}
        return {name: files.get(name) for name in sorted({rest.partition("/")[0] for rest in inside})}

    @property
    def named_at(self) -> datetime | None:
        """From which whole second on the selector has named this version; None where nobody knows.

        Of a version it is when it was made. Of an alias it is the second after: in the one before it named another.
        None too where the manifest does not cover every file as it is: such a file may have changed since.
        """
        if self.package_digest is None:
            return None
        if self._found.alias is None:
            made = self._inventory.created_at(self._found)
            return made.replace(microsecond=0) if made is not None else None
        moved = parse_time(self._found.named.updated_at) if self._found.named is not None else None
        return (moved + timedelta(seconds=1)).replace(microsecond=0) if moved is not None else None


class Inventories:
    """Inventories of packages, remembered where the package cannot change, within a bound. Thread-safe."""

    def __init__(self, most_files: int = MOST_FILES) -> None:
        self._known: Bounded[tuple[str, ...], Inventory] = Bounded(
            most_files, lambda inventory: 1 + len(inventory.files)
        )

    def of(self, found: Found) -> Inventory:
        """What lies in the version's package now."""
        identity = _identity(found)
        if identity is None:
            return read_inventory(found)
        inventory = self._known.get(identity)
        if inventory is None:
            inventory = read_inventory(found)
            if not inventory.damaged:
                self._known.put(identity, inventory)
        return inventory


def _identity(found: Found) -> tuple[str, ...] | None:
    """A name for exactly this content; None where older software may still write in the package."""
    storage, package = found.model.storage, found.model.keys.package(found.version)
    if found.facts is not None and found.facts.package_digest is not None:
        return (package, found.facts.package_digest)
    if not storage.packages.sealed(package):
        return None
    marks = [storage.documents.mark(f"{package}/{name}") for name in (MANIFEST, META)]
    known = [mark for mark in marks if mark is not None]
    return (package, *known) if len(known) == len(marks) else None


def read_inventory(found: Found) -> Inventory:
    """What lies in the version's package now; reads its manifest and its metadata."""
    model, version = found.model, found.version
    data, is_baseline = contents.proven_manifest(model, version)
    hashes = dict(manifest.parse(data, covers_manifest=is_baseline).hashes) if data is not None else {}
    said = hashes.get(META)
    if said is not None:
        hashes[META] = _meta_sha256(found) or said
        if hashes[META] != said and package_manifest.is_ours(model, version):
            raise verify.corrupt(model, version, [Problem(META, "changed", DIGEST_PREFIX + said)])
    present, strays = without_strays(model, version, contents.files(model, version), hashes)
    sizes = {path: size_bytes or 0 for path, size_bytes in present.items()}
    for text in warning(strays):
        log.warning("%s@%s: %s", model.title, version, text)
    named = {path: hashes[path] for path in sizes if path in hashes}
    damaged = {path: Problem(printable(path), "missing") for path in hashes.keys() - sizes.keys()}
    for path, sha256 in named.items():
        if sizes[path] == 0 and sha256 != _EMPTY:
            damaged[path] = Problem(printable(path), "changed", DIGEST_PREFIX + sha256, DIGEST_PREFIX + _EMPTY)
    if damaged:
        model.require_version(version)  # deleted meanwhile: then it is not damaged, but gone
    if MANIFEST in sizes and data is not None and not is_baseline:
        hashes[MANIFEST] = digest(data).removeprefix(DIGEST_PREFIX)
    paths = sorted(sizes, key=lambda path: (path != MANIFEST, path))
    files = {path: (hashes.get(path), sizes[path]) for path in paths}
    if data is None or any(sha256 is None for sha256, _ in files.values()):
        return Inventory(files, None, None, damaged)
    package_digest = digest(data).removeprefix(DIGEST_PREFIX) if hashes.get(META) == said else None
    name = commit_id(model.keys.task, model.keys.model_name, version, named)
    return Inventory(files, name, package_digest, damaged)


def _meta_sha256(found: Found) -> str | None:
    """Of the metadata as it is: older software rewrites it for tags, and the manifest does not say so."""
    with suppress(KeyNotFound), found.model.storage.packages.open(_package(found), META) as reader:
        return hash_stream(reader)[0]
    return None


def _package(found: Found) -> str:
    return found.model.keys.package(found.version)


def _no_such_file(model: ModelStore, version: str, path: str) -> ArtifactNotFound:
    return ArtifactNotFound(
        f"{model.title}@{version} has no file {printable(path)!r}.", version=version, path=printable(path)
    )
