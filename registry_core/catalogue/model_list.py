"""A page of models, and what they can be filtered by: it costs what it shows, however many versions there are.

Filters and orders are of the models' own rows and indexes; what a row shows beside that is asked for once a page.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from ..models.aliases import LATEST
from ..vocabulary.answers import Alias
from ..vocabulary.stages import ALIAS_STAGES
from ..vocabulary.summaries import Facets, ModelSummary, NewestVersion
from .model_queries import LISTED, SummaryQuery
from .pages import SHOWN

MOST_FACETS = 30  # of aliases and of tags
MOST_ALIASES, MOST_METRICS, MOST_POINTS = 100, 100, 20  # of a model in a list
_ROWS = (
    "SELECT m.id, m.newest_id, m.task, m.name, m.description, m.versions, m.bytes, m.changed_at, m.lost, m.broken,"
    " v.version, v.created_at FROM json_each(?) o CROSS JOIN model m ON m.id = o.value"
    " LEFT JOIN version v ON v.id = m.newest_id"
)
_ALIASES = (
    "SELECT a.model_id, a.alias, a.version, a.updated_at, a.actor, a.reason, a.seq"
    " FROM json_each(?1) o CROSS JOIN alias a ON a.model_id = o.value AND a.alias IN ("
    "SELECT alias FROM (SELECT b.alias FROM alias b WHERE b.model_id = o.value ORDER BY b.alias LIMIT ?2)"
    " UNION SELECT value FROM json_each(?3)) ORDER BY a.model_id, a.alias"
)
_METRICS = (
    "SELECT t.version_id, t.key, t.value FROM json_each(?) o CROSS JOIN metric t ON t.version_id = o.value AND t.key IN"
    " (SELECT n.key FROM metric n WHERE n.version_id = o.value ORDER BY n.key LIMIT ?) ORDER BY t.version_id, t.key"
)
# By their ids, since an index that has the moments of a metric alone would be walked for all versions.
_POINTS = (
    "SELECT json_extract(o.value, '$[0]'), t.value FROM json_each(?) o CROSS JOIN metric t"
    " ON t.version_id IN (SELECT n.version_id FROM metric n INDEXED BY metric_model"
    " WHERE n.model_id = json_extract(o.value, '$[0]') AND n.key = json_extract(o.value, '$[1]')"
    " ORDER BY n.created_at DESC LIMIT ?) AND t.key = json_extract(o.value, '$[1]') ORDER BY t.created_at"
)


def count(connection: sqlite3.Connection, query: SummaryQuery, shown: str | None) -> int:
    """How many models pass."""
    tests, values = _passing(query, shown)
    index = "INDEXED BY model_by_name" if query.q is None else ""
    sql = f"SELECT count(*) FROM model m {index} WHERE {' AND '.join(tests)}"
    return int(connection.execute(sql, values).fetchone()[0])


def page(
    connection: sqlite3.Connection, query: SummaryQuery, shown: str | None
) -> tuple[list[ModelSummary], str | None]:
    """(the models that the query asks for, the cursor of what follows). ``shown``: see :func:`.pages.shown_models`."""
    tests, values = _passing(query, shown)
    columns, index, is_descending = query.order()
    last = query.after()
    if last is not None:
        tests.append(f"({', '.join(columns)}) {'<' if is_descending else '>'} ({', '.join('?' * len(last))})")
        values += last
    order = ", ".join(f"{column} DESC" if is_descending else column for column in columns)
    sql = (
        f"SELECT m.id, {', '.join(columns)} FROM model m INDEXED BY {index} WHERE {' AND '.join(tests)}"
        f" ORDER BY {order} LIMIT {query.limit + 1}"
    )
    found = connection.execute(sql, values).fetchall()
    following = query.cursor_after(found[query.limit - 1][1:]) if len(found) > query.limit else None
    return summaries(connection, [row[0] for row in found[: query.limit]]), following


def _passing(query: SummaryQuery, shown: str | None) -> tuple[list[str], list[Any]]:
    tests, values = query.conditions()
    return (tests, values) if shown is None else ([*tests, f"+m.id IN ({SHOWN})"], [*values, shown])


def one(connection: sqlite3.Connection, model_id: int) -> ModelSummary:
    """The model, as a page has it."""
    return summaries(connection, [model_id])[0]


def summaries(connection: sqlite3.Connection, ids: list[int]) -> list[ModelSummary]:
    """The models with these ids, in their order."""
    rows = {row[0]: row[1:] for row in connection.execute(_ROWS, (json.dumps(ids),))}
    metrics: dict[int, dict[str, float]] = {}
    newest = json.dumps([row[0] for row in rows.values() if row[0] is not None])
    for version_id, key, value in connection.execute(_METRICS, (newest, MOST_METRICS)):
        metrics.setdefault(version_id, {})[key] = value
    firsts = {model_id: next(iter(metrics[row[0]])) for model_id, row in rows.items() if row[0] in metrics}
    points: dict[int, list[float]] = {}
    for model_id, value in connection.execute(_POINTS, (json.dumps([*firsts.items()]), MOST_POINTS)):
        points.setdefault(model_id, []).append(value)
    aliases: dict[int, list[Alias]] = {}
    always = json.dumps([*ALIAS_STAGES, LATEST])
    for model_id, *alias in connection.execute(
        _ALIASES, (json.dumps(ids), MOST_ALIASES - len(ALIAS_STAGES) - 1, always)
    ):
        aliases.setdefault(model_id, []).append(Alias(*alias))
    found = []
    for model_id in ids:
        newest_id, task, name, description, versions, size_bytes, changed_at, *rest = rows[model_id]
        lost, broken, version, created_at = rest
        of_newest = metrics.get(newest_id, {})
        found.append(
            ModelSummary(
                task,
                name,
                description,
                versions,
                size_bytes,
                NewestVersion(version, created_at or None, of_newest) if version is not None else None,
                aliases.get(model_id, []),
                changed_at or None,
                firsts.get(model_id),
                points.get(model_id, []),
                [text for text in (lost, broken) if text is not None],
            )
        )
    return found


def facets(connection: sqlite3.Connection, shown: str | None) -> Facets:
    """What there is to filter by."""
    of_models, given = (LISTED, ()) if shown is None else (f"{LISTED} AND +m.id IN ({SHOWN})", (shown,))
    tasks = f"SELECT m.task, count(*) FROM model m INDEXED BY model_by_name WHERE {of_models} GROUP BY 1 ORDER BY 1"
    aliases = (
        f"SELECT alias, count(*) FROM alias {'' if shown is None else f'WHERE model_id IN ({SHOWN})'} GROUP BY 1"
        " ORDER BY 2 DESC, 1 LIMIT ?"
    )
    tags = (
        "SELECT t.key || ':' || t.value, count(*) FROM model m INDEXED BY model_newest"
        f" CROSS JOIN tag t ON t.version_id = m.newest_id WHERE {of_models} AND instr(t.key, ':') = 0"
        " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?"
    )
    return Facets(
        dict(connection.execute(tasks, given).fetchall()),
        *(dict(connection.execute(sql, (*given, MOST_FACETS)).fetchall()) for sql in (aliases, tags)),
    )
