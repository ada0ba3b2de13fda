"""The whole package as a tar: what the usual tools make of it."""

from __future__ import annotations

import hashlib
import http.client
import io
import random
import subprocess
import tarfile
import zipfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from registry_core import ModelRegistry, tar, tar_size
from registry_core.format.tar import BLOCK
from registry_core.packages.archive import PART_BYTES

from ..support.machine import remove_tree
from ..support.packages import open_registry, write_files
from ..support.servers import wait_for
from .conftest import FILES, MODEL, TASK, Service, call

ARCHIVE = f"/v1/archive/{TASK}/{MODEL}/latest"


def test_it_unpacks_and_proves_itself(service: Service, tmp_path: Path) -> None:
    reply = call(service.url, ARCHIVE)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/x-tar"
    assert int(reply.headers["content-length"]) == len(reply.body)
    assert reply.headers["x-model-version"] == "1"
    name = f"{MODEL}-1.tar"
    assert reply.headers["content-disposition"] == f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"
    subprocess.run(["tar", "x", "-C", str(tmp_path)], input=reply.body, check=True)
    check = ["sha256sum", "-c", "--strict", "--quiet", "sha256sums.txt"]
    subprocess.run(check, cwd=tmp_path, check=True)
    unpacked = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert unpacked.keys() == {*FILES, "model_meta.json", "sha256sums.txt"}
    assert {path: unpacked[path] for path in FILES} == FILES
    with tarfile.open(fileobj=io.BytesIO(reply.body)) as archive:
        assert archive.getnames()[0] == "sha256sums.txt"


def test_it_is_the_same_bytes_every_time_and_head_knows_their_number(service: Service) -> None:
    first, second = call(service.url, ARCHIVE), call(service.url, ARCHIVE.replace("latest", "1"))
    assert first.body == second.body
    head = call(service.url, ARCHIVE, {"Range": "bytes=0-1"}, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(first.body))
    digest = ModelRegistry.open(service.root).resolve(TASK, f"{MODEL}@1").package_digest
    for reply in (first, second, head):
        assert reply.headers["etag"] == f'"tar1-{str(digest).removeprefix("sha256:")}"'
        assert reply.headers["accept-ranges"] == "bytes"


def test_any_range_of_it_is_those_bytes(service: Service) -> None:
    whole = call(service.url, ARCHIVE)
    size, etag = len(whole.body), whole.headers["etag"]
    draw = random.Random(5)
    edges = [0, 1, 511, 512, 513, size - 1025, size - 1024, size - 1]
    pairs = [(first, last) for first in edges for last in edges if first <= last]
    pairs += [tuple(sorted(draw.randrange(size) for _ in range(2))) for _ in range(40)]
    for first, last in pairs:
        part = call(service.url, ARCHIVE, {"Range": f"bytes={first}-{last}", "If-Range": etag})
        assert (part.status, part.headers["content-range"]) == (206, f"bytes {first}-{last}/{size}")
        assert part.body == whole.body[first : last + 1]
        assert part.headers["content-type"] == "application/x-tar"
    several = call(service.url, ARCHIVE, {"Range": "bytes=0-99,-50"})
    assert several.status == 206
    assert whole.body[:100] in several.body
    assert several.body.count(b"Content-Type: application/x-tar\r\n") == 2
    beyond = call(service.url, ARCHIVE, {"Range": f"bytes={size}-"})
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert call(service.url, ARCHIVE, {"Range": "bytes=0-9", "If-Range": '"tar1-other"'}).body == whole.body


def test_thousands_of_small_files_are_handed_over_in_few_parts(tmp_path: Path) -> None:
    """Each part is a call of the socket."""
    source = write_files(tmp_path / "source", {f"{n % 7}/{n}": b"%d" % n for n in range(700)})
    (tmp_path / "root").mkdir()
    registry = open_registry(tmp_path / "root")
    registry.register(TASK, MODEL, "1", source)
    stored = registry.package_files(TASK, f"{MODEL}@1").files()
    parts = list(tar(stored))
    assert sum(map(len, parts)) == tar_size(stored)
    assert len(parts) <= tar_size(stored) // PART_BYTES + 1
    assert max(map(len, parts)) <= PART_BYTES + BLOCK


def test_its_conditions(service: Service) -> None:
    etag = call(service.url, ARCHIVE).headers["etag"]
    same = call(service.url, ARCHIVE, {"If-None-Match": f'"x", {etag}'})
    assert (same.status, same.body, same.headers["etag"]) == (304, b"", etag)
    assert call(service.url, ARCHIVE, {"If-None-Match": '"x"'}).status == 200
    assert call(service.url, ARCHIVE, {"If-Match": '"x"'}).status == 412
    assert call(service.url, ARCHIVE, {"If-Match": etag, "Range": "bytes=0-0"}).status == 206


OLD = {"model.pt": b"x", "model_meta.json": b'{"created_at": "2020-01-01T00:00:00Z"}'}
SUMS = "".join(f"{hashlib.sha256(OLD[path]).hexdigest()}  {path}\n" for path in OLD).encode()


