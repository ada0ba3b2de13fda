"""How JSON is written, a journal's line or a document that a person can read; and how bytes are named by digest."""

from __future__ import annotations

import hashlib
import json
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
