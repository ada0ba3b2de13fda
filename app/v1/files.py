"""Bytes over HTTP: one file of a version with ranges and conditions, or the whole package as a tar."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response

from registry_core import tar, tar_size

from ..web.blueprint import Blueprint
from ..web.root import current_registry
from ..web.sending import CONTENT_TYPE, send, stream

TAR = "application/x-tar"

blueprint = Blueprint("files", __name__, url_prefix="/v1", description="Files: the bytes of a version")

_FINDS = (404, 409, 422, 503)


@blueprint.get("/files/<task>/<model_name>/<selector>/<path:path>")
@blueprint.sends(CONTENT_TYPE, also=(206, 302, 304), problems=(*_FINDS, 412, 416))
def file(task: str, model_name: str, selector: str, path: str) -> Response:
    """One file: Range, If-Range, If-Match, If-None-Match. Its ETag is its SHA-256."""
    return send(current_registry().file(task, f"{model_name}@{selector}", path))


@blueprint.get("/archive/<task>/<model_name>/<selector>")
@blueprint.sends(TAR, problems=_FINDS)
def archive(task: str, model_name: str, selector: str) -> Response:
    """The whole package as an uncompressed tar, the manifest first. The same bytes for ever."""
    stored = current_registry().files(task, f"{model_name}@{selector}")
    version = stored[0].version if stored else selector
    headers = {
        "Content-Type": TAR,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(f'{model_name}-{version}.tar', safe='')}",
        "Cache-Control": "no-cache",
        "X-Model-Version": quote(version),
    }
    return stream(lambda: tar(stored), tar_size(stored), headers)
