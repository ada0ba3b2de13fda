"""Who and why: the words that go into the journal beside a change."""

from __future__ import annotations

from .errors import InvalidParameter
from .texts import is_unicode

MAX_ACTOR_CHARACTERS = 256
MAX_REASON_CHARACTERS = 4096


def check_words(actor: str | None, reason: str | None) -> None:
    """``actor`` and ``reason`` can stand in the journal. Raises ``InvalidParameter``."""
    for field, text, limit in (("actor", actor, MAX_ACTOR_CHARACTERS), ("reason", reason, MAX_REASON_CHARACTERS)):
        if text is None:
            continue
        if not isinstance(text, str) or not is_unicode(text):
            raise InvalidParameter(f"{field} is not a valid text.", field=field)
        if len(text) > limit:
            raise InvalidParameter(f"{field} has {len(text)} characters; at most {limit} are kept.", field=field)
