"""The log as its keeper has it: begun, published, with a new key, begun anew; and what an outsider sees of that."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import InvalidParameter, LogNotSet, ModelRegistry, NotConfigured
from registry_core.settings import CoreSettings

from ...support.packages import open_registry, write_package

ORIGIN = "registry.lab.example/log"


@pytest.fixture
def kept(tmp_path: Path) -> ModelRegistry:
    (tmp_path / "root").mkdir()
    registry = opened(tmp_path)
    registry.register("t", "m", "1", write_package(tmp_path / "1"))
    return registry


def opened(area: Path, root: str = "root") -> ModelRegistry:
    return ModelRegistry.open(settings=CoreSettings(root=str(area / root), log_key=str(area / "key.pem")))


def note_of(registry: ModelRegistry) -> bytes:
    note = registry.log_publish().note
    assert note is not None
    return note.encode()


def test_what_is_new_is_covered_once(kept: ModelRegistry) -> None:
    with pytest.raises(LogNotSet):
        kept.log_publish()
    begun = kept.log_init(ORIGIN)
    assert kept.log_vkey() == begun.vkey
    first = kept.log_publish()
    assert (first.events, first.note) == (1, kept.log_checkpoint())
    assert kept.log_publish().to_dict() == {"size": first.size, "events": 0, "note": first.note}
    with pytest.raises(InvalidParameter):
        kept.log_init("another.example")


def test_without_a_key_nothing_is_begun(tmp_path: Path) -> None:
    registry = open_registry(tmp_path)
    for call in (lambda: registry.log_init(ORIGIN), registry.log_publish, registry.log_rotate):
        with pytest.raises(NotConfigured):
            call()


def test_a_published_log_is_nothing_strange_to_check(kept: ModelRegistry) -> None:
    kept.log_init(ORIGIN)
    kept.log_publish()
    assert kept.check().findings == []


def test_an_outsider_goes_on_over_a_rotation(kept: ModelRegistry, tmp_path: Path) -> None:
    old_key, old = kept.log_init(ORIGIN).vkey, note_of(kept)
    new_key = kept.log_rotate(reason="a year is over").vkey
    assert new_key == kept.log_vkey() != old_key
    between = kept.log_checkpoint().encode()
    kept.promote("t", "m", "production", "1")
    new = note_of(kept)
    assert kept.prove_log(old, [old_key, new_key]).checkpoint == new.decode()
    assert kept.prove_log(between, [new_key]).checkpoint == kept.prove_log(between, [old_key, new_key]).checkpoint
    kept.export_log(tmp_path / "export")
    assert open_registry(tmp_path / "export").prove_log(old, [old_key, new_key]).origin == ORIGIN


def test_a_restart_needs_a_reason_and_another_name(kept: ModelRegistry) -> None:
    kept.log_init(ORIGIN)
    kept.log_publish()
    for origin, reason in ((ORIGIN, "lost"), ("another.example", None)):
        with pytest.raises(InvalidParameter):
            kept.log_restart(origin, reason=reason)
    kept.log_restart("another.example", reason="lost")
    again = note_of(kept)
    assert again.startswith(b"another.example\n")
    assert kept.prove_log(again, [kept.log_vkey()]).origin == "another.example"


def test_a_copy_has_the_history_and_no_key(kept: ModelRegistry, tmp_path: Path) -> None:
    vkey, note = kept.log_init(ORIGIN).vkey, note_of(kept)
    (tmp_path / "copy").mkdir()
    copy = open_registry(tmp_path / "copy")
    kept.migrate_to(copy)
    assert copy.prove_log(note, [vkey]).checkpoint == copy.log_checkpoint() == note.decode()
    assert copy.log_proof("t", "m", seq=1).size == int(note.split(b"\n")[1])
    assert copy.check().findings == []
    kept.promote("t", "m", "production", "1")
    kept.log_publish()
    kept.promote("t", "m", "production", "1")
    kept.migrate_to(copy)
    assert copy.log_checkpoint() == kept.log_checkpoint() != note.decode()
    assert copy.check().findings == []
    with pytest.raises(NotConfigured):
        copy.log_publish()
