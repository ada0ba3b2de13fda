"""A registration takes what has arrived, without reading it again; and leaves it where it was if it fails.

What the model has is read once, and not copied.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_core import CoreSettings, DigestMismatch, ModelRegistry, Progress
from registry_core.vocabulary.texts import encode

from ..app.conftest import scratch
from ..faults import forks
from ..support.machine import MIB
from ..support.packages import write_files
from ..support.servers import Server, gunicorn
from .wire import TUS, Wire, announced, code, sha256

DATA = random.Random(11).randbytes(2 * MIB)
LARGE = 32 * MIB


class Reader:
    """What arrives, from memory."""

    def __init__(self, data: bytes) -> None:
        self._left = memoryview(data)

    def readinto(self, buffer: memoryview, /) -> int:
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


@pytest.fixture
def area() -> Iterator[Path]:
    with scratch() as top:
        yield top


def io_bytes(server: Server) -> int:
    """Bytes that the service's processes have read and written since they began, by any call."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    total = 0
    for pid in (str(server.pid), *children):
        counted = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
        total += int(counted["rchar"]) + int(counted["wchar"])
    return total


def test_what_has_arrived_is_not_read_and_nothing_is_copied_at_register() -> None:
    """What the model has is read once, when it is registered; nothing is when it is announced."""
    with scratch() as area:
        root = area / "root"
        root.mkdir()
        with gunicorn(root, workers=1) as server:  # another one might still be reading its modules
            wire = Wire(server.url, root)
            data = random.Random(1).randbytes(LARGE)
            session = wire.begin()
            before = io_bytes(server)
            file = wire.send(session["url"], "large.bin", data)
            assert io_bytes(server) - before >= LARGE, "what is counted here is not what the service does"
            inode = wire.data(session, file).stat().st_ino
            before = io_bytes(server)
            assert wire.register(session, "1").status_code == 201
            assert io_bytes(server) - before < MIB
            assert (wire.package("1") / "large.bin").stat().st_ino == inode

            before = io_bytes(server)
            again = wire.begin(announced("moved/large.bin", data))
            assert again["have"] == ["moved/large.bin"]
            assert io_bytes(server) - before < MIB
            before = io_bytes(server)
            assert wire.register(again, "2").status_code == 201
            assert LARGE <= io_bytes(server) - before < LARGE + MIB
            assert (wire.package("2") / "moved/large.bin").read_bytes() == data
            assert (wire.package("2") / "moved/large.bin").stat().st_mode & 0o777 == 0o444
            assert wire.http.post("/v1/verify", json={"task": "t", "ref": "m@2"}).status_code == 200


def test_a_package_of_both(direct: Wire) -> None:
    first = direct.begin()
    direct.send(first["url"], "weights", DATA)
    direct.send(first["url"], "labels", b"a,b")
    assert direct.register(first, "both-1").status_code == 201
    second = direct.begin(announced("weights", DATA), announced("labels", b"a,c"), announced("copy", DATA))
    assert second["have"] == ["weights", "copy"]
    direct.send(second["url"], "labels", b"a,c")
    done = direct.register(second, "both-2", actor="ada", reason="more labels", set_alias="newest")
    assert done.status_code == 201, done.text
    assert {path: (direct.package("both-2") / path).read_bytes() for path in ("weights", "labels", "copy")} == {
        "weights": DATA,
        "labels": b"a,c",
        "copy": DATA,
    }
    assert direct.http.post("/v1/verify", json={"task": "t", "ref": "m@newest"}).json()["files_checked"] == 4


def test_what_was_announced_must_come(direct: Wire) -> None:
    session = direct.begin(announced("x", b"12"), announced("y", b"3"))
    assert session["have"] == []
    direct.send(session["url"], "x", b"12")
    answer = direct.register(session, "announced")
    assert code(answer) == (422, "artifacts_refused")
    assert answer.json()["problems"] == [{"path": "y", "reason": "was announced, and has not arrived"}]
    other = direct.send(session["url"], "y", b"4")
    answer = direct.register(session, "announced")
    assert code(answer) == (422, "digest_mismatch")
    [problem] = answer.json()["problems"]
    assert (problem["path"], problem["actual"]) == ("y", "sha256:" + sha256(b"4"))
    assert direct.http.delete(other, headers=TUS).status_code == 204
    direct.send(session["url"], "y", b"3")
    assert direct.register(session, "announced").status_code == 201


