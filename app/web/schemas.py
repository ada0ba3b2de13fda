"""Schemas of requests and answers, made of what verbs take and give; and the few that all views share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from typing import Any, get_args, get_origin

from marshmallow import fields, missing

from registry_core import UNSET, Parameter, answer_of, parameters_of

from .answers import Answer, Open
from .described import Described
from .parsing import Request


def text(description: str, **options: Any) -> fields.String:
    """A text field; ``options`` as marshmallow takes them."""
    return fields.String(metadata={"description": description}, **options)


def request_schema(verb: Callable[..., Any], name: str | None = None, **options: Mapping[str, Any]) -> type[Request]:
    """The request of a verb, named after it: a field for each parameter that is data.

    ``options``, by a parameter's name, are what HTTP adds or has otherwise, as marshmallow takes it.
    """
    described = {
        parameter.name: _field(parameter, **{**_presence(parameter), **options.get(parameter.name, {})})
        for parameter in parameters_of(verb).values()
        if parameter.is_data
    }
    return type(name or f"{_title(verb)}Request", (Request,), described)


def answer_schema(verb: Callable[..., Any], name: str | None = None, **options: Mapping[str, Any]) -> type[Answer]:
    """The answer of a verb, named after it: the fields of the dataclass that it gives; ``options`` as above."""
    return type(name or f"{_title(verb)}Answer", (Answer,), fields_of(answer_of(verb), **options))


@cache
def part_schema(kind: type) -> type[Open]:
    """A dataclass within an answer."""
    return type(_PARTS.get(kind.__name__, kind.__name__), (Open,), fields_of(kind))


def field_of(verb: Callable[..., Any], name: str, **options: Any) -> fields.Field[Any]:
    """One parameter of a verb, for a request that is written by hand."""
    found = parameters_of(verb)[name]
    return _field(found, **{**_presence(found), **options})


# What the description of the interface has always called them.
_PARTS = {
    "Alias": "AliasFields",
    "CatalogState": "CatalogFields",
    "Event": "EventFields",
    "PackageFile": "FileFields",
    "Progress": "ProgressFields",
    "TaskSummary": "TaskFields",
}


def _title(verb: Callable[..., Any]) -> str:
    return verb.__name__.title().replace("_", "")


def fields_of(kind: Any, **options: Mapping[str, Any]) -> dict[str, fields.Field[Any]]:
    """The fields of a dataclass, but for those that every answer has."""
    return {
        part.name: _field(part, **{"allow_none": part.is_optional, **options.get(part.name, {})})
        for part in parameters_of(kind).values()
        if part.name not in Answer().fields
    }


def _presence(parameter: Parameter) -> dict[str, Any]:
    if parameter.is_required:
        return {"required": True, "allow_none": parameter.is_optional}
    default = missing if parameter.default is UNSET else list if parameter.default == () else parameter.default
    return {"load_default": default, "allow_none": parameter.is_optional}


def _field(parameter: Parameter, **options: Any) -> fields.Field[Any]:
    described = {"metadata": {"description": parameter.meaning}} if parameter.meaning else {}
    return _of_type(parameter.type, **described, **options)


class _Whole(fields.Integer):
    """A whole number, also as a text of a query; 7.9 and true are none."""

    def _validated(self, value: Any) -> int:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


def _of_type(kind: Any, **options: Any) -> fields.Field[Any]:
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return fields.Nested(part_schema(kind), **options)
    if origin in (list, tuple, Sequence):
        return fields.List(_of_type(inner[0]), **options)
    if origin in (dict, Mapping):
        return fields.Dict(keys=fields.String(), values=fields.String() if inner[1] is str else None, **options)
    plain: dict[Any, type[fields.Field[Any]]] = {
        Any: fields.Raw,
        str: fields.String,
        bool: fields.Boolean,
        int: _Whole,
        float: fields.Float,
    }
    return plain[kind](**options)


class PreferHeaders(Described):
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


def described(meaning: str) -> fields.Raw:
    """A field that is taken as it is, and only described."""
    return fields.Raw(metadata={"description": meaning})
