"""Alias documents: what they say, older software's and removed ones included, and that a newer one is never undone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core import Alias, CoreSettings, ModelRegistry, PackageCorrupt
from registry_core.format.layout import ModelKeys
from registry_core.models.journal import MOVES, Journal
from registry_core.models.model import aliases as module
from registry_core.storage.memory.root import MemoryStorage

from ...support.packages import write_files

KEYS = ModelKeys("t", "m")
texts = st.none() | st.text(st.characters(exclude_categories=("Cs",)), max_size=10)


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def registry(storage: MemoryStorage, tmp_path: Path) -> ModelRegistry:
    registry = ModelRegistry.open("memory://", storage=storage, settings=CoreSettings())
    for version in ("1", "2"):
        registry.register("t", "m", version, write_files(tmp_path / version, {"model.pt": version.encode()}))
    return registry


def document(storage: MemoryStorage, alias: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(storage.state.documents[KEYS.alias(alias)])
    return found


@given(st.text(max_size=5), texts, texts, texts, st.none() | st.integers(1))
def test_what_a_document_says_is_read(
    version: str, updated_at: str | None, actor: str | None, reason: str | None, seq: int | None
) -> None:
    fields = {"version": version, "updated_at": updated_at, "actor": actor, "reason": reason, "seq": seq}
    assert module.parse(KEYS, "a", json.dumps(fields).encode()) == Alias("a", version, updated_at, actor, reason, seq)
    older = {name: value for name, value in fields.items() if name != "seq"}
    assert module.parse(KEYS, "a", json.dumps(older).encode()) == Alias("a", version, updated_at, actor, reason, None)


def test_a_document_that_names_no_version_is_a_removed_alias() -> None:
    assert module.parse(KEYS, "a", b'{"version": null, "seq": 7}') == 7


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"version": 1}', b"null", b'"x"', b"[" * 100_000, b"\xff"])
def test_a_damaged_document_is_named(data: bytes) -> None:
    with pytest.raises(PackageCorrupt) as caught:
        module.parse(KEYS, "a", data)
    assert caught.value.detail["problems"][0]["path"] == "aliases/a.json"


def test_a_promotion_is_shown_by_the_document_of_its_event(registry: ModelRegistry, storage: MemoryStorage) -> None:
    promotion = registry.promote("t", "m", "production", "1", actor="ada", reason="reviewed")
    assert document(storage, "production") == {
        "task": "t",
        "model_name": "m",
        "alias": "production",
        "version": "1",
        "updated_at": promotion.updated_at,
        "actor": "ada",
        "reason": "reviewed",
        "seq": promotion.seq,
    }
    assert registry.list_aliases("t", "m")[1] == Alias(
        "production", "1", promotion.updated_at, "ada", "reviewed", promotion.seq
    )


def test_only_documents_are_aliases(registry: ModelRegistry, storage: MemoryStorage) -> None:
    for name in ("latest.json.tmp", "README", ".json", "nested/deep.json"):
        storage.state.documents[f"{KEYS.aliases}/{name}"] = b"{}"
    assert [name for name in module.names(storage, KEYS) if name] == ["latest"]
    assert [alias.alias for alias in registry.list_aliases("t", "m")] == ["latest"]


def test_what_a_crash_left_is_finished_by_the_next_change(registry: ModelRegistry, storage: MemoryStorage) -> None:
    before = storage.state.documents[KEYS.alias("latest")]
    registry.promote("t", "m", "latest", "1")
    storage.state.documents[KEYS.alias("latest")] = before  # as if the process had died after the append
    assert registry.resolve("t", "m@latest").version == "2"
    assert registry.recover() == ["t/m"]
    assert registry.resolve("t", "m@latest").version == "1"


def test_a_document_with_a_higher_seq_is_never_written_over(registry: ModelRegistry, storage: MemoryStorage) -> None:
    registry.promote("t", "m", "latest", "1")
    ahead = {**document(storage, "latest"), "version": "2", "seq": 99}
    storage.state.documents[KEYS.alias("latest")] = json.dumps(ahead).encode()
    registry.recover()
    assert document(storage, "latest") == ahead


@pytest.mark.parametrize(("updated_at", "wins"), [("1999-01-01T00:00:00+00:00", "ours"), ("2999-01-01", "theirs")])
def test_where_older_software_wrote_the_document_the_later_one_stands(
    registry: ModelRegistry, storage: MemoryStorage, updated_at: str, wins: str
) -> None:
    """Its journal line may be missing: it writes the document first."""
    registry.promote("t", "m", "latest", "1")
    older = {"alias": "latest", "version": "2", "updated_at": updated_at}
    storage.state.documents[KEYS.alias("latest")] = json.dumps(older).encode()
    registry.recover()
    assert registry.resolve("t", "m@latest").version == ("1" if wins == "ours" else "2")
    registry.promote("t", "m", "latest", "1")  # a caller's own change always shows
    assert registry.resolve("t", "m@latest").version == "1"


def test_a_damaged_document_is_mended_by_a_promotion(registry: ModelRegistry, storage: MemoryStorage) -> None:
    registry.promote("t", "m", "production", "1")
    storage.state.documents[KEYS.alias("latest")] = b"garbage"
    with pytest.raises(PackageCorrupt):
        registry.resolve("t", "m@latest")
    listed = [(alias.alias, alias.version) for alias in registry.list_aliases("t", "m")]
    assert listed == [("latest", "2"), ("production", "1")]  # as the journal says
    promotion = registry.promote("t", "m", "latest", "1", expected_version="2")  # the journal knows where it was
    assert promotion.previous_version == "2"
    assert registry.resolve("t", "m@latest").version == "1"


@given(st.sets(st.sampled_from(["latest", "staging", "production", "best"])))
def test_the_stage_is_the_stronger_alias(pointing: set[str]) -> None:
    expected = "production" if "production" in pointing else "staging" if "staging" in pointing else "none"
    assert module.stage_of(sorted(pointing)) == expected


def test_an_alias_is_what_its_events_have_left(registry: ModelRegistry, storage: MemoryStorage) -> None:
    journal = Journal(storage, KEYS.journal)
    moved = registry.promote("t", "m", "best", "1", actor="ada")
    assert module.left_by(journal.newest(MOVES, "best"), "best") == Alias(
        "best", "1", moved.updated_at, "ada", None, moved.seq
    )
    registry.unalias("t", "m", "best")
    assert module.left_by(journal.newest(MOVES, "best"), "best") is None
