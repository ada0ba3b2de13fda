"""Slow calls hold nobody up, are not killed, and are finished before the service ends.

Nothing here sleeps: a call is slow because the test holds what it waits for, and lets go when the
thing under test has been seen.
"""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..support.packages import write_package
from ..support.servers import PREFIX, Server, gunicorn, nginx, wait_for, wait_until
from .blockers import Call, heartbeat_of, model_lock, slow_to_open, stages_something, stop, workers_of
from .curl import curl, get, post

CALLS = 40
LONG_PAST = -1_000_000  # in monotonic time: before the machine started
PATIENT = {PREFIX + "LOCK_TIMEOUT_S": "100"}


def body(area: Path, version: str) -> dict[str, Any]:
    source = area / "source"
    if not source.exists():
        write_package(source)
    return {"task": "t", "model_name": "m", "version": version, "artifacts_dir": str(source)}


def begin(area: Path, url: str) -> None:
    """The model is there, and so is its lock file."""
    assert post(f"{url}/v1/register", body(area, "0")).status == 201


def assert_quick_calls_answer(url: str) -> None:
    """On connections of their own, often enough to meet every worker."""
    for _ in range(10):
        assert curl(f"{url}/health").status == 200
        assert curl(f"{url}/health/ready").status == 200
        assert get(f"{url}/v1/show", task="t", ref="m@0").status == 200


def test_blocked_registrations_do_not_starve_health(root: Path, area: Path) -> None:
    with gunicorn(root, env=PATIENT) as server, nginx([server.url]) as proxied:
        begin(area, server.url)
        with model_lock(root, "t", "m"):
            calls = [Call(server.port, "POST", "/v1/register", body(area, f"v{n}")) for n in range(CALLS)]
            # All have been accepted once a later connection is: the queue is one.
            wait_until(lambda: sum(1 for _ in (root / ".staging").iterdir()) >= 8, "nothing is being registered")
            assert_quick_calls_answer(server.url)
            assert_quick_calls_answer(proxied)
            assert sum(call.is_open for call in calls) >= 28
        answered = [call.wait() for call in calls]
        taken = [call for call in answered if call.status == 201]
        refused = [call for call in answered if call.status != 201]
        assert len(taken) >= 28  # what one worker of 32 threads admits, even if all calls met the same
        for call in refused:
            assert (call.status, call.answer["code"]) == (503, "busy")
            assert int(call.headers["retry-after"]) > 0
        versions = {path.name for path in (root / "tasks/t/models/m/versions").iterdir()}
        assert versions == {"0"} | {call.answer["version"] for call in taken}


def test_blocked_verifies_do_not_starve_health(root: Path, area: Path) -> None:
    with gunicorn(root) as server:
        begin(area, server.url)
        with slow_to_open(root / "tasks/t/models/m/aliases/latest.json"):
            calls = [Call(server.port, "POST", "/v1/verify", {"task": "t", "ref": "m@latest"}) for _ in range(CALLS)]
            calls += [Call(server.port, "GET", "/v1/resolve?task=t&ref=m@latest") for _ in range(CALLS)]
            for _ in range(20):
                assert curl(f"{server.url}/health").status == 200
                assert curl(f"{server.url}/health/ready").status == 200
            assert sum(call.is_open for call in calls) >= 28
        statuses = [call.wait().status for call in calls]
        assert set(statuses) <= {200, 503}
        assert statuses.count(200) >= 28


def test_clients_that_do_not_hang_up_hold_up_nobody(root: Path) -> None:
    """gunicorn waits for each of them when it has been answered: newcomers would wait two minutes for all of these."""
    asks = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with gunicorn(root, workers=1) as server, ExitStack() as held:
        clients = [
            held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60)) for _ in range(70)
        ]
        for client in clients:
            client.sendall(asks)
        assert curl(f"{server.url}/health").status == 200  # within the minute that curl waits
        for client in clients:
            with client.makefile("rb") as answer:
                assert answer.read().startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_registration_outlives_the_worker_timeout(root: Path, area: Path) -> None:
    """Its worker's heart beats on; the other one, whose heart is stopped and set back, is killed: so the timeout is
    in force, and no test waits for it."""
    with gunicorn(root, env=PATIENT) as server:
        begin(area, server.url)
        with model_lock(root, "t", "m"):
            call = Call(server.port, "POST", "/v1/register", body(area, "slow"))
            busy = the_worker_that_registers(server, root)
            (witness,) = both_workers(server) - {busy}
            heart, stopped = heart_of(busy), heart_of(witness)
            for _ in range(2):
                before = heart.stat().st_mtime_ns
                wait_until(lambda: heart.stat().st_mtime_ns > before, "the worker that registers does not beat")  # noqa: B023
            stop(witness)
            os.utime(stopped, (LONG_PAST, LONG_PAST))
            wait_until(lambda: killed_for_timeout(server, witness), "gunicorn's worker timeout does not work")
            assert call.is_open
            assert not killed_for_timeout(server, busy)
        assert call.wait().status == 201
        assert busy in workers_of(server.pid)
        assert get(f"{server.url}/v1/resolve", task="t", ref="m@slow").status == 200


