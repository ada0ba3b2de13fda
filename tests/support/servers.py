"""Real servers for tests: gunicorn with the shipped settings, nginx with the shipped configuration.

Each listens on 127.0.0.1 on a free port, and ends with the ``with`` block that began it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

from .forking import Gunicorn
from .machine import need
from .secrets import require_none_in

REPOSITORY = Path(__file__).resolve().parents[2]
PREFIX = "OMNIBIOAI_MODEL_REGISTRY_"
START_S = 100.0  # only who waits in vain waits so long: a machine may have much else to do
POLL_S = 0.02
_PORT_ATTEMPTS = 3
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")  # places that nginx makes at its start
_PORTS = range(12_000, 32_000)  # below those that the kernel gives to clients and to whoever asks for any port
_BLOCK = 200

T = TypeVar("T")

# Answers come from the server that the test started, whatever proxy the machine is told to use.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now, and that neither the kernel nor a test gives to another meanwhile."""
    while True:
        port = next(_own_ports())
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@cache
def _own_ports() -> Iterator[int]:
    """Over and over the ports of a block that is this process's alone for as long as it lives.

    Whoever runs tests here beside it takes another block: the name of a block is a socket's that one process can have.
    """
    begins = list(_PORTS[::_BLOCK])
    random.SystemRandom().shuffle(begins)
    for begin in begins:
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0registry-tests-{begin}")
        except OSError:
            name.close()
            continue
        _names.append(name)
        return cycle(range(begin, begin + _BLOCK))
    raise AssertionError("too many processes run tests on this machine")


_names: list[socket.socket] = []  # what is collected is closed


def wait_until(happened: Callable[[], object], what: str, timeout_s: float = START_S) -> None:
    """Returns as soon as ``happened()`` is true; fails the test with ``what`` if it never is."""
    wait_for(happened, bool, what, timeout_s)


def wait_for(ask: Callable[[], T], is_it: Callable[[T], object], what: str, timeout_s: float = START_S) -> T:
    """The first answer that is the one waited for, not a later one; fails the test with ``what`` if none is."""
    deadline = time.monotonic() + timeout_s
    while not is_it(answer := ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(POLL_S)
    return answer


def clean_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without its registry settings and proxies, and with ``env``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith((PREFIX, "MODEL_REGISTRY_")) and not name.lower().endswith("_proxy")
    }
    return {**kept, **(env or {})}


# By `make coverage`: a process that is killed leaves nothing of what was measured in it.
_IS_MEASURED = "COVERAGE_PROCESS_CONFIG" in os.environ
_ENDING_S = 10.0


@dataclass
class Server:
    """A running gunicorn. ``pid`` is its master's, and its process group's."""

    url: str
    port: int
    process: subprocess.Popen[bytes] | Gunicorn
    log_file: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> list[dict[str, Any]]:
        """The log so far, one object a line. Fails if a line is not one JSON object."""
        lines = self.log_file.read_text(encoding="utf-8").split("\n")[:-1]  # the last may be half written
        return [_json_object(line) for line in lines]

    @property
    def open_workers(self) -> int:
        """How many workers have said that they have opened the root."""
        return sum(line["message"].startswith("the root is open; ") for line in self.log)

    def kill(self) -> None:
        """SIGKILL for the master and all its workers; returns when they are gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(START_S)
        # A worker that dies later than its master still has its locks, and its files keep a mount busy.
        wait_until(lambda: not _lives(self.pid), "a killed worker lives on")

    def terminate(self) -> None:
        """TERM, which lets running requests finish; does not wait, see :meth:`wait`."""
        self.process.send_signal(signal.SIGTERM)

    def end(self) -> None:
        """As :meth:`terminate`, and waits a while."""
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            self.terminate()
            self.wait(_ENDING_S)

    def wait(self, timeout_s: float = START_S) -> int:
        """The exit status, once gunicorn has ended."""
        return self.process.wait(timeout_s)


def _lives(group: int) -> bool:
    """Whether a process of the group has not ended yet; one that only waits to be reaped has."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it went meanwhile
            fields = stat.read_text().rpartition(")")[2].split()  # from the state on; the name may hold anything
            threads = int(fields[17])
            if int(fields[2]) == group and (fields[0] not in "ZX" or threads > 1):
                return True
    return False


