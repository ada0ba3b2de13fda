"""A real nginx with ``deploy/nginx.conf`` that sends the files of a registry itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..support.machine import need
from ..support.servers import START_S, free_port, is_up, site_configuration, wait_until

ACCEL = {"OMNIBIOAI_MODEL_REGISTRY_ACCEL_PREFIX": "/_packages"}
SHIPPED_ROOT = "/data/model_registry"


@contextmanager
def accelerating_nginx(upstream: str, root: Path, *, more: str = "") -> Iterator[str]:
    """Its address. ``root`` stands where the shipped configuration has the container's; ``more`` are locations."""
    binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    need(binary, "nginx is not installed; on Debian: apt-get install nginx-light")
    assert binary is not None
    with tempfile.TemporaryDirectory(prefix="registry-nginx-") as scratch:
        port = free_port()
        text = site_configuration([upstream], port)
        assert text.count(f"{SHIPPED_ROOT};") == 1
        assert text.count(f"{SHIPPED_ROOT}/tasks/;") == 1
        text = text.replace(f"{SHIPPED_ROOT}/tasks/;", f"{root}/tasks/;")
        text = text.replace(f"from={SHIPPED_ROOT};", f"from={root};")
        text = text.replace("        location = /_problem {", f"{more}\n        location = /_problem {{")
        configuration = Path(scratch) / "nginx.conf"
        configuration.write_text(text)
        user = "user root; " if os.geteuid() == 0 else ""
        command = [binary, "-p", f"{scratch}/", "-c", str(configuration), "-g", f"{user}daemon off; pid nginx.pid;"]
        log = Path(scratch) / "log"
        with log.open("wb") as sink:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
            )
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: process.poll() is not None or is_up(url + "/health"), "nginx does not answer")
            assert process.poll() is None, f"nginx ended at its start:\n{log.read_text()}"
            yield url
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(START_S)
