"""OpenAPI 3 at ``/openapi.json`` and a page at ``/docs`` whose assets come from a wheel, not a CDN."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from threading import Lock
from typing import Any

from flask import Flask, Response, current_app, jsonify, request, send_from_directory
from flask_smorest import Api
from swagger_ui_bundle import swagger_ui_path

from registry_core import MAX_NAME_LENGTH, NAME_PATTERN, __version__

from .errors import CONTENT_TYPE
from .needs import Need, needs_of, say
from .root import current_root
from .schemas import Problem

ASSETS = "/docs/assets/"
_FROM_PAGE = ASSETS.removeprefix("/")  # below whatever path a proxy has put the page
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token of the registry or of an issuer."},
    "basic": {"type": "http", "scheme": "basic", "description": "Any user name, and such a token as the password."},
}
_INFO = {
    "description": "Trained models as versions that never change: proven, named by aliases, resolved to exact bytes.",
    "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
}


class _Api(Api):  # type: ignore[misc]
    # Errors are answered by app/web/errors.py for every path, so smorest must not add handlers, nor
    # document its own error body.
    DEFAULT_ERROR_RESPONSE_NAME = None
    # What smorest adds by itself to calls that take arguments (422) is a problem document too.
    ERROR_SCHEMA = Problem

    def __init__(self, app: Flask) -> None:
        self._untold: list[Callable[[], None]] = []
        self._telling = Lock()
        super().__init__(app)

    def describe_later(self, tell: Callable[[], None]) -> None:
        """``tell`` puts something into the document, once somebody asks for it: most workers are never asked."""
        self._untold.append(tell)

    def _described(self) -> dict[str, Any]:
        while self._untold:
            self._untold.pop(0)()
        document: dict[str, Any] = self.spec.to_dict()
        return document

    def _register_responses(self) -> None:
        self.describe_later(self._describe_responses)

    def _describe_responses(self) -> None:
        self.DEFAULT_RESPONSE_CONTENT_TYPE = CONTENT_TYPE
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE

    def _register_error_handlers(self) -> None:
        pass

    def _openapi_json(self) -> Response:
        with self._telling:  # all who ask are told of one document, which the first of them completes
            return self._told()

    def _told(self) -> Response:
        document = self._described()
        is_required = current_root().seems_required()
        for path, method, operation in _operations(document["paths"]):
            endpoint = _endpoint(path, method)
            need = needs_of(current_app)[endpoint]
            # Generated clients name their functions by these: blueprint and view, which are each other's only once.
            operation["operationId"] = endpoint.replace(".", "_")
            operation["security"] = _ways_in(need, is_required=is_required)
            _name_refusals(path, need, operation)
        _bound_names(document)
        # Where the document was asked for, below whatever path a proxy has put it.
        return jsonify({**document, "servers": [{"url": request.script_root or "/"}]})


def _operations(paths: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(path, method, operation) of each; what else stands beside them is for all of a path."""
    for path, item in paths.items():
        yield from ((path, method, item[method]) for method in item if method not in ("parameters", "summary"))


def _endpoint(path: str, method: str) -> str:
    endpoint: str = current_app.url_map.bind("").match(path, method.upper())[0]
    return endpoint


def _ways_in(need: Need, *, is_required: bool) -> list[dict[str, list[str]]]:
    """How a caller says who he is; the first, empty way is that of whoever need not, by what the service is now."""
    if need is Need.OPEN:
        return []
    nameless: list[dict[str, list[str]]] = [] if is_required and need.is_of_somebody else [{}]
    return nameless + [{name: []} for name in _SCHEMES]


def _name_refusals(path: str, need: Need, operation: dict[str, Any]) -> None:
    """A call may be refused for its origin, or for the host that it was sent to; health never is.

    Where it is asked who calls, that may be unknown, or not to be told at the moment.
    """
    refusals = [] if path.startswith("/health") else [HTTPStatus.FORBIDDEN]
    if need is not Need.OPEN:
        refusals += [HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE]
    for status in refusals:
        content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        operation["responses"].setdefault(str(status.value), {"description": status.phrase, "content": content})


def _bound_names(document: dict[str, Any]) -> None:
    """What a name may be is said where one is sent: a new one keeps the grammar, an old one is any segment."""
    for path, _, operation in _operations(document["paths"]):
        for parameter in (*operation.get("parameters", ()), *document["paths"][path].get("parameters", ())):
            if parameter.get("name") in _NAMES and "pattern" not in parameter["schema"]:
                parameter["schema"].update(_SEGMENT)
    for name, schema in document["components"]["schemas"].items():
        for field, about in schema["properties"].items():
            if field in _NAMES and name.endswith("Request"):
                about.update(_NEW_NAME if field in _NEW.get(name, ()) else _SEGMENT)
            if "type" not in about:
                about.pop("nullable", None)  # what may be anything may be null


_NAMES = {"task", "model", "model_name", "version", "alias", "set_alias", "selector", "revision", "run_id"}
_SEGMENT = {"minLength": 1, "maxLength": 255}
_NEW_NAME = {"minLength": 1, "maxLength": MAX_NAME_LENGTH, "pattern": f"^{NAME_PATTERN}$"}
_VERSION = ("task", "model_name", "version", "set_alias")
_NEW = {
    "RegisterRequest": _VERSION,
    "AdmissionRequest": _VERSION,
    "UploadRequest": _VERSION,
    "PromoteRequest": ("alias",),
}


def init_app(app: Flask) -> Api:
    """The OpenAPI collector, to which blueprints are registered."""
    app.config.update(
        API_TITLE="Model registry",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.0.3",
        API_SPEC_OPTIONS={"info": _INFO, "security": [], "components": {"securitySchemes": _SCHEMES}},
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        OPENAPI_SWAGGER_UI_PATH="/docs",
        OPENAPI_SWAGGER_UI_URL=_FROM_PAGE,
    )

    @app.get(ASSETS + "<path:name>")
    def assets(name: str) -> Response:
        return send_from_directory(swagger_ui_path, name)

    for endpoint in ("assets", "api-docs.openapi_json", "api-docs.openapi_swagger_ui"):
        say(app, endpoint, Need.OPEN)
    api = _Api(app)
    del app.cli.commands["openapi"]  # smorest's: what it prints is half of what is served
    return api
