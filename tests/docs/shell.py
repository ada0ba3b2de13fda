"""A reader who copies the commands of one document into a terminal, one block after the other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ..support.servers import clean_environment
from .documents import Block

ROOT = "registry_data"
TIMEOUT_S = 60

# A block leaves its directory and its variables to the next one, as in a terminal; a failing command
# ends it, which a terminal would not do.
_FRAME = """\
set -euo pipefail
. .state
trap 'export -p > "$HERE/.state"; echo "cd \\"$PWD\\"" >> "$HERE/.state"' EXIT
"""


class Shell:
    """Runs blocks in ``directory``, against a server at ``port``.

    The directory looks like a checkout: the registry's root is ``registry_data``, the programs are in
    ``.venv/bin``. Only two things are rewritten in what is run: ``localhost:8095``, and ``/tmp/``. ``programs`` are
    what the reader has installed; its Python runs the blocks in Python.
    """

    def __init__(self, directory: Path, port: int, programs: Path = Path(sys.executable).parent) -> None:
        self.directory = directory
        self._port = port
        (directory / ROOT).mkdir(exist_ok=True)
        (directory / "tmp").mkdir()
        (directory / ".venv").symlink_to(sys.prefix)
        (directory / ".state").touch()
        self._programs = programs
        path = f"{programs}:{os.environ.get('PATH', os.defpath)}"
        self._environment = clean_environment(
            {"HERE": str(directory), "HOME": str(directory), "PATH": path, "LC_ALL": "C.UTF-8"}
        )

    def rewrite(self, text: str) -> str:
        return text.replace("localhost:8095", f"127.0.0.1:{self._port}").replace("/tmp/", f"{self.directory}/tmp/")

    def run(self, block: Block) -> str:
        """What the block prints. Fails if a command of it fails."""
        text = self.rewrite(block.text)
        if block.language == "python":  # with the variables that the blocks before it have exported
            command = ["bash", "-c", f'set -eu; . .state; exec "{self._programs}/python" -c "$1"', "bash", text]
        else:
            command = ["bash", "-c", _FRAME + text]
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, (
            f"{block.place} ended with {done.returncode}\n{text}\nprinted: {done.stdout}\nand: {done.stderr}"
        )
        return done.stdout.replace("\r", "")
