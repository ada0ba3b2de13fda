"""Taking over a directory of older software: proven from now on, and nothing of theirs is touched."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry_core import ModelRegistry, PackageCorrupt, VersionExists, VersionNotFound

from ..faults import forks, injection
from ..faults.raw import tree
from ..support.machine import remove_tree
from ..support.old_registry import OldRegistry, package_files, write_every_case
from ..support.packages import open_registry, write_package
from . import told

TASK, NAME = "celltype", "human_pbmc"
HALF = {f"{TASK}/killed@2", f"{TASK}/same_name@stable"}
WHO: dict[str, Any] = {"actor": "ada", "reason": "taken over"}


@pytest.fixture
def old(tmp_path: Path) -> Iterator[OldRegistry]:
    root = tmp_path / "old"
    root.mkdir()
    yield write_every_case(root)
    remove_tree(root)


def versions(root: Path) -> set[str]:
    """Every version as ``task/model@version``, found without a line of the registry."""
    parts = (path.relative_to(root).parts for path in root.glob("tasks/*/models/*/versions/*"))
    return {f"{task}/{model}@{version}" for _, task, _, model, _, version in parts}


def theirs(root: Path) -> dict[str, tuple[Any, ...]]:
    """All that older software wrote but the journals: content, mode and the time of the last change."""
    return {
        path: entry
        for path, entry in tree(root, times=True).items()
        if "/versions/" in path or "/runs" in path or path.endswith("ownership.json") or "/aliases/" in path
    }


def journals(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.glob("tasks/*/models/*/audit/promotions.jsonl")}


def half(root: Path) -> set[str]:
    """The versions that have no manifest."""
    return {
        title
        for title, path in ((_title(path), path) for path in root.glob("tasks/*/models/*/versions/*"))
        if not (path / "sha256sums.txt").exists()
    }


def _title(package: Path) -> str:
    task, _, model, _, version = package.parts[-5:]
    return f"{task}/{model}@{version}"


def test_a_dry_run_writes_nothing_and_foretells_all(old: OldRegistry) -> None:
    before = tree(old.root, times=True)
    foretold = open_registry(old.root).adopt(dry_run=True)
    assert tree(old.root, times=True) == before
    assert open_registry(old.root).adopt(**WHO) == foretold


def test_whole_versions_are_adopted_and_half_ones_refused_with_the_reason(old: OldRegistry) -> None:
    before = theirs(old.root)
    lines = journals(old.root)
    lacking = half(old.root)
    assert lacking
    registry = open_registry(old.root)
    report = registry.adopt(**WHO)
    assert set(report.adopted) == versions(old.root) - lacking
    assert {(finding.where, finding.message) for finding in report.refused} == {
        (title, "a half version: it has no manifest") for title in lacking
    }
    assert report.already == 0
    assert theirs(old.root) == before
    for path, data in lines.items():
        whole = data if data.endswith(b"\n") else data + b"\n"
        if path.parts[-3] == "torn":
            whole = data.rpartition(b"\n")[0] + b"\n"
        assert path.read_bytes().startswith(whole)
    for title in report.adopted:
        task, _, ref = title.partition("/")
        assert registry.verify(task, ref).warnings == []
    for model in old.root.glob("tasks/*/models/*"):
        if any((model / "versions").iterdir()):
            told.events(model)  # the chain holds from the first old byte on
    assert {finding.severity for finding in registry.check().findings} == {"note"}
    again = registry.adopt(**WHO)
    assert (again.adopted, again.already) == ([], len(report.adopted))
    assert {finding.where for finding in again.refused} == lacking


def test_what_was_odd_before_is_reported(old: OldRegistry) -> None:
    noticed = [(finding.where, finding.message) for finding in open_registry(old.root).adopt(dry_run=True).noticed]
    about = [message for where, message in noticed if where == f"{TASK}/{NAME}@1.1.0"]
    assert any(message.startswith("model_meta.json was rewritten") for message in about)
    assert {message.split(" is not covered")[0] for message in about if "is not covered" in message} == {
        "README.md",
        "tags.json",
        "tokenizer/vocab file.txt",
    }


@pytest.mark.parametrize("name", ["model.pt", "metrics.json"])
def test_a_damaged_version_is_refused_with_the_reason(old: OldRegistry, name: str) -> None:
    (old.model().package("1.0.0") / name).write_bytes(b"other")
    report = open_registry(old.root).adopt(**WHO)
    (finding,) = [finding for finding in report.refused if finding.where == f"{TASK}/{NAME}@1.0.0"]
    assert finding.severity == "damage"
    assert name in finding.message
    assert f"{TASK}/{NAME}@1.0.0" not in report.adopted
    assert f"{TASK}/{NAME}@1.1.0" in report.adopted
    assert not (old.model().directory / "adopted" / "1.0.0.txt").exists()


@pytest.mark.parametrize("name", sorted({*package_files(), "model_meta.json", "sha256sums.txt"}))
def test_every_file_is_proven_afterwards(old: OldRegistry, name: str) -> None:
    """Also those that the old manifest never covered, and the manifest itself."""
    registry = open_registry(old.root)
    registry.adopt(**WHO)
    path = old.model().package("1.1.0") / name
    whole = path.read_bytes()
    path.write_bytes(whole + b"\n")
    for call in (registry.verify, registry.resolve):
        with pytest.raises(PackageCorrupt) as refused:
            call(TASK, f"{NAME}@latest")
        assert [(found["path"], found["kind"]) for found in refused.value.detail["problems"]] == [(name, "changed")]
    path.unlink()
    with pytest.raises(PackageCorrupt) as refused:
        registry.verify(TASK, f"{NAME}@latest")
    assert [(found["path"], found["kind"]) for found in refused.value.detail["problems"]] == [(name, "missing")]
    path.write_bytes(whole)
    registry.verify(TASK, f"{NAME}@latest")


def test_a_lost_or_rewritten_baseline_is_damage(old: OldRegistry) -> None:
    registry = open_registry(old.root)
    registry.adopt(**WHO)
    baseline = old.model().directory / "adopted" / "1.0.0.txt"
    whole = baseline.read_bytes()
    for data in (whole + b"0" * 64 + b"  more\n", b"", None):
        if data is None:
            baseline.unlink()
        else:
            baseline.write_bytes(data)
        with pytest.raises(PackageCorrupt):
            registry.verify(TASK, f"{NAME}@1.0.0")
        where = [finding.where for finding in registry.check().findings if finding.severity == "damage"]
        assert where == [f"{TASK}/{NAME}@1.0.0"]


def test_an_adopted_registry_is_governed_like_any_other(old: OldRegistry, tmp_path: Path) -> None:
    registry = open_registry(old.root)
    registry.adopt(**WHO)
    listed = registry.list_models(task=TASK, model_name=NAME)
    assert {item["version"] for item in listed.items} == {"1.0.0", "1.1.0", "2.0.0"}
    assert registry.metrics(TASK, f"{NAME}@1.0.0").run_history["accuracy"][-1]["value"] == 0.91
    assert registry.compare(TASK, NAME, ["1.0.0", "1.1.0"]).diff["files"].keys() == {
        "model.pt",
        "tokenizer/vocab file.txt",
    }
    assert registry.rollback(TASK, NAME, "latest").version == "1.0.0"
    assert registry.stage(TASK, NAME, "2.0.0", "production").stage == "production"
    assert registry.show(TASK, f"{NAME}@1.1.0").tags == {"tissue": "blood"}
    assert registry.tag(TASK, NAME, "1.1.0", "tissue", None).tags == {}
    registry.unalias(TASK, NAME, "staging")
    before = registry.verify(TASK, f"{NAME}@1.1.0").package_digest
    assert registry.delete(TASK, NAME, "1.1.0", **WHO).package_digest == before
    with pytest.raises(VersionNotFound):
        registry.resolve(TASK, f"{NAME}@1.1.0")
    with pytest.raises(VersionExists):
        registry.register(TASK, NAME, "1.1.0", write_package(tmp_path / "source"))
    assert registry.adopt(**WHO).adopted == []  # a deleted version is nothing to adopt
    assert registry.restore(TASK, NAME, "1.1.0").package_digest == before
    registry.delete(TASK, NAME, "1.1.0", **WHO)
    assert registry.purge(0).purged == [f"{TASK}/{NAME}@1.1.0"]
    assert registry.audit_verify(TASK, NAME).events == len(told.events(old.model().directory))
    assert {finding.severity for finding in registry.check().findings} == {"note"}


def test_history_before_the_takeover_can_be_asked(old: OldRegistry) -> None:
    """By the old lines' own times; a version that they only name has always been there."""
    lines = [json.loads(line) for line in old.model().journal.read_bytes().splitlines()]
    registry = open_registry(old.root)
    for adopted in (False, True):
        if adopted:
            registry.adopt(**WHO)
        for number, line in enumerate(lines):
            expected = {one["alias"]: one["version"] for one in lines[: number + 1]}
            for alias, version in expected.items():
                found = registry.resolve(TASK, f"{NAME}@{alias}", as_of=line["ts_utc"])
                assert (found.version, found.alias) == (version, alias)
        with pytest.raises(VersionNotFound):
            registry.resolve(TASK, f"{NAME}@latest", as_of="2000-01-01T00:00:00Z")
        assert registry.resolve(TASK, f"{NAME}@2.0.0", as_of="2000-01-01T00:00:00Z").version == "2.0.0"


