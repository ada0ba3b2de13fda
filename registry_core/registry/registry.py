"""``ModelRegistry``: the verbs. REST, the CLI and Python callers all come through here."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from typing import Any

from .. import verbs
from ..access.roles import Action
from ..models import older
from ..models.aliases import LATEST
from ..packages import contents, intake
from ..packages.snapshots import MAIN, HubCommit, Snapshot, Snapshots
from ..packages.stored_files import Inventories, PackageFiles, StoredFile
from ..settings import CoreSettings
from ..storage import Storage
from ..verbs import resolution
from ..vocabulary.answers import (
    Admission,
    Alias,
    Description,
    PackageListing,
    Registration,
    Resolution,
    Verification,
    Warned,
)
from ..vocabulary.comparison import Comparison
from ..vocabulary.errors import ModelNotFound
from ..vocabulary.evidence_errors import GateNotMet
from ..vocabulary.progress import ProgressCallback
from ..vocabulary.runs import Metrics
from ..vocabulary.unset import UNSET, Unset
from . import observing
from .access import AccessVerbs
from .attesting import AttestingVerbs
from .beginning import BeginningVerbs
from .facts import FactsVerbs
from .governing import GoverningVerbs
from .happened import EventVerbs
from .listing import ListingVerbs
from .looking import LookingVerbs
from .publishing import PublishingVerbs
from .running import RunningVerbs
from .uploads import UploadVerbs


class ModelRegistry(
    BeginningVerbs,
    GoverningVerbs,
    FactsVerbs,
    AttestingVerbs,
    RunningVerbs,
    LookingVerbs,
    EventVerbs,
    ListingVerbs,
    UploadVerbs,
    PublishingVerbs,
    AccessVerbs,
):
    """A registry of models under one root. Thread-safe; any number may serve the same root.

    Here are register and the verbs that read; those that govern, those over all models and those
    of the operator are inherited. ``Verbs`` says of each that a client has too what it takes and guarantees.
    """

    def __init__(self, storage: Storage, settings: CoreSettings) -> None:
        super().__init__(storage, settings)
        self._inventories = Inventories()
        self._snapshots = Snapshots(self._inventories)

    @property
    def artifacts_allowed_roots(self) -> tuple[str, ...]:
        """Where ``artifacts_dir`` may lie; empty: anywhere outside the registry."""
        return self._settings.artifacts_allowed_roots

    def register(
        self,
        task: str,
        model_name: str,
        version: str,
        artifacts_dir: str | os.PathLike[str] | None = None,
        metadata: dict[str, Any] | None = None,
        *,
        set_alias: str | Unset | None = UNSET,
        actor: str | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
        upload_id: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> Registration:
        """The package is a version for ever, and ``set_alias`` names it; or nothing has changed.

        Where no ``set_alias`` is named it is ``latest``, if the caller may move that.

        ``artifacts_dir`` is an absolute path that this process can read; in its place ``upload_id`` may name what
        :meth:`begin_upload` began, which ends with success and stays as it is otherwise. Raises ``InvalidInput``,
        ``DigestMismatch``, ``VersionExists``, ``NameTaken``, ``StorageError``; only a
        ``StorageUnavailable`` with ``committed: true`` leaves a change behind, and that one whole.
        """
        alias, left_out = self._alias_for(task, model_name, set_alias)
        model = self._model(task, model_name, Action.WRITE, sets=alias, names=version)
        request = verbs.registration.Request(
            task=task,
            model_name=model_name,
            version=version,
            artifacts_dir=None if artifacts_dir is None else os.fspath(artifacts_dir),
            metadata={} if metadata is None else metadata,
            set_alias=alias,
            actor=actor,
            reason=reason,
            idempotency_key=idempotency_key,
            upload_id=upload_id,
            left_out=left_out,
            whose=None if self._door is None else self._door.whose,
        )
        settings = self._settings_for(task, model_name, artifacts_dir)
        if model.asking is not None and request.artifacts_dir is not None:
            model.asking.add(lambda: self._require_still_there(request))
        done = verbs.registration.register(
            model,
            request,
            settings,
            registry_root=self._directory,
            gate=self._gate,
            observers=observing.of_every_package(self._policies, settings.workers),
            uploaded=lambda upload_id, model: self._uploads_with(upload_id).claim(upload_id, model),
            progress=self._asked(model, progress),
        )
        if left_out is None or done.alias_set is not None:
            return done
        said = f"alias_not_set: no alias names the version, since the rules do not let you move {left_out!r}."
        return replace(done, warnings=[*done.warnings, said])

    def ask_register(
        self,
        task: str,
        model_name: str,
        version: str,
        metadata: dict[str, Any] | None = None,
        *,
        set_alias: str | Unset | None = UNSET,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Admission:
        """Whether :meth:`register` would take the name, the words and the alias; nothing is read or changed.

        Raises as it would, but not ``VersionExists``: the answer says what has the name.
        """
        said = {} if metadata is None else metadata
        alias, _ = self._alias_for(task, model_name, set_alias)
        request = verbs.registration.Request(task, model_name, version, None, said, alias, actor, reason, None)
        model = self._model(task, model_name, Action.WRITE, sets=alias, names=version)
        return verbs.admission.ask(model, request, self._gate)

    def _alias_for(self, task: str, model_name: str, asked: str | Unset | None) -> tuple[str | None, str | None]:
        """(the alias that shall name the new version, the one that is left out because nobody named it)."""
        if not isinstance(asked, Unset):
            return asked, None
        may = self._door is None or self._door.may(task, model_name, Action.PROMOTE, LATEST)
        return (LATEST, None) if may else (None, LATEST)

    def _settings_for(self, task: str, model_name: str, artifacts_dir: object) -> CoreSettings:
        """The settings, with the directories that this caller may name. Raises ``PermissionDenied``."""
        if self._door is None or artifacts_dir is None:
            return self._settings
        allowed = self._door.sources(task, model_name, self._settings.artifacts_allowed_roots)
        return replace(self._settings, artifacts_allowed_roots=allowed)

    def _require_still_there(self, request: verbs.registration.Request) -> None:
        """The directory lies where the caller may name one by now. Raises as :meth:`register`."""
        where, named = request.artifacts_dir or "", (request.task, request.model_name)
        intake.contained(where, None, self._settings_for(*named, where).artifacts_allowed_roots)

    # verbs that read

    def resolve(
        self,
        task: str,
        ref: str,
        *,
        verify: bool = True,
        as_of: str | datetime | None = None,
        progress: ProgressCallback | None = None,
    ) -> Resolution:
        if as_of is None:
            found = self._find(task, ref, Action.USE)
        else:
            found, _ = self._find_then(task, ref, as_of, Action.USE)
        if as_of is not None:
            return resolution.resolve(found, self._prove(found, progress) if verify else None)
        resolved = resolution.resolve(found, self._prove(found, progress) if verify else None)
        about = self._about_gate(found)
        return replace(resolved, warnings=[*resolved.warnings, *about]) if about else resolved

    def show(self, task: str, ref: str, *, verify: bool = False, as_of: str | datetime | None = None) -> Description:
        action, then = Action.USE if verify else Action.READ, None
        if as_of is None:
            found = self._find(task, ref, action)
        else:
            found, then = self._find_then(task, ref, as_of, action)
        shown = resolution.show(found, then, self._prove(found, None) if verify else None)
        about = self._about_gate(found) if then is None else []
        shown = replace(shown, warnings=[*shown.warnings, *about]) if about else shown
        may_use = self._door is None or self._door.may(task, found.model.keys.model_name, Action.USE)
        try:
            if then is None:
                self._require_no_version_in_the_place(found)
        except GateNotMet as error:
            return replace(shown, package_dir=None, warnings=[*shown.warnings, f"{error.code}: {error.message}"])
        return shown if may_use else replace(shown, package_dir=None)

    def verify(self, task: str, ref: str, *, progress: ProgressCallback | None = None) -> Verification:
        found = self._find(task, ref, Action.USE)
        checked = self._prove(found, progress)
        return replace(checked, warnings=[*checked.warnings, *resolution.told(found)])

    def list_aliases(self, task: str, model_name: str, as_of: str | datetime | None = None) -> Warned[Alias]:
        model = self._model(task, model_name, Action.READ)
        if as_of is not None:
            then = verbs.looking.aliases_at(model.require(), as_of)
            return Warned(self._unnamed(then), then.warnings)
        found, warnings = model.told.aliases(), model.told.warnings(asks=True)
        if warnings or not model.noticed.shown:  # else the journal has an event that they show, so there is a model
            try:
                model.require()
            except ModelNotFound:
                if not older.is_emptied(model.storage, model.keys):
                    raise
                found = []
        return Warned(self._unnamed(found), warnings)

    def artifacts(self, task: str, ref: str) -> PackageListing:
        found = self._find(task, ref, Action.READ)
        listing = contents.listing(found.model, found.version)
        return replace(listing, warnings=[*listing.warnings, *resolution.told(found)])

    def file(self, task: str, ref: str, path: str) -> StoredFile:
        """One file of the version, to be read from. Raises ``ArtifactNotFound`` and as :meth:`resolve`."""
        found = self._find(task, ref, Action.USE)
        return self._inventories.of(found).file(found, path)

    def files(self, task: str, ref: str) -> list[StoredFile]:
        """Every file of the version, the manifest first. Raises as :meth:`resolve`."""
        return self.package_files(task, ref).files()

    def package_files(self, task: str, ref: str) -> PackageFiles:
        """The files of the version, found by one look. Raises as :meth:`resolve`."""
        found = self._find(task, ref, Action.USE)
        inventory = self._inventories.of(found)
        return PackageFiles(found.version, inventory.package_digest, found, inventory)

    def snapshot(self, task: str, model_name: str, revision: str, *, with_bytes: bool = True) -> Snapshot:
        """The version that an alias, a version's name, a commit id, or ``main`` (here ``latest``) stands for.

        ``with_bytes``: its files shall be read, and not only listed.

        Raises ``InvalidName``, ``NotFound``, ``PackageCorrupt``, ``GateNotMet``; and ``VersionNotFound`` for an older
        version whose manifest does not cover all its files, which has no commit id.
        """
        model = self._model(task, model_name, Action.USE if with_bytes else Action.READ)
        found = self._snapshots.find(model, revision)
        if found is None:
            resolution.not_found(model, LATEST if revision == MAIN else revision)
        if revision != found.commit_id:
            self._require_no_version_in_the_place(found._found)  # noqa: SLF001 - it is hidden from others
        if with_bytes or self._door is None or self._door.may(task, model_name, Action.USE):
            return found
        return replace(found, is_for_use=False)

    def hub_commits(self, task: str, model_name: str) -> Warned[HubCommit]:
        """Every version that has a commit id, the newest first. Raises ``ModelNotFound``."""
        found = self._snapshots.hub_commits(self._model(task, model_name, Action.READ).require())
        return Warned(self._unnamed(found), found.warnings)

    def metrics(self, task: str, ref: str) -> Metrics:
        found = self._find(task, ref, Action.READ)
        said = verbs.comparison.metrics(found.model, found.version)
        return replace(said, runs=self._unnamed(said.runs), warnings=[*said.warnings, *resolution.told(found)])

    def stated_metrics(self, task: str, ref: str) -> dict[str, Any]:
        """The ``version_metrics`` of :meth:`metrics`, at the cost of one version. Raises as :meth:`show`."""
        found = self._find(task, ref, Action.READ)
        return verbs.comparison.stated_metrics(found.model, found.version)

    def compare(self, task: str, model_name: str, versions: list[str], path: str | None = None) -> Comparison:
        model = self._model(task, model_name, Action.READ if path is None else Action.USE).require()
        return verbs.comparison.compare(model, versions, path, self._inventories)
