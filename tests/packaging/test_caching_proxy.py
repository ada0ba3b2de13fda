"""A caching proxy in front, with the settings that it comes with, never tells what was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from registry_core import ModelRegistry

from ..app.curl import post
from ..files.conftest import call
from ..support.machine import need
from ..support.packages import write_files
from ..support.servers import free_port, gunicorn, is_up, wait_until

OLD, NEW = b"the weights of one", b"the weights of two"
MODEL = "task=t&model=m"


@contextmanager
def varnish(upstream: str, directory: Path) -> Iterator[str]:
    """The address of a varnishd in front of the ``upstream``: what has no Cache-Control it keeps for two minutes."""
    program = shutil.which("varnishd", path=os.environ.get("PATH", "") + ":/usr/sbin")
    need(program, "varnish is not installed; on Debian: apt-get install varnish")
    port = free_port()
    command = [str(program), "-F", "-n", str(directory), "-j", "none", "-s", "malloc,64m", "-T", "none"]
    command += ["-a", f"127.0.0.1:{port}", "-b", upstream.removeprefix("http://")]
    with (directory.parent / "varnish.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_up(f"{url}/health"), "varnish does not start")
        yield url
    finally:
        process.terminate()
        process.wait(100)


@pytest.fixture
def cached(tmp_path: Path) -> Iterator[str]:
    """Version 1 is ``production`` and 2 is ``latest``."""
    (tmp_path / "root").mkdir()
    registry = ModelRegistry.open(tmp_path / "root")
    for version, content in (("1", OLD), ("2", NEW)):
        registry.register("t", "m", version, write_files(tmp_path / version, {"model.pt": content}))
    registry.promote("t", "m", "production", "1")
    with gunicorn(tmp_path / "root") as server, varnish(server.url, tmp_path / "varnish") as url:
        yield url


def told(url: str, path: str) -> Any:
    reply = call(url, path)
    assert "via" in reply.headers, "nothing is in front"
    return json.loads(reply.body)


def promote(url: str, alias: str) -> None:
    answer = post(f"{url}/v1/promote", {"task": "t", "model_name": "m", "alias": alias, "version": "2"})
    assert answer.status == 200, answer.body


def test_what_an_alias_names_is_never_an_old_answer(cached: str) -> None:
    def asked() -> dict[str, Any]:
        commit = told(cached, "/hf/api/models/t/m/revision/production")["sha"]
        moved = call(cached, "/hf/t/m/resolve/production/model.pt").headers["location"]
        assert moved == f"/hf/t/m/resolve/{commit}/model.pt"
        aliases = {alias["alias"]: alias["version"] for alias in told(cached, f"/v1/aliases?{MODEL}")["aliases"]}
        return {
            "resolve": told(cached, "/v1/resolve?task=t&ref=m@production")["version"],
            "show": told(cached, "/v1/show?task=t&ref=m@production")["version"],
            "aliases": aliases["production"],
            "list": [row["version"] for row in told(cached, "/v1/models?alias=production&limit=10")],
            "last event": told(cached, f"/v1/history?{MODEL}")["events"][-1]["version"],
            "file": call(cached, "/v1/files/t/m/production/model.pt").body,
            "in the archive": NEW in call(cached, "/v1/archive/t/m/production").body,
            "at the hub": call(cached, moved).body,
        }

    def expected(version: str, content: bytes) -> dict[str, Any]:
        names = dict.fromkeys(("resolve", "show", "aliases", "last event"), version)
        return {**names, "list": [version], "file": content, "in the archive": content == NEW, "at the hub": content}

    assert asked() == expected("1", OLD)
    assert asked() == expected("1", OLD)
    promote(cached, "production")
    assert asked() == expected("2", NEW)


def test_what_was_missing_is_there_once_it_is(cached: str) -> None:
    missing = "/v1/resolve?task=t&ref=m@canary"
    assert call(cached, missing).status == 404
    promote(cached, "canary")
    assert told(cached, missing)["version"] == "2"
    assert call(cached, "/v1/files/t/m/canary/model.pt").body == NEW
