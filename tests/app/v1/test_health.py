"""/health says that the process lives; /health/ready says whether it can work, and why not."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...support.machine import MIB, need
from ...support.packages import write_package
from ...support.servers import PREFIX, REPOSITORY, gunicorn, wait_until
from ..curl import assert_problem, get, post


def not_ready(url: str, reason: str) -> dict[str, Any]:
    """The service lives but is not ready, for this reason; no verb works either, with the same words."""
    health = get(f"{url}/health")
    assert health.status == 200
    assert health.json["ok"] is True
    problem = assert_problem(get(f"{url}/health/ready"), 503, "not_configured")
    assert problem["reason"] == reason, problem
    return problem


def ready(url: str) -> None:
    answer = get(f"{url}/health/ready")
    assert answer.status == 200, answer.body
    assert answer.json["ok"] is True
    assert answer.json["free_bytes"] > 0


def resolve(url: str, version: str) -> int:
    return get(f"{url}/v1/resolve?task=t&ref=m@{version}").status


def register(url: str, area: Path, version: str) -> int:
    source = area / "source"
    if not source.exists():
        write_package(source)
    body = {"task": "t", "model_name": "m", "version": version, "artifacts_dir": str(source)}
    return post(f"{url}/v1/register", body).status


def test_a_usable_root_is_ready(root: Path) -> None:
    with gunicorn(root) as server:
        ready(server.url)
    written = {path.name for path in root.iterdir()}
    assert written <= {".catalog", ".staging", "registry.json"}, "asking wrote more than who the root is"


def test_a_root_that_comes_late_needs_no_restart(area: Path) -> None:
    root = area / "late"
    with gunicorn(root) as server:
        problem = not_ready(server.url, "root_missing")
        assert str(area) not in problem["detail"]
        assert register(server.url, area, "1") == 503
        assert not root.exists(), "a missing mount point must not be made: the data would lie beneath the mount"
        root.mkdir()
        for _ in range(8):  # each worker opens it for itself
            ready(server.url)
        assert register(server.url, area, "1") == 201
        away = area / "away"
        root.rename(away)
        not_ready(server.url, "root_missing")
        assert register(server.url, area, "2") == 503
        away.rename(root)
        ready(server.url)
        assert register(server.url, area, "2") == 201


def test_a_real_mount_comes_goes_and_turns_read_only(small_disk: Callable[[int], Path], area: Path) -> None:
    disk = small_disk(80 * MIB)
    root = disk / "registry"
    catalogue = area / "catalogue"  # elsewhere: a file that is open for writing keeps a mount busy
    catalogue.mkdir()
    with gunicorn(root, env={"OMNIBIOAI_MODEL_REGISTRY_CATALOG_DIR": str(catalogue)}) as server:
        not_ready(server.url, "root_missing")
        root.mkdir()
        ready(server.url)
        assert register(server.url, area, "1") == 201
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        not_ready(server.url, "root_not_writable")
        assert register(server.url, area, "2") == 503
        assert resolve(server.url, "1") == 200, "what can be read is served"
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        ready(server.url)
        assert register(server.url, area, "2") == 201


def ordinary_user(readable: Path) -> list[str]:
    """A command that runs another as a user without privileges; none where the tests are run by one."""
    if os.geteuid() != 0:
        return []
    need(shutil.which("setpriv"), "setpriv is not installed; on Debian: apt-get install util-linux")
    prefix = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    can_read = subprocess.run([*prefix, "test", "-r", str(readable)]).returncode == 0
    need(can_read, f"{readable} is not readable for other users; make the checkout's directories mode 0755")
    return prefix


def test_a_root_that_is_not_writable_names_the_user(root: Path) -> None:
    root.chmod(0o555)
    prefix = ordinary_user(REPOSITORY / "wsgi.py")
    with gunicorn(root, prefix=prefix) as server:
        problem = not_ready(server.url, "root_not_writable")
        assert str(65534 if prefix else os.geteuid()) in problem["detail"]
        assert str(root) not in problem["detail"]
        root.chmod(0o777)
        ready(server.url)


def test_a_root_that_is_a_file(area: Path) -> None:
    root = area / "file"
    root.write_text("not a directory")
    with gunicorn(root, workers=1) as server:
        not_ready(server.url, "root_missing")


UNKNOWN_FORMATS = [b'{"format": 3}', b'{"format": "1"}', b"{}", b"[]", b"", b"not json", b"\xff", b"[" * 9999]


def test_a_format_that_is_not_known(area: Path) -> None:
    root = area / "root"
    root.mkdir()
    with gunicorn(root, workers=1) as server:
        ready(server.url)  # opened while the root was empty; the format is looked at each time all the same
        for content in UNKNOWN_FORMATS:
            (root / "registry.json").write_bytes(content)
            not_ready(server.url, "unknown_format")
    with gunicorn(root, workers=1) as again:
        not_ready(again.url, "unknown_format")
        assert register(again.url, area, "1") == 503
        assert {path.name for path in root.iterdir()} <= {"registry.json", ".catalog", ".staging"}


def test_low_space_is_not_ready_and_says_how_low(root: Path, area: Path) -> None:
    enough = str(2**60)
    with gunicorn(root, workers=1, env={PREFIX + "MIN_FREE_BYTES": enough}) as server:
        problem = not_ready(server.url, "storage_low")
        assert problem["free_bytes"] > 0
        assert enough in problem["detail"]
        assert register(server.url, area, "1") == 201, "low space is a warning for operators, not a refusal"


def test_an_unknown_scheme_is_named(area: Path) -> None:
    with gunicorn("ftp://models", workers=1, opened=False) as server:
        assert "ftp" in not_ready(server.url, "unknown_scheme")["detail"]


def test_the_start_finishes_what_a_crash_left(root: Path, area: Path) -> None:
    """I5: the start of the service finishes the journal. Here: an event whose alias was not written yet."""
    with gunicorn(root) as server:
        assert register(server.url, area, "1") == 201
        assert register(server.url, area, "2") == 201
        server.kill()
    alias = root / "tasks/t/models/m/aliases/latest.json"
    alias.unlink()
    with gunicorn(root) as again:
        assert get(f"{again.url}/v1/resolve", task="t", ref="m@latest").json["version"] == "2"
        said = "finished what a crash had left"
        wait_until(lambda: any(said in line["message"] for line in again.log), "the log does not say so")
    assert alias.exists()
