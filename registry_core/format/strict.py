"""JSON documents that people write, read strictly: what is not known in them is refused, and never passed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from ..vocabulary.errors import InvalidInput
from ..vocabulary.finite import is_number
from ..vocabulary.texts import is_unicode, printable
from . import exact_json

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

MAX_BYTES = 1024 * 1024
MAX_ENTRIES = 10_000  # of each list


@dataclass(frozen=True)
class Strict:
    """How one sort of document is read. All refusals are ``refusal`` with the ``field`` that is wrong.

    ``title`` is what to call one in a sentence, ``whole`` the field where no field in particular is wrong.
    """

    title: str
    whole: str
    refusal: type[InvalidInput]

    def parse(self, data: bytes) -> Any:
        """The JSON in the bytes: of bounded size, no key twice in one object, no number that JSON does not have."""
        if len(data) > MAX_BYTES:
            raise self.refusal(f"The {self.title} has at most {MAX_BYTES} bytes.", field=self.whole)
        try:
            return exact_json.load(data, halves=True)
        except exact_json.Repeated as error:
            raise self.wrong(printable(error.name), "stands twice in one object") from None
        except ValueError as error:
            raise self.refusal(f"The {self.title} cannot be read: {error}.", field=self.whole) from None

    def wrong(self, field: str, what: str) -> InvalidInput:
        return self.refusal(f"Of the {self.title} {field} {what}.", field=field)

    def fields(self, field: str, value: Any, known: set[str], needed: set[str] | None = None) -> dict[str, Any]:
        """The object, with no other names than those that are known, and all that are needed."""
        if not isinstance(value, dict):
            raise self.wrong(field, "is a JSON object")
        inside = "" if field == self.whole else f"{field}."
        for name in sorted(value.keys() - known):
            what = f"is not known here; known are {', '.join(sorted(known))}" if known else "is not known here"
            raise self.wrong(f"{inside}{printable(name)}", what)
        for name in sorted((needed or set()) - value.keys()):
            raise self.wrong(f"{inside}{name}", "is missing")
        return value

    def entries(
        self, field: str, value: Any, part: Callable[[str, Any], T], least: int = 0, most: int = MAX_ENTRIES
    ) -> tuple[T, ...]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise self.wrong(field, f"is a list of {least} to {most} entries")
        return tuple(part(f"{field}[{number}]", one) for number, one in enumerate(value))

    def text(self, field: str, value: Any) -> str:
        if not isinstance(value, str) or not is_unicode(value):
            raise self.wrong(field, "is a text")
        return value

    def word(self, field: str, value: Any, kind: type[E]) -> E:
        """The value as one of the words."""
        try:
            return kind(self.text(field, value))
        except ValueError:
            raise self.wrong(field, f"is one of {', '.join(kind)}") from None

    def number(self, field: str, value: Any) -> int | float:
        """As :func:`is_number` has it."""
        if not is_number(value):
            raise self.wrong(field, "is a finite number")
        return value

    def whole_number(self, field: str, value: Any, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.wrong(field, f"is a whole number from {least} to {most}")
        return value

    def flag(self, field: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self.wrong(field, "is true or false")
        return value
