"""A service whose addresses are all below one path."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class BelowPath:
    """All addresses are below ``base_path``, whether a proxy in front has taken it off the request's path or not."""

    def __init__(self, application: WSGIApplication, base_path: str) -> None:
        self._application = application
        self._base_path = base_path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["SCRIPT_NAME"] = self._base_path
        path = environ["PATH_INFO"]
        if path == self._base_path or path.startswith(f"{self._base_path}/"):
            environ["PATH_INFO"] = path.removeprefix(self._base_path) or "/"
        return self._application(environ, start_response)
