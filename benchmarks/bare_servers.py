"""Servers that do next to nothing: what any server of this kind costs at least.

``python -m benchmarks.bare_servers DIRECTORY`` prints an address. A PUT there is a tar, which is unpacked into the
directory and synced before the answer; a GET gives the directory as a tar.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BufferedIOBase
from pathlib import Path
from typing import IO, Any

from tests.support.servers import free_port, is_up, wait_until

from .machine import REPOSITORY

THREADS = 64  # as the service has


def application(environ: Mapping[str, Any], start: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    """A WSGI application that answers 200 with a little JSON, whatever is asked."""
    assert environ["REQUEST_METHOD"] == "GET"
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", "16")])
    return [b'{"status": "ok"}']


@contextmanager
def bare_gunicorn() -> Iterator[tuple[str, int]]:
    """(address, pid) of gunicorn with one worker of threads, over ``application``."""
    port = free_port()
    words = ["-w", "1", "-k", "gthread", "--threads", str(THREADS), "--keep-alive", "75", "-b", f"127.0.0.1:{port}"]
    command = [sys.executable, "-m", "gunicorn", *words, "benchmarks.bare_servers:application"]
    with _running(command, stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_up(url), "gunicorn does not answer")
        yield url, process.pid


@contextmanager
def tar_server(directory: Path) -> Iterator[str]:
    """The address of a server of the directory, as above."""
    with _running([sys.executable, "-m", "benchmarks.bare_servers", str(directory)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()


@contextmanager
def _running(command: list[str], **streams: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, **streams)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    directory = ""

    def do_PUT(self) -> None:
        """Unpack, sync, answer."""
        tar = subprocess.Popen(["tar", "x", "-C", self.directory], stdin=subprocess.PIPE)
        assert tar.stdin is not None
        while size := int(self.rfile.readline(), 16):
            _pour(self.rfile, tar.stdin, size)
            self.rfile.readline()
        self.rfile.readline()
        tar.stdin.close()
        self.answer(204 if tar.wait() == 0 and subprocess.call(["sync", "-f", self.directory]) == 0 else 500)

    def do_GET(self) -> None:
        """Pack, until the connection ends."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        subprocess.run(["tar", "c", "-C", self.directory, "."], stdout=self.connection.fileno(), check=True)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _pour(source: BufferedIOBase, target: IO[bytes], size: int) -> None:
    while size > 0 and (data := source.read(min(size, 1024 * 1024))):
        size -= target.write(data)


def main(directory: str) -> None:
    """Serves until it is ended."""
    _Handler.directory = directory
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
