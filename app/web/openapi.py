"""OpenAPI 3 at ``/openapi.json`` and a page at ``/docs`` whose assets come from a wheel, not a CDN."""

from __future__ import annotations

from flask import Flask, Response, send_from_directory
from flask_smorest import Api
from swagger_ui_bundle import swagger_ui_path

from registry_core import __version__

from .errors import CONTENT_TYPE
from .schemas import Problem

ASSETS = "/docs/assets/"
_FROM_PAGE = ASSETS.removeprefix("/")  # below whatever path a proxy has put the page


class _Api(Api):  # type: ignore[misc]
    # Errors are answered by app/web/errors.py for every path, so smorest must not add handlers, nor
    # document its own error body.
    DEFAULT_ERROR_RESPONSE_NAME = None
    # What smorest adds by itself to calls that take arguments (422) is a problem document too.
    ERROR_SCHEMA = Problem

    def _register_responses(self) -> None:
        self.DEFAULT_RESPONSE_CONTENT_TYPE = CONTENT_TYPE
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE

    def _register_error_handlers(self) -> None:
        pass


def init_app(app: Flask) -> Api:
    """The OpenAPI collector, to which blueprints are registered."""
    app.config.update(
        API_TITLE="Model registry",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        OPENAPI_SWAGGER_UI_PATH="/docs",
        OPENAPI_SWAGGER_UI_URL=_FROM_PAGE,
    )

    @app.get(ASSETS + "<path:name>")
    def assets(name: str) -> Response:
        return send_from_directory(swagger_ui_path, name)

    return _Api(app)
