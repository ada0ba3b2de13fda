"""What an answer says: its fields, what the caller should be warned of, and JSON that all readers can read.

There is null for a number that JSON does not have, and a warning naming it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from flask import Response, g, jsonify
from flask.json.provider import DefaultJSONProvider
from marshmallow import fields

from registry_core import finite

from .described import Described

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MOST_TOLD = 20  # unknown fields that a warning names
MOST_OF_A_NAME = 100


class Open(Described):
    """Described as open: fields may be added to what the service sends, and no client may trip over one."""


class Answer(Open):
    ok = fields.Constant(True, metadata={"description": "Always true in an answer that is no problem document."})
    warnings = fields.List(
        fields.String(),
        metadata={"description": "What the caller should know: unknown fields, limits of what was proven."},
    )


def unknown_fields() -> list[str]:
    """A sentence about each field of the request that nobody knows."""
    names: list[str] = g.get("unknown_fields", [])
    told = [f"The field {_short(name)!r} is not known here and was ignored." for name in names[:MOST_TOLD]]
    more = len(names) - len(told)
    return [*told, f"So were {more} more."] if more else told


def _short(name: str) -> str:
    return name if len(name) <= MOST_OF_A_NAME else f"{name[:MOST_OF_A_NAME]}…"


def answer(content: Mapping[str, Any] | DataclassInstance) -> dict[str, Any]:
    """What a verb gave, or fields, as an answer: ``warnings`` are there only if there are any."""
    given = asdict(content) if is_dataclass(content) else content
    warnings = [*given.get("warnings", []), *unknown_fields()]
    rest = {name: value for name, value in given.items() if name != "warnings"}
    return {**rest, "warnings": warnings} if warnings else rest


def sent(content: Mapping[str, Any]) -> Response:
    """As :func:`answer`, ready to be sent as it is: for values that are JSON already, with all fields of the answer."""
    return jsonify({"ok": True, **answer(content)})


class StrictJson(DefaultJSONProvider):
    """What the application makes JSON with. An object's warnings are in it, those of a list in ``X-Warnings``."""

    sort_keys = False

    def dumps(self, obj: Any, **options: Any) -> str:
        try:
            return super().dumps(obj, allow_nan=False, **options)
        except ValueError:
            mended, warnings = finite(obj)
            if isinstance(mended, dict):
                mended["warnings"] = [*mended.get("warnings", []), *warnings]
            return super().dumps(mended, allow_nan=False, **options)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        mended, warnings = finite(args[0]) if args and isinstance(args[0], list) else (None, [])
        if not warnings:
            return super().response(*args, **kwargs)  # type: ignore[return-value]
        response: Response = super().response(mended)  # type: ignore[assignment]
        warn(response, warnings)
        return response


def warn(response: Response, warnings: list[str]) -> None:
    """Warnings of an answer that has no place for them in its body."""
    if warnings:
        said = json.loads(response.headers.get("X-Warnings", "[]"))
        response.headers["X-Warnings"] = json.dumps([*said, *warnings])


def line(value: Any) -> str:
    """The value as strict JSON in one line of ASCII, outside of an answer."""
    return json.dumps(finite(value)[0], allow_nan=False)
