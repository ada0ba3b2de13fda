"""The kind of blueprint that every module here uses: strict about media types, one error document, a word of need."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema

from .errors import CONTENT_TYPE
from .needs import Need, say
from .parsing import Parser
from .schemas import Problem

F = TypeVar("F", bound=Callable[..., Any])
BINARY = {"type": "string", "format": "binary"}


class Blueprint(SmorestBlueprint):  # type: ignore[misc]
    """A smorest blueprint with our parser. Its routes say what they need: ``@blueprint.get(PATH, needs=Need.READ)``."""

    ARGUMENTS_PARSER = Parser()

    def add_url_rule(self, rule: str, *args: Any, needs: Need | None = None, **options: Any) -> None:
        """As smorest's; a route that does not say what it ``needs`` keeps the service from starting."""
        super().add_url_rule(rule, *args, **options)
        if needs is not None:
            said, endpoint = needs, self._endpoints[-1]
            self.record(lambda state: say(state.app, f"{state.name}.{endpoint}", said))

    def register_views_in_doc(self, api: Any, *about: Any, **named: Any) -> None:
        """As smorest's, when somebody asks for the document."""
        api.describe_later(partial(super().register_views_in_doc, api, *about, **named))

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
        # Its documentation alone: each of its layers does nothing but call the next one.
        vars(view).update((name, said) for name, said in vars(described).items() if name != "__wrapped__")
        return view
