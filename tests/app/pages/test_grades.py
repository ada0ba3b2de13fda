"""What is better of two values, by the metric's name and the kind of the value."""

from __future__ import annotations

import pytest

from app.pages.grades import AFTER, BEFORE, grades, is_lower_better, worse


@pytest.mark.parametrize("key", ["loss", "val_loss", "Val/Loss", "rmse", "calibration-ece", "time_s", "test.wer"])
def test_less_is_better_of_these(key: str) -> None:
    assert is_lower_better(key)


@pytest.mark.parametrize("key", ["accuracy", "auprc", "glossary", "f1", "timeliness", "erroneous"])
def test_more_is_better_of_all_others(key: str) -> None:
    assert not is_lower_better(key)


@pytest.mark.parametrize(
    ("key", "before", "after", "better"),
    [
        ("acc", 0.9, 0.95, AFTER),
        ("acc", 0.95, 0.9, BEFORE),
        ("loss", 0.2, 0.1, AFTER),
        ("acc", 0.9, 0.9, None),
        ("acc", 1, 0.9, BEFORE),
        ("cells", 700, 900, None),  # counts
        ("kind", "a", "b", None),
        ("on", True, False, None),
        ("acc", None, 0.9, None),
        ("acc", 0.9, None, None),
    ],
)
def test_which_is_better(key: str, before: object, after: object, better: str | None) -> None:
    (one,) = grades({} if before is None else {key: before}, {} if after is None else {key: after})
    assert one.better == better


def test_worse_is_what_is_less_good_or_no_more_there() -> None:
    found = grades({"acc": 0.9, "loss": 0.1, "auc": 0.8, "n": 5}, {"acc": 0.8, "loss": 0.05, "new": 0.1})
    assert worse(found) == ["acc", "auc"]
