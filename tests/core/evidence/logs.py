"""A registry with a log: its journals, its key, and what is kept of both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry_core.evidence import publishing, signed_note
from registry_core.evidence.log.index import LogIndex
from registry_core.evidence.log.key import LogKey
from registry_core.evidence.log.log import Log
from registry_core.evidence.log.signed_note import Checkpoint
from registry_core.format.layout import CHECKPOINT, REGISTRY_JOURNAL, ModelKeys
from registry_core.models.changes import Draft, change
from registry_core.models.model import ModelStore
from registry_core.models.registry_journal import RegistryJournal
from registry_core.storage import Storage
from registry_core.vocabulary.texts import digest

ORIGIN = "models.lab.example"
NOBODY = publishing.By()


@dataclass
class Logged:
    """``home`` has the key, the last note, and the index; all beside the storage."""

    storage: Storage
    home: Path
    index: Path | None = field(init=False)

    def __post_init__(self) -> None:
        self.index = self.home / "kept" / "log.sqlite"

    @property
    def key(self) -> LogKey:
        return LogKey(self.home / "log.pem", self.home / "log.pem.last", 10.0)

    @contextmanager
    def log(self, upto: int | None = None) -> Iterator[Log]:
        with LogIndex(self.index) as index:
            yield Log(RegistryJournal(self.storage, 10.0), index, upto=upto)

    def init(self, origin: str = ORIGIN) -> int:
        with self.log() as log:
            return publishing.init(log, self.key, origin, NOBODY)

    def publish(self) -> int:
        """How many events it took."""
        with self.log() as log:
            return publishing.publish(log, self.key, NOBODY)[1]

    def rotate(self) -> int:
        with self.log() as log:
            return publishing.rotate(log, self.key, NOBODY)

    def restart(self, origin: str) -> int:
        with self.log() as log:
            return publishing.restart(log, self.key, origin, publishing.By("ada", "the disk burnt"))

    def change(self, model: str = "m", times: int = 1) -> None:
        """The model has so many events more."""
        for _ in range(times):
            store = ModelStore(self.storage, "t", model, 10.0)
            change(store, lambda: None, lambda _: Draft("own", None, "ada", None, own={"owner": None}))

    def note(self) -> bytes:
        return self.storage.documents.read(CHECKPOINT).data

    def said(self) -> Checkpoint:
        return signed_note.checkpoint_of(signed_note.parse(self.note()))

    def lines(self, model: str | None = None) -> list[bytes]:
        """The raw lines of the model's journal, or of the registry's own."""
        key = REGISTRY_JOURNAL if model is None else ModelKeys("t", model).journal
        return [raw for _, raw in self.storage.documents.records(key)]

    def events(self) -> list[dict[str, Any]]:
        """What the registry's journal says of checkpoints."""
        lines = RegistryJournal(self.storage, 1.0).journal.lines()
        return [dict(line.get("checkpoint")) for line in lines if line.get("event") == "checkpoint"]

    def rewrite(self, root: Path, how: Callable[[list[dict[str, Any]]], None], model: str | None = "m") -> None:
        """The journal below the root is another one, with all its links made anew, so that its chain is whole."""
        path = root / (REGISTRY_JOURNAL if model is None else ModelKeys("t", model).journal)
        events = [json.loads(raw) for raw in path.read_bytes().splitlines()]
        how(events)
        lines, prev = list[bytes](), digest(b"")
        for seq, event in enumerate(events, start=1):
            lines.append(json.dumps({**event, "seq": seq, "prev": prev}).encode())
            prev = digest(lines[-1])
        path.write_bytes(b"".join(line + b"\n" for line in lines))
