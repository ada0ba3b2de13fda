"""I1, I4, I10 for every verb that governs: SIGKILL at every step, and the journal alone says what is true.

As ``test_kill.py``, but the judge knows all that an event can change: what the files show of each thing is what the
journal tells with, or without, its last event; and after a recovery it is what the journal tells, to the letter.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    AliasNotFound,
    ModelRegistry,
    NotFound,
    RegistryError,
    VersionExists,
    VersionNotFound,
)

from ..governance import told
from ..support.machine import remove_tree
from ..support.old_registry import OldRegistry
from ..support.packages import open_registry, write_package
from . import forks, injection, raw
from .test_kill import at_each, model_of

TASK, MODEL = "celltype", "pbmc"
WORDS: dict[str, Any] = {"actor": "ada", "reason": "because of the kill sweep"}

Verb = Callable[[ModelRegistry], Any]


@dataclass(frozen=True)
class Change:
    """A verb to be killed. ``done`` is what it answers when it was committed before, None where it just succeeds.

    ``events``: how many it makes; ``old``: versions of older software in the model.
    """

    run: Verb
    before: tuple[Verb, ...] = ()
    done: type[RegistryError] | None = None
    events: int = 1
    old: tuple[str, ...] = ()


def delete(version: str) -> Verb:
    return lambda registry: registry.delete(TASK, MODEL, version, **WORDS)


def stage(version: str, stage: str) -> Verb:
    return lambda registry: registry.stage(TASK, MODEL, version, stage, **WORDS)


def tag(version: str, key: str, value: Any) -> Verb:
    return lambda registry: registry.tag(TASK, MODEL, version, key, value, **WORDS)


CHANGES = {
    "unalias": Change(lambda r: r.unalias(TASK, MODEL, "production", **WORDS), done=AliasNotFound),
    "rollback": Change(lambda r: r.rollback(TASK, MODEL, "production", **WORDS)),
    "tag-first": Change(tag("3", "tissue", "blood")),
    "tag-next": Change(tag("1", "tissue", "skin")),
    "patch": Change(lambda r: r.patch(TASK, MODEL, "1", description="two donors", tags={"own": None}, **WORDS)),
    "stage-staging": Change(stage("3", "staging")),
    "stage-production": Change(stage("3", "production"), (stage("3", "archived"),)),
    "stage-archived": Change(stage("3", "archived")),
    "stage-none": Change(stage("2", "none")),
    "delete": Change(delete("3"), done=VersionNotFound),
    "delete-again": Change(
        delete("3"), (delete("3"), lambda r: r.restore(TASK, MODEL, "3", **WORDS)), done=VersionNotFound
    ),
    "delete-old": Change(delete("old"), done=VersionNotFound, old=("old",)),
    "restore": Change(lambda r: r.restore(TASK, MODEL, "3", **WORDS), (delete("3"),), done=VersionExists),
    "purge": Change(lambda r: r.purge(0, **WORDS), (delete("3"),)),
    "adopt": Change(lambda r: r.adopt(**WORDS), old=("old",)),
}


def fill(registry: ModelRegistry, root: Path, source: Path, change: Change) -> None:
    for version in change.old:
        OldRegistry(root).model(TASK, MODEL).version(version, alias=None)
    for version, alias in (("1", "latest"), ("2", None), ("3", None)):
        registry.register(TASK, MODEL, version, source, set_alias=alias)
    registry.promote(TASK, MODEL, "production", "1")
    registry.promote(TASK, MODEL, "production", "2")
    registry.tag(TASK, MODEL, "1", "tissue", "blood")
    for verb in change.before:
        verb(registry)


@dataclass(frozen=True)
class Sweep:
    """All kill points of one change, and a registry to start each of them from."""

    change: Change
    area: Path
    template: Path
    old: list[told.Fields] = field(default_factory=list)

    @classmethod
    def make(cls, name: str, area: Path) -> Sweep:
        template = area / "template"
        template.mkdir(parents=True)
        fill(open_registry(template), template, write_package(area / "source"), CHANGES[name])
        assert [found for found in open_registry(template).check().findings if found.severity != "note"] == []
        return cls(CHANGES[name], area, template, told.events(model_of(template)))

    def fresh(self) -> Path:
        root = self.area / "root"
        if root.exists():
            remove_tree(root)
        shutil.copytree(self.template, root)
        return root

    def run(self, root: Path) -> Any:
        return self.change.run(open_registry(root))

    def points(self) -> list[injection.Point]:
        root = self.fresh()
        return injection.points(forks.run(lambda: injection.trace(lambda: self.run(root))).get())

    def kill(self, point: injection.Point) -> Path:
        root = self.fresh()
        outcome = forks.run(injection.killed_at(point, lambda: self.run(root)))
        assert outcome.signal == signal.SIGKILL, f"not killed, but: {outcome}"
        return root

    # what must hold

    def shown(self, root: Path) -> told.Facts:
        """What the files show. A baseline that no event names is nobody's: the next adoption writes it anew."""
        facts, named = told.shown(model_of(root)), self.told(told.events(model_of(root))).adopted
        return replace(facts, adopted={name: sums for name, sums in facts.adopted.items() if name in named})

    def told(self, lines: Sequence[told.Fields]) -> told.Facts:
        return told.told(lines, old_versions=self.change.old)

    def assert_nothing_half(self, root: Path) -> int:
        """Each thing is as the journal tells with or without its last event. Returns how many events were added."""
        model = model_of(root)
        lines = told.events(model)
        assert lines[: len(self.old)] == self.old
        added = len(lines) - len(self.old)
        assert 0 <= added <= self.change.events
        now = self.told(lines).pieces()
        # Without a new event nothing was changed; a manifest kept for a delete that did not come is no document.
        before = self.told(lines[: max(len(self.old), len(lines) - 1)]).pieces()
        shown = self.shown(root).pieces()
        for piece in now.keys() | before.keys() | shown.keys():
            assert shown.get(piece) in (now.get(piece), before.get(piece)), piece
        self._assert_reads(root, unfinished=shown != now and bool(added))
        return added

    def _assert_reads(self, root: Path, *, unfinished: bool) -> None:
        before = raw.tree(root, times=True)
        registry, shown = open_registry(root), told.shown(model_of(root))
        found = {finding.severity for finding in registry.check().findings}
        assert "damage" not in found, registry.check().findings
        assert not unfinished or "pending" in found
        for selector in {"1", "2", "3", "old", "latest", "production", "staging"}:
            expected = shown.aliases.get(selector, selector if selector in shown.versions else None)
            assert resolved(registry, selector) == expected
        assert registry.audit_verify(TASK, MODEL).events == len(told.events(model_of(root)))
        assert raw.tree(root, times=True) == before, "reading changed something"

    def assert_finished(self, root: Path) -> None:
        """The files show what the journal tells."""
        model = model_of(root)
        facts, shown = self.told(told.events(model)), self.shown(root)
        assert shown.pieces() == facts.pieces()
        assert told.buried(model) == {version for version, (_, kept) in facts.gone.items() if kept}
        if not self.change.old:
            told.assert_sealed(model)
        assert {finding.severity for finding in open_registry(root).check().findings} <= {"note"}

    def retry(self, root: Path, added: int) -> None:
        """Sent again, it does what is left to do; what was done is not done twice."""
        if added < self.change.events or self.change.done is None:
            self.run(root)
        else:
            with pytest.raises(self.change.done):
                self.run(root)

    def assert_nothing_left(self, root: Path) -> None:
        registry = open_registry(root)
        registry.sweep(older_than_s=0)
        assert raw.staging(root) == []
        self.assert_finished(root)
        ours = [finding for finding in registry.check().findings if not finding.where.endswith("@old")]
        assert ours == []


