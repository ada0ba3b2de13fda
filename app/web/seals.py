"""A token that was pasted, kept so that only the browser whose session it is can bring it back."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken


def sealed(text: str, session_id: str) -> str:
    return _lock(session_id).encrypt(text.encode()).decode()


def unsealed(text: str, session_id: str) -> str | None:
    """What was sealed for the session; None where it is not that."""
    try:
        return _lock(session_id).decrypt(text).decode()
    except (InvalidToken, ValueError):
        return None


def _lock(session_id: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"seal {session_id}".encode()).digest()))
