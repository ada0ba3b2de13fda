"""One gunicorn for many registries: ``/at/<name>/...`` is the service over the root ``<base>/<name>/root``.

What a test of the contract wants is a registry of its own, and a real server takes a second to start. The base is
the root that the server was started with; the applications below it are the shipped ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flask import Flask

from app import create_app
from app.config import Settings

from .place import settings


class ManyRoots:
    """A WSGI application that hands each request to the one of its root."""

    def __init__(self) -> None:
        self._own = Settings.from_env()
        assert self._own.core.root is not None
        self._base = Path(self._own.core.root)
        self._plain = create_app(self._own)
        self._apps: dict[str, Flask] = {}
        self._mutex = threading.Lock()

    @property
    def extensions(self) -> dict[str, Any]:
        """For ``app/serving/gunicorn_conf.py``, which looks after the catalogue of the root that it knows."""
        return self._plain.extensions

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        _, _, rest = environ["PATH_INFO"].partition("/at/")
        name, slash, path = rest.partition("/")
        if not slash:
            return self._plain(environ, start_response)
        environ["SCRIPT_NAME"] += f"/at/{name}"
        environ["PATH_INFO"] = "/" + path
        return self._app(name)(environ, start_response)

    def _app(self, name: str) -> Flask:
        with self._mutex:
            if name not in self._apps:
                self._apps[name] = create_app(Settings(core=settings(root=str(self._base / name / "root"))))
            return self._apps[name]


application = ManyRoots()
