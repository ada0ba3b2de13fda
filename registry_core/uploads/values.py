"""What the verbs of uploads give: a session, and the files in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from ..vocabulary.answers import Value


@dataclass(frozen=True)
class Checksum:
    """The digest of bytes on their way, by one of ``ALGORITHMS``."""

    algorithm: str
    digest: bytes

    ALGORITHMS = ("sha1", "sha256")  # sha1 only tells that nothing was garbled on the way; no version is proven by it

    def new(self) -> hashlib._Hash:
        """A hash of no bytes yet."""
        return hashlib.new(self.algorithm, usedforsecurity=False)


@dataclass(frozen=True)
class UploadFile(Value):
    """One file on its way. ``sha256`` (hex) is None until it is complete. ``described``: as its caller put it."""

    file_id: str
    path: str
    offset: int
    size_bytes: int
    sha256: str | None
    expires_at: str
    described: str = ""

    @property
    def complete(self) -> bool:
        return self.sha256 is not None


@dataclass(frozen=True)
class UploadSession(Value):
    """Files that shall become one version. ``have``: paths whose bytes the model has already, as declared."""

    upload_id: str
    task: str
    model_name: str
    expires_at: str
    files: list[UploadFile] = field(default_factory=list)
    have: list[str] = field(default_factory=list)
