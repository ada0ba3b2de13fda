"""A list that is sent whole, page after page: whoever names no limit takes the answer for everything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Response, request

from registry_core import MAX_LIMIT, ModelPage, finite

from ..web.answers import warn
from ..web.gate import current_gate
from ..web.root import current_registry


def answer(query: Mapping[str, Any], first: ModelPage) -> Response:
    """All that the query finds, ``first`` being its first page; sent in flat memory, a page at a time.

    An error after the first byte ends the connection before the list is closed, so that no reader takes a part for the
    whole. An HTTP/1.0 client could not tell: for it the list is made first. Raises ``Busy``.
    """
    registry, gate = current_registry(), current_gate()

    def following(cursor: str) -> ModelPage:
        return registry.list_models(**{**query, "limit": MAX_LIMIT, "cursor": cursor})

    def one_of_few(cursor: str) -> ModelPage:
        with gate.building:
            return following(cursor)

    text, warnings = _inner(first)
    if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        response = Response(b"".join(_chunks(text, first.next, following)), content_type="application/json")
    else:
        response = Response(content_type="application/json")
        if request.method == "GET":
            response.call_on_close(gate.admit_download())
            response.response = _chunks(text, first.next, one_of_few)
    warn(response, warnings)
    return response


def _chunks(text: bytes, cursor: str | None, following: Callable[[str], ModelPage]) -> Iterator[bytes]:
    yield b"[" + text
    while cursor is not None:
        page = following(cursor)
        text, cursor = _inner(page)[0], page.next
        if text:
            yield b"," + text
    yield b"]\n"


def _inner(page: ModelPage) -> tuple[bytes, list[str]]:
    """(the items without the brackets of a list, a warning where a number in them became null)."""
    items, warnings = finite(page.items)
    return json.dumps(items, allow_nan=False, separators=(",", ":"))[1:-1].encode(), warnings
