"""What the verbs take and give: frozen values between the layers, dictionaries only at the edges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from .evidence import SignatureJudged
from .value import Value as Value

T = TypeVar("T")


class Warned(list[T]):
    """A list; ``warnings``: what whoever reads it must know."""

    def __init__(self, found: Iterable[T] = (), warnings: Iterable[str] = ()) -> None:
        super().__init__(found)
        self.warnings = list(warnings)


def _bare(digest: str | None) -> str | None:
    return digest and digest.removeprefix("sha256:")


class _WithFiles(Value):
    files: list[PackageFile]

    def to_dict(self) -> dict[str, Any]:
        """As :meth:`Value.to_dict`: there ``sha256`` is bare hex, as the name says."""
        fields = super().to_dict()
        for file in fields["files"]:
            file["sha256"] = _bare(file["sha256"])
        return fields


@dataclass(frozen=True)
class Registration(Value):
    """A version that has been taken in."""

    task: str
    model_name: str
    version: str
    package_path: str
    package_digest: str
    hashes: Annotated[dict[str, str], "Path -> SHA-256 of every file; over HTTP in bare hex."]
    alias_set: str | None
    created_at: str
    warnings: list[str] = field(default_factory=list)
    signatures: Annotated[list[SignatureJudged], "Of each file of the package that holds one."] = field(
        default_factory=list
    )

    def to_dict(self) -> dict[str, Any]:
        """As :meth:`Value.to_dict`: there the digests of ``hashes`` are bare hex, as clients compare them.

        ``signatures`` are there only if there are any.
        """
        fields = {**super().to_dict(), "hashes": {path: _bare(digest) for path, digest in self.hashes.items()}}
        return fields if fields["signatures"] else {name: fields[name] for name in fields if name != "signatures"}


@dataclass(frozen=True)
class Resolution(Value):
    """What a ref means now."""

    path: Annotated[str, "A directory or a URI."]
    task: str
    model_name: str
    version: str
    alias: Annotated[str | None, "null where the ref names a version."]
    package_digest: str | None
    verified: bool
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Description(Value):
    """All that is known about a version."""

    meta: Annotated[dict[str, Any], "Its model_meta.json, with tags, stage and description laid over it."]
    package_dir: Annotated[str | None, "null for whoever may read what is known of it, and not use it."]
    version: str
    aliases: list[str]
    tags: dict[str, Any]
    stage: str
    description: str | None
    package_digest: str | None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Promotion(Value):
    """An alias that now names ``version``."""

    alias: str
    version: str
    previous_version: str | None
    seq: Annotated[int | None, "The event's number in the journal; null in a dry run."]
    updated_at: str | None


@dataclass(frozen=True)
class Removal(Value):
    """An alias that is gone."""

    alias: str
    previous_version: Annotated[str | None, "What the alias named."]
    seq: int
    updated_at: str


@dataclass(frozen=True)
class Annotation(Value):
    """What is said about a version now, beside its package."""

    version: str
    tags: dict[str, Any]
    description: str | None
    stage: str
    seq: int
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class JournalProof(Value):
    """An intact journal."""

    events: Annotated[int, "How many there are."]
    head: Annotated[Head | None, "null if there is no event, and for whoever has not said who it is."]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Head(Value):
    """The end of a journal; keep it elsewhere, and later prove that the journal still extends it."""

    seq: int
    digest: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest}"


@dataclass(frozen=True)
class ModelPage(Value):
    """Versions of the catalogue as flat objects."""

    items: list[dict[str, Any]]
    total: Annotated[int | None, "How many there are in all, null while the catalogue is built."]
    next: Annotated[str | None, "The cursor of what follows, null at the end."]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TaskSummary(Value):
    """One task: its models, their versions, and the bytes of those."""

    task: str
    models: int
    versions: int
    bytes: int


@dataclass(frozen=True)
class StreamedEvent(Value):
    """An event of any model; ``id`` says where to go on after it."""

    id: str
    event: Event


@dataclass(frozen=True)
class CatalogState(Value):
    """How far the catalogue is built: ``models_done`` of ``models_total``."""

    ready: Annotated[bool, "Whether lists and searches are answered without waiting."]
    models_done: int
    models_total: int


@dataclass(frozen=True)
class Tombstone(Value):
    """A version that was deleted."""

    version: str
    package_digest: str | None
    deleted_at: str | None
    actor: str | None
    reason: str | None
    purged_at: Annotated[str | None, "null while it can be restored."]
    seq: int | None


@dataclass(frozen=True)
class Restoration(Value):
    """A deleted version that is back, its bytes proven."""

    version: str
    package_path: str
    package_digest: str | None
    seq: int
    updated_at: str


@dataclass(frozen=True)
class Verification(Value):
    """Every byte of a version is what it was when it was registered."""

    version: str
    files_checked: int
    bytes_checked: int
    package_digest: str
    duration_s: float
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Alias(Value):
    """An alias document."""

    alias: str
    version: str
    updated_at: str | None
    actor: str | None
    reason: str | None
    seq: Annotated[int | None, "null where older software wrote it."]


@dataclass(frozen=True)
class Event(Value):
    """One journal line, as history and the stream of events show it; ``registry_core/format/events.py`` says what
    each field means. A field that the event lacks is None.

    One thing in the journal is not for readers: the idempotency key with the digest of its request. It is the caller's
    handle and says nothing about the model; but who sees keys can guess the next one and use it up, and can try out
    against the digest which path or words a request had. ``more`` holds what this software does not know, because a
    later one wrote it: field by name.
    """

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
    set: dict[str, Any] | None = None
    created_at: str | None = None
    commit: str | None = None
    adopted: bool | None = None
    attempt: str | None = None
    prev: str | None = None
    repaired: str | None = None
    paths: list[str] | None = None
    lost_from: int | None = None
    lost_to: int | None = None
    shown_by: str | None = None
    more: dict[str, Any] | None = None
    unaliased: list[str] | None = None
    previous_seq: int | None = None
    document: str | None = None
    token: dict[str, Any] | None = None
    claimed_actor: str | None = None
    principal: dict[str, Any] | None = None
    owner: str | None = None
    signatures: list[dict[str, Any]] | None = None
    facts: dict[str, Any] | None = None
    gate: dict[str, Any] | None = None
    attestation: dict[str, Any] | None = None
    dismisses: int | None = None
    finding: dict[str, Any] | None = None
    policy: str | None = None
    checkpoint: dict[str, Any] | None = None


@dataclass(frozen=True)
class HistoryPage(Value):
    """Events of one model, or of the registry itself."""

    events: list[Event]
    next: Annotated[int | None, "What to send for more, as after or, newest first, as before; null at the end."]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PackageFile(Value):
    """One file of a package."""

    name: str
    sha256: Annotated[str | None, "Over HTTP in bare hex; null where an old manifest does not cover it."]
    size_bytes: Annotated[int | None, "null where the file is missing."]
    role: Annotated[str | None, "manifest: it names the others, and differs where any does. Else null."] = None


@dataclass(frozen=True)
class PackageListing(_WithFiles):
    """The files of a version. ``warnings``: what else lies in its package, and is no part of it."""

    version: str
    files: list[PackageFile]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Problem(Value):
    """One way a package differs from its manifest.

    ``kind``: missing, extra, changed, unreadable, or manifest (the manifest itself is wrong).
    """

    path: str
    kind: str
    expected: str | None = None
    actual: str | None = None


@dataclass(frozen=True)
class Admission(_WithFiles):
    """What a registration would meet. ``existing`` and ``files`` are those of the version that has the name, or had."""

    task: str
    model_name: str
    version: str
    is_taken: Annotated[bool, "Whether a version has this name, or had it: register would answer version_exists."]
    existing: Annotated[dict[str, Any] | None, "Its package digest, and when and by whom it was made."]
    files: Annotated[list[PackageFile], "Its own files, so that whoever has others need not read them."]
    longest_path: Annotated[
        int | None, "Bytes that the path of a file can have here; null: no limit but every registry's."
    ] = None
