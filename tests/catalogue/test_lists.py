"""Lists are what the verbs say of each version, in every order and by every filter; pages neither skip nor repeat."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_core import InvalidParameter

from ..support.machine import MIB, memory_backed, remove_tree
from .shelf import Asked, Book, Shelf, books, everything, titles

TASKS, MODELS, TAG_KEYS = ("peaks", "types", "types2"), ("alpha", "beta", "gamma"), ("tissue", "team")
TAG_VALUES, WORDS = ("lung", "liver", "7"), ("robust", "robin", "atlas", "sparse")
METRICS = ("accuracy", "loss", "a:b")
SORTS = [
    f"{sign}{name}" for sign in ("", "-") for name in ("name", "created_at", *(f"metric:{key}" for key in METRICS))
]
few = st.lists


def _fill(shelf: Shelf, count: int, seed: int) -> None:
    """Versions with ties in everything that can be tied, some of it missing."""
    draw = random.Random(seed)
    for number in range(count):
        metrics = {key: draw.choice((0, 0.5, 0.5, 1, -2.5)) for key in METRICS if draw.random() < 0.8}
        shelf.add(
            draw.choice(MODELS),
            f"v{number}",
            task=draw.choice(TASKS),
            metrics=metrics,
            tags={key: draw.choice(TAG_VALUES) for key in TAG_KEYS if draw.random() < 0.6},
            description=" ".join(draw.sample(WORDS, draw.randint(0, 3))),
            set_alias=draw.choice((None, "latest", "staging", "production")),
        )
    for book in books(shelf.registry, shelf.root)[:: max(1, count // 6)]:
        shelf.registry.stage(book.task, book.model, book.version, "archived")
        shelf.registry.tag(book.task, book.model, book.version, "team", draw.choice(TAG_VALUES))


@pytest.fixture(scope="module")
def filled() -> Iterator[tuple[Shelf, list[Book]]]:
    top = Path(tempfile.mkdtemp(prefix="registry-lists-", dir=memory_backed(64 * MIB)))
    shelf = Shelf(top / "root")
    shelf.registry.list_models()  # there from the first change on, so each of them has to be followed
    _fill(shelf, 60, 1)
    yield shelf, books(shelf.registry, shelf.root)
    remove_tree(top)


NATURAL = ["0.9", "1.2.0", "1.9.0", "1.10.0", "1.10.0-rc1", "01.11", "2", "10", "v1", "v2", "v10"]


@pytest.mark.parametrize("words", [{}, {"task": "t"}, {"text": "odd"}, {"metric_gte": ("n:0",)}])
def test_versions_are_in_the_order_of_their_numbers_by_whatever_way_they_are_found(
    shelf: Shelf, words: dict[str, Any]
) -> None:
    """Walked in order or looked up one by one, whole or in pages, and back."""
    for number, version in enumerate(reversed(NATURAL)):
        shelf.add("m", version, metrics={"n": 1}, note="odd" if number % 2 else "even")
    expected = [f"m@{version}" for version in NATURAL]
    if "text" in words:
        expected = expected[1::2]
    for limit in (1, 3, 100):
        assert titles(shelf.registry, limit=limit, **words) == expected
        assert titles(shelf.registry, limit=limit, sort="-name", **words) == expected[::-1]
        assert titles(shelf.registry, limit=limit, sort="metric:n", **words) == expected


pairs = st.tuples(st.sampled_from(METRICS), st.sampled_from((0.0, 0.5, 1.0, -2.5, 9.0)))
asked = st.builds(
    Asked,
    task=st.none() | st.sampled_from((*TASKS, "nowhere")),
    model_name=st.none() | st.sampled_from(MODELS),
    alias=st.none() | st.none() | st.sampled_from(("latest", "production", "gone")),
    stage=st.none() | st.none() | st.sampled_from(("none", "staging", "production", "archived")),
    metric_gte=st.lists(pairs, max_size=2).map(tuple),
    metric_lte=st.lists(pairs, max_size=2).map(tuple),
    tags=st.lists(st.tuples(st.sampled_from(TAG_KEYS), st.sampled_from(TAG_VALUES)), max_size=2).map(tuple),
    words=st.lists(st.sampled_from(("rob", "robu", "robust", "atl", "lung", "v1", "zzz")), max_size=2).map(tuple),
    sort=st.sampled_from(SORTS),
    limit=st.sampled_from((1, 2, 3, 7, 59, 60, 61, 1000)),
)


@settings(max_examples=150, deadline=None, database=None, print_blob=True)
@given(question=asked)
def test_every_filter_order_and_page(filled: tuple[Shelf, list[Book]], question: Asked) -> None:
    shelf, known = filled
    assert titles(shelf.registry, **question.query()) == question.answer(known)


def test_a_rebuild_makes_the_same_lists(filled: tuple[Shelf, list[Book]]) -> None:
    shelf, known = filled
    before = {sort: everything(shelf.registry, sort=sort, limit=7) for sort in SORTS}
    page = shelf.registry.list_models(sort="-metric:loss", limit=5)
    other = shelf.opened()
    other.reindex()
    assert {sort: everything(other, sort=sort, limit=7) for sort in SORTS} == before
    again = other.list_models(sort="-metric:loss", limit=1000, cursor=page.next)
    assert [*page.items, *again.items] == before["-metric:loss"]
    assert titles(other) == Asked().answer(known)


def test_an_item_is_the_metadata_with_what_is_said_beside_it(filled: tuple[Shelf, list[Book]]) -> None:
    shelf, _ = filled
    for item in everything(shelf.registry):
        shown = shelf.registry.show(item["task"], f"{item['model_name']}@{item['version']}")
        beside = {"tags": shown.tags, "stage": shown.stage, "description": shown.description, "aliases": shown.aliases}
        assert item == {**shown.meta, **beside}


def test_versions_without_the_metric_come_last_and_a_metric_that_nobody_has_is_told(shelf: Shelf) -> None:
    for version, metrics in (("1", {}), ("2", {"loss": 0.5}), ("3", {}), ("4", {"loss": -1})):
        shelf.add("m", version, metrics=metrics)
    for limit in (1, 2, 3, 4):
        assert titles(shelf.registry, sort="metric:loss", limit=limit) == ["m@4", "m@2", "m@1", "m@3"]
        assert titles(shelf.registry, sort="-metric:loss", limit=limit) == ["m@2", "m@4", "m@3", "m@1"]
        assert titles(shelf.registry, sort="metric:lost", limit=limit) == ["m@1", "m@2", "m@3", "m@4"]
        assert titles(shelf.registry, sort="metric:loss", task="t", limit=limit)[2:] == ["m@1", "m@3"]
    assert shelf.registry.list_models(sort="metric:loss").warnings == []
    (warning,) = shelf.registry.list_models(sort="metric:lost").warnings
    assert "'lost'" in warning


def test_free_metadata_in_the_registrys_own_words_is_not_listed_as_them(shelf: Shelf) -> None:
    own = ("package_digest", "package_dir", "package_path", "stage", "aliases", "description", "task", "version")
    shelf.registry.register("t", "m", "1", shelf.source, {"free": 1, **dict.fromkeys(own, "archived")})
    (item,) = shelf.registry.list_models(model_name="m").items
    assert not {"package_digest", "package_dir", "package_path"} & item.keys()
    assert (item["task"], item["version"], item["stage"], item["aliases"]) == ("t", "1", "none", ["latest"])
    assert (item["free"], item["description"]) == (1, "archived")  # a description may be given so, and tags
    assert shelf.registry.list_models(stage="archived", model_name="m").total == 0


def test_tasks_count_what_is_there(filled: tuple[Shelf, list[Book]]) -> None:
    shelf, known = filled
    expected = []
    for task in sorted({book.task for book in known}):
        of_task = [book for book in known if book.task == task]
        packages = [shelf.package(book.model, book.version, task) for book in of_task]
        size = sum(file.stat().st_size for package in packages for file in package.rglob("*") if file.is_file())
        models = len({book.model for book in of_task})
        expected.append({"task": task, "models": models, "versions": len(of_task), "bytes": size})
    assert [task.to_dict() for task in shelf.registry.list_tasks()] == expected


changes = st.sampled_from(("add", "delete", "promote", "tag", "describe"))


@settings(max_examples=20, deadline=None, database=None, print_blob=True)
@given(
    seed=st.integers(0, 2**20),
    sort=st.sampled_from(("name", "-name", "created_at", "-created_at", "metric:loss", "-metric:accuracy")),
    limit=st.integers(1, 4),
    steps=st.lists(st.lists(changes, max_size=3), min_size=2, max_size=6),
)
def test_pages_while_others_change_the_registry(seed: int, sort: str, limit: int, steps: list[list[str]]) -> None:
    """What is there from the first page to the last is on exactly one of them, in order; nothing comes twice."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory(dir=memory_backed(64 * MIB)) as top:
        shelf = Shelf(Path(top) / "root")
        _fill(shelf, 10, seed)
        before = {book.title: book for book in books(shelf.registry, shelf.root)}
        other = shelf.opened()  # another process, which shares the file
        seen: list[str] = []
        cursor: str | None = None
        plan = iter(steps)
        while True:
            page = other.list_models(sort=sort, limit=limit, cursor=cursor)
            seen += [f"{item['model_name']}@{item['version']}" for item in page.items]
            cursor = page.next
            if cursor is None:
                break
            for step in next(plan, []):
                _change(shelf, step, draw)
        after = {book.title: book for book in books(shelf.registry, shelf.root)}
        remove_tree(Path(top) / "root")
        (Path(top) / "root").mkdir()
    assert len(seen) == len(set(seen))
    stayed = [book for title, book in before.items() if title in after]
    assert [title for title in seen if title in {book.title for book in stayed}] == Asked(sort=sort).answer(stayed)


