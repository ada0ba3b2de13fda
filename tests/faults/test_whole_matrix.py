"""The matrix of tests/app whole: models, too, that are to a caller as others are."""

from __future__ import annotations

import pytest

from ..app.asking import TURNS, check_done, check_refused, made
from ..app.callers import CALLERS, MODELS, World, near

FAR = [who for who in CALLERS if len(near(who)) < len(MODELS)]
still = pytest.fixture(scope="module", name="still")(made)


@TURNS
@pytest.mark.parametrize("who", FAR)
def test_every_other_model_is_as_one_of_which_rules_give_nothing(still: World, who: str, turns: int) -> None:
    others = sorted(MODELS.keys() - set(near(who)))
    check_refused(still, who, others, turns)
    check_done(still, who, others, turns)
