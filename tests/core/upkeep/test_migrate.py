"""A registry arrives whole on another storage, and a second run only adds what is new."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import CoreSettings, DestinationDiffers, JournalCorrupt, ModelRegistry, PackageCorrupt
from registry_core.storage.memory.root import MemoryStorage

from . import governed


def _package(directory: Path, **files: bytes) -> Path:
    for name, data in files.items():
        target = directory / name.replace("__", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return directory


@pytest.fixture
def source(tmp_path: Path) -> ModelRegistry:
    root = tmp_path / "source"
    root.mkdir()
    registry = ModelRegistry.open(root, settings=CoreSettings())
    first = _package(tmp_path / "first", weights=b"w" * 100_000, labels__map=b"{}")
    second = _package(tmp_path / "second", weights=b"v" * 100_000)
    registry.register("celltype", "pbmc", "1.0.0", first, {"metrics": {"accuracy": 0.9}})
    registry.register("celltype", "pbmc", "1.1.0", second)
    registry.promote("celltype", "pbmc", "production", "1.0.0", actor="ada", reason="reviewed")
    registry.register("segmentation", "nuclei", "2", first, set_alias=None)
    return registry


def _memory() -> ModelRegistry:
    return ModelRegistry.open("memory://", storage=MemoryStorage(), settings=CoreSettings())


def _tree(root: Path) -> dict[str, bytes]:
    """Every file of a registry but locks and staging."""
    found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if not name.endswith(".lock") and ".staging" not in name}


def test_there_and_back_again_is_the_same_tree(source: ModelRegistry, tmp_path: Path) -> None:
    between, back = _memory(), tmp_path / "back"
    back.mkdir()
    target = ModelRegistry.open(back, settings=CoreSettings())
    report = source.migrate_to(between)
    assert (report.models, report.versions, report.versions_copied, report.events_copied) == (2, 3, 3, 4)
    assert between.check().findings == []
    assert between.resolve("celltype", "pbmc@production").version == "1.0.0"
    between.migrate_to(target)
    assert target.check().findings == []
    assert _tree(back) == _tree(tmp_path / "source")


def test_where_a_journal_s_lines_are_found_stays_where_it_is(source: ModelRegistry, tmp_path: Path) -> None:
    index = tmp_path / "source/tasks/celltype/models/pbmc/.index"
    index.mkdir()
    (index / f"0-70000-{'0' * 64}").write_bytes(b"of another journal")
    target = tmp_path / "target"
    target.mkdir()
    source.migrate_to(ModelRegistry.open(target, settings=CoreSettings()))
    assert not list(target.rglob(".index"))
    assert source.check().findings == source.sweep().refused == []


def test_a_second_run_adds_only_what_is_new(source: ModelRegistry, tmp_path: Path) -> None:
    target = _memory()
    source.migrate_to(target)
    again = source.migrate_to(target)
    assert (again.versions_copied, again.events_copied, again.bytes_copied) == (0, 0, 0)
    source.register("celltype", "pbmc", "1.2.0", _package(tmp_path / "third", weights=b"u"))
    later = source.migrate_to(target)
    assert (later.versions_copied, later.events_copied) == (1, 1)
    assert target.resolve("celltype", "pbmc@latest").version == "1.2.0"


def test_a_damaged_source_is_refused_and_what_is_whole_can_follow(source: ModelRegistry, tmp_path: Path) -> None:
    weights = Path(source.resolve("celltype", "pbmc@1.1.0").path) / "weights"
    whole = weights.read_bytes()
    weights.chmod(0o644)
    weights.write_bytes(b"x" + whole[1:])
    target = _memory()
    with pytest.raises(PackageCorrupt) as refused:
        source.migrate_to(target)
    assert [problem["path"] for problem in refused.value.detail["problems"]] == ["weights"]
    assert target.check().is_clean
    weights.write_bytes(whole)
    source.migrate_to(target)
    assert target.verify("celltype", "pbmc@1.1.0").files_checked == 2
    assert target.sweep(0).removed == []


def test_another_history_is_never_mixed_in(source: ModelRegistry, tmp_path: Path) -> None:
    target = _memory()
    target.register("celltype", "pbmc", "0.1", _package(tmp_path / "other", weights=b"o"))
    with pytest.raises(DestinationDiffers) as refused:
        source.migrate_to(target, merge=True)
    assert refused.value.detail == {"task": "celltype", "model_name": "pbmc"}
    assert [event.version for event in target.history("celltype", "pbmc").events] == ["0.1"]


def test_other_bytes_under_the_same_version_are_refused(source: ModelRegistry, tmp_path: Path) -> None:
    target = _memory()
    target.register("celltype", "pbmc", "1.0.0", _package(tmp_path / "other", weights=b"o"))
    with pytest.raises(DestinationDiffers) as refused:
        source.migrate_to(target, merge=True)
    assert refused.value.detail == {"task": "celltype", "model_name": "pbmc", "version": "1.0.0"}
    assert target.verify("celltype", "pbmc@1.0.0").files_checked == 2


def test_older_software_s_files_come_along_as_they_are(tmp_path: Path) -> None:
    root = tmp_path / "old"
    model = root / "tasks/celltype/models/human pbmc"
    version = _package(model / "versions/v1", weights=b"w", **{"model_meta.json": b"{}"})
    digest = "50e721e49c013f00c62cf59f2163542a9d8df02464efeb615d31051b0fddc326"
    (version / "sha256sums.txt").write_text(f"{digest}  weights\n")
    _package(model, **{"aliases__latest.json": b'{"version": "v1"}', "ownership.json": b'{"organization_id": "o"}'})
    _package(model, **{"audit__promotions.jsonl": b'{"alias": "latest", "version": "v1"}\n'})
    target = tmp_path / "new"
    target.mkdir()
    between = _memory()
    ModelRegistry.open(root, settings=CoreSettings()).migrate_to(between)
    assert between.verify("celltype", "human pbmc@latest").warnings
    between.migrate_to(ModelRegistry.open(target, settings=CoreSettings()))
    assert _tree(target) == _tree(root)


def test_whatever_befell_a_version_comes_along_and_later_changes_follow(tmp_path: Path) -> None:
    root, back, sources = tmp_path / "root", tmp_path / "back", tmp_path / "sources"
    root.mkdir()
    back.mkdir()
    source = ModelRegistry.open(root, settings=CoreSettings())
    target = ModelRegistry.open(back, settings=CoreSettings())
    between = _memory()
    governed.fill(source, root, sources)
    governed.judge(source, sources, more=False)
    for more in (False, True):
        if more:
            governed.change_more(source)
        source.migrate_to(between)
        governed.judge(between, sources, more=more)
        between.migrate_to(target)
        governed.judge(target, sources, more=more)
        assert _tree(back) == _tree(root)
        again = source.migrate_to(between)
        assert (again.versions_copied, again.events_copied) == (0, 0)
    target.restore("celltype", "pbmc", "restored")
    assert target.verify("celltype", "pbmc@restored").files_checked == 3


def test_a_damaged_journal_is_refused_before_it_is_torn(source: ModelRegistry, tmp_path: Path) -> None:
    journal = tmp_path / "source/tasks/celltype/models/pbmc/audit/promotions.jsonl"
    whole = journal.read_bytes()
    lines = whole.split(b"\n")
    journal.write_bytes(b"\n".join([lines[0], b"no event", *lines[1:]]))
    target = _memory()
    with pytest.raises(PackageCorrupt, match="Line 2 of the journal"):
        source.migrate_to(target)
    journal.write_bytes(whole)
    source.migrate_to(target)
    assert target.check().findings == []


def test_a_journal_that_has_lost_its_end_is_refused(source: ModelRegistry, tmp_path: Path) -> None:
    journal = tmp_path / "source/tasks/celltype/models/pbmc/audit/promotions.jsonl"
    whole = journal.read_bytes()
    target = _memory()
    for short in (b"", b"".join(whole.splitlines(keepends=True)[:-1]), whole[:-9]):
        journal.write_bytes(short)
        with pytest.raises(JournalCorrupt, match="omr repair journal celltype pbmc --accept-loss"):
            source.migrate_to(target)
    assert target.check().models == 0
    journal.write_bytes(whole)
    source.migrate_to(target)
    assert target.check().findings == []
