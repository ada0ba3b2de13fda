"""Push: only what the model does not have is sent, and a push that broke off goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_client import RegistryClient
from registry_client.local.cache import Cache
from registry_client.push import pushing, tus
from registry_client.remote import transport
from registry_core import (
    ArtifactsRefused,
    DigestMismatch,
    InvalidMetadata,
    InvalidName,
    InvalidParameter,
    NameTaken,
    PackageCorrupt,
    Progress,
    RegistryError,
    StorageUnavailable,
    VersionExists,
)

from ...support.machine import MIB
from ...support.packages import write_files
from ..conftest import Service
from ..scripted import answer, scripted
from ..trees import files_of, package
from ..wire import wire


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tus, "PIECE_BYTES", 64 * 1024)
    monkeypatch.setattr(transport, "FIRST_DELAY_S", 0.005)


@pytest.fixture
def source(area: Path) -> Path:
    return write_files(area / "source", package())


def own_files(service: Service, model: str, version: str) -> dict[str, bytes]:
    """The version's files but those that the registry writes itself, proven first."""
    kept = files_of(Path(service.registry.resolve("t", f"{model}@{version}").path))
    return {path: data for path, data in kept.items() if path not in ("model_meta.json", "sha256sums.txt")}


def test_the_directory_is_a_version(
    service: Service, client: RegistryClient, model: str, source: Path, cache: Cache
) -> None:
    heard: list[Progress] = []
    words = {"set_alias": "candidate", "actor": "ada", "reason": "first"}
    done = client.push(source, "t", model, "1", {"owner": "ada"}, cache=cache, progress=heard.append, **words)  # type: ignore[arg-type]
    assert own_files(service, model, "1") == package()
    total = sum(map(len, package().values()))
    assert (done.files, done.files_sent, done.bytes_total, done.bytes_sent) == (6, 6, total, total)
    assert (done.registration.alias_set, done.registration.version) == ("candidate", "1")
    (event,) = client.history("t", model).events
    assert (event.actor, event.reason) == ("ada", "first")
    assert client.show("t", f"{model}@1").meta["owner"] == "ada"
    assert heard[-1] == Progress(total, total, 6, 6)
    assert client.verify("t", f"{model}@1").files_checked == 7


def test_what_the_model_holds_is_not_sent(
    service: Service, client: RegistryClient, model: str, source: Path, cache: Cache, area: Path
) -> None:
    client.push(source, "t", model, "1", cache=cache)
    (source / "label map.json").write_bytes(b'{"0": "T cell"}')
    done = client.push(source, "t", model, "2", cache=Cache(area / "another cache"))
    assert (done.files_sent, done.bytes_sent) == (1, 15)
    assert own_files(service, model, "2") == {**package(), "label map.json": b'{"0": "T cell"}'}


def test_the_same_push_again_gets_the_first_answer(
    client: RegistryClient, model: str, source: Path, cache: Cache, area: Path
) -> None:
    first = client.push(source, "t", model, "1", {"a": 1}, cache=cache, idempotency_key="run-17")
    again = client.push(source, "t", model, "1", {"a": 1}, cache=cache, idempotency_key="run-17")
    assert again.registration == first.registration
    assert again.bytes_sent == 0
    assert len(client.history("t", model).events) == 1
    for changed in ({"a": 2}, {"a": 1}):
        other = cache if changed == {"a": 2} else Cache(area / "forgetful")
        with pytest.raises(VersionExists) as refused:
            client.push(source, "t", model, "1", changed, cache=other)
        assert refused.value.detail["same_content"] is True


def test_after_a_refusal_the_bytes_need_not_be_sent_again(
    service: Service, client: RegistryClient, model: str, source: Path, cache: Cache
) -> None:
    """What only the files themselves show is refused when they are there."""
    (source / "sha256sums.txt").write_text(f"{'0' * 64}  model.pt\n")
    with pytest.raises(DigestMismatch):
        client.push(source, "t", model, "1", cache=cache)
    done = client.push(source, "t", model, "1", cache=cache, exclude=["sha256sums.txt"])
    again = [file for file in package() if file != "empty"]
    assert own_files(service, model, "1") == package()
    assert done.files == len(again) + 1


def test_a_name_that_was_taken_meanwhile_costs_no_byte_again(
    service: Service, client: RegistryClient, model: str, source: Path, cache: Cache, area: Path
) -> None:
    """It is refused when all has come, and the same files go under another name without being sent."""
    other = write_files(area / "other", {"model.pt": b"of somebody else"})
    heard: list[Progress] = []

    def take(progress: Progress) -> None:
        if not heard:
            service.registry.register("t", model, "1", other, set_alias=None)
        heard.append(progress)

    with pytest.raises(VersionExists):
        client.push(source, "t", model, "1", cache=cache, progress=take)
    total = sum(map(len, package().values()))
    assert heard[-1] == Progress(total, total, len(package()), len(package()))
    done = client.push(source, "t", model, "2", cache=cache)
    assert (done.bytes_sent, done.files_sent) == (0, 0)
    assert own_files(service, model, "2") == package()


