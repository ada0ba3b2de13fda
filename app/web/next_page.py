"""A list that goes on says where: the ``Link`` of RFC 8288 leads to its next page."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, request


def point_to(response: Response, place: str, cursor: str | None) -> None:
    """The answer of a list names its next page, at ``place`` with the query that was sent; None: it is the last one."""
    if cursor is not None:
        following = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
        response.headers["Link"] = f'<{place}?{urlencode([*following, ("cursor", cursor)])}>; rel="next"'
