"""The generated registry is one: check is clean, versions verify, and it can be changed like any other."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.generate import Generated, generate
from benchmarks.pages import measure
from benchmarks.sections.catalogue import walk
from registry_core import ModelRegistry

from ..support.machine import remove_tree
from ..support.servers import gunicorn

MODELS, VERSIONS = 6, 40


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Generated]]:
    root = tmp_path_factory.mktemp("generated") / "root"
    done = generate(root, MODELS, VERSIONS, workers=2)
    yield root, done
    remove_tree(root)


def _digest_of(root: Path) -> str:
    sha = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        sha.update(f"{path.relative_to(root)} {path.stat().st_mode:o}\n".encode())
        if path.is_file() and path.name != "model.pt":
            sha.update(path.read_bytes())
    return sha.hexdigest()


def test_check_is_clean(generated: tuple[Path, Generated]) -> None:
    root, done = generated
    report = ModelRegistry.open(root).check()
    assert report.findings == []
    assert (report.models, report.versions, report.events) == (MODELS, MODELS * VERSIONS, done.events)


def test_versions_verify_and_aliases_resolve(generated: tuple[Path, Generated]) -> None:
    root, _ = generated
    registry = ModelRegistry.open(root)
    for model in sorted(root.glob("tasks/*/models/*")):
        task, name = model.parents[1].name, model.name
        aliases = {alias.alias: alias.version for alias in registry.list_aliases(task, name)}
        assert aliases.keys() == {"latest", "staging", "production"}
        for alias, version in aliases.items():
            assert registry.resolve(task, f"{name}@{alias}").version == version
        version = registry.show(task, f"{name}@latest")
        assert version.meta["metrics"] == json.loads(
            (model / "versions" / version.version / "metrics.json").read_text()
        )
        subprocess.run(
            ["sha256sum", "-c", "--strict", "--quiet", "sha256sums.txt"], cwd=version.package_dir, check=True
        )


def test_it_goes_on_like_any_other(tmp_path: Path) -> None:
    root = tmp_path / "root"
    generate(root, 1, 12, workers=1)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "model.pt").write_bytes(b"weights")
    registry = ModelRegistry.open(root)
    model = next(root.glob("tasks/*/models/*"))
    task, name = model.parents[1].name, model.name
    registry.register(task, name, "newest", tmp_path / "source")
    registry.promote(task, name, "production", "newest")
    assert registry.check().findings == []


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    digests = []
    for name, seed, workers in (("a", 7, 1), ("b", 7, 2), ("c", 8, 1)):
        generate(tmp_path / name, 3, 12, seed=seed, workers=workers)
        digests.append(_digest_of(tmp_path / name))
    assert digests[0] == digests[1] != digests[2]


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep")
    with pytest.raises(SystemExit, match="not empty"):
        generate(tmp_path, 1, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_pages_are_measured_and_the_walk_reads_every_document(generated: tuple[Path, Generated]) -> None:
    root, _ = generated
    assert walk(root) == sum(path.stat().st_size for path in root.glob("tasks/*/models/*/versions/*/model_meta.json"))
    with gunicorn(root, workers=1) as server:
        found = measure({"health": [f"{server.url}/health"]}, requests=5)
        assert 0 < found["health"].p50_s <= found["health"].p99_s
        with pytest.raises(SystemExit, match="404"):
            measure({"nothing": [f"{server.url}/v1/nothing"]}, requests=1)
