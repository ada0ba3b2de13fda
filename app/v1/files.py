"""Bytes over HTTP: one file of a version with ranges and conditions, or the whole package as a tar."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from flask import Response, request, url_for
from werkzeug.exceptions import NotFound

from registry_core import TAR_FORMAT, ArtifactNotFound, PackageFiles, tar, tar_size

from ..web.blueprint import Blueprint
from ..web.disposition import attachment
from ..web.gate import may_be_large
from ..web.needs import Need
from ..web.root import current_registry
from ..web.sending import CONTENT_TYPE, send, send_made
from .folders import folder_page

TAR = "application/x-tar"

blueprint = Blueprint("files", __name__, url_prefix="/v1", description="Files: the bytes of a version")

_FINDS = (404, 409, 422, 503)


_VERSION = "/files/<task>/<model_name>/<selector>"


@blueprint.get(_VERSION, strict_slashes=False, needs=Need.USE)
@blueprint.sends("text/html", also=(308,), problems=_FINDS)
def folder(task: str, model_name: str, selector: str) -> Response:
    """What is at the top of a version: a page, or JSON where Accept prefers that. Its address ends in a slash."""
    package = current_registry().package_files(task, f"{model_name}@{selector}")
    if not request.path.endswith("/"):
        return _with_slash(url_for("files.folder", task=task, model_name=model_name, selector=selector) + "/")
    if request.path.endswith("//"):
        raise NotFound
    return _page(package, "")


@blueprint.get(f"{_VERSION}/<path:path>", needs=Need.USE)
@blueprint.sends(CONTENT_TYPE, also=(206, 302, 304, 308), problems=(*_FINDS, 412, 416))
def file(task: str, model_name: str, selector: str, path: str) -> Response:
    """One file: Range, If-Range, If-Match, If-None-Match, If-Modified-Since. Its ETag is its SHA-256.

    With a slash at its end the path is a folder, which is shown as at the top of the version.
    """
    package = current_registry().package_files(task, f"{model_name}@{selector}")
    try:
        stored = package.file(path)
    except ArtifactNotFound:
        place = path.removesuffix("/")
        if not place or package.folder(place) is None:
            raise
        if path != place:
            return _page(package, place)
        url = url_for("files.file", task=task, model_name=model_name, selector=selector, path=f"{path}/")
        return _with_slash(url)
    name = path.rpartition("/")[2]
    return send(stored, {"Content-Disposition": attachment(name)}, package.named_at)


@may_be_large
def _page(package: PackageFiles, path: str) -> Response:
    return folder_page(package.version, path, package.folder(path) or {})


def _with_slash(url: str) -> Response:
    """The links of a page are below its address, so that must end in a slash."""
    response = Response(status=308)
    response.headers.update({"Location": url, "Cache-Control": "no-cache"})
    response.autocorrect_location_header = False
    return response


@blueprint.get("/archive/<task>/<model_name>/<selector>", needs=Need.USE)
@blueprint.sends(TAR, also=(206, 304), problems=(*_FINDS, 412, 416))
def archive(task: str, model_name: str, selector: str) -> Response:
    """The whole package as an uncompressed tar, the manifest first. The same bytes for ever, so with ranges."""
    package = current_registry().package_files(task, f"{model_name}@{selector}")
    stored, digest = package.files(), package.package_digest
    headers = {
        "Content-Type": TAR,
        "Content-Disposition": attachment(f"{model_name}-{package.version}.tar"),
        "Cache-Control": "no-cache",
        "X-Model-Version": quote(package.version),
    }
    etag = None if digest is None else f"tar{TAR_FORMAT}-{digest}"
    return send_made(partial(tar, stored), tar_size(stored), etag, headers, package.named_at)
