"""Versions side by side: every difference in it, the better one marked, and no more than a page can hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.pages.compare import MOST_DIFF_LINES, Cell, changed, file_rows, metric_rows
from registry_core import Comparison, FileDiff, ModelRegistry, VersionFacts

from ...support.packages import write_files
from .test_version import MOST_BYTES, MOST_NODES
from .visiting import Visitor

PAGE = "/ui/models/t/m/compare"


def facts(**said: object) -> VersionFacts:
    bare = {"metrics": {}, "created_at": None, "stage": "none", "tags": {}, "params": {}, "files": {}}
    return VersionFacts(**{**bare, **said})  # type: ignore[arg-type]


def of(**sides: VersionFacts) -> tuple[Comparison, list[str]]:
    return Comparison(dict(sides), {}), list(sides)


def test_the_best_is_marked_and_counts_are_no_grades() -> None:
    a, b = {"f1": 0.9, "loss": 0.5, "cells": 10, "same": 1.5}, {"f1": 0.8, "loss": 0.25, "cells": 20, "same": 1.5}
    found = metric_rows(*of(a=facts(metrics=a), b=facts(metrics=b), c=facts(metrics={"f1": 0.9})), False)
    f1, loss, cells, same = found.rows
    assert [cell.is_best for cell in f1.cells] == [True, False, True]
    assert (f1.cells[1], f1.is_lower_better) == (Cell("0.8000", "−0.1000", False), False)
    assert (loss.cells[1], loss.is_lower_better) == (Cell("0.2500", "−0.2500", True, True), True)
    assert cells.cells == (Cell("10", "0"), Cell("20", "+10"), Cell(""))
    assert (same.key, same.cells[2].text) == ("same", "")


def test_only_differences_are_shown_unless_all_are_asked_for() -> None:
    two = of(a=facts(metrics={"f1": 0.9, "x": 1}), b=facts(metrics={"f1": 0.9, "x": 2}))
    assert [row.key for row in metric_rows(*two, False).rows] == ["x"]
    assert metric_rows(*two, False).same == 1
    assert [row.key for row in metric_rows(*two, True).rows] == ["f1", "x"]


def test_files_say_what_became_of_them() -> None:
    a = facts(files={"gone": "1", "kept": "1", "model.pt": "1", "a.yml": "1"}, sizes={"model.pt": 1, "a.yml": 1})
    b = facts(files={"new": "1", "kept": "1", "model.pt": "2", "a.yml": "2"}, sizes={"model.pt": 2, "a.yml": 2**21})
    found = file_rows(*of(a=a, b=b), False)
    assert [(row.path, row.change, row.is_text) for row in found.rows] == [
        ("a.yml", "changed", False),  # too large for its text to be compared
        ("gone", "removed", True),
        ("model.pt", "changed", False),
        ("new", "added", True),
    ]
    assert found.same == 1


def test_a_difference_of_texts_is_told_in_parts() -> None:
    made = changed(FileDiff("x", "text", "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n x\n-a\n-b\n+--- c\n"))
    assert made.parts == (("at", "@@ -1,2 +1,2 @@\n"), ("", " x\n"), ("del", "-a\n-b\n"), ("add", "+--- c\n"))
    assert not made.is_cut
    long = changed(FileDiff("x", "text", "--- a/x\n+++ b/x\n" + "+x\n-y\n" * 5_000))
    assert len(long.parts) == MOST_DIFF_LINES
    assert long.is_cut
    assert changed(FileDiff("x", "binary", "")).parts == ()


@pytest.fixture
def five(registry: ModelRegistry, tmp_path: Path) -> None:
    for n in range(1, 6):
        files = {"env.yml": b"- a\n- <b>%d</b>\n" % n, "model.pt": b"%d" % n, "same.txt": b"same"}
        run = f"run{n}"
        points = [
            {"key": f"k{key}<i>", "value": n * key / 7 + step / 3, "step": step}
            for key in range(12)
            for step in range(60)
        ]
        registry.log_batch("t", "m", run, metrics=points, params={"lr": n, "epochs": 60, "<b>": "<script>"})
        meta = {"metrics": {"f1": 0.5 + n / 20, "val_loss": 1 / n, "cells": n}, "run_id": run, "dataset": "<u>d</u>"}
        registry.register("t", "m", str(n), write_files(tmp_path / run, files), meta, actor="a<b>")
    registry.promote("t", "m", "production", "4", actor="a", reason="r")


@pytest.mark.usefixtures("five")
def test_versions_stand_side_by_side(visit: Visitor) -> None:
    page = visit.get(f"{PAGE}?v=production&v=5")
    assert "Compare 2 versions" in page.words
    assert "Differences are against 4" in page.words
    assert "f1 0.7000 0.7500 best +0.0500" in page.words
    assert "val_loss ↓ better 0.2500 0.2000 best −0.0500" in page.words
    assert "lr 4 5 differs" in page.words
    assert "epochs" not in page.words
    assert "1 file with the same bytes" in page.words
    assert "run_id run4 run5 differs" in page.words
    assert "epochs 60 60" in visit.get(f"{PAGE}?v=4&v=5&all=1").words
    with_text = visit.get(f"{PAGE}?v=4&v=5&v=1&file=env.yml&with=5")
    assert "env.yml: 4 → 5" in with_text.words
    assert "-- <b>4</b> +- <b>5</b>" in with_text.words
    assert "env.yml: 4 → 1" in visit.get(f"{PAGE}?v=4&v=5&v=1&file=env.yml&with=nobody").words
    assert "The same bytes in both" in visit.get(f"{PAGE}?v=4&v=5&file=same.txt").words
    assert "Neither version has this file" in visit.get(f"{PAGE}?v=4&v=5&file=../env.yml").words
    for link in (one for one in page.links if one.startswith(PAGE)):
        visit.get(link)


@pytest.mark.usefixtures("five")
def test_fewer_than_two_are_chosen_from_a_list(visit: Visitor) -> None:
    for query in ("", "?v=5", "?v=5&v=5"):
        page = visit.get(PAGE + query)
        assert "Choose 2 to 5 versions" in page.words
        assert page.text.count('type="checkbox"') == 5
        assert page.text.count(" checked") == (1 if query else 0)
    visit.get(f"{PAGE}?v=5&v=no-such", 404)
    visit.get("/ui/models/t/nobody/compare", 404)


@pytest.mark.usefixtures("five")
def test_five_of_everything_are_within_bounds(visit: Visitor, registry: ModelRegistry, tmp_path: Path) -> None:
    for query in ("v=1&v=2&v=3&v=4&v=5&all=1&file=env.yml", "v=1&v=2&v=3&v=4&v=5&v=6"):
        page = visit.get(f"{PAGE}?{query}")
        assert page.nodes < MOST_NODES, page.nodes
        assert page.sent_bytes < MOST_BYTES
    for n in range(6, 11):
        many = {f"key{m:05d}": f"{n}-{m}" for m in range(500)}
        files = {f"{'d' * 60}/{n}-{m:04d}": b"%d" % n for m in range(1_000)}
        files["long.json"] = json.dumps(many, indent=1).encode()
        meta = {"params": many, "provenance": many, "metrics": dict.fromkeys(many, n / 7)}
        registry.register("t", "m", str(n), write_files(tmp_path / str(n), files), meta, set_alias=None)
    page = visit.get(f"{PAGE}?v=6&v=7&v=8&v=9&v=10&all=1&file=long.json")
    assert page.nodes < MOST_NODES, page.nodes
    assert page.sent_bytes < MOST_BYTES, page.sent_bytes


def test_no_sign_in_a_file_makes_its_difference_read_otherwise() -> None:
    made = changed(FileDiff("x", "text", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n+safe\u2028-gone\x0b x\u202ey\n"))
    assert made.parts[1:] == (("add", "+safe\\u2028-gone\u240b x\\u202ey\n"),)
