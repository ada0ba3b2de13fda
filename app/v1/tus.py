"""The tus 1.0 protocol's headers, in and out: https://tus.io/protocols/resumable-upload"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from email.utils import format_datetime

from flask import Response, request
from werkzeug.exceptions import PreconditionFailed

from registry_core import InvalidParameter

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,termination,expiration"
ALGORITHM = "sha256"
CONTENT_TYPE = "application/offset+octet-stream"
_NUMBER = re.compile(r"[0-9]{1,30}")


def check_version(sent: str | None) -> None:
    """The request speaks our version. Raises ``PreconditionFailed`` (412)."""
    if sent != VERSION:
        raise PreconditionFailed(f"This is a tus server of version {VERSION}; send Tus-Resumable: {VERSION}.")


def number(name: str, text: str | None) -> int:
    """A header's number of bytes. Raises ``InvalidParameter``."""
    if text is None or _NUMBER.fullmatch(text) is None:
        raise InvalidParameter(f"{name} is {text!r}; it takes a whole number of bytes.", field=name)
    return int(text)


def checksum(text: str | None) -> bytes | None:
    """The SHA-256 that the header ``Upload-Checksum`` names. Raises ``InvalidParameter``."""
    if text is None:
        return None
    algorithm, _, encoded = text.strip().partition(" ")
    digest = _decoded(encoded.strip())
    if algorithm != ALGORITHM or digest is None or len(digest) != 32:
        raise InvalidParameter(
            "Upload-Checksum has the form 'sha256 <base64 of the 32 bytes>'.", field="Upload-Checksum"
        )
    return digest


def filename(metadata: str | None) -> str:
    """The path that the header ``Upload-Metadata`` names. Raises ``InvalidParameter``."""
    for pair in (metadata or "").split(","):
        key, _, encoded = pair.strip().partition(" ")
        if key == "filename":
            name = _decoded(encoded.strip())
            if name is None:
                break
            try:
                return name.decode()
            except UnicodeDecodeError:
                break
    raise InvalidParameter(
        "Upload-Metadata has the form 'filename <base64 of the path in UTF-8>'.", field="Upload-Metadata"
    )


def metadata(path: str) -> str:
    """The header that names the path."""
    return f"filename {base64.b64encode(path.encode()).decode()}"


def http_date(moment: str) -> str:
    """An RFC 3339 moment as HTTP writes it."""
    return format_datetime(datetime.fromisoformat(moment), usegmt=True)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def speak(response: Response, max_bytes: int) -> Response:
    """Every answer says which protocol this is; OPTIONS says all about it."""
    response.headers["Tus-Resumable"] = VERSION
    response.headers["Cache-Control"] = "no-store"
    if request.method == "OPTIONS" or response.status_code == 412:
        response.headers["Tus-Version"] = VERSION
        response.headers["Tus-Extension"] = EXTENSIONS
        response.headers["Tus-Checksum-Algorithm"] = ALGORITHM
        if max_bytes:
            response.headers["Tus-Max-Size"] = str(max_bytes)
    return response
