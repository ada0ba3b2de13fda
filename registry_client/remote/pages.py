"""A list that goes on: its items, and where the header ``Link`` says that the next page is."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from .answers import strange, texts
from .bodies import json_of, parsed

_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')


def page_of(kind: type, answer: httpx.Response, cursor: str | None) -> dict[str, Any]:
    """``items``, ``next`` and ``warnings``, to be read as the kind of page; ``cursor`` is what was asked for.

    Raises ``StorageUnavailable`` where it is no list, or would never end.
    """
    items = json_of(answer)
    if not isinstance(items, list):
        raise strange(kind, "it is no JSON list")
    following = _NEXT.search(answer.headers.get("Link", ""))
    cursors = parse_qs(urlsplit(following[1]).query).get("cursor") if following else None
    if cursors and cursors[0] == cursor:
        raise strange(kind, "it goes on where it began, for ever")
    warnings = _texts(answer.headers.get("X-Warnings", "[]"))
    return {"items": items, "next": cursors[0] if cursors else None, "warnings": warnings}


def _texts(header: str) -> list[str]:
    """The list of texts in a header; whatever holds none says nothing."""
    try:
        said = parsed(header)
    except ValueError:
        return []
    return texts(said)
