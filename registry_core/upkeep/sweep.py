"""Sweep: finish every journal, then remove staging that nobody holds and no event names.

The order matters. Abandoned attempts are held *first*: their owners are dead, and while they are
held nobody can come to own them, so the set of attempts that events name can no longer grow.
"""

from __future__ import annotations

import logging

from ..models.changes import finish_pending, pending
from ..models.model import all_models
from ..storage.contract import Staging, Storage
from ..vocabulary.errors import RegistryError
from ..vocabulary.reports import SweepReport

log = logging.getLogger(__name__)


def sweep(storage: Storage, lock_timeout_s: float, older_than_s: float, *, dry_run: bool) -> SweepReport:
    """See ``ModelRegistry.sweep``. With ``dry_run`` nothing is written, and the report says what would be."""
    if dry_run:
        return _preview(storage, older_than_s)
    finished: list[str] = []
    removed: list[str] = []
    kept: list[str] = []
    published: set[str] = set()  # by this very sweep: what is left of them is a shell
    with storage.packages.sweep(older_than_s) as abandoned:
        named: set[str] = set()
        unsure = False
        for model in all_models(storage, lock_timeout_s):
            try:
                wanted = model.attempts_in_want()
                if finish_pending(model):
                    finished.append(model.title)
                    published |= wanted - model.attempts_in_want()
                named |= wanted - published
            except RegistryError as error:
                log.error("%s: not swept: %s", model.title, error)
                unsure = True
        for staging in abandoned:
            # A journal that could not be read may name any of them.
            if unsure or staging.attempt in named or not _discarded(staging):
                kept.append(staging.attempt)
            elif staging.attempt not in published:
                removed.append(staging.attempt)
    return SweepReport(finished, removed, kept)


def _discarded(staging: Staging) -> bool:
    try:
        staging.discard()
    except RegistryError as error:
        log.error("staging %s: not swept: %s", staging.attempt, error)
        return False
    return True


def _preview(storage: Storage, older_than_s: float) -> SweepReport:
    unfinished: list[str] = []
    named: set[str] = set()
    for model in all_models(storage, 0.0):
        if pending(model):
            unfinished.append(model.title)
        named |= model.attempts_in_want()
    old = [a.name for a in storage.packages.staged() if not a.alive and a.age_s >= older_than_s]
    return SweepReport(unfinished, [name for name in old if name not in named], [name for name in old if name in named])
