"""What lies in a directory, and whether a cache and a destination hold nothing wrong."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from registry_client.local.cache import Cache


def files_of(top: Path) -> dict[str, bytes]:
    """Path -> bytes of every file below ``top``."""
    return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def assert_nothing_wrong(cache: Cache) -> None:
    """Every blob is what its name says."""
    blobs = cache.directory / "blobs"
    for path in [path for path in blobs.rglob("*") if path.is_file()] if blobs.exists() else []:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def beside(dest: Path) -> list[str]:
    """What else lies in the directory of ``dest``: a pull must leave nothing there."""
    return sorted(path.name for path in dest.parent.iterdir() if path != dest)


def package(seed: int = 0, size_bytes: int = 300_000) -> dict[str, bytes]:
    """Files of every shape that matters, the same for the same seed: large, nested, with a space, empty, twice."""
    draw = random.Random(seed)
    large = draw.randbytes(size_bytes)
    return {
        "model.pt": large,
        "shards/00/part 1.bin": draw.randbytes(size_bytes // 3),
        "shards/00/part-2.bin": draw.randbytes(size_bytes // 7),
        "copy of model.pt": large,
        "empty": b"",
        "label map.json": b'{"0": "B cell"}',
    }