def _json_object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    assert isinstance(found, dict), f"this line of the log is no JSON object: {line!r}"
    return found


@contextmanager
def gunicorn(
    root: str | os.PathLike[str] | None,
    *,
    env: Mapping[str, str] | None = None,
    workers: int = 2,
    threads: int | None = None,
    args: Sequence[str] = (),
    prefix: Sequence[str] = (),
    opened: bool = True,
) -> Iterator[Server]:
    """The service over ``root`` (None: not configured), once it answers; killed at the end if still there.

    Over an object store a worker answers before it has opened the registry: unless ``opened`` is false, all have.

    ``env`` wins over everything else, ``args`` are more arguments of gunicorn, ``prefix`` is a command
    that runs it, for example ``setpriv``.
    """
    settings = {
        PREFIX + "HOST": "127.0.0.1",
        PREFIX + "WORKERS": str(workers),
        **({PREFIX + "THREADS": str(threads)} if threads is not None else {}),
        **({PREFIX + "ROOT": os.fspath(root)} if root is not None else {}),
        **(env or {}),
    }
    arguments = ["--config", str(REPOSITORY / "deploy/gunicorn.conf.py"), *args, "wsgi:application"]
    with tempfile.TemporaryDirectory(prefix="registry-gunicorn-") as directory:
        server = _start_on_a_free_port(prefix, arguments, settings, Path(directory))
        try:
            if opened and "://" in settings.get(PREFIX + "ROOT", ""):
                wait_until(lambda: server.open_workers >= workers, "a worker has not opened the registry")
            yield server
        finally:
            if _IS_MEASURED:
                server.end()
            server.kill()
        require_none_in(Path(directory))


def _start_on_a_free_port(
    prefix: Sequence[str], arguments: list[str], settings: dict[str, str], directory: Path
) -> Server:
    for attempt in range(_PORT_ATTEMPTS):
        port = free_port()
        log_file = directory / f"log-{attempt}"
        env = clean_environment({PREFIX + "PORT": str(port), **settings})
        log_file.touch()
        process = _start(prefix, arguments, env, log_file)
        server = Server(f"http://127.0.0.1:{port}", port, process, log_file)
        try:
            wait_until(lambda: _listens(server) or "in use" in log_file.read_text(), "gunicorn does not listen")  # noqa: B023
            if _listens(server):
                wait_until(lambda: is_up(server.url + "/health"), "/health does not answer")  # noqa: B023
                return server
        except BaseException:
            server.kill()
            print(log_file.read_text(), file=sys.stderr)
            raise
        server.kill()  # somebody else was faster to take the port
    raise AssertionError("no free port was found")


