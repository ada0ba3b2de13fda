"""What is a number, in one place for metrics, documents and predicates: what JSON has, and a float can be near."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.vocabulary.finite import is_number

LARGEST = int(1.7976931348623157e308)


@pytest.mark.parametrize("value", [0, -1, 0.5, -0.0, 5e-324, LARGEST, -LARGEST], ids=lambda value: repr(value)[:12])
def test_what_a_float_can_be_near_is_a_number(value: float) -> None:
    assert is_number(value)


@pytest.mark.parametrize("value", [True, False, None, "1", [1], math.nan, math.inf, -math.inf, 10**309, -(10**309)])
def test_nothing_else_is_one(value: object) -> None:
    assert not is_number(value)


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.integers(min_value=10**307, max_value=10**310)))
def test_a_number_is_what_strict_json_and_a_float_both_hold(value: float) -> None:
    try:
        json.dumps(float(value), allow_nan=False)
        is_held = not isinstance(value, bool)
    except (ValueError, OverflowError):
        is_held = False
    assert is_number(value) == is_held
