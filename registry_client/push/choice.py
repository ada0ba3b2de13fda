"""What a push takes of a directory."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Choice:
    """``exclude``: patterns of what stays here. ``follow_links``: links are what they lead to, wherever that is."""

    exclude: tuple[str, ...] = ()
    follow_links: bool = False

    def leaves_out(self, path: str) -> bool:
        """Whether a pattern fits the path, or without a slash in it the name; of a directory, all of it stays here."""
        name = path.rpartition("/")[2]
        patterns = (pattern.removeprefix("./").rstrip("/") for pattern in self.exclude)
        return any(fnmatchcase(path if "/" in pattern else name, pattern) for pattern in patterns)
