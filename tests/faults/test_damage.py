"""A damaged file is an error or a warning, never another answer, and ``check`` names it; but for what is listed."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..docs.documents import read
from ..support.machine import MIB, memory_backed, remove_tree
from . import damage
from .damage import Truth
from .held_by_itself import HELD, held

PAIRS = [(kind, way) for kind in damage.KINDS for way in damage.WAYS]
SAMPLE = 48


@pytest.fixture(scope="module")
def truth() -> Iterator[Truth]:
    area = Path(tempfile.mkdtemp(prefix="registry-damage-", dir=memory_backed(64 * MIB)))
    yield damage.truth_of(area)
    remove_tree(area)


def sample() -> list[tuple[str, str]]:
    """Every kind of file and every way of damage, and always the same."""
    draw = random.Random("damage")
    ways = list(damage.WAYS) * 2
    draw.shuffle(ways)
    kinds = [*damage.KINDS, *draw.sample(list(damage.KINDS), SAMPLE - len(damage.KINDS))]
    return sorted(set(zip(kinds, ways, strict=False)))


def judge(truth: Truth, kind: str, way: str) -> None:
    found = damage.symptoms(truth, kind, way)
    known = held(kind, way)
    assert not found.keys() - known, {symptom: found[symptom] for symptom in found.keys() - known}
    assert not known - found.keys(), (
        f"{kind}, {way} is mended, so it goes from held_by_itself.py: {known - found.keys()}"
    )


def test_there_are_enough_ways_and_questions(truth: Truth) -> None:
    assert len(damage.WAYS) >= 15
    assert len(truth.said) >= 80
    assert {kind for kind, _ in sample()} == set(damage.KINDS)


def test_what_is_held_by_nothing_but_itself_is_listed_in_the_design() -> None:
    listed = read("docs/design.md").section("Held by nothing but itself")
    for kind in damage.HELD_BY_ITSELF:
        place = damage.KINDS[kind]
        assert f"`{place.partition('/')[0]}/`" in listed or f"`{place.rpartition('/')[2]}`" in listed, kind


def test_what_is_listed_can_happen() -> None:
    for one in HELD:
        assert one.kind in damage.KINDS
        assert set(one.ways.split("; ")) <= damage.WAYS.keys()
        assert one.reason
        assert set(one.symptoms.split()) <= {damage.WRONG, damage.UNNAMED}, "never without a type, never for ever"


@pytest.mark.parametrize(("kind", "way"), sample())
def test_a_damaged_file(truth: Truth, kind: str, way: str) -> None:
    judge(truth, kind, way)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "way"), PAIRS)
def test_every_file_in_every_way(truth: Truth, kind: str, way: str) -> None:
    judge(truth, kind, way)
