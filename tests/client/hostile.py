"""A registry that lies: it has one package, and answers each kind of question as it is told, honestly by default."""

from __future__ import annotations

import hashlib
import json
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .scripted import Act, Asked, Scripted, answer

FILES = {"model.pt": b"weights" * 50, "sub/labels.json": b'{"0": "B cell"}'}
PIECE = b"x" * 65536


def hexed(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def manifest_of(hashes: Mapping[str, str]) -> bytes:
    return "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(hashes.items())).encode("utf-8", "surrogateescape")


class Hostile(Scripted):
    """``lies``: what is done in place of the honest answer, by kind of question."""

    def __init__(self) -> None:
        self.files = dict(FILES)
        self.lies: dict[str, Act] = {}
        self.bytes_sent = 0
        super().__init__()

    @property
    def manifest(self) -> bytes:
        return manifest_of({path: hexed(data) for path, data in self.files.items()})

    @property
    def package(self) -> dict[str, bytes]:
        return {**self.files, "sha256sums.txt": self.manifest}

    @property
    def digest(self) -> str:
        return f"sha256:{hexed(self.manifest)}"

    def resolution(self) -> dict[str, Any]:
        fixed = {"ok": True, "path": "/p", "task": "t", "model_name": "m", "version": "1", "alias": "latest"}
        return {**fixed, "package_digest": self.digest, "verified": False, "warnings": ["a warning"]}

    def listing(self) -> dict[str, Any]:
        files = [
            {"name": path, "sha256": f"sha256:{hexed(data)}", "size_bytes": len(data)}
            for path, data in self.files.items()
        ]
        return {"ok": True, "version": "1", "files": files}

    def next(self, asked: Asked) -> Act:
        self.asked.append(asked)
        path = urlsplit(asked.target).path
        if path.startswith("/v1/files/t/m/1/"):
            name = unquote(path.removeprefix("/v1/files/t/m/1/"))
            kind = "manifest" if name == "sha256sums.txt" else "file"
            return self.lies.get(kind) or self._file(name)
        kind = path.removeprefix("/v1/")
        honest = {"resolve": self.resolution, "artifacts": self.listing}
        return self.lies.get(kind) or self.lies.get("anything") or answer(200, honest[kind]())

    def _file(self, name: str) -> Act:
        return answer(200, self.package[name]) if name in self.package else answer(404, b"")

    def endless(self, headers: dict[str, str] | None = None, piece: bytes = PIECE, status: int = 200) -> Act:
        """A body that has no end; ``bytes_sent`` counts what the client took of it."""

        def act(handler: Any) -> None:
            handler.close_connection = True
            lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in (headers or {}).items()), "", ""]
            with suppress(OSError):
                handler.wfile.write("\r\n".join(lines).encode("latin-1"))
                while True:
                    handler.wfile.write(piece)
                    self.bytes_sent += len(piece)

        return act


@contextmanager
def hostile() -> Iterator[Hostile]:
    made = Hostile()
    try:
        yield made
    finally:
        made.close()


def with_field(content: Any, where: str, value: Any) -> Any:
    """A copy in which the field (``files.0.name``) has another value."""
    copied = json.loads(json.dumps(content))
    *above, last = where.split(".")
    place = copied
    for part in above:
        place = place[int(part)] if part.isdecimal() else place[part]
    place[int(last) if last.isdecimal() else last] = value
    return copied


def bomb(size_bytes: int) -> bytes:
    """Gzip of so many zeros."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(squeeze.compress(bytes(1 << 20)) for _ in range(size_bytes >> 20)), squeeze.flush()])


def tree(top: Path, without: Callable[[Path], bool]) -> dict[str, Any]:
    """Everything below ``top`` that could be changed: kind, mode, time, bytes."""
    found = {}
    for path in [top, *sorted(top.rglob("*"))]:
        if without(path):
            continue
        status = path.lstat()
        data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        time = status.st_mtime_ns if stat.S_ISREG(status.st_mode) else 0
        found[str(path.relative_to(top))] = (status.st_mode, status.st_ino, time, data)
    return found
