"""What is being sent, the stream of events, and operations end where the rights of their caller do."""

from __future__ import annotations

import http.client
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from werkzeug.test import TestResponse

from app import create_app
from app.config import IdentitySettings, Settings
from app.web import peer, respond_async, sessions
from app.web.gate import READERS, Gate
from app.web.peer import Pace, Peer
from app.web.sending import breaking_off
from registry_core import CoreSettings, Kind, ModelRegistry, PermissionDenied, Principal
from registry_core.access.governing import create_token, revoke_token
from registry_core.access.tokens import TokenKind
from registry_core.format.layout import REGISTRY_JOURNAL
from registry_core.models import asking
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..core.access.ruled import journal_of, put, written
from ..support.issuer import issuer_server
from ..support.machine import MIB
from ..support.packages import write_files, write_package
from ..support.servers import gunicorn, wait_for, wait_until
from .test_identity import RULES, Place

MAINTAINER = written(
    admins=["user:chief"],
    rules=[
        {"who": ["user:reader", "token:ci"], "on": ["own/*"], "role": "maintainer"},
        {"who": ["anonymous"], "on": ["public/*"], "role": "user"},
    ],
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "root").mkdir()
    write_package(tmp_path / "source")
    with issuer_server() as issuer:
        made = Place(tmp_path / "root", tmp_path / "source", issuer)
        put(made.journal.storage, MAINTAINER)
        yield made


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **more}


# the stream of events


def take_rules(place: Place, _: pytest.MonkeyPatch) -> None:
    put(place.journal.storage, MAINTAINER.replace(b'"admins": [', b'"blocked": ["user:reader"], "admins": ['))


def let_expire(_: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Principal, "is_expired", lambda *_: True)


def lose_journal(place: Place, _: pytest.MonkeyPatch) -> None:
    (place.root / REGISTRY_JOURNAL).unlink()


def revoke(place: Place, _: pytest.MonkeyPatch) -> None:
    revoke_token(place.journal, place.token_id, actor=None, reason=None)


@pytest.mark.parametrize(
    ("with_token", "end"), [(False, take_rules), (False, let_expire), (False, lose_journal), (True, revoke)]
)
def test_the_stream_of_events_ends_where_its_reader_counts_no_longer(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    with_token: bool,
    end: Callable[[Place, pytest.MonkeyPatch], None],
) -> None:
    token = place.token if with_token else place.issuer.token(sub="reader")
    answer = place.client.get("/v1/events?after=0", headers=bearer(token))
    parts = iter(answer.response)
    assert b"retry" in next(parts)  # type: ignore[operator]
    assert b"own" in next(parts)  # type: ignore[operator]
    end(place, monkeypatch)
    assert len(list(parts)) < 3, "nothing follows but what was read already"
    assert "a stream of events has ended" in caplog.text
    answer.close()
    again = place.client.get("/v1/events?after=0", headers=bearer(token))
    assert again.status_code in (401, 403, 503)


def begin_by_session(place: Place, path: str) -> tuple[TestResponse, Callable[[], None]]:
    """(an answer to whoever has signed in with a browser, what signs out)."""
    registry = ModelRegistry.open(settings=CoreSettings(root=str(place.root)))
    person = Principal(Kind.USER, "reader", place.issuer.url)
    session_id, _ = registry.sessions.begin(person, datetime.now(UTC))
    place.client.set_cookie(sessions.SESSION, session_id)
    return place.client.get(path), lambda: registry.sessions.end(session_id)


def test_whoever_signs_out_hears_of_no_further_event(place: Place) -> None:
    answer, sign_out = begin_by_session(place, "/v1/events?after=0")
    parts = iter(answer.response)
    assert b"retry" in next(parts)  # type: ignore[operator]
    assert b"own" in next(parts)  # type: ignore[operator]
    sign_out()
    assert len(list(parts)) < 3
    answer.close()


