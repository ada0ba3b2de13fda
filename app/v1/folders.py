"""What is in a folder of a version: a page of links that crawlers and people read, or the same as JSON."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from flask import Response, jsonify, request

from registry_core import StoredFile

from ..web.answers import answer
from ..web.disposition import readable
from ..web.protecting import NOTHING

HTML, JSON = "text/html", "application/json"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1><pre>
{lines}</pre></body></html>
"""


def folder_page(version: str, path: str, entries: Mapping[str, StoredFile | None]) -> Response:
    """The entries by name, None for a folder, in the form that the request prefers. No script, no style, no way up."""
    if request.accept_mimetypes.best_match([HTML, JSON], HTML) == JSON:
        said = {"ok": True, "version": version, "path": readable(path), "entries": _fields(entries)}
        response = jsonify(answer(said))
    else:
        title = html.escape(readable(f"{version}/{path}/" if path else f"{version}/"))
        response = Response(_PAGE.format(title=title, lines="".join(map(_line, entries.items()))), mimetype=HTML)
    response.headers["Content-Security-Policy"] = NOTHING
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Model-Version"] = quote(version)
    response.vary.add("Accept")
    return response


def _fields(entries: Mapping[str, StoredFile | None]) -> list[dict[str, Any]]:
    return [
        {"name": readable(name), "type": "directory"}
        if file is None
        else {"name": readable(name), "type": "file", "size_bytes": file.size_bytes, "sha256": file.sha256}
        for name, file in entries.items()
    ]


def _line(entry: tuple[str, StoredFile | None]) -> str:
    name, file = entry
    end, size = ("/", "") if file is None else ("", f" {file.size_bytes}")
    shown = html.escape(readable(name)) + end
    if readable(name) != name or "\n" in name:  # older software's; no address leads there, and the archive has it
        return f"{shown}{size}\n"
    # Every character but letters, digits and -._~ is encoded: a name is never a scheme, a query or a way up.
    return f'<a href="{quote(name, safe="")}{end}">{shown}</a>{size}\n'
