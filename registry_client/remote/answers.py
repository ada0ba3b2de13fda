"""An answer becomes the dataclass that the core would have returned."""

from __future__ import annotations

import types
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from registry_core import StorageUnavailable

T = TypeVar("T")


def read(kind: type[T], answer: Any) -> T:
    """The answer as a ``kind``, nested ones too. Fields that are not known here are ignored: a newer server has them.

    Raises ``StorageUnavailable`` where a field is missing: this is no answer of a registry.
    """
    if not isinstance(answer, Mapping):
        raise _strange(kind, "it is no JSON object")
    hints = _hints(kind)  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name in answer:
            values[field.name] = _value(hints[field.name], answer[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise _strange(kind, f"it has no {field.name!r}")
    return kind(**values)


def read_list(kind: type[T], answers: Any) -> list[T]:
    """A list of such answers. Raises as :func:`read`."""
    if not isinstance(answers, list):
        raise _strange(kind, "it is no JSON list")
    return [read(kind, answer) for answer in answers]


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if is_dataclass(hint) and isinstance(hint, type):
        return read(hint, value)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        kinds = [kind for kind in inner if kind is not type(None)]
        return _value(kinds[0], value) if len(kinds) == 1 else value
    if origin is list and isinstance(value, list):
        return [_value(inner[0], item) for item in value]
    if origin is dict and isinstance(value, dict):
        return {key: _value(inner[1], item) for key, item in value.items()}
    return value


def _strange(kind: type, why: str) -> StorageUnavailable:
    return StorageUnavailable(
        f"The answer is not that of a model registry ({kind.__name__}: {why}). Check the address."
    )
