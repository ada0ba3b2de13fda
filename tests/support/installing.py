"""Other people's programs, each in a place of its own beside this environment's packages, made on first use."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .machine import need
from .servers import clean_environment

INSTALL_S = 300


def python_packages(name: str, *requirements: str) -> Path:
    """A virtual environment that has them; skips the test where they cannot be had."""
    directory = _place(name, requirements)
    # With our own pip, and compiling nothing that is not imported: half the time.
    pip = [sys.executable, "-m", "pip", "--python", str(directory), "install", "-q", "--disable-pip-version-check"]
    empty = [sys.executable, "-m", "venv", "--without-pip", str(directory)]
    return _installed(directory, [empty, [*pip, "--no-compile", *requirements]])


def node_packages(name: str, *packages: str) -> Path:
    """The directory ``node_modules`` that has them; skips the test where they cannot be had."""
    need(shutil.which("npm"), "install nodejs and npm")
    directory = _place(name, packages)
    npm = ["npm", "install", "--prefix", str(directory), "--no-audit", "--no-fund", "--loglevel=error"]
    return _installed(directory, [["mkdir", "-p", str(directory)], [*npm, *packages]]) / "node_modules"


def _place(name: str, wanted: Sequence[str]) -> Path:
    """Another one for other packages of the same name."""
    return Path(sys.prefix) / f"{name}-{hashlib.sha256(' '.join(wanted).encode()).hexdigest()[:12]}"


def _installed(directory: Path, commands: Sequence[Sequence[str]]) -> Path:
    ready = directory / ".ready"
    with _alone(directory.with_name(f".{directory.name}.lock")):
        if not ready.exists():
            problem = _run(commands)
            need(problem is None, f"{directory.name} cannot be installed: {problem}")
            ready.touch()
    return directory


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _run(commands: Sequence[Sequence[str]]) -> str | None:
    """None, or why it failed."""
    try:
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S)
            if done.returncode != 0:
                lines = (done.stderr or done.stdout).strip().splitlines()
                return lines[-1] if lines else f"{command[0]} failed"
    except subprocess.TimeoutExpired:
        return f"no end within {INSTALL_S} s"
    return None


def run(command: Sequence[str], *, cwd: Path, timeout_s: float = 120.0, **environment: str) -> str:
    """What the program prints, called as a user would who has set nothing. Fails if it does."""
    kept = clean_environment({"HOME": str(cwd), "LC_ALL": "C.UTF-8", **environment})
    done = subprocess.run(
        command, cwd=cwd, env=kept, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
