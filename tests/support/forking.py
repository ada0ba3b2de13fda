"""Processes that begin with everything imported, so that they start in no time; all else is theirs alone.

They are forked from a server that has only imported: no thread runs in it, and no setting has been read.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import compiling

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(
    [
        *("app", "app.serving.worker", "registry_core.registry.ahead", "gunicorn.app.wsgiapp"),
        *("registry_client.client", "tests.client.killing"),
    ]
)


class Gunicorn:
    """A gunicorn with these arguments, the leader of a group of its own; spoken to as to a ``subprocess.Popen``."""

    def __init__(self, arguments: Sequence[str], directory: Path, env: Mapping[str, str], log_file: Path) -> None:
        self._process = context.Process(target=_gunicorn, args=(arguments, directory, env, log_file))
        with contextlib.chdir(directory):  # where the server of forks finds what it imports
            self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired("gunicorn", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def _gunicorn(arguments: Sequence[str], directory: Path, env: Mapping[str, str], log_file: Path) -> None:
    os.setsid()
    with log_file.open("wb") as log:
        for output in (1, 2):
            os.dup2(log.fileno(), output)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # as the environment says
    os.chdir(directory)
    compiling.share()
    sys.argv = ["gunicorn", *arguments]
    from gunicorn.app.wsgiapp import run  # type: ignore[import-untyped]

    run(prog="gunicorn")
