"""The newest moves of aliases cost what is shown, however many events there are."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from registry_core.catalogue import alias_moves
from registry_core.catalogue.schema import INDEXES, TABLES

from .filled import steps


def filled(events: int) -> sqlite3.Connection:
    """A model whose aliases moved, of which ``production`` did so long ago, among as many other events."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(TABLES)
    connection.execute("INSERT INTO model (id, task, name, seq, turn) VALUES (1, 't', 'm', 1, 0)")
    sql = "INSERT INTO event (known_at, model_id, seq, at, event, alias, version) VALUES ('', 1, ?, ?, ?, ?, ?)"
    rows = [(2, "promote", "production", "v1")]
    rows += [(seq, "register", "latest", f"v{seq}") for seq in range(3, events, 2)]
    rows += [(seq, "tag", None, "v1") for seq in range(4, events, 2)]
    rows += [(events + number, "tag", None, "v1") for number in range(events)]
    connection.executemany(sql, [(row[0], f"2026-01-01T00:00:00.{row[0]:06}Z", *row[1:]) for row in rows])
    connection.executemany("INSERT INTO unaliased VALUES (1, 'staging', ?)", [(seq,) for seq in range(4, events, 2)])
    for statement in INDEXES:
        connection.execute(statement)
    return connection


def cost(connection: sqlite3.Connection, alias: str | None) -> int:
    """In steps of the database."""
    asked: list[Any] = []
    taken = steps(connection, lambda: asked.append(alias_moves.newest(connection, 1, alias, 20)), at_once=1)
    (found,) = asked
    assert found is not None
    assert ("production" in {move.alias for move in found[0]}) is (alias != "latest")
    return taken


@pytest.mark.parametrize("alias", [None, "latest", "production"])
def test_the_newest_moves_are_found_by_indexes(alias: str | None) -> None:
    few, many = (cost(filled(events), alias) for events in (1_000, 20_000))
    assert many <= few + 200
    assert few < 5_000


def test_only_the_journal_tells_of_what_older_software_wrote_and_of_a_lost_end() -> None:
    connection = filled(100)
    assert alias_moves.newest(connection, 1, None, 5) is not None
    connection.execute("UPDATE event SET is_own = 0 WHERE seq = 2")
    assert alias_moves.newest(connection, 1, None, 5) is None
    assert alias_moves.newest(connection, 1, "latest", 5) is not None
    connection.execute("UPDATE model SET lost = 'lost'")
    assert alias_moves.newest(connection, 1, "latest", 5) is None
