"""The stylesheet, the script and the picture of the tab: at addresses that change with their bytes, kept for ever."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import PurePath

from flask import Response, current_app, url_for
from werkzeug.exceptions import NotFound

from ..web.needs import Need
from .blueprint import blueprint

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_HASH_CHARACTERS = 12


class Assets:
    """What lies in ``static/``, read once. ``names``: its name -> its name at an address."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._found: dict[str, tuple[bytes, str]] = {}
        for file in (files(__package__) / "static").iterdir():
            path = PurePath(file.name)
            if path.suffix in _TYPES:
                content = file.read_bytes()
                digest = hashlib.sha256(content).hexdigest()[:_HASH_CHARACTERS]
                name = self.names[path.name] = f"{path.stem}.{digest}{path.suffix}"
                self._found[name] = content, _TYPES[path.suffix]

    def get(self, name: str) -> tuple[bytes, str]:
        """(the bytes, their type). Raises ``NotFound``."""
        if name not in self._found:
            raise NotFound
        return self._found[name]


def _assets() -> Assets:
    found: Assets = current_app.extensions["assets"]
    return found


def address(name: str) -> str:
    """Where the file of ``static/`` is."""
    return url_for("pages.asset", name=_assets().names[name])


@blueprint.get("/static/<name>", needs=Need.OPEN)
def asset(name: str) -> Response:
    """The bytes, which no browser asks for again."""
    content, content_type = _assets().get(name)
    answer = Response(content, content_type=content_type)
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer
