"""A download that is killed goes on where it was; many at once, ranges, and the command line."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from ..support.machine import MIB
from ..support.packages import write_files
from ..support.proxy import Fault, faulty_proxy
from ..support.servers import wait_until
from .conftest import MODEL, REPO, TASK, Hub
from .generations import Generation

pytestmark = pytest.mark.slow
LARGE_BYTES = 64 * MIB


@pytest.fixture
def large(hub: Hub, tmp_path: Path) -> str:
    """The path of a file that takes a while, in a model of its own."""
    name = f"large-{os.urandom(4).hex()}"
    hub.registry.register(TASK, name, "1", write_files(tmp_path / "large", {"big.bin": os.urandom(LARGE_BYTES)}))
    return name


def test_a_broken_connection_is_taken_up_where_it_broke(
    hub: Hub, client: Generation, large: str, tmp_path: Path
) -> None:
    """From 1.x on within the same call; 0.36 gives up, and goes on in the next."""
    home = tmp_path / "home"
    arguments = {"repo": f"{TASK}/{large}", "file": "big.bin", "revision": "latest"}
    with faulty_proxy(hub.url) as proxy:
        environment = client.environment(f"{proxy.url}/hf", home)
        proxy.add(Fault.CUT, method="GET", key="/resolve/[0-9a-f]{40}/", times=1)
        if client.major < 1:
            process = client.start("download", environment, **arguments)
            process.communicate()
            assert process.returncode != 0
            assert 0 < partly(home) < LARGE_BYTES
        path = client.run("download", environment, **arguments)
        statuses = [passed.status for passed in proxy.passed if passed.method == "GET" and large in passed.target]
    assert Path(path).read_bytes() == (tmp_path / "large" / "big.bin").read_bytes()
    assert statuses.count(206) == 1


def test_a_killed_client_completes_when_it_is_run_again(
    hub: Hub, client: Generation, large: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    arguments = {"repo": f"{TASK}/{large}", "file": "big.bin", "revision": "latest"}
    with faulty_proxy(hub.url) as proxy:
        # Half of it arrives, and then nothing any more, as where a network has gone.
        proxy.add(Fault.CUT, method="GET", key="/resolve/[0-9a-f]{40}/", times=1)
        proxy.add(Fault.DELAY, method="GET", key="/resolve/[0-9a-f]{40}/", delay_s=60)
        process = client.start("download", client.environment(f"{proxy.url}/hf", home), **arguments)
        wait_until(lambda: process.poll() is not None or partly(home) > 0, "nothing arrives", 60)
        process.kill()
        process.communicate()
    assert 0 < partly(home) < LARGE_BYTES
    path = client.run("download", client.environment(hub.endpoint, home), **arguments)
    assert Path(path).read_bytes() == (tmp_path / "large" / "big.bin").read_bytes()


def partly(home: Path) -> int:
    """Bytes of what has not wholly arrived."""
    return max((path.stat().st_size for path in home.rglob("*.incomplete")), default=0)


def test_many_files_at_once(hub: Hub, client: Generation, tmp_path: Path) -> None:
    files = {f"shard {n % 7}/part-{n:04d}.bin": hashlib.sha256(str(n).encode()).digest() * 50 for n in range(300)}
    name = f"many-{client.major}"
    hub.registry.register(TASK, name, "1", write_files(tmp_path / "source", files))
    top = client.run(
        "snapshot", client.environment(hub.endpoint, tmp_path / "home"), repo=f"{TASK}/{name}", revision="1"
    )
    assert {path: (Path(top) / path).read_bytes() for path in files} == files


def test_a_range_of_a_file(hub: Hub, client: Generation, tmp_path: Path) -> None:
    environment = client.environment(hub.endpoint, tmp_path)
    found = client.run("read", environment, repo=REPO, file="model.pt", revision=hub.commit("1.0.0"), start=10, end=99)
    assert bytes.fromhex(found) == hub.content("1.0.0")["model.pt"][10:99]


def test_the_command_line(hub: Hub, client: Generation, tmp_path: Path) -> None:
    environment = client.environment(hub.endpoint, tmp_path / "home")
    target = tmp_path / "model"
    done = client.hf(environment, "download", REPO, "--revision", "production", "--local-dir", str(target))
    assert done.returncode == 0, done.stdout + done.stderr
    content = hub.content("1.0.0")
    assert {path: (target / path).read_bytes() for path in content} == content
    assert client.hf(environment, "download", f"{TASK}/nobody").returncode != 0
    again = client.hf(environment, "download", REPO, "--revision", "1.1.0", "--local-dir", str(target))
    assert again.returncode == 0
    assert (target / "model.pt").read_bytes() == hub.content("1.1.0")["model.pt"]


def test_a_dead_server_leaves_the_cache(hub: Hub, client: Generation, tmp_path: Path) -> None:
    environment = client.environment(hub.endpoint, tmp_path)
    first = client.run("snapshot", environment, repo=REPO, revision="production")
    dead = client.environment("http://127.0.0.1:9/hf", tmp_path)
    assert client.run("snapshot", dead, repo=REPO, revision="production") == first
    assert MODEL in first