def resolved(registry: ModelRegistry, selector: str) -> str | None:
    try:
        return registry.resolve(TASK, f"{MODEL}@{selector}").version
    except NotFound:
        return None


def sweep_all(sweep: Sweep, points: list[injection.Point]) -> None:
    def check(point: injection.Point) -> None:
        root = sweep.kill(point)
        added = sweep.assert_nothing_half(root)
        how = point.call % 3
        if how == 0:
            open_registry(root).recover()
            sweep.assert_finished(root)
        elif how == 1:
            open_registry(root).sweep(older_than_s=0)
            sweep.assert_finished(root)
        sweep.retry(root, added)  # else at once, with no recovery in between
        sweep.assert_nothing_left(root)

    at_each(points, check)


@pytest.mark.parametrize("name", CHANGES)
def test_killed_anywhere(area: Path, name: str) -> None:
    """At every moment that leaves another disk than the one before."""
    sweep = Sweep.make(name, area)
    sweep_all(sweep, injection.distinct(sweep.points()))


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_killed_before_and_after_every_call(area: Path, name: str) -> None:
    sweep = Sweep.make(name, area)
    points = sweep.points()
    assert len(points) >= 60
    sweep_all(sweep, points)


@pytest.mark.parametrize("name", ["delete", "restore", "purge"])
def test_killed_again_while_recovering(area: Path, name: str) -> None:
    sweep = Sweep.make(name, area)
    verb = {"delete": "retire", "restore": "reinstate", "purge": "erase"}[name]
    points = sweep.points()
    first = next(point for point in points if point.name == f"FilesystemPackages.{verb}")
    root = sweep.kill(first)
    names = forks.run(lambda: injection.trace(lambda: open_registry(root).recover())).get()

    def check(point: injection.Point) -> None:
        root = sweep.kill(first)
        outcome = forks.run(injection.killed_at(point, lambda: open_registry(root).recover()))
        assert outcome.signal == signal.SIGKILL
        assert sweep.assert_nothing_half(root) == 1
        open_registry(root).recover()
        sweep.assert_finished(root)
        sweep.retry(root, 1)
        sweep.assert_nothing_left(root)

    at_each(injection.distinct(injection.points(names)), check)
