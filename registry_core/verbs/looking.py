"""What is gone of a model, what its aliases named, and what a version was made of: by the model's own documents."""

from __future__ import annotations

from datetime import datetime

from ..models.as_of import aliases_at as as_of_journal
from ..models.model import ModelStore
from ..models.spans import moves_of, newest, spans
from ..packages import contents, provenance
from ..packages.stated_metrics import run_of
from ..vocabulary.answers import Alias, Warned
from ..vocabulary.filters import check_limit
from ..vocabulary.looking import DeletedVersion, Lineage, Relative, SpanPage
from .resolution import moment_of

MOST_DELETED = 1000


def deleted(model: ModelStore) -> Warned[DeletedVersion]:
    """The versions that are deleted now, the last deleted first."""
    stones = [stone for name in model.deleted() if (stone := model.tombstone(name)) is not None]
    stones.sort(key=lambda stone: (stone.deleted_at or "", stone.seq or 0), reverse=True)
    found = [
        DeletedVersion(stone.version, stone.deleted_at, stone.actor, stone.reason, stone.purged_at is None)
        for stone in stones[:MOST_DELETED]
    ]
    more = [f"{len(stones)} versions are deleted, of which {len(found)} are shown."] if len(stones) > len(found) else []
    return Warned(found, [*more, *model.told.warnings(asks=True)])


def aliases_at(model: ModelStore, as_of: str | datetime) -> Warned[Alias]:
    """The aliases that there were then. Raises ``InvalidParameter``."""
    found = as_of_journal(model, moment_of(as_of))
    return Warned(found, model.told.warnings(asks=True))


def lineage(model: ModelStore, version: str) -> Lineage:
    """From what the version was made. Raises ``VersionNotFound``, ``PackageCorrupt``."""
    model.require_version(version)
    meta = contents.read_meta(model, version)
    told = contents.remarks(model, version, meta)
    parents = [Relative(name, model.has_version(name)) for name in provenance.parents(meta)]
    run_id, said = run_of(meta), provenance.as_said(meta)
    return Lineage(
        version,
        parents,
        [],
        said.get("dataset"),
        provenance.code(meta),
        run_id if isinstance(run_id, str) else None,
        provenance.of_meta(meta),
        told,
    )


def alias_spans(model: ModelStore, alias: str | None, limit: int) -> SpanPage:
    """What each alias named, from when to when, as far as its newest moves go."""
    check_limit(limit)
    lines = list(model.told.linked(model.journal.links(model.keys.names)))
    moves = [move for move in moves_of(lines) if alias is None or move.alias == alias]
    found = spans(*newest(moves, limit))
    model.notice_newest()
    return SpanPage(found.spans, found.complete_since, model.told.warnings(asks=True))