def heart_of(worker: int) -> Path:
    heart = wait_for(lambda: heartbeat_of(worker), bool, "the worker does not beat")
    assert heart is not None
    return heart


def both_workers(server: Server) -> set[int]:
    """The service answers as soon as one of them does."""
    return wait_for(lambda: set(workers_of(server.pid)), lambda found: len(found) == 2, "the second worker is missing")


def the_worker_that_registers(server: Server, root: Path) -> int:
    def look() -> list[int]:
        return [pid for pid in workers_of(server.pid) if stages_something(pid, root)]

    return wait_for(look, bool, "no worker is registering")[0]


def killed_for_timeout(server: Server, pid: int) -> bool:
    return any("WORKER TIMEOUT" in line["message"] and f"pid:{pid})" in line["message"] for line in server.log)


def test_term_lets_a_running_registration_finish_and_answer(root: Path, area: Path) -> None:
    with gunicorn(root, env=PATIENT) as server:
        begin(area, server.url)
        with model_lock(root, "t", "m"):
            call = Call(server.port, "POST", "/v1/register", body(area, "last"))
            the_worker_that_registers(server, root)
            server.terminate()
            wait_until(lambda: not connects(server.port), "the service still takes connections after TERM")
            assert call.is_open
            assert server.process.poll() is None
        assert call.wait().status == 201
        assert server.wait() == 0
        statuses = [line["status"] for line in server.log if line.get("path") == "/v1/register"]
        assert statuses == [201, 201]
    with gunicorn(root) as again:
        assert get(f"{again.url}/v1/resolve", task="t", ref="m@latest").json["version"] == "last"


def connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_hup_does_not_drop_a_running_registration(root: Path, area: Path) -> None:
    """A reload (systemd's ExecReload) starts new workers; the old ones finish what they run."""
    with gunicorn(root, env=PATIENT) as server:
        begin(area, server.url)
        with model_lock(root, "t", "m"):
            call = Call(server.port, "POST", "/v1/register", body(area, "kept"))
            old = both_workers(server)
            the_worker_that_registers(server, root)
            server.process.send_signal(1)
            wait_until(lambda: set(workers_of(server.pid)) - old, "no new worker after HUP")
            assert curl(f"{server.url}/health").status == 200
            assert call.is_open
        assert call.wait().status == 201


def test_a_killed_service_leaves_nothing_half_registered(root: Path, area: Path) -> None:
    with gunicorn(root, env=PATIENT) as server:
        begin(area, server.url)
        with model_lock(root, "t", "m"):
            call = Call(server.port, "POST", "/v1/register", body(area, "half"))
            the_worker_that_registers(server, root)
            server.kill()
        wait_until(lambda: not call.is_open, "the connection of a killed service stays open")
        assert call.failure is not None
    with gunicorn(root) as again:
        assert get(f"{again.url}/v1/show", task="t", ref="m@half").status == 404
        assert get(f"{again.url}/v1/show", task="t", ref="m@latest").json["version"] == "0"
        assert post(f"{again.url}/v1/register", body(area, "half")).status == 201


def test_a_lock_that_is_not_given_back_becomes_a_lock_timeout(root: Path, area: Path) -> None:
    with gunicorn(root, env={PREFIX + "LOCK_TIMEOUT_S": "0.2"}) as server:
        begin(area, server.url)
        with model_lock(root, "t", "m"):
            refused = Call(server.port, "POST", "/v1/register", body(area, "1")).wait()
            promote = {"task": "t", "model_name": "m", "alias": "staging", "version": "0"}
            also = Call(server.port, "POST", "/v1/promote", promote).wait()
        for call in (refused, also):
            assert (call.status, call.answer["code"]) == (503, "lock_timeout")
            assert int(call.headers["retry-after"]) > 0
        assert post(f"{server.url}/v1/register", body(area, "1")).status == 201
        assert post(f"{server.url}/v1/promote", promote).status == 200
