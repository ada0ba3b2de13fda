"""What all requests and answers have in common."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, get_args, get_origin

from flask import Response, g, jsonify
from marshmallow import EXCLUDE, Schema, ValidationError, fields, missing, pre_load

from registry_core import UNSET, Parameter, answer_of, parameters_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
MOST_TOLD = 20  # unknown fields that a warning names
MOST_OF_A_NAME = 100
MODEL_NAMES = frozenset({"model", "model_name"})


class Request(Schema):
    """A field that is not known is no error, but the answer names it in ``warnings``.

    A model is named by ``model_name`` or ``model``: deployed clients use either, in queries and in bodies.
    """

    class Meta:
        unknown = EXCLUDE

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        known = {field.data_key or name for name, field in self.fields.items()}
        self._asked = known & MODEL_NAMES
        self._known = known | MODEL_NAMES if self._asked else known

    @pre_load
    def note_unknown(self, data: Any, **_: Any) -> Any:
        if isinstance(data, Mapping):
            g.unknown_fields = sorted(str(name) for name in set(data) - self._known)
            return self._with_model(data, self._asked)
        return data

    def _with_model(self, data: Mapping[str, Any], asked: Set[str]) -> Mapping[str, Any]:
        given = [data[name] for name in sorted(MODEL_NAMES) if name in data]
        if not asked or not given:
            return data
        (name,) = asked
        if len(given) > 1 and given[0] != given[1]:
            raise ValidationError("model and model_name are the same, and differ here. Send one of them.", name)
        return ChainMap({name: given[0]}, data)  # type: ignore[arg-type]


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
