"""A bucket with versioning keeps what a purge has removed: that is said, and it can be removed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from registry_client.cli.main import main
from registry_core import CoreSettings, InvalidParameter, ModelRegistry, StorageUnavailable
from registry_core.format.layout import is_package
from registry_core.storage import StorageOptions
from registry_core.storage.object_store.store import ObjectStorage

from ..support.packages import open_registry, write_files
from ..support.seaweed import BUCKET, REGION, Seaweed, environment, s3_client
from .simulated import Manners, simulated_store

SIZE = 10_000
BUCKET_WITH_VERSIONS = "kept"


class Versioned:
    """A registry in a bucket with versioning, and what botocore sees of it."""

    def __init__(self, endpoint: str) -> None:
        self.prefix = uuid.uuid4().hex[:12]
        self.root = f"s3://{BUCKET_WITH_VERSIONS}/{self.prefix}"
        self.client = s3_client(endpoint)
        options = StorageOptions(endpoint=endpoint, region=REGION)
        self.registry = ModelRegistry.open(self.root, settings=CoreSettings(storage=options, create=True))

    def old(self, below: str) -> dict[str, list[str]]:
        """Kind -> keys of what is not current."""
        page = self.client.list_object_versions(Bucket=BUCKET_WITH_VERSIONS, Prefix=f"{self.prefix}/{below}")
        kept = [one["Key"] for one in page.get("Versions", []) if not one["IsLatest"]]
        return {"versions": kept, "markers": [one["Key"] for one in page.get("DeleteMarkers", [])]}


@pytest.fixture(scope="module")
def versioning(seaweed: Seaweed) -> Seaweed:
    seaweed.make_bucket(BUCKET_WITH_VERSIONS)
    s3_client(seaweed.endpoint).put_bucket_versioning(
        Bucket=BUCKET_WITH_VERSIONS, VersioningConfiguration={"Status": "Enabled"}
    )
    return seaweed


@pytest.fixture
def kept(versioning: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Versioned:
    """Versions 1 to 4; 2 is deleted and purged, 3 deleted, and 10, 1 and 4 are there."""
    for name, value in versioning.env.items():
        monkeypatch.setenv(name, value)
    made = Versioned(versioning.endpoint)
    for version in ("1", "10", "2", "3", "4"):
        source = write_files(tmp_path / version, {"model.pt": bytes(SIZE), "deep/map": version.encode()})
        made.registry.register("t", "m", version, source, set_alias=None)
    made.registry.delete("t", "m", "2", reason="private")
    return made


def test_a_purge_says_what_the_bucket_keeps_and_removes_it_when_told_to(kept: Versioned) -> None:
    home, registry = "tasks/t/models/m/versions", kept.registry
    foretold = registry.purge(0, dry_run=True)
    assert (foretold.purged, foretold.bytes_freed) == (["t/m@2"], 0)
    assert "--old-versions" in foretold.warnings[0]
    done = registry.purge(0, reason="asked to")
    assert (done.purged, done.bytes_freed, done.cleared) == (["t/m@2"], 0, [])
    (warning,) = done.warnings
    assert "omr purge --old-versions" in warning
    assert len(kept.old(f"{home}/2/")["versions"]) == 4
    registry.delete("t", "m", "3", reason="wrong")
    events = len(registry.history("t", "m").events)

    findings = registry.check().findings
    (found,) = [one for one in findings if one.code == "purged_bytes_kept"]
    assert (found.where, found.severity, found.command) == ("t/m@2", "note", "omr purge --old-versions")

    foretold = registry.purge(3600, old_versions=True, dry_run=True)
    assert foretold.cleared == ["t/m@2"]
    assert len(kept.old(f"{home}/2/")["versions"]) == 4
    done = registry.purge(3600, old_versions=True)
    assert (done.purged, done.cleared, done.kept, done.warnings) == ([], ["t/m@2"], ["t/m@3"], [])
    assert SIZE < done.bytes_freed == foretold.bytes_freed
    assert kept.old(f"{home}/2/") == {"versions": [], "markers": []}

    assert registry.check().findings == []
    assert len(registry.history("t", "m").events) == events  # the bytes were given up before
    assert registry.restore("t", "m", "3").version == "3"
    for version in ("1", "10", "3", "4"):
        assert registry.verify("t", f"m@{version}").files_checked == 3
    again = registry.purge(0, old_versions=True)
    assert (again.cleared, again.bytes_freed, again.warnings) == ([], 0, [])


def test_a_purge_can_leave_nothing_at_once(kept: Versioned) -> None:
    foretold = kept.registry.purge(0, old_versions=True, dry_run=True)
    done = kept.registry.purge(0, old_versions=True)
    assert (done.purged, done.cleared, done.warnings) == (["t/m@2"], ["t/m@2"], [])
    assert SIZE < done.bytes_freed == foretold.bytes_freed
    assert kept.old("tasks/t/models/m/versions/2/") == {"versions": [], "markers": []}


def test_the_command(kept: Versioned, versioning: Seaweed) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(main, ["--root", kept.root, *words], env=environment(versioning.endpoint))
        assert done.exit_code == 0, done.output
        return done.output

    told = run("purge", "--older-than", "0")
    assert "purged: t/m@2\n1 versions, 0 bytes freed" in told
    assert "warning: t/m: the bucket keeps " in told
    assert "to mend it: omr purge --old-versions" in run("check")
    told = run("purge", "--old-versions")
    assert "old versions removed: t/m@2\n0 versions, " in told
    assert "warning" not in told
    assert json.loads(run("purge", "--old-versions", "--json")) == {
        **{"ok": True, "purged": [], "kept": [], "bytes_freed": 0},
    }


def test_a_removal_that_breaks_off_brings_nothing_back(kept: Versioned, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks of deletion hide the bytes, so they are the last to go."""
    kept.registry.purge(0)
    removals: list[Any] = []
    with monkeypatch.context() as patch:
        import botocore.client

        call = botocore.client.BaseClient._make_api_call  # every request goes through it

        def counted(self: Any, name: str, words: dict[str, Any]) -> Any:
            if name == "DeleteObjects":
                removals.append(words)
                if len(removals) == 2:
                    raise botocore.exceptions.EndpointConnectionError(endpoint_url="gone")
            return call(self, name, words)

        patch.setattr(botocore.client.BaseClient, "_make_api_call", counted)
        with pytest.raises(StorageUnavailable):
            kept.registry.purge(0, old_versions=True)
    home = "tasks/t/models/m/versions/2/"
    assert kept.old(home)["versions"] == []
    assert len(kept.old(home)["markers"]) == 4
    assert kept.client.list_objects_v2(Bucket=BUCKET_WITH_VERSIONS, Prefix=f"{kept.prefix}/{home}")["KeyCount"] == 0
    kept.registry.purge(0, old_versions=True)
    assert kept.old(home)["markers"] == []


