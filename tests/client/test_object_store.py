"""Push and pull of a registry on an object store: its presigned addresses send the bytes, or the service does."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry_client import RegistryClient
from registry_client.local.cache import Cache
from registry_core import ArtifactsRefused, PackageCorrupt, Progress

from ..support.packages import write_files
from ..support.seaweed import BUCKET, Seaweed, s3_client
from ..support.servers import PREFIX, gunicorn
from .trees import assert_nothing_wrong, files_of, package
from .wire import Wire, wire


@dataclass(frozen=True)
class Stored:
    """A service over a bucket, and the line to the store on which its presigned addresses lead."""

    url: str
    line: Wire
    redirects: bool
    root: str


@pytest.fixture(scope="module", params=["3600", "0"], ids=["redirect", "stream"])
def stored(request: pytest.FixtureRequest, seaweed: Seaweed) -> Iterator[Stored]:
    with wire(seaweed.endpoint) as line:
        env = {**seaweed.env, "AWS_ENDPOINT_URL": line.url, PREFIX + "PRESIGN_S": request.param}
        root = seaweed.new_root()
        with gunicorn(root, workers=1, env=env) as server:
            yield Stored(server.url, line, request.param != "0", root)


def test_there_and_back(stored: Stored, area: Path, cache: Cache, model: str) -> None:
    files = package()
    with RegistryClient(stored.url) as client:
        done = client.push(write_files(area / "source", files), "t", model, "1", cache=cache)
        assert done.bytes_sent == sum(map(len, files.values()))
        pulled = client.pull("t", f"{model}@latest", area / "dest", cache=cache)
        assert client.verify("t", f"{model}@1").package_digest == pulled.package_digest
        (area / "source" / "new").write_bytes(b"new")
        assert client.push(area / "source", "t", model, "2", cache=cache).bytes_sent == 3
    kept = files_of(area / "dest")
    assert {path: kept[path] for path in files} == files
    assert_nothing_wrong(cache)


def test_a_path_that_is_too_long_for_a_key_is_refused_before_anything_is_read(
    stored: Stored, area: Path, cache: Cache, model: str
) -> None:
    heard: list[Progress] = []
    path = "/".join(["d" * 200] * 5)
    source = write_files(area / "source", {path: b"x", "model.pt": bytes(1000)})
    with RegistryClient(stored.url) as client, pytest.raises(ArtifactsRefused) as refused:
        client.push(source, "t", model, "1", cache=cache, progress=heard.append)
    assert heard == []
    assert [problem["path"] for problem in refused.value.detail["problems"]] == [path]


def test_what_is_damaged_in_the_store_is_sent_and_the_model_heals(
    stored: Stored, seaweed: Seaweed, area: Path, cache: Cache, model: str
) -> None:
    files, damaged = package(seed=5), "shards/00/part 1.bin"
    client = s3_client(seaweed.endpoint)
    with RegistryClient(stored.url) as registry:
        registry.push(write_files(area / "source", files), "t", model, "1", cache=cache)
        prefix = f"{stored.root.removeprefix(f's3://{BUCKET}/')}/tasks/t/models/{model}/versions/1/"
        listed = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
        [key] = [found["Key"] for found in listed if found["Key"].endswith(damaged)]
        data = files[damaged]
        client.put_object(Bucket=BUCKET, Key=key, Body=data[:-1] + bytes([data[-1] ^ 1]))
        done = registry.push(area / "source", "t", model, "2", cache=cache)
        assert (done.files_sent, done.bytes_sent) == (1, len(data))
        registry.verify("t", f"{model}@2")
        with pytest.raises(PackageCorrupt):
            registry.verify("t", f"{model}@1")
        assert registry.push(area / "source", "t", model, "3", cache=Cache(area / "other")).bytes_sent == 0
        registry.verify("t", f"{model}@3")


def test_a_line_to_the_store_that_breaks_is_got_over(stored: Stored, area: Path, cache: Cache, model: str) -> None:
    files = package(seed=4, size_bytes=600_000)
    with RegistryClient(stored.url) as client:
        client.push(write_files(area / "source", files), "t", model, "1", cache=Cache(area / "other"))
        stored.line.at_byte(300_000, stored.line.cut)
        client.pull("t", f"{model}@latest", area / "dest", cache=cache)
        assert stored.line.passed > 0
    kept = files_of(area / "dest")
    assert {path: kept[path] for path in files} == files


def test_the_bytes_come_from_where_they_should(stored: Stored, model: str, area: Path) -> None:
    with RegistryClient(stored.url) as client:
        client.push(write_files(area / "source", {"f": b"x" * 100}), "t", model, "1", cache=Cache(area / "cache"))
        with client.transport.stream(f"/v1/files/t/{model}/1/f", headers={}) as answer:
            host = urllib.parse.urlsplit(str(answer.url)).netloc
            assert answer.read() == b"x" * 100
    wanted = stored.line.url if stored.redirects else stored.url
    assert host == urllib.parse.urlsplit(wanted).netloc
