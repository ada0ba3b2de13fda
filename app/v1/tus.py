"""The tus 1.0 protocol's headers, in and out: https://tus.io/protocols/resumable-upload"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from email.utils import format_datetime

from flask import Response, request
from werkzeug.exceptions import BadRequest, PreconditionFailed

from registry_core import Checksum, InvalidParameter

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,termination,expiration"
CONTENT_TYPE = "application/offset+octet-stream"
MOST_DESCRIBED = 8192  # what gunicorn takes of a header; each file's is kept in memory while its upload is used
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


def checksum(text: str | None) -> Checksum | None:
    """What the header ``Upload-Checksum`` says. Raises ``BadRequest`` for an algorithm that is not known here (400).

    Raises ``InvalidParameter`` for what is no digest of it.
    """
    if text is None:
        return None
    algorithm, _, encoded = text.strip().partition(" ")
    if algorithm not in Checksum.ALGORITHMS:
        raise BadRequest(f"Upload-Checksum is by {algorithm!r}; it may be by {' or '.join(Checksum.ALGORITHMS)}.")
    found = Checksum(algorithm, _decoded(encoded.strip()) or b"")
    size_bytes = found.new().digest_size
    if len(found.digest) != size_bytes:
        raise InvalidParameter(
            f"Upload-Checksum has the form '{algorithm} <base64 of the {size_bytes} bytes>'.", field="Upload-Checksum"
        )
    return found


def refuse_concatenation(sent: str | None) -> None:
    """The file is one by itself: taken for such, a part of another would pass for the whole. Raises ``BadRequest``."""
    if sent is not None:
        raise BadRequest("Files are not put together of others here; send each whole, without Upload-Concat.")


def described(metadata: str | None) -> str:
    """``Upload-Metadata`` as it may be sent back; empty where it says no more than the path."""
    said = (metadata or "").strip()
    if not (said.isascii() and said.isprintable() and len(said) <= MOST_DESCRIBED):
        raise InvalidParameter(
            f"Upload-Metadata has at most {MOST_DESCRIBED} characters, all of ASCII.", field="Upload-Metadata"
        )
    return "" if said == names(filename(said)) else said


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


def names(path: str) -> str:
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
        response.headers["Tus-Checksum-Algorithm"] = ",".join(Checksum.ALGORITHMS)
        if max_bytes:
            response.headers["Tus-Max-Size"] = str(max_bytes)
    return response