def test_whoever_signs_out_is_sent_no_more(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(asking, "ASK_EVERY_S", -1.0)
    registry = ModelRegistry.open(settings=CoreSettings(root=str(place.root)))
    registry.register("own", "m", "2", write_files(tmp_path / "large", {"large.bin": b"x" * MIB}))
    answer, sign_out = begin_by_session(place, "/v1/archive/own/m/2")
    assert answer.status_code == 200
    parts = iter(answer.response)
    next(parts)
    sign_out()
    with pytest.raises(ConnectionResetError):
        list(parts)
    answer.close()


@pytest.mark.parametrize("how", ["revoked", "nobody answers"])
def test_a_token_that_its_issuer_has_taken_back_ends_what_it_began(tmp_path: Path, how: str) -> None:
    write_package(tmp_path / "source")
    (tmp_path / "root").mkdir()
    ModelRegistry.open(settings=CoreSettings(root=str(tmp_path / "root"))).register("t", "m", "1", tmp_path / "source")
    secret, claims = "the secret that both share, long enough", {"aud": "omnibioai-platform", "type": "access"}
    with issuer_server() as platform:
        identity = IdentitySettings("required", iam_url=platform.url, jwt_secret=secret)
        app = create_app(Settings(core=CoreSettings(root=str(tmp_path / "root")), threads=8, identity=identity))
        now = int(time.time())
        said = {**claims, "sub": "12", "iss": "omnibioai-auth", "permissions": ["model.read"], "exp": now + 900}
        token = jwt.encode({**said, "iat": now}, secret)
        platform.valid[token] = {"valid": True, "user_id": "12"}
        answer = app.test_client().get("/v1/events?after=0", headers=bearer(token))
        assert answer.status_code == 200, answer.text
        parts = iter(answer.response)
        assert b"retry" in next(parts)  # type: ignore[operator]
        assert b"data: " in next(parts)  # type: ignore[operator]
        if how == "revoked":
            platform.valid[token] = {"valid": False}
        else:
            platform.answers["/auth/validate"] = lambda handler: handler.send_error(500)
        issued = app.extensions["identity"]._issued.__self__
        issued._clock = lambda: time.monotonic() + 31  # so long what was verified is believed
        assert not [part for part in parts if b"data: " in part]  # type: ignore[operator]
        assert platform.asked.count("/auth/validate") == 2
        answer.close()


def test_whoever_is_blocked_is_refused_the_stream_and_anybody_may_listen_to_what_is_public(place: Place) -> None:
    put(place.journal.storage, MAINTAINER.replace(b'"admins": [', b'"blocked": ["user:reader"], "admins": ['))
    refused = place.client.get("/v1/events", headers=bearer(place.issuer.token(sub="reader")))
    assert (refused.status_code, refused.json["code"]) == (403, "permission_denied")
    assert place.client.get("/v1/events").status_code == 200


def test_a_stream_that_began_without_rules_ends_with_the_first(tmp_path: Path) -> None:
    write_package(tmp_path / "source")
    (tmp_path / "root").mkdir()
    registry = ModelRegistry.open(settings=CoreSettings(root=str(tmp_path / "root")))
    registry.register("t", "m", "1", tmp_path / "source")
    client = create_app(Settings(core=CoreSettings(root=str(tmp_path / "root")), threads=8)).test_client()
    answer = client.get("/v1/events?after=0")
    parts = iter(answer.response)
    assert b"retry" in next(parts)  # type: ignore[operator]
    put(FilesystemStorage(tmp_path / "root"), RULES)
    assert not [part for part in parts if b"data: " in part]  # type: ignore[operator]
    answer.close()


# bytes


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/files/own/m/2/large.bin", {}),
        ("/v1/files/own/m/2/large.bin", {"Range": "bytes=5-"}),
        ("/v1/files/own/m/2/large.bin", {"Range": "bytes=0-9,400000-"}),
        ("/v1/archive/own/m/2", {}),
        ("/v1/archive/own/m/2", {"Range": "bytes=512-"}),
        ("/v1/archive/own/m/2", {"Range": "bytes=0-9,400000-"}),
    ],
)
def test_what_is_being_sent_breaks_off(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    path: str,
    headers: dict[str, str],
) -> None:
    """By a server that reads what it sends; a server that has the kernel send it is below."""
    monkeypatch.setattr(asking, "ASK_EVERY_S", -1.0)
    registry = ModelRegistry.open(settings=CoreSettings(root=str(place.root)))
    registry.register("own", "m", "2", write_files(tmp_path / "large", {"large.bin": b"x" * MIB}))
    answer = place.client.get(path, headers=bearer(place.token, **headers))
    assert answer.status_code in (200, 206)
    parts = iter(answer.response)
    got = len(next(parts))
    revoke_token(place.journal, place.token_id, actor=None, reason=None)
    with pytest.raises(ConnectionResetError):
        for part in parts:
            got += len(part)
    answer.close()
    assert got < int(answer.headers["Content-Length"])
    assert [record for record in caplog.records if "an answer was broken off: permission_denied" in record.getMessage()]


