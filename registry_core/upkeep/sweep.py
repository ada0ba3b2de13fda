"""Sweep: finish every journal, then remove staging that nobody holds, and documents, that no event names; fold runs.

The order matters. Abandoned attempts are held *first*: their owners are dead, and while they are
held nobody can come to own them, so the set of attempts that events name can no longer grow.
"""

from __future__ import annotations

import logging

from ..format.events import REGISTER
from ..models import evidence
from ..models.all_models import all_models
from ..models.changes import finish_pending, pending
from ..models.model import ModelStore
from ..models.registry_journal import TITLE, RegistryJournal
from ..storage.contract import Staging, Storage
from ..vocabulary.errors import JournalCorrupt, RegistryError
from ..vocabulary.reports import Finding, SweepReport
from ..vocabulary.texts import escaped
from . import attested, of_registry, training_runs

log = logging.getLogger(__name__)


def attempts_in_want(model: ModelStore) -> set[str]:
    """Staging attempts that events name but whose versions are not published: never to be swept."""
    wanted: dict[str, str] = {}
    for line in model.journal.lines():
        if line.is_own and line.get("event") == REGISTER:
            wanted[line.get("attempt")] = line.get("version")
    return {attempt for attempt, version in wanted.items() if model.locate(version) is None}


def sweep(storage: Storage, lock_timeout_s: float, older_than_s: float, *, dry_run: bool) -> SweepReport:
    """See ``ModelRegistry.sweep``. With ``dry_run`` nothing is written, and the report says what would be."""
    if dry_run:
        return _preview(storage, older_than_s)
    finished: list[str] = []
    removed: list[str] = []
    documents: list[str] = []
    kept: list[str] = []
    refused: list[Finding] = []

    def pass_over(task: str, error: RegistryError) -> None:
        refused.append(_refused(task, error))

    _finish_registry(storage, lock_timeout_s, finished, refused)
    published: set[str] = set()  # by this very sweep: what is left of them is a shell
    with storage.packages.sweep(older_than_s) as abandoned:
        named: set[str] = set()

        for model in all_models(storage, lock_timeout_s, pass_over=pass_over):
            try:
                _require_whole(model, is_staging_at_stake=bool(abandoned))
                wanted = attempts_in_want(model)
                if finish_pending(model):
                    finished.append(model.title)
                    published |= wanted - attempts_in_want(model)
                named |= wanted - published
                training_runs.fold(model)
                documents += attested.sweep(model, older_than_s, dry_run=False)
            except RegistryError as error:
                refused.append(_refused(model.title, error, model))
        for staging in abandoned:
            # A journal that could not be read, or has lost its end, may name any of them.
            if refused or staging.attempt in named or not _discarded(staging):
                kept.append(staging.attempt)
            elif staging.attempt not in published:
                removed.append(staging.attempt)
    return SweepReport(finished, removed, kept, refused, documents)


def _finish_registry(storage: Storage, lock_timeout_s: float, finished: list[str], refused: list[Finding]) -> None:
    """The registry's own journal is finished; it names no staging, so what is wrong with it keeps none."""
    try:
        if of_registry.finish(storage, lock_timeout_s):
            finished.append(TITLE)
    except RegistryError as error:
        refused.append(_refused(TITLE, error))


def _require_whole(model: ModelStore, *, is_staging_at_stake: bool) -> None:
    """The journal is not known to be short: it may have named what is staged. Raises ``JournalCorrupt``."""
    if is_staging_at_stake:
        model.require_nothing_lost()
    else:
        model.require_whole(model.journal.last(), None)


def _refused(title: str, error: RegistryError, model: ModelStore | None = None) -> Finding:
    log.error("%s: not swept: %s", title, error)
    if isinstance(error, JournalCorrupt) and model is not None:
        command = evidence.repair_command(model.keys)
        return Finding("damage", escaped(title), error.message, error.code, command)
    return Finding("pending", escaped(title), error.message, error.code, "omr sweep")


def _discarded(staging: Staging) -> bool:
    try:
        staging.discard()
    except RegistryError as error:
        log.error("staging %s: not swept: %s", staging.attempt, error)
        return False
    return True


def _preview(storage: Storage, older_than_s: float) -> SweepReport:
    unfinished: list[str] = []
    refused: list[Finding] = []
    named: set[str] = set()
    documents: list[str] = []
    old = [a.name for a in storage.packages.staged() if not a.alive and a.age_s >= older_than_s]

    def pass_over(task: str, error: RegistryError) -> None:
        refused.append(_refused(task, error))

    try:
        unfinished += [TITLE] if pending(RegistryJournal(storage, 0.0)) else []
    except RegistryError as error:
        refused.append(_refused(TITLE, error))
    for model in all_models(storage, 0.0, pass_over=pass_over):
        try:
            _require_whole(model, is_staging_at_stake=bool(old))
            if pending(model):
                unfinished.append(model.title)
            named |= attempts_in_want(model)
            documents += attested.sweep(model, older_than_s, dry_run=True)
        except RegistryError as error:
            refused.append(_refused(model.title, error, model))
    gone = [name for name in old if not refused and name not in named]
    return SweepReport(unfinished, gone, [name for name in old if name not in gone], refused, documents)
