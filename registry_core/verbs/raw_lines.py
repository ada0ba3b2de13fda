"""The lines of a journal as they lie there, a page at a time."""

from __future__ import annotations

from ..models.journal import Journal
from ..vocabulary.errors import InvalidParameter
from ..vocabulary.filters import check_limit
from ..vocabulary.log import MOST_LINES, JournalLines

PAGE_BYTES = 4 * 1024 * 1024


def page(journal: Journal, after: int, limit: int) -> JournalLines:
    """The lines after ``after``, the oldest first: at most ``limit``, and about 4 MiB. Raises ``InvalidParameter``."""
    check_limit(limit, MOST_LINES)
    if not 0 <= after < 1 << 63:
        raise InvalidParameter("after is the number of a line, 0 or more.", field="after")
    lines, size_bytes = list[bytes](), 0
    for line in journal.lines(after):
        if len(lines) == limit or size_bytes >= PAGE_BYTES:
            return JournalLines(after, lines, after + len(lines))
        lines.append(line.raw)
        size_bytes += len(line.raw) + 1
    return JournalLines(after, lines, None)
