"""Two organizations that make one name at once, and a process that is killed while it does: the model is one's."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from registry_core import CoreSettings, Kind, ModelRegistry, PermissionDenied, Principal
from registry_core.access.in_force import said
from registry_core.models import owners
from registry_core.models.model import ModelStore
from registry_core.models.registry_journal import RegistryJournal
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.vocabulary.owners import NOT_THERE, UNOWNED, Ownership, owned_by

from ..core.access.issuers import ISSUERS, PLATFORM
from ..core.access.ruled import put, written
from . import forks, injection, raw
from .test_kill import at_each

TASK, MODEL = "celltype", "pbmc"
RULES = written(rules=[{"who": ["authenticated"], "on": ["*/*"], "role": "publisher", "owner": "own-or-unowned"}])


def view(root: Path, org: str | None) -> ModelRegistry:
    settings = CoreSettings(root=str(root), workers=1, artifacts_allowed_roots=(str(root.parent),))
    registry = ModelRegistry.open(settings=settings)
    registry.trust(ISSUERS)
    return registry.as_(Principal(Kind.USER, f"of-{org}", PLATFORM, org=org))


def register(root: Path, source: Path, org: str | None, version: str) -> str:
    return view(root, org).register(TASK, MODEL, version, source, set_alias=None).version


def log(root: Path, org: str | None, run: str) -> str:
    return view(root, org).log_metric(TASK, MODEL, run, "loss", 1.0).run_id


def whose(root: Path) -> Ownership:
    return owners.read(ModelStore(FilesystemStorage(root), TASK, MODEL, 0.0))


def home(root: Path) -> Path:
    return root / "tasks" / TASK / "models" / MODEL


def assert_whole(root: Path, *, finished: bool = True) -> None:
    registry = ModelRegistry.open(root, settings=CoreSettings())
    severities = {finding.severity for finding in registry.check().findings}
    assert severities <= ({"note"} if finished else {"note", "pending"})
    assert not finished or raw.staging(root) == []


@pytest.fixture
def ruled(area: Path) -> Path:
    root = area / "root"
    root.mkdir()
    put(FilesystemStorage(root), RULES)
    assert said(RegistryJournal(FilesystemStorage(root), 1.0)).is_ruled
    return root


# at once


def test_32_processes_of_two_organizations_register_one_new_name(ruled: Path, source: Path) -> None:
    works = [partial(register, ruled, source, ("7", "8")[n % 2], str(n)) for n in range(32)]
    outcomes = forks.race(works)
    first = raw.events(home(ruled))[0]
    winner = first["owner"]
    for n, outcome in enumerate(outcomes):
        if ("7", "8")[n % 2] == winner:
            assert outcome.get() == str(n)
        else:
            assert isinstance(outcome.error, PermissionDenied), outcome
    assert [event.get("owner") for event in raw.events(home(ruled))] == [winner, *[None] * 15]
    assert whose(ruled) == owned_by(winner)
    assert_whole(ruled)


def test_32_processes_log_the_first_run_of_one_new_name(ruled: Path) -> None:
    outcomes = forks.race([partial(log, ruled, ("7", "8")[n % 2], f"run-{n}") for n in range(32)])
    winner = whose(ruled).org
    for n, outcome in enumerate(outcomes):
        if ("7", "8")[n % 2] == winner:
            assert outcome.get() == f"run-{n}"
        else:
            assert isinstance(outcome.error, PermissionDenied), outcome
    assert len(list((home(ruled) / "runs").iterdir())) == 16


def test_32_processes_register_and_log_to_one_new_name(ruled: Path, source: Path) -> None:
    """One organization registers and the other logs: one of them finds the name taken, altogether."""
    works: list[Callable[[], str]] = [partial(register, ruled, source, "7", str(n)) for n in range(16)]
    works += [partial(log, ruled, "8", f"run-{n}") for n in range(16)]
    outcomes = forks.race(works)
    won = outcomes[:16] if whose(ruled) == owned_by("7") else outcomes[16:]
    assert whose(ruled) in (owned_by("7"), owned_by("8"))
    for outcome in outcomes:
        assert (outcome.error is None) is (outcome in won), outcome
        assert outcome.error is None or isinstance(outcome.error, PermissionDenied)
    assert (home(ruled) / "versions").exists() is (whose(ruled).org == "7")
    assert (home(ruled) / "runs").exists() is (whose(ruled).org == "8")


# killed

CHANGES: dict[str, tuple[Callable[[Path, Path], object], Callable[[Path, Path], object], Ownership, Ownership]] = {
    "the first register": (
        lambda root, source: None,
        lambda root, source: register(root, source, "7", "2"),
        NOT_THERE,
        owned_by("7"),
    ),
    "a register of what is nobody's": (
        lambda root, source: register(root, source, None, "1"),
        lambda root, source: register(root, source, None, "2"),
        UNOWNED,
        UNOWNED,
    ),
    "the first register after a run": (
        lambda root, source: log(root, "7", "first"),
        lambda root, source: register(root, source, "7", "2"),
        owned_by("7"),
        owned_by("7"),
    ),
    "another owner": (
        lambda root, source: register(root, source, "7", "1"),
        lambda root, source: ModelRegistry.open(root, settings=CoreSettings()).own(TASK, MODEL, "8"),
        owned_by("7"),
        owned_by("8"),
    ),
    "the first run": (
        lambda root, source: None,
        lambda root, source: log(root, "7", "first"),
        NOT_THERE,
        owned_by("7"),
    ),
}


def events(root: Path) -> list[dict[str, Any]]:
    return raw.events(home(root)) if (home(root) / "audit").exists() else []


@pytest.mark.parametrize("name", CHANGES)
def test_killed_anywhere_the_model_is_the_old_or_the_new_ones(ruled: Path, source: Path, name: str) -> None:
    before, change, old, new = CHANGES[name]
    template, root = ruled.parent / "template", ruled
    before(ruled, source)
    shutil.copytree(ruled, template, symlinks=True)
    done = len(events(template))

    def fresh() -> None:
        shutil.rmtree(root)
        shutil.copytree(template, root, symlinks=True)

    names = forks.run(lambda: injection.trace(lambda: change(root, source))).get()
    assert whose(root) == new

    def check(point: injection.Point) -> None:
        fresh()
        outcome = forks.run(injection.killed_at(point, lambda: change(root, source)))
        assert outcome.signal == signal.SIGKILL, f"not killed, but: {outcome}"
        tree = raw.tree(root, times=True)
        found = whose(root)
        assert found in (old, new)
        assert found == new or len(events(root)) == done, "an event names an owner, and nobody sees it"
        assert_whole(root, finished=False)
        assert raw.tree(root, times=True) == tree, "reading changed something"
        ModelRegistry.open(root, settings=CoreSettings()).sweep(older_than_s=0)
        assert whose(root) == found
        if found == new and new.org is not None:
            with pytest.raises(PermissionDenied):
                register(root, source, "7" if new.org == "8" else "8", "9")
        if len(events(root)) == done:
            change(root, source)  # again, as whoever had no answer would
        assert whose(root) == new
        assert_whole(root)
        document = home(root) / "ownership.json"
        assert document.exists() is (new.org is not None)
        assert new.org is None or json.loads(document.read_text())["organization_id"] == new.org

    at_each(injection.distinct(injection.points(names)), check)
