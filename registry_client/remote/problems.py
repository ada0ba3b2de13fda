"""The way back of ``app/web/errors.py``: a problem document becomes the exception that the core raised."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from registry_core import (
    Conflict,
    InvalidInput,
    InvalidParameter,
    NotFound,
    PermissionDenied,
    RegistryError,
    StorageError,
    StorageFull,
    StorageUnavailable,
    Unauthenticated,
)

from .answers import free

# What the document has beside the error's own fields.
_OWN = ("type", "title", "status", "detail", "ok", "code", "request_id", "self", "message")

MAX_TEXT_CHARACTERS = 10_000
_CODE = re.compile(r"[a-z0-9_]{1,64}")

# Codes of the web framework that stand for a refusal of the core.
_FRAMEWORK: dict[str, type[RegistryError]] = {"invalid_request": InvalidParameter}

_BY_STATUS: dict[int, type[RegistryError]] = {
    401: Unauthenticated,
    403: PermissionDenied,
    404: NotFound,
    405: NotFound,
    409: Conflict,
    410: NotFound,
    412: Conflict,
    423: Conflict,
    429: StorageUnavailable,
    502: StorageUnavailable,
    503: StorageUnavailable,
    504: StorageUnavailable,
    507: StorageFull,
}


def by_code(top: type[RegistryError] = RegistryError) -> dict[str, type[RegistryError]]:
    """Every code of the error tree -> its class."""
    found: dict[str, type[RegistryError]] = {}
    for kind in top.__subclasses__():
        if "code" in vars(kind):
            found[kind.code] = kind
        found.update(by_code(kind))
    return found


def status_of(document: Mapping[str, Any]) -> int:
    """The status that the document names, 500 where it names none."""
    status = document.get("status")
    return status if isinstance(status, int) and 400 <= status <= 599 else 500


def from_document(status: int, document: Mapping[str, Any]) -> RegistryError:
    """The exception that a problem document tells of; its ``code`` is kept, also where no class has it.

    What does not look like one of a registry is left out. Texts are what they are: whoever shows them escapes them.
    """
    code = _bounded(document.get("code"), _CODE.fullmatch)
    message = _bounded(document.get("detail"))
    detail = {str(name): value for name, value in free(document).items() if name not in _OWN}
    if "problems" in detail and not _are_problems(detail["problems"]):
        del detail["problems"]
    if not message:
        message = f"The registry answered with status {status}."
    if isinstance(code, str) and code in (known := by_code()):
        return known[code](message, **detail)
    framework = _FRAMEWORK.get(code) if isinstance(code, str) else None
    error = (framework or by_status(status))(message, **detail)
    if framework is None and isinstance(code, str) and code:
        named = {"code": code, "title": _bounded(document.get("title")) or type(error).title}
        vars(error).update(named)  # of this one error only: newer servers have codes that are not known here
    return error


def _bounded(text: Any, is_one: Callable[[str], object] = lambda _: True) -> str | None:
    """The text, up to a length that a person would read; None if it is none."""
    if not isinstance(text, str) or not is_one(text):
        return None
    return text if len(text) <= MAX_TEXT_CHARACTERS else text[:MAX_TEXT_CHARACTERS] + "..."


def _are_problems(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(one, dict) for one in found)


def by_status(status: int) -> type[RegistryError]:
    """The class of a failure of which only the status is known."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return StorageError if status >= 500 else InvalidInput
