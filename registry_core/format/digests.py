"""Digests as the registry writes them: ``sha256:`` and 64 hex digits."""

from __future__ import annotations

import hashlib

DIGEST_PREFIX = "sha256:"


def digest(data: bytes) -> str:
    """``sha256:<64 hex>`` of the bytes."""
    return DIGEST_PREFIX + hashlib.sha256(data).hexdigest()
