"""Every way into the registry keeps the registry contract, on a real object store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import CoreSettings, ModelRegistry
from registry_core.format.layout import is_package
from registry_core.storage.contract import StorageOptions
from registry_core.storage.object_store.store import ObjectStorage

from ..support.seaweed import REGION, Seaweed
from .adapters import Cli, Core
from .place import MODEL, TASK, InBucket, Place
from .registry import RegistryContract
from .test_registry import placed


def in_bucket(tmp_path: Path, seaweed: Seaweed, make: Callable[[ModelRegistry], Core]) -> Place:
    root, options = seaweed.new_root(), StorageOptions(endpoint=seaweed.endpoint, region=REGION)
    return placed(
        tmp_path / "sources", root, lambda: ObjectStorage(root, options, is_package), InBucket(seaweed.endpoint), make
    )


class TestCoreOnObjectStore(RegistryContract):
    @pytest.fixture
    def place(self, tmp_path: Path, seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Place:
        for name, value in seaweed.env.items():
            monkeypatch.setenv(name, value)
        return in_bucket(tmp_path, seaweed, Core)


def test_the_command_line_speaks_to_an_object_store(
    tmp_path: Path, seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)
    place = in_bucket(tmp_path, seaweed, Core)
    place.way = Cli(place.replica(), place.root, in_process=False)
    place.way.register(TASK, MODEL, "1", place.source())
    assert place.way.resolve(TASK, f"{MODEL}@latest")["path"].startswith(place.root + "/")
    assert CoreSettings.from_env({**seaweed.env}).storage.endpoint == seaweed.endpoint
