"""Calls that nobody waits for: accepted, watched, finished; and found again after whatever happened meanwhile."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry_core import CoreSettings, ModelRegistry, OperationNotFound
from registry_core.storage.locks import exclusive

from ..app.conftest import scratch
from ..support.packages import write_package
from ..support.servers import PREFIX, Server, gunicorn, wait_until

ASYNC = {"Prefer": "respond-async"}
ENDLESS_BYTES = 1 << 40  # of a file with nothing in it: reading it takes longer than any test


class Service:
    """A service, a package to register, and what operations say."""

    def __init__(self, server: Server, root: Path, source: Path) -> None:
        self.server, self.root, self.source = server, root, source
        self.http = httpx.Client(base_url=server.url, timeout=60, trust_env=False)

    def register(
        self, version: str, key: str | None = None, prefer: str = "respond-async", **more: Any
    ) -> httpx.Response:
        body = {"task": "t", "model_name": "m", "version": version, "artifacts_dir": str(self.source), **more}
        headers = {"Prefer": prefer, **({"Idempotency-Key": key} if key else {})}
        return self.http.post("/v1/register", json=body, headers=headers)

    def verify(self, ref: str) -> str:
        answer = self.http.post("/v1/verify", json={"task": "t", "ref": ref}, headers=ASYNC)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["url"])

    def state(self, url: str) -> dict[str, Any]:
        answer = self.http.get(url)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def outcome(self, url: str) -> dict[str, Any]:
        wait_until(lambda: self.state(url)["state"] != "running", "the operation does not end")
        return self.state(url)

    @property
    def lock(self) -> Path:
        """The model's lock: whoever has it holds a registration up."""
        return self.root / "tasks/t/models/m/.lock"

    def make_endless(self, version: str) -> None:
        """A package whose proof takes very long, and fails."""
        path = self.root / "tasks/t/models/m/versions" / version / "model.pt"
        path.chmod(0o600)
        os.truncate(path, ENDLESS_BYTES)
        path.chmod(0o444)


@contextmanager
def running(area: Path, **settings: object) -> Iterator[Service]:
    root, source = area / "root", area / "source"
    if not root.exists():
        root.mkdir()
        write_package(source)
    env = {PREFIX + name: str(value) for name, value in settings.items()}
    with gunicorn(root, env=env) as server:
        yield Service(server, root, source)


@pytest.fixture
def area() -> Iterator[Path]:
    with scratch() as top:
        yield top


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with scratch() as top, running(top) as started:
        yield started


def test_a_registration_that_nobody_waits_for(service: Service) -> None:
    accepted = service.register("happy", unknown=1)
    assert accepted.status_code == 202
    assert accepted.headers["Preference-Applied"] == "respond-async"
    body = accepted.json()
    assert body == {
        "ok": True,
        "operation_id": body["operation_id"],
        "state": "running",
        "url": f"/v1/operations/{body['operation_id']}",
        "warnings": ["The field 'unknown' is not known here and was ignored."],
    }
    assert accepted.headers["Location"] == body["url"]
    done = service.outcome(body["url"])
    assert (done["state"], done["verb"], done["error"]) == ("succeeded", "register", None)
    files = 3  # model_meta.json is written anew
    assert done["progress"]["files_done"] == done["progress"]["files_total"] == files
    assert done["progress"]["bytes_done"] == done["progress"]["bytes_total"] > 0
    again = service.register("happy", prefer="handling=lenient")
    assert again.status_code == 409
    shown = service.http.get("/v1/show", params={"task": "t", "ref": "m@happy"}).json()
    result = done["result"]
    assert result["ok"] is True
    assert result["warnings"] == body["warnings"]
    assert (result["version"], result["package_digest"]) == ("happy", shown["package_digest"])
    listed = service.http.get("/v1/artifacts", params={"task": "t", "ref": "m@happy"}).json()["files"]
    assert result["hashes"] == {file["name"]: file["sha256"] for file in listed if file["role"] is None}
    assert all(len(sha256) == 64 for sha256 in result["hashes"].values())
    moments = [datetime.fromisoformat(done[name]) for name in ("created_at", "updated_at", "expires_at")]
    created, updated, expires = moments
    assert created <= updated
    assert expires - updated == timedelta(hours=24)


