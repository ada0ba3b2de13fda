"""The three lines with which the README starts give a registry that serves, in a checkout as it is cloned."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from ..docs.documents import read
from ..support.servers import PREFIX, REPOSITORY, START_S, free_port, is_up, wait_until
from .dockerfile import build_context


def test_the_three_lines_of_the_readme_serve(tmp_path: Path) -> None:
    block = next(block for block in read("README.md").blocks if block.section == "Start")
    lines = block.text.splitlines()
    assert len(lines) == 3
    assert lines[1] == "pip install ."
    checkout = tmp_path / "checkout"
    build_context(REPOSITORY, checkout)
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "PYTHON"))}
    environment = {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "PIP_NO_DEPS": "1",  # what it depends on is taken from the environment of the tests, which has the pinned set
        "PYTHONPATH": sysconfig.get_paths()["purelib"],
        PREFIX + "PORT": str(port),
    }
    log_file = tmp_path / "log"
    with log_file.open("wb") as log:
        # exec: so that the server, and not a shell around it, is what is stopped.
        script = block.text.replace("omr --root", "exec omr --root")
        process = subprocess.Popen(["bash", "-ec", script], cwd=checkout, env=environment, stdout=log, stderr=log)
        try:
            up = f"http://127.0.0.1:{port}/health/ready"
            wait_until(lambda: is_up(up) or process.poll() is not None, "the third line does not serve", 2 * START_S)
            assert process.poll() is None, log_file.read_text()
            process.terminate()
            assert process.wait(START_S) == 0, log_file.read_text()
        finally:
            process.kill()
            process.wait()
    assert (checkout / ".venv/bin/omr").exists()
    assert (checkout / "registry_data").is_dir()
