"""A tree of files is shown a part at a time, whatever the package is like; every file is in exactly one part."""

from __future__ import annotations

import pytest

from app.pages.package_tree import MOST_CHARACTERS, MOST_FILES, File, Tree, tree


def files(*paths: str) -> list[File]:
    return [File(path, 1, None) for path in paths]


def parts(found: list[File], match: str = "") -> list[Tree]:
    made = [tree(found, 0, match)]
    while made[-1].next is not None:
        made.append(tree(found, made[-1].next, match))
    return made


def test_a_folder_stands_once_above_its_files() -> None:
    made = tree(files("model.pt", "eval/b.csv", "README.md", "eval/deep/x", "eval/a.csv"))
    assert [(folder, [one.name for one in inside]) for folder, inside in made.folders] == [
        ("", ["README.md", "model.pt"]),
        ("eval/", ["a.csv", "b.csv"]),
        ("eval/deep/", ["x"]),
    ]
    assert (made.first, made.count, made.total, made.before, made.next) == (1, 5, 5, None, None)


@pytest.mark.parametrize(
    ("name", "count"),
    [("{n}", 3_000), ("d{n}/f", 3_000), ("x" * 900 + "/{n}", 1_000), ("a/" * 40 + "{n:05d}", 3_000)],
)
def test_many_files_make_many_parts_of_bounded_size(name: str, count: int) -> None:
    found = files(*(name.format(n=n) for n in range(count)))
    made = parts(found)
    seen = [one.path for part in made for _, inside in part.folders for one in inside]
    assert sorted(seen) == sorted(one.path for one in found)
    for part in made:
        assert part.count <= MOST_FILES
        assert sum(len(one.path) for _, inside in part.folders for one in inside) <= MOST_CHARACTERS + 1024
        assert len(part.folders) <= part.count


def test_the_part_is_the_one_with_the_chosen_file() -> None:
    found = files(*(f"f{n:03d}" for n in range(250)))
    made = tree(found, 0, "", "f123")
    assert (made.first, made.before, made.next) == (101, 0, 200)
    assert tree(found, 0, "", "nowhere").first == 1
    assert tree(found, 10_000).count == 1
    assert tree(found, -5).first == 1


def test_files_are_found_by_a_part_of_their_path() -> None:
    made = tree(files("A/one", "b/TWO", "c"), 0, "a/o")
    assert [folder for folder, _ in made.folders] == ["A/"]
    assert tree([], 0, "x").folders == ()
    assert (tree([], 0, "x").total, tree([], 0).next) == (0, None)