def test_a_proof_that_nobody_waits_for(service: Service) -> None:
    assert service.register("proven", prefer="").status_code == 201
    done = service.outcome(service.verify("m@proven"))
    assert (done["state"], done["verb"]) == ("succeeded", "verify")
    assert done["result"]["files_checked"] == done["progress"]["files_total"] == 4


def test_a_failure_is_the_problem_document(service: Service) -> None:
    assert service.register("there", prefer="").status_code == 201
    accepted = service.register("there")
    done = service.outcome(accepted.json()["url"])
    assert (done["state"], done["result"]) == ("failed", None)
    assert (done["error"]["code"], done["error"]["status"], done["error"]["ok"]) == ("version_exists", 409, False)
    assert done["error"]["same_content"] is True
    assert done["error"]["request_id"] == accepted.headers["X-Request-Id"]
    missing = service.outcome(service.verify("m@nowhere"))
    assert (missing["state"], missing["error"]["code"]) == ("failed", "version_not_found")


@pytest.mark.parametrize(
    ("prefer", "is_async"),
    [
        ("respond-async", True),
        ("Respond-Async", True),
        ("wait=10, respond-async", True),
        ("respond-async; x=1,wait=2", True),
        ("respond-asynchronously", False),
        ("return=minimal", False),
    ],
)
def test_the_header_is_read_as_rfc_7240_says(service: Service, prefer: str, is_async: bool) -> None:
    answer = service.http.post("/v1/verify", json={"task": "t", "ref": "m@none"}, headers={"Prefer": prefer})
    assert answer.status_code == (202 if is_async else 404)


def test_a_request_that_makes_no_sense_is_refused_at_once(service: Service) -> None:
    answer = service.http.post("/v1/register", json={"task": "t"}, headers=ASYNC)
    assert answer.status_code == 422


@pytest.mark.parametrize("operation_id", ["0" * 32, "x", "..", "0" * 31 + "G", "a" * 300, "%2e%2e%2fregistry"])
def test_an_operation_that_is_not_there(service: Service, operation_id: str) -> None:
    answer = service.http.get(f"/v1/operations/{operation_id}")
    assert answer.status_code == 404
    assert answer.json()["code"] in ("operation_not_found", "no_such_path")


def test_a_repeat_under_the_same_key_is_the_same_operation(service: Service) -> None:
    """While it runs and when it is done; another request is refused, and another model's key is another key."""
    assert service.register("before", prefer="").status_code == 201
    with exclusive(service.lock, 10):
        first = service.register("keyed", key="k1").json()
        assert service.state(first["url"])["state"] == "running"
        assert service.register("keyed", key="k1").json() == first
        other = service.register("other", key="k1")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert service.register("keyed", key="k1", model_name="m2").json()["url"] != first["url"]
    done = service.outcome(first["url"])
    assert done["state"] == "succeeded"
    again = service.register("keyed", key="k1").json()
    assert (again["url"], again["state"]) == (first["url"], "succeeded")
    waited = service.register("keyed", key="k1", prefer="")
    assert waited.status_code == 201
    assert waited.json()["package_digest"] == done["result"]["package_digest"]


def test_what_failed_can_be_tried_again_under_its_key(service: Service, tmp_path: Path) -> None:
    first = service.register("late", key="k2", artifacts_dir=str(tmp_path / "late")).json()
    assert service.outcome(first["url"])["error"]["code"] == "artifacts_refused"
    write_package(tmp_path / "late")
    second = service.register("late", key="k2", artifacts_dir=str(tmp_path / "late")).json()
    assert second["url"] == first["url"]
    assert service.outcome(first["url"])["state"] == "succeeded"


