"""How a request is read: what a body may hold is counted over its bytes, before anything is made of it.

A body of a few MiB can hold millions of values, and each costs far more as an object, and again as a field that is
judged, than as text. The limits grow with ``MAX_BODY_BYTES`` and leave room for whatever honest callers send: an
announced file of an upload is some 110 bytes in one object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from flask import current_app, g
from marshmallow import ValidationError, fields, pre_load
from webargs import missing
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from registry_core import InvalidMetadata, InvalidParameter

from .described import Described
from .gate import current_gate

BYTES_OF_A_VALUE = 16  # on average; keys are values too
BYTES_OF_A_CONTAINER = 80
LEAST = 256  # of each, however small a body may be
MOST_LEVELS = 80  # metadata may have 64, and lies a few levels down
MOST_DIGITS = 1000
MOST_PARAMETERS = 500  # of a query
LARGE_BODY_BYTES = 2 * 1024  # a smaller one takes no time worth a queue, even if it is made of items of two bytes
MODEL_NAMES = frozenset({"model", "model_name"})

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


def whole_body(req: Any, *, cache: bool = True) -> bytes:
    """All that was sent. Raises ``RequestEntityTooLarge``: a chunked body is cut off at the limit without a word."""
    data: bytes = req.get_data(cache=cache)
    most = req.max_content_length
    # One that is as long as it may be has an end behind that, and no byte more.
    if req.content_length is None and most is not None and len(data) >= most and req.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge
    return data


class Parser(FlaskParser):
    """The fields of a request: strict about media types, a large body in its turn, each only within its budget."""

    DEFAULT_VALIDATION_STATUS = 422

    def parse(self, argmap: Any, req: Any = None, **options: Any) -> Any:
        req = req or self.get_default_request()
        # What has come already, so that nobody is waited for below.
        if options.get("location") in _BODIES and req.is_json and len(req.get_data()) >= LARGE_BODY_BYTES:
            with current_gate().judge():
                return super().parse(argmap, req, **options)
        return super().parse(argmap, req, **options)

    def load_json(self, req: Any, schema: Any) -> Any:
        if not req.is_json:
            raise UnsupportedMediaType("Send the body as JSON, with the header Content-Type: application/json.")
        current_budget().check_json(whole_body(req))
        body = super().load_json(req, schema)
        return {} if body is missing else body

    def load_querystring(self, req: Any, schema: Any) -> Any:
        """The first value of each name, all of one that is a list; webargs would ask each field of the schema anew."""
        check_query(req.query_string)
        query: dict[str, Any] = req.args.to_dict()
        return query | {name: req.args.getlist(name) for name in schema.lists & query.keys()}

    def load_json_or_query(self, req: Any, schema: Any) -> Any:
        """The fields of a DELETE: clients send them as JSON or in the query."""
        return self.load_json(req, schema) if req.get_data() else self.load_querystring(req, schema)


# OpenAPI 3.0 knows no body of a DELETE, so the documentation shows the query: "querystring" is that
# library's second word for it, and here means either.
BODY_OR_QUERY = "querystring"
_BODIES = {"json", BODY_OR_QUERY, None}
Parser.__location_map__ = {**FlaskParser.__location_map__, BODY_OR_QUERY: "load_json_or_query"}


class Request(Described):
    """A field that is not known is no error, but the answer names it in ``warnings``.

    A model is named by ``model_name`` or ``model``: deployed clients use either, in queries and in bodies.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        named = {field.data_key or name: field for name, field in self.fields.items()}
        known = set(named)
        self.lists = {name for name, field in named.items() if isinstance(field, fields.List)}
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
        return {**data, name: given[0]}
