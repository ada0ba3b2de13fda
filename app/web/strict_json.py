"""Every JSON answer is JSON for all readers: null for a number that JSON does not have, and a warning naming it."""

from __future__ import annotations

import json
from typing import Any

from flask import Response
from flask.json.provider import DefaultJSONProvider

from registry_core import finite


class StrictJson(DefaultJSONProvider):
    """What the application makes JSON with. An object's warnings are in it, those of a list in ``X-Warnings``."""

    sort_keys = False

    def dumps(self, obj: Any, **options: Any) -> str:
        try:
            return super().dumps(obj, allow_nan=False, **options)
        except ValueError:
            mended, warnings = finite(obj)
            if isinstance(mended, dict):
                mended["warnings"] = [*mended.get("warnings", []), *warnings]
            return super().dumps(mended, allow_nan=False, **options)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        mended, warnings = finite(args[0]) if args and isinstance(args[0], list) else (None, [])
        if not warnings:
            return super().response(*args, **kwargs)  # type: ignore[return-value]
        response: Response = super().response(mended)  # type: ignore[assignment]
        warn(response, warnings)
        return response


def warn(response: Response, warnings: list[str]) -> None:
    """Warnings of an answer that has no place for them in its body."""
    if warnings:
        said = json.loads(response.headers.get("X-Warnings", "[]"))
        response.headers["X-Warnings"] = json.dumps([*said, *warnings])


def line(value: Any) -> str:
    """The value as strict JSON in one line of ASCII, outside of an answer."""
    return json.dumps(finite(value)[0], allow_nan=False)
