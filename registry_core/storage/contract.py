"""The storage contract: what the registry needs from a disk or an object store, and no more.

Keys are relative POSIX paths; values are bytes. *Documents* are small and changed by
compare-and-swap, *logs* are append-only sequences of one-line JSON records (:mod:`.documents`), *packages*
are write-once trees (:mod:`.packages`), and *uploads* are bytes that arrive over a network until they become a
package (:mod:`.uploads`). A storage knows no task, alias or version, and no key of theirs.
``tests/contract/storage.py`` and ``tests/contract/uploads.py`` are these texts as test suites; a backend is done
when it passes both.

Only these errors escape: :class:`KeyNotFound`, :class:`PreconditionFailed`, and the storage and upload
branches of :mod:`registry_core.vocabulary.errors`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..vocabulary.artifact import Artifact
from .documents import Documents, Prepared, Search
from .packages import Glance, Packages, Prove, Readable, Source, Staging, read_all
from .uploads import Incoming, Packing, SessionFiles, Uploads
from .values import (
    ABSENT,
    ANY,
    Attempt,
    Condition,
    Document,
    Entry,
    Facts,
    Held,
    KeyNotFound,
    Match,
    Naming,
    Newest,
    PreconditionFailed,
    Presence,
    StorageOptions,
    outcome_unknown,
)

__all__ = [
    "ABSENT",
    "ANY",
    "Artifact",
    "Attempt",
    "Condition",
    "Document",
    "Documents",
    "Entry",
    "Facts",
    "Glance",
    "Held",
    "Incoming",
    "KeyNotFound",
    "Match",
    "Naming",
    "Newest",
    "Packages",
    "Packing",
    "PreconditionFailed",
    "Prepared",
    "Presence",
    "Prove",
    "Readable",
    "Search",
    "SessionFiles",
    "Source",
    "Staging",
    "Storage",
    "StorageOptions",
    "Uploads",
    "outcome_unknown",
    "read_all",
]


class Storage(ABC):
    """One root of keys. Instances are thread-safe, and any number may serve one root."""

    def __init__(self, documents: Documents, packages: Packages, uploads: Uploads) -> None:
        self.documents = documents
        self.packages = packages
        self.uploads = uploads

    @abstractmethod
    def probe(self, *, for_writing: bool = True) -> int | None:
        """Bytes free (None: unbounded) of a root that is there and writable, or at least readable.

        Raises ``NotConfigured`` with the reason otherwise. Writes nothing.
        """

    def place(self, key: str = "") -> str | None:
        """A text that is another where the key (by default the root) has come to stand for another directory or file.

        Empty if nothing is there; None where only reading can tell. Raises ``NotConfigured`` where there is no root.
        """
        return None

    def directory(self) -> str | None:
        """The path by which another process of this host can open the same root; None where there is none."""
        return None

    @abstractmethod
    def check_guarantees(self) -> None:
        """The store does what this contract builds on; asked once before the first change.

        Raises ``NotConfigured`` saying what it fails to do.
        """

    def now(self) -> float | None:
        """What time it is by the storage's own clock, in seconds since 1970; None where that cannot be told.

        A storage on this host has this host's clock. Asked before a change; leaves nothing behind. The first time it
        may try what it builds on too: raises ``NotConfigured`` saying what it lacks.
        """
        return None

    def failure_is_final(self, error: Exception) -> bool:
        """Whether a read that failed so says something of what lies there, as a disk's does.

        Else it says something of the moment only, as that of a store over a network: it is no damage.
        """
        return True
