"""A star stands for anything within one name; what looks like another language's pattern is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.vocabulary.patterns import ModelPattern, fault_of, matches, parse_models

from ...support.profiled import profiled


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_a_star_is_any_characters(pattern: str, name: str) -> None:
    wanted = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL)
    assert matches(pattern, name) is (wanted is not None)


@pytest.mark.parametrize("pattern", ["a*" * 200 + "b", "a*" * 200 + "b*", "*a" * 200 + "*b*"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """Each of its parts is looked for once; what tried every way would not end here."""
    calls: list[str] = []
    with profiled(lambda _, event, __: calls.append(event)):
        assert not matches(pattern, "a" * 500)
    assert len(calls) < 5 * len(pattern)


@pytest.mark.parametrize("text", ["", "a" * 513, "prod-?", "[ab]", "{a,b}", "a\\*", "a/b", "a\nb", "\ud800"])
def test_what_is_no_pattern(text: str) -> None:
    assert fault_of(text) is not None


def test_older_names_can_be_meant_too() -> None:
    assert fault_of("my model (old)") is None


def test_models_are_meant_by_task_and_name() -> None:
    assert parse_models("celltype/*") == ModelPattern("celltype", "*")
    assert parse_models("celltype/*").matches("celltype", "human_pbmc")
    assert not parse_models("celltype/*").matches("celltype2", "human_pbmc")
    assert not parse_models("*/pbmc").matches("celltype", "human_pbmc")
    assert [parse_models(one).is_everything for one in ("*/*", "*/**", "*/a", "a/*")] == [True, True, False, False]


@pytest.mark.parametrize("text", ["", "*", "celltype", "celltype/", "/pbmc", "a/b/c", "a/[b]"])
def test_what_means_no_models(text: str) -> None:
    with pytest.raises(ValueError, match="task/model_name"):
        parse_models(text)
