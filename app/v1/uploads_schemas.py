"""Requests and answers of uploads."""

from __future__ import annotations

from typing import Any

from flask import current_app
from marshmallow import EXCLUDE, Schema, fields

from registry_core import Verbs

from ..config import Settings
from ..web.schemas import Answer, Open, Request, field_of, text


class AnnouncedFile(Open):
    path = text("The POSIX path that the file shall have in the package.", required=True)
    sha256 = text("SHA-256 of its bytes, in hex.", required=True)
    size_bytes = fields.Integer(required=True, strict=True, metadata={"description": "How many bytes it has."})


class AnnouncedFiles(fields.List[Any]):
    """Of a list that is longer than an upload may be no file is looked at: the registry refuses it by its length."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        settings: Settings = current_app.extensions["settings"]
        if isinstance(value, list) and len(value) > settings.core.max_upload_files:
            return value
        return super()._deserialize(value, attr, data, **options) or []


class UploadRequest(Request):
    task = field_of(Verbs.promote, "task")
    model_name = text("The model's name within the task; it need not exist yet.", required=True)
    files = AnnouncedFiles(
        fields.Nested(AnnouncedFile),
        load_default=list,
        metadata={"description": "What the version will have; the answer says which of it need not be sent."},
    )
    actor = field_of(Verbs.promote, "actor")


class UploadAnswer(Answer):
    upload_id = fields.String()
    url = fields.String()
    expires_at = fields.String()
    have = fields.List(fields.String(), metadata={"description": "Paths whose bytes the model has already."})


class UploadFileFields(Open):
    path = fields.String()
    url = fields.String()
    offset = fields.Integer()
    size_bytes = fields.Integer()
    sha256 = fields.String(allow_none=True)
    complete = fields.Boolean()


class UploadSessionAnswer(UploadAnswer):
    task = fields.String()
    model_name = fields.String()
    files = fields.List(fields.Nested(UploadFileFields))


class TusHeaders(Schema):
    class Meta:
        unknown = EXCLUDE

    tus_resumable = text("1.0.0", data_key="Tus-Resumable", load_default=None)


class BytesHeaders(TusHeaders):
    upload_checksum = text(
        "sha256 or sha1, a space, and the digest of these bytes in base64.",
        data_key="Upload-Checksum",
        load_default=None,
    )


class CreationHeaders(BytesHeaders):
    upload_length = text("How many bytes the file has.", data_key="Upload-Length", load_default=None)
    upload_metadata = text("filename, a space, and the path in base64.", data_key="Upload-Metadata", load_default=None)
    upload_concat = text("Refused: files are not put together here.", data_key="Upload-Concat", load_default=None)


class PatchHeaders(BytesHeaders):
    upload_offset = text("Where the bytes begin.", data_key="Upload-Offset", load_default=None)
