"""``ModelRegistry``: the verbs. REST, the CLI and Python callers all come through here."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from typing import Any

from . import audit, migration, packages, promotion, registration, sweeping
from .aliases import stage_of
from .changes import finish_pending
from .config import CoreSettings
from .errors import InvalidParameter, LockTimeout, NotConfigured, RegistryError, VersionNotFound
from .layout import FORMAT, REGISTRY
from .model import (
    Alias,
    CheckReport,
    Description,
    Event,
    HistoryPage,
    MigrationReport,
    PackageListing,
    ProgressCallback,
    Promotion,
    Registration,
    Resolution,
    SweepReport,
    Verification,
)
from .models import Found, ModelStore, all_models, open_model
from .promotion import UNSET, Unset
from .refs import parse_ref
from .storage import Storage, open_storage
from .storage.base import KeyNotFound

log = logging.getLogger(__name__)

MAX_HISTORY_LIMIT = 1000
DEFAULT_SWEEP_AGE_S = 24 * 3600.0


class ModelRegistry:
    """A registry of models under one root. Thread-safe; any number may serve the same root."""

    def __init__(self, storage: Storage, settings: CoreSettings) -> None:
        self._storage = storage
        self._settings = settings
        self._directory = settings.root if settings.root and "://" not in settings.root else None

    @classmethod
    def open(
        cls,
        root: str | os.PathLike[str] | None = None,
        *,
        settings: CoreSettings | None = None,
        storage: Storage | None = None,
    ) -> "ModelRegistry":
        """A registry whose root is there, usable, and of a format that this software knows.

        ``root`` is a directory (or a storage URI); by default, and for every other setting, the
        ``OMNIBIOAI_MODEL_REGISTRY_*`` environment. ``storage`` takes the place of the one that the
        root names. Opening writes nothing. Raises ``NotConfigured`` saying what is wrong.
        """
        settings = settings or CoreSettings.from_env()
        if root is not None:
            settings = replace(settings, root=os.fspath(root))
        if storage is None:
            if settings.root is None:
                raise NotConfigured(
                    "No registry root is configured. Set OMNIBIOAI_MODEL_REGISTRY_ROOT to its directory.",
                    reason="root_not_set",
                )
            storage = open_storage(settings.root, settings.storage)
        registry = cls(storage, settings)
        registry.probe()
        registry.check_format()
        return registry

    def probe(self) -> int | None:
        """Bytes free (None: no limit known) of a root that is there and writable.

        Costs no request to an object store, and writes nothing. Raises ``NotConfigured``.
        """
        return self._storage.probe()

    def check_format(self) -> None:
        """The root answers, and its format is one that this software knows.

        Raises ``NotConfigured``, ``StorageUnavailable``.
        """
        try:
            found = json.loads(self._storage.read(REGISTRY).data)
            known = isinstance(found, dict) and found.get("format") == FORMAT
        except KeyNotFound:
            known = True  # empty, or written by older software
        except (ValueError, RecursionError):
            known = False
        if not known:
            raise NotConfigured(
                f"The root's {REGISTRY} does not say format {FORMAT}, the one that this version reads. "
                "Use the software that wrote it, or restore the file.",
                reason="unknown_format",
            )

    def check_guarantees(self) -> None:
        """The storage does what the registry builds on; asked before the first change anyway.

        Raises ``NotConfigured`` naming what it lacks.
        """
        self._storage.check_guarantees()

    @property
    def recovers_quickly(self) -> bool:
        """Whether :meth:`recover` is a matter of a moment, so that a service may wait for it."""
        return self._storage.scans_logs_cheaply

    # verbs that change something

    def register(
        self,
        task: str,
        model_name: str,
        version: str,
        artifacts_dir: str | os.PathLike[str],
        metadata: dict[str, Any] | None = None,
        *,
        set_alias: str | None = "latest",
        actor: str | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> Registration:
        """The package is a version for ever, and ``set_alias`` names it; or nothing has changed.

        ``artifacts_dir`` is an absolute path that this process can read. Raises ``InvalidInput``,
        ``DigestMismatch``, ``VersionExists``, ``NameTaken``, ``StorageError``; only a
        ``StorageUnavailable`` with ``committed: true`` leaves a change behind, and that one whole.
        """
        model = self._model(task, model_name)
        request = registration.Request(
            task=task,
            model_name=model_name,
            version=version,
            artifacts_dir=os.fspath(artifacts_dir),
            metadata={} if metadata is None else metadata,
            set_alias=set_alias,
            actor=actor,
            reason=reason,
            idempotency_key=idempotency_key,
        )
        return registration.register(model, request, self._settings, registry_root=self._directory, progress=progress)

    def promote(
        self,
        task: str,
        model_name: str,
        alias: str,
        version: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        expected_version: str | Unset | None = UNSET,
    ) -> Promotion:
        """The alias names the version, and the journal says who moved it and why.

        With ``expected_version`` only if the alias names that version now (None: if there is no
        such alias). Raises ``NotFound``, ``AliasMoved``, ``NameTaken``, ``StorageError``.
        """
        return promotion.promote(
            self._model(task, model_name).require(),
            alias,
            version,
            actor=actor,
            reason=reason,
            expected_version=expected_version,
        )

    def sweep(self, older_than_s: float = DEFAULT_SWEEP_AGE_S, *, dry_run: bool = False) -> SweepReport:
        """Every journal is finished, and abandoned staging older than the age is gone."""
        if not older_than_s >= 0:
            raise InvalidParameter("The age is a number of seconds, 0 or more.", field="older_than_s")
        return sweeping.sweep(self._storage, self._settings.lock_timeout_s, older_than_s, dry_run=dry_run)

    def recover(self) -> list[str]:
        """What crashes left is finished in every model; called when a service starts.

        Returns the models finished. One that cannot be finished now is logged and left.
        """
        finished = []
        for model in all_models(self._storage, 0.0):
            try:
                if finish_pending(model):
                    finished.append(model.title)
            except LockTimeout:
                pass  # its holder is alive and finishes it
            except RegistryError as error:
                log.error("%s: recovery failed: %s", model.title, error)
        return finished

    def migrate_to(self, target: ModelRegistry, *, progress: ProgressCallback | None = None) -> MigrationReport:
        """Every model, version and event is in ``target`` too, proven; run again to catch up.

        Nobody should write to either registry meanwhile. Raises ``PackageCorrupt``, ``NameTaken``.
        """
        return migration.migrate(
            self._storage,
            target._storage,
            lock_timeout_s=self._settings.lock_timeout_s,
            workers=self._settings.workers,
            progress=progress,
        )

    # verbs that read

    def resolve(
        self, task: str, ref: str, *, verify: bool = True, progress: ProgressCallback | None = None
    ) -> Resolution:
        """The exact version that the ref names, with every byte proven unless ``verify`` is false.

        Raises ``InvalidRef``, ``NotFound``, ``PackageCorrupt`` (with its ``problems``).
        """
        found = self._find(task, ref)
        checked = self._prove(found, progress) if verify else None
        return Resolution(
            path=found.location,
            task=task,
            model_name=found.model.keys.model_name,
            version=found.version,
            alias=found.alias,
            package_digest=checked.package_digest if checked else packages.package_digest(found.model, found.version),
            verified=verify,
            warnings=checked.warnings if checked else [],
        )

    def show(self, task: str, ref: str, *, verify: bool = False) -> Description:
        """What is known about the version. Raises as :meth:`resolve`."""
        found = self._find(task, ref)
        model, version = found.model, found.version
        checked = self._prove(found, None) if verify else None
        meta = packages.read_meta(model, version)
        pointing = [alias.alias for alias in model.aliases() if alias.version == version]
        tags, description = meta.get("tags"), meta.get("description")
        return Description(
            meta=meta,
            package_dir=found.location,
            version=version,
            aliases=pointing,
            tags=tags if isinstance(tags, dict) else {},
            stage=stage_of(pointing),
            description=description if isinstance(description, str) else None,
            package_digest=checked.package_digest if checked else packages.package_digest(model, version),
            warnings=checked.warnings if checked else [],
        )

    def verify(self, task: str, ref: str, *, progress: ProgressCallback | None = None) -> Verification:
        """Every byte of the version was read and is as registered. Raises as :meth:`resolve`."""
        return self._prove(self._find(task, ref), progress)

    def list_aliases(self, task: str, model_name: str) -> list[Alias]:
        """The model's aliases, sorted by name. Raises ``ModelNotFound``."""
        return self._model(task, model_name).require().aliases()

    def history(
        self,
        task: str,
        model_name: str,
        *,
        alias: str | None = None,
        version: str | None = None,
        event: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> HistoryPage:
        """The model's events after seq ``after``, oldest first, at most ``limit`` (1 to 1000).

        Raises ``ModelNotFound``, ``InvalidParameter``.
        """
        if not 1 <= limit <= MAX_HISTORY_LIMIT:
            raise InvalidParameter(f"limit is from 1 to {MAX_HISTORY_LIMIT}.", field="limit")
        if after < 0:
            raise InvalidParameter("after is the seq of an event, 0 or more.", field="after")
        wanted = {"alias": alias, "version": version, "event": event}
        found: list[Event] = []
        for line in self._model(task, model_name).require().journal.lines(after):
            if line.fields is None:
                continue  # damage in the middle: `check` names it
            entry = Event.from_fields(line.seq, line.fields)
            if all(value is None or getattr(entry, name) == value for name, value in wanted.items()):
                if len(found) == limit:
                    return HistoryPage(found, found[-1].seq)
                found.append(entry)
        return HistoryPage(found, None)

    def artifacts(self, task: str, ref: str) -> PackageListing:
        """Every file of the version but the manifest, nested paths included; reads no artifact."""
        found = self._find(task, ref)
        return packages.listing(found.model, found.version)

    def check(self) -> CheckReport:
        """Journal, versions, aliases and manifests of the whole registry, compared; reads only."""
        return audit.check(self._storage)

    # shared by the verbs

    def _model(self, task: str, model_name: str) -> ModelStore:
        return open_model(self._storage, task, model_name, self._settings.lock_timeout_s)

    def _find(self, task: str, ref: str) -> Found:
        parsed = parse_ref(ref)
        model = self._model(task, parsed.model_name)
        found = model.find(parsed.selector)
        if found is None:
            model.require()
            raise VersionNotFound(
                f"{model.title} has no alias or version {parsed.selector!r}.",
                task=task,
                model_name=parsed.model_name,
                selector=parsed.selector,
            )
        return found

    def _prove(self, found: Found, progress: ProgressCallback | None) -> Verification:
        return packages.verify(found.model, found.version, workers=self._settings.workers, progress=progress)
