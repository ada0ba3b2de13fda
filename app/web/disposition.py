"""Names of files in answers, whatever bytes they have on the registry's disk."""

from __future__ import annotations

import re
from urllib.parse import quote

_NOT_PLAIN = re.compile(r'[^\x20-\x7e]|["\\%;/]')


def readable(name: str) -> str:
    """The name itself, but what is no valid Unicode written out."""
    return name.encode("utf-8", "backslashreplace").decode()


def attachment(name: str) -> str:
    """A ``Content-Disposition`` that no browser shows as a page: the name as all clients read it, and in UTF-8."""
    plain = _NOT_PLAIN.sub("_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(readable(name), safe='')}"
