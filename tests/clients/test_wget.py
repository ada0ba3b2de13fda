"""wget -N below an alias: whenever it moves, and however soon, the file is the one that the alias names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from registry_core import ModelRegistry

from ..app.conftest import scratch
from ..app.curl import curl
from ..support.machine import need
from ..support.packages import write_files
from ..support.servers import gunicorn, wait_until


def test_what_has_changed_is_loaded_and_nothing_else(tmp_path: Path) -> None:
    need(shutil.which("wget"), "install wget")
    with scratch() as area:
        (area / "root").mkdir()
        registry = ModelRegistry.open(area / "root")
        for version in ("1", "2"):
            source = write_files(area / version, {"model.pt": f"weights {version}".encode()})
            registry.register("t", "m", version, source, set_alias=None)
        with gunicorn(area / "root", workers=1) as server:
            address = f"{server.url}/v1/files/t/m/production/model.pt"

            def load() -> str:
                wget = ["wget", "-N", "-nv", address]
                return subprocess.run(wget, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60).stderr

            for turn, version in enumerate(["1", "2", "1", "1", "2", "1"]):
                registry.promote("t", "m", "production", version)
                load()
                assert (tmp_path / "model.pt").read_text() == f"weights {version}"
                if turn % 3 == 2:
                    wait_until(lambda: "last-modified" in curl(address).headers, "the address has no date")
                    load()
                    before = (tmp_path / "model.pt").stat()
                    assert "->" not in load(), "it was loaded again"
                    assert (tmp_path / "model.pt").stat().st_ino == before.st_ino
                    assert (tmp_path / "model.pt").read_text() == f"weights {version}"
