"""Whoever is given what a package holds is given what was registered, or an error that names the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import ArtifactNotFound, ModelRegistry, PackageCorrupt

from ...support.old_registry import OldRegistry
from ...support.packages import open_registry, write_files

Ask = Callable[[ModelRegistry], object]

OF_THE_MANIFEST: dict[str, Ask] = {
    "artifacts": lambda registry: registry.artifacts("t", "m@1"),
    "compare": lambda registry: registry.compare("t", "m", ["1", "2"]),
    "metrics": lambda registry: registry.metrics("t", "m@1"),
    "file": lambda registry: registry.file("t", "m@1", "deep/labels.json"),
    "files": lambda registry: registry.files("t", "m@1"),
    "snapshot": lambda registry: registry.snapshot("t", "m", "1").files(),
}
OF_ALL: dict[str, Ask] = {name: OF_THE_MANIFEST[name] for name in ("files", "snapshot")}
OF_METRICS: dict[str, Ask] = {name: OF_THE_MANIFEST[name] for name in ("compare", "metrics")}
OF_METADATA: dict[str, Ask] = OF_METRICS | OF_ALL


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    files = {"model.pt": b"weights", "deep/labels.json": b'{"0": "B"}', "metrics.json": b'{"f1": 0.5}'}
    source = write_files(tmp_path / "source", files)
    (tmp_path / "root").mkdir()
    registry = open_registry(tmp_path / "root")
    for version in ("1", "2"):
        registry.register("t", "m", version, source, {"note": "as registered"})
    return registry


@pytest.fixture
def package(registry: ModelRegistry, tmp_path: Path) -> Path:
    return tmp_path / "root" / "tasks" / "t" / "models" / "m" / "versions" / "1"


def change(path: Path, data: bytes | None) -> None:
    for one in (path, path.parent):
        one.chmod(one.stat().st_mode | 0o200)
    path.write_bytes(data) if data is not None else path.unlink()


def assert_damaged(registry: ModelRegistry, ask: Ask, path: str) -> None:
    with pytest.raises(PackageCorrupt) as refused:
        ask(registry)
    assert [problem["path"] for problem in refused.value.detail["problems"]] == [path]


@pytest.mark.parametrize("is_gone", [False, True])
@pytest.mark.parametrize("ask", OF_THE_MANIFEST.values(), ids=OF_THE_MANIFEST)
def test_a_manifest_is_the_one_that_was_registered(
    registry: ModelRegistry, package: Path, ask: Ask, is_gone: bool
) -> None:
    ask(registry)
    manifest = package / "sha256sums.txt"
    change(manifest, None if is_gone else manifest.read_bytes()[:-1] + b"x\n")
    assert_damaged(registry, ask, "sha256sums.txt")


@pytest.mark.parametrize("data", [b'{"f1": 0.9}', b"", None])
@pytest.mark.parametrize("ask", OF_METRICS.values(), ids=OF_METRICS)
def test_metrics_are_those_that_were_registered(
    registry: ModelRegistry, package: Path, ask: Ask, data: bytes | None
) -> None:
    change(package / "metrics.json", data)
    assert_damaged(registry, ask, "metrics.json")


def test_metrics_that_were_never_registered_count_for_nothing(registry: ModelRegistry, tmp_path: Path) -> None:
    source = write_files(tmp_path / "bare", {"model.pt": b"weights"})
    registry.register("t", "m", "3", source)
    package = tmp_path / "root" / "tasks" / "t" / "models" / "m" / "versions" / "3"
    package.chmod(0o755)
    (package / "metrics.json").write_bytes(b'{"f1": 1.0}')
    assert registry.metrics("t", "m@3").version_metrics == {}


@pytest.mark.parametrize("ask", OF_METADATA.values(), ids=OF_METADATA)
def test_metadata_is_what_was_registered(registry: ModelRegistry, package: Path, ask: Ask) -> None:
    meta = package / "model_meta.json"
    change(meta, meta.read_bytes().replace(b"as registered", b"as somebody says"))
    assert_damaged(registry, ask, "model_meta.json")


@pytest.mark.parametrize("data", [b"{}", b'{"task": "t", "model_name": "m", "version": "2"}'])
def test_metadata_that_names_another_version_is_not_shown(registry: ModelRegistry, package: Path, data: bytes) -> None:
    change(package / "model_meta.json", data)
    assert_damaged(registry, lambda registry: registry.show("t", "m@1"), "model_meta.json")


@pytest.mark.parametrize("data", [b"", None])
def test_a_file_that_is_gone_or_empty_is_damage_and_the_others_are_given(
    registry: ModelRegistry, package: Path, data: bytes | None
) -> None:
    change(package / "deep" / "labels.json", data)
    ask = OF_THE_MANIFEST["file"]
    assert_damaged(registry, ask, "deep/labels.json")
    assert_damaged(registry, OF_ALL["files"], "deep/labels.json")
    with registry.file("t", "m@1", "model.pt").open() as reader:
        assert reader.read(100) == b"weights"
    with pytest.raises(ArtifactNotFound):
        registry.file("t", "m@1", "never/registered")


def test_a_file_that_goes_after_it_was_found_is_damage(registry: ModelRegistry, package: Path) -> None:
    found = registry.file("t", "m@1", "model.pt")
    change(package / "model.pt", None)
    assert_damaged(registry, lambda _: found.open(), "model.pt")


def test_what_older_software_has_rewritten_is_given_as_it_is(tmp_path: Path) -> None:
    OldRegistry(tmp_path).model("t", "m").version("1").version("2").tag("1", "tissue", "blood")
    registry = open_registry(tmp_path)
    assert registry.show("t", "m@1").tags == {"tissue": "blood"}
    for name, ask in OF_THE_MANIFEST.items():
        if name not in ("file", "snapshot"):
            ask(registry)
