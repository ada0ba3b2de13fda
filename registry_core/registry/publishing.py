"""The log's upkeep, for whoever has the root and the key: begun, published, with a new key, begun anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..vocabulary.errors import NotConfigured
from ..vocabulary.log import LogChange, Published
from .proving import ProvingVerbs

if TYPE_CHECKING:
    from ..evidence.log.key import LogKey
    from ..evidence.log.log import Log


class PublishingVerbs(ProvingVerbs):
    """No service has these over HTTP: what signs is a file of the operator's."""

    def log_init(self, origin: str, *, actor: str | None = None, reason: str | None = None) -> LogChange:
        """A log of that name is begun; its key is made where the settings say, outside the root.

        Raises ``InvalidParameter``, ``NotConfigured``, ``StorageError``.
        """
        from ..evidence import publishing  # only when it is wanted

        with self._kept_log() as (log, key):
            return _changed(log, publishing.init(log, key, origin, publishing.By(actor, reason)))

    def log_rotate(self, *, actor: str | None = None, reason: str | None = None) -> LogChange:
        """The log has a new key; the note that says so is signed by the old one too. Raises as :meth:`log_publish`."""
        from ..evidence import publishing  # only when it is wanted

        with self._kept_log() as (log, key):
            return _changed(log, publishing.rotate(log, key, publishing.By(actor, reason)))

    def log_restart(self, origin: str, *, actor: str | None = None, reason: str | None = None) -> LogChange:
        """Another log is begun, which says which one was lost, and why. Raises as :meth:`log_init`, ``LogNotSet``."""
        from ..evidence import publishing  # only when it is wanted

        with self._kept_log() as (log, key):
            return _changed(log, publishing.restart(log, key, origin, publishing.By(actor, reason)))

    def log_publish(self, *, actor: str | None = None, reason: str | None = None) -> Published:
        """Every line that is durable is covered, and the note says so; nothing is made where nothing is new.

        Raises ``LogNotSet``, ``LogCorrupt``, ``LogBehind``, ``NotConfigured``, ``StorageError``.
        """
        from ..evidence import publishing  # only when it is wanted

        with self._kept_log() as (log, key):
            note, events = publishing.publish(log, key, publishing.By(actor, reason))
            return Published(log.said.size, events, None if note is None else bytes(note).decode())

    @contextmanager
    def _kept_log(self) -> Iterator[tuple[Log, LogKey]]:
        """The log, begun or not, and what signs it. Raises ``NotConfigured``, ``PermissionDenied``."""
        from ..evidence.log.index import LogIndex
        from ..evidence.log.key import KEY, LogKey
        from ..evidence.log.log import Log  # only when it is wanted

        self._require_admin()
        self._identity.look()
        key = LogKey.of(self._settings)
        if key is None:
            raise NotConfigured(f"Set {KEY} to a file outside the root, where the log's key is kept.", reason="log_key")
        with LogIndex(self._log_index()) as index:
            yield Log(self._own_journal(), index), key


def _changed(log: Log, seq: int) -> LogChange:
    return LogChange(seq, str(log.said.verifiers[0]))