class Sent:
    """A file that counts how often it is asked, and at some time refuses."""

    def __init__(self, path: Path, most: int) -> None:
        self._file, self.asked, self._most = path.open("rb"), 0, most

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def ask(self) -> None:
        self.asked += 1
        if self.asked > self._most:
            with breaking_off():
                raise PermissionDenied("no more", required={})


@pytest.mark.parametrize("most", [100, 3])
def test_the_kernel_sends_a_part_after_each_question(tmp_path: Path, most: int) -> None:
    size = 5 * peer.PART_BYTES + 17
    (tmp_path / "file").write_bytes(os.urandom(size))
    ours, theirs = socket.socketpair()
    received = bytearray()

    def receive() -> None:
        while data := theirs.recv(65536):
            received.extend(data)

    reader = threading.Thread(target=receive)
    reader.start()
    sent = Sent(tmp_path / "file", most)
    connection = Peer(ours, Gate(16), Pace(60, 1))
    if most < 6:
        with pytest.raises(ConnectionResetError):
            connection.sendfile(sent, offset=0, count=size)
    else:
        assert connection.sendfile(sent, offset=0, count=size) == size
    ours.close()
    reader.join()
    theirs.close()
    whole = (tmp_path / "file").read_bytes()
    assert sent.asked == min(6, most + 1)
    assert bytes(received) == whole[: size if most > 6 else 3 * peer.PART_BYTES]
    sent.close()


def test_downloads_of_every_kind_break_off_within_seconds(tmp_path: Path) -> None:
    """A real server, and clients that take their time: each is cut off before it has half."""
    root = tmp_path / "root"
    root.mkdir()
    source = tmp_path / "source"
    source.mkdir()
    with (source / "large.bin").open("wb") as large:
        large.truncate(512 * MIB)
    ModelRegistry.open(root).register("own", "m", "1", source)
    journal = journal_of(FilesystemStorage(root))
    put(journal.storage, MAINTAINER)
    made = create_token(journal, TokenKind.SERVICE, "ci")
    commit = ModelRegistry.open(root).snapshot("own", "m", "1").commit_id
    asked: list[tuple[str, dict[str, str]]] = [
        ("/v1/files/own/m/1/large.bin", {}),
        ("/v1/files/own/m/1/large.bin", {"Range": "bytes=0-9,100-"}),
        ("/v1/archive/own/m/1", {}),
        (f"/hf/own/m/resolve/{commit}/large.bin", {"Range": "bytes=1-"}),
    ]
    begun = threading.Barrier(len(asked) + 1)

    with gunicorn(root, workers=1, threads=32) as server:

        def take(path: str, headers: dict[str, str]) -> tuple[int, int]:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=100)
            connection.request("GET", path, headers=bearer(made.text, **headers))
            answer = connection.getresponse()
            assert answer.status in (200, 206), path
            got = len(answer.read(65536))
            begun.wait()
            try:
                while data := answer.read(65536):
                    got += len(data)
                    time.sleep(0.005)  # a slow client: all of it would take a minute at least
            except (http.client.IncompleteRead, OSError):
                pass
            connection.close()
            return got, int(answer.headers["Content-Length"])

        with ThreadPoolExecutor(len(asked)) as pool:
            taken = [pool.submit(take, *one) for one in asked]
            begun.wait()
            revoke_token(journal, made.kept.id, actor=None, reason=None)
            for one in taken:
                got, size = one.result()
                assert got < size / 2

        def broken_off() -> int:
            return sum("an answer was broken off" in str(line.get("message")) for line in server.log)

        wait_until(lambda: broken_off() == len(asked), "the log does not say so")
        assert "Traceback" not in server.log_file.read_text()


