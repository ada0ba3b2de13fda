"""What was made of a version, and what by a run, by the documents that say so."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from ..vocabulary.looking import Relative
from .schema import PARENT, RUN

MOST_CHILDREN = 100


def children(connection: sqlite3.Connection, model_id: int, version: str) -> list[Relative]:
    """The newest versions of the model that name the version as what they were made of, the last made first."""
    sql = (
        "SELECT v.version, v.created_at FROM document INDEXED BY document_parent JOIN version v ON v.id = version_id"
        f" WHERE {PARENT} = ? AND v.model_id = ? ORDER BY v.created_at DESC, v.id DESC LIMIT {MOST_CHILDREN}"
    )
    rows = connection.execute(sql, (version, model_id))
    return [Relative(name, True, created_at or None) for name, created_at in rows]


def of_runs(connection: sqlite3.Connection, model_id: int, run_ids: Sequence[str]) -> dict[str, list[str]]:
    """run -> the newest versions of the model that say that it made them, the last made first."""
    sql = (
        f"SELECT o.value, v.version FROM json_each(?) o CROSS JOIN document INDEXED BY document_run ON {RUN} = o.value"
        f" JOIN version v ON v.id = version_id WHERE v.model_id = ? ORDER BY v.created_at DESC, v.id DESC LIMIT ?"
    )
    found: dict[str, list[str]] = {}
    for run_id, version in connection.execute(sql, (json.dumps(run_ids), model_id, MOST_CHILDREN * len(run_ids))):
        found.setdefault(run_id, []).append(version)
    return found
