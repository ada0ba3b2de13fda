"""Clients that send their heads or bodies slowly, or take answers slowly, take no place that others need."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from app.web.gate import RESERVED_THREADS

from ..support.servers import PREFIX, Server, gunicorn, wait_for, wait_until
from .curl import curl, get

THREADS = 8
WAITED_FOR = (THREADS - RESERVED_THREADS) // 2
MANY = 3 * THREADS
SLOW = b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
REFUSED = b"POST /v1/nothing HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\nx"
CHUNKED = b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
LARGE = b"GET /docs/assets/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
DESCRIPTION = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
PATIENT = {PREFIX + "BODY_PATIENCE_S": "300", PREFIX + "HEAD_TIMEOUT_S": "300"}


@contextmanager
def sent(server: Server, data: bytes, count: int, window: int | None = None) -> Iterator[list[socket.socket]]:
    """So many connections on each of which these bytes have been sent."""
    with ExitStack() as held:
        opened = []
        for _ in range(count):
            client = held.enter_context(socket.socket())
            client.settimeout(60)
            if window is not None:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            client.connect(("127.0.0.1", server.port))
            client.sendall(data)
            opened.append(client)
        yield opened


def assert_healthy(server: Server) -> None:
    for _ in range(5):
        assert curl(f"{server.url}/health").status == 200
        assert curl(f"{server.url}/health/ready").status == 200


def answer_of(client: socket.socket) -> bytes:
    """All that comes until the server hangs up."""
    with client.makefile("rb") as answer:
        try:
            return answer.read()
        except ConnectionResetError:
            return b""


SLOW_ONES = {
    "nothing": b"",
    "half a head": b"GET /health HTTP/1.1\r\nHost:",
    "slow body": SLOW,
    "refused body": REFUSED,
    "slow chunks": CHUNKED + b"1",
    "upload nobody knows": b"PATCH /v1/uploads/0/0 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx",
}


@pytest.mark.parametrize("data", SLOW_ONES.values(), ids=SLOW_ONES.keys())
def test_health_answers_however_many_are_slow(root: Path, data: bytes) -> None:
    """Nobody is given up here: that others are answered is for the places, not for the deadlines."""
    with gunicorn(root, workers=1, threads=THREADS, env=PATIENT) as server, sent(server, data, MANY):
        assert_healthy(server)


@pytest.mark.parametrize("asks", [LARGE * 8, DESCRIPTION * 200], ids=["files", "JSON"])
def test_slow_readers_of_answers_leave_threads_for_others(root: Path, asks: bytes) -> None:
    """As many answers as fill every buffer are asked for at once, and none is taken."""
    with gunicorn(root, workers=1, threads=THREADS, env=PATIENT) as server, sent(server, asks, MANY, 4096):
        assert_healthy(server)


def test_slow_connections_do_not_take_all_that_a_worker_may_have(root: Path) -> None:
    args = ["--worker-connections", "20"]
    with (
        gunicorn(root, workers=1, threads=THREADS, env=PATIENT, args=args) as server,
        sent(server, b"GET /health", 60),
    ):
        assert_healthy(server)


def test_beyond_those_that_are_waited_for_a_slow_body_is_refused(root: Path) -> None:
    """Which of them are waited for is not said, only how many."""
    with gunicorn(root, workers=1, threads=THREADS, env=PATIENT) as server, sent(server, SLOW, MANY) as clients:
        wait_until(lambda: len(answered(clients)) == MANY - WAITED_FOR, "other than so many are waited for")
        for client in answered(clients):
            head = client.recv(4096)
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"Retry-After: 2" in head
        assert get(f"{server.url}/v1/tasks").status == 200
        body = json.dumps({"task": "t", "ref": "m@1"})
        whole = curl("-H", "Content-Type: application/json", "-d", body, f"{server.url}/v1/verify")
        assert (whole.status, whole.json["code"]) == (404, "model_not_found")  # what has come is not waited for


def answered(clients: list[socket.socket]) -> list[socket.socket]:
    """Those that an answer, or the end of the connection, has come for."""
    return select.select(clients, [], [], 0)[0]


def test_a_body_that_does_not_come_is_given_up(root: Path) -> None:
    with gunicorn(root, workers=1, threads=THREADS, env={**PATIENT, PREFIX + "BODY_PATIENCE_S": "1"}) as server:
        for data in (SLOW, CHUNKED + b"5\r\n{"):
            with sent(server, data, 1) as (client,):
                answer = answer_of(client)
                assert answer.startswith(b"HTTP/1.1 408 ")
                assert b'"code": "body_too_slow"' in answer
        with sent(server, REFUSED, 1) as (client,):
            assert answer_of(client).startswith(b"HTTP/1.1 404 ")


def test_a_head_that_does_not_come_is_hung_up_on(root: Path) -> None:
    """A whole one is answered. It is sent again where this machine took longer over it than the service waits."""

    def hung_up_on(data: bytes) -> bytes:
        with suppress(ConnectionError), sent(server, data, 1) as (client,):
            return answer_of(client)
        return b""

    with gunicorn(root, workers=1, threads=THREADS, env={**PATIENT, PREFIX + "HEAD_TIMEOUT_S": "1"}) as server:
        for begun in (b"", b"GET /health HTTP/1.1\r\n"):
            assert hung_up_on(begun) == b""
        whole = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /"
        answer = wait_for(lambda: hung_up_on(whole), bool, "a whole head is not answered")
        assert answer.count(b"HTTP/1.1 200 OK") == 1


def test_a_head_without_an_end_is_refused(root: Path) -> None:
    head = b"GET /health HTTP/1.1\r\n" + b"X-A: b\r\n" * 8192
    with gunicorn(root, workers=1) as server, sent(server, head, 1) as (client,):
        assert answer_of(client).startswith(b"HTTP/1.1 431 ")


def test_heads_that_come_in_pieces_and_together_are_answered(root: Path) -> None:
    asks = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with gunicorn(root, workers=1) as server, sent(server, b"", 1) as (client,):
        for at in range(len(asks)):
            client.sendall(asks[at : at + 1])
        client.sendall(asks * 2 + asks.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert answer_of(client).count(b"HTTP/1.1 200 OK") == 4


@pytest.mark.parametrize(
    "chunks", [b"zz\r\n", b"-1\r\nx\r\n", b"5\r\n{}\r\n0\r\n\r\n", b"2\r\n{}xx0\r\n\r\n", b";\r\n"]
)
def test_malformed_chunks_are_the_callers_mistake(root: Path, chunks: bytes) -> None:
    with gunicorn(root, workers=1) as server, sent(server, CHUNKED + chunks, 1) as (client,):
        client.shutdown(socket.SHUT_WR)
        answer = answer_of(client)
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        assert answer.count(b"HTTP/1.1") == 1
        assert b'"code": "malformed_request"' in answer
        assert not [line for line in server.log if line["level"] == "ERROR"]
