"""An answer becomes the dataclass that the core would have returned; or it is refused. A server may say anything.

This is the one place where answers are believed, and each field only by its type, its form and its bound (I13).
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from registry_core import Event, StorageUnavailable

from ..forms import is_plain, is_segment, is_token, sha256_of

T = TypeVar("T")

STRANGE = "strange_answer"
MAX_NUMBER = 2**63 - 1
MAX_DEPTH = 200
MAX_ID_CHARACTERS = 200


def _is_digest(text: str) -> bool:
    return sha256_of(text) is not None


def _is_id(text: str) -> bool:
    return len(text) <= MAX_ID_CHARACTERS and is_plain(text)


_DIGEST: tuple[str, Callable[[str], bool]] = ("SHA-256", _is_digest)
# Field -> what each of its texts must look like, wherever it stands. The values of a mapping, not its keys.
FORMS: dict[str, tuple[str, Callable[[str], bool]]] = {
    **dict.fromkeys(("package_digest", "sha256", "digest", "hashes"), _DIGEST),
    **dict.fromkeys(
        ("task", "model_name", "version", "alias", "alias_set", "previous_version", "aliases"), ("name", is_segment)
    ),
    **dict.fromkeys(("upload_id", "operation_id"), ("id", is_token)),
    "id": ("id", _is_id),
    "next": ("cursor", is_plain),
}


def read(kind: type[T], answer: Any) -> T:
    """The answer as a ``kind``, nested ones too. Fields that are not known here are ignored: a newer server has them.

    Raises ``StorageUnavailable`` where a field is missing, of another type, beyond its bound, or not of its form.
    """
    if not isinstance(answer, Mapping):
        raise strange(kind, "it is no JSON object")
    values: dict[str, Any] = {}
    for name, is_needed, reader in _readers(kind):  # type: ignore[arg-type]
        if name in answer:
            try:
                values[name] = reader(answer[name])
            except _Wrong as wrong:
                raise strange(kind, f"{name!r} is {wrong}") from None
        elif is_needed:
            raise strange(kind, f"it has no {name!r}")
    return kind(**values)


def read_list(kind: type[T], answers: Any) -> list[T]:
    """A list of such answers. Raises as :func:`read`."""
    if not isinstance(answers, list):
        raise strange(kind, "it is no JSON list")
    return [read(kind, answer) for answer in answers]


def texts(said: Any) -> list[str]:
    """The texts of a list; whatever is none says nothing."""
    return [text for text in said if isinstance(text, str)] if isinstance(said, list) else []


def free(value: Any) -> Any:
    """Any JSON as it came; but what is no JSON (NaN, Infinity) is None.

    Raises ``StorageUnavailable`` where it is nested deeper than anything that a registry keeps.
    """
    try:
        return _free(value, MAX_DEPTH)
    except _Wrong as wrong:
        raise strange(object, str(wrong)) from None


def whole_number(text: str) -> int | None:
    """The number that a header holds, 0 or more; None if it holds none that can be."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        return None
    found = int(text)
    return found if found <= MAX_NUMBER else None


class _Wrong(Exception):
    """The value is not what the field holds; the text says what it is."""


_Reader = Callable[[Any], Any]  # gives the value of a field, or raises ``_Wrong``
_Form = tuple[str, Callable[[str], bool]]


@cache  # worked out once a kind: an answer may list thousands of files
def _readers(kind: Hashable) -> list[tuple[str, bool, _Reader]]:
    """Of each field its name, whether it must be there, and what reads it."""
    hints = get_type_hints(kind)
    found = []
    for field in fields(kind):  # type: ignore[arg-type]
        # A journal may hold whatever older software wrote. It is shown, and becomes nothing else.
        form = None if kind is Event else FORMS.get(field.name)
        is_needed = field.default is MISSING and field.default_factory is MISSING
        found.append((field.name, is_needed, _reader(hints[field.name], form)))
    return found


def _reader(hint: Any, form: _Form | None) -> _Reader:
    """What reads a value of this type."""
    if hint is Any:
        return lambda value: _free(value, MAX_DEPTH)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (kind,) = (kind for kind in inner if kind is not type(None))
        known = _reader(kind, form)
        return lambda value: None if value is None else known(value)
    if is_dataclass(hint) and isinstance(hint, type):
        return lambda value: read(hint, value)
    if origin is list:
        item = _reader(inner[0], form)
        return lambda value: [item(each) for each in _of(list, value)]
    if origin in (dict, Mapping):
        item = _reader(inner[1], form)
        return lambda value: {key: item(each) for key, each in _of(dict, value).items()}
    if hint is str:
        return lambda value: _text(_of(str, value), form)
    return lambda value: _plain(hint, value)


def _of(kind: type[T], value: Any) -> T:
    if not isinstance(value, kind):
        raise _Wrong(f"a {type(value).__name__}")
    return value


def _text(value: str, form: _Form | None) -> str:
    if form is not None and not form[1](value):
        raise _Wrong(f"no {form[0]}")
    return value if form is not _DIGEST else f"sha256:{sha256_of(value)}"  # some fields have it bare


def _plain(hint: Any, value: Any) -> Any:
    """A truth or a number: all that answers count is 0 or more."""
    if hint is bool and isinstance(value, bool):
        return value
    is_number = isinstance(value, (int, float) if hint is float else int) and not isinstance(value, bool)
    if hint in (int, float) and is_number:
        if not 0 <= value <= MAX_NUMBER:  # NaN is neither
            raise _Wrong("no number that can be")
        return value
    raise _Wrong(f"a {type(value).__name__}")


def _free(value: Any, depth: int) -> Any:
    if isinstance(value, (dict, list)):
        if depth == 0:
            raise _Wrong("nested too deep")
        if isinstance(value, dict):
            return {key: _free(item, depth - 1) for key, item in value.items()}
        return [_free(item, depth - 1) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def strange(kind: type, why: str) -> StorageUnavailable:
    """The error for an answer that no registry gives."""
    return StorageUnavailable(
        f"The answer is not that of a model registry ({kind.__name__}: {why}). Check the address.", reason=STRANGE
    )