def test_progress_grows_and_a_dead_worker_is_seen(area: Path) -> None:
    """The operation outlives the service, says that it was interrupted, and can be repeated."""
    with running(area) as first:
        assert first.register("1", prefer="").status_code == 201
        assert first.register("2", prefer="").status_code == 201
        first.make_endless("1")
        url = first.verify("m@1")
        seen: set[int] = set()

        def grows() -> bool:
            state = first.state(url)
            assert state["state"] == "running"
            assert state["progress"]["bytes_total"] > ENDLESS_BYTES
            seen.add(state["progress"]["bytes_done"])
            return len(seen - {0}) >= 2

        wait_until(lambda: first.state(url)["progress"]["bytes_total"] > 0, "no progress is told")
        wait_until(grows, "the progress does not grow")
        with exclusive(first.lock, 10):
            waiting = first.register("3", key="k").json()["url"]
            assert first.state(waiting)["state"] == "running"
            first.server.kill()
    with running(area) as second:
        for operation in (url, waiting):
            state = second.state(operation)
            assert (state["state"], state["result"], state["error"]) == ("interrupted", None, None)
        assert second.state(url)["progress"]["bytes_done"] >= max(seen)
        repeated = second.register("3", key="k").json()
        assert repeated["url"] == waiting
        assert second.outcome(waiting)["state"] == "succeeded"
        assert second.outcome(second.verify("m@3"))["state"] == "succeeded"


def test_a_service_that_is_told_to_stop_finishes_first(area: Path) -> None:
    with running(area) as first:
        assert first.register("1", prefer="").status_code == 201
        with exclusive(first.lock, 10):
            urls = [first.register(f"2-{n}", model_name="m").json()["url"] for n in range(3)]
            first.server.terminate()
            wait_until(lambda: not _accepts(first), "the service still takes calls")
        first.server.wait()
    with running(area) as second:
        assert [second.state(url)["state"] for url in urls] == ["succeeded"] * 3


def _accepts(service: Service) -> bool:
    try:
        return httpx.get(service.server.url + "/health", timeout=60, trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_silence_is_taken_for_death_where_the_process_cannot_be_seen(tmp_path: Path) -> None:
    """A worker on another machine, of which only the document is here."""
    registry = opened(tmp_path)
    operation, work = registry.begin_operation("verify", {"ref": "m@1"}, key="k")
    assert work is not None
    assert registry.operation(operation.operation_id).state == "running"
    rewrite(tmp_path, operation.operation_id, process={"boot": "elsewhere", "pid": 1}, age=timedelta(seconds=5))
    assert registry.operation(operation.operation_id).state == "running"
    rewrite(tmp_path, operation.operation_id, process={"boot": "elsewhere", "pid": 1}, age=timedelta(seconds=40))
    assert registry.operation(operation.operation_id).state == "interrupted"
    again, anew = registry.begin_operation("verify", {"ref": "m@1"}, key="k")
    assert anew is not None
    assert again.operation_id == operation.operation_id
    # The first one was only slow. What it has to say is not taken for the second's.
    work.run(lambda progress: {"who": "first"}, lambda error: {})
    assert registry.operation(operation.operation_id).state == "running"
    anew.run(lambda progress: {"who": "second"}, lambda error: {})
    assert registry.operation(operation.operation_id).result == {"who": "second"}


@pytest.mark.parametrize("jump", [timedelta(days=3), timedelta(minutes=2), timedelta(days=-3)], ids=str)
def test_a_clock_that_jumps_interrupts_no_operation_of_this_machine(tmp_path: Path, jump: timedelta) -> None:
    registry = opened(tmp_path)
    operation, work = registry.begin_operation("verify", {"ref": "m@1"}, key="k")
    assert work is not None
    path = tmp_path / ".operations" / f"{operation.operation_id}.json"
    said = json.loads(path.read_text())
    moment = (datetime.now(UTC) - jump).isoformat().replace("+00:00", "Z")
    path.write_text(json.dumps({**said, "updated_at": moment}))  # as it looks after a jump
    assert registry.operation(operation.operation_id).state == "running"
    assert registry.begin_operation("verify", {"ref": "m@1"}, key="k")[1] is None
    assert registry.sweep().removed == []
    process = {**said["process"], "beat_s": said["process"]["beat_s"] - 40}
    path.write_text(json.dumps({**said, "process": process}))
    assert registry.operation(operation.operation_id).state == "interrupted"


def test_operations_expire(tmp_path: Path) -> None:
    registry = opened(tmp_path)
    old, work = registry.begin_operation("verify", {"ref": "m@1"}, key="k")
    assert work is not None
    work.run(lambda progress: {}, lambda error: {})
    young, _ = registry.begin_operation("verify", {"ref": "m@2"})
    rewrite(tmp_path, old.operation_id, age=timedelta(hours=24, seconds=1))
    with pytest.raises(OperationNotFound):
        registry.operation(old.operation_id)
    named = [f".operations/{old.operation_id}"]
    assert registry.sweep(dry_run=True).removed == named
    assert registry.sweep().removed == named
    assert registry.sweep().removed == []
    assert registry.operation(young.operation_id).state == "running"
    rewrite(tmp_path, young.operation_id, age=timedelta(hours=25))
    fresh = opened(tmp_path)
    fresh.begin_operation("verify", {"ref": "m@3"})
    assert not (tmp_path / ".operations" / f"{young.operation_id}.json").exists()


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b"\xff"])
def test_a_damaged_document_is_no_operation(tmp_path: Path, damage: bytes) -> None:
    registry = opened(tmp_path)
    operation, _ = registry.begin_operation("verify", {}, key="k")
    (tmp_path / ".operations" / f"{operation.operation_id}.json").write_bytes(damage)
    with pytest.raises(OperationNotFound):
        registry.operation(operation.operation_id)
    assert registry.begin_operation("verify", {}, key="k")[1] is not None
    assert registry.operation(operation.operation_id).state == "running"


