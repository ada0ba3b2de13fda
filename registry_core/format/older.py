"""What older software left in journals and manifests, and how it is read. Nothing here is ever written again.

Its journal lines have no number, no chain and no kind. Its manifests may be in binary mode, in capitals, with ``./``
before a path, and with a line for the manifest itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..vocabulary.texts import DIGEST_PREFIX
from .events import PROMOTE
from .layout import MANIFEST

_SHA256SUM_LINE = re.compile(r"\\?([0-9a-fA-F]{64}) [ *](.+)")


def kind_of(fields: Mapping[str, Any]) -> Any:
    """The kind of the line's event. Older software moved aliases and wrote down nothing else."""
    return fields.get("event") or PROMOTE


class AllBefore:
    """The digest of all bytes of a journal so far: what chains one of our lines to older software's lines.

    It chains our first line in an empty journal, too.
    """

    def __init__(self, raw_lines: Iterable[bytes] = ()) -> None:
        self._sha256 = hashlib.sha256()
        for raw in raw_lines:
            self.add(raw)

    def add(self, raw: bytes) -> None:
        """The line stands in the journal; ``raw`` is without its newline."""
        self._sha256.update(raw + b"\n")

    @property
    def digest(self) -> str:
        return DIGEST_PREFIX + self._sha256.hexdigest()


def manifest_entry(line: str) -> tuple[str, str] | None:
    """(path, hex) of a manifest's line, as ``sha256sum`` and older software write them; None if it is none."""
    match = _SHA256SUM_LINE.fullmatch(line)
    return (match[2].removeprefix("./"), match[1].lower()) if match is not None else None


def names_itself(path: str) -> bool:
    """Whether a manifest's line is for the manifest itself; such a digest cannot be right."""
    return path == MANIFEST
