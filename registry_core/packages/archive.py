"""All files of a version as one tar, streamed."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator

from ..vocabulary.errors import StorageUnavailable
from ..vocabulary.names import check_key
from .stored_files import CHUNK_BYTES, StoredFile

_BLOCK = tarfile.BLOCKSIZE


def tar_size(stored: list[StoredFile]) -> int:
    """Bytes of the archive that :func:`tar` makes."""
    inner = sum(len(_header(file)) + _padded(file.size_bytes) for file in stored)
    return inner + 2 * _BLOCK


def tar(stored: list[StoredFile]) -> Iterator[bytes]:
    """The files as an uncompressed tar, streamed. Raises ``StorageUnavailable`` if one gets shorter meanwhile."""
    for file in stored:
        yield _header(file)
        left = file.size_bytes
        with file.open() as reader:
            while left and (chunk := reader.read(min(left, CHUNK_BYTES))):
                left -= len(chunk)
                yield chunk
        if left:
            raise StorageUnavailable(f"{file.path!r} is shorter than it was. Verify the version.", retry_after_s=5)
        yield b"\0" * (_padded(file.size_bytes) - file.size_bytes)
    yield b"\0" * (2 * _BLOCK)


def _header(file: StoredFile) -> bytes:
    # No times and no owners: the archive of a version is the same bytes for ever.
    entry = tarfile.TarInfo(check_key(file.path))
    entry.size = file.size_bytes
    entry.mode = 0o444
    return entry.tobuf(tarfile.PAX_FORMAT)


def _padded(size_bytes: int) -> int:
    return -(-size_bytes // _BLOCK) * _BLOCK
