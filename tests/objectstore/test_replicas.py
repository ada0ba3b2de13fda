"""Two replicas behind nginx over one bucket: the story that the README tells with curl, and no seam between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..app.curl import get, post
from ..support.packages import write_files, write_package
from ..support.seaweed import BUCKET, Seaweed, s3_client
from ..support.servers import PREFIX, gunicorn, nginx


@pytest.fixture
def urls(seaweed: Seaweed, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """nginx, and each replica behind it."""
    root = seaweed.new_root()
    env = {**seaweed.env, PREFIX + "ARTIFACTS_ALLOWED_ROOTS": str(tmp_path)}
    with (
        gunicorn(root, env=env, workers=1) as one,
        gunicorn(root, env=env, workers=1) as other,
        nginx([one.url, other.url]) as front,
    ):
        yield front, one.url, other.url


def test_the_story_is_the_same_through_any_replica(
    urls: tuple[str, str, str], seaweed: Seaweed, tmp_path: Path
) -> None:
    front, one, other = urls
    source = write_package(tmp_path / "package")
    names = {"task": "celltype", "model_name": "pbmc"}
    registered = post(f"{front}/v1/register", {**names, "version": "1.0.0", "artifacts_dir": str(source)})
    assert registered.status == 201, registered.body
    location = registered.json["package_path"]
    assert get(f"{front}{registered.headers['location']}").json["version"] == "1.0.0"
    for url in urls:
        found = get(f"{url}/v1/resolve", task="celltype", ref="pbmc@latest").json
        assert (found["path"], found["verified"]) == (location, True)
        assert get(f"{url}/health/ready").status == 200
    write_files(source, {"model.pt": b"better"})
    second = post(f"{other}/v1/register", {**names, "version": "1.1.0", "artifacts_dir": str(source)})
    assert second.status == 201
    again = post(f"{one}/v1/register", {**names, "version": "1.1.0", "artifacts_dir": str(source)})
    assert (again.status, again.json["code"], again.json["same_content"]) == (409, "version_exists", True)
    for turn in range(6):
        version, writer = ("1.0.0", one) if turn % 2 else ("1.1.0", other)
        body = {**names, "alias": "production", "version": version, "actor": "ada", "reason": f"turn {turn}"}
        assert post(f"{writer}/v1/promote", body).json["seq"] == 3 + turn
        seen = {get(f"{url}/v1/resolve", task="celltype", ref="pbmc@production").json["version"] for url in urls}
        assert seen == {version}
    stale = {**names, "alias": "production", "version": "1.1.0", "expected_version": "1.1.0"}
    assert post(f"{front}/v1/promote", stale).json["code"] == "alias_moved"
    assert post(f"{front}/v1/verify", {"task": "celltype", "ref": "pbmc@1.1.0"}).json["files_checked"] == 4
    history = [get(f"{url}/v1/history", task="celltype", model="pbmc").json["events"] for url in urls]
    assert history[0] == history[1] == history[2]
    assert [event["seq"] for event in history[0]] == list(range(1, 9))
    listed = get(f"{front}/v1/artifacts", task="celltype", ref="pbmc@1.0.0").json["files"]
    assert keys_below(seaweed, location) == sorted(file["name"] for file in listed)


def keys_below(seaweed: Seaweed, location: str) -> list[str]:
    """What a client of S3 finds below the URI that the registry named, as ``aws s3 sync`` would copy it."""
    prefix = location.removeprefix(f"s3://{BUCKET}/") + "/"
    found = s3_client(seaweed.endpoint).list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
    return sorted(item["Key"].removeprefix(prefix) for item in found)
