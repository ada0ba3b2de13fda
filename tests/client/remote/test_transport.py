"""What failed in passing is sent again where a repeat is harmless, and only there."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from registry_client import RegistryClient
from registry_client.remote import transport
from registry_core import (
    MAX_DOCUMENT_BYTES,
    AttestationRefused,
    InvalidMetadata,
    InvalidParameter,
    LockTimeout,
    NotConfigured,
    RegistryError,
    StorageError,
    StorageUnavailable,
    VersionExists,
)

from ...support.servers import free_port, wait_until
from ..scripted import Act, Scripted, answer, drop, problem, scripted, truncated

DIGEST = f"sha256:{'0' * 64}"
ALIASES = {"ok": True, "model_name": "m", "aliases": []}
MOVED = {"ok": True, "alias": "a", "version": "1", "previous_version": None, "seq": 1, "updated_at": "t"}
REGISTERED = {
    **{"ok": True, "task": "t", "model_name": "m", "version": "1", "package_path": "/p"},
    **{"package_digest": DIGEST, "hashes": {}, "alias_set": None, "created_at": "t"},
}
BODY = b'{"ok": true, "model_name": "m", "aliases": []}'

PASSING: dict[str, Act] = {
    "reset": drop,
    "truncated": truncated(200, BODY, 10),
    "busy": problem(503, "busy", retry_after_s=0),
    "lock_timeout": problem(503, "lock_timeout"),
    "a proxy's 502": answer(502, b"<html>Bad Gateway</html>"),
    "a proxy's 504": answer(504, b""),
    "429": answer(429, b"", {"Retry-After": "0"}),
}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses are a hundredth of the real ones; their order and number are what is tested."""
    monkeypatch.setattr(transport, "FIRST_DELAY_S", 0.002)


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted(answer(200, ALIASES)) as made:
        yield made


@pytest.fixture
def client(server: Scripted) -> Iterator[RegistryClient]:
    with RegistryClient(server.url, timeout_s=10, retries=3) as opened:
        yield opened


def promote(client: RegistryClient) -> Any:
    return client.promote("t", "m", "a", "1")


def register(client: RegistryClient, **words: Any) -> Any:
    return client.register("t", "m", "1", "/p", **words)


@pytest.mark.parametrize("fault", PASSING)
def test_a_read_is_sent_again(server: Scripted, client: RegistryClient, fault: str) -> None:
    server.plays(PASSING[fault], PASSING[fault], answer(200, ALIASES))
    assert client.list_aliases("t", "m") == []
    assert [asked.target for asked in server.asked] == ["/v1/aliases?task=t&model=m"] * 3


@pytest.mark.parametrize("fault", PASSING)
def test_a_read_is_not_sent_for_ever(server: Scripted, client: RegistryClient, fault: str) -> None:
    server.plays(PASSING[fault])
    with pytest.raises(StorageError):
        client.list_aliases("t", "m")
    assert len(server.asked) == 4


@pytest.mark.parametrize("fault", PASSING)
def test_a_registration_is_sent_again_under_the_same_key(server: Scripted, client: RegistryClient, fault: str) -> None:
    server.plays(PASSING[fault], problem(503, "storage_unavailable", committed=True), answer(201, REGISTERED))
    assert register(client).package_digest == DIGEST
    keys = {asked.headers["idempotency-key"] for asked in server.asked}
    assert len(server.asked) == 3
    assert len(keys) == 1
    assert len({asked.body for asked in server.asked}) == 1
    server.plays(answer(201, REGISTERED))
    register(client)
    assert server.asked[0].headers["idempotency-key"] not in keys, "another call has another key"
    register(client, idempotency_key="mine")
    assert server.asked[1].headers["idempotency-key"] == "mine"


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (problem(503, "lock_timeout", {"Retry-After": "0"}, retry_after_s=0), 4),
        (problem(503, "busy"), 4),
        (problem(503, "storage_unavailable"), 4),
        (problem(503, "storage_unavailable", committed=True), 1),
        (problem(503, "storage_unavailable", committed=None), 1),  # it may have been made
        (problem(503, "not_configured"), 1),
        (answer(503, b"<html>Service Unavailable</html>"), 1),
        (answer(502, b""), 1),
        (problem(409, "alias_moved"), 1),
        (problem(500, "internal_error"), 1),
        (drop, 1),
        (truncated(200, BODY, 10), 1),
    ],
)
@pytest.mark.parametrize("change", [promote, lambda client: client.delete("t", "m", "1", reason="r")])
def test_a_change_is_sent_again_only_where_nothing_was_done(
    server: Scripted, client: RegistryClient, fault: Act, times: int, change: Callable[[RegistryClient], Any]
) -> None:
    server.plays(fault)
    with pytest.raises(RegistryError):
        change(client)
    assert len(server.asked) == times