def _change(shelf: Shelf, step: str, draw: random.Random) -> None:
    there = books(shelf.registry, shelf.root)
    book = draw.choice(there)
    if step == "add":
        metrics = {key: draw.choice((0, 0.5, 1)) for key in METRICS}
        shelf.add(draw.choice(MODELS), f"{draw.choice('aw')}{draw.getrandbits(32)}", task=book.task, metrics=metrics)
    elif step == "delete":
        for alias in book.aliases:
            shelf.registry.unalias(book.task, book.model, alias)
        shelf.registry.delete(book.task, book.model, book.version, reason="test")
    elif step == "promote":
        shelf.registry.promote(book.task, book.model, "latest", book.version)
    elif step == "tag":
        shelf.registry.tag(book.task, book.model, book.version, "team", draw.choice(TAG_VALUES))
    else:
        shelf.registry.patch(book.task, book.model, book.version, description=draw.choice(WORDS))


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 1001},
        {"stage": "nowhere"},
        {"sort": "size"},
        {"sort": "metric:"},
        {"metric_gte": ("accuracy",)},
        {"metric_gte": ("accuracy:high",)},
        {"metric_lte": ("accuracy:nan",)},
        {"metric_lte": (":1",)},
        {"fact": ("load",)},
        {"fact": ("load:evil",)},
        {"fact": ("format:code",)},
        {"fact": ("load:\udc80",)},
        {"tags": ("tissue",)},
        {"tags": (":lung",)},
        {"tags": tuple(f"key{number}:x" for number in range(1001))},
        {"text": " ".join(f"word{number}" for number in range(3000))},
        {"task": "\udc80"},
        {"text": "caf\udce9"},
        {"tags": ("k:\udc80",)},
        {"sort": "metric:\udc80"},
        {"cursor": "x"},
        {"cursor": "é"},
        {"cursor": ""},
        {"cursor": "W10"},
        {"cursor": "bnVsbA"},
        {"cursor": "W1tb" * 3000},
    ],
    ids=lambda query: str(query)[:40],
)
def test_questions_that_make_no_sense(shelf: Shelf, query: dict[str, Any]) -> None:
    shelf.add("m", "1")
    shelf.registry.list_models()
    inode = shelf.catalogue.stat().st_ino
    with pytest.raises(InvalidParameter):
        shelf.registry.list_models(**query)
    assert shelf.catalogue.stat().st_ino == inode, "a question has cost the catalogue"


