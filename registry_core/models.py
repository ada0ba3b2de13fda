"""One model's part of the registry: its names, its lock, its journal, its versions.

This is where an event becomes true. :meth:`ModelStore.changing` is the only way to change a model:
it takes the lock, finishes what a crash left, and hands out the last line of the journal.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from . import aliases
from .errors import (
    LockTimeout,
    ModelNotFound,
    NameTaken,
    PackageCorrupt,
    RegistryError,
    StorageUnavailable,
    VersionNotFound,
)
from .journal import Journal, Line
from .layout import TASKS, ModelKeys, models
from .model import Alias
from .refs import check_new_name, is_name, is_segment, printable
from .storage.base import Facts, KeyNotFound, PreconditionFailed, Prepared, Staging, Storage

log = logging.getLogger(__name__)

MAX_BACKOFF_S = 0.05

T = TypeVar("T")


class ModelStore:
    """The stored facts of one model. Making one touches nothing."""

    def __init__(self, storage: Storage, task: str, model_name: str, lock_timeout_s: float) -> None:
        self.storage = storage
        self.keys = ModelKeys(task, model_name)
        self.journal = Journal(storage, self.keys.journal)
        self._lock_timeout_s = lock_timeout_s

    @property
    def title(self) -> str:
        return f"{self.keys.task}/{self.keys.model_name}"

    # what is there

    def exists(self) -> bool:
        """Whether it has a version or an event; an empty directory is no model."""
        return any(True for _ in self.storage.list(self.keys.versions)) or self.journal.last() is not None

    def require(self) -> "ModelStore":
        """The store itself. Raises ``ModelNotFound``."""
        if not self.exists():
            raise ModelNotFound(
                f"There is no model {self.title}.", task=self.keys.task, model_name=self.keys.model_name
            )
        return self

    def versions(self) -> Iterator[str]:
        """Published versions, sorted by name."""
        return (entry.name for entry in self.storage.list(self.keys.versions) if entry.kind == "prefix")

    def find(self, selector: str) -> tuple[str, str | None] | None:
        """(version, alias or None) that the selector names; the alias wins. None if nothing does.

        Raises ``InvalidName`` for a selector that can name nothing, ``PackageCorrupt``.
        """
        if self._may_look_up(selector, self.keys.aliases, aliases.SUFFIX):
            alias = aliases.read(self.storage, self.keys, selector)
            if alias is not None:
                return alias.version, alias.alias
        return (selector, None) if self.has_version(selector) else None

    def has_version(self, version: str, *, strict: bool = True) -> bool:
        """Whether the version is published. With ``strict`` raises ``InvalidName`` for no name."""
        if self._may_look_up(version, self.keys.versions):
            return self.locate(version) is not None
        if strict:
            check_new_name("version", version)
        return False

    def is_taken(self, version: str) -> bool:
        """Whether the name is, or ever was, a version's: published, or registered and deleted."""
        return self.has_version(version) or self.registered(version) is not None

    def locate(self, version: str) -> str | None:
        """Where the published version lies, or None. The name must have been looked up before."""
        try:
            return self.storage.locate(self.keys.package(version))
        except KeyNotFound:
            return None

    def require_version(self, version: str) -> str:
        """Where the version lies. Raises ``VersionNotFound``, ``InvalidName``."""
        location = self.locate(version) if self.has_version(version) else None
        if location is None:
            raise VersionNotFound(
                f"{self.title} has no version {printable(version)!r}.",
                task=self.keys.task,
                model_name=self.keys.model_name,
                version=printable(version),
            )
        return location

    def registered(self, version: str) -> Line | None:
        """The event that registered the version, or None (older software's, or never)."""
        facts = self.storage.facts(self.keys.package(version)) if self.locate(version) else None
        if facts is not None:
            line = self.journal.line(facts.seq)
            if line is not None and _registers(line, version):
                return line
        found = None
        for line in self.journal.mentioning(version):
            if _registers(line, version):
                found = line
        return found

    def alias_target(self, alias: str) -> str | None:
        """The version that the alias names, None if there is none.

        Where its document is damaged the journal says it, so that a promote can mend it.
        """
        try:
            found = aliases.read(self.storage, self.keys, alias)
        except PackageCorrupt as error:
            log.error("%s: %s", self.title, error.message)
        else:
            return found.version if found else None
        moves = [line.get("version") for line in self.journal.mentioning(alias) if line.get("alias") == alias]
        return moves[-1] if moves else None

    def check_alias_name(self, alias: str) -> None:
        """The alias is there, or may be made. Raises ``InvalidName``, ``NameTaken``."""
        known = self._may_look_up(alias, self.keys.aliases, aliases.SUFFIX)
        if known and self.alias_target(alias) is not None:
            return
        check_new_name("alias", alias)
        if self.is_taken(alias):
            raise NameTaken(f"{alias!r} is a version of {self.title}; an alias needs another name.")

    def aliases(self) -> list[Alias]:
        """Every readable alias, sorted; a damaged document is left out and logged."""
        found = []
        for name in aliases.names(self.storage, self.keys):
            try:
                alias = aliases.read(self.storage, self.keys, name)
            except PackageCorrupt as error:
                log.error("%s: %s", self.title, error.message)
                continue
            if alias is not None:
                found.append(alias)
        return found

    def _may_look_up(self, name: str, prefix: str, suffix: str = "") -> bool:
        return may_look_up(self.storage, name, prefix, suffix)

    # changing it

    def change(self, decide: Callable[[Line | None], T]) -> T:
        """What ``decide`` returns, called with the model held, what crashes left finished, and the
        journal's last line.

        Where a storage has no locks, another writer may take the next place in the journal first
        (``PreconditionFailed`` from the append, before anything has changed): then it is decided
        anew, until the lock timeout. Raises ``LockTimeout``, and whatever ``decide`` raises.
        """
        self.storage.check_guarantees()
        deadline = time.monotonic() + self._lock_timeout_s
        while True:
            with self.storage.lock(self.keys.model, self._lock_timeout_s):
                last = self.finish()
                try:
                    return decide(last)
                except PreconditionFailed:
                    if time.monotonic() >= deadline:
                        raise LockTimeout(
                            f"Other changes to {self.title} kept coming first. Nothing was changed; try again.",
                            retry_after_s=2,
                        ) from None
            time.sleep(random.uniform(0, MAX_BACKOFF_S))

    def finish(self) -> Line | None:
        """Make true whatever the last event says; call with the lock held. Returns the last line."""
        last = self.journal.last()
        event, superseded = self._last_own(last)
        if event is not None:
            if self._lacks_package(event):
                self._publish(event)
            if self._moves_alias(event, superseded):
                aliases.write(self.storage, self.keys, event)
        return last

    def finish_pending(self) -> bool:
        """Finish what a crash left, if anything; whether there was. Raises ``LockTimeout``."""
        if not self.pending():
            return False
        with self.storage.lock(self.keys.model, self._lock_timeout_s):
            self.finish()
        return True

    def pending(self) -> list[str]:
        """What the last event says that is not true yet; empty if nothing. Writes nothing."""
        event, superseded = self._last_own(self.journal.last())
        if event is None:
            return []
        steps = []
        if self._lacks_package(event):
            steps.append(f"version {event['version']} is registered but not published")
        if self._moves_alias(event, superseded) and aliases.is_behind(self.storage, self.keys, event):
            steps.append(f"alias {event['alias']} does not name {event['version']} yet")
        return steps

    def attempts_in_want(self) -> set[str]:
        """Staging attempts that events name but whose versions are not published: never to be swept."""
        wanted: dict[str, str] = {}
        for line in self.journal.lines():
            if line.is_own and line.get("event") == "register":
                wanted[line.get("attempt")] = line.get("version")
        return {attempt for attempt, version in wanted.items() if self.locate(version) is None}

    def _last_own(self, last: Line | None) -> tuple[Mapping[str, Any] | None, frozenset[str]]:
        """(our last event, the aliases that older software has moved since)."""
        if last is None or last.is_own:
            return (last.fields if last else None), frozenset()
        own: Line | None = None
        since: set[str] = set()
        for line in self.journal.lines():
            if line.is_own:
                own, since = line, set()
            elif isinstance(line.get("alias"), str):
                since.add(line.get("alias"))
        return (own.fields if own else None), frozenset(since)

    def _lacks_package(self, event: Mapping[str, Any]) -> bool:
        if event["event"] != "register":
            return False
        return not self.storage.sealed(self.keys.package(event["version"]))

    def _moves_alias(self, event: Mapping[str, Any], superseded: frozenset[str]) -> bool:
        return bool(event.get("alias")) and event["alias"] not in superseded

    def _publish(self, event: Mapping[str, Any]) -> None:
        try:
            self.storage.stage(self.keys.package(event["version"]), event["attempt"]).publish(facts_of(event))
        except (KeyNotFound, PreconditionFailed):
            # The staged bytes are gone, or others stand in their place: nothing may be invented
            # or replaced. `check` reports the version; the model stays usable.
            log.error("%s: version %s of event %s cannot be published", self.title, event["version"], event["seq"])

    def commit(self, event: dict[str, Any], staging: Staging | None = None) -> None:
        """The event is in the journal and true. Call from within :meth:`change`.

        Raises ``PreconditionFailed`` and ``StorageError`` with nothing changed; after the append the
        change stands, and what fails then is a ``StorageUnavailable`` with ``committed: true``.
        """
        alias = aliases.prepare(self.storage, self.keys, event) if event["alias"] is not None else None
        try:
            self.journal.append(event)
            if staging is not None:
                staging.keep()
            try:
                if staging is not None:
                    staging.publish(facts_of(event))
                if alias is not None:
                    self._show_alias(alias, event)
            except (RegistryError, KeyNotFound, PreconditionFailed) as error:
                raise self._unfinished(event, error) from error
        finally:
            if alias is not None:
                alias.discard()

    def _show_alias(self, prepared: Prepared, event: Mapping[str, Any]) -> None:
        try:
            prepared.commit()
        except PreconditionFailed:
            aliases.write(self.storage, self.keys, event)  # another replica was faster to finish it

    def _unfinished(self, event: Mapping[str, Any], cause: Exception) -> StorageUnavailable:
        log.error("%s: event %s stands but is not finished: %s", self.title, event["seq"], cause)
        return StorageUnavailable(
            "The change is recorded and will be completed by the next change to this model or by a sweep, "
            "but the storage failed before it became visible. Do not send it again.",
            committed=True,
            seq=event["seq"],
            retry_after_s=5,
        )


