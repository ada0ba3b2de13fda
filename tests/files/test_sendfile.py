"""The kernel copies a file to the socket: the service's own memory never sees it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from registry_core import ModelRegistry

from ..app.conftest import scratch
from ..support.machine import MIB, need
from ..support.packages import write_files
from ..support.servers import gunicorn, wait_until
from .conftest import MODEL, TASK, address, call

LARGE = os.urandom(MIB) * 4
_CALL = re.compile(r"sendfile\(\d+, \d+, \[(\d+)\].*\) = (\d+)$", re.MULTILINE)


@pytest.mark.parametrize(("header", "start", "end"), [(None, 0, len(LARGE)), ("bytes=1000000-3000000", 10**6, 3000001)])
def test_a_file_goes_by_sendfile(tmp_path: Path, header: str | None, start: int, end: int) -> None:
    need(shutil.which("strace"), "strace is not installed; on Debian: apt-get install strace")
    trace = tmp_path / "trace"
    with scratch() as area:
        (area / "root").mkdir()
        ModelRegistry.open(area / "root").register(TASK, MODEL, "1", write_files(area / "source", {"model.pt": LARGE}))
        prefix = ["strace", "-f", "-qq", "-e", "trace=sendfile", "-o", str(trace)]
        with gunicorn(area / "root", workers=1, prefix=prefix) as server:
            reply = call(server.url, address("model.pt"), {"Range": header} if header else {})
            assert reply.body == LARGE[start:end]
            # strace may still be writing when the client has all.
            wait_until(lambda: sum(_sent(trace).values()) == end - start, "sendfile did not send all of it")
    assert min(_sent(trace)) == start


def _sent(trace: Path) -> dict[int, int]:
    """Offset in the file -> bytes sent from there, of all calls of sendfile."""
    return {int(offset): int(count) for offset, count in _CALL.findall(_joined(trace.read_text()))}


def _joined(trace: str) -> str:
    """Calls that strace shows in two lines, because another thread came between, as one."""
    begun: dict[str, str] = {}
    lines = []
    for line in trace.splitlines():
        pid, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest.removesuffix("<unfinished ...>").rstrip()
        elif rest.startswith("<... sendfile resumed>"):
            lines.append(begun.pop(pid, "") + rest.removeprefix("<... sendfile resumed>"))
        else:
            lines.append(rest)
    return "\n".join(lines)
