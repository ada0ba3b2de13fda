"""A path to read is taken from whoever is at work on this machine; from others only below the allowed roots."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.web.peer import comes_from_here

from ..support.packages import write_files
from ..support.servers import PREFIX, gunicorn, nginx
from .curl import assert_problem, curl, post

RELAYED = [
    "Forwarded: for=10.0.0.1",
    "X-Forwarded-For: 10.0.0.1",
    "X-Forwarded-Host: a",
    "X-Real-IP: 10.0.0.1",
    "Via: a",
]


def test_through_a_proxy_no_path_is_taken_without_allowed_roots(root: Path, area: Path) -> None:
    source = write_files(area / "source", {"model.pt": b"x"})
    body = {"task": "t", "model_name": "m", "version": "1", "artifacts_dir": str(source)}
    with gunicorn(root, workers=1) as server, nginx([server.url]) as proxied:
        for arguments in ([proxied], *([server.url, "-H", header] for header in RELAYED)):
            url, *more = arguments
            for prefer in ([], ["-H", "Prefer: respond-async"]):
                refused = assert_problem(post(f"{url}/v1/register", body, *more, *prefer), 422, "artifacts_refused")
                assert PREFIX + "ARTIFACTS_ALLOWED_ROOTS" in refused["detail"]
        assert {path.name for path in root.iterdir()} <= {".catalog", ".staging", "registry.json"}, "nothing came of it"
        begun = post(f"{proxied}/v1/uploads", {"task": "t", "model_name": "m"})
        assert begun.status == 201, "files that are sent are nobody else's"
        assert post(f"{server.url}/v1/register", body).status == 201


def test_with_allowed_roots_only_what_lies_there_is_taken(root: Path, area: Path) -> None:
    inside = write_files(area / "staged/source", {"model.pt": b"x"})
    outside = write_files(area / "private", {"key": b"x"})
    body = {"task": "t", "model_name": "m", "version": "1", "artifacts_dir": str(outside)}
    staged = {PREFIX + "ARTIFACTS_ALLOWED_ROOTS": str(area / "staged")}
    with gunicorn(root, workers=1, env=staged) as server, nginx([server.url]) as proxied:
        for url in (server.url, proxied):
            assert_problem(post(f"{url}/v1/register", body), 422, "artifacts_refused")
        assert post(f"{proxied}/v1/register", {**body, "artifacts_dir": str(inside)}).status == 201


def test_who_came_over_the_network_is_not_here(root: Path, area: Path) -> None:
    """Under the default the service is not reached at all; on all addresses, the one that was reached counts."""
    source = write_files(area / "source", {"model.pt": b"x"})
    body = {"task": "t", "model_name": "m", "version": "1", "artifacts_dir": str(source)}
    with gunicorn(root, workers=1, env={PREFIX + "HOST": ""}) as server:
        assert curl(f"http://127.0.0.1:{server.port}/health").status == 200
        assert post(f"http://127.0.0.1:{server.port}/v1/register", body).status == 201


@dataclass(frozen=True)
class Reached:
    """A connection by the address of ours that it reached."""

    address: str
    family: int = socket.AF_INET

    def getsockname(self) -> tuple[str, int] | str:
        return self.address if self.family == socket.AF_UNIX else (self.address, 8095)


@pytest.mark.parametrize(
    ("reached", "is_here"),
    [
        (Reached("127.0.0.1"), True),
        (Reached("127.9.9.9"), True),
        (Reached("::1", socket.AF_INET6), True),
        (Reached("::ffff:127.0.0.1", socket.AF_INET6), True),
        (Reached("/run/registry.socket", socket.AF_UNIX), True),
        (Reached("10.0.0.5"), False),
        (Reached("::ffff:10.0.0.5", socket.AF_INET6), False),
        (Reached("fe80::1%eth0", socket.AF_INET6), False),
    ],
)
def test_the_address_that_was_reached_counts_and_not_the_one_that_is_said(reached: Reached, is_here: bool) -> None:
    asked = {"gunicorn.socket": reached, "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1"}
    assert comes_from_here(asked) is is_here
    assert not comes_from_here({**asked, "HTTP_X_FORWARDED_PROTO": "http"})


@pytest.mark.parametrize(("remote", "is_here"), [("127.0.0.1", True), ("10.0.0.5", False), ("", False)])
def test_under_another_server_the_caller_counts(remote: str, is_here: bool) -> None:
    assert comes_from_here({"REMOTE_ADDR": remote}) is is_here
