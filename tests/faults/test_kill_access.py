"""Events of the registry itself under SIGKILL at every step, and 32 processes that make them at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core import AccessMoved, NameTaken, TokenNotFound
from registry_core.access.governing import create_token, list_tokens, revoke_token, set_document
from registry_core.access.in_force import InForce, said
from registry_core.access.tokens import TokenKind
from registry_core.format.layout import REGISTRY_JOURNAL, TOKENS
from registry_core.models.registry_journal import RegistryJournal, is_ruled
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..core.access.ruled import FIRST, NOW, SECOND, read, written
from ..support.packages import open_registry
from . import forks, injection, raw
from .test_kill import at_each

RACERS = 32


def journal_of(root: Path) -> RegistryJournal:
    return RegistryJournal(FilesystemStorage(root), 60.0, open_registry(root)._identity.before_change)


def put(root: Path, data: bytes, expected_seq: int | None = None) -> int:
    return set_document(journal_of(root), data, expected_seq=expected_seq, actor="ops", reason=None).seq


def token_of(root: Path) -> str:
    return next(iter(said(journal_of(root)).tokens))


# name -> (what stands before it, the change)
CHANGES: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "first document": (lambda root: None, lambda root: put(root, FIRST)),
    "next document": (lambda root: put(root, FIRST), lambda root: put(root, SECOND)),
    "first token": (lambda root: None, lambda root: create_token(journal_of(root), TokenKind.SERVICE, "ci")),
    "revoked token": (
        lambda root: create_token(journal_of(root), TokenKind.SERVICE, "ci"),
        lambda root: revoke_token(journal_of(root), token_of(root), actor=None, reason=None),
    ),
}


def events(root: Path) -> list[dict[str, Any]]:
    return [line.fields or {} for line in journal_of(root).journal.lines()]


def now(root: Path) -> InForce:
    return read(FilesystemStorage(root))


def assert_whole(root: Path, *, finished: bool) -> None:
    severities = {finding.severity for finding in open_registry(root).check().findings}
    assert severities <= ({"note"} if finished else {"note", "pending"})


@injection.SWEEPS
@pytest.mark.parametrize("name", CHANGES)
def test_killed_anywhere_the_rules_are_the_old_or_the_new(area: Path, name: str, of: injection.Choice) -> None:
    before, change = CHANGES[name]
    template, root = area / "template", area / "root"
    template.mkdir()
    before(template)
    old = (events(template), now(template).data, set(said(journal_of(template)).tokens))

    def fresh() -> None:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(template, root)

    fresh()
    names = forks.run(lambda: injection.trace(lambda: change(root))).get()
    new = (now(root).data, len(said(journal_of(root)).tokens))

    def check(point: injection.Point) -> None:
        fresh()
        outcome = forks.run(injection.killed_at(point, lambda: change(root)))
        assert outcome.signal == signal.SIGKILL, f"not killed, but: {outcome}"
        tree = raw.tree(root, times=True)
        committed = len(events(root)) > len(old[0])
        assert events(root)[: len(old[0])] == old[0]
        found = now(root)
        assert (found.data, len(found.said.tokens)) == (new if committed else (old[1], len(old[2])))
        assert_whole(root, finished=False)
        assert raw.tree(root, times=True) == tree, "reading changed something"
        open_registry(root).recover()
        assert_whole(root, finished=True)
        assert is_ruled(FilesystemStorage(root)) is (committed or bool(old[0]))
        if not committed or name.endswith("document"):
            change(root)  # again, as whoever had no answer would
        assert (now(root).data, len(now(root).said.tokens)) == new
        open_registry(root).sweep(older_than_s=0)
        assert raw.staging(root) == []
        assert_whole(root, finished=True)

    points = injection.points(names)
    assert len(points) >= 40
    at_each(of(points), check)


def test_no_token_is_half_there(area: Path) -> None:
    """Whatever a kill leaves of a token that no event names counts for nothing, and stands in nobody's way."""
    template, root = area / "template", area / "root"
    template.mkdir()
    put(template, FIRST)
    shutil.copytree(template, root)

    def create() -> object:
        return create_token(journal_of(root), TokenKind.SERVICE, "ci")

    names = forks.run(lambda: injection.trace(create)).get()
    left = 0
    for point in injection.distinct(injection.points(names)):
        shutil.rmtree(root)
        shutil.copytree(template, root)
        assert forks.run(injection.killed_at(point, create)).signal == signal.SIGKILL
        tokens = list_tokens(journal_of(root), NOW)
        assert len(tokens) == len(events(root)) - 1
        kept = list((root / TOKENS).iterdir()) if (root / TOKENS).exists() else []
        left += len(kept) - len(tokens)
        if not tokens:
            create()
        assert [one.name for one in list_tokens(journal_of(root), NOW)] == ["ci"]
        assert_whole(root, finished=True)
    assert left > 0, "no kill left one without an event, so nothing was tried"


def test_32_processes_replace_the_same_document(area: Path) -> None:
    root = area / "root"
    root.mkdir()
    first = put(root, FIRST)

    def replace(number: int) -> Callable[[], int]:
        return lambda: put(root, written(admins=[f"user:{number}"]), expected_seq=first)

    outcomes = forks.race([replace(number) for number in range(RACERS)])
    won = [number for number, outcome in enumerate(outcomes) if outcome.error is None]
    assert len(won) == 1
    assert all(isinstance(outcome.error, AccessMoved) for outcome in outcomes if outcome.error is not None)
    assert [one.text for one in now(root).rules.admins] == [f"user:{won[0]}"]
    assert len(events(root)) == 2
    assert_whole(root, finished=True)


def test_32_processes_set_documents_and_make_and_revoke_tokens(area: Path) -> None:
    root = area / "root"
    root.mkdir()
    texts = [written(admins=[f"user:{number}"]) for number in range(4)]

    def work(number: int) -> Callable[[], int]:
        def act() -> int:
            done = 0
            for turn in range(3):
                put(root, texts[(number + turn) % len(texts)])
                made = create_token(journal_of(root), TokenKind.SERVICE, f"job-{number}.{turn}")
                done += 1
                if number % 2:
                    revoke_token(journal_of(root), made.kept.id, actor=None, reason=None)
            return done

        return act

    outcomes = [outcome.get() for outcome in forks.race([work(number) for number in range(RACERS)])]
    assert outcomes == [3] * RACERS
    lines = [json.loads(line) for line in (root / REGISTRY_JOURNAL).read_bytes().splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert len(list_tokens(journal_of(root), NOW)) == 3 * RACERS // 2
    assert now(root).data in texts
    assert_whole(root, finished=True)


def test_32_processes_want_one_name(area: Path) -> None:
    root = area / "root"
    root.mkdir()

    def create() -> str:
        return create_token(journal_of(root), TokenKind.SERVICE, "ci").kept.id

    outcomes = forks.race([create] * RACERS)
    (won,) = [outcome.value for outcome in outcomes if outcome.error is None]
    assert all(isinstance(outcome.error, NameTaken) for outcome in outcomes if outcome.error is not None)
    assert [one.id for one in list_tokens(journal_of(root), NOW)] == [won]
    revoke = [lambda: revoke_token(journal_of(root), won, actor=str(os.getpid()), reason=None)] * RACERS
    revoked = forks.race(revoke)
    assert sum(outcome.error is None for outcome in revoked) == 1
    assert all(isinstance(outcome.error, TokenNotFound) for outcome in revoked if outcome.error is not None)
