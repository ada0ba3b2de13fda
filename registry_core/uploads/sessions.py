"""Packages that arrive over a network: a session of files, each sent in pieces, until it is registered or expires.

The bytes are hashed while they arrive. What a registration takes from here it neither reads nor copies, while it
lies there as it came.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from ..models.model import ModelStore
from ..packages.hash_stream import Reads
from ..settings import CoreSettings
from ..storage.contract import Incoming, KeyNotFound, PreconditionFailed, Storage
from ..vocabulary.errors import (
    ChecksumMismatch,
    HoldingDamaged,
    InvalidParameter,
    StorageFull,
    UploadExpired,
    UploadLocked,
    UploadNotFound,
    UploadOffsetMismatch,
)
from ..vocabulary.texts import check_words, format_time, parse_object, printable
from . import rules
from .announcement import Announcements, encoded
from .claimed_session import ClaimedSession
from .expiring import Expiring
from .packing import unpack
from .pouring import begins_with, pour
from .running_hashes import RunningHashes
from .stored_bytes import KnownDamage
from .values import Checksum, UploadFile, UploadSession


class Uploads:
    """The upload sessions of one registry. Thread-safe; any number of processes may serve one root."""

    def __init__(self, storage: Storage, settings: CoreSettings) -> None:
        self._storage = storage
        self._settings = settings
        self._space = storage.uploads
        self._expiring = Expiring(storage, settings)
        self._hashes = RunningHashes()
        self._damage = KnownDamage()
        self._announcements = Announcements(self._space, settings, self._damage)

    # sessions

    def begin(
        self,
        model: ModelStore,
        declared: Sequence[Mapping[str, Any]],
        actor: str | None,
        *,
        more: bool = False,
        whose: Sequence[str] | None = None,
    ) -> UploadSession:
        """A new session; its ``have`` are the declared files whose bytes the model has. Makes room first.

        ``more``: other pages of the announcement follow, by :meth:`announce`. ``whose``: who alone may go on with it,
        where callers are told apart.
        """
        check_words(actor, None)
        page = self._announcements.first(model, declared, more=more)
        self._expiring.make_room()
        about = {
            "task": model.keys.task,
            "model_name": model.keys.model_name,
            "actor": actor,
            "created_at": format_time(datetime.now(UTC)),
            **({} if whose is None else {"whose": list(whose)}),
        }
        upload_id = uuid.uuid4().hex
        self._space.begin(upload_id, encoded(about), encoded(page))
        return self._session(upload_id, [], page["have"])

    def require_of(self, upload_id: str, whose: Sequence[str]) -> tuple[str, str]:
        """(task, model_name) of a session that these began. Raises as :meth:`session`, and of others' as of none."""
        with _known(upload_id):
            document, _ = self._space.about(upload_id)
            if (parse_object(document.data) or {}).get("whose") != list(whose):
                raise KeyNotFound(upload_id)
        about = self._about(upload_id)
        return about["task"], about["model_name"]

    def announce(
        self,
        upload_id: str,
        model_of: Callable[[str, str], ModelStore],
        declared: Sequence[Mapping[str, Any]],
        *,
        more: bool,
    ) -> UploadSession:
        """Another page of the announcement is there; ``have`` is of this page alone.

        Raises ``InvalidInput``, ``UploadLocked``, and as :meth:`session`.
        """
        about = self._about(upload_id)
        with _known(upload_id):
            model = model_of(about["task"], about["model_name"])
            return self._session(upload_id, [], self._announcements.add(upload_id, model, declared, more=more))

    def session(self, upload_id: str) -> UploadSession:
        """The session and its files as they are now. Raises ``UploadNotFound``, ``UploadExpired``."""
        self._about(upload_id)
        with _known(upload_id):
            files = [self._settled(upload_id, file) for file in self._space.files(upload_id)]
            have = self._announcements.all(upload_id).have
        return self._session(upload_id, files, have)

    def cancel(self, upload_id: str) -> None:
        """Nothing is left of the session. Raises ``UploadNotFound``, ``UploadExpired``, ``UploadLocked``."""
        self._about(upload_id)
        with _known(upload_id), self._space.alone(upload_id):
            self._space.end(upload_id)

    def sweep(self, *, dry_run: bool) -> list[str]:
        """The expired sessions are gone; returns their ids."""
        return self._expiring.sweep(dry_run=dry_run)

    @contextmanager
    def claim(self, upload_id: str, model: ModelStore) -> Iterator[ClaimedSession]:
        """The session, for a registration alone. Raises as :meth:`cancel`; ``InvalidParameter`` for another model's."""
        about = self._about(upload_id)
        if (about["task"], about["model_name"]) != (model.keys.task, model.keys.model_name):
            raise InvalidParameter(
                f"The upload is for {about['task']}/{about['model_name']}, not for {model.title}.", field="upload_id"
            )
        with _known(upload_id):
            alone = self._space.alone(upload_id)
            alone.__enter__()
        missing: set[str] = set()
        try:
            with _known(upload_id):
                files = [self._settled(upload_id, file) for file in self._space.files(upload_id)]
                announced = self._announcements.all(upload_id)
            announced.require_whole()
            yield ClaimedSession(
                self._space,
                model,
                upload_id,
                announced,
                files,
                lambda wanted, stored: self._damage.remember(model, wanted.sha256, stored),
            )
        except HoldingDamaged as error:
            missing.update(error.detail["missing"])
            self._announcements.withdraw(upload_id, missing)
            raise
        finally:
            alone.__exit__(None, None, None)
            for file in files if missing else ():
                if file.path in missing:  # it came, and was damaged here: it must come again
                    with suppress(KeyNotFound, UploadLocked):
                        self._space.drop(upload_id, file.file_id)

    # files

    def add(
        self, upload_id: str, path: str, size_bytes: int, described: str = "", *, begun: bool = False
    ) -> UploadFile:
        """A file that shall arrive; the same one again where it was asked for before and nothing has come.

        ``begun``: also if something has, for a caller that sends its first bytes now (:meth:`receive`, ``is_whole``).
        Raises ``ArtifactsRefused`` for a path that no package can have beside the others, ``UploadTooLarge``,
        ``StorageFull``, and as :meth:`session`.
        """
        rules.check_path(path)
        rules.check_size(size_bytes)
        rules.check_lengths(self._storage, self._about(upload_id), [path])
        self._require_room(size_bytes, f"the file has {size_bytes}")
        with _known(upload_id):
            try:
                admit = rules.admit(path, size_bytes, self._settings)
                file = self._space.add(upload_id, path, size_bytes, admit, described)
            except PreconditionFailed:
                raise rules.already_there(path) from None
            if (file.offset > 0 and not begun) or file.path != path:
                raise rules.already_there(path)
            return self._shown(self._settled(upload_id, file))

    def file(self, upload_id: str, file_id: str) -> UploadFile:
        """The file as it is now. Raises as :meth:`session`."""
        about = self._about(upload_id)
        with _known(upload_id):
            return self._shown(self._settled(upload_id, self._space.file(upload_id, file_id)), about)

    def drop(self, upload_id: str, file_id: str) -> None:
        """Nothing is left of the file. Raises as :meth:`cancel`."""
        self._about(upload_id)
        with _known(upload_id):
            self._space.drop(upload_id, file_id)

    def receive(
        self,
        upload_id: str,
        file_id: str,
        offset: int,
        reader: Reads,
        *,
        length: int | None = None,
        checksum: Checksum | None = None,
        is_whole: Callable[[], bool] | None = None,
    ) -> UploadFile:
        """The bytes of the reader are behind the first ``offset`` ones, durably; as many as came before it broke off.

        With ``checksum``, of exactly these bytes, all of them or none; and with ``is_whole``, which says at the end
        whether all have come: then they may be here already, of a request whose answer was lost. ``length`` is how
        many the reader will have, where that is known. Raises ``UploadOffsetMismatch``, ``UploadLocked``,
        ``UploadTooLarge`` and ``ChecksumMismatch`` with nothing changed; ``StorageFull`` keeps what was written, if
        a part counts; and as :meth:`session`.
        """
        self._about(upload_id)
        all_or_nothing = checksum is not None or is_whole is not None
        with _known(upload_id), self._space.receive(upload_id, file_id, all_or_nothing=all_or_nothing) as writer:
            file = writer.file
            if is_whole is not None and file.offset > offset == 0:
                if not begins_with(self._space.open(upload_id, file_id, 0), reader):
                    raise rules.already_there(file.path)
                return self._shown(file)
            if offset != file.offset:
                raise UploadOffsetMismatch(
                    f"{file.offset} bytes of {file.path!r} are here, but the request begins at {offset}. "
                    "Ask for the offset, and go on from there.",
                    offset=file.offset,
                )
            room = file.size_bytes - offset
            if length is not None and length > room:
                raise rules.too_long(file)
            if file.sha256 is not None:
                if reader.readinto(memoryview(bytearray(1))):
                    raise rules.too_long(file)
                return self._shown(file)
            key = (upload_id, file_id + file.made)
            sha = self._hashes.take(key, offset, lambda at: self._space.open(upload_id, file_id, at))
            before = sha.copy()
            piece = sha if checksum is None or (checksum.algorithm, offset) == ("sha256", 0) else checksum.new()
            poured = pour(reader, writer, {sha, piece}, room if length is None else length)
            count = poured.count
            if length is None and count == room and reader.readinto(memoryview(bytearray(1))):
                raise rules.too_long(file)
            is_part = is_whole is not None and not is_whole()
            is_wrong = checksum is not None and piece.digest() != checksum.digest
            if all_or_nothing and (poured.error or is_part or is_wrong):
                self._hashes.remember(key, offset, before)
                raise poured.error or ChecksumMismatch(
                    "The bytes that arrived are not those that the checksum was computed of. They were thrown away; "
                    "send them again.",
                    offset=offset,
                )
            kept = writer.keep(count, sha.hexdigest() if count == room else None)
            self._hashes.remember(key, kept.offset, sha if kept.offset == offset + count else before)
        if poured.error:
            raise poured.error
        return self._shown(kept)

    def pack(self, upload_id: str, reader: Reads, *, length: int | None = None) -> int:
        """The announced files in the tar are whole here, up to the first that is refused; how many of them there are.

        They are durable when they are registered. Raises ``PackRefused``, ``ChecksumMismatch``, ``UploadLocked``,
        ``UploadTooLarge``, ``StorageFull``, and as :meth:`session`.
        """
        self._about(upload_id)
        self._require_room(length or 0, f"the tar has {length}")
        with _known(upload_id), self._space.pack(upload_id) as packing:
            announced = self._announcements.all(upload_id)
            present = {file.path: file for file in self._space.files(upload_id)}
            rules.check_room(announced.files, announced.have, present, self._settings)
            return unpack(reader, packing, announced, present)

    # inside

    def _require_room(self, size_bytes: int, said: str) -> None:
        free_bytes = self._storage.probe()
        if free_bytes is not None and size_bytes > free_bytes:
            raise StorageFull(
                f"The registry's storage has {free_bytes} bytes left, and {said}. Nothing was stored.",
                free_bytes=free_bytes,
                size_bytes=size_bytes,
            )

    def _about(self, upload_id: str) -> dict[str, Any]:
        """What the session's document says, if it has not expired."""
        with _known(upload_id):
            document, active_s = self._space.about(upload_id)
        if active_s < self._expiring.before_s(may_write=False):
            raise UploadExpired(
                "Nothing was sent to this upload for too long, so it is given up. Begin a new one.", upload_id=upload_id
            )
        about = parse_object(document.data) or {}
        if not isinstance(about.get("task"), str) or not isinstance(about.get("model_name"), str):
            raise rules.damaged(upload_id)
        return {**about, "expires_s": active_s + self._settings.upload_expiry_s}

    def _session(self, upload_id: str, files: Sequence[Incoming], have: list[str]) -> UploadSession:
        about = self._about(upload_id)
        return UploadSession(
            upload_id=upload_id,
            task=about["task"],
            model_name=about["model_name"],
            expires_at=_moment(about["expires_s"]),
            files=[self._shown(file, about) for file in files],
            have=have,
        )

    def _settled(self, upload_id: str, file: Incoming) -> Incoming:
        """The file, with its digest if all of it is here: a crash may have come before that was recorded."""
        if file.sha256 is not None or file.offset < file.size_bytes:
            return file
        try:
            receiving = self._space.receive(upload_id, file.file_id, all_or_nothing=False)
        except UploadLocked:
            return file  # whoever writes is about to record it
        with receiving as writer:
            if writer.file.sha256 is not None or writer.file.offset < file.size_bytes:
                return writer.file
            key = (upload_id, file.file_id + file.made)
            sha = self._hashes.take(key, file.size_bytes, lambda at: self._space.open(upload_id, file.file_id, at))
            return writer.keep(0, sha.hexdigest())

    def _shown(self, file: Incoming, about: Mapping[str, Any] | None = None) -> UploadFile:
        """What a caller sees; without ``about`` something has just been done to the session."""
        now_s = datetime.now(UTC).timestamp()
        expires_s = now_s + self._settings.upload_expiry_s if about is None else about["expires_s"]
        at = _moment(expires_s)
        return UploadFile(file.file_id, file.path, file.offset, file.size_bytes, file.sha256, at, file.described)


def _moment(seconds: float) -> str:
    return format_time(datetime.fromtimestamp(seconds, UTC))


@contextmanager
def _known(upload_id: str) -> Iterator[None]:
    try:
        yield
    except KeyNotFound:
        raise UploadNotFound(
            "There is no such upload. It may have been registered, cancelled or swept.",
            upload_id=printable(upload_id),
        ) from None
