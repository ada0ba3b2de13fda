"""Multipart uploads that a killed process left behind: found by age, and nothing else is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry_core import CoreSettings, ModelRegistry, StorageUnavailable
from registry_core.format.layout import is_package
from registry_core.storage.contract import KeyNotFound, StorageOptions
from registry_core.storage.object_store.store import ObjectStorage

from ..contract.storage import FACTS, PACKAGE, Breaking, Bytes, abandon, content, publish
from ..support.packages import write_files
from ..support.seaweed import BUCKET, REGION, Seaweed, s3_client

MIB = 1024 * 1024
DAY_S = 24 * 3600.0

# Registers a package whose last file never ends, and says when parts of it are in the store.
DYING_REGISTRATION = """
import os, sys
from registry_core.format.layout import is_package
from registry_core.storage.contract import StorageOptions
from registry_core.storage.object_store.store import ObjectStorage

class Endless:
    def pour(self, sink):
        for turn in range(64):
            sink.write(memoryview(bytes(1024 * 1024)))
        print("under way", flush=True)
        sys.stdin.read()

root, endpoint, region, package = sys.argv[1:]
storage = ObjectStorage(root, StorageOptions(endpoint=endpoint, region=region), is_package)
with storage.packages.stage(package) as staging:
    staging.add("endless", Endless())
"""


class Store:
    """A root of its own, and the uploads that lie hidden below it."""

    def __init__(self, seaweed: Seaweed) -> None:
        self.root = seaweed.new_root()
        self.options = StorageOptions(endpoint=seaweed.endpoint, region=REGION)
        self.endpoint = seaweed.endpoint
        self._client = s3_client(seaweed.endpoint)
        self._prefix = self.root.removeprefix(f"s3://{BUCKET}/") + "/"

    def open(self) -> ObjectStorage:
        return ObjectStorage(self.root, self.options, is_package)

    def uploads(self) -> list[str]:
        """The keys of unfinished uploads, below the root."""
        found: list[dict[str, Any]] = self._client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        keys = (upload["Key"] for upload in found)
        return [key.removeprefix(self._prefix) for key in keys if key.startswith(self._prefix)]

    def keys(self) -> list[str]:
        found: list[dict[str, Any]] = self._client.list_objects_v2(Bucket=BUCKET, Prefix=self._prefix).get(
            "Contents", []
        )
        return [item["Key"].removeprefix(self._prefix) for item in found]


@pytest.fixture
def store(seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)
    return Store(seaweed)


def test_a_failed_file_leaves_no_upload_and_no_object(store: Store) -> None:
    class Failing(Breaking):
        def pour(self, sink: Any) -> tuple[str, int]:
            for _ in range(40):
                sink.write(memoryview(bytes(MIB)))
            return super().pour(sink)

    with pytest.raises(KeyError, match="mine"), store.open().packages.stage(PACKAGE) as staging:
        staging.add("large", Failing(KeyError("mine")))
    assert store.uploads() == []
    assert store.keys() == []


def test_a_killed_registration_is_swept_by_age_and_committed_data_is_not(store: Store) -> None:
    publish(store.open(), f"{PACKAGE}0", {"kept": b"bytes"}, replace(FACTS, seq=None))  # older software's: no event
    command = [sys.executable, "-c", DYING_REGISTRATION, store.root, store.endpoint, REGION, PACKAGE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ) as dying:
        assert dying.stdout is not None
        assert dying.stdout.readline() == b"under way\n"
        dying.send_signal(signal.SIGKILL)
    (attempt,) = store.open().packages.staged()
    assert store.uploads() == [f"{PACKAGE}/{attempt.name}/endless"]
    registry = ModelRegistry.open(store.root, settings=CoreSettings(storage=store.options))
    assert registry.sweep(DAY_S).removed == []
    assert len(store.uploads()) == 1
    assert registry.sweep(0).removed == [attempt.name]
    assert store.uploads() == []
    assert list(store.open().packages.staged()) == []
    assert content(store.open(), f"{PACKAGE}0", "kept") == b"bytes"


def test_an_upload_of_a_registration_that_lives_is_spared(store: Store) -> None:
    """However long one file takes, the attempt's heartbeat says that it is not abandoned."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Bytes):
        def pour(self, sink: Any) -> tuple[str, int]:
            for _ in range(16):
                sink.write(memoryview(bytes(MIB)))
            begun.set()
            assert go_on.wait(60)
            sink.write(memoryview(self.data))
            return "0" * 64, 16 * MIB + len(self.data)

    def register() -> None:
        with store.open().packages.stage(PACKAGE) as staging:
            staging.add("slow", Slow(b"end"))
            staging.seal()
            staging.reserve()
            staging.publish(FACTS)

    registering = threading.Thread(target=register)
    registering.start()
    try:
        assert begun.wait(60)
        with store.open().packages.sweep(DAY_S) as held:
            assert list(held) == []
        assert len(store.uploads()) == 1
    finally:
        go_on.set()
        registering.join()
    with store.open().packages.open(PACKAGE, "slow", 16 * MIB) as reader:
        assert reader.read() == b"end"


