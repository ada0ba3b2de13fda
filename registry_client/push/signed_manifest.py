"""What a person signs of a directory on this machine, before it is a version."""

from __future__ import annotations

import os
from pathlib import Path

from registry_core import artifact_manifest

from .choice import Choice
from .local_package import LocalFile, digests, opened


def manifest_of(directory: Path, workers: int, choice: Choice | None = None) -> bytes:
    """The artifact manifest of the files that a push of the directory sends. Raises ``ArtifactsRefused`` as it does."""
    with opened(directory, choice or Choice()) as selected:
        files = {file.path: file for file in selected.files}
        hashes = digests(selected.files, workers, lambda _size_bytes: None)
        return artifact_manifest(
            hashes, {path: file.size_bytes for path, file in files.items()}, lambda path: _read(files[path])
        )


def _read(file: LocalFile) -> bytes:
    fd = file.open()
    try:
        return file.read(fd)
    finally:
        os.close(fd)
