"""Files that come over HTTP: sessions, and in them the tus protocol, one resource a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Response, request, url_for
from marshmallow import fields
from werkzeug.exceptions import UnsupportedMediaType

from registry_core import Checksum, RegistryError, UploadFacts, UploadFile, UploadSession, VerbsOfLooking

from ..web.answers import Answer, answer
from ..web.blueprint import Blueprint
from ..web.errors import CONTENT_TYPE
from ..web.gate import current_gate, may_be_large, may_wait
from ..web.needs import Need
from ..web.request_body import Body
from ..web.root import current_registry, current_root
from ..web.schemas import Problem, part_schema, request_schema
from . import tus
from .schemas import between
from .uploads_schemas import (
    CreationHeaders,
    PackAnswer,
    PageRequest,
    PatchHeaders,
    TusHeaders,
    UploadAnswer,
    UploadRequest,
    UploadSessionAnswer,
)

F = TypeVar("F", bound=Callable[..., Any])

SESSION = "/<upload_id>"
FILE = "/<upload_id>/<file_id>"
TAR = "application/x-tar"
_FINDS = (404, 410, 503)

blueprint = Blueprint(
    "uploads", __name__, url_prefix="/v1/uploads", description="Uploads: resumable, by the tus protocol"
)


def _says(status: int, *problems: int) -> Callable[[F], F]:
    """Documents an answer without a body, and the problem documents that may come instead."""

    def decorate(view: F) -> F:
        for code in (*problems, 412, 500):
            view = blueprint.alt_response(
                code, schema=Problem, content_type=CONTENT_TYPE, description=f"Problem {code}", success=False
            )(view)
        decorated: F = blueprint.response(status)(view)
        return decorated

    return decorate


@blueprint.after_request
def _speak(response: Response) -> Response:
    try:  # it is the service's own setting: whoever calls, and was refused perhaps, is not asked for once more
        return tus.speak(response, current_root().registry().max_upload_bytes)
    except RegistryError:
        return tus.speak(response, 0)


class UploadsAnswer(Answer):
    uploads = fields.List(fields.Nested(part_schema(UploadFacts)))


@blueprint.get("", needs=Need.KNOWN)
@blueprint.arguments(request_schema(VerbsOfLooking.list_uploads, limit=between(1, 100)), location="query")
@blueprint.answers(UploadsAnswer, problems=(422, 503))
def uploads(query: dict[str, Any]) -> dict[str, Any]:
    """The upload sessions that there are, the last sent to first."""
    found = current_registry().list_uploads(**query)
    return answer({"uploads": [one.to_dict() for one in found], "warnings": found.warnings})


def _shown(session: UploadSession) -> dict[str, Any]:
    return {
        "upload_id": session.upload_id,
        "url": url_for("uploads.show", upload_id=session.upload_id),
        "expires_at": session.expires_at,
        "have": session.have,
    }


def _file_url(upload_id: str, file: UploadFile) -> str:
    return url_for("uploads.append", upload_id=upload_id, file_id=file.file_id)


def _state(file: UploadFile) -> dict[str, str]:
    return {"Upload-Offset": str(file.offset), "Upload-Expires": tus.http_date(file.expires_at)}


@blueprint.post("", needs=Need.WRITE)
@blueprint.arguments(UploadRequest)
@blueprint.answers(UploadAnswer, status=201, problems=(400, 413, 415, 422, 503, 507))
@may_wait
def begin(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Begin an upload: a session for the files of one version."""
    session = _shown(current_registry().begin_upload(**body))
    return answer(session), 201, {"Location": session["url"]}


@blueprint.post(f"{SESSION}/files", needs=Need.WRITE)
@blueprint.arguments(PageRequest)
@blueprint.answers(UploadAnswer, problems=(400, *_FINDS, 413, 415, 422, 423, 507))
@may_wait
def announce(body: dict[str, Any], upload_id: str) -> dict[str, Any]:
    """Announce more files of an upload that was begun with more: true; have is of these alone."""
    return answer(_shown(current_registry().announce_upload(upload_id, **body)))


@blueprint.get(SESSION, needs=Need.WRITE)
@may_be_large
@blueprint.answers(UploadSessionAnswer, problems=(*_FINDS, 423))
def show(upload_id: str) -> dict[str, Any]:
    """What has arrived so far."""
    session = current_registry().upload(upload_id)
    files = [
        {
            "path": file.path,
            "url": _file_url(upload_id, file),
            "offset": file.offset,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "complete": file.complete,
        }
        for file in session.files
    ]
    return answer({**_shown(session), "task": session.task, "model_name": session.model_name, "files": files})


