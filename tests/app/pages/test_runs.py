"""The page of a model's training runs: how they stand, their curves, and which versions came of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import ModelRegistry

from ...support.packages import write_files
from .a_model import MODEL, TASK
from .hostile import SCRIPTS
from .test_history import MOST_BYTES, MOST_NODES
from .visiting import Visitor

RUNS = f"/ui/runs/{TASK}/{MODEL}"


def log(registry: ModelRegistry, run_id: str, points: int = 20, **params: object) -> None:
    metrics = [
        {"key": key, "value": 1 / (step + 1), "step": step} for key in ("loss", "val/acc") for step in range(points)
    ]
    registry.log_batch(TASK, MODEL, run_id, metrics=metrics, params=params, actor="trainer")


@pytest.fixture
def runs(registry: ModelRegistry, tmp_path: Path) -> ModelRegistry:
    """Two runs, of which one has ended and has become a version."""
    log(registry, "run-1", lr=0.1, epochs=20)
    log(registry, "run-2", lr=0.01, epochs=20)
    registry.end_run(TASK, MODEL, "run-1")
    registry.register(TASK, MODEL, "1.0.0", write_files(tmp_path / "source", {"w": b"w"}), {"run_id": "run-1"})
    return registry


def test_each_run_says_how_it_stands_and_what_came_of_it(runs: ModelRegistry, visit: Visitor) -> None:
    page = visit.get(RUNS)
    assert "run-1 finished just now trainer 0.0500 0.0500 0.1000 20 1.0.0" in page.words
    assert "run-2 running just now trainer 0.0500 0.0500 0.0100 20 " in page.words
    assert f"{RUNS}?run=run-1#curves" in page.links
    assert "Curves" not in page.words


def test_curves_of_runs_that_are_chosen(runs: ModelRegistry, visit: Visitor) -> None:
    page = visit.get(f"{RUNS}?run=run-1&run=run-2&run=gone")
    assert 'aria-label="loss by step; it ended with run-1: 0.0500, run-2: 0.0500."' in page.text
    assert page.text.count('class="line s') == 2
    assert f"{RUNS}?run=run-1&run=run-2&metric=val/acc#curves" in page.links
    assert "val/acc by step" in visit.get(f"{RUNS}?run=run-1&metric=val/acc").text
    assert page.text.count("checked") == 2


def test_filters(runs: ModelRegistry, visit: Visitor) -> None:
    assert "run-2" not in visit.get(f"{RUNS}?status=finished").words
    assert "run-1" not in visit.get(f"{RUNS}?param=lr:0.01").words
    assert "No run matches. " in visit.get(f"{RUNS}?status=failed").words
    visit.get(f"{RUNS}?status=none", 422)
    visit.get(f"{RUNS}?param=none", 422)


def test_without_runs_it_says_how_one_begins(registry: ModelRegistry, visit: Visitor, tmp_path: Path) -> None:
    registry.register(TASK, MODEL, "1.0.0", write_files(tmp_path / "source", {"w": b"w"}))
    page = visit.get(RUNS)
    assert "No training job has logged anything for this model." in page.words
    assert f"client.log_metric('{TASK}', '{MODEL}', 'run-1', 'loss', 0.5, step=1)" in page.words


def test_a_page_has_25_runs_and_leads_to_the_others(registry: ModelRegistry, visit: Visitor) -> None:
    for number in range(30):
        registry.log_metric(TASK, MODEL, f"run-{number:02}", "loss", number)
    page = visit.get(RUNS)
    assert "run-24" in page.words
    assert "run-25" not in page.words
    (following,) = [link for link in page.links if "cursor=" in link]
    rest = visit.get(following)
    assert "run-29" in rest.words
    assert "run-24" not in rest.words


@pytest.mark.parametrize("text", SCRIPTS[:8])
def test_hostile_metrics_and_parameters_are_text(registry: ModelRegistry, visit: Visitor, text: str) -> None:
    key = " ".join(text[:200].split())
    registry.log_batch(TASK, MODEL, "run-1", metrics=[{"key": key, "value": 1}], params={key: text}, actor=text)
    assert key in visit.get(f"{RUNS}?run=run-1").words


def test_with_long_curves_of_five_runs_it_has_few_nodes_and_bytes(registry: ModelRegistry, visit: Visitor) -> None:
    chosen = [f"run-{number:02}" for number in range(25)]
    for run_id in chosen:
        log(registry, run_id, 400, **{f"param-{n}": n for n in range(12)})
    page = visit.get(f"{RUNS}?{'&'.join(f'run={run_id}' for run_id in chosen)}")
    assert page.text.count('class="line s') == 5
    assert page.nodes <= MOST_NODES
    assert page.sent_bytes <= MOST_BYTES


def test_a_model_that_is_not_there_is_a_page_that_says_so(registry: ModelRegistry, visit: Visitor) -> None:
    assert "There is no model" in visit.get(RUNS, 404).words
