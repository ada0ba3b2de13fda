"""I15, cost follows the work: what a verb reads and does is the same, however long the past of the model is.

Counted on a filesystem, by the kernel and by the interpreter, on models of 300 and of 3,000 events.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from registry_core import ModelRegistry

from ..support.machine import remove_tree
from ..support.packages import write_files
from .long_past import FIRST_KEY, MODEL, TASK, Cost, cost_of, make, opened, source

SHORT, LONG = 300, 3_000
PAGE = 4096

Verb = Callable[[ModelRegistry, Path], object]
UPLOAD = {"weights.pt": hashlib.sha256(b"new").hexdigest()}

# In this order, each in a registry that was opened for it; the second one is where its packages are.
VERBS: dict[str, Verb] = {
    "resolve": lambda registry, _: registry.resolve(TASK, f"{MODEL}@production", verify=False),
    "resolve, verified": lambda registry, _: registry.resolve(TASK, f"{MODEL}@production"),
    "show": lambda registry, _: registry.show(TASK, f"{MODEL}@production"),
    "rollback": lambda registry, _: registry.rollback(TASK, MODEL, "production"),
    "rollback to": lambda registry, _: registry.rollback(TASK, MODEL, "production", to_version="second"),
    "promote": lambda registry, _: registry.promote(TASK, MODEL, "production", "first"),
    "a new alias": lambda registry, _: registry.promote(TASK, MODEL, "newest", "second"),
    "tag": lambda registry, _: registry.tag(TASK, MODEL, "first", "k", "v"),
    "stage": lambda registry, _: registry.stage(TASK, MODEL, "first", "production"),
    "unalias": lambda registry, _: registry.unalias(TASK, MODEL, "production"),
    "delete": lambda registry, _: registry.delete(TASK, MODEL, "first", reason="wrong"),
    "restore": lambda registry, _: registry.restore(TASK, MODEL, "first"),
    "register": lambda registry, top: registry.register(TASK, MODEL, "new", top / "new"),
    "register with a key": lambda registry, top: registry.register(
        TASK, MODEL, "newer", top / "newer", idempotency_key="new key"
    ),
    "a repeat": lambda registry, top: registry.register(
        TASK, MODEL, "first", top / "first", set_alias=None, idempotency_key=FIRST_KEY
    ),
    "begin upload": lambda registry, _: registry.begin_upload(TASK, MODEL, files=[]),
}


def _costs(root: Path) -> dict[str, Cost]:
    for name in ("new", "newer"):
        source(root, name)
    opened(root).tag(TASK, MODEL, "second", "k", "v")  # the first change makes the index
    return {name: cost_of(partial(verb, opened(root), root.parent)) for name, verb in VERBS.items()}


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, dict[str, Cost]]]:
    top = tmp_path_factory.mktemp("cost")
    _costs(make(top / "warm", 1))  # whatever is imported only once
    yield {events: _costs(make(top / str(events), events)) for events in (SHORT, LONG)}
    remove_tree(top)


@pytest.mark.parametrize("verb", VERBS)
def test_I15_a_verb_costs_the_same_however_long_the_past(costs: dict[int, dict[str, Cost]], verb: str) -> None:
    before, after = costs[SHORT][verb], costs[LONG][verb]
    assert 0 < after.bytes_read <= before.bytes_read * 1.5 + 4 * PAGE, (before, after)
    assert after.reads <= before.reads * 1.5 + 4, (before, after)
    assert after.opened <= before.opened + 6, (before, after)
    assert after.listed <= before.listed + 6, (before, after)
    assert after.calls <= before.calls * 1.2, (before, after)


def test_I15_resolve_reads_no_manifest(tmp_path: Path) -> None:
    root = make(tmp_path, 1)
    registry = opened(root)
    for version, files in (("small", 1), ("large", 200)):
        write_files(tmp_path / version, {f"part-{number}.bin": b"x" for number in range(files)})
        registry.register(TASK, MODEL, version, tmp_path / version)
    resolve = {
        version: cost_of(lambda version=version: registry.resolve(TASK, f"{MODEL}@{version}", verify=False))
        for version in ("small", "small", "large")
    }
    assert resolve["large"].bytes_read <= resolve["small"].bytes_read + PAGE // 4, resolve