@pytest.mark.parametrize(
    ("sort", "last"),
    [
        ("name", ["t", "m", 10**30]),
        ("name", ["t", "m", True]),
        ("name", ["t", "m", "\udc80"]),
        ("name", ["t", "m"]),
        ("metric:a", [10**400, "t", "m", "1"]),
        ("metric:a", [float("nan"), "t", "m", "1"]),
        ("metric:a", ["x", "t", "m", "1"]),
        ("created_at", [None, "t", "m", "1"]),
    ],
    ids=str,
)
def test_a_cursor_that_somebody_has_made_up(shelf: Shelf, sort: str, last: list[Any]) -> None:
    from registry_core.catalogue.queries import Query

    cursor = Query(sort=sort).cursor_after(last)
    with pytest.raises(InvalidParameter):
        shelf.registry.list_models(sort=sort, cursor=cursor)


def test_a_cursor_belongs_to_its_filters(shelf: Shelf) -> None:
    for number in range(3):
        shelf.add("m", str(number))
    cursor = shelf.registry.list_models(limit=1).next
    assert titles(shelf.registry, limit=1)[0] == "m@0"
    for other in ({"task": "t"}, {"sort": "-name"}, {"text": "m"}):
        with pytest.raises(InvalidParameter):
            shelf.registry.list_models(cursor=cursor, **other)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("zurich", True),
        ("ZÜRICH", True),
        ("Zür", True),
        ("urich", False),
        ("0.91", True),
        ("lung_tissue", True),
        ("细胞", True),
        ("胞", False),
        ("œuvre", True),
        ("\u19b0", False),
        ('"zurich" OR nothing*', False),
        ("zurich AND", False),
        ("---", False),
        ("  ", True),
        ("\x00zurich", True),
    ],
)
def test_words(shelf: Shelf, text: str, found: bool) -> None:
    description = "trained in Zürich, accuracy 0.91, Lung-tissue; 细胞 Œuvre"
    shelf.add("m", "1", description=description, nested={"deep": ["ok", {"key": "last"}]})
    assert titles(shelf.registry, text=text) == (["m@1"] if found else [])
    for word in ("nested", "deep", "last", "key"):
        assert titles(shelf.registry, text=word) == ["m@1"]


def test_a_page_of_large_metadata_ends_early(shelf: Shelf) -> None:
    for number in range(20):
        shelf.add("m", f"{number:02}", notes="x" * 1_000_000)
    page = shelf.registry.list_models(limit=1000)
    assert page.total == 20
    assert 10 <= len(page.items) < 20
    assert titles(shelf.registry, limit=1000) == [f"m@{number:02}" for number in range(20)]
