"""The kind of blueprint that every module here uses: strict about media types, one error document."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from flask_smorest import Blueprint as SmorestBlueprint
from webargs import missing
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import UnsupportedMediaType

from registry_core import InvalidMetadata

from .errors import CONTENT_TYPE
from .schemas import Problem

F = TypeVar("F", bound=Callable[..., Any])


class _Parser(FlaskParser):
    DEFAULT_VALIDATION_STATUS = 422

    def load_json(self, req: Any, schema: Any) -> Any:
        if not req.is_json:
            raise UnsupportedMediaType("Send the body as JSON, with the header Content-Type: application/json.")
        try:
            body = super().load_json(req, schema)
        except RecursionError:
            raise InvalidMetadata("The body is nested far deeper than the 64 levels that metadata may have.") from None
        return {} if body is missing else body


class Blueprint(SmorestBlueprint):  # type: ignore[misc]
    """A smorest blueprint with our parser."""

    ARGUMENTS_PARSER = _Parser()

    def answers(self, schema: type, *, status: int = 200, problems: tuple[int, ...] = ()) -> Callable[[F], F]:
        """Documents the answer and the problem documents that the view may give instead."""

        def decorate(view: F) -> F:
            for code in (*problems, 500):
                described = HTTPStatus(code).phrase
                view = self.alt_response(
                    code, schema=Problem, content_type=CONTENT_TYPE, description=described, success=False
                )(view)
            decorated: F = self.response(status, schema)(view)
            return decorated

        return decorate
