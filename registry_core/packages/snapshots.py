"""Versions under their commit ids: as the clients of the Hugging Face Hub protocol ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..format.chain import Line
from ..format.commit_ids import is_commit_id
from ..format.events import REGISTER
from ..format.layout import MANIFEST
from ..models.aliases import LATEST
from ..models.annotation import beside
from ..models.journal import COMMIT, KIND
from ..models.model import Found, ModelStore
from ..vocabulary.answers import Problem, Warned
from ..vocabulary.bounded import Bounded
from ..vocabulary.errors import PackageCorrupt, VersionNotFound
from ..vocabulary.texts import printable
from . import contents, verify
from .parallel import in_parallel
from .stored_files import Inventories, Inventory, StoredFile

MAIN = "main"  # what those clients ask for where the user names nothing
MOST_REMEMBERED = 10_000
_LOOKING_AT_ONCE = 8


@dataclass(frozen=True)
class HubCommit:
    """A version as the Hub's clients list it; ``seq`` is None for older software's."""

    commit_id: str
    version: str
    created_at: str | None
    actor: str | None
    reason: str | None
    seq: int | None


@dataclass(frozen=True)
class Snapshot:
    """One version, named by what it is and not by what an alias says a moment later.

    ``is_for_use``: whoever asks for it may be told what its files hold, and not only which there are.
    """

    commit_id: str
    version: str
    _found: Found = field(repr=False)
    _inventory: Inventory = field(repr=False)
    is_for_use: bool = True

    def files(self) -> list[StoredFile]:
        """Every file, each with its digest, the manifest first."""
        return self._inventory.stored(self._found)

    def file(self, path: str) -> StoredFile:
        """One file. Raises ``ArtifactNotFound``."""
        return self._inventory.file(self._found, path)

    def about(self) -> dict[str, Any]:
        """``created_at`` and ``tags``; what cannot be read is left out."""
        meta: dict[str, Any] = {}
        with suppress(PackageCorrupt):
            meta = contents.read_meta(self._found.model, self.version)
        tags = beside(self._found.model, self.version, meta, []).tags
        return {"created_at": meta.get("created_at"), "tags": tags}


class Snapshots:
    """Finds versions by alias, name or commit id. Remembers what cannot change, within a bound. Thread-safe."""

    def __init__(self, inventories: Inventories, most: int = MOST_REMEMBERED) -> None:
        self._inventories = inventories
        self._versions: Bounded[tuple[str, str], str] = Bounded(most)  # by the model and the commit id
        self._commits: Bounded[tuple[str, str], HubCommit] = Bounded(most)  # by the model and the version

    def find(self, model: ModelStore, revision: str) -> Snapshot | None:
        """The version that the revision names; None if nothing has the name.

        A revision is an alias, a version, a commit id, or ``main``: the alias of that name if there is one, else
        ``latest``. Raises ``PackageCorrupt``, and ``VersionNotFound`` for a version without a commit id.
        """
        if is_commit_id(revision):
            version = self._version_of(model, revision)
            location = model.locate(version) if version is not None else None
            if version is not None and location is not None:
                found = Found(model, version, None, location, model.facts(version))
                snapshot = self._snapshot(found)
                if snapshot.commit_id != revision:
                    raise verify.corrupt(model, version, [Problem(MANIFEST, "manifest")])
                return snapshot
        named = model.find(revision)
        if named is None and revision == MAIN:
            named = model.find(LATEST)
        return self._snapshot(named) if named is not None else None

    def hub_commits(self, model: ModelStore) -> Warned[HubCommit]:
        """Every version that has a commit id, the newest first."""
        found = [commit for commit in self._all(model) if commit is not None]
        found.sort(key=lambda commit: (commit.seq or 0, commit.created_at or "", commit.version), reverse=True)
        model.notice_newest()
        return Warned(found, [*self._unregistered(model, found), *model.told.warnings(asks=True)])

    def _unregistered(self, model: ModelStore, found: list[HubCommit]) -> Iterator[str]:
        """Versions that are laid down as ours, and that no event registers."""
        for commit in found:
            if commit.seq is None and model.storage.packages.sealed(model.keys.package(commit.version)):
                yield f"No event registers {commit.version}, so the journal is damaged, or somebody has sealed it."
                return

    def _snapshot(self, found: Found) -> Snapshot:
        inventory = self._inventories.of(found)
        if inventory.commit_id is None:
            bare = next((path for path, (sha256, _) in inventory.files.items() if sha256 is None), MANIFEST)
            raise VersionNotFound(
                f"{found.model.title}@{found.version} has no commit id, because its manifest does not cover all of "
                f"its files ({printable(bare)!r} for one). 'omr adopt' takes such a version over.",
                version=found.version,
            )
        self._versions.put((found.model.title, inventory.commit_id), found.version)
        return Snapshot(inventory.commit_id, found.version, found, inventory)

    # commit id -> version

    def _version_of(self, model: ModelStore, commit_id: str) -> str | None:
        known = self._versions.get((model.title, commit_id))
        if known is not None:
            return known
        if not model.storage.packages.keeps_facts():
            for line in model.journal.named(COMMIT, commit_id):
                return str(line.get("version"))
        for found in self._all(model, only_unrecorded=True):
            if found is not None and found.commit_id == commit_id:
                return found.version
        return None

    def _all(self, model: ModelStore, *, only_unrecorded: bool = False) -> Iterator[HubCommit | None]:
        """Of each version; with ``only_unrecorded``, where the journal is read, those whose event names no commit."""
        if not model.storage.packages.keeps_facts():
            lines: dict[str, Line] = {}
            for line in model.journal.named(KIND, REGISTER):
                if line.get("seq") != line.seq or not line.is_of(model.keys.names):
                    model.told.broken(line, "the line says that it is another event")
                lines.setdefault(line.get("version"), line)
            for version in model.versions():
                born = lines.get(version)
                if not only_unrecorded or born is None or born.get("commit") is None:
                    yield self._hub_commit(model, version, born)
            return

        def look(version: str) -> HubCommit | None:
            known = self._commits.get((model.title, version))
            return known or self._hub_commit(model, version, _event(model, version))

        yield from in_parallel(look, list(model.versions()), _LOOKING_AT_ONCE)

    def _hub_commit(self, model: ModelStore, version: str, line: Line | None) -> HubCommit | None:
        commit_id = line.get("commit") if line is not None else None
        created_at = line.get("created_at") if line is not None else None
        if not isinstance(commit_id, str):
            location = model.locate(version)
            if location is None:
                return None
            commit_id = self._inventories.of(Found(model, version, None, location, model.facts(version))).commit_id
            if commit_id is None:
                return None
        if created_at is None:
            with suppress(PackageCorrupt):
                created_at = contents.read_meta(model, version).get("created_at")
        actor, reason = (line.get("actor"), line.get("reason")) if line is not None else (None, None)
        self._versions.put((model.title, commit_id), version)
        found = HubCommit(commit_id, version, created_at, actor, reason, line.seq if line is not None else None)
        if line is not None:
            self._commits.put((model.title, version), found)
        return found


def _registers(line: Line) -> bool:
    return line.is_own and line.get("event") == REGISTER


def _event(model: ModelStore, version: str) -> Line | None:
    """The event that registered the version, by its pointer and so for two small reads."""
    facts = model.facts(version)
    line = model.journal.line(facts.seq) if facts is not None and facts.seq is not None else None
    return line if line is not None and _registers(line) and line.get("version") == version else None
