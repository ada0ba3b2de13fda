"""A registry with a log, published by hand: events and notes as they are written, and what is done to journals."""

from __future__ import annotations

import json
from pathlib import Path

from registry_core import ModelRegistry
from registry_core.evidence import checkpoints, keys, log_tree, signed_note
from registry_core.evidence.log.checkpoints import OWN, Cover
from registry_core.evidence.log.index import LogIndex
from registry_core.evidence.log.log import Log
from registry_core.format.events import CHECKPOINT
from registry_core.format.layout import CHECKPOINT as NOTE
from registry_core.models.all_models import all_models
from registry_core.models.changes import Draft, change
from registry_core.models.registry_journal import RegistryJournal
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.vocabulary.texts import digest

from ...support.packages import open_registry, write_package

ORIGIN = "registry.lab.example/log"
Lines = list[dict[str, object]]


class Logged:
    """``root`` with two models, and whoever signs its log."""

    def __init__(self, area: Path) -> None:
        self.root = area / "root"
        self.root.mkdir()
        self.private = keys.new_ed25519()
        self.vkey = str(signed_note.verifier_of(ORIGIN, self.private.public))
        for name in ("m", "n"):
            for version in ("1", "2", "3"):
                self.registry.register("t", name, version, write_package(area / f"{name}{version}"))
        self._say({"event": checkpoints.says_key(checkpoints.INIT, signed_note.parse_vkey(self.vkey))})

    @property
    def registry(self) -> ModelRegistry:
        """Opened anew: it remembers nothing."""
        return open_registry(self.root)

    def journal(self, name: str = "m") -> Path:
        return self.root / f"tasks/t/models/{name}/audit/promotions.jsonl"

    def publish(self) -> bytes:
        """Everything is covered, and the note is signed and shown."""
        storage = FilesystemStorage(self.root)
        own = RegistryJournal(storage, 1.0)
        with LogIndex(None) as index:
            log = Log(own, index)
            said, frontier = log.follow(), log.frontier()
        covers, journals = list[Cover](), [(OWN, own.journal)]
        journals += [((model.keys.task, model.keys.model_name), model.journal) for model in all_models(storage, 1.0)]
        for name, journal in journals:
            after = said.covered.get(name, (0, ""))[0]
            lines = list(journal.lines(after))
            for line in lines:
                frontier.add(log_tree.leaf_hash(line.raw))
            if lines:
                covers.append(Cover(name, after, lines[-1].seq, digest(lines[-1].raw)))
        self._say({"event": checkpoints.says_tree(frontier.size, frontier.root(), covers)})
        text = signed_note.Checkpoint(ORIGIN, frontier.size, frontier.root()).text
        note = bytes(signed_note.sign(text, [(ORIGIN, self.private)]))
        storage.documents.write(NOTE, note)
        return note

    def _say(self, said: dict[str, dict[str, object]]) -> None:
        journal = RegistryJournal(FilesystemStorage(self.root), 1.0)
        change(journal, lambda: None, lambda _: Draft(CHECKPOINT, None, "log", None, own={"checkpoint": said["event"]}))


def lines_of(journal: Path) -> Lines:
    return [json.loads(line) for line in journal.read_bytes().splitlines()]


def write_lines(journal: Path, lines: Lines) -> None:
    """The lines with their numbers and all their links computed anew, as somebody would who has the disk."""
    written, before = list[bytes](), None
    for seq, fields in enumerate(lines, start=1):
        prev = digest(written[-1]) if written else before or digest(b"")
        data = {**fields, "seq": seq, "prev": prev}
        written.append(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode())
    journal.write_bytes(b"".join(line + b"\n" for line in written))
