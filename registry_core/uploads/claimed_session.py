"""A session whose files have all arrived, as a package to be registered.

What came is not read again while it lies there as it came; what the model has is read, and proven, as it is taken.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..models.model import ModelStore
from ..packages import intake
from ..packages.kept_files import holding_damaged
from ..storage.contract import Incoming, KeyNotFound, Prove, Readable, Staging, Uploads
from ..vocabulary.answers import Problem
from ..vocabulary.artifact import Artifact
from ..vocabulary.errors import ArtifactsRefused, DigestMismatch, RegistryError
from ..vocabulary.texts import DIGEST_PREFIX, printable
from . import rules
from .announcement import Announced
from .stored_bytes import StoredBytes, stored_bytes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Arrived:
    """A file that came with the session."""

    space: Uploads
    upload_id: str
    file: Incoming

    @property
    def name(self) -> str:
        return self.file.path

    @property
    def size_bytes(self) -> int:
        return self.file.size_bytes

    def digest_only(self) -> tuple[str, int]:
        return self.file.sha256 or "", self.file.size_bytes

    def read(self, limit_bytes: int) -> bytes:
        if self.size_bytes == 0:
            return b""
        try:
            with self.space.open(self.upload_id, self.file.file_id, 0) as reader:
                data = _some(reader, limit_bytes)
        except KeyNotFound:
            raise _gone(self.name, _TAMPERED) from None
        if len(data) <= limit_bytes and hashlib.sha256(data).hexdigest() != self.file.sha256:
            raise holding_damaged([self.name])
        return data

    def put_into(self, staging: Staging, prove: Prove) -> Artifact:
        try:
            taken = self.space.take(self.upload_id, self.file, staging, prove)
        except KeyNotFound:
            raise _gone(self.name, _TAMPERED) from None
        if taken.sha256 != self.file.sha256:
            raise holding_damaged([self.name])
        return taken


@dataclass(frozen=True)
class _Borrowed:
    """A file whose bytes a published version of the model has."""

    space: Uploads
    model: ModelStore
    wanted: Artifact
    stored: StoredBytes
    is_damaged: Callable[[Artifact, StoredBytes], None]

    @property
    def name(self) -> str:
        return self.wanted.path

    @property
    def size_bytes(self) -> int:
        return self.wanted.size_bytes

    def digest_only(self) -> tuple[str, int]:
        return self.wanted.sha256, self.wanted.size_bytes

    def read(self, limit_bytes: int) -> bytes:
        try:
            with self.model.storage.packages.open(self.stored.package, self.stored.path) as reader:
                data = _some(reader, limit_bytes)
        except KeyNotFound:
            raise _not_stored(self.name) from None
        if len(data) <= limit_bytes:
            self._check(hashlib.sha256(data).hexdigest())
        return data

    def put_into(self, staging: Staging, prove: Prove) -> Artifact:
        try:
            borrowed = self.space.borrow(self.stored.package, self.wanted, self.stored.path, staging, prove)
        except KeyNotFound:
            raise _not_stored(self.name) from None
        self._check(borrowed.sha256)
        return borrowed

    def _check(self, sha256: str) -> None:
        if sha256 != self.wanted.sha256:
            log.error("%s: %s of %s is damaged", self.model.title, self.stored.path, self.stored.package)
            self.is_damaged(self.wanted, self.stored)
            raise holding_damaged([self.name])


class ClaimedSession:
    """A session that nobody else changes, ready to become a package."""

    def __init__(
        self,
        space: Uploads,
        model: ModelStore,
        upload_id: str,
        announced: Announced,
        files: Sequence[Incoming],
        is_damaged: Callable[[Artifact, StoredBytes], None],
    ) -> None:
        self._space, self._model, self._upload_id = space, model, upload_id
        self._announced, self._files = announced, files
        self._is_damaged = is_damaged

    def plan(self, required_files: tuple[str, ...]) -> intake.Plan:
        """The session's files as a plan. Raises ``ArtifactsRefused`` naming what is missing, ``DigestMismatch``."""
        arrived = {file.path: _Arrived(self._space, self._upload_id, file) for file in self._files}
        declared = {file["path"]: file for file in self._announced.files}
        have = [declared[path] for path in self._announced.have if path not in arrived]
        known = stored_bytes(self._model, {file["sha256"] for file in have})
        borrowed: dict[str, _Borrowed] = {}
        problems = [
            {"path": file.path, "reason": f"is not complete: {file.offset} of {file.size_bytes} bytes have arrived"}
            for file in self._files
            if file.sha256 is None
        ]
        for file in have:
            stored = known.get(file["sha256"])
            if stored is None or stored.size_bytes != file["size_bytes"]:
                problems.append({"path": file["path"], "reason": _NOT_STORED})
            else:
                wanted = Artifact(file["path"], file["sha256"], file["size_bytes"])
                borrowed[wanted.path] = _Borrowed(self._space, self._model, wanted, stored, self._is_damaged)
        never = declared.keys() - arrived.keys() - {file["path"] for file in have}
        problems += [{"path": path, "reason": "was announced, and has not arrived"} for path in sorted(never)]
        problems += rules.collisions([*arrived, *borrowed])
        if not problems:
            self._check_announced(declared)
        return intake.plan_of([*arrived.values(), *borrowed.values()], problems, "The upload", required_files)

    def _check_announced(self, declared: Mapping[str, Mapping[str, Any]]) -> None:
        """What arrived is what was announced. Raises ``DigestMismatch``."""
        problems = [
            Problem(file.path, "changed", DIGEST_PREFIX + declared[file.path]["sha256"], DIGEST_PREFIX + file.sha256)
            for file in self._files
            if file.sha256 is not None and file.path in declared and declared[file.path]["sha256"] != file.sha256
        ]
        if problems:
            raise DigestMismatch(
                f"{problems[0].path!r} is not what was announced when the upload began. Delete the file, and send it "
                "again.",
                problems=[problem.to_dict() for problem in problems],
            )

    def end(self) -> None:
        """Nothing is left of the session. Never raises: what it was for is done."""
        try:
            self._space.end(self._upload_id)
        except RegistryError as error:
            log.error("the upload %s is left to a sweep: %s", self._upload_id, error.message)


def _some(reader: Readable, limit_bytes: int) -> bytes:
    data = bytearray()
    while len(data) <= limit_bytes and (part := reader.read(limit_bytes + 1 - len(data))):
        data += part
    return bytes(data)


_TAMPERED = "has been tampered with since it arrived. Delete it and send it again"
_NOT_STORED = "is not in the registry any more: the version that had it was deleted. Upload it"


def _not_stored(path: str) -> ArtifactsRefused:
    return _gone(path, _NOT_STORED)


def _gone(path: str, reason: str) -> ArtifactsRefused:
    return intake.refused([{"path": printable(path), "reason": reason}])
