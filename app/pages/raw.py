"""A file of a version as bytes that nobody trusts: a browser shows them, to pages of ours alone, and runs nothing."""

from __future__ import annotations

from functools import partial

from flask import Response

from ..web.disposition import attachment
from ..web.needs import Need
from ..web.root import current_registry
from ..web.sending import CONTENT_TYPE, read_part, send_made
from .blueprint import blueprint
from .previews import IMAGES, is_read, kind_of

# Whatever the bytes are, they are of an origin of their own, which may do nothing and ask nobody.
POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_TYPES = {**IMAGES, "svg": "image/svg+xml"}
_TEXT = "text/plain; charset=utf-8"


@blueprint.get("/raw/<task>/<model_name>/<version>/<path:path>", needs=Need.USE)
def raw(task: str, model_name: str, version: str, path: str) -> Response:
    """The bytes, with ranges and conditions: an image as such, what may be read as its source, the rest to be kept.

    They come from this process always: nginx and object stores would send them without these headers.
    """
    package = current_registry().package_files(task, f"{model_name}@{version}")
    stored = package.file(path)
    headers = {
        "Content-Type": _TYPES.get(kind_of(path)) or (_TEXT if is_read(path) else CONTENT_TYPE),
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Cache-Control": "no-cache",
    }
    if headers["Content-Type"] == CONTENT_TYPE:
        headers["Content-Disposition"] = attachment(path.rpartition("/")[2])
    return send_made(partial(read_part, stored), stored.size_bytes, stored.sha256, headers, package.named_at)