def _start(
    prefix: Sequence[str], arguments: list[str], env: Mapping[str, str], log_file: Path
) -> subprocess.Popen[bytes] | Gunicorn:
    if not prefix and not _IS_MEASURED and "PYTEST_VERSION" in os.environ:  # a benchmark has it as it is shipped
        return Gunicorn(arguments, REPOSITORY, env, log_file)
    command = [*prefix, sys.executable, "-m", "gunicorn", *arguments]
    with log_file.open("wb") as log:
        return subprocess.Popen(
            command, cwd=REPOSITORY, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _listens(server: Server) -> bool:
    text = server.log_file.read_text()
    assert server.process.poll() is None, f"gunicorn ended at its start:\n{text}"
    return f"Listening at: {server.url}" in text


def is_up(url: str) -> bool:
    """Whether the address answers at all, with whatever status."""
    try:
        with _opener.open(url, timeout=10):
            return True
    except urllib.error.HTTPError as answer:
        answer.close()
        return True
    except OSError:
        return False


@contextmanager
def nginx(upstreams: Sequence[str], *, directory: Path | None = None) -> Iterator[str]:
    """The address of an nginx in front of the ``upstreams`` (``http://host:port``), with ``deploy/nginx.conf``.

    Its ``access.log`` and ``error.log`` are in ``directory``, if one is given.
    """
    with _nginx(lambda port: site_configuration(upstreams, port), directory) as url:
        yield url


@contextmanager
def nginx_configured(configuration: Callable[[int], str]) -> Iterator[str]:
    """The address of an nginx whose whole configuration is ``configuration(port)``."""
    with _nginx(configuration, None) as url:
        yield url


@contextmanager
def nginx_of(location: str) -> Iterator[str]:
    """The address of an nginx that has these ``location`` blocks, and nothing else in its configuration."""
    places = " ".join(f"{kind}_temp_path {kind}_temp;" for kind in _TEMPORARY)
    with _nginx(
        lambda port: f"events {{}} http {{ {places} server {{ listen 127.0.0.1:{port}; {location} }} }}", None
    ) as url:
        yield url


@contextmanager
def _nginx(configuration: Callable[[int], str], directory: Path | None) -> Iterator[str]:
    binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    need(binary, "nginx is not installed; on Debian: apt-get install nginx-light")
    assert binary is not None
    with tempfile.TemporaryDirectory(prefix="registry-nginx-") as scratch:
        port, process = _start_nginx(binary, configuration, Path(scratch), directory or Path(scratch))
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(START_S)
        require_none_in(directory or Path(scratch))


def _start_nginx(
    binary: str, configured: Callable[[int], str], prefix: Path, logs: Path
) -> tuple[int, subprocess.Popen[bytes]]:
    for _ in range(_PORT_ATTEMPTS):
        port = free_port()
        configuration = prefix / "nginx.conf"
        configuration.write_text(configured(port))
        # Started as root, its workers would be "nobody", who may not enter a temporary directory.
        user = "user root; " if os.geteuid() == 0 else ""
        command = [binary, "-p", f"{prefix}/", "-c", str(configuration), "-g", f"{user}daemon off; pid nginx.pid;"]
        pid_file = prefix / "nginx.pid"
        pid_file.unlink(missing_ok=True)
        with (logs / "access.log").open("wb") as access, (logs / "error.log").open("wb") as error:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=access, stderr=error, start_new_session=True
            )
        if _has_started(process, pid_file):
            return port, process
        text = (logs / "error.log").read_text()
        assert "bind()" in text, f"nginx ended at its start:\n{text}"
    raise AssertionError("no free port was found")


def _has_started(process: subprocess.Popen[bytes], pid_file: Path) -> bool:
    """Whether nginx listens; false if it ended. It writes its pid once it listens."""
    try:
        wait_until(lambda: process.poll() is not None or _is_written(pid_file), "nginx does not start")
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(START_S)
        raise
    return process.poll() is None


def _is_written(path: Path) -> bool:
    return path.exists() and path.read_text().strip() != ""


def site_configuration(upstreams: Sequence[str], port: int) -> str:
    """``deploy/nginx.conf`` with its two lines marked SITE replaced, and nothing else."""
    servers = " ".join(f"server {upstream.removeprefix('http://').rstrip('/')};" for upstream in upstreams)
    replacements = {"server": servers, "listen": f"listen 127.0.0.1:{port};"}
    lines = []
    for line in (REPOSITORY / "deploy/nginx.conf").read_text().splitlines():
        if line.rstrip().endswith("# SITE"):
            line = replacements.pop(line.split()[0])
        lines.append(line)
    assert not replacements, f"deploy/nginx.conf has no line marked SITE for {list(replacements)}"
    return "\n".join(lines) + "\n"
