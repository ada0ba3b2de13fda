"""Registering a version from a browser: its files go up in pieces by a script, and a plain form registers them.

The address names the upload, so whoever comes back goes on with it; what is refused leaves its files as they are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask import Response, redirect, request, url_for
from werkzeug.wrappers import Response as Redirect

from registry_core import (
    Action,
    InvalidParameter,
    Operation,
    UploadExpired,
    UploadNotFound,
    UploadSession,
    VersionExists,
)

from ..web import respond_async
from ..web.gate import may_be_large
from ..web.needs import Need
from ..web.root import current_registry
from . import proving
from .attempting import REFUSALS, Failure, failure, waiting
from .blueprint import blueprint, require_changes
from .proceeding import asked_for
from .render import page
from .words import Words, done, field, known, typed

MOST_ROWS = 200
MOST_WAITING = 10
_TAKEN = "{task}/{model} has a version {version} already, or had one. Choose another name."


@dataclass(frozen=True)
class Names:
    """What the form holds beside the words."""

    task: str
    model: str
    version: str
    upload: str

    @property
    def place(self) -> dict[str, str]:
        """As the address of the page has it."""
        said = {"task": self.task, "model": self.model, "version": self.version, "upload": self.upload}
        return {name: value for name, value in said.items() if value}


@blueprint.get("/upload", needs=Need.WRITE)
@may_be_large
def upload() -> Response:
    """What has arrived of the upload of the address, and what became of the operation that registers it."""
    names = Names(*(request.args.get(name, "").strip() for name in ("task", "model", "version", "upload")))
    operation = asked_for("register", task=names.task, model_name=names.model, version=names.version)
    if operation is None or operation.state in ("failed", "interrupted"):
        return _show(names, known(), _why(operation), operation)
    return page("registering.html", names=names, operation=operation)


@blueprint.post("/upload", needs=Need.WRITE)
def register_now() -> Response:
    """The files of the upload become a version, by an operation that this leads to; or the page says why not."""
    require_changes()
    names, words = Names(*map(field, ("task", "model", "version", "upload"))), typed()
    registry = current_registry()
    try:
        if not names.upload:
            raise InvalidParameter("No file has come yet. Choose some, and send them.", field="upload")
        if waiting(lambda: registry.ask_register(names.task, names.model, names.version, **words.said)).is_taken:
            raise VersionExists(_TAKEN.format(**vars(names)), version=names.version)
        registry.require_may(names.task, names.model, Action.WRITE, names=names.version)
        asked: dict[str, Any] = {"task": names.task, "model_name": names.model, "version": names.version}
        asked |= {"upload_id": names.upload, **words.said}
        begun = respond_async.begin(
            "register",
            asked,
            json.dumps(["page", names.upload, names.version]),
            lambda progress: registry.register(**asked, progress=progress).to_dict(),
        )
    except REFUSALS as error:
        return _show(names, words, failure(error))
    return done("upload", words, **names.place, operation=begun.operation_id)


@blueprint.post("/upload/cancel", needs=Need.WRITE)
def cancel_upload() -> Redirect:
    """Nothing is left of the upload."""
    require_changes()
    waiting(lambda: current_registry().cancel_upload(field("upload")))
    return redirect(url_for("pages.upload", task=field("task"), model=field("model")), 303)


def _why(operation: Operation | None) -> Failure | None:
    """Why the operation registered nothing."""
    if operation is None:
        return None
    if operation.error is None:
        return Failure(200, "The service stopped while it registered the version. Register it once more.")
    return Failure(200, str(operation.error.get("detail")))


def _show(names: Names, words: Words, failed: Failure | None = None, operation: Operation | None = None) -> Response:
    session, gone = _session(names.upload)
    if session is not None:
        names = Names(session.task, session.model_name, names.version, names.upload)
    files = [] if session is None else session.files
    return page(
        "upload.html",
        status=200 if failed is None else failed.status,
        names=names,
        words=words,
        session=session,
        is_gone=gone,
        waiting=[] if names.upload else current_registry().list_uploads(MOST_WAITING),
        shown=sorted(files, key=lambda file: (file.complete, file.path))[:MOST_ROWS],
        arrived=sum(file.complete for file in files),
        failed=failed,
        operation=operation,
        command=proving.pushed(names.task, names.model, names.version),
    )


def _session(upload_id: str) -> tuple[UploadSession | None, bool]:
    """(the upload, whether the address names one that is gone)."""
    if not upload_id:
        return None, False
    try:
        return current_registry().upload(upload_id), False
    except (UploadNotFound, UploadExpired):
        return None, True
