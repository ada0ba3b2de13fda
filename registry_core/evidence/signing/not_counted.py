"""Why a signed document does not count: one word of a short list, and a sentence."""

from __future__ import annotations

MALFORMED = "malformed"
UNTRUSTED_KEY = "untrusted_key"
KEY_NOT_VALID_THEN = "key_not_valid_then"
BAD_SIGNATURE = "bad_signature"
CONTENT_DIFFERS = "content_differs"
WRONG_PREDICATE = "wrong_predicate"
WRONG_NAMESPACE = "wrong_namespace"
UNSUPPORTED_SERIALIZATION = "unsupported_serialization"
SUBJECT_MISMATCH = "subject_mismatch"
SUPERSEDED = "superseded"


class NotCounted(Exception):
    """It does not count; ``why`` is one of the words above, ``message`` a sentence for a person."""

    def __init__(self, why: str, message: str) -> None:
        super().__init__(message)
        self.why, self.message = why, message
