"""Packages are signed where they lie, and after they were registered."""

from __future__ import annotations

import os
import subprocess

from ...support.packages import write_files
from .conftest import Shell

COREUTILS = r"""
find . -type f ! -path ./model_meta.json ! -path ./sha256sums.txt ! -path ./model.sig ! -path ./sha256sums.txt.sig \
    -printf '%P\0' | LC_ALL=C sort -z | xargs -0r sha256sum --
"""


def test_a_manifest_is_what_coreutils_make(shell: Shell) -> None:
    files = {path: path.encode() for path in ("model.pt", "a b/ä.json", "model.sig", "model_meta.json", "a/model.sig")}
    source = write_files(shell.area / "run", {**files, "large.bin": os.urandom(200_000)})
    said = subprocess.run(["bash", "-c", COREUTILS], cwd=source, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert shell.ok("manifest", "run").out == said
    assert said.count("\n") == 4
    assert shell.ok("manifest", "run", "--json").json == {"ok": True, "manifest": said}
    assert shell.installed("manifest", "run").out == said


def test_a_directory_that_no_registry_would_take(shell: Shell) -> None:
    write_files(shell.area / "run", {"model.pt": b""})
    (shell.area / "run/link").symlink_to("model.pt")
    done = shell.omr("manifest", "run")
    assert (done.code, done.out) == (1, "")
    assert "symbolic link" in done.err
    assert shell.omr("manifest", "nowhere").code == 1
