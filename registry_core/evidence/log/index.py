"""What is kept of the log so that nobody reads it anew: a file that can be deleted at any time, and is made again.

Nothing is believed of it that the journal does not confirm: the root of what it has is that of the last event.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import tree as log_tree
from .checkpoints import Name, Said, Tree
from .signed_note import Checkpoint, parse_vkey

_FORM = "1"
_TABLES = """
create table if not exists said (one integer primary key check (one = 1), form text, fields text);
create table if not exists covered (task text, model text, upto integer, digest text, primary key (task, model));
create table if not exists cover (task text, model text, after integer, leaf integer, upto integer,
                                  primary key (task, model, after));
create table if not exists row (place integer primary key, hash blob);
"""
_BUSY_S = 30.0


class LogIndex:
    """One file, or memory where ``path`` is None. Use it within a ``with``, in one thread."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> LogIndex:
        self._database = self._opened()
        return self

    def __exit__(self, *_: object) -> None:
        if self._database is not None:
            self._database.close()

    def _opened(self) -> sqlite3.Connection:
        for path in (self._path, self._path, None):
            try:
                if path is not None:
                    path.parent.mkdir(exist_ok=True)
                database = sqlite3.connect(path or ":memory:", timeout=_BUSY_S, isolation_level=None)
                database.execute("pragma synchronous = off")  # after a power cut it may be damaged, and is made anew
                database.executescript(_TABLES)
                return database
            except (sqlite3.Error, OSError):
                if path is not None:
                    with suppress(OSError):
                        path.unlink()
        raise AssertionError("a database in memory can be opened")

    @property
    def _open(self) -> sqlite3.Connection:
        assert self._database is not None
        return self._database

    def forget(self) -> None:
        """It has nothing; in memory from now on, if that cannot be said in the file."""
        try:
            with self._writing() as database:
                for table in ("said", "covered", "cover", "row"):
                    database.execute(f"delete from {table}")
        except sqlite3.Error:
            self.move_to_memory()

    def move_to_memory(self) -> None:
        """It has nothing, and what it gets is kept as long as it is open."""
        self._open.close()
        self._path = None
        self._database = self._opened()

    def is_empty(self) -> bool:
        """Whether nothing is kept of any journal."""
        return self._open.execute("select 1 from said").fetchone() is None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        database = self._open
        database.execute("begin immediate")
        try:
            yield database
            database.execute("commit")
        except BaseException:
            with suppress(sqlite3.Error):
                database.rollback()
            raise

    def said(self) -> Said:
        """What it knows the journal to have said; nothing where it is not whole."""
        with suppress(sqlite3.Error, ValueError, LookupError, TypeError):
            found = self._open.execute("select form, fields from said").fetchone()
            if found is None or found[0] != _FORM:
                return Said()
            rows = self._open.execute("select task, model, upto, digest from covered")
            said = _read(json.loads(found[1]), {(task, model): (upto, digest) for task, model, upto, digest in rows})
            if log_tree.root_at(said.size, self.node) == said.root:
                return said
        return Said()

    def keep(self, before: Said, said: Said, tree: Tree | None = None, row: list[bytes] | None = None) -> bool:
        """It knows what is said now, and the tree's covers and hashes; False where another process was faster."""
        with self._writing() as database:
            found = database.execute("select fields from said").fetchone()
            if (json.loads(found[0])["seq"] if found is not None else 0) != before.seq:
                return False
            if said.size == 0 and before.size:
                for table in ("covered", "cover", "row"):
                    database.execute(f"delete from {table}")
            if tree is not None and row is not None:
                leaf, place = before.size, log_tree.row_length(before.size)
                for one in tree.covers:
                    database.execute(
                        "insert or replace into covered values (?, ?, ?, ?)", (*one.name, one.upto, one.digest)
                    )
                    database.execute("insert into cover values (?, ?, ?, ?, ?)", (*one.name, one.after, leaf, one.upto))
                    leaf += one.size
                database.executemany("insert into row values (?, ?)", enumerate(row, start=place))
            database.execute("insert or replace into said values (1, ?, ?)", (_FORM, json.dumps(_written(said))))
        return True

    def node(self, place: int) -> bytes:
        """The hash at that place of the row. Raises ``LookupError``."""
        found = self._open.execute("select hash from row where place = ?", (place,)).fetchone()
        if found is None:
            raise LookupError(place)
        return bytes(found[0])

    def leaf(self, name: Name, seq: int) -> int | None:
        """Which leaf the line of the journal is, or None where it is not covered."""
        found = self._open.execute(
            "select after, leaf, upto from cover where task = ? and model = ? and after < ?"
            " order by after desc limit 1",
            (*name, seq),
        ).fetchone()
        return int(found[1] + seq - found[0] - 1) if found is not None and seq <= found[2] else None


def _written(said: Said) -> dict[str, Any]:
    lost = said.lost
    return {
        "seq": said.seq,
        "digest": said.digest,
        "verifiers": [str(one) for one in said.verifiers],
        "size": said.size,
        "root": said.root.hex(),
        "tree_seq": said.tree_seq,
        "trees": said.trees,
        "is_followed": said.is_followed,
        "lost": None if lost is None else [lost.origin, lost.size, lost.root.hex()],
    }


def _read(fields: dict[str, Any], covered: dict[Name, tuple[int, str]]) -> Said:
    lost = fields["lost"]
    return Said(
        **{
            **fields,
            "verifiers": tuple(parse_vkey(one) for one in fields["verifiers"]),
            "root": bytes.fromhex(fields["root"]),
            "lost": None if lost is None else Checkpoint(lost[0], lost[1], bytes.fromhex(lost[2])),
        },
        covered=covered,
    )
