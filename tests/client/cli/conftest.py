"""``omr`` over a registry of its own: the installed command, and the same in this process, which is quicker."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from registry_client.cli.main import main

from ...support.machine import MIB, memory_backed, remove_tree
from ...support.packages import open_registry, write_package
from ...support.servers import PREFIX, clean_environment

OMR = Path(sys.executable).with_name("omr")


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which is exactly one JSON object on one line."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """Runs ``omr`` over ``root``; ``source`` is a package."""

    area: Path
    root: Path
    source: Path

    def omr(self, *arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> Done:
        """In this process, with the environment and the directory that the command would have."""
        environment: dict[str, str | None] = {name: None for name in os.environ if name.startswith(PREFIX)}
        runner = CliRunner(env={**environment, **self._environment(env)})
        with contextlib.chdir(self.area):
            done = runner.invoke(main, arguments, input=stdin, prog_name="omr", catch_exceptions=False)
        return Done(done.exit_code, done.stdout, done.stderr)

    def installed(self, *arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> Done:
        """As :meth:`omr`, by the installed command."""
        command, environment = [str(OMR), *arguments], self._environment(env)
        done = subprocess.run(command, input=stdin, env=environment, cwd=self.area, capture_output=True, text=True)
        return Done(done.returncode, done.stdout, done.stderr)

    def _environment(self, env: dict[str, str] | None) -> dict[str, str]:
        return clean_environment({PREFIX + "ROOT": str(self.root), **(env or {})})

    def ok(self, *arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> Done:
        """As :meth:`omr`, and it exits with 0 and complains about nothing."""
        done = self.omr(*arguments, stdin=stdin, env=env)
        assert (done.code, done.err) == (0, ""), done
        return done


@pytest.fixture
def shell() -> Iterator[Shell]:
    area = Path(tempfile.mkdtemp(prefix="registry-cli-", dir=memory_backed(256 * MIB)))
    (area / "root").mkdir()
    yield Shell(area, area / "root", write_package(area / "source"))
    remove_tree(area)


@pytest.fixture
def filled(shell: Shell) -> Shell:
    """One model with two versions; ``latest`` names the second. Made in this process, which is quicker."""
    registry = open_registry(shell.root)
    registry.register("t", "m", "1", shell.source, actor="ada", reason="first")
    registry.register("t", "m", "2", shell.source)
    return shell