def facts_of(event: Mapping[str, Any]) -> Facts:
    """What a register event says of its package."""
    return Facts(event["seq"], event["package_digest"])


def _registers(line: Line, version: str) -> bool:
    return line.is_own and line.get("event") == "register" and line.get("version") == version


def may_look_up(storage: Storage, name: str, prefix: str, suffix: str = "") -> bool:
    """Whether ``name`` may become part of a key: by the grammar, or because it is there already."""
    if not isinstance(name, str):
        return False
    if is_name(name):
        return True
    return is_segment(name) and any(entry.name == name + suffix for entry in storage.list(prefix))


def all_models(storage: Storage, lock_timeout_s: float) -> Iterator[ModelStore]:
    """Every model of the registry, sorted by task and name."""
    for task in storage.list(TASKS):
        if task.kind != "prefix":
            continue
        for entry in storage.list(models(task.name)):
            if entry.kind == "prefix":
                yield ModelStore(storage, task.name, entry.name, lock_timeout_s)


def open_model(storage: Storage, task: str, model_name: str, lock_timeout_s: float) -> ModelStore:
    """The store of a model that may be looked up. Raises ``InvalidName``.

    A name outside the grammar is let through if the registry already holds it.
    """
    if not may_look_up(storage, task, TASKS):
        check_new_name("task", task)
    if not may_look_up(storage, model_name, models(task)):
        check_new_name("model_name", model_name)
    return ModelStore(storage, task, model_name, lock_timeout_s)
