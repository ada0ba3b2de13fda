"""The list of a session's files on a filesystem: ``files.jsonl``, to which lines are only ever appended.

A process remembers what it has read of it, so that a session of thousands of files costs no more than its new
lines. A line is ``{"file", "path", "size_bytes"}``, with ``"described"`` if anything was said of the file, later
``{"file", "sha256", "mark"}``, or ``{"file", "gone": true}``. Of a file that came whole the first has all
of these.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...vocabulary.texts import parse_object
from ..contract import KeyNotFound
from ..uploads import Incoming, SessionFiles, check_id

NAME = "files.jsonl"
_READ_BYTES = 1024 * 1024


@dataclass
class Index:
    """What the lines say so far; ``position`` is behind the last complete one."""

    inode: int = 0
    position: int = 0
    files: dict[str, Incoming] = field(default_factory=dict)
    paths: dict[str, tuple[str, int]] = field(default_factory=dict)
    directories: Counter[str] = field(default_factory=Counter)
    size_bytes: int = 0
    mutex: threading.Lock = field(default_factory=threading.Lock)  # of whoever follows or appends

    @property
    def session_files(self) -> SessionFiles:
        return SessionFiles(len(self.files), self.size_bytes, self.paths, self.directories)

    def follow(self, fd: int) -> None:
        """It says what the open list says now."""
        status = os.fstat(fd)
        if status.st_ino != self.inode or status.st_size < self.position:
            self.inode, self.position, self.size_bytes = status.st_ino, 0, 0
            self.files.clear()
            self.paths.clear()
            self.directories.clear()
        rest = b""
        while chunk := os.pread(fd, _READ_BYTES, self.position + len(rest)):
            rest += chunk
            lines, newline, rest = rest.rpartition(b"\n")
            self.position += len(lines) + len(newline)
            for line in lines.split(b"\n") if newline else ():
                self._apply(parse_object(line) or {})

    def _apply(self, line: Mapping[str, Any]) -> None:
        if not _is_line(line):
            self.inode = 0  # nothing of it counts, also when it is asked for again
            raise KeyNotFound(NAME)
        file_id = check_id(line["file"])
        if "path" in line:
            described = line.get("described", "")
            sha256, mark = line.get("sha256"), line.get("mark", "")
            file = Incoming(file_id, line["path"], line["size_bytes"], 0, sha256, mark=mark, described=described)
            self.files[file_id] = file
            self.paths[file.path] = (file_id, file.size_bytes)
            self.directories.update(above(file.path))
            self.size_bytes += file.size_bytes
        elif file_id in self.files and "sha256" in line:
            self.files[file_id] = replace(self.files[file_id], sha256=line["sha256"], mark=line.get("mark", ""))
        elif file_id in self.files:
            gone = self.files.pop(file_id)
            del self.paths[gone.path]
            self.directories -= Counter(above(gone.path))
            self.size_bytes -= gone.size_bytes


def _is_line(line: Mapping[str, Any]) -> bool:
    """Whether the line is of one of the three kinds, its values such as we write."""
    texts = [line.get(name, "") for name in ("file", "path", "sha256", "mark", "described")]
    size_bytes = line.get("size_bytes", None if "path" in line else 0)
    return bool(texts[0]) and all(isinstance(text, str) for text in texts) and isinstance(size_bytes, int)


def above(path: str) -> list[str]:
    """The directories that the path leads through."""
    return [path[:at] for at, character in enumerate(path) if character == "/"]


def append(fd: int, index: Index, *lines: Mapping[str, Any]) -> None:
    """The lines are durable, behind the last complete one; or nothing has changed. The caller holds the open list."""
    index.follow(fd)
    os.ftruncate(fd, index.position)  # a line without its end is of a process that died
    left = memoryview(b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines))
    at = index.position
    try:
        while left:
            count = os.pwrite(fd, left, at)
            at, left = at + count, left[count:]
        os.fsync(fd)
    except OSError:
        os.ftruncate(fd, index.position)
        raise
    index.follow(fd)
