"""What was made of a version is found by an index, whatever documents say."""

from __future__ import annotations

import json
import sqlite3

import pytest

from registry_core.catalogue import descent
from registry_core.catalogue.schema import INDEXES, TABLES

from .filled import steps

DOCUMENTS = {
    "a": json.dumps({"lineage": {"parent_version": "1"}, "parent_version": "2"}),
    "b": json.dumps({"parent_version": "1"}),
    "c": json.dumps({"parent_version": ["1"]}),
    "d": json.dumps({"lineage": {"parent_version": None}}),
    "e": '{"parent_version": "1", "x": NaN}',  # older software's
    "f": "[" * 3000 + "]" * 3000,
    "g": '{"lineage": "1"}',
}


@pytest.fixture
def connection() -> sqlite3.Connection:
    found = sqlite3.connect(":memory:")
    found.executescript(TABLES)
    for statement in INDEXES:
        found.execute(statement)
    for number, (name, meta) in enumerate(DOCUMENTS.items(), start=1):
        for model_id, row in ((1, number), (2, 100 + number)):
            found.execute("INSERT INTO document VALUES (?, ?, '', '')", (row, meta))
            version = (row, model_id, "t", f"m{model_id}", name, name, "", "none", 1, None)
            found.execute(f"INSERT INTO version VALUES ({', '.join('?' * len(version))})", version)
    return found


def test_the_children_are_those_whose_documents_name_the_version(connection: sqlite3.Connection) -> None:
    assert [one.version for one in descent.children(connection, 1, "1")] == ["b", "a"]
    assert descent.children(connection, 1, "2") == []
    assert descent.children(connection, 3, "1") == []


def test_the_versions_of_runs_are_those_whose_documents_name_them(connection: sqlite3.Connection) -> None:
    told = ['{"run_id": "r1"}', '{"lineage": {"run_id": "r1"}, "run_id": "r2"}', '{"run_id": 7}', '{"lineage": "r1"}']
    for number, meta in enumerate(told, start=50):
        for model_id, row in ((1, number), (2, 100 + number)):
            connection.execute("INSERT INTO document VALUES (?, ?, '', '')", (row, meta))
            version = (row, model_id, "t", f"m{model_id}", f"v{number}", "", "", "none", 1, None)
            connection.execute(f"INSERT INTO version VALUES ({', '.join('?' * len(version))})", version)
    assert descent.of_runs(connection, 1, ["r1", "r2", "7", "r3"]) == {"r1": ["v51", "v50"]}
    assert descent.of_runs(connection, 1, []) == {}


def test_no_other_document_is_looked_at(connection: sqlite3.Connection) -> None:
    rows = [(number, json.dumps({"parent_version": f"v{number}"})) for number in range(1000, 6000)]
    connection.executemany("INSERT INTO document VALUES (?, ?, '', '')", rows)
    asked = (lambda: descent.children(connection, 1, "1"), lambda: descent.of_runs(connection, 1, ["r1"]))
    assert sum(steps(connection, ask, at_once=1) for ask in asked) < 500
