"""The files of a version as a tree, a part at a time: 10,000 files make no larger page than a hundred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_FILES = 100  # of a page
MOST_CHARACTERS = 12_000  # of their paths


@dataclass(frozen=True)
class File:
    """One file of a package; what nobody knows of it is None."""

    path: str
    size_bytes: int | None
    sha256: str | None

    @property
    def folder(self) -> str:
        """With the slash at its end; empty at the top."""
        return self.path[: self.path.rfind("/") + 1]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Tree:
    """Files of one part, by folder. ``first`` counts from 1; ``before`` and ``next`` are what to send as ``from``."""

    folders: tuple[tuple[str, tuple[File, ...]], ...]
    first: int
    count: int
    total: int
    before: int | None
    next: int | None


def tree(files: Sequence[File], start: int = 0, match: str = "", shown: str | None = None) -> Tree:
    """The files from the one at ``start`` on; those whose path holds ``match``, whatever the case.

    Where no ``start`` is asked for, the part is the one that the file of the path ``shown`` is in.
    """
    # A folder's own files stand together, before those of folders in it.
    wanted = sorted((one for one in files if match.lower() in one.path.lower()), key=_place)
    if not start and shown is not None:
        at = next((n for n, one in enumerate(wanted) if one.path == shown), 0)
        start = at - at % MOST_FILES
    start = min(max(start, 0), max(len(wanted) - 1, 0))
    part: list[File] = []
    characters = 0
    for one in wanted[start : start + MOST_FILES]:
        characters += len(one.path)
        if part and characters > MOST_CHARACTERS:
            break
        part.append(one)
    folders: dict[str, list[File]] = {}
    for one in part:
        folders.setdefault(one.folder, []).append(one)
    end = start + len(part)
    return Tree(
        tuple((folder, tuple(inside)) for folder, inside in folders.items()),
        start + 1,
        len(part),
        len(wanted),
        max(0, start - MOST_FILES) if start else None,
        end if end < len(wanted) else None,
    )


def _place(file: File) -> tuple[str, str]:
    return file.folder, file.name
