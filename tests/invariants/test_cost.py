"""I15, cost follows the work: what a verb reads and does is the same, however long the past of the model is.

Counted on a filesystem, by the kernel and by the interpreter, on models of 100 and of 3,000 events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from registry_core import ModelRegistry

from ..support.machine import remove_tree
from .long_past import MODEL, TASK, Cost, cost_of, make, opened

SHORT, LONG = 100, 3_000
PAGE = 4096

Verb = Callable[[ModelRegistry], object]

# In this order, each in a registry that was opened for it.
VERBS: dict[str, Verb] = {
    "resolve": lambda registry: registry.resolve(TASK, f"{MODEL}@production", verify=False),
    "show": lambda registry: registry.show(TASK, f"{MODEL}@production"),
    "promote": lambda registry: registry.promote(TASK, MODEL, "production", "first"),
    "tag": lambda registry: registry.tag(TASK, MODEL, "first", "k", "v"),
    "stage": lambda registry: registry.stage(TASK, MODEL, "first", "production"),
    "unalias": lambda registry: registry.unalias(TASK, MODEL, "production"),
    "delete": lambda registry: registry.delete(TASK, MODEL, "first", reason="wrong"),
}


def _costs(root: Path) -> dict[str, Cost]:
    return {name: cost_of(partial(verb, opened(root))) for name, verb in VERBS.items()}


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, dict[str, Cost]]]:
    top = tmp_path_factory.mktemp("cost")
    _costs(make(top / "warm", 1))  # whatever is imported only once
    yield {events: _costs(make(top / str(events), events)) for events in (SHORT, LONG)}
    remove_tree(top)


@pytest.mark.parametrize("verb", VERBS)
def test_I15_a_verb_costs_the_same_however_long_the_past(costs: dict[int, dict[str, Cost]], verb: str) -> None:
    before, after = costs[SHORT][verb], costs[LONG][verb]
    assert 0 < after.bytes_read <= before.bytes_read + PAGE, (before, after)
    assert after.reads <= before.reads + 2, (before, after)
    assert after.opened == before.opened, (before, after)
    assert after.listed == before.listed, (before, after)
    assert after.calls <= before.calls * 1.05, (before, after)