def test_a_bucket_without_versioning_has_nothing_to_say(
    seaweed: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)
    options = StorageOptions(endpoint=seaweed.endpoint, region=REGION)
    registry = ModelRegistry.open(seaweed.new_root(), settings=CoreSettings(storage=options))
    registry.register("t", "m", "1", write_files(tmp_path / "source", {"x": bytes(SIZE)}), set_alias=None)
    registry.delete("t", "m", "1", reason="wrong")
    foretold = registry.purge(0, dry_run=True)
    assert foretold.bytes_freed > SIZE
    assert registry.purge(0, old_versions=True) == foretold
    assert foretold.warnings == []


def test_on_a_disk_nothing_is_purged_and_it_is_said_why(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    registry = open_registry(tmp_path / "root")
    registry.register("t", "m", "1", write_files(tmp_path / "source", {"x": b"x"}), set_alias=None)
    registry.delete("t", "m", "1", reason="wrong")
    with pytest.raises(InvalidParameter, match="Only an object store"):
        registry.purge(0, old_versions=True)
    assert registry.restore("t", "m", "1").version == "1"


@pytest.fixture(params=[(501, "NotImplemented"), (403, "AccessDenied"), (500, "InternalError")], ids=lambda one: one[1])
def silent(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelRegistry]:
    """A registry in a store that says nothing of versions, with a deleted version."""
    with simulated_store(Manners(refuses_versions=request.param)) as store:
        for name, value in environment(store.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        options = StorageOptions(endpoint=store.url, region=REGION)
        storage = ObjectStorage(f"s3://{BUCKET}/registry", options, is_package)
        registry = ModelRegistry.open(settings=CoreSettings(root=storage.url, storage=options), storage=storage)
        registry.register("t", "m", "1", write_files(tmp_path / "source", {"x": b"x"}), set_alias=None)
        registry.delete("t", "m", "1", reason="wrong")
        yield registry


def test_a_store_that_cannot_tell_is_not_believed_to_keep_nothing(silent: ModelRegistry) -> None:
    with pytest.raises((InvalidParameter, StorageUnavailable)) as refused:
        silent.purge(0, old_versions=True)
    assert isinstance(refused.value, InvalidParameter) is ("does not list" in refused.value.message)
    assert [event.event for event in silent.history("t", "m").events] == ["register", "delete"]
    for dry_run in (True, False):
        done = silent.purge(0, dry_run=dry_run)
        assert done.purged == ["t/m@1"]
        assert "cannot be told" in done.warnings[0]
    assert silent.check().findings == []
    assert silent.purge(0).warnings == []  # nothing was purged
