"""The long model is a registry in either form: check is clean, versions verify, and it goes on like any other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.long_model import MODEL, TASK, Size, objects, write_tree
from benchmarks.verbs import Verb, verbs
from registry_core import ModelRegistry

from ..objectstore.simulated import Stored, store_in_use

SIZES = [Size(), Size(events=50), Size(versions=20), Size(files=30), Size(models=4, events=9)]


@contextmanager
def _opened(storage: str, size: Size, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if storage == "filesystem":
        (tmp_path / "root").mkdir()
        write_tree(tmp_path / "root", size)
        yield str(tmp_path / "root")
        return
    with store_in_use(monkeypatch) as store:
        store.objects.update({f"bucket/top/{key}": Stored(data, 1) for key, data in objects(size)})
        yield "s3://bucket/top"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("storage", ["filesystem", "object store"])
def test_it_is_a_registry(storage: str, size: Size, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _opened(storage, size, tmp_path, monkeypatch) as root:
        registry = ModelRegistry.open(root)
        report = registry.check()
        assert report.findings == []
        others = size.models - 1
        assert (report.models, report.versions) == (size.models, size.versions + others)
        assert len(registry.history(TASK, MODEL, limit=1000).events) == max(size.events, size.versions + 1)
        found = registry.resolve(TASK, f"{MODEL}@production")
        assert found.version in ("v1", "v2")
        assert len(registry.artifacts(TASK, f"{MODEL}@v3").files) == size.files + 2
        assert registry.resolve(TASK, f"{MODEL}@latest").version == f"v{size.versions}"


@pytest.mark.parametrize("storage", ["filesystem", "object store"])
def test_every_measured_verb_does_its_work(storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _opened(storage, Size(events=20), tmp_path, monkeypatch) as root:
        registry = ModelRegistry.open(root)
        for version in ("v1", "v2"):
            registry.promote(TASK, MODEL, "production", version)
        (tmp_path / "source").mkdir()
        (tmp_path / "source" / "file").write_bytes(b"x")
        for verb in verbs(registry, root, str(tmp_path / "source")).values():
            _three_times(verb)
        events = [event.event for event in registry.history(TASK, MODEL, after=22, limit=1000).events]
        counted = {event: events.count(event) for event in set(events)}
        assert (counted["register"], counted["rollback"]) == (9, 6)
        thrice = ("delete", "restore", "unalias", "tag", "stage")
        assert [counted[event] for event in thrice] == [3] * len(thrice)
        assert registry.check().findings == []


def _three_times(verb: Verb) -> None:
    for _ in range(3):
        verb.prepare()
        verb.call()
