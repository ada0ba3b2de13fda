"""The page and its plots come of the JSON alone; the same values give the same bytes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import __main__ as command
from benchmarks import page, plots
from benchmarks.results import Section, result_of
from benchmarks.tables import Line, number

from .example import GROWTH, OLDER, RESULT, ROWS


def test_the_json_is_enough() -> None:
    assert page.page(result_of(json.loads(json.dumps(RESULT.to_dict())))) == page.page(RESULT)


def test_the_page_shows_every_value_and_every_plot() -> None:
    files = page.page(RESULT)
    text = files.pop("performance.md")
    assert set(re.findall(r"\]\((.*?)\)", text)) == files.keys()
    for row in ROWS.rows:
        assert f"| {row.what} | {number(row.value)} {row.unit} |" in text
    assert "| promote <&> | 1 | 10 | 100 | 100 | 200 | MISSED |" in text
    assert "speed \\| of it" not in text.split("\n### ")[0]
    assert "before" not in text


def test_two_runs_stand_side_by_side() -> None:
    files = page.page(RESULT, OLDER)
    text = files["performance.md"]
    assert "| resolve: before | 1 | 7 | 77.7 | 77.7 |  | MISSED |" in text
    assert "commit `old`" in text
    assert plots.BEFORE in files["performance/growth-cpu-over-events.svg"]
    assert plots.BEFORE not in page.page(RESULT)["performance/growth-cpu-over-events.svg"]


def test_other_sizes_are_not_compared() -> None:
    other = replace(GROWTH, sizes=[1, 2, 3])
    text = page.page(RESULT, replace(OLDER, sections=[Section("growth", 1, [other])]))["performance.md"]
    assert "resolve: before" not in text


@pytest.mark.parametrize("svg", [plots.growth(GROWTH), plots.growth(GROWTH, GROWTH), plots.bars(ROWS, ROWS)])
def test_a_plot_is_well_formed_and_fits(svg: str) -> None:
    top = ElementTree.fromstring(svg)
    width, height = (float(top.attrib[name]) for name in ("width", "height"))
    numbers = [(float(found[0]), float(found[1])) for found in re.findall(r"([\d.]+),([\d.]+)[ \"]", svg)]
    assert numbers
    assert all(0 <= x <= width and 0 <= y <= height for x, y in numbers)
    assert "nan" not in svg


def test_what_costs_nothing_is_drawn_too() -> None:
    line = Line("free", [0, 0, 0], is_flat=True)
    assert line.ratio == 1
    ElementTree.fromstring(plots.growth(replace(GROWTH, lines=[line])))


def test_a_run_writes_json_and_the_page_comes_of_it_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    docs = tmp_path / "docs"
    (docs / "performance").mkdir(parents=True)
    (docs / "performance" / "of an older page.svg").write_text("")
    written = tmp_path / "run.json"
    here = ["--tmpfs", str(tmp_path), "--disk", str(tmp_path / "none")]
    command.main(["memory", "--quick", *here, "--json", str(written), "--docs", str(docs), "--note", "a note"])
    assert "memory took" in capsys.readouterr().out
    first = {path.relative_to(docs): path.read_text() for path in docs.rglob("*.*")}
    assert Path("performance/of an older page.svg") not in first
    assert "a note" in first[Path("performance.md")]
    assert "MISSED" not in first[Path("performance.md")]
    page.main([str(written), "--docs", str(tmp_path / "again"), "--before", str(written)])
    assert "| before |" in (tmp_path / "again" / "performance.md").read_text()
    page.main([str(written), str(written), "--docs", str(tmp_path / "several")])
    assert (tmp_path / "several" / "performance.md").read_text().count("## Memory") == 2
    page.main([str(written), "--docs", str(docs)])
    assert {path.relative_to(docs): path.read_text() for path in docs.rglob("*.*")} == first
