"""Runs of pull and push in a process of their own, that end when the test says so."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from pathlib import Path
from typing import Any

from registry_client import RegistryClient
from registry_client.local.cache import Cache
from registry_client.push import tus
from registry_client.remote import transport

from ..support.forking import context

TIMEOUT_S = 100.0
RETRIES = 8  # outlast the new workers of a service; of one that is gone for good fewer say as much


# What changes something on this machine.
STEPS = ("mkdir", "rename", "replace", "link", "unlink", "rmdir", "write", "pwrite", "ftruncate", "fchmod", "fsync")


def pull(
    url: str,
    model: str,
    dest: Path,
    cache: Path,
    *,
    dies_at: int = -1,
    counter: Any = None,
    retries: int = RETRIES,
    update: bool = False,
) -> Any:
    """The process that pulls ``latest``; ``dies_at``: before which of its :data:`STEPS`, counted from 0."""
    return _start(_pull, url, model, dest, cache, dies_at, counter, retries, update)


def counter() -> Any:
    """Where a pull that is not killed leaves the number of its steps."""
    return context.Value("i", 0)


def push(url: str, model: str, version: str, source: Path, cache: Path, *, retries: int = RETRIES) -> Any:
    """The process that pushes."""
    return _start(_push, url, model, version, source, cache, retries)


def _start(work: Any, *words: Any) -> Any:
    process = context.Process(target=work, args=words)
    process.start()
    return process


def kill(process: Any) -> None:
    """SIGKILL; the process is gone when this returns."""
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)


def ended(process: Any) -> int:
    """Its exit code."""
    process.join(TIMEOUT_S)
    assert process.exitcode is not None, "it hangs"
    return int(process.exitcode)


def _impatient() -> None:
    transport.FIRST_DELAY_S = 0.01
    tus.PIECE_BYTES = 64 * 1024


def _die_at(step: int, counter: Any) -> None:
    """SIGKILL before the ``step``-th call that changes something, on whatever thread it comes.

    In how many pieces bytes come is the network's affair: writes in a row are one step.
    """
    taken = itertools.count()
    last = threading.local()

    def guarded(name: str, call: Any) -> Any:
        def run(*words: Any, **named: Any) -> Any:
            if name not in ("write", "pwrite") or getattr(last, "name", None) != name:
                number = next(taken)
                if number == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                if counter is not None:
                    counter.value = number + 1
            last.name = name
            return call(*words, **named)

        return run

    for name in STEPS:
        setattr(os, name, guarded(name, getattr(os, name)))


def _pull(
    url: str, model: str, dest: Path, cache: Path, dies_at: int, counter: Any, retries: int, update: bool
) -> None:
    _impatient()
    _die_at(dies_at, counter)
    # Where steps are counted one works alone: of two that make a directory at once each takes a step for it.
    workers = 4 if dies_at < 0 and counter is None else 1
    with RegistryClient(url, retries=retries) as client:
        client.pull("t", f"{model}@latest", dest, cache=Cache(cache), update=update, workers=workers)


def _push(url: str, model: str, version: str, source: Path, cache: Path, retries: int) -> None:
    _impatient()
    with RegistryClient(url, retries=retries) as client:
        client.push(source, "t", model, version, {"n": 1}, cache=Cache(cache))