@pytest.mark.parametrize(
    ("version", "words", "error"),
    [
        ("../2", {}, InvalidName),
        ("2", {"set_alias": "2"}, NameTaken),
        ("production", {}, InvalidName),
        ("2", {"set_alias": "../x"}, InvalidName),
        ("2", {"set_alias": "1"}, NameTaken),
        ("2", {"metadata": {"a": float("nan")}}, InvalidMetadata),
        ("2", {"metadata": {"lineage": "x"}}, InvalidMetadata),
        ("2", {"actor": "a" * 300}, InvalidParameter),
        ("1", {}, VersionExists),
    ],
)
def test_what_is_refused_anyway_is_refused_before_anything_is_read(
    service: Service,
    model: str,
    area: Path,
    cache: Cache,
    version: str,
    words: dict[str, Any],
    error: type[RegistryError],
) -> None:
    service.registry.register("t", model, "1", write_files(area / "first", {"model.pt": b"other", "more": b""}))
    service.registry.promote("t", model, "production", "1")
    heard: list[Progress] = []
    source = write_files(area / "source", {"model.pt": bytes(1000)})
    with wire(service.url) as line, RegistryClient(line.url) as client, pytest.raises(error) as refused:
        line.at_byte(3000, line.close)  # a refusal is short, and the files are not on the line
        client.push(source, "t", model, version, cache=cache, progress=heard.append, **words)
    assert heard == []
    if error is VersionExists:
        assert refused.value.detail["same_content"] is False
        assert refused.value.detail["existing"]["package_digest"].startswith("sha256:")


def test_a_name_that_has_other_bytes_of_the_same_length_is_refused_before_any_is_sent(
    service: Service, client: RegistryClient, model: str, area: Path
) -> None:
    service.registry.register("t", model, "1", write_files(area / "first", {"model.pt": b"one", "a/b": b""}))
    source = write_files(area / "source", {"model.pt": b"two", "a/b": b"", "sha256sums.txt": b""})
    for is_deleted in (False, True):
        with pytest.raises(VersionExists) as refused:
            client.push(source, "t", model, "1", cache=Cache(area / "cache"))
        assert refused.value.detail["same_content"] is False
        assert not (area / "cache").exists(), "no upload was begun"
        if not is_deleted:
            service.registry.unalias("t", model, "latest")
            service.registry.delete("t", model, "1", reason="r")