def test_other_roots_of_the_bucket_are_left_alone(store: Store, seaweed: Seaweed) -> None:
    client, other = s3_client(seaweed.endpoint), seaweed.new_root().removeprefix(f"s3://{BUCKET}/")
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=f"{other}/x")
    client.upload_part(Bucket=BUCKET, Key=f"{other}/x", UploadId=upload["UploadId"], PartNumber=1, Body=b"part")
    with store.open().packages.sweep(0):
        pass
    found = client.list_multipart_uploads(Bucket=BUCKET, Prefix=other).get("Uploads", [])
    assert [item["Key"] for item in found] == [f"{other}/x"]
    client.abort_multipart_upload(Bucket=BUCKET, Key=f"{other}/x", UploadId=upload["UploadId"])


def test_no_acknowledged_version_is_swept_while_sweeps_and_registrations_race(store: Store, tmp_path: Path) -> None:
    """Sweeps of age 0 never stop; a registration may be refused for that, but what is acknowledged is whole."""
    source = write_files(tmp_path / "package", {"model.pt": b"weights", "deep/map": b"{}"})
    settings = CoreSettings(storage=store.options, workers=1)
    over = threading.Event()

    def sweep() -> int:
        registry, turns = ModelRegistry.open(store.root, settings=settings), 0
        while not over.is_set():
            registry.sweep(0)
            turns += 1
        return turns

    sweeping = threading.Thread(target=sweep)
    sweeping.start()
    registry, acknowledged = ModelRegistry.open(store.root, settings=settings), []
    try:
        for number in range(12):
            acknowledged += _try_register(registry, f"1.{number}", source)
    finally:
        over.set()
        sweeping.join()
    assert registry.check().is_clean
    for version in acknowledged:
        assert registry.verify("celltype", f"pbmc@{version}").files_checked == 3
    assert registry.register("celltype", "pbmc", "2", source).version == "2"


def _try_register(registry: ModelRegistry, version: str, source: Path) -> list[str]:
    try:
        return [registry.register("celltype", "pbmc", version, source).version]
    except StorageUnavailable as error:
        assert "sweep" in error.message
        return []


def test_what_a_self_check_left_is_swept(store: Store) -> None:
    storage = store.open()
    storage.documents.write(".staging/probe-0123.json", b"3")
    abandoned = abandon(storage)
    with storage.packages.sweep(DAY_S) as held:
        assert list(held) == []
    with storage.packages.sweep(0) as held:
        assert [staging.attempt for staging in held] == [abandoned]
        for staging in held:
            staging.discard()
    assert store.keys() == []
    with pytest.raises(KeyNotFound):
        storage.documents.read(".staging/probe-0123.json")
