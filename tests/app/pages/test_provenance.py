"""What a version was made from is picked out of any metadata, in one order, and never more than its bounds."""

from __future__ import annotations

from typing import Any

import pytest

from app.pages.provenance import (
    LONGEST_FACT,
    MOST_CURVES,
    MOST_FACTS,
    MOST_METRICS,
    Fact,
    boxes,
    curves,
    facts,
    flat,
    params,
    run_of,
)
from registry_core import Description, Lineage, Relative, RunDetail

META = {
    **dict.fromkeys(("task", "model_name", "version", "created_at", "stage", "description"), "ours"),
    **{"zeta": [1, {"a": "ü"}], "framework": "torch", "empty": "", "params": {"lr": 1}, "tags": {"a": 1}},
    "lineage": {"dataset": "dvc:x", "run_id": "r1", "metrics": {"f1": 1}, "parent_version": None},
}


def run(history: dict[str, list[dict[str, Any]]], said: dict[str, Any] | None = None) -> RunDetail:
    return RunDetail("t", "m", "r1", "finished", None, None, None, said or {}, {}, {}, history)


def test_facts_are_what_is_not_shown_elsewhere_in_the_order_that_people_ask() -> None:
    assert facts(META) == [
        Fact("dataset", "dvc:x"),
        Fact("run_id", "r1"),
        Fact("framework", "torch"),
        Fact("zeta", '[1, {"a": "ü"}]'),
    ]
    assert run_of(META) == "r1"
    assert run_of({"run_id": "r2"}) == "r2"


@pytest.mark.parametrize("lineage", [None, [], "x", 1, {"run_id": 3}, {"run_id": ""}, {"run_id": ["r"]}])
def test_any_metadata_has_facts_or_none(lineage: Any) -> None:
    meta = {"lineage": lineage, "params": lineage, **{f"k{n}": "x" * 1000 for n in range(100)}}
    found = facts(meta)
    assert len(found) == MOST_FACTS
    assert all(len(fact.text) <= LONGEST_FACT for fact in found)
    assert run_of(meta) is None
    assert params(meta, None) == (
        [("run_id", str(lineage["run_id"]))] if lineage == {"run_id": 3} else params(meta, None)
    )


def test_parameters_are_of_the_run_and_the_metadata_counts() -> None:
    found = params({"params": {"lr": 2}, "hyperparameters": {"seed": [1]}}, run({}, {"lr": 1, "epochs": 60}))
    assert found == [("epochs", "60"), ("lr", "2"), ("seed", "[1]")]


def test_nested_metrics_have_one_key() -> None:
    assert flat({"a": 1, "b": {"c": {"d": 0.5}, "e": "x"}, "f": [1]}) == [
        ("a", 1),
        ("b.c.d", 0.5),
        ("b.e", "x"),
        ("f", "[1]"),
    ]
    assert len(flat({str(n): n for n in range(1000)})) == MOST_METRICS


def test_curves_have_a_line_for_each_run() -> None:
    points = [{"step": 2, "value": 0.25}, {"step": 4, "value": 0.75}]
    (loss, other) = curves([("1", run({"loss": points, "a": []})), ("2", None), ("3", run({"loss": points[:1]}))])[::-1]
    assert (loss.key, other.key) == ("loss", "a")
    assert [[(one.x, one.value) for one in line] for line in loss.lines] == [[(2, 0.25), (4, 0.75)], [], [(2, 0.25)]]
    assert loss.ends == [(0.25, 0.75, 0.25, 0.75, 2), (0.25, 0.25, 0.25, 0.25, 1)]
    assert other.ends == []
    assert "<svg" in loss.drawn("A sentence <&>.")
    assert "A sentence &lt;&amp;&gt;." in loss.drawn("A sentence <&>.")
    assert len(curves([("", run({f"k{n}": points for n in range(50)}))])) == MOST_CURVES


@pytest.mark.parametrize("value", [None, "nan", True, "x", [1]])
def test_what_is_no_number_is_no_point(value: Any) -> None:
    (made,) = curves([("", run({"k": [{"step": value, "value": value}, {"step": 1, "value": 2.0}, {}]}))])
    assert made.ends == [(2.0, 2.0, 2.0, 2.0, 1)]
    assert made.drawn("s")


def test_lineage_is_from_left_to_right_and_only_what_is_there_can_be_opened() -> None:
    shown = Description({}, None, "3", ["production"], {}, "none", None, None)
    parents, child = [Relative("2", True), Relative("x", False)], Relative("4", True, "2026-11-27T10:00:00Z")
    said = {"dataset": "d" * 999, "image": "i", "run_id": "r1"}
    found = Lineage("3", parents, [child], None, None, "r1", said)
    words = {"version": "version", "gone": "not here", "run_id": "run", "dataset": "data", "image": "image"}
    made, lines = boxes(shown, found, {"2": [Relative("1", True)]}, words, lambda version, tab: f"/{version}?{tab}")
    assert [(one.key, one.column, one.words, one.href) for one in made] == [
        ("v 1", 0, "version", "/1?lineage"),
        ("v 2", 1, "version", "/2?lineage"),
        ("v x", 1, "not here", None),
        ("run", 1, "run", None),
        ("dataset", 0, "data", None),
        ("image", 0, "image", None),
        ("v 3", 2, "production", None),
        ("v 4", 3, "2026-11-27", "/4?lineage"),
    ]
    assert lines[:3] == [("v 1", "v 2"), ("v 2", "v 3"), ("v x", "v 3")]
    assert lines[3:] == [("run", "v 3"), ("dataset", "run"), ("image", "run"), ("v 3", "v 4")]