def test_an_error_that_nobody_foresaw_is_an_outcome_too(tmp_path: Path) -> None:
    registry = opened(tmp_path)
    operation, work = registry.begin_operation("verify", {})
    assert work is not None

    def fail(progress: Callable[..., None]) -> dict[str, Any]:
        raise RuntimeError("secret")

    work.run(fail, lambda error: {"kind": type(error).__name__})
    found = registry.operation(operation.operation_id)
    assert (found.state, found.error) == ("failed", {"kind": "RuntimeError"})


def opened(root: Path) -> ModelRegistry:
    return ModelRegistry.open(settings=CoreSettings(root=str(root), workers=1))


def rewrite(root: Path, operation_id: str, *, age: timedelta, **fields: Any) -> None:
    """The document as it would be if it had been written so long ago."""
    path = root / ".operations" / f"{operation_id}.json"
    moment = (datetime.now(UTC) - age).isoformat().replace("+00:00", "Z")
    said = {**json.loads(path.read_text()), **fields, "updated_at": moment}
    if "beat_s" in said["process"]:
        said["process"]["beat_s"] -= age.total_seconds()
    path.write_text(json.dumps(said))


def test_an_id_cannot_be_worked_out_from_the_key_that_it_was_given_for(tmp_path: Path) -> None:
    registry = opened(tmp_path)
    operation, _ = registry.begin_operation("verify", {}, key="k")
    kept = tmp_path / ".operations" / "keys"
    (named,) = kept.iterdir()
    assert operation.operation_id not in named.name
    for text in ("k", "verify\nk", '[null, "verify", "k"]', named.stem):
        assert hashlib.sha256(text.encode()).hexdigest()[:32] != operation.operation_id
    assert registry.begin_operation("verify", {}, key="k")[0].operation_id == operation.operation_id
    others = [("register", "k"), ("verify", "l")]
    ids = {registry.begin_operation(verb, {}, key=key)[0].operation_id for verb, key in others}
    assert len(ids - {operation.operation_id}) == len(others)


def test_of_many_who_begin_with_one_key_one_does_the_work(tmp_path: Path) -> None:
    registry = opened(tmp_path)
    with ThreadPoolExecutor(8) as many:
        begun = list(many.map(lambda _: registry.begin_operation("verify", {}, key="k"), range(8)))
    assert len({operation.operation_id for operation, _ in begun}) == 1
    assert sum(work is not None for _, work in begun) == 1
    assert len(list((tmp_path / ".operations" / "keys").iterdir())) == 1


def test_what_named_an_expired_operation_is_swept_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = opened(tmp_path)
    kept = tmp_path / ".operations" / "keys"
    first, _ = registry.begin_operation("verify", {}, key="k")
    (tmp_path / ".operations" / f"{first.operation_id}.json").unlink()
    registry.sweep()
    assert len(list(kept.iterdir())) == 1  # it may be about to be begun
    monkeypatch.setattr("registry_core.operations.running.EXPIRY_S", -1.0)
    registry.sweep()
    assert list(kept.iterdir()) == []
    monkeypatch.undo()
    (kept / f"{'0' * 64}.json").write_bytes(b"damaged")
    assert registry.begin_operation("verify", {}, key="k")[1] is not None
