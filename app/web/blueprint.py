"""The kind of blueprint that every module here uses: strict about media types, one error document."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar

from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema
from webargs import missing
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from .body_budget import check_query, current_budget
from .errors import CONTENT_TYPE
from .gate import current_gate
from .schemas import Problem

F = TypeVar("F", bound=Callable[..., Any])
BINARY = {"type": "string", "format": "binary"}


LARGE_BODY_BYTES = 2 * 1024  # a smaller one takes no time worth a queue, even if it is made of items of two bytes


class _Parser(FlaskParser):
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
        limit_bytes = req.max_content_length
        if req.content_length is None and limit_bytes is not None and len(req.get_data()) >= limit_bytes:
            raise RequestEntityTooLarge  # a chunked body is cut off at the limit; a part must not pass for the whole
        current_budget().check_json(req.get_data())
        body = super().load_json(req, schema)
        return {} if body is missing else body

    def load_querystring(self, req: Any, schema: Any) -> Any:
        check_query(req.query_string)
        return super().load_querystring(req, schema)

    def load_json_or_query(self, req: Any, schema: Any) -> Any:
        """The fields of a DELETE: clients send them as JSON or in the query."""
        return self.load_json(req, schema) if req.get_data() else self.load_querystring(req, schema)


# OpenAPI 3.0 knows no body of a DELETE, so the documentation shows the query: "querystring" is that
# library's second word for it, and here means either.
BODY_OR_QUERY = "querystring"
_BODIES = {"json", BODY_OR_QUERY, None}
_Parser.__location_map__ = {**FlaskParser.__location_map__, BODY_OR_QUERY: "load_json_or_query"}


class Blueprint(SmorestBlueprint):  # type: ignore[misc]
    """A smorest blueprint with our parser."""

    ARGUMENTS_PARSER = _Parser()

    def arguments(self, schema: type[Schema], **options: Any) -> Callable[[F], F]:
        """As smorest's, with one schema for all requests of the view in place of a new one for each."""
        decorate: Callable[[F], F] = super().arguments(schema(), **options)
        return decorate

    def answers(self, schema: type | Schema, *, status: int = 200, problems: tuple[int, ...] = ()) -> Callable[[F], F]:
        """Documents the answer and the problem documents that the view may give instead."""

        def decorate(view: F) -> F:
            decorated: F = self.response(status, schema)(self._with_problems(view, problems))
            return decorated

        return decorate

    def sends(
        self, content_type: str, *, also: tuple[int, ...] = (), problems: tuple[int, ...] = ()
    ) -> Callable[[F], F]:
        """As :meth:`answers`, for a view that sends bytes; ``also`` are other statuses that are no problems."""

        def decorate(view: F) -> F:
            decorated = self._with_problems(view, problems)
            for code in also:
                binary = BINARY if code < 300 else None
                decorated = self.alt_response(code, schema=binary, content_type=content_type, success=True)(decorated)
            decorated = self.response(200, BINARY, content_type=content_type)(decorated)
            return decorated

        return decorate

    def sends_json(self, *, problems: tuple[int, ...] = ()) -> Callable[[F], F]:
        """As :meth:`answers`, for a view whose answer is described elsewhere, by whoever asks for it."""

        def decorate(view: F) -> F:
            decorated: F = self.response(200, {}, content_type="application/json")(self._with_problems(view, problems))
            return decorated

        return decorate

    def _with_problems(self, view: F, problems: tuple[int, ...]) -> F:
        described = view
        for code in (*problems, 500):
            phrase = HTTPStatus(code).phrase
            described = self.alt_response(
                code, schema=Problem, content_type=CONTENT_TYPE, description=phrase, success=False
            )(described)

        @wraps(described)  # its documentation; each of its layers does nothing but call the next one
        def plain(*args: Any, **options: Any) -> Any:
            return view(*args, **options)

        return plain  # type: ignore[return-value]
