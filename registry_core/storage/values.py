"""What a storage takes and gives: small values, and the two errors beside the registry's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..vocabulary.errors import StorageUnavailable


class KeyNotFound(LookupError):
    """Nothing is stored under the key."""


class PreconditionFailed(Exception):
    """Somebody else was first; nothing was written."""


@dataclass(frozen=True)
class Document:
    """A small value as it was at one moment; ``etag`` names exactly these bytes."""

    data: bytes
    etag: str


@dataclass(frozen=True)
class Entry:
    """One thing below a prefix. ``kind`` is ``file``, ``prefix`` (a directory) or ``other``.

    ``shared``: (what all names of the same bytes have in common, how many there are) of a file that has several.
    ``changed_s``: when a file was last written, in seconds since 1970, where that is told with the list.
    """

    key: str
    kind: str
    size_bytes: int | None = None
    shared: tuple[str, int] | None = field(default=None, compare=False)
    changed_s: float | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        return self.key.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Attempt:
    """Staged work that is not published. ``alive``: somebody still holds it.

    ``empty`` is true where nothing but the shell is left, as after a publish.
    """

    name: str
    age_s: float
    alive: bool
    empty: bool


@dataclass(frozen=True)
class Match:
    """Write only over the document with this etag."""

    etag: str


Held = Sequence[bytes | tuple[bytes, ...]]  # parts that a record holds; of a tuple one at least


def holds(record: bytes, held: Held) -> bool:
    return all(any(one in record for one in ((part,) if isinstance(part, bytes) else part)) for part in held)


@dataclass(frozen=True)
class Naming:
    """By which names the records of a log are found; none begins with NUL. ``of`` never raises.

    ``form``: another text whenever ``of`` comes to give other names.
    """

    form: str
    of: Callable[[bytes], Iterable[bytes]]


# (the number of a log's last record, 0 where nothing was seen of it; a record that was asked for).
Newest = tuple[int, tuple[int, bytes] | None]


class Presence(Enum):
    ANY = "any"
    ABSENT = "absent"


ANY = Presence.ANY
ABSENT = Presence.ABSENT
Condition = Presence | Match


@dataclass(frozen=True)
class StorageOptions:
    """What a storage may need to be told beside its root.

    ``endpoint`` and ``region`` are an S3 store's; ``quote_etags`` false sends the ETag of a
    conditional write without its quotes (Ceph wants that).
    """

    endpoint: str | None = None
    region: str | None = None
    quote_etags: bool = True


@dataclass(frozen=True)
class Facts:
    """What a pointer document says of a package: the event that registered it, and its digest.

    A projection of the journal, kept so that one small read finds all. ``seq`` is None for a
    package that no event registers, and both are for one without a manifest. ``notes`` are what
    :meth:`Packages.annotate` was told last; ``retired`` packages keep their facts.
    """

    seq: int | None
    package_digest: str | None
    notes: Mapping[str, Any] = field(default_factory=dict)
    retired: bool = False


def outcome_unknown() -> StorageUnavailable:
    """The error of a write that may have taken effect: ``committed`` is there, and null."""
    return StorageUnavailable(
        "The storage failed while the change was being recorded, and cannot say whether it was. "
        "Look before sending it again, or send it with the same Idempotency-Key.",
        committed=None,
        retry_after_s=5,
    )
