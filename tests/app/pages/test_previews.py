"""A preview is made of a bounded part of a file, says what stands there, and loads or runs nothing of it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.previews import (
    LONGEST_CELL,
    MOST_BYTES,
    MOST_CELLS,
    MOST_CHARACTERS,
    MOST_COLUMNS,
    MOST_IMAGE_BYTES,
    Table,
    Text,
    is_image,
    is_read,
    preview,
)

from .hostile import SCRIPTS
from .test_highlight import plain_of


def whole(path: str, text: str) -> Text | Table | None:
    data = text.encode()
    return preview(path, data[:MOST_BYTES], len(data))


def text_of(path: str, text: str) -> str:
    made = whole(path, text)
    assert isinstance(made, Text)
    return plain_of(made.html)


class Bomb:
    """Unpickled, it fails the test."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("a pickle was loaded",)


@pytest.mark.parametrize("name", ["model.pkl", "model.pt", "w/Model.PTH", "x.joblib", "a.tar.gz", "model.safetensors"])
def test_weights_are_not_read(name: str) -> None:
    assert not is_read(name)
    assert not is_image(name, 1)


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("name", ["model", "model.txt", "model.json", "model.csv", "model.py", "model.html"])
def test_a_pickle_is_never_loaded_whatever_it_is_called(name: str, protocol: int) -> None:
    data = pickle.dumps(Bomb(), protocol)
    assert preview(name, data, len(data)) is None or protocol == 0  # which is text


def test_images_are_left_to_the_browser() -> None:
    assert is_image("figures/UMAP.PNG", MOST_IMAGE_BYTES)
    assert not is_image("figures/umap.png", MOST_IMAGE_BYTES + 1)
    assert not is_image("figures/umap.svg", 1), "it may hold scripts: it is shown as its source"
    assert is_read("figures/umap.svg")
    assert not is_read("png.jpeg")
    assert is_read("png")


@pytest.mark.parametrize("name", ["page.html", "figure.svg", "notes.ipynb", "README.md", "x.py", "x.yaml", "LICENSE"])
@pytest.mark.parametrize("text", SCRIPTS)
def test_what_could_run_is_its_source(name: str, text: str) -> None:
    assert text_of(name, text.replace("\0", "")).rstrip("\n") == text.replace("\0", "").translate({14: "␎"}).rstrip(
        "\n"
    )


def test_json_of_one_line_is_shown_in_lines() -> None:
    assert text_of("a.json", '{"a":[1,"é"]}') == '{\n  "a": [\n    1,\n    "é"\n  ]\n}\n'
    for text in ('{"a": 1,\n "b": 2}\n', '{"a"', "[" * 5000, "9" * 5000, '{"a": 1e999}\n{"a": 2}\n'):
        assert text_of("a.json", text).rstrip("\n") == text.rstrip("\n")
    deep = whole("a.json", json.dumps(json.loads("[" * 300 + "]" * 300)))
    assert isinstance(deep, Text)
    assert len(plain_of(deep.html)) <= MOST_CHARACTERS
    assert not deep.is_whole


def test_json_that_names_half_a_character_is_shown() -> None:
    found = whole("a.json", '{"a": "\\ud800"}')
    assert isinstance(found, Text)
    assert "\\ud800" in found.html.encode().decode()


def test_json_that_is_nested_deep_is_put_in_lines_no_further_than_it_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "[" * 300 + "1," * 30_000 + "1" + "]" * 300  # in lines it is 300 times that
    made = []

    class Counting(json.JSONEncoder):
        def iterencode(self, o: object, _one_shot: bool = False) -> Iterator[str]:
            for part in super().iterencode(o, _one_shot):
                made.append(len(part))
                yield part

    monkeypatch.setattr(json, "JSONEncoder", Counting)
    found = whole("a.json", text)
    assert isinstance(found, Text)
    assert not found.is_whole
    assert 0 < sum(made) < 2 * MOST_CHARACTERS


def test_a_table_is_its_names_rows_and_which_columns_are_numbers() -> None:
    made = whole("eval/per_label.csv", 'label,support,f1\r\n"B, naive",1895,0.950\r\nNK,-3e2,nan\r\n\r\nDC,,1\r\n')
    assert made == Table(
        ("label", "support", "f1"),
        (("B, naive", "1895", "0.950"), ("NK", "-3e2", "nan"), ("DC", "", "1")),
        (False, True, True),
        0,
        True,
    )
    made = whole("x.tsv", "a\tb\n1\n1\t2\t3\n")
    assert isinstance(made, Table)
    assert (made.names, made.rows) == (("a", "b", ""), (("1", "", ""), ("1", "2", "3")))


@pytest.mark.parametrize("text", ["", "one line", "a,b\n", '"' + "x" * 70_000, "\n\n\n"])
def test_what_is_no_table_is_text(text: str) -> None:
    assert text_of("x.csv", text) == text[:MOST_CHARACTERS]


@pytest.mark.parametrize(
    "text",
    ["a,b\n" + "1,2\n" * 50_000, ",".join("abc" * 900) + "\n" + ",".join("123" * 900) + "\n", "a\n" + "x" * 9_000],
)
def test_a_long_table_is_cut(text: str) -> None:
    made = whole("x.csv", text)
    assert isinstance(made, Table)
    assert sum(map(len, made.rows)) <= MOST_CELLS
    assert len(made.names) <= MOST_COLUMNS
    assert all(len(cell) <= LONGEST_CELL for row in made.rows for cell in row)
    assert made.is_whole == (text[:4] == "a\nxx")


def test_a_long_text_is_cut_and_says_so() -> None:
    made = whole("x.txt", "é" * 100_000)  # a character may be cut where the bytes end
    assert isinstance(made, Text)
    assert (plain_of(made.html), made.is_whole) == ("é" * MOST_CHARACTERS, False)
    made = preview("x.txt", ("x" + "é" * 9).encode()[:4], 19)
    assert isinstance(made, Text)
    assert (made.html, made.is_whole) == ("xé", False)


def test_signs_that_would_not_be_seen_are_written_out() -> None:
    assert text_of("x.txt", "if a\u202e == b:\u200b\x1b[31m\x07\tc\r\nd") == "if a\\u202e == b:\\u200b␛[31m␇\tc\nd"


@pytest.mark.parametrize("data", [b"\x89PNG\r\n", b"a\0b", b"\xff\xfea\0", b"\x80\x04", "größe".encode("latin-1")])
def test_what_is_no_text_has_no_preview(data: bytes) -> None:
    assert preview("x.txt", data, len(data)) is None


@given(st.binary(max_size=200), st.sampled_from(["x", "x.json", "x.csv", "x.tsv", "x.py"]), st.integers(0, 9))
def test_any_bytes_have_a_preview_or_none(data: bytes, name: str, more: int) -> None:
    preview(name, data, len(data) + more)
