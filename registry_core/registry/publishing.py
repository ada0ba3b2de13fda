"""The log's upkeep, for whoever has the root and the key: begun, published, with a new key, begun anew."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..storage.locks import try_hold
from ..vocabulary.errors import NotConfigured
from ..vocabulary.log import LogChange, Published
from .proving import ProvingVerbs

if TYPE_CHECKING:
    from ..evidence.log.checkpoints import Name
    from ..evidence.log.key import LogKey
    from ..evidence.log.log import Log


class PublishingVerbs(ProvingVerbs):
    """No service has these over HTTP: what signs is a file of the operator's."""

    _leading: Any = None  # the lock of the one process that keeps the log
    _looked_at_s = _all_looked_at_s = 0.0  # since 1970: when the announced models were, and when all were

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

    def keep_log(self) -> Published | None:
        """As :meth:`log_publish`, by one process of this host at a time. Called again and again by every server.

        Where looking at a model costs a request, those are looked at that were announced, and each of them all the same
        now and then. None: another process does it.
        """
        from ..catalogue import announcements  # only when it is wanted
        from ..catalogue.keeping import FULL_REFRESH_S, OVERLAP_S
        from ..evidence.log import publishing

        began = time.time()
        if not self._leads_log():
            return None
        only = None
        if announcements.is_kept(self._storage) and 0 <= began - self._all_looked_at_s < FULL_REFRESH_S:
            heard = announcements.changed(self._storage, announcements.position(self._looked_at_s - OVERLAP_S))
            only = frozenset(heard.values())
        with self._kept_log(only) as (log, key):
            note, events = publishing.publish(log, key, publishing.By())
        self._looked_at_s = began
        self._all_looked_at_s = began if only is None else self._all_looked_at_s
        return Published(log.said.size, events, None if note is None else bytes(note).decode())

    def _leads_log(self) -> bool:
        """Whether this process is the one of its host that keeps the log; from then on it is, as long as it lives."""
        index = self._log_index()
        if self._leading is None and index is not None:
            try:
                index.parent.mkdir(0o775, parents=True, exist_ok=True)
                self._leading = try_hold(index.with_name(f"{index.name}.keeper"))
            except OSError:
                return True  # it is no harm where all of them do it
            return self._leading is not None
        return True

    @contextmanager
    def _kept_log(self, only: Collection[Name] | None = None) -> Iterator[tuple[Log, LogKey]]:
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
            yield Log(self._own_journal(), index, only=only), key


def _changed(log: Log, seq: int) -> LogChange:
    return LogChange(seq, str(log.said.verifiers[0]))
