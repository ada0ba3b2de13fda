"""What a file looks like, made of its first bytes: text, a table, or an image that the browser shows.

Of other formats nothing is read. None is run or loaded: a pickle is bytes, and a notebook, HTML and SVG are their
source.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from itertools import islice

from markupsafe import Markup

from .highlight import highlighted

MOST_BYTES = 64 * 1024  # that are read of a file
MOST_CHARACTERS = 16 * 1024  # of a text that are shown
MOST_CELLS = 600
MOST_ROWS, MOST_COLUMNS, LONGEST_CELL = 100, 16, 80
MOST_IMAGE_BYTES = 16 * 1024 * 1024  # of an image that a page shows by itself

IMAGES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
}
_TABLES = {"csv": ",", "tsv": "\t"}
# fmt: off
_CLOSED = {
    "7z", "bin", "bz2", "ckpt", "dill", "feather", "gguf", "gz", "h5", "h5ad", "hdf5", "joblib", "keras", "mlmodel",
    "model", "msgpack", "npy", "npz", "onnx", "ot", "parquet", "pb", "pdf", "pickle", "pkl", "pt", "pth", "rar", "rds",
    "safetensors", "tar", "tflite", "tgz", "xz", "zip", "zst",
}
# fmt: on
_NUMBER = re.compile(r"(?:[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?%?|nan|-?inf|)\Z", re.IGNORECASE)
# Signs that would not be seen, or would show the others in an order that is not theirs, are written out.
_SEEN = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: "\u2421",
    **{
        code: f"\\u{code:04x}"
        for code in (*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
    },
    **{code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)},  # halves of a character, which JSON can name
}


@dataclass(frozen=True)
class Text:
    """``html`` is the text, escaped. ``is_whole``: it is all of the file."""

    html: Markup
    is_whole: bool


@dataclass(frozen=True)
class Table:
    """Rows of one length, the first of which names the columns; ``is_number`` says of each how it is written."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_number: tuple[bool, ...]
    columns_left: int
    is_whole: bool


def written_out(text: str) -> str:
    """The text as it stands: no sign of it is unseen, and none shows others in an order that is not theirs."""
    return text.translate(_SEEN)


def kind_of(path: str) -> str:
    """The end of the file's name, in small letters."""
    name = path.rpartition("/")[2].lower()
    return name.rpartition(".")[2] if "." in name else ""


def is_image(path: str, size_bytes: int) -> bool:
    """Whether a page shows the file by its address, so that nothing of it is read here."""
    return kind_of(path) in IMAGES and size_bytes <= MOST_IMAGE_BYTES


def is_read(path: str) -> bool:
    """Whether the file's first bytes may tell something to a person."""
    return kind_of(path) not in _CLOSED and kind_of(path) not in IMAGES


def preview(path: str, data: bytes, size_bytes: int) -> Text | Table | None:
    """What the first bytes of the file say; None if they are no text. ``data`` has at most :data:`MOST_BYTES`."""
    is_all = len(data) == size_bytes
    text = _decoded(data, is_all)
    if text is None:
        return None
    kind = kind_of(path)
    if kind in _TABLES and (table := _table(text, _TABLES[kind], is_all)) is not None:
        return table
    if kind in ("json", "ipynb") and is_all and "\n" not in text.strip():
        text = _in_lines(text)
    shown = text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS]
    return Text(highlighted(written_out(shown), kind), is_all and len(shown) == len(text))


def _decoded(data: bytes, is_all: bool) -> str | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The last character may have been cut.
        if is_all or len(data) - error.start >= 4:
            return None
        text = data[: error.start].decode("utf-8-sig")
    return None if "\0" in text else text.replace("\r\n", "\n").replace("\r", "\n")


def _in_lines(text: str) -> str:
    """The JSON with a line for each value, no more of it than is shown: what is nested deep grows with every line."""
    parts: list[str] = []
    left = MOST_CHARACTERS
    try:
        for part in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(json.loads(text)):
            parts.append(part)
            left -= len(part)
            if left < 0:
                break
    except (ValueError, RecursionError):
        return text
    return "".join(parts)


def _table(text: str, delimiter: str, is_all: bool) -> Table | None:
    """The text as a table; None of what is none, or has no row below its names."""
    if not is_all:
        text = text[: text.rfind("\n") + 1]  # the last row may have been cut
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        found = [row for row in islice(reader, MOST_ROWS + 2) if row]
        is_end = next(reader, None) is None
    except csv.Error:
        return None
    if len(found) < 2:
        return None
    width = max(map(len, found))
    columns = min(width, MOST_COLUMNS)
    names, *rows = (tuple(map(_cell, [*row[:columns], *[""] * (columns - len(row))])) for row in found)
    most = min(MOST_ROWS, MOST_CELLS // columns)
    is_number = tuple(all(_NUMBER.match(cell.strip()) for cell in column) for column in zip(*rows, strict=True))
    is_whole = is_all and is_end and len(rows) <= most and width == columns
    return Table(names, tuple(rows[:most]), is_number, width - columns, is_whole)


def _cell(text: str) -> str:
    short = text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"
    return written_out(short)
