"""Headers by which a browser makes nothing of an answer but what it is: no page, no frame, no foreign script."""

from __future__ import annotations

import base64
import hashlib
import re

from flask import Flask, Response

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def init_app(app: Flask) -> None:
    app.after_request(_protect)


def _protect(response: Response) -> Response:
    is_page = response.mimetype == "text/html" and not response.is_streamed
    policy = _of_page(response.get_data(as_text=True)) if is_page else NOTHING
    response.headers.setdefault("Content-Security-Policy", policy)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    return response


def _of_page(page: str) -> str:
    """What ``/docs`` needs: its own assets, its one script as it stands, styles that Swagger UI sets by itself."""
    scripts = [base64.b64encode(hashlib.sha256(found.encode()).digest()).decode() for found in _SCRIPT.findall(page)]
    allowed = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in scripts)])
    return (
        f"{NOTHING}; script-src {allowed}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'"
    )
