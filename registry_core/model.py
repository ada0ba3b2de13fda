"""What the verbs take and give: frozen values between the layers, dictionaries only at the edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any


class _Value:
    def to_dict(self) -> dict[str, Any]:
        """The value as JSON types, with the field names of the HTTP contract."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class Registration(_Value):
    """A version that has been taken in. ``hashes``: path -> digest of every file."""

    task: str
    model_name: str
    version: str
    package_path: str
    package_digest: str
    hashes: dict[str, str]
    alias_set: str | None
    created_at: str


@dataclass(frozen=True)
class Resolution(_Value):
    """What a ref means now. ``path`` is a directory or a URI; ``alias`` is None for a version."""

    path: str
    task: str
    model_name: str
    version: str
    alias: str | None
    package_digest: str | None
    verified: bool
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Description(_Value):
    """All that is known about a version. ``meta`` is its ``model_meta.json``."""

    meta: dict[str, Any]
    package_dir: str
    version: str
    aliases: list[str]
    tags: dict[str, Any]
    stage: str
    description: str | None
    package_digest: str | None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Promotion(_Value):
    """An alias that now names ``version``; ``seq`` is the event's number in the journal."""

    alias: str
    version: str
    previous_version: str | None
    seq: int
    updated_at: str


@dataclass(frozen=True)
class Verification(_Value):
    """Every byte of a version is what it was when it was registered."""

    version: str
    files_checked: int
    bytes_checked: int
    package_digest: str
    duration_s: float
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Alias(_Value):
    """An alias document. ``seq`` is None where older software wrote it."""

    alias: str
    version: str
    updated_at: str | None
    actor: str | None
    reason: str | None
    seq: int | None


@dataclass(frozen=True)
class Event(_Value):
    """One journal line, as history shows it. Lines of older software are promotes."""

    seq: int
    event: str
    task: str | None
    model_name: str | None
    version: str | None
    alias: str | None
    previous_version: str | None
    actor: str | None
    reason: str | None
    ts_utc: str | None
    package_digest: str | None

    @classmethod
    def from_fields(cls, seq: int, fields: dict[str, Any]) -> "Event":
        known: dict[str, Any] = {name: fields.get(name) for name in cls.__dataclass_fields__}
        return cls(**{**known, "seq": seq, "event": fields.get("event") or "promote"})


@dataclass(frozen=True)
class HistoryPage(_Value):
    """Events, oldest first; ``next`` is what to send as ``after`` for more, None at the end."""

    events: list[Event]
    next: int | None


@dataclass(frozen=True)
class PackageFile(_Value):
    """One artifact. ``sha256`` is None where an old manifest does not cover it, ``size_bytes``
    where it is missing."""

    name: str
    sha256: str | None
    size_bytes: int | None


@dataclass(frozen=True)
class PackageListing(_Value):
    version: str
    files: list[PackageFile]


@dataclass(frozen=True)
class Problem(_Value):
    """One way a package differs from its manifest.

    ``kind``: missing, extra, changed, unreadable, or manifest (the manifest itself is wrong).
    """

    path: str
    kind: str
    expected: str | None = None
    actual: str | None = None


@dataclass(frozen=True)
class Finding(_Value):
    """One thing ``check`` noticed. ``severity``: damage, pending (a crash left it; the next change
    finishes it), or note (older software's, or abandoned staging)."""

    severity: str
    where: str
    message: str


@dataclass(frozen=True)
class CheckReport(_Value):
    """Journal, versions, aliases and state of a whole registry, compared."""

    models: int
    versions: int
    events: int
    findings: list[Finding]

    @property
    def is_clean(self) -> bool:
        return not any(finding.severity == "damage" for finding in self.findings)


@dataclass(frozen=True)
class SweepReport(_Value):
    """Models whose journal was finished, staging attempts removed, attempts left alone."""

    finished: list[str]
    removed: list[str]
    kept: list[str]


@dataclass(frozen=True)
class MigrationReport(_Value):
    """What a migration found at the source, and what of it had to be copied."""

    models: int
    versions: int
    versions_copied: int
    events_copied: int
    bytes_copied: int


@dataclass(frozen=True)
class Progress:
    """How far a register or verify has come."""

    bytes_done: int
    bytes_total: int
    files_done: int
    files_total: int


ProgressCallback = Callable[[Progress], None]
