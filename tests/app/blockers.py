"""Ways to hold up a call of a running service from outside, for exactly as long as a test wants."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from ..support.machine import need
from ..support.servers import wait_until

# Takes a lease on the file named by its argument and holds it until its standard input ends.
_HOLD_LEASE = """
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)  # "somebody wants to open it": exactly what is to be held up
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def model_lock(root: Path, task: str, model_name: str) -> Iterator[None]:
    """No change to the model gets through: its lock is held by this process, as by a long registration."""
    lock = root / f"tasks/{task}/models/{model_name}/.lock"
    assert lock.exists(), "register something first"
    fd = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextmanager
def slow_to_open(path: Path) -> Iterator[None]:
    """Every other process that opens the file waits, as on a disk that does not answer (at most the kernel's
    lease-break-time, 45 s)."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD_LEASE, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stderr is not None
        held = holder.stdout.readline() == b"held\n"
        need(held, f"this kernel gives no lease on {path}: {'' if held else holder.stderr.read().decode()}")
        yield
    finally:
        holder.communicate()


@dataclass
class Call:
    """One request, sent at once and answered when it pleases the server."""

    port: int
    method: str
    path: str
    body: dict[str, Any] | None = None
    status: int | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    failure: Exception | None = None

    def __post_init__(self) -> None:
        self._connection = HTTPConnection("127.0.0.1", self.port, timeout=120)
        data = None if self.body is None else json.dumps(self.body)
        headers = {} if data is None else {"Content-Type": "application/json"}
        self._connection.request(self.method, self.path, data, headers)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            response = self._connection.getresponse()
            self.answer = json.loads(response.read())
            self.headers = {name.lower(): value for name, value in response.getheaders()}
            self.status = response.status
        except (OSError, HTTPException, ValueError) as error:
            self.failure = error
        finally:
            self._connection.close()

    @property
    def is_open(self) -> bool:
        return self._reader.is_alive()

    def wait(self) -> "Call":
        """The call, answered; fails if the connection broke instead."""
        self._reader.join(120)
        assert not self._reader.is_alive(), f"{self.path} was never answered"
        assert self.failure is None, f"{self.path}: {self.failure!r}"
        return self


def workers_of(master: int) -> list[int]:
    """The pids of a gunicorn's workers."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return [int(child) for child in children]


def stages_something(pid: int, root: Path) -> bool:
    """Whether the process is in the middle of a registration: it has a file below ``.staging`` open."""
    try:
        opened = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except FileNotFoundError:
        return False  # a descriptor was closed meanwhile; ask again
    return any(place.startswith(str(root / ".staging") + "/") for place in opened)


def heartbeat_of(worker: int) -> Path | None:
    """The file that the gunicorn worker touches to say that it lives, once it has begun to (with monotonic time,
    which is small). It has no name, and is reached by the worker's descriptor."""
    for entry in Path(f"/proc/{worker}/fd").iterdir():
        with suppress(FileNotFoundError):  # a descriptor was closed meanwhile
            if "/wgunicorn-" in os.readlink(entry) and entry.stat().st_mtime < entry.stat().st_ctime - 1e8:
                return entry
    return None


def stop(pid: int) -> None:
    """The process has stopped, as if the machine had forgotten it."""
    os.kill(pid, signal.SIGSTOP)
    stat = Path(f"/proc/{pid}/stat")
    wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "a process does not stop")
