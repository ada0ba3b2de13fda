"""What all requests and answers have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import g
from marshmallow import EXCLUDE, Schema, fields, pre_load


class Request(Schema):
    """A field that is not known is no error, but the answer names it in ``warnings``."""

    class Meta:
        unknown = EXCLUDE

    @pre_load
    def note_unknown(self, data: Any, **_: Any) -> Any:
        if isinstance(data, Mapping):
            known = {field.data_key or name for name, field in self.fields.items()}
            g.unknown_fields = sorted(str(name) for name in set(data) - known)
        return data


class Open(Schema):
    """Described as open: fields may be added to what the service sends, and no client may trip over one."""

    class Meta:
        unknown = EXCLUDE


class Answer(Open):
    ok = fields.Constant(True, metadata={"description": "Always true in an answer that is no problem document."})
    warnings = fields.List(
        fields.String(),
        metadata={"description": "What the caller should know: unknown fields, limits of what was proven."},
    )


def unknown_fields() -> list[str]:
    """A sentence about each field of the request that nobody knows."""
    return [f"The field {name!r} is not known here and was ignored." for name in g.get("unknown_fields", [])]


def answer(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content as an answer: ``warnings`` are there only if there are any."""
    warnings = [*content.get("warnings", []), *unknown_fields()]
    rest = {name: value for name, value in content.items() if name != "warnings"}
    return {**rest, "warnings": warnings} if warnings else rest


def text(description: str, **options: Any) -> fields.String:
    """A text field; ``options`` as marshmallow takes them."""
    return fields.String(metadata={"description": description}, **options)


def name(description: str) -> fields.String:
    """A required text field."""
    return text(description, required=True)


def words(description: str) -> fields.String:
    """An optional text field; null is as good as absent."""
    return text(description, load_default=None, allow_none=True)


class PreferHeaders(Schema):
    class Meta:
        unknown = EXCLUDE

    prefer = text(
        "respond-async: answer at once, and tell of the outcome at /v1/operations/.",
        data_key="Prefer",
        load_default=None,
    )


class AcceptedAnswer(Answer):
    operation_id = fields.String()
    state = fields.String()
    url = fields.String()


class Problem(Open):
    """RFC 9457, with the registry's own fields; a code may add more (docs/errors.md)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    ok = fields.Boolean(required=True)
    code = fields.String(required=True)
    request_id = fields.String(allow_none=True)
    errors = fields.Dict()
    problems = fields.List(fields.Dict())
