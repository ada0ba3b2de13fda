"""Push: the files of a directory on this machine become a version; only what the model does not have is sent.

The cache remembers the upload session and the idempotency key, so that a push that was killed at any moment goes on
where it stopped when it is run again, and one that had succeeded unheard gets its first answer.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry_core import (
    Admission,
    ArtifactsRefused,
    HoldingDamaged,
    Meter,
    NotFound,
    ProgressCallback,
    Registration,
    RegistryError,
    StorageUnavailable,
    VersionExists,
)

from ..forms import MANIFEST, META, sha256_of
from ..local.cache import Cache
from ..local.files import hold
from ..local.parallel import each
from ..remote.answers import STRANGE
from ..remote.versions import Versions
from . import packing, tus
from .choice import Choice
from .local_package import LocalFile, changed, digests, opened
from .remarks import remarks

log = logging.getLogger(__name__)

ROUNDS = 5  # what the registry turns out not to have is sent after all, so often


@dataclass(frozen=True)
class Target:
    """What the directory shall become. ``words``: metadata, set_alias, actor, reason."""

    task: str
    model_name: str
    version: str
    words: dict[str, Any]
    idempotency_key: str | None


@dataclass(frozen=True)
class Pushed:
    """A version that was taken in. ``bytes_sent`` of its ``bytes_total`` had to cross the network this time."""

    registration: Registration
    files: int
    files_sent: int
    bytes_total: int
    bytes_sent: int
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        names = ("files", "files_sent", "bytes_total", "bytes_sent", "warnings")
        return {**self.registration.to_dict(), **{name: getattr(self, name) for name in names}}


def push(
    client: Versions,
    source: Path,
    target: Target,
    *,
    choice: Choice,
    cache: Cache | None,
    workers: int,
    progress: ProgressCallback | None,
) -> Pushed:
    """The files of a directory, or the one file, are a version for ever; or nothing has changed but for an upload
    that can go on.

    What the registry would refuse is asked before anything is read, and what seems unmeant is warned of before anything
    is sent. ``progress`` hears of the files being hashed, and then of
    those being sent. Raises as ``register``.
    """
    with opened(Path(os.path.abspath(source)), choice) as selected:
        files, warnings = selected.files, remarks(selected)
        for warning in warnings:
            log.warning("warning: %s", warning)
        asked = client.ask_register(target.task, target.model_name, target.version, **target.words)
        _check_lengths(asked, files)
        sizes = {file.name: file.size_bytes for file in asked.files}
        _check_name(asked, {file.path: file.size_bytes for file in files}, sizes)
        bytes_total = sum(file.size_bytes for file in files)
        meter = Meter(progress)
        meter.start(len(files), bytes_total)
        hashes = digests(files, workers, meter.tick)
        _check_name(asked, hashes, {file.name: sha256_of(file.sha256) for file in asked.files})
        job = _Job(client, cache or Cache(), target, files, hashes, workers, progress)
        with job.alone():
            done = job.earlier_answer() or job.upload_and_register()
    return Pushed(done, len(files), job.files_sent, bytes_total, job.bytes_sent, warnings)


def _check_lengths(asked: Admission, files: list[LocalFile]) -> None:
    """The registry can name every file. Raises ``ArtifactsRefused``."""
    most = asked.longest_path
    long = [file.path for file in files if most is not None and len(file.path.encode()) > most]
    if long:
        raise ArtifactsRefused(
            f"{len(long)} files have paths that are too long for this registry, which takes {most} bytes of them. "
            "Nothing was sent; shorten their names.",
            problems=[{"path": path, "reason": f"is longer than {most} bytes"} for path in long[:20]],
        )


def _check_name(asked: Admission, ours: Mapping[str, object], theirs: Mapping[str, object]) -> None:
    """The name is free, or has the same files by what is compared. Raises ``VersionExists``."""
    paths = ours.keys() - {META, MANIFEST}  # which the registry writes anew
    is_same = paths == theirs.keys() and all(theirs[path] in (None, ours[path]) for path in paths)
    if asked.is_taken and not is_same:
        raise VersionExists(
            f"{asked.task}/{asked.model_name} has, or had, a version {asked.version!r} of other files; a version's "
            "name is never given to other bytes. Nothing was sent; push under a new name.",
            existing=asked.existing,
            same_content=False,
        )


def _largest_first(file: LocalFile) -> tuple[int, str]:
    return -file.size_bytes, file.path


class _Job:
    def __init__(
        self,
        client: Versions,
        cache: Cache,
        target: Target,
        files: list[LocalFile],
        hashes: dict[str, str],
        workers: int,
        progress: ProgressCallback | None,
    ) -> None:
        self._client, self._cache, self._target = client, cache, target
        self._files, self._hashes, self._workers, self._progress = files, hashes, workers, progress
        self.files_sent = self.bytes_sent = 0
        self._mutex = threading.Lock()
        content = json.dumps([client.url, target.task, target.model_name, sorted(hashes.items())])
        asked = json.dumps([content, target.version, target.words, target.idempotency_key], default=repr)
        self._content_key = f"content {hashlib.sha256(content.encode('utf-8', 'backslashreplace')).hexdigest()}"
        self._asked_key = f"asked {hashlib.sha256(asked.encode('utf-8', 'backslashreplace')).hexdigest()}"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One push of the same content at a time on this machine; a second one waits, and finds it done."""
        lock = hold(self._cache.lock_path("pushes", self._content_key), wait=True)
        try:
            yield
        finally:
            if lock is not None:
                os.close(lock)

    def earlier_answer(self) -> Registration | None:
        """The answer to the same push before, if that came as far as its registration."""
        asked = self._cache.noted("pushes", self._asked_key)
        if asked is None:
            return None
        try:
            return self._register(str(asked.get("upload_id")), str(asked.get("key")))
        except (NotFound, ArtifactsRefused, HoldingDamaged):
            return None  # the session ended otherwise, or is not complete

    def upload_and_register(self) -> Registration:
        error: RegistryError | None = None
        for _ in range(ROUNDS):
            try:
                upload_id = self._uploaded()
                key = self._target.idempotency_key or str(uuid.uuid4())
                self._cache.note("pushes", self._asked_key, {"upload_id": upload_id, "key": key})
                done = self._register(upload_id, key)
            except tus.SessionGone:
                error = StorageUnavailable("The upload was ended by somebody else. Push again.")
                self._cache.forget("pushes", self._content_key)
            except HoldingDamaged as damaged:
                error = damaged  # the same upload goes on: it does not say any more that it has these files
            except ArtifactsRefused as refused:
                if not any("Upload it" in str(found.get("reason")) for found in refused.detail.get("problems", [])):
                    raise
                error = refused  # bytes that the model had were deleted meanwhile: they must be sent after all
                self._cache.forget("pushes", self._content_key)
            else:
                self._cache.forget("pushes", self._content_key)
                return done
        assert error is not None
        raise error

    def _register(self, upload_id: str, key: str) -> Registration:
        target = self._target
        words = {name: value for name, value in target.words.items() if name != "metadata"}
        return self._client.register(
            target.task,
            target.model_name,
            target.version,
            metadata=target.words.get("metadata"),
            upload_id=upload_id,
            idempotency_key=key,
            **words,
        )

    def _uploaded(self) -> str:
        """The id of a session that has every file, each with the digest that was computed here."""
        transport = self._client.transport
        session, arrived = self._session()
        for path, file in list(arrived.items()):
            if path not in self._hashes or sha256_of(file.sha256) not in (None, self._hashes[path]):
                tus.drop(transport, session.upload_id, arrived.pop(path))
        have = set(session.have)
        missing = [
            file
            for file in self._files
            if file.path not in have and (file.path not in arrived or arrived[file.path].sha256 is None)
        ]
        meter = Meter(self._progress)
        meter.start(len(missing), sum(file.size_bytes for file in missing))

        def count(files: int, size_bytes: int) -> None:
            for _ in range(files):
                meter.file_done()
            with self._mutex:
                self.files_sent += files
                self.bytes_sent += size_bytes

        def send(file: LocalFile, stop: Callable[[], None]) -> None:
            count(1, tus.send(transport, session.upload_id, file, arrived.get(file.path), meter.tick, stop))

        def work(item: LocalFile | list[LocalFile], stop: Callable[[], None]) -> None:
            if isinstance(item, LocalFile):
                send(item, stop)
                return
            try:
                packing.send(transport, session.upload_id, item, self._hashes, meter.tick, count, stop)
            except packing.NotOffered:
                by_itself.extend(item)

        small = [file for file in missing if file.size_bytes <= packing.SMALL_BYTES and file.path not in arrived]
        packed = small if len(small) >= packing.FEWEST else []
        by_itself: list[LocalFile] = []
        alone = set(missing).difference(packed)
        items: list[LocalFile | list[LocalFile]] = [packed] if packed else []
        each(work, [*items, *sorted(alone, key=_largest_first)], self._workers)
        each(send, sorted(by_itself, key=_largest_first), self._workers)
        alone.update(by_itself)
        if alone:
            # What came in a pack is what was announced: the registry has seen to that.
            _, arrived = tus.look(transport, session.upload_id)
            for path in {file.path for file in alone}:
                if path not in arrived or sha256_of(arrived[path].sha256) != self._hashes[path]:
                    raise changed(path)
        return session.upload_id

    def _session(self) -> tuple[tus.Session, dict[str, tus.Arrived]]:
        noted = self._cache.noted("pushes", self._content_key)
        if noted is not None:
            try:
                return tus.look(self._client.transport, str(noted.get("upload_id")))
            except tus.SessionGone:
                pass
            except StorageUnavailable as error:
                if error.detail.get("reason") != STRANGE:
                    raise  # else it is too long to be read: what came is sent once more
        target = self._target
        declared = [
            {"path": file.path, "sha256": self._hashes[file.path], "size_bytes": file.size_bytes}
            for file in self._files
        ]
        transport = self._client.transport
        session = tus.begin(transport, target.task, target.model_name, declared, target.words.get("actor"))
        self._cache.note("pushes", self._content_key, {"upload_id": session.upload_id})
        return session, {}