def test_an_upload_without_files(direct: Wire) -> None:
    assert code(direct.register(direct.begin(), "none")) == (422, "artifacts_refused")


def test_a_refused_registration_keeps_the_upload(direct: Wire) -> None:
    first = direct.begin()
    direct.send(first["url"], "x", DATA)
    assert direct.register(first, "kept-1").status_code == 201
    session = direct.begin()
    direct.send(session["url"], "x", DATA)
    taken = direct.register(session, "kept-1")
    assert code(taken) == (409, "version_exists")
    assert taken.json()["same_content"] is True
    assert code(direct.register(session, "no good name")) == (422, "invalid_name")
    assert code(direct.register(session, "kept-2", metadata={"lineage": "none"})) == (422, "invalid_metadata")
    assert direct.http.get(session["url"]).json()["files"][0]["complete"] is True
    assert direct.register(session, "kept-2").status_code == 201
    assert list((direct.root / ".staging").iterdir()) == []


def test_what_was_refused_late_can_be_mended_by_a_user_whom_modes_bind(area: Path) -> None:
    """A refusal after staging has sealed the bytes that the upload still has."""
    root = area / "root"
    root.mkdir()
    root.chmod(0o777)
    area.chmod(0o755)

    def mend() -> int:
        registry = ModelRegistry.open(settings=CoreSettings(root=str(root), workers=1))
        session = registry.begin_upload("t", "m").upload_id
        for path, data in (("x", b"123"), ("sha256sums.txt", b"0" * 64 + b"  x\n")):
            file = registry.add_upload(session, path, len(data))
            registry.receive(session, file.file_id, 0, Reader(data))
        with pytest.raises(DigestMismatch):
            registry.register("t", "m", "1", upload_id=session)
        for file in registry.upload(session).files:
            registry.receive(session, file.file_id, file.offset, Reader(b""))
            registry.drop_upload(session, file.file_id)
        file = registry.add_upload(session, "x", 3)
        registry.receive(session, file.file_id, 0, Reader(b"456"))
        registry.register("t", "m", "1", upload_id=session)
        again = registry.begin_upload("t", "m", [announced("y", b"456")])
        assert again.have == ["y"]
        registry.register("t", "m", "2", upload_id=again.upload_id)
        registry.verify("t", "m@1")
        return registry.verify("t", "m@2").files_checked

    assert forks.run_as_ordinary_user(mend).get() == 2


def test_a_repeat_gets_the_first_answer(direct: Wire) -> None:
    session = direct.begin()
    direct.send(session["url"], "x", DATA)
    headers = {"Idempotency-Key": "push-17"}
    first = direct.register(session, "repeated", headers=headers)
    assert first.status_code == 201
    assert direct.register(session, "repeated", headers=headers).json() == first.json()
    assert code(direct.register(direct.begin(), "repeated", headers=headers)) == (422, "idempotency_key_reused")


def test_a_directory_or_an_upload(direct: Wire) -> None:
    body = {"task": "t", "model_name": "m", "version": "1"}
    neither = direct.http.post("/v1/register", json=body)
    assert code(neither) == (422, "invalid_request")
    assert "artifacts_dir" in neither.json()["errors"]
    both = direct.http.post("/v1/register", json={**body, "artifacts_dir": "/tmp/x", "upload_id": "0" * 32})
    assert code(both) == (422, "invalid_request")


def test_a_version_that_was_deleted_meanwhile(direct: Wire) -> None:
    """What the answer said the model has is looked for again; what is gone must be sent, and nothing else is lost."""
    first = direct.begin()
    direct.send(first["url"], "x", DATA + b"1")
    assert direct.register(first, "gone-1", set_alias=None).status_code == 201
    session = direct.begin(announced("x", DATA + b"1"), announced("y", b"y"))
    assert session["have"] == ["x"]
    direct.send(session["url"], "y", b"y")
    deleted = direct.http.request(
        "DELETE", "/v1/versions", json={"task": "t", "model_name": "m", "version": "gone-1", "reason": "wrong donors"}
    )
    assert deleted.status_code == 200
    answer = direct.register(session, "gone-2")
    assert code(answer) == (422, "artifacts_refused")
    assert [problem["path"] for problem in answer.json()["problems"]] == ["x"]
    direct.send(session["url"], "x", DATA + b"1")
    assert direct.register(session, "gone-2").status_code == 201


