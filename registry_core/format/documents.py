"""How JSON is written: a journal's line, and a document that a person can read."""

from __future__ import annotations

import json
from typing import Any


def encode(value: dict[str, Any]) -> bytes:
    """Compact UTF-8 JSON, one line, keys in the order they came."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def encode_document(value: dict[str, Any]) -> bytes:
    """UTF-8 JSON that a person can read, with a newline at the end."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2).encode() + b"\n"