def test_bytes_that_the_model_does_not_hold_any_more_are_sent_after_all(
    service: Service, client: RegistryClient, model: str, source: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.push(source, "t", model, "1", cache=cache, set_alias=None)
    (source / "new").write_bytes(b"new")

    send = tus.send

    def send_late(*words: object) -> int:
        monkeypatch.setattr(tus, "send", send)
        client.delete("t", model, "1", reason="wrong")
        service.registry.purge(0)
        return send(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(tus, "send", send_late)
    done = client.push(source, "t", model, "2", cache=cache)
    assert own_files(service, model, "2") == {**package(), "new": b"new"}
    assert done.bytes_sent >= sum(map(len, package().values()))


@pytest.mark.parametrize("path", ["shards/00/part 1.bin", "label map.json"])
def test_what_is_damaged_in_the_registry_is_sent_and_the_model_heals(
    service: Service, client: RegistryClient, model: str, source: Path, cache: Cache, area: Path, path: str
) -> None:
    """A byte of a file flips on the registry's disk; whoever pushes the good file again gets a good version."""
    client.push(source, "t", model, "1", cache=cache)
    stored = Path(service.registry.resolve("t", f"{model}@1").path) / path
    data = stored.read_bytes()
    stored.chmod(0o644)
    stored.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    stored.chmod(0o444)
    done = client.push(source, "t", model, "2", cache=cache)
    assert (done.files_sent, done.bytes_sent) == (1, len(package()[path]))
    assert own_files(service, model, "2") == package()
    with pytest.raises(PackageCorrupt):
        client.verify("t", f"{model}@1")
    assert client.push(source, "t", model, "3", cache=Cache(area / "another cache")).bytes_sent == 0
    assert own_files(service, model, "3") == package()


def test_a_push_that_died_before_its_answer_hears_of_damage_when_it_is_run_again(
    service: Service, client: RegistryClient, model: str, source: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.push(source, "t", model, "1", cache=cache)
    stored = Path(service.registry.resolve("t", f"{model}@1").path) / "shards/00/part-2.bin"
    stored.chmod(0o644)
    with stored.open("r+b") as file:
        file.write(b"rotten")

    def die(*_: object, **__: object) -> None:
        raise StorageUnavailable("The line broke.")

    with monkeypatch.context() as broken, pytest.raises(StorageUnavailable):
        broken.setattr(client, "register", die)
        client.push(source, "t", model, "2", cache=cache)
    assert client.push(source, "t", model, "2", cache=cache).files_sent == 1
    assert own_files(service, model, "2") == package()


def test_a_line_that_breaks_again_and_again_is_resumed(service: Service, model: str, cache: Cache, area: Path) -> None:
    files = package(seed=3, size_bytes=2 * MIB)
    source = write_files(area / "large", files)
    with wire(service.url) as line, RegistryClient(line.url) as client:
        cuts = line.cut_again(100_000, 400_000, 10)
        done = client.push(source, "t", model, "1", cache=cache, workers=2)
    assert len(cuts) == 10
    assert own_files(service, model, "1") == files
    assert done.bytes_sent == sum(map(len, files.values()))


@pytest.mark.parametrize("mark", ["start", "end"])
def test_a_byte_that_is_changed_on_the_way_is_not_taken_in(
    service: Service, model: str, source: Path, cache: Cache, mark: str
) -> None:
    data = package()["shards/00/part-2.bin"]
    found = data[:16] if mark == "start" else data[-16:]
    with wire(service.url) as line, RegistryClient(line.url, retries=2) as client:
        line.change_up = lambda piece: piece.replace(found, bytes(16))
        with pytest.raises(Exception, match="bytes that arrived"):
            client.push(source, "t", model, "1", cache=cache)
        assert not service.root.joinpath("tasks/t/models", model, "versions/1").exists()
        line.change_up = lambda piece: piece
        client.push(source, "t", model, "1", cache=cache)
    assert own_files(service, model, "1") == package()


def test_an_upload_that_somebody_cancelled_is_begun_anew(
    service: Service, client: RegistryClient, model: str, source: Path, cache: Cache
) -> None:
    gone: list[str] = []

    def cancel(now: Progress) -> None:
        notes = list((cache.directory / "pushes").glob("*.json"))
        if notes and now.bytes_done > 100_000 and not gone:
            gone.append(json.loads(notes[0].read_text())["content"]["upload_id"])
            client.transport.call("DELETE", f"/v1/uploads/{gone[0]}")

    client.push(source, "t", model, "1", cache=cache, workers=1, progress=cancel)
    assert gone
    assert own_files(service, model, "1") == package()
    assert json.loads(next((cache.directory / "pushes").glob("*.json")).read_text())["content"]["upload_id"] != gone[0]


def test_a_file_that_changes_meanwhile_is_not_taken_in(
    service: Service, client: RegistryClient, model: str, source: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = pushing.digests

    def digests(*words: object) -> dict[str, str]:
        found = hashed(*words)  # type: ignore[arg-type]
        target = source / "model.pt"
        status = target.stat()
        target.write_bytes(b"\1" + target.read_bytes()[1:])
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))  # as if it had kept still
        return found

    monkeypatch.setattr(pushing, "digests", digests)
    with pytest.raises(ArtifactsRefused, match="changed while"):
        client.push(source, "t", model, "1", cache=cache)
    assert not service.root.joinpath("tasks/t/models", model, "versions").exists()


def test_what_is_no_package_is_refused_before_anything_is_sent(area: Path, cache: Cache) -> None:
    made: dict[str, Callable[[Path], object]] = {
        "empty": lambda top: None,
        "link": lambda top: (top / "a").symlink_to("/etc/passwd"),
        "fifo": lambda top: os.mkfifo(top / "a"),
    }
    with scripted(answer(500)) as server, RegistryClient(server.url) as client:
        for name, make in made.items():
            top = area / name
            top.mkdir()
            make(top)
            with pytest.raises(ArtifactsRefused):
                client.push(top, "t", "m", "1", cache=cache)
        for path in (area / "missing", area / "link" / "a"):
            with pytest.raises(ArtifactsRefused):
                client.push(path, "t", "m", "1", cache=cache)
        assert server.asked == []


def test_the_registrys_own_rules_hold(client: RegistryClient, model: str, cache: Cache, area: Path) -> None:
    lying = write_files(area / "lying", {"model.pt": b"x", "sha256sums.txt": f"{'0' * 64}  model.pt\n".encode()})
    with pytest.raises(DigestMismatch):
        client.push(lying, "t", model, "1", cache=cache)
    hostile = write_files(area / "hostile", {"a\\b": b"x"})
    with pytest.raises(ArtifactsRefused):
        client.push(hostile, "t", model, "1", cache=cache)


def test_nobody_there(area: Path, source: Path, cache: Cache) -> None:
    with RegistryClient("http://127.0.0.1:1", retries=1) as client, pytest.raises(StorageUnavailable):
        client.push(source, "t", "m", "1", cache=cache)