def test_no_digest_is_believed_that_the_registry_did_not_compute(direct: Wire) -> None:
    """Neither a manifest that somebody wrote by hand, nor one that was rewritten, nor another model's."""
    old = direct.root / "tasks/t/models/m/versions/by-hand"
    write_files(old, {"x": b"not what it says", "sha256sums.txt": f"{sha256(DATA)}  x\n".encode()})
    assert direct.begin(announced("x", b"old" + DATA))["have"] == []
    assert direct.begin({"path": "x", "sha256": sha256(DATA + b"?"), "size_bytes": 16})["have"] == []

    first = direct.begin()
    direct.send(first["url"], "x", b"original")
    assert direct.register(first, "rewritten").status_code == 201
    assert direct.begin(announced("x", b"original"))["have"] == ["x"]
    assert direct.begin(announced("x", b"original"), model_name="another")["have"] == []
    package = direct.package("rewritten")
    package.chmod(0o755)
    (package / "sha256sums.txt").chmod(0o644)
    text = (package / "sha256sums.txt").read_text()
    (package / "sha256sums.txt").write_text(text.replace(sha256(b"original"), sha256(b"forged")))
    assert direct.begin(announced("x", b"forged"))["have"] == []
    assert direct.begin({"path": "x", "sha256": sha256(b"original"), "size_bytes": 9})["have"] == []


def test_the_policy_holds_for_uploads_too(tmp_path: Path) -> None:
    with gunicorn(tmp_path, env={"OMNIBIOAI_MODEL_REGISTRY_REQUIRED_FILES": "metrics.json"}) as server:
        wire = Wire(server.url, tmp_path)
        session = wire.begin()
        wire.send(session["url"], "model.pt", b"1")
        assert code(wire.register(session, "1")) == (422, "artifacts_refused")
        wire.send(session["url"], "metrics.json", b"{}")
        assert wire.register(session, "1").status_code == 201
        for directory in tmp_path.rglob("*"):
            if directory.is_dir():
                directory.chmod(0o755)


def test_the_package_is_as_durable_and_sealed_as_any(direct: Wire) -> None:
    session = direct.begin()
    direct.send(session["url"], "a/b/x", DATA)
    assert direct.register(session, "sealed").status_code == 201
    package = direct.package("sealed")
    modes = {str(p.relative_to(package)): oct(p.stat().st_mode & 0o777) for p in package.rglob("*")}
    assert modes == {
        "a": "0o555",
        "a/b": "0o555",
        "a/b/x": "0o444",
        "model_meta.json": "0o444",
        "sha256sums.txt": "0o444",
    }
    assert package.joinpath("a/b/x").stat().st_nlink == 1


def test_old_requests_have_the_digest_that_they_had(tmp_path: Path) -> None:
    """A repeat of a request from before there were uploads is still the same request."""
    source = write_files(tmp_path / "source", {"x": b"1"})
    (tmp_path / "root").mkdir()
    registry = ModelRegistry.open(settings=CoreSettings(root=str(tmp_path / "root")))
    registry.register("t", "m", "1", str(source), idempotency_key="k")
    journal = tmp_path / "root/tasks/t/models/m/audit/promotions.jsonl"
    request = {
        "task": "t", "model_name": "m", "version": "1", "artifacts_dir": str(source), "metadata": {},
        "set_alias": "latest", "actor": None, "reason": None,
    }  # fmt: skip
    expected = "sha256:" + sha256(encode(request))
    assert json.loads(journal.read_text())["idempotency"]["request_digest"] == expected


@pytest.mark.parametrize("workers", [1, 4])
def test_registered_from_python(tmp_path: Path, workers: int) -> None:
    """The core's own verbs, and progress that adds up."""

    registry = ModelRegistry.open(settings=CoreSettings(root=str(tmp_path), workers=workers))
    session = registry.begin_upload("t", "m", actor="ada")
    for n in range(20):
        file = registry.add_upload(session.upload_id, f"d/{n}", n * 1000)
        registry.receive(session.upload_id, file.file_id, 0, Reader(DATA[: n * 1000]))
    seen: list[Progress] = []
    registry.register("t", "m", "1", upload_id=session.upload_id, progress=seen.append)
    assert (seen[-1].files_done, seen[-1].files_total) == (20, 20)
    assert seen[-1].bytes_done == seen[-1].bytes_total == sum(n * 1000 for n in range(20))
    assert registry.verify("t", "m@1").files_checked == 21
    for directory in [tmp_path, *tmp_path.rglob("*")]:
        if directory.is_dir():
            directory.chmod(0o755)
