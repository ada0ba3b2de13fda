"""Pages of the origins that are named may use all of the service from a browser; those of any other may not.

Without one nothing is allowed, as a browser does by itself. What came with a cookie or a password they never read.
"""

from __future__ import annotations

import re

from flask import Flask, Response
from flask_cors import CORS

EXPOSED = [
    *("Location", "Link", "X-Total-Count", "X-Warnings", "ETag", "Repr-Digest", "Content-Range", "X-Model-Version"),
    *("X-Request-Id", "Retry-After", "Content-Disposition", "Accept-Ranges", "Preference-Applied"),
    *("Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm"),
    *("Upload-Offset", "Upload-Length", "Upload-Metadata", "Upload-Expires"),
]
REMEMBERED_S = 600  # a browser asks again after that whether it may


def init_app(app: Flask, origins: tuple[str, ...]) -> None:
    """From now on pages of the origins may read the answers, and send what the service understands."""
    if not origins:
        return
    exactly = [re.compile(re.escape(origin) + r"\Z", re.IGNORECASE) for origin in origins]
    CORS(app, origins=exactly, expose_headers=EXPOSED, max_age=REMEMBERED_S, vary_header=False)
    app.after_request(_vary)


def _vary(response: Response) -> Response:
    response.vary.add("Origin")  # also where there was none: a cache must not keep that answer for a page
    return response
