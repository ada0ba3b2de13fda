"""The verbs of the operator: recovery, sweep, check, purge, adoption, migration."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from .. import upkeep, verbs
from ..access.roles import Action
from ..models.all_models import all_models
from ..vocabulary.answers import HistoryPage, JournalProof
from ..vocabulary.errors import InvalidParameter, LockTimeout, NotConfigured, RegistryError
from ..vocabulary.filters import parse_seq
from ..vocabulary.progress import ProgressCallback
from ..vocabulary.reports import AdoptionReport, CheckReport, MigrationReport, PurgeReport, Repair, SweepReport
from .opening import OpenedRegistry

if TYPE_CHECKING:
    from ..models.journal import Subject
    from ..models.registry_journal import RegistryJournal

log = logging.getLogger(__name__)

DEFAULT_SWEEP_AGE_S = 24 * 3600.0
DEFAULT_RETENTION_S = 30 * 24 * 3600.0


class MaintainingVerbs(OpenedRegistry):
    """What keeps a registry whole over the years; all of it may run while it is served."""

    def sweep(self, older_than_s: float = DEFAULT_SWEEP_AGE_S, *, dry_run: bool = False) -> SweepReport:
        """Every journal is finished, and abandoned staging older than the age is gone.

        So are uploads, operations and sessions that have expired, whatever the age, and catalogues of hosts that are no
        more; ``removed`` has them by their keys.
        """
        if not older_than_s >= 0:
            raise InvalidParameter("The age is a number of seconds, 0 or more.", field="older_than_s")
        from ..catalogue import announcements, place  # only when it is wanted
        from . import expiry

        self._require_admin()
        self._identity.confirm()
        report = upkeep.sweep.sweep(self._storage, self._settings.lock_timeout_s, older_than_s, dry_run=dry_run)
        if not dry_run:
            announcements.sweep(self._storage, older_than_s)
        expired = expiry.sweep(self._storage, self._settings, dry_run=dry_run)
        left = place.sweep(self._settings, older_than_s, dry_run=dry_run)
        return replace(report, removed=[*report.removed, *expired, *left])

    def recover(self) -> list[str]:
        """What crashes left is finished in every model; called when a service starts.

        Returns the models finished. One that cannot be finished now is logged and left.
        """
        from ..models.changes import finish_pending  # only when it is wanted
        from ..models.registry_journal import RegistryJournal

        self._require_admin()
        self._identity.confirm()
        finished = []

        def pass_over(task: str, error: RegistryError) -> None:
            log.error("%s: recovery failed: %s", task, error)

        models = all_models(self._storage, 0.0, pass_over=pass_over)
        for subject in chain([RegistryJournal(self._storage, 0.0)], models):
            try:
                if finish_pending(subject):
                    finished.append(subject.title)
            except LockTimeout:
                pass  # its holder is alive and finishes it
            except RegistryError as error:
                log.error("%s: recovery failed: %s", subject.title, error)
        return finished

    def registry_history(self, *, event: str | None = None, after: int = 0, limit: int = 100) -> HistoryPage:
        """The events of the registry's own journal, about rules of access and tokens. Raises ``InvalidParameter``."""
        self._require_admin()
        return verbs.history.of_registry(self._own_journal(), {"event": event}, after, limit)

    def registry_newest(
        self, kinds: Collection[str], *, before: str | int | None = None, limit: int = 100
    ) -> HistoryPage:
        """The events of these kinds of the registry's own journal, the newest first; ``before``: only those before it.

        Raises ``InvalidParameter``.
        """
        self._require_admin()
        return verbs.history.newest_of_registry(self._own_journal(), kinds, parse_seq("before", before), limit)

    def registry_audit_verify(self, *, expect_head: str | None = None) -> JournalProof:
        """No event of the registry's own journal was changed or cut off. Raises ``JournalCorrupt``."""
        from ..models import proof  # only when it is wanted

        self._require_admin()
        return proof.prove_own(self._own_journal(), None if expect_head is None else proof.parse_head(expect_head))

    def _own_journal(self, ask: Callable[[], None] | None = None) -> RegistryJournal:
        from ..models.registry_journal import RegistryJournal  # only when it is wanted

        self._identity.confirm()

        def ask_again() -> None:  # under the lock: rules may have moved while it was waited for
            self._identity.before_change()
            if ask is not None:
                ask()

        journal = RegistryJournal(self._storage, self._settings.lock_timeout_s, ask_again)
        journal.by = None if self._door is None else self._door.by
        return journal

    def migrate_to(
        self, target: OpenedRegistry, *, merge: bool = False, progress: ProgressCallback | None = None
    ) -> MigrationReport:
        """Every model, version and event is in ``target`` too, proven; run again to catch up.

        An empty target becomes the same registry, with the same id. One that is another registry takes the models in
        only with ``merge``, and stays what it is. Nobody should write to either meanwhile. Raises ``PackageCorrupt``,
        ``DestinationDiffers``.
        """
        self._require_admin()
        self._identity.look()
        target._identity.take_over(self._identity, merge=merge)  # noqa: SLF001 - a registry like this one
        return upkeep.migrate.migrate(
            self._storage,
            target._storage,  # noqa: SLF001 - a registry like this one
            is_same_registry=target.id == self.id,
            lock_timeout_s=self._settings.lock_timeout_s,
            workers=self._settings.workers,
            progress=progress,
        )

    def check(self) -> CheckReport:
        """Journal, versions, aliases, manifests and log of the whole registry, compared; reads only."""
        from ..evidence import checking, log_key, unjudged  # only when it is wanted

        self._require_admin()
        self._identity.look()
        report, key = upkeep.check.check(self._storage), None
        with suppress(NotConfigured):  # who checks need not be who signs
            key = log_key.LogKey.of(self._settings)
        found = [*report.findings, *checking.check(self._storage, key)]
        if self._identity.is_gated():
            found += unjudged.check(self._models(), self._policies.policies)
        return replace(report, findings=found)

    def purge(
        self,
        older_than_s: float = DEFAULT_RETENTION_S,
        *,
        actor: str | None = None,
        reason: str | None = None,
        dry_run: bool = False,
        old_versions: bool = False,
    ) -> PurgeReport:
        """The bytes of versions that were deleted longer ago than the age are given up.

        Tombstones stay, and the names are never used again. With ``dry_run`` only the report is made. With
        ``old_versions`` what a bucket with versioning keeps of purged versions goes too, whenever they were purged;
        raises ``InvalidParameter`` where there can be none.
        """
        self._require_admin()
        if not older_than_s >= 0:
            raise InvalidParameter("The age is a number of seconds, 0 or more.", field="older_than_s")
        if old_versions:
            verbs.old_versions.require_removable(self._storage)
        given_up: Counter[str] = Counter()
        reports = []
        for model in self._models():
            done = verbs.deletion.purge(
                model, older_than_s, actor=actor, reason=reason, dry_run=dry_run, given_up=given_up
            )
            finished = verbs.old_versions.clear if old_versions else verbs.old_versions.left_behind
            reports.append(finished(model, done, dry_run=dry_run))
        return PurgeReport(
            purged=[title for report in reports for title in report.purged],
            kept=[title for report in reports for title in report.kept],
            bytes_freed=sum(report.bytes_freed for report in reports),
            cleared=[title for report in reports for title in report.cleared],
            warnings=list(dict.fromkeys(warning for report in reports for warning in report.warnings)),
        )

    def adopt(
        self,
        *,
        actor: str | None = None,
        reason: str | None = None,
        dry_run: bool = False,
        progress: ProgressCallback | None = None,
    ) -> AdoptionReport:
        """Every whole version of older software is proven from now on, all its files; see :mod:`..upkeep.adopt`."""
        return upkeep.adopt.adopt(
            self._models(),
            workers=self._settings.workers,
            actor=actor,
            reason=reason,
            dry_run=dry_run,
            progress=progress,
        )

    def repair_journal(
        self,
        task: str,
        model_name: str,
        *,
        accept_loss: bool = False,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Repair:
        """A journal that has lost its end goes on after the loss, if that is accepted; else only the report is made.

        Raises ``ModelNotFound``, ``JournalCorrupt``, ``StorageError``.
        """
        return upkeep.repair.journal(
            self._model(task, model_name, Action.ADMIN).require(), accept_loss=accept_loss, actor=actor, reason=reason
        )

    def repair_clock(
        self,
        task: str | None = None,
        model_name: str | None = None,
        *,
        is_wanted: bool = False,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Repair:
        """Events that claim to be later than now count as having happened before, if wanted; else it is proposed.

        Of a model, or of the registry's own journal where none is named. Raises ``ModelNotFound``,
        ``InvalidParameter`` for one name of the two, ``StorageError``.
        """
        if (task is None) != (model_name is None):
            field = "task" if task is None else "model_name"
            raise InvalidParameter("Name task and model, or neither.", field=field)
        if task is None or model_name is None:
            self._require_admin()
            whose: Subject = self._own_journal(self._require_admin)
        else:
            whose = self._model(task, model_name, Action.ADMIN).require()
        return upkeep.repair.clock(whose, is_wanted=is_wanted, actor=actor, reason=reason)

    def repair_documents(
        self,
        task: str,
        model_name: str,
        *,
        is_wanted: bool = False,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Repair:
        """The documents of aliases, states and the owner are what the journal says, if wanted; else it is proposed.

        Raises ``ModelNotFound``, ``JournalCorrupt``, ``StorageError``.
        """
        return upkeep.repair.documents(
            self._model(task, model_name, Action.ADMIN).require(), is_wanted=is_wanted, actor=actor, reason=reason
        )

    def repair_tombstones(
        self,
        task: str,
        model_name: str,
        *,
        is_wanted: bool = False,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Repair:
        """Tombstones are what the journal says, if wanted; else it is proposed.

        Raises ``ModelNotFound``, ``JournalCorrupt``, ``StorageError``.
        """
        model = self._model(task, model_name, Action.ADMIN).require()
        return upkeep.repair.tombstones(model, is_wanted=is_wanted, actor=actor, reason=reason)

    def repair_seals(
        self,
        task: str,
        model_name: str,
        *,
        is_wanted: bool = False,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Repair:
        """Directories of registered packages are read-only again, if wanted; else it is proposed.

        Raises ``ModelNotFound``, ``StorageError``.
        """
        return upkeep.repair.seals(
            self._model(task, model_name, Action.ADMIN).require(), is_wanted=is_wanted, actor=actor, reason=reason
        )

    def repair_strays(
        self,
        task: str,
        model_name: str,
        *,
        is_wanted: bool = False,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Repair:
        """What was never registered is moved out of the model's packages, if wanted; else it is proposed.

        Raises ``ModelNotFound``, ``PackageCorrupt``, ``StorageError``.
        """
        return upkeep.repair.strays(
            self._model(task, model_name, Action.ADMIN).require(), is_wanted=is_wanted, actor=actor, reason=reason
        )
