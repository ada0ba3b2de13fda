"""A catalogue's file with rows as a large registry has them, and what a question to it costs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from registry_core.catalogue.schema import FORMAT, INDEXES, TABLES
from registry_core.vocabulary.texts import format_time

_FIRST = datetime(2025, 1, 1, tzinfo=UTC)
STEPS_AT_ONCE = 100  # of the database's machine, so exactly are they counted


def fill(path: Path, models: int, versions: int, *, aliases: int = 3, tags: int = 2, metrics: int = 3) -> None:
    """``models`` of ``versions`` each; every version is one event, and every alias one more."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(f"PRAGMA journal_mode = WAL; BEGIN; {TABLES}")
    many = connection.executemany
    for model in range(1, models + 1):
        first = (model - 1) * versions
        ids = range(first + 1, first + versions + 1)
        task, name, last = f"task-{model % 20}", f"model-{model:06}", first + versions
        many(
            "INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?, 'none', 1000, NULL)",
            ((one, model, task, name, f"v{one}", f"v{one:09}", moment(one)) for one in ids),
        )
        many(
            "INSERT INTO metric VALUES (?, ?, ?, ?, ?)",
            ((one, f"m{key}", one + key / 10, model, moment(one)) for one in ids for key in range(metrics)),
        )
        many("INSERT INTO tag VALUES (?, ?, 'yes')", ((one, f"k{key}") for one in ids for key in range(tags)))
        many("INSERT INTO document VALUES (?, '{}', '{}', '')", ((one,) for one in ids))
        named = [f"alias-{number:06}" for number in range(aliases - 1)] + ["production"] * (aliases > 0)
        many(
            "INSERT INTO alias VALUES (?, ?, ?, ?, ?, 'ada', 'why', ?)",
            ((model, alias, f"v{last}", last, moment(last), versions) for alias in named),
        )
        many(
            "INSERT INTO event (known_at, model_id, seq, at, event, alias, version, actor, reason)"
            " VALUES (?1, ?2, ?3, ?1, ?4, ?5, ?6, ?7, 'a good reason')",
            (
                (moment(one), model, seq, *_EVENTS[seq % len(_EVENTS)], f"v{one}", f"person-{seq % 7}")
                for seq, one in enumerate(ids, start=1)
            ),
        )
        connection.execute(
            "INSERT INTO model VALUES (?, ?, ?, NULL, ?, NULL, 0, NULL, NULL, 1, 'words', ?, ?, ?, ?, ?, ?, 'unowned')",
            (
                model,
                task,
                name,
                versions,
                versions,
                versions * 1000,
                last,
                moment(last),
                moment(last),
                f"{task} {name}",
            ),
        )
    connection.execute(
        "INSERT INTO event_month SELECT model_id, substr(at, 1, 7), event, count(*) FROM event GROUP BY 1, 2, 3"
    )
    for statement in INDEXES:
        connection.execute(statement)
    connection.execute("INSERT INTO model_words (rowid, body) SELECT id, body FROM model")
    for name, value in (("epoch", "e"), ("changes", 1), ("built", 1), ("indexed", 1), ("refreshed_at", 4e9)):
        connection.execute("INSERT INTO fact VALUES (?, ?)", (name, value))
    for statement in (f"PRAGMA user_version = {FORMAT}", "COMMIT", "PRAGMA wal_checkpoint(TRUNCATE)"):
        connection.execute(statement)
    connection.close()


_EVENTS = (("register", "latest"), ("promote", "production"), ("tag", None), ("register", None), ("promote", "staging"))


def moment(number: int) -> str:
    """Later with each number: a hundred seconds."""
    return format_time(_FIRST + timedelta(seconds=100 * number))


def steps(connection: sqlite3.Connection, ask: Callable[[], Any], *, at_once: int = STEPS_AT_ONCE) -> int:
    """How many steps the database takes to answer, whatever machine it is on; counted so many at once."""
    taken = 0

    def one() -> int:
        nonlocal taken
        taken += at_once
        return 0

    connection.set_progress_handler(one, at_once)
    try:
        ask()
    finally:
        connection.set_progress_handler(None, 0)
    return taken
