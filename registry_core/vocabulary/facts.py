"""What the files of a version are, read without running anything: what the verbs take and tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from .value import Value
from .verbs import Actor, Reason, Ref, Task

NONE, DATA_ONLY, UNREADABLE, CODE = "none", "data_only", "unreadable", "code"
LOADS = (NONE, DATA_ONLY, UNREADABLE, CODE)  # each worse than those before it
LOAD = "load"  # of the facts, the one that lists are filtered by


@dataclass(frozen=True)
class FileFacts(Value):
    """What one file is, and what loading it may do."""

    path: str
    format: Annotated[str, "safetensors, gguf, onnx, npy, npz, torch, pickle, text, code, binary, zip, hdf5 or rds."]
    load: Annotated[str, "none, data_only, unreadable or code: each worse than those before it."]
    why: Annotated[str | None, "What makes it unreadable or code."] = None


@dataclass(frozen=True)
class FactsOfVersion(Value):
    """What the files of a version are. ``load``: the worst of them; null where nobody has read them."""

    task: str
    model_name: str
    version: str
    load: Annotated[str | None, "none, data_only, unreadable or code, the worst of its files; null: not read yet."]
    extractor: Annotated[int | None, "By which form of the rules they were read."]
    formats: Annotated[dict[str, int], "How many files are of each format."]
    because: Annotated[list[dict[str, Any]], "Some of the files that make it unreadable or code: path, format, why."]
    seq: Annotated[int | None, "The event that says so."]
    ts_utc: Annotated[str | None, "When that was."]
    files: Annotated[list[FileFacts] | None, "Each file, where it was asked for: as it lies there now."] = None
    warnings: list[str] = field(default_factory=list)


class VerbsOfFacts(Protocol):
    """What ``ModelRegistry`` and ``RegistryClient`` have in common about what files are."""

    def facts(
        self,
        task: Task,
        ref: Ref,
        *,
        details: Annotated[bool, "Read the files again, and say of each what it is; no event is made of it."] = False,
    ) -> FactsOfVersion:
        """What the last event says of the version's files. Raises ``InvalidRef``, ``NotFound``, ``StorageError``."""
        ...

    def refresh_facts(self, task: Task, ref: Ref, *, actor: Actor = None, reason: Reason = None) -> FactsOfVersion:
        """The files were read again, and one event says what they are: from now on that counts.

        Raises as :meth:`facts`, and ``PackageCorrupt`` and ``InvalidParameter``; then nothing was changed.
        """
        ...