def test_versions_of_older_software_go_and_come_back_without_adoption(old: OldRegistry) -> None:
    """Not adopted, half or whole: deleted and restored as they were, and no more proven than before."""
    before = theirs(old.root)
    registry = open_registry(old.root)
    for name, version in ((NAME, "2.0.0"), ("killed", "2")):
        registry.delete(TASK, name, version, **WHO)
        with pytest.raises(VersionNotFound):
            registry.show(TASK, f"{name}@{version}")
        registry.restore(TASK, name, version)
    changed = {path for path, entry in theirs(old.root).items() if before[path][:2] != entry[:2]}
    assert changed == set()
    assert registry.verify(TASK, f"{NAME}@2.0.0").warnings
    assert {finding.severity for finding in registry.check().findings} == {"note"}


def test_a_half_version_can_be_deleted_for_good(old: OldRegistry) -> None:
    registry = open_registry(old.root)
    assert registry.delete(TASK, "killed", "2", **WHO).package_digest is None
    assert registry.purge(0).purged == [f"{TASK}/killed@2"]
    assert {f"{TASK}/killed@2"} & {finding.where for finding in registry.check().findings} == set()
    with pytest.raises(VersionExists):
        registry.register(TASK, "killed", "2", write_package(old.root.parent / "source"))


def looked_at(registry: ModelRegistry) -> list[Any]:
    ref = f"{NAME}@1.0.0"
    return [
        registry.resolve(TASK, ref, verify=False).package_digest,
        registry.resolve(TASK, ref).package_digest,
        registry.artifacts(TASK, ref),
    ]


def test_an_adoption_that_was_killed_before_its_event_is_not_seen(old: OldRegistry) -> None:
    before = looked_at(open_registry(old.root))

    def killed() -> None:
        real = os.kill

        def hook(name: str, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name == "FilesystemDocuments.append" and f"/{NAME}/" in args[1]:
                real(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        injection.install(hook)
        open_registry(old.root).adopt(**WHO)

    assert forks.run(killed).signal == signal.SIGKILL
    assert (old.model().directory / "adopted" / "1.0.0.txt").exists()
    assert looked_at(open_registry(old.root)) == before
    assert open_registry(old.root).check().is_clean
    assert f"{TASK}/{NAME}@1.0.0" in open_registry(old.root).adopt(**WHO).adopted
