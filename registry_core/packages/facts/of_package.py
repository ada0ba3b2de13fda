"""What a whole package is: each file judged, and the worst of them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...vocabulary.facts import FileFacts
from ...vocabulary.texts import printable
from ..parallel import in_parallel
from .bounds import Left
from .file_bytes import Fetched
from .judge import BINARY, judge
from .load import CODE, UNREADABLE, FetchFailed, worst

log = logging.getLogger(__name__)

EXTRACTOR = 1  # goes up whenever the same bytes may be judged otherwise than before
MOST_REASONS = 8  # that an event tells

FetchOf = Callable[[str, int, int], bytes]  # (path, start, length) -> the bytes there


@dataclass(frozen=True)
class PackageFacts:
    """What every file is, sorted by path."""

    files: Sequence[FileFacts]

    @property
    def load(self) -> str:
        return worst(one.load for one in self.files)

    def summary(self) -> dict[str, Any]:
        """What the journal keeps: how many files are of which format, and some of those that make it what it is."""
        load = self.load
        because = [one for one in self.files if one.load == load and load in (UNREADABLE, CODE)]
        said: dict[str, Any] = {
            "extractor": EXTRACTOR,
            "load": load,
            "formats": dict(sorted(Counter(one.format for one in self.files).items())),
        }
        if because:
            said["because"] = [
                {"path": printable(one.path), "format": one.format, "why": printable(one.why or "")}
                for one in because[:MOST_REASONS]
            ]
        return said


def read(sizes: Mapping[str, int], fetch: FetchOf, workers: int, *, forgives: bool = False) -> PackageFacts:
    """What the files of these sizes are. Raises what ``fetch`` does, and nothing else.

    ``forgives``: not even that, since a file that could not be read is unreadable.
    """
    left = Left()

    def one(path: str) -> FileFacts:
        data = Fetched(lambda start, length: fetch(path, start, length), sizes[path])
        try:
            return judge(path, data, left)
        except FetchFailed as failed:
            if not forgives:
                raise failed.error from None
            log.warning("%s could not be read for what it is: %s", printable(path), failed)
            return FileFacts(path, BINARY, UNREADABLE, "it could not be read")

    return PackageFacts(in_parallel(one, sorted(sizes), workers))
