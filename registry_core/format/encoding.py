"""How values are written: JSON, as a journal's line or for a person to read; digests of bytes; moments."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any


def encode(value: dict[str, Any]) -> bytes:
    """Compact UTF-8 JSON, one line, keys in the order they came."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def encode_document(value: dict[str, Any]) -> bytes:
    """UTF-8 JSON that a person can read, with a newline at the end."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2).encode() + b"\n"


DIGEST_PREFIX = "sha256:"


def digest(data: bytes) -> str:
    """``sha256:<64 hex>`` of the bytes."""
    return DIGEST_PREFIX + hashlib.sha256(data).hexdigest()


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC, with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: Any) -> datetime | None:
    """The moment in UTC, or None if the text is no time. A time without an offset is UTC."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