# operations


def begin(place: Place, path: str, body: dict[str, Any], token: str) -> str:
    answer = place.client.post(path, json=body, headers=bearer(token, Prefer="respond-async"))
    assert answer.status_code == 202, answer.text
    return str(answer.json["url"])


def outcome(place: Place, url: str, token: str) -> dict[str, Any]:
    found = wait_for(
        lambda: place.client.get(url, headers=bearer(token)).json, lambda one: one["state"] != "running", "it goes on"
    )
    wait_until(lambda: not respond_async._threads, "its thread does not end")
    assert isinstance(found, dict)
    return found


def test_an_operation_that_runs_later_is_asked_when_it_runs(place: Place) -> None:
    token = place.issuer.token(sub="reader")
    gate: Gate = place.client.application.extensions["gate"]
    package = {"task": "own", "model_name": "m", "version": "2", "artifacts_dir": str(place.source)}
    for _ in range(READERS):
        gate.reading.acquire()
    try:
        urls = [
            begin(place, "/v1/register", package, token),
            begin(place, "/v1/verify", {"task": "own", "ref": "m@1"}, token),
        ]
        put(place.journal.storage, written(rules=[{"who": ["user:reader"], "on": ["own/*"], "role": "viewer"}]))
    finally:
        for _ in range(READERS):
            gate.reading.release()
    for url in urls:
        told = outcome(place, url, token)
        assert (told["state"], told["error"]["code"], told["error"]["status"]) == ("failed", "permission_denied", 403)


def test_one_that_waits_to_commit_is_asked_before_it_does(place: Place) -> None:
    token = place.issuer.token(sub="reader")
    registry = ModelRegistry.open(settings=CoreSettings(root=str(place.root)))
    package = {"task": "own", "model_name": "m", "version": "2", "artifacts_dir": str(place.source)}
    staging = place.root / ".staging"
    from registry_core.access.roles import Action

    with registry._model("own", "m", Action.WRITE).lock():
        url = begin(place, "/v1/register", package, token)
        wait_until(lambda: list(staging.rglob("sha256sums.txt")), "nothing is staged")
        put(place.journal.storage, written(rules=[{"who": ["user:reader"], "on": ["own/*"], "role": "viewer"}]))
    told = outcome(place, url, token)
    assert (told["state"], told["error"]["code"]) == ("failed", "permission_denied")
    assert [event.version for event in registry.history("own", "m").events] == ["1"]


def test_one_that_reads_for_hours_ends_soon(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ASK_EVERY_S", 0.0)
    token = place.issuer.token(sub="reader")
    path = place.root / "tasks/own/models/m/versions/1/model.pt"
    path.chmod(0o600)
    os.truncate(path, 1 << 40)  # reading it takes longer than any test
    path.chmod(0o444)
    url = begin(place, "/v1/verify", {"task": "own", "ref": "m@1"}, token)
    wait_until(lambda: place.client.get(url, headers=bearer(token)).json["progress"]["bytes_done"], "it does not read")
    put(place.journal.storage, written(rules=[{"who": ["user:reader"], "on": ["own/*"], "role": "viewer"}]))
    assert outcome(place, url, token)["error"]["code"] == "permission_denied"


def test_where_artifacts_may_lie_is_asked_when_the_operation_runs(place: Place) -> None:
    token = place.issuer.token(sub="reader")
    rule = {"who": ["user:reader"], "on": ["own/*"], "role": "maintainer"}
    gate: Gate = place.client.application.extensions["gate"]
    package = {"task": "own", "model_name": "m", "version": "2", "artifacts_dir": str(place.source)}
    for _ in range(READERS):
        gate.reading.acquire()
    try:
        url = begin(place, "/v1/register", package, token)
        put(place.journal.storage, written(rules=[{**rule, "from": [str(place.source / "deep")]}]))
    finally:
        for _ in range(READERS):
            gate.reading.release()
    assert outcome(place, url, token)["error"]["code"] == "artifacts_refused"
