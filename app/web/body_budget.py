"""What a body may hold is counted over its bytes, before anything is made of it.

A body of a few MiB can hold millions of values, and each costs far more as an object, and again as a field that is
judged, than as text. The limits grow with ``MAX_BODY_BYTES`` and leave room for whatever honest callers send: an
announced file of an upload is some 110 bytes in one object.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import current_app

from registry_core import InvalidMetadata, InvalidParameter

BYTES_OF_A_VALUE = 16  # on average; keys are values too
BYTES_OF_A_CONTAINER = 80
LEAST = 256  # of each, however small a body may be
MOST_LEVELS = 80  # metadata may have 64, and lies a few levels down
MOST_DIGITS = 1000
MOST_PARAMETERS = 500  # of a query

# A string, to its end or to that of the body; what opens; what closes; any other word. Nothing is tried twice, so that
# the time is linear in the bytes.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]|[^\s,:\[\]{}"]++', re.DOTALL)


@dataclass(frozen=True)
class Budget:
    """The most that a body may hold."""

    values: int
    containers: int

    @classmethod
    def of(cls, body_bytes: int) -> Budget:
        """The budget where a body may have so many bytes."""
        return cls(max(LEAST, body_bytes // BYTES_OF_A_VALUE), max(LEAST, body_bytes // BYTES_OF_A_CONTAINER))

    def check_json(self, body: bytes) -> int:
        """The body may be parsed; how many tokens were looked at. Ends at the first thing too many.

        Raises ``InvalidParameter``, or ``InvalidMetadata`` for what is nested too deep. Says nothing about whether
        the body is JSON.
        """
        values = containers = levels = looked_at = 0
        for token in _TOKEN.finditer(body):
            looked_at += 1
            kind = body[token.start()]
            if kind in b"]}":
                levels -= 1
                continue
            values += 1
            if kind in b"[{":
                containers += 1
                levels += 1
            elif kind in b"-0123456789" and token.end() - token.start() > MOST_DIGITS:
                raise InvalidParameter(f"The body holds a number of more than {MOST_DIGITS} digits.")
            if levels > MOST_LEVELS:
                raise InvalidMetadata("The body is nested far deeper than the 64 levels that metadata may have.")
            if containers > self.containers:
                raise InvalidParameter(f"The body holds more than {self.containers} lists and objects.")
            if values > self.values:
                raise InvalidParameter(f"The body holds more than {self.values} values.")
        return looked_at

    def check_form(self, body: bytes) -> None:
        """The form may be parsed. Raises ``InvalidParameter``."""
        if body.count(b"&") >= self.containers:
            raise InvalidParameter(f"The form has more than {self.containers} fields.")


def check_query(query: bytes) -> None:
    """The query may be parsed. Raises ``InvalidParameter``."""
    if query.count(b"&") >= MOST_PARAMETERS:
        raise InvalidParameter(f"The query has more than {MOST_PARAMETERS} parameters.")


def current_budget() -> Budget:
    """The budget of the running application."""
    return Budget.of(current_app.config["MAX_CONTENT_LENGTH"])
