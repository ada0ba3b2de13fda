"""Tables as text, and a run as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.results import result_of
from benchmarks.scale import Places, Scale
from benchmarks.tables import Line

from .example import GROWTH, RESULT, ROWS


def test_a_result_comes_back_from_its_json() -> None:
    said = json.dumps(RESULT.to_dict())
    again = result_of(json.loads(said))
    assert json.dumps(again.to_dict()) == said
    assert again.table("omr", ROWS.title) is not None
    assert again.table("growth", ROWS.title) is None


def test_a_table_says_what_was_missed() -> None:
    lines = ROWS.render().splitlines()
    assert ["met" in line for line in lines] == [False, False, True, False, False]
    assert ["MISSED" in line for line in lines] == [False, False, False, True, False]
    assert "MISSED" not in ROWS.render(judge=False)


def test_a_growth_table_says_what_grows_and_how_it_stands_to_the_bare_tool() -> None:
    lines = {line.split("  ")[1]: line for line in GROWTH.render().splitlines() if line.startswith("  ")}
    assert re.search(r"1\.2 x\s+2\.4 x\s+met$", lines["resolve"])
    assert re.search(r"100 x\s+200 x\s+MISSED$", lines["promote <&>"])
    assert re.search(r"100 x$", lines["list"])
    assert "MISSED" not in GROWTH.render(judge=False)


def test_what_costs_nothing_does_not_grow() -> None:
    assert Line("free", [0, 0, 0], is_flat=True).ratio == 1


def test_what_is_bounded_is_held_to_the_first_size_that_comes_upon_it() -> None:
    line = Line("resolve", [10, 100, 170], is_flat=True, since=1, bounded=20)
    assert (line.ratio, line.is_met) == (17, True)
    assert replace(line, values=[10, 100, 171]).is_met is False
    assert replace(line, since=0).is_met is False
    assert replace(line, bounded=0).is_met is False


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["nothing"])
    assert "there is no benchmark nothing" in capsys.readouterr().err


def test_what_was_measured_is_kept_after_each(tmp_path: Path) -> None:
    kept: list[int] = []
    places = Places({"here": tmp_path})
    command.run(["memory", "memory"], places, Scale.quick(), lambda result: kept.append(len(result.sections)))
    assert kept == [1, 2]
