"""E5: what a note covers is what was written, and whoever kept the note finds out if it is not; one past is signed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core import CoreSettings, LogBehind, LogCorrupt, ModelRegistry, NotInLog
from registry_core.evidence import log_tree, signed_note
from registry_core.format.layout import CHECKPOINT, REGISTRY_JOURNAL, ModelKeys
from registry_core.storage.contract import Storage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.texts import digest

from ..support.packages import write_files
from .test_gates import storage

__all__ = ["storage"]
MODELS = ("l", "m")
JOURNALS = {"": REGISTRY_JOURNAL, **{name: ModelKeys("t", name).journal for name in MODELS}}
Events = list[dict[str, Any]]


def opened(storage: Storage, home: Path) -> ModelRegistry:
    settings = CoreSettings(workers=1, log_key=str(home / "log.pem"))
    return ModelRegistry.open("memory://", storage=storage, settings=settings)


@pytest.fixture
def registry(storage: Storage, tmp_path: Path) -> ModelRegistry:
    """With a log that covers all but the last promote."""
    registry, source = opened(storage, tmp_path), write_files(tmp_path / "source", {"model.pt": b"x"})
    for name in MODELS:
        for version in ("1", "2"):
            registry.register("t", name, version, source)
    registry.log_init("models.lab.example")
    registry.log_publish()
    registry.promote("t", "m", "production", "1")
    registry.log_publish()
    registry.promote("t", "m", "production", "2")
    return registry


def kept(registry: ModelRegistry) -> tuple[bytes, list[str]]:
    return registry.log_checkpoint().encode(), [registry.log_vkey()]


def lines(storage: Storage, name: str) -> list[bytes]:
    return [raw for _, raw in storage.documents.records(JOURNALS[name])]


def test_E5_every_line_that_is_covered_is_proven_by_the_note_and_by_nothing_else(
    registry: ModelRegistry, storage: Storage
) -> None:
    note, vkeys = kept(registry)
    said = signed_note.signed_checkpoint(note, [signed_note.parse_vkey(vkeys[0])])
    covered = 0
    for name in JOURNALS:
        names = ("t", name) if name else (None, None)
        for seq, raw in enumerate(lines(storage, name), start=1):
            try:
                found = registry.log_proof(*names, seq=seq)
            except NotInLog:
                assert seq == len(lines(storage, name)), "only what came since the last checkpoint is not"
                continue
            covered += 1
            proof = [base64.b64decode(one) for one in found.proof]
            assert base64.b64decode(found.leaf) == raw
            assert log_tree.includes(found.index, said.size, log_tree.leaf_hash(raw), proof, said.root)
            assert not log_tree.includes(found.index, said.size, log_tree.leaf_hash(raw + b" "), proof, said.root)
    assert covered == said.size == 7


def reworded(events: Events) -> Events:
    return [{**events[0], "reason": "as if it had always been said"}, *events[1:]]


def exchanged(events: Events) -> Events:
    return [events[1], events[0], *events[2:]]


def shortened(events: Events) -> Events:
    return events[1:]


def cut(events: Events) -> Events:
    return events[:1]


def forged(storage: Storage, name: str, how: Callable[[Events], Events]) -> MemoryStorage:
    """A root whose journal is another one, with all its numbers and links made anew, so that its chain holds."""
    other = MemoryStorage()
    for of, key in JOURNALS.items():
        events = [json.loads(raw) for raw in lines(storage, of)]
        before = digest(b"")
        for seq, event in enumerate(how(events) if of == name else events, start=1):
            raw = json.dumps({**event, "seq": seq, "prev": before}, ensure_ascii=False, separators=(",", ":")).encode()
            other.documents.append(key, raw, seq)
            before = digest(raw)
    other.documents.write(CHECKPOINT, storage.documents.read(CHECKPOINT).data)
    return other


def test_E5_whoever_kept_a_note_finds_another_past(registry: ModelRegistry, storage: Storage, tmp_path: Path) -> None:
    note, vkeys = kept(registry)
    assert opened(forged(storage, "m", list), tmp_path).prove_log(note, vkeys).models == 2
    for name in JOURNALS:
        for how in (reworded, exchanged, shortened, cut):
            with pytest.raises(LogCorrupt):
                opened(forged(storage, name, how), tmp_path).prove_log(note, vkeys)


def test_E5_a_second_past_is_not_signed(registry: ModelRegistry, storage: Storage, tmp_path: Path) -> None:
    """Neither where the log was left as it was, nor where it was made anew so that all of the root agrees."""
    signed = (tmp_path / "log.pem.last").read_bytes()
    assert registry.log_checkpoint().encode() == signed
    for how in (reworded, exchanged, shortened, cut):
        other = forged(storage, "m", how)
        with pytest.raises(LogCorrupt):
            opened(other, tmp_path).log_publish()
        agreeing = forged(other, "", cut)
        with pytest.raises(LogBehind):
            opened(agreeing, tmp_path).log_publish()
        assert (tmp_path / "log.pem.last").read_bytes() == signed
        assert [json.loads(raw)["checkpoint"]["kind"] for raw in lines(agreeing, "")] == ["init"]
