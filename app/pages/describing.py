"""The tags and the description of a version: a form of all of them, of which only what was changed in it is sent.

Beside each field stands what the page had shown. Where that is no longer so, nothing is changed, and the page says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask import Response

from registry_core import UNSET, Action, Description, InvalidParameter

from ..web import sessions
from ..web.needs import Need
from ..web.root import current_registry
from .attempting import REFUSALS, Failure, failure, waiting
from .blueprint import blueprint, require_changes
from .render import page
from .retiring import VERSION
from .words import Words, done, field, known, typed

MORE = 3  # empty rows for new tags
MOST = 300  # rows that a form may have
_MOVED = "Somebody has changed %s while you looked. Below is what is so now; send yours again if it is still right."


@dataclass(frozen=True)
class Row:
    """A tag of the form: ``value`` as it is typed, ``was`` as the page had shown it, both empty where there is none."""

    key: str
    value: str
    was: str

    @property
    def is_new(self) -> bool:
        return not self.was


def written(value: Any) -> str:
    """A tag's value as it stands in a field: in quotes where a text would be read as something else."""
    is_seen = isinstance(value, str) and value.isprintable()
    is_plain = is_seen and value.strip() == value != "" and read(value) == value
    return value if is_plain else json.dumps(value, ensure_ascii=not is_seen)


def read(text: str) -> Any:
    """The value that was typed: a number, true or false as such, a text with or without quotes."""
    try:
        found = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, str | int | float | bool) else text


@blueprint.get(f"{VERSION}/describe", needs=Need.READ)
def describe(task: str, model_name: str, version: str) -> Response:
    """The tags and the description as they are."""
    found = current_registry().show(task, f"{model_name}@{version}")
    return _show(found, _rows(found), found.description or "", known())


@blueprint.post(f"{VERSION}/describe", needs=Need.WRITE)
def describe_now(task: str, model_name: str, version: str) -> Response:
    """The version has the tags and the description that were typed."""
    require_changes()
    words, rows, said = typed(), _typed_rows(), field("description")
    registry = current_registry()
    registry.require_may(task, model_name, Action.WRITE)  # before anything is told of the version
    found = registry.show(task, f"{model_name}@{version}")
    now = {key: written(value) for key, value in found.tags.items()}
    changed = [row for row in rows if row.key and row.value != row.was]
    moved = [f"the tag {row.key!r}" for row in changed if now.get(row.key, "") != row.was]
    is_said = said != field("was")
    if is_said and field("was") != (found.description or "").strip():
        moved.append("the description")
    if moved:
        rows = [Row(row.key, row.value, now.get(row.key, "")) for row in rows]
        other = InvalidParameter(_MOVED % " and ".join(moved), field="was")
        return _show(found, rows, said, words, failure(other), is_moved=True)
    if not changed and not is_said:
        nothing = InvalidParameter("No field says anything else than before.", field="description")
        return _show(found, rows, said, words, failure(nothing))
    tags = {row.key: read(row.value) if row.value else None for row in changed}
    try:
        seq = waiting(
            lambda: (
                registry.patch(
                    task, model_name, version, tags=tags, description=(said or None) if is_said else UNSET, **words.said
                ).seq
            )
        )
    except REFUSALS as error:
        return _show(found, rows, said, words, failure(error))
    return done("version", words, task=task, model_name=model_name, version=version, done=seq)


def _rows(found: Description) -> list[Row]:
    return [Row(key, said, said) for key, said in ((key, written(value)) for key, value in found.tags.items())]


def _typed_rows() -> list[Row]:
    """As the form has them, one of each key."""
    form = sessions.form()
    triples = zip(*(form.getlist(name) for name in ("key", "value", "was_value")), strict=False)
    rows = [Row(key.strip(), value.strip(), was) for key, value, was in triples][:MOST]
    return list({row.key: row for row in rows if row.key}.values())


def _show(
    found: Description,
    rows: list[Row],
    said: str,
    words: Words,
    failed: Failure | None = None,
    *,
    is_moved: bool = False,
) -> Response:
    return page(
        "describe.html",
        status=200 if failed is None else failed.status,
        found=found,
        rows=rows + [Row("", "", "")] * MORE,
        said=said,
        words=words,
        failed=failed,
        is_moved=is_moved,
    )