def test_a_change_that_was_never_sent_is_sent_when_somebody_listens(server: Scripted) -> None:
    nobody = RegistryClient(f"http://127.0.0.1:{free_port()}", retries=2)
    with pytest.raises(StorageUnavailable) as failed:
        promote(nobody)
    assert failed.value.detail == {"reason": "unreachable"}
    assert nobody.url in failed.value.message
    assert "Connection refused" in failed.value.message


def test_what_cannot_succeed_is_sent_once(server: Scripted, client: RegistryClient) -> None:
    for act, kind in (
        (problem(409, "version_exists", existing={"actor": "ada"}), VersionExists),
        (problem(503, "not_configured", reason="root_not_set"), NotConfigured),
        (problem(500, "internal_error"), StorageError),
    ):
        server.plays(act)
        with pytest.raises(kind):
            register(client)
        assert len(server.asked) == 1


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which take no time here."""
    taken: list[float] = []
    monkeypatch.setattr(transport, "time", SimpleNamespace(sleep=taken.append))
    return taken


def test_retry_after_is_waited_for(server: Scripted, client: RegistryClient, slept: list[float]) -> None:
    server.plays(problem(503, "lock_timeout", {"Retry-After": "1"}), answer(200, ALIASES))
    client.list_aliases("t", "m")
    assert slept == [1.0]


def test_retry_after_is_understood_as_a_date(server: Scripted, client: RegistryClient, slept: list[float]) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    server.plays(answer(503, b"", {"Retry-After": soon}), answer(200, ALIASES))
    client.list_aliases("t", "m")
    (pause_s,) = slept
    assert 1 < pause_s <= 100  # what is left of it


def test_a_server_that_is_away_for_long_is_not_waited_for(server: Scripted, client: RegistryClient) -> None:
    server.plays(problem(503, "lock_timeout", {"Retry-After": "86400"}))
    with pytest.raises(LockTimeout):
        client.list_aliases("t", "m")
    assert len(server.asked) == 1


def test_a_silent_server_is_given_up(server: Scripted) -> None:
    server.plays(server.silent)
    with RegistryClient(server.url, timeout_s=0.2, retries=1) as client, pytest.raises(StorageUnavailable) as failed:
        client.list_aliases("t", "m")
    assert "no answer for 0.2 s" in failed.value.message
    wait_until(lambda: len(server.asked) >= 2, "a request was not sent")  # read, it may be, after it was given up
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "act",
    [
        answer(200, b"<html>hello</html>"),
        answer(200, []),
        answer(200, {"hello": 1}),
        answer(301, b"", {"Location": "/x"}),
    ],
)
def test_something_that_is_no_registry_is_said_to_be_none(server: Scripted, client: RegistryClient, act: Act) -> None:
    server.plays(act)
    for call in (client.health, lambda: client.resolve("t", "m@1")):
        with pytest.raises(StorageUnavailable) as failed:
            call()
        assert "address" in failed.value.message


@pytest.mark.parametrize("url", ["", "registry:8095", "ftp://x", "http://", "/srv/models", "http://x/?a=b"])
def test_an_address_is_one(url: str) -> None:
    with pytest.raises(InvalidParameter):
        RegistryClient(url)


def test_a_prefix_is_kept_and_a_password_is_not_shown(server: Scripted) -> None:
    address = server.url.replace("http://", "http://ada:secret@") + "/models/"
    with RegistryClient(address, headers={"X-Team": "bio"}) as client:
        client.list_aliases("t", "m")
        assert "secret" not in client.url
    assert server.asked[0].target.startswith("/models/v1/aliases?")
    assert server.asked[0].headers["authorization"].startswith("Basic ")
    assert server.asked[0].headers["x-team"] == "bio"


def test_what_cannot_be_sent_is_refused_here(server: Scripted, client: RegistryClient) -> None:
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    for metadata in ({"a": {1, 2}}, loop):
        with pytest.raises(InvalidMetadata):
            client.register("t", "m", "1", "/p", metadata)
    for key in ("", "a\n", "ü", "x" * 256):
        with pytest.raises(InvalidParameter):
            register(client, idempotency_key=key)
    with pytest.raises(InvalidParameter):
        client.register("t", "m", "1")
    with pytest.raises(InvalidParameter):
        client.register("t", "m", "1", "/p", upload_id="u")
    with pytest.raises(InvalidParameter):
        client.resolve("t", "\ud800@1")
    assert server.asked == []


def test_the_words_are_sent_as_the_core_takes_them(server: Scripted, client: RegistryClient) -> None:
    server.plays(answer(200, MOVED))
    client.promote("t", "m", "a", "1", actor="ada", reason="r")
    client.promote("t", "m", "a", "1", expected_version=None)
    sent = {"task": "t", "model_name": "m", "alias": "a", "version": "1"}
    assert server.asked[0].json == {**sent, "actor": "ada", "reason": "r"}
    assert server.asked[1].json == {**sent, "actor": None, "reason": None, "expected_version": None}


def test_long_work_is_followed_and_begun_again_where_it_was_interrupted(
    server: Scripted, client: RegistryClient
) -> None:
    def state(name: str, done: int, **more: Any) -> Act:
        progress = {"bytes_done": done, "bytes_total": 9, "files_done": 0, "files_total": 1}
        return answer(200, {"ok": True, "operation_id": "o", "state": name, "progress": progress, **more})

    accepted = answer(202, {"ok": True, "operation_id": "o", "state": "running", "url": "/v1/operations/o"})
    server.plays(
        *(accepted, state("running", 1), state("interrupted", 2), accepted, drop, state("running", 8)),
        state("succeeded", 9, result=REGISTERED),
    )
    heard: list[int] = []
    done = client.register("t", "m", "1", "/p", progress=lambda now: heard.append(now.bytes_done))
    assert done.version == "1"
    assert heard == [1, 2, 8, 9]
    posts = [asked for asked in server.asked if asked.method == "POST"]
    assert [asked.headers["prefer"] for asked in posts] == ["respond-async"] * 2
    assert len({asked.headers["idempotency-key"] for asked in posts}) == 1
    failed = {"status": 409, "code": "version_exists", "detail": "There.", "existing": {"actor": "ada"}}
    server.plays(accepted, state("failed", 3, error=failed))
    with pytest.raises(VersionExists) as refused:
        client.register("t", "m", "1", "/p", wait=True)
    assert refused.value.detail == {"existing": {"actor": "ada"}}


def test_a_server_that_does_not_work_in_the_background_is_fine(server: Scripted, client: RegistryClient) -> None:
    server.plays(answer(201, REGISTERED))
    assert client.register("t", "m", "1", "/p", wait=True).version == "1"


@pytest.mark.parametrize("metadata", [{1: "x"}, {"a": [{None: 1}]}, {"a": {True: 1}}])
def test_a_key_that_is_no_text_is_refused_as_the_registry_itself_does(metadata: Any) -> None:
    with scripted(answer(500)) as server, RegistryClient(server.url) as client:
        with pytest.raises(InvalidMetadata):
            client.register("t", "m", "1", "/x", metadata)
        with pytest.raises(InvalidParameter):
            client.patch("t", "m", "1", tags={1: "x"})
        assert server.asked == []


def test_a_document_that_no_registry_takes_is_refused_here(server: Scripted, client: RegistryClient) -> None:
    """A server answers before it has read so many bytes, and closes: whoever sends them may see no answer."""
    with pytest.raises(AttestationRefused, match=r"more than 16777216 bytes\. Nothing was sent\.") as refused:
        client.attest("t", "m@1", bytes(MAX_DOCUMENT_BYTES + 1))
    assert refused.value.detail["why"] == "malformed"
    assert server.asked == []


def test_the_certificates_of_the_machine_are_read_once_a_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read: list[None] = []
    make = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda **how: read.append(None) or make(**how))
    for number in range(2):  # each of these is another answer to what is trusted
        (tmp_path / f"{number}").mkdir()
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / f"{number}"))
        for _ in range(3):
            with RegistryClient("https://registry.example"):
                pass
        assert len(read) == number + 1
