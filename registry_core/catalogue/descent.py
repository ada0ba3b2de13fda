"""What was made of a version, by the documents that say so."""

from __future__ import annotations

import sqlite3

from ..vocabulary.looking import Relative
from .schema import PARENT

MOST_CHILDREN = 100


def children(connection: sqlite3.Connection, model_id: int, version: str) -> list[Relative]:
    """The newest versions of the model that name the version as what they were made of, the last made first."""
    sql = (
        "SELECT v.version, v.created_at FROM document INDEXED BY document_parent JOIN version v ON v.id = version_id"
        f" WHERE {PARENT} = ? AND v.model_id = ? ORDER BY v.created_at DESC, v.id DESC LIMIT {MOST_CHILDREN}"
    )
    rows = connection.execute(sql, (version, model_id))
    return [Relative(name, True, created_at or None) for name, created_at in rows]
