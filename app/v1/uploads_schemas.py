"""Requests and answers of uploads."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from registry_core import UploadTooLarge, Verbs

from ..web.answers import Answer, Open
from ..web.described import Described
from ..web.parsing import Request
from ..web.schemas import field_of, text

MOST_AT_ONCE = 8192  # files in the request that begins an upload: as many as one took before there were pages
MOST_OF_A_PAGE = 5000


class AnnouncedFile(Open):
    path = text("The POSIX path that the file shall have in the package.", required=True)
    sha256 = text("SHA-256 of its bytes, in hex.", required=True)
    size_bytes = fields.Integer(required=True, strict=True, metadata={"description": "How many bytes it has."})


class AnnouncedFiles(fields.List[Any]):
    """Of a list that is longer than a request may hold no file is looked at."""

    def __init__(self, most: int, meaning: str, **options: Any) -> None:
        super().__init__(fields.Nested(AnnouncedFile), metadata={"description": meaning}, **options)
        self._most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self._most:
            raise UploadTooLarge(
                f'One request announces at most {self._most} files. Announce them in pages, with "more": true.',
                limit_files=self._most,
            )
        if isinstance(value, list) and all(map(_is_plain, value)):
            return value
        return super()._deserialize(value, attr, data, **options) or []


def _is_plain(file: Any) -> bool:
    """Whether it is as the schema wants it, which then need not look at each of thousands."""
    return (
        type(file) is dict
        and type(file.get("path")) is str
        and type(file.get("sha256")) is str
        and type(file.get("size_bytes")) is int
    )


def _more() -> fields.Boolean:
    return fields.Boolean(
        load_default=False,
        metadata={"description": "Whether other pages follow; nothing is registered before the last one."},
    )


class UploadRequest(Request):
    task = field_of(Verbs.promote, "task")
    model_name = text("The model's name within the task; it need not exist yet.", required=True)
    files = AnnouncedFiles(
        MOST_AT_ONCE,
        "What the version will have; the answer says which of it need not be sent.",
        load_default=list,
    )
    more = _more()
    actor = field_of(Verbs.promote, "actor")


class PageRequest(Request):
    files = AnnouncedFiles(MOST_OF_A_PAGE, f"The next of them, at most {MOST_OF_A_PAGE}.", required=True)
    more = _more()


class UploadAnswer(Answer):
    upload_id = fields.String()
    url = fields.String()
    expires_at = fields.String()
    have = fields.List(fields.String(), metadata={"description": "Paths whose bytes the model has already."})


class PackAnswer(Answer):
    kept = fields.Integer(metadata={"description": "How many files of the tar are whole here."})


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


class TusHeaders(Described):
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
