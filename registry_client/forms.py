"""What a text of others must look like before it becomes a path, a part of an address, or terminal output (I13)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MAX_DEPTH = 64
MAX_NAME_BYTES = 255  # of one segment, on every filesystem in use
MAX_PATH_BYTES = 1024
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
MANIFEST = "sha256sums.txt"
META = "model_meta.json"
INSIDE = ".omr-pull"  # what a pull keeps in a directory while it fills it
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
# What a program obeys that finds it in the directory that it works in, or above.
_OBEYED = frozenset({".git", "git~1", ".hg", "hg~1", INSIDE})
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BARE_REPOSITORY = ("HEAD", "objects/", "refs/")


def sha256_of(digest: object) -> str | None:
    """The 64 hex digits of a SHA-256, with or without ``sha256:`` before them; None if it is none."""
    match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    return None if match is None else match[1]


def is_token(text: str) -> bool:
    """Whether the text is an id that a server made: it can stand in an address as it is."""
    return _TOKEN.fullmatch(text) is not None


def is_plain(text: str) -> bool:
    """Whether the text can be shown as it is: no control, no line separator, no change of direction, all UTF-8."""
    if text.isascii():
        return text.isprintable()  # the same, for thousands of paths in no time
    return not any(sign in _TURNS or unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in text)


def is_segment(name: str) -> bool:
    """Whether the text can be one name in a path. Older software's names are that, and no more."""
    return name not in ("", ".", "..") and "/" not in name and is_plain(name) and len(name.encode()) <= MAX_NAME_BYTES


def path_fault(path: str) -> str | None:
    """Why no file may be laid at this path below a directory of the user; None if one may."""
    parts = path.split("/")
    if "\\" in path or not all(is_segment(part) for part in parts):
        return "it is not a relative path of plain names"
    if len(parts) > MAX_DEPTH or len(path.encode()) > MAX_PATH_BYTES:
        return "it is too long"
    if not _OBEYED.isdisjoint(_as_filesystems_take_it(part) for part in parts):
        return "programs obey what lies there"
    return None


def _as_filesystems_take_it(name: str) -> str:
    """Some drop what cannot be seen, or points and spaces at the end, and take capitals for small letters."""
    seen = name if name.isascii() else "".join(sign for sign in name if unicodedata.category(sign) != "Cf")
    return seen.rstrip(". ").casefold()


def tree_fault(paths: Iterable[str]) -> tuple[str, str] | None:
    """(a path, why it may not be laid) of files that shall lie in one directory; None if all may."""
    known = set(paths)
    directories: set[str] = set()
    for path in sorted(known):
        fault = path_fault(path)
        if fault is not None:
            return path, fault
        parts = path.split("/")
        directories |= {"/".join(parts[:n]) + "/" for n in range(1, len(parts))}
    for path in sorted(known):
        if path + "/" in directories:
            return path, "it is a file and a directory"
    for path in sorted(known):
        above = path.removesuffix("HEAD")
        if above != path and {above + name for name in _BARE_REPOSITORY} <= known | directories:
            return path, "programs obey what lies there"
    return None


def shown(text: str) -> str:
    """The text on one line, printable anywhere: what a terminal would obey, or hide, is written out."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