@pytest.mark.parametrize(
    ("name", "files", "proven"),
    [
        ("covered", {**OLD, "sha256sums.txt": SUMS}, True),
        (
            "rewritten",
            {**OLD, "model_meta.json": b'{"created_at": "2020-01-01T00:00:00Z", "tags": {}}', "sha256sums.txt": SUMS},
            False,
        ),
        ("bare", {**OLD, "more": b"y", "sha256sums.txt": SUMS}, False),
        ("half", OLD, False),
    ],
)
def test_an_older_version_has_them_only_where_its_manifest_covers_every_file(
    service: Service, name: str, files: dict[str, bytes], proven: bool
) -> None:
    write_files(service.root / f"tasks/{TASK}/models/{name}/versions/1", files)
    path = f"/v1/archive/{TASK}/{name}/1"
    reply = call(service.url, path, {"Range": "bytes=0-9"})
    assert reply.status == (206 if proven else 200)
    assert ("etag" in reply.headers, "accept-ranges" in reply.headers) == (proven, proven)
    for dated in (path, f"/v1/files/{TASK}/{name}/1/model.pt"):
        assert ("last-modified" in call(service.url, dated).headers) is proven, dated


def test_its_date_is_that_of_the_address(service: Service) -> None:
    dated = wait_for(lambda: call(service.url, ARCHIVE), lambda reply: "last-modified" in reply.headers, "no date")
    since = {"If-Modified-Since": dated.headers["last-modified"]}
    assert call(service.url, ARCHIVE, since).status == 304
    assert call(service.url, ARCHIVE, {**since, "If-None-Match": '"x"'}).status == 200


def test_a_name_that_is_not_plain_is_said_in_two_ways(service: Service) -> None:
    name = 'grün"; x=.'  # as older software may have written it
    write_files(service.root / f"tasks/{TASK}/models/named/versions/{name}", {**OLD, "sha256sums.txt": SUMS})
    said = call(service.url, f"/v1/archive/{TASK}/named/{quote(name)}").headers["content-disposition"]
    plain = "named-gr_n__ x=..tar"
    assert said == f"attachment; filename=\"{plain}\"; filename*=UTF-8''named-gr%C3%BCn%22%3B%20x%3D..tar"


def test_its_members_have_the_time_of_the_version_and_can_be_zipped(service: Service, tmp_path: Path) -> None:
    registry = ModelRegistry.open(service.root)
    created_at = registry.show(TASK, f"{MODEL}@1").meta["created_at"]
    expected = int(datetime.fromisoformat(created_at).timestamp())
    with tarfile.open(fileobj=io.BytesIO(call(service.url, ARCHIVE).body)) as archive:
        assert {member.mtime for member in archive} == {expected}
        archive.extractall(tmp_path)
        names = archive.getnames()
    with zipfile.ZipFile(io.BytesIO(), "w") as zipped:
        for name in names:
            zipped.write(tmp_path / name, name)
        assert len(zipped.namelist()) == len(names)


@pytest.mark.parametrize("meta", [b"{}", b"", b"[", b'{"created_at": 7}', b'{"created_at": "1970-01-01T00:00:00Z"}'])
def test_a_version_without_a_time_can_be_zipped_too(service: Service, tmp_path: Path, meta: bytes) -> None:
    name = hashlib.sha256(meta).hexdigest()[:8]
    sums = f"{hashlib.sha256(b'x').hexdigest()}  model.pt\n".encode()
    top = service.root / f"tasks/{TASK}/models/old-{name}/versions/1"
    write_files(top, {"model.pt": b"x", "model_meta.json": meta, "sha256sums.txt": sums})
    reply = call(service.url, f"/v1/archive/{TASK}/old-{name}/1")
    assert reply.status == 200
    with tarfile.open(fileobj=io.BytesIO(reply.body)) as archive:
        assert {datetime.fromtimestamp(member.mtime, UTC).year for member in archive} == {1980}


def test_long_and_strange_names_survive(service: Service, tmp_path: Path) -> None:
    files = {"a" * 200 + "/" + "b" * 200: b"long", "\u00e4" * 90 + ".txt": b"wide", "-": b"dash", "~$ 'x'": b"quoted"}
    registry = ModelRegistry.open(service.root)
    registry.register(TASK, "strange", "1", write_files(tmp_path / "source", files))
    reply = call(service.url, f"/v1/archive/{TASK}/strange/1")
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "x", "-C", str(tmp_path / "out")], input=reply.body, check=True)
    for name, data in files.items():
        assert (tmp_path / "out" / name).read_bytes() == data


def test_what_is_not_there(service: Service) -> None:
    assert call(service.url, f"/v1/archive/{TASK}/{MODEL}/nobody").status == 404
    assert call(service.url, f"/v1/archive/{TASK}/nobody/1").status == 404


def test_a_damaged_package_breaks_off_and_is_not_filled_up(service: Service, tmp_path: Path) -> None:
    """Its length was promised before the fault was met: the connection ends early, and every client sees that."""
    registry = ModelRegistry.open(service.root)
    registry.register(TASK, "cut", "1", write_files(tmp_path / "source", {"a.bin": b"1" * 5000, "b.bin": b"2" * 5000}))
    path = f"/v1/archive/{TASK}/cut/1"
    whole = call(service.url, path)
    package = Path(registry.resolve(TASK, "cut@1").path)
    for _ in range(4):  # so that each worker has met the package
        call(service.url, path, method="HEAD")
    (package / "b.bin").chmod(0o644)
    (package / "b.bin").write_bytes(b"2" * 4000)
    with suppress(http.client.IncompleteRead):
        reply = call(service.url, path)
        assert len(reply.body) < len(whole.body)  # a fresh look at the package, and an honest length
        assert int(reply.headers["content-length"]) == len(reply.body)
    remove_tree(package)
