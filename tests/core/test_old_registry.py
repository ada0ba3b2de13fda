"""A directory of the older OmniBioAI implementation opens as it is, keeps every verb, and stays as it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    InvalidName,
    InvalidRef,
    ModelNotFound,
    ModelRegistry,
    NameTaken,
    PackageCorrupt,
    RegistryError,
    VersionExists,
)

from ..faults.raw import tree
from ..support.machine import remove_tree
from ..support.old_registry import BEGAN, COMMIT_LIKE, COVERED, OldModel, OldRegistry, package_files, write_every_case
from ..support.packages import open_registry, write_package

TASK, NAME = "celltype", "human_pbmc"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "old"
    made.mkdir()
    yield made
    remove_tree(made)


@pytest.fixture
def old(root: Path) -> OldRegistry:
    return write_every_case(root)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_package(tmp_path / "source")


def every_version(root: Path) -> list[tuple[str, str, str]]:
    """(task, model, version) of every version directory, found without a line of the registry."""
    return sorted(path.relative_to(root).parts[1::2] for path in root.glob("tasks/*/models/*/versions/*"))


def prefix_digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def last_event(model: OldModel) -> tuple[dict[str, Any], bytes]:
    """(the last line, every byte before it)."""
    data = model.journal.read_bytes()
    assert data.endswith(b"\n")
    start = data[:-1].rfind(b"\n") + 1
    return json.loads(data[start:]), data[:start]


def test_the_generator_writes_the_same_bytes_every_time(old: OldRegistry, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    write_every_case(tmp_path / "again")
    assert tree(tmp_path / "again") == tree(old.root)


def test_every_version_is_shown_and_every_one_with_a_manifest_is_proven(old: OldRegistry) -> None:
    registry = open_registry(old.root)
    found = every_version(old.root)
    assert len(found) == 16
    for task, name, version in found:
        if (name, version) in (("killed", "2"), ("same_name", "stable")):
            continue  # below
        ref = f"{name}@{version}"
        resolution = registry.resolve(task, ref)
        assert (resolution.version, resolution.alias, resolution.verified) == (version, None, True)
        package = Path(resolution.path)
        assert package == old.root / "tasks" / task / "models" / name / "versions" / version
        assert resolution.package_digest == prefix_digest((package / "sha256sums.txt").read_bytes())
        shown = registry.show(task, ref)
        said = {"tags": shown.tags, "stage": shown.stage, "description": shown.description}
        assert shown.meta == {**json.loads((package / "model_meta.json").read_bytes()), **said}
        covered = {name for name in COVERED if (package / name).is_file()}
        assert registry.verify(task, ref).files_checked == len(covered)


def test_files_that_the_manifest_does_not_cover_are_warnings(old: OldRegistry) -> None:
    verification = open_registry(old.root).verify(TASK, f"{NAME}@1.0.0")
    uncovered = sorted(package_files().keys() - set(COVERED))
    assert [warning.split(" is not covered")[0] for warning in verification.warnings] == uncovered
    assert open_registry(old.root).resolve(TASK, f"{NAME}@1.0.0").warnings == verification.warnings
    assert open_registry(old.root).show(TASK, f"{NAME}@1.0.0", verify=True).warnings == verification.warnings


def test_metadata_rewritten_by_a_tag_or_a_stage_is_a_warning(old: OldRegistry) -> None:
    registry = open_registry(old.root)
    assert any("model_meta.json was rewritten" in text for text in registry.verify(TASK, f"{NAME}@1.1.0").warnings)
    assert any("model_meta.json" in text for text in registry.verify("batch correction", "größe@1").warnings)
    shown = registry.show(TASK, f"{NAME}@1.1.0")
    assert (shown.tags, shown.description, shown.stage) == ({"tissue": "blood"}, "trained on two donors", "staging")
    assert shown.aliases == ["latest", "staging"]


@pytest.mark.parametrize("name", [name for name in COVERED if name != "model_meta.json"])
def test_any_other_mismatch_is_damage(old: OldRegistry, name: str) -> None:
    path = old.model().package("1.1.0") / name
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(PackageCorrupt) as caught:
        open_registry(old.root).verify(TASK, f"{NAME}@1.1.0")
    assert [(found["path"], found["kind"]) for found in caught.value.detail["problems"]] == [(name, "changed")]
    path.unlink()
    with pytest.raises(PackageCorrupt) as caught:
        open_registry(old.root).resolve(TASK, f"{NAME}@latest")
    assert [(found["path"], found["kind"]) for found in caught.value.detail["problems"]] == [(name, "missing")]


def test_a_half_version_is_there_but_never_proven(old: OldRegistry) -> None:
    registry = open_registry(old.root)
    unproven = registry.resolve(TASK, "killed@2", verify=False)
    assert (unproven.version, unproven.package_digest, unproven.verified) == ("2", None, False)
    for call in (registry.resolve, registry.verify, registry.show):
        with pytest.raises(PackageCorrupt):
            call(TASK, "killed@2")
    [file] = registry.artifacts(TASK, "killed@2").files
    assert (file.name, file.sha256, file.size_bytes) == ("model.pt", None, 4)


def test_a_temporary_file_in_a_package_is_a_file_that_nothing_covers(old: OldRegistry) -> None:
    assert any(text.startswith("tmpk3x9_a.tmp ") for text in open_registry(old.root).verify(TASK, "killed@1").warnings)
    assert [alias.alias for alias in open_registry(old.root).list_aliases(TASK, "killed")] == ["latest"]


def test_aliases_and_history_show_what_older_software_wrote(old: OldRegistry) -> None:
    registry = open_registry(old.root)
    aliases = {alias.alias: alias for alias in registry.list_aliases(TASK, NAME)}
    assert {name: alias.version for name, alias in aliases.items()} == {
        "latest": "1.1.0",
        "production": "1.0.0",
        "staging": "1.1.0",
    }
    production = aliases["production"]
    assert (production.actor, production.reason, production.seq) == ("grace", "reviewed – in Zürich", None)
    assert production.updated_at is not None
    assert production.updated_at.startswith(f"{BEGAN:%Y-%m-%dT%H:}")
    events = registry.history(TASK, NAME).events
    assert [(event.seq, event.event, event.alias, event.version) for event in events] == [
        (1, "promote", "latest", "1.0.0"),
        (2, "promote", "latest", "1.1.0"),
        (3, "promote", "production", "1.0.0"),
        (4, "promote", "staging", "1.1.0"),
    ]
    assert events[2].ts_utc == production.updated_at


def test_artifacts_list_every_file_with_the_digests_that_are_known(old: OldRegistry) -> None:
    files = {file.name: file for file in open_registry(old.root).artifacts(TASK, f"{NAME}@1.0.0").files}
    assert files.keys() == package_files().keys() | {"model_meta.json", "sha256sums.txt"}
    assert {name for name, file in files.items() if file.sha256 is not None} == {*COVERED, "sha256sums.txt"}
    assert [name for name, file in files.items() if file.role == "manifest"] == ["sha256sums.txt"]
    assert files["model.pt"].sha256 == prefix_digest(package_files("1.0.0")["model.pt"])


def test_where_an_alias_and_a_version_share_a_name_the_alias_wins(old: OldRegistry) -> None:
    resolution = open_registry(old.root).resolve(TASK, "same_name@stable")
    assert (resolution.alias, resolution.version) == ("stable", "1")
    promoted = open_registry(old.root).promote(TASK, "same_name", "stable", "stable")
    assert (promoted.version, promoted.previous_version) == ("stable", "1")
    assert open_registry(old.root).resolve(TASK, "same_name@stable").version == "stable"


@pytest.mark.parametrize("version", ["v 1", "v2.", COMMIT_LIKE])
def test_names_outside_the_grammar_keep_every_verb(old: OldRegistry, source: Path, version: str) -> None:
    registry = open_registry(old.root)
    name = "human pbmc"
    ref = f"{name}@{version}"
    assert registry.resolve(TASK, ref).version == registry.show(TASK, ref).version == version
    assert registry.verify(TASK, ref).version == registry.artifacts(TASK, ref).version == version
    assert registry.promote(TASK, name, "in use!", version).version == version  # an old alias
    assert registry.promote(TASK, name, "production", version).version == version  # a new one
    assert registry.resolve(TASK, f"{name}@in use!").version == version
    assert registry.history(TASK, name, version=version).events
    assert {alias.alias for alias in registry.list_aliases(TASK, name)} == {"in use!", "latest", "production"}
    with pytest.raises(VersionExists) as caught:
        registry.register(TASK, name, version, source)
    assert caught.value.detail["same_content"] is False
    registry.register(TASK, name, "3.0.0", source, set_alias="in use!")
    assert registry.resolve(TASK, f"{name}@in use!").version == "3.0.0"
    assert registry.check().is_clean


def test_the_grammar_binds_new_names_in_an_old_registry(old: OldRegistry, source: Path) -> None:
    registry = open_registry(old.root)
    before = tree(old.root)
    for task, name, version, alias in [
        ("batch correction", "new model", "1", "latest"),
        ("new task", "m", "1", "latest"),
        (TASK, "human pbmc", "v 3", "latest"),
        (TASK, "human pbmc", "c" * 40, "latest"),
        (TASK, "human pbmc", "3", "brand new"),
    ]:
        with pytest.raises(InvalidName):
            registry.register(task, name, version, source, set_alias=alias)
    with pytest.raises(InvalidName):
        registry.promote(TASK, "human pbmc", "brand new", "v 1")
    with pytest.raises(NameTaken):
        registry.promote(TASK, "same_name", "1", "1")
    for bad in ("..", "../human_pbmc", "a/b", "v 1/../v 1", ""):
        with pytest.raises((InvalidName, InvalidRef)):
            registry.resolve(TASK, f"human pbmc@{bad}")
    assert tree(old.root) == before


def test_an_empty_skeleton_is_no_model(old: OldRegistry) -> None:
    registry = open_registry(old.root)
    for call in (
        lambda: registry.resolve(TASK, "asked_for@latest"),
        lambda: registry.history(TASK, "asked_for"),
        lambda: registry.promote(TASK, "asked_for", "latest", "1"),
    ):
        with pytest.raises(ModelNotFound):
            call()
    # Older software answers so, and nobody can tell whether versions lay there once.
    assert registry.list_aliases(TASK, "asked_for") == []


def test_check_reports_notes_and_no_damage(old: OldRegistry) -> None:
    report = open_registry(old.root).check()
    assert report.is_clean
    assert {finding.severity for finding in report.findings} == {"note"}
    noted = {finding.where for finding in report.findings}
    assert noted >= {f"{task}/{name}@{version}" for task, name, version in every_version(old.root)}
    assert "celltype/ahead alias latest" in noted  # the document is a step further than the journal
    assert report.versions == len(every_version(old.root))


def test_reading_changes_nothing(old: OldRegistry) -> None:
    """I5, seen as the operating system sees it: no byte, no mode, no time stamp, no new entry."""
    before = tree(old.root, times=True)
    top = os.stat(old.root).st_mtime_ns
    registry = open_registry(old.root, workers=2)
    registry.recover()
    registry.check()
    registry.sweep(0, dry_run=True)
    for task, name, version in every_version(old.root):
        for selector in (version, "latest", "production", "nothing", "no such"):
            ref = f"{name}@{selector}"
            for call in (registry.resolve, registry.show, registry.verify, registry.artifacts):
                with suppress(RegistryError):
                    call(task, ref)
        registry.list_aliases(task, name)
        registry.history(task, name, limit=1)
    assert tree(old.root, times=True) == before
    assert os.stat(old.root).st_mtime_ns == top


@pytest.mark.parametrize("name", ["human_pbmc", "human pbmc", "killed", "ahead", "no_newline"])
def test_a_promotion_adds_one_line_and_touches_no_other_byte(old: OldRegistry, name: str) -> None:
    model = old.model(name=name)
    version = sorted(path.name for path in (model.directory / "versions").iterdir())[0]
    lines = model.journal.read_bytes()
    others = {path: data for path, data in tree(old.root).items() if str(model.directory.name) not in path}
    packages = tree(model.directory / "versions", times=True)
    count = len(lines.splitlines())
    promotion = open_registry(old.root).promote(TASK, name, "production", version, actor="eve", reason="new home")
    event, before = last_event(model)
    assert before == lines if lines.endswith(b"\n") else before == lines + b"\n"
    assert event["prev"] == prefix_digest(before)
    assert event["seq"] == promotion.seq == count + 1
    assert event["ts_utc"] == promotion.updated_at
    assert tree(model.directory / "versions", times=True) == packages
    assert {path: data for path, data in tree(old.root).items() if path in others} == others
    document = json.loads((model.directory / "aliases" / "production.json").read_bytes())
    assert (document["version"], document["seq"], document["actor"]) == (version, count + 1, "eve")
    assert open_registry(old.root).check().is_clean


def test_a_torn_last_line_goes_when_the_next_is_written_and_not_before(old: OldRegistry) -> None:
    model = old.model(name="torn")
    whole = model.journal.read_bytes().rpartition(b"\n")[0] + b"\n"
    registry = open_registry(old.root)
    assert len(registry.history(TASK, "torn").events) == 1
    assert model.journal.read_bytes() != whole
    registry.promote(TASK, "torn", "production", "1")
    event, before = last_event(model)
    assert (before, event["seq"], event["prev"]) == (whole, 2, prefix_digest(whole))
    assert registry.check().is_clean


def test_a_new_version_of_an_old_model_is_fully_ours(old: OldRegistry, source: Path) -> None:
    model = old.model()
    lines = model.journal.read_bytes()
    registry = open_registry(old.root)
    made = registry.register(TASK, NAME, "3.0.0", source, {"parent_version": "1.1.0"})
    event, before = last_event(model)
    assert (before, event["prev"], event["seq"]) == (lines, prefix_digest(lines), 5)
    assert (event["previous_version"], event["package_digest"]) == ("1.1.0", made.package_digest)
    assert registry.verify(TASK, f"{NAME}@latest").warnings == []
    assert registry.verify(TASK, f"{NAME}@1.1.0").warnings != []
    assert json.loads((old.root / "registry.json").read_bytes()) == {"format": 1, "id": registry.id}
    assert json.loads((model.directory / "ownership.json").read_bytes())["organization_id"] == "org-7"


@pytest.mark.parametrize("name", ["half", "whole", "empty"])
def test_nothing_of_older_software_s_is_ever_replaced(root: Path, source: Path, name: str) -> None:
    model = OldRegistry(root).model().version("1")
    if name == "half":
        model.half_version("2", {"model.pt": b"w"})
    elif name == "whole":
        model.version("2", alias=None)
    else:
        model.half_version("2", {})
    before = tree(model.directory / "versions", times=True)
    with pytest.raises(VersionExists) as caught:
        open_registry(root).register(TASK, NAME, "2", source)
    assert caught.value.detail["existing"]["actor"] is None
    assert tree(model.directory / "versions", times=True) == before
    assert len(model.journal.read_bytes().splitlines()) == 1
    assert open_registry(root).resolve(TASK, f"{NAME}@latest").version == "1"


def test_the_same_content_is_recognised_although_the_manifest_covers_six_files(root: Path, tmp_path: Path) -> None:
    files = package_files("1")
    OldRegistry(root).model().version("1", files=files)
    for name, data in files.items():
        (tmp_path / "again" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "again" / name).write_bytes(data)
    registry = open_registry(root)
    with pytest.raises(VersionExists) as caught:
        registry.register(TASK, NAME, "1", tmp_path / "again")
    assert caught.value.detail["same_content"] is True
    (tmp_path / "again" / "README.md").write_bytes(b"another")  # a file that only its bytes can tell
    with pytest.raises(VersionExists) as caught:
        registry.register(TASK, NAME, "1", tmp_path / "again")
    assert caught.value.detail["same_content"] is False


def test_older_software_may_go_on_beside_us(root: Path, source: Path) -> None:
    """Its lines and ours take turns: every number counts lines, every prev proves what stands before it."""
    old = OldRegistry(root)
    model = old.model().version("1").version("2")

    def ours(alias: str, version: str, seq: int) -> None:
        data = model.journal.read_bytes()
        promotion = open_registry(root).promote(TASK, NAME, alias, version)
        event, before = last_event(model)
        previous = before.splitlines()[-1]
        alone = "prev" in json.loads(previous)
        assert (promotion.seq, event["seq"], before) == (seq, seq, data)
        assert event["prev"] == prefix_digest(previous if alone else before)
        assert resolves(alias) == version

    def resolves(alias: str) -> str:
        return open_registry(root).resolve(TASK, f"{NAME}@{alias}").version

    ours("production", "1", 3)
    ours("production", "2", 4)
    model.promote("production", "1", "old", "older software again")
    assert resolves("production") == "1"
    ours("staging", "2", 6)
    assert resolves("production") == "1"  # ours did not take back what older software did last
    model.version("3").promote("staging", "3").last_line_without_newline()
    assert (resolves("latest"), resolves("staging")) == ("3", "3")
    registry = open_registry(root)
    assert registry.recover() == []
    assert (resolves("production"), resolves("staging")) == ("1", "3")
    assert registry.register(TASK, NAME, "4", source, set_alias="staging").alias_set == "staging"
    event, before = last_event(model)
    assert (event["seq"], event["previous_version"], event["prev"]) == (9, "3", prefix_digest(before))
    seqs = [event.seq for event in registry.history(TASK, NAME).events]
    assert seqs == list(range(1, 10))
    assert registry.check().is_clean


def test_an_old_line_cannot_change_once_a_new_one_stands_after_it(root: Path) -> None:
    model = OldRegistry(root).model().version("1").version("2")
    open_registry(root).promote(TASK, NAME, "production", "1")
    data = model.journal.read_bytes()
    model.journal.write_bytes(data.replace(b'"version": "2"', b'"version": "1"', 1))
    [finding] = [found for found in open_registry(root).check().findings if found.severity == "damage"]
    assert finding.where == f"{TASK}/{NAME} event 3"


def test_the_readers_that_others_wrote_keep_working_on_ours(root: Path, source: Path) -> None:
    """Scripts walk the tree for model_meta.json and metrics.json; what we add beside old versions looks the same."""
    OldRegistry(root).model().version("1")
    (source / "metrics.json").write_text('{"accuracy": 0.95}')
    registry = open_registry(root)
    registry.register(TASK, NAME, "2", source)
    found = {
        json.loads(path.read_bytes())["version"]: json.loads((path.parent / "metrics.json").read_bytes())["accuracy"]
        for path in root.glob("tasks/*/models/*/versions/*/model_meta.json")
    }
    assert found == {"1": 0.91, "2": 0.95}
    alias = json.loads((root / "tasks" / TASK / "models" / NAME / "aliases" / "latest.json").read_bytes())
    assert alias["version"] == "2"
    assert {"task", "model_name", "alias", "updated_at", "actor", "reason"} <= alias.keys()
    assert isinstance(registry, ModelRegistry)


def test_a_model_whose_versions_are_gone_has_no_aliases(old: OldRegistry) -> None:
    """Older software, and people, take a version away by removing its directory."""
    registry = open_registry(old.root)
    home = old.root / "tasks" / TASK / "models" / "killed"
    remove_tree(home / "versions")
    remove_tree(home / "audit")
    assert (home / "aliases").is_dir()
    assert registry.list_aliases(TASK, "killed") == []
    remove_tree(home / "aliases")
    (home / "versions").mkdir()
    assert registry.list_aliases(TASK, "killed") == []
    (home / "versions").rmdir()
    with pytest.raises(ModelNotFound):
        registry.list_aliases(TASK, "killed")
