"""Every request has an id, every answer carries it, and every log line is one JSON object with it."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, g, has_request_context, request
from pythonjsonlogger.json import JsonFormatter

HEADER = "X-Request-Id"
_ACCEPTABLE = re.compile(r"[\x21-\x7e]{1,128}")

log = logging.getLogger("access")
_TOKEN = re.compile(r"omr_[0-9a-f]{16}_[0-9a-f]+|eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")
_OF_REQUEST = ("request_id", "method", "path", "status", "duration_ms", "remote")


def request_id() -> str | None:
    """The id of the request being served, or None outside of one."""
    return g.get("request_id") if has_request_context() else None


def _begin() -> None:
    sent = request.headers.get(HEADER, "")
    g.request_id = sent if _ACCEPTABLE.fullmatch(sent) else uuid.uuid4().hex
    g.began = time.monotonic()


def _end(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    log.info(
        "request",
        extra={
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "duration_ms": round((time.monotonic() - g.began) * 1000, 2),
            "remote": request.remote_addr,
        },
    )
    return response


def init_app(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)


class _RequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = request_id()
        return True


class _Formatter(JsonFormatter):
    # One line an event, whatever is in it: exceptions and newlines are escaped by JSON.
    def __init__(self) -> None:
        super().__init__(
            "{levelname}{name}{message}{request_id}",
            style="{",
            timestamp="time",
            rename_fields={"levelname": "level", "name": "logger"},
        )

    def format(self, record: logging.LogRecord) -> str:
        """The line without tokens: whoever puts one into an address, where it counts nowhere, has it in no log."""
        line = self._line(record)
        return _TOKEN.sub("(a token)", line) if "omr_" in line or ".eyJ" in line else line

    def _line(self, record: logging.LogRecord) -> str:
        # That of a request, of which there is one for each, is put together by hand: a third of the time.
        if record.name != log.name:
            return super().format(record)
        said = {"level": record.levelname, "logger": record.name, "message": record.msg}
        said |= {name: record.__dict__[name] for name in _OF_REQUEST}
        return json.dumps({**said, "time": datetime.fromtimestamp(record.created, UTC).isoformat()})


def logging_config(level: str) -> dict[str, Any]:
    """A ``logging.config`` dictionary: everything to standard error, one JSON object a line."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": _RequestId}},
        "formatters": {"json": {"()": _Formatter}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["request_id"]},
        },
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {"gunicorn.error": {"level": level, "propagate": True, "handlers": []}},
    }
