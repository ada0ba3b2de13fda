"""What is told to whoever looks: what was, what is gone, where a version came from, and what is under way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from .answers import Value, Warned
from .progress import Progress
from .verbs import ModelName, Task


@dataclass(frozen=True)
class DeletedVersion(Value):
    """A version that is deleted now."""

    version: str
    deleted_at: str | None
    actor: Annotated[str | None, "Who deleted it."]
    reason: str | None
    restorable: Annotated[bool, "false once it was purged: then only its tombstone is left."]


@dataclass(frozen=True)
class Span(Value):
    """An alias named a version: from the moment ``since`` on, until just before ``until``.

    The two are equal where nobody can have seen it: a clock was wrong, and was set right.
    """

    alias: str
    version: str
    since: Annotated[str | None, "null: from before all times that the journal knows."]
    until: Annotated[str | None, "null: it names it still."]
    actor: Annotated[str | None, "Who made it name the version."]
    reason: str | None
    seq: Annotated[int | None, "The event that did; null where older software wrote it."]


@dataclass(frozen=True)
class SpanPage(Value):
    """What aliases named, the oldest first."""

    spans: list[Span]
    complete_since: Annotated[str | None, "From this moment on no span is missing; null: none is."]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Relative(Value):
    """A version that another was made of, or that was made of it."""

    version: str
    is_there: Annotated[bool, "Whether the model has it: it may be deleted, or be meant of another model."]
    created_at: Annotated[str | None, "null where that is not told."] = None


@dataclass(frozen=True)
class Lineage(Value):
    """From what a version was made, as its metadata says, and what was made of it."""

    version: str
    parents: list[Relative]
    children: Annotated[list[Relative], "The last made first, at most 100."]
    dataset: Any
    code: Any
    run_id: str | None
    provenance: Annotated[dict[str, Any], "All of it, as a comparison has it."]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class OperationFacts(Value):
    """A long call, without what came of it."""

    operation_id: str
    verb: str
    state: Annotated[str, "running, succeeded, failed or interrupted."]
    progress: Progress
    about: Annotated[dict[str, Any], "What was asked for: task, and model_name and version, or ref."]
    error: Annotated[str | None, "The code of the problem, where it has failed."]
    created_at: str
    updated_at: str


@dataclass(frozen=True)
class UploadFacts(Value):
    """An upload session, without its files."""

    upload_id: str
    task: str
    model_name: str
    actor: str | None
    created_at: str | None
    active_at: Annotated[str, "When something of it was last sent."]
    expires_at: str


UnderWay = Annotated[int, "At most so many, 1 to 100."]


class VerbsOfLooking(Protocol):
    """What ``ModelRegistry`` and ``RegistryClient`` have in common beside ``Verbs``."""

    def list_deleted(self, task: Task, model_name: ModelName) -> Warned[DeletedVersion]:
        """The versions that are deleted now, the last deleted first; at most 1,000, and ``warnings`` say so.

        Raises ``ModelNotFound``.
        """
        ...

    def alias_spans(
        self,
        task: Task,
        model_name: ModelName,
        alias: Annotated[str | None, "Only what this alias named."] = None,
        limit: Annotated[int, "Of the newest moves of aliases so many, 1 to 1000."] = 300,
    ) -> SpanPage:
        """What each alias named, from when to when, as ``as_of`` means it; with what each named before those moves.

        By the catalogue where that is there, else by the journal; a reason ends after 1000 characters then.

        Raises ``ModelNotFound``, ``InvalidParameter``.
        """
        ...

    def list_operations(self, limit: UnderWay = 100) -> Warned[OperationFacts]:
        """The long calls of this root that are under way or have ended lately, the last that moved first.

        One's own; an admin's are all. Raises ``InvalidParameter``, ``StorageError``.
        """
        ...

    def list_uploads(self, limit: UnderWay = 100) -> Warned[UploadFacts]:
        """The upload sessions of this root, the last sent to first. Whose, and what it raises, as of operations."""
        ...
