"""The verbs of uploads: files that arrive in pieces, until a registration takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..access.roles import Action
from ..models.model import ModelStore
from ..packages.hash_stream import Reads
from .opening import OpenedRegistry

if TYPE_CHECKING:
    from ..uploads.sessions import Uploads
    from ..uploads.values import Checksum, UploadFile, UploadSession


class UploadVerbs(OpenedRegistry):
    """A session, its files, their bytes. All raise ``UploadNotFound``, ``UploadExpired``, ``StorageError``."""

    @cached_property
    def _all_uploads(self) -> Uploads:
        from ..uploads.sessions import Uploads  # only when it is wanted

        return Uploads(self._storage, self._settings)

    @property
    def _uploads(self) -> Uploads:
        self._identity.confirm()
        return self._origin._all_uploads  # noqa: SLF001 - a registry like this one

    def _uploads_with(self, upload_id: str) -> Uploads:
        """The uploads, if that session is the caller's, who may still write to its model.

        Raises as the session's verbs, of somebody else's as of none, and ``PermissionDenied``.
        """
        uploads = self._uploads
        if self._door is not None:
            self._door.require(*uploads.require_of(upload_id, self._door.whose), Action.WRITE)
        return uploads

    @property
    def max_upload_bytes(self) -> int:
        """The most bytes that one upload may have; 0: no limit."""
        return self._settings.max_upload_bytes

    def begin_upload(
        self,
        task: str,
        model_name: str,
        files: Sequence[Mapping[str, Any]] = (),
        *,
        more: bool = False,
        actor: str | None = None,
    ) -> UploadSession:
        """A new session for one version of the model, which need not exist yet.

        ``files`` (each with ``path``, ``sha256`` in hex, ``size_bytes``) announces what the version will have. Those
        whose bytes the model has already are in the session's ``have``, and need not be sent. With ``more`` other
        files follow by :meth:`announce_upload`, and nothing is registered before the last of them. Raises
        ``InvalidInput``.
        """
        whose = None if self._door is None else self._door.whose
        model = self._model(task, model_name, Action.WRITE)
        return self._uploads.begin(model, files, self._actor(actor), more=more, whose=whose)

    def announce_upload(
        self, upload_id: str, files: Sequence[Mapping[str, Any]], *, more: bool = False
    ) -> UploadSession:
        """Another page of what the version will have; ``have`` of what is returned is of this page alone.

        Raises ``InvalidInput``, ``UploadLocked`` while somebody writes to it.
        """
        return self._uploads_with(upload_id).announce(upload_id, self._to_write, files, more=more)

    def _to_write(self, task: str, model_name: str) -> ModelStore:
        return self._model(task, model_name, Action.WRITE)

    def upload(self, upload_id: str) -> UploadSession:
        """The session and its files as they are now."""
        return self._uploads_with(upload_id).session(upload_id)

    def cancel_upload(self, upload_id: str) -> None:
        """Nothing is left of the session. Raises ``UploadLocked`` while somebody writes to it."""
        self._uploads_with(upload_id).cancel(upload_id)

    def add_upload(
        self, upload_id: str, path: str, size_bytes: int, described: str = "", *, begun: bool = False
    ) -> UploadFile:
        """A file of the session that shall arrive; ``described`` is kept with it, as it is.

        It is an error that bytes of it have come, but with ``begun``, as of a repeat. Raises ``InvalidInput``,
        ``StorageFull`` where it cannot fit.
        """
        return self._uploads_with(upload_id).add(upload_id, path, size_bytes, described, begun=begun)

    def uploaded(self, upload_id: str, file_id: str) -> UploadFile:
        """One file of the session as it is now."""
        return self._uploads_with(upload_id).file(upload_id, file_id)

    def drop_upload(self, upload_id: str, file_id: str) -> None:
        """Nothing is left of the file. Raises ``UploadLocked`` while somebody writes to it."""
        self._uploads_with(upload_id).drop(upload_id, file_id)

    def receive_pack(self, upload_id: str, reader: Reads, *, length: int | None = None) -> int:
        """The announced files in the tar are whole here; see :meth:`.uploads.Uploads.pack`."""
        return self._uploads_with(upload_id).pack(upload_id, self._asked_again(upload_id, reader), length=length)

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
        """The reader's bytes are in the file, behind the first ``offset``; see :meth:`.uploads.Uploads.receive`."""
        uploads, asked = self._uploads_with(upload_id), self._asked_again(upload_id, reader)
        return uploads.receive(upload_id, file_id, offset, asked, length=length, checksum=checksum, is_whole=is_whole)

    def _asked_again(self, upload_id: str, reader: Reads) -> Reads:
        """The reader, which ends with a refusal where the rules give the upload no longer."""
        if self._door is None:
            return reader
        from ..models.asking import AskedReader, Asking  # only where rules are asked

        return AskedReader(reader, Asking(lambda: self._uploads_with(upload_id), self._door.still))
