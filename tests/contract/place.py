"""A registry under test: the way in that is tested, and the back door that looks and damages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry_core import CoreSettings, ModelRegistry
from registry_core.storage.contract import Facts, Storage

from ..support.packages import write_files
from ..support.seaweed import s3_client
from .adapters import Core
from .storage import Bytes

TASK, MODEL = "celltype", "pbmc"


class Kept:
    """The files of a published package where they really lie, past the registry."""

    def read(self, location: str) -> dict[str, bytes]:
        raise NotImplementedError

    def write(self, location: str, path: str, data: bytes | None) -> None:
        """The file has other bytes from now on, or (None) is gone."""
        raise NotImplementedError


class OnDisk(Kept):
    def read(self, location: str) -> dict[str, bytes]:
        files = (path for path in Path(location).rglob("*") if path.is_file())
        return {path.relative_to(location).as_posix(): path.read_bytes() for path in files}

    def write(self, location: str, path: str, data: bytes | None) -> None:
        target = Path(location) / path
        for directory in (Path(location), target.parent):
            directory.mkdir(exist_ok=True)
            directory.chmod(0o755)
        target.unlink(missing_ok=True)
        if data is not None:
            target.write_bytes(data)


@dataclass
class InMemory(Kept):
    packages: dict[str, dict[str, bytes]]

    def _files(self, location: str) -> dict[str, bytes]:
        return self.packages[location.removeprefix("memory:///")]

    def read(self, location: str) -> dict[str, bytes]:
        return dict(self._files(location))

    def write(self, location: str, path: str, data: bytes | None) -> None:
        if data is None:
            del self._files(location)[path]
        else:
            self._files(location)[path] = data


@dataclass
class InBucket(Kept):
    endpoint: str

    def read(self, location: str) -> dict[str, bytes]:
        client = s3_client(self.endpoint)
        bucket, prefix = _split(location)
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        return {key[len(prefix) :]: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def write(self, location: str, path: str, data: bytes | None) -> None:
        client = s3_client(self.endpoint)
        bucket, prefix = _split(location)
        if data is None:
            client.delete_object(Bucket=bucket, Key=prefix + path)
        else:
            client.put_object(Bucket=bucket, Key=prefix + path, Body=data)


def _split(location: str) -> tuple[str, str]:
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    return bucket, prefix + "/"


@dataclass
class Place:
    """``way``: the adapter under test. ``replica``: another instance on the same root."""

    way: Core
    storage: Storage
    kept: Kept
    sources: Path
    replica: Callable[[], ModelRegistry]
    root: str
    _count: int = field(default=0)

    def source(self, files: dict[str, bytes] | None = None) -> Path:
        """A directory with a package to register."""
        self._count += 1
        top = self.sources / f"package {self._count}"
        top.mkdir(parents=True)
        return write_files(top, PACKAGE if files is None else files)

    def register(self, version: str = "1.0.0", files: dict[str, bytes] | None = None, **words: Any) -> dict[str, Any]:
        """A version of the model that most tests use."""
        return self.way.register(TASK, MODEL, version, self.source(files), **words)

    def plant(self, task: str, model: str, version: str, files: dict[str, bytes]) -> None:
        """A version as older software left it: no event registers it."""
        with self.storage.packages.stage(f"tasks/{task}/models/{model}/versions/{version}") as staging:
            for path, data in files.items():
                staging.add(path, Bytes(data))
            staging.seal()
            staging.reserve()
            staging.publish(Facts(None, None))


PACKAGE = {
    "model.pt": bytes(range(256)) * 12,
    "deep/er/label map.json": b'{"0": "B cell"}',
    "empty": b"",
    "model_meta.json": b'{"framework": "torch", "owner": "package"}',
}


def settings(**words: Any) -> CoreSettings:
    return CoreSettings(lock_timeout_s=10, workers=2, **words)
