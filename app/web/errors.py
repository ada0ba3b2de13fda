"""THE table: which failure of the core is which HTTP status; and every answer of 400 and above.

Bodies are RFC 9457 problem documents. A new error class of the core needs a row here and a
section in ``docs/errors.md``; a test compares the three.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, has_request_context, json, request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from werkzeug.exceptions import BadRequest, ClientDisconnected, HTTPException, RequestTimeout

from registry_core import (
    AccessMoved,
    AccessUnreadable,
    AliasMoved,
    AliasNotFound,
    AnnouncementUnfinished,
    ArtifactNotFound,
    ArtifactsRefused,
    AttestationNotFound,
    AttestationRefused,
    ChecksumMismatch,
    ClockBehind,
    ClockWrong,
    DestinationDiffers,
    DigestMismatch,
    FindingNotFound,
    GateNotMet,
    HoldingDamaged,
    IdempotencyKeyReused,
    IdentityUnavailable,
    IndexBuilding,
    InvalidMetadata,
    InvalidName,
    InvalidParameter,
    InvalidRef,
    InvalidToken,
    JournalCorrupt,
    LockTimeout,
    LogBehind,
    LogCorrupt,
    LogNotSet,
    ModelNotFound,
    NameTaken,
    NotConfigured,
    NotInLog,
    OperationNotFound,
    PackageCorrupt,
    PackRefused,
    PermissionDenied,
    PolicyInvalid,
    PolicyMoved,
    PolicyNotFound,
    PolicyUnreadable,
    RegistryError,
    RunNotFound,
    SignatureRefused,
    StorageFull,
    StorageUnavailable,
    TokenNotFound,
    TrustInvalid,
    TrustMoved,
    Unauthenticated,
    UploadExpired,
    UploadLocked,
    UploadNotFound,
    UploadOffsetMismatch,
    UploadTooLarge,
    VersionExists,
    VersionInUse,
    VersionNotFound,
)

from .tracing import request_id

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:omnibioai:model-registry:problem:"

TABLE: dict[type[RegistryError], int] = {
    InvalidName: 422,
    InvalidRef: 422,
    InvalidMetadata: 422,
    InvalidParameter: 422,
    TrustInvalid: 422,
    PolicyInvalid: 422,
    SignatureRefused: 422,
    AttestationRefused: 422,
    ArtifactsRefused: 422,
    UploadTooLarge: 413,
    PackRefused: 422,
    IdempotencyKeyReused: 422,
    ModelNotFound: 404,
    VersionNotFound: 404,
    AliasNotFound: 404,
    ArtifactNotFound: 404,
    RunNotFound: 404,
    UploadNotFound: 404,
    UploadExpired: 410,
    OperationNotFound: 404,
    TokenNotFound: 404,
    AttestationNotFound: 404,
    FindingNotFound: 404,
    PolicyNotFound: 404,
    LogNotSet: 404,
    NotInLog: 404,
    VersionExists: 409,
    NameTaken: 409,
    AliasMoved: 409,
    AccessMoved: 409,
    TrustMoved: 409,
    PolicyMoved: 409,
    PolicyUnreadable: 409,
    GateNotMet: 409,
    LogBehind: 409,
    VersionInUse: 409,
    DestinationDiffers: 409,
    UploadOffsetMismatch: 409,
    UploadLocked: 423,
    AnnouncementUnfinished: 409,
    DigestMismatch: 422,
    ChecksumMismatch: 460,
    PackageCorrupt: 409,
    HoldingDamaged: 409,
    JournalCorrupt: 409,
    LogCorrupt: 409,
    StorageFull: 507,
    StorageUnavailable: 503,
    IndexBuilding: 503,
    ClockBehind: 503,
    ClockWrong: 503,
    LockTimeout: 503,
    Unauthenticated: 401,
    InvalidToken: 401,
    IdentityUnavailable: 503,
    PermissionDenied: 403,
    AccessUnreadable: 503,
    NotConfigured: 503,
}

# What the web framework refuses before a verb is called: status -> code.
FRAMEWORK_CODES: dict[int, str] = {
    400: "malformed_request",
    403: "untrusted_host",
    404: "no_such_path",
    405: "method_not_allowed",
    408: "body_too_slow",
    412: "unsupported_tus_version",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
    500: "internal_error",
}


MOST_ERRORS = 20  # that are told; all are counted
MOST_CHARACTERS = 4096  # of a text in a problem document


class Busy(Exception):
    """Too many long calls are running in this worker."""


def problem(status: int, code: str, title: str, detail: str, fields: dict[str, Any] | None = None) -> Response:
    """An RFC 9457 answer. ``fields`` are added to the document, and never replace its own."""
    body = {
        **_bounded(fields or {}),
        "type": TYPE_PREFIX + code,
        "title": title,
        "status": status,
        "detail": _bounded(detail),
        "ok": False,
        "code": code,
        "request_id": request_id(),
    }
    response = Response(json.dumps(body) + "\n", status=status, content_type=CONTENT_TYPE)
    retry_after_s = body.get("retry_after_s")
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return _translated(response)


def _translated(response: Response) -> Response:
    """As the clients of the way in that was taken read it."""
    if has_request_context():
        for prefix, translate in current_app.extensions["translations"].items():
            if request.path.startswith(prefix):
                translated: Response = translate(response)
                return translated
    return response


def _bounded(value: Any) -> Any:
    """The value, its texts cut to what a message may have: whatever a caller has sent may stand in them."""
    if isinstance(value, str):
        return value if len(value) <= MOST_CHARACTERS else f"{value[:MOST_CHARACTERS]}… ({len(value)} characters)"
    if isinstance(value, dict):
        return {_bounded(name): _bounded(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_bounded(part) for part in value]
    return value


def describe(error: Exception) -> dict[str, Any]:
    """The problem document of what was raised where nobody waits for an answer."""
    response = from_core(error) if isinstance(error, RegistryError) else _from_anything(error)
    document: dict[str, Any] = json.loads(response.get_data())
    return document


def from_core(error: RegistryError) -> Response:
    """The problem that it is, with its status."""
    return problem(TABLE[type(error)], error.code, error.title, error.message, error.detail)


def _from_framework(error: HTTPException) -> Response:
    response = error.get_response()
    status = response.status_code
    if status < 400:
        assert isinstance(response, Response)
        return response  # a redirect is no failure
    headers = {name: value for name, value in response.headers if name in ("Allow", "Retry-After")}
    messages = getattr(error, "data", {}).get("messages")
    fields: dict[str, Any] = {}
    detail = _of_too_much() if status == 413 else error.description or ""
    if messages:
        told, total = _first(_flat(messages), MOST_ERRORS)
        fields["errors"] = told
        detail = _describe(status, detail, told)
        if total > MOST_ERRORS:
            fields["errors_total"] = total
            detail = f"{_bounded(detail)} These are the first {MOST_ERRORS} of {total} errors."
    title = HTTPStatus(status).phrase
    answer = problem(status, FRAMEWORK_CODES.get(status, f"http_{status}"), title, detail, fields)
    answer.headers.update(headers)
    return answer


def _of_too_much() -> str:
    if not has_request_context() or request.max_content_length is None:
        return "The body is larger than this call takes."
    return f"The body is larger than the {request.max_content_length} bytes that this call takes."


def _flat(messages: dict[str, Any]) -> dict[str, Any]:
    """webargs groups messages by location (json, query); a caller knows its fields without that."""
    flat: dict[str, Any] = {}
    for location, found in messages.items():
        flat.update(found if isinstance(found, dict) else {location: found})
    return flat


def _first(messages: Any, most: int) -> tuple[Any, int]:
    """The first ``most`` sentences, where they stood; and how many there are in all."""
    parts = messages.items() if isinstance(messages, dict) else enumerate(messages) if _is_list(messages) else None
    if parts is None:
        return messages, 1
    told: list[tuple[Any, Any]] = []
    total = 0
    for name, part in parts:
        inside, count = _first(part, max(0, most - total))
        if total < most:
            told.append((name, inside))
        total += count
    return (dict(told) if isinstance(messages, dict) else [part for _, part in told]), total


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _describe(status: int, description: str, errors: dict[str, Any]) -> str:
    if status == 422 and errors:
        parts = [
            f"{field}: {' '.join(map(str, why)) if isinstance(why, list) else why}" for field, why in errors.items()
        ]
        return "The request is not valid. " + "; ".join(parts)
    if status == 400 and errors:
        return "The body is not valid JSON in UTF-8."
    return description


def _from_broken(_: Exception) -> Response:
    """The body is not whole: it broke off, is no valid HTTP, or was no longer waited for."""
    failure = getattr(request.environ.get("gunicorn.socket"), "failure", None)
    if failure == "busy":
        return refuse_as_busy()
    if failure == "late":
        return _from_framework(RequestTimeout("The body came too slowly, and was no longer waited for. Send it anew."))
    return _from_framework(BadRequest("The body is no valid HTTP, or broke off."))


def _from_anything(error: Exception) -> Response:
    log.exception("unexpected failure", exc_info=error)
    return problem(
        500,
        "internal_error",
        "Internal Server Error",
        "The registry met a fault of its own. Its log has the details under this answer's request id.",
    )


def refuse_as_busy(_: Busy | None = None) -> Response:
    """The 503 of :class:`Busy`."""
    return problem(
        503,
        "busy",
        "The registry is busy",
        "Too many long calls are running. Nothing was changed; try again.",
        {"retry_after_s": 2},
    )


def init_app(app: Flask, translations: Mapping[str, Callable[[Response], Response]]) -> None:
    """From now on all failures are problem documents; below each path of ``translations`` as that makes them."""
    app.extensions["translations"] = translations
    app.register_error_handler(RegistryError, from_core)
    app.register_error_handler(Busy, refuse_as_busy)
    app.register_error_handler(ClientDisconnected, _from_broken)
    app.register_error_handler(ParseException, _from_broken)
    app.register_error_handler(HTTPException, _from_framework)
    app.register_error_handler(Exception, _from_anything)