@blueprint.delete(SESSION, needs=Need.WRITE)
@_says(204, *_FINDS, 423)
@may_wait
def cancel(upload_id: str) -> Response:
    """Give the upload up; nothing is left of it."""
    current_registry().cancel_upload(upload_id)
    return Response(status=204)


@blueprint.post(f"{SESSION}/pack", needs=Need.WRITE)
@blueprint.alt_response(460, schema=Problem, content_type=CONTENT_TYPE, description="Problem 460", success=False)
@blueprint.answers(PackAnswer, problems=(400, 408, *_FINDS, 413, 415, 422, 423, 507))
def pack(upload_id: str) -> dict[str, Any]:
    """Send many files in one tar (application/x-tar), in the order of the announcement; each that is whole is kept."""
    if request.mimetype != TAR:
        raise UnsupportedMediaType(f"Send the tar with the header Content-Type: {TAR}.")
    leave = current_gate().admit_download()
    try:
        with Body(request.environ) as body:
            return answer({"kept": current_registry().receive_pack(upload_id, body, length=body.length)})
    finally:
        leave()


@blueprint.post(SESSION, needs=Need.WRITE)
@blueprint.arguments(CreationHeaders, location="headers")
@_says(201, 400, *_FINDS, 409, 413, 422, 423, 460, 507)
def create(headers: dict[str, Any], upload_id: str) -> Response:
    """Announce a file, and send its first bytes with that or not (tus creation, creation-with-upload)."""
    tus.check_version(headers["tus_resumable"])
    tus.refuse_concatenation(headers["upload_concat"])
    size_bytes = tus.number("Upload-Length", headers["upload_length"])
    metadata, checksum = headers["upload_metadata"], tus.checksum(headers["upload_checksum"])
    sends = request.mimetype == tus.CONTENT_TYPE
    file = _announced(upload_id, tus.filename(metadata), size_bytes, tus.described(metadata), sends=sends)
    if sends:
        # Who breaks off has not learnt where the file is, and does all of this again: of a part there must be nothing.
        file = _received(upload_id, file.file_id, 0, checksum, keep_a_part=False)
    return Response(status=201, headers={"Location": _file_url(upload_id, file), **_state(file)})


@may_wait
def _announced(upload_id: str, path: str, size_bytes: int, described: str, *, sends: bool) -> UploadFile:
    return current_registry().add_upload(upload_id, path, size_bytes, described, begun=sends)


def _received(
    upload_id: str, file_id: str, offset: int, checksum: Checksum | None, *, keep_a_part: bool = True
) -> UploadFile:
    leave = current_gate().admit_download()  # a transfer is a transfer
    try:
        with Body(request.environ) as body:
            is_whole = None if keep_a_part else body.is_whole
            return current_registry().receive(
                upload_id, file_id, offset, body, length=body.length, checksum=checksum, is_whole=is_whole
            )
    finally:
        leave()


def head(headers: dict[str, Any], upload_id: str, file_id: str) -> Response:
    """How much of a file has arrived (tus)."""
    tus.check_version(headers["tus_resumable"])
    file = current_registry().uploaded(upload_id, file_id)
    about = {"Upload-Length": str(file.size_bytes), "Upload-Metadata": file.described or tus.names(file.path)}
    return Response(status=200, headers={**_state(file), **about})


_head = _says(200, *_FINDS, 423)(may_wait(head))
blueprint.route(FILE, methods=["HEAD"], needs=Need.WRITE)(blueprint.arguments(TusHeaders, location="headers")(_head))


@blueprint.patch(FILE, needs=Need.WRITE)
@blueprint.arguments(PatchHeaders, location="headers")
@_says(204, 400, *_FINDS, 409, 413, 415, 422, 423, 460, 507)
def append(headers: dict[str, Any], upload_id: str, file_id: str) -> Response:
    """Send bytes of a file (tus)."""
    tus.check_version(headers["tus_resumable"])
    if request.mimetype != tus.CONTENT_TYPE:
        raise UnsupportedMediaType(f"Send the bytes with the header Content-Type: {tus.CONTENT_TYPE}.")
    offset = tus.number("Upload-Offset", headers["upload_offset"])
    checksum = tus.checksum(headers["upload_checksum"])
    return Response(status=204, headers=_state(_received(upload_id, file_id, offset, checksum)))


@blueprint.delete(FILE, needs=Need.WRITE)
@blueprint.arguments(TusHeaders, location="headers")
@_says(204, *_FINDS, 423)
@may_wait
def terminate(headers: dict[str, Any], upload_id: str, file_id: str) -> Response:
    """Take a file out of the upload (tus termination)."""
    tus.check_version(headers["tus_resumable"])
    current_registry().drop_upload(upload_id, file_id)
    return Response(status=204)
