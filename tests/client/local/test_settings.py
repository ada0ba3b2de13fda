"""Where the cache is when nobody names one."""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_client.local.cache import Cache
from registry_client.local.settings import CACHE_DIR, cache_dir
from registry_core import StorageUnavailable

from ...support.machine import MIB

NAME = "omnibioai-model-registry"


def test_it_is_where_the_environment_says(area: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(area))
    assert cache_dir({}) == area / ".cache" / NAME
    assert cache_dir({"XDG_CACHE_HOME": "/x"}) == Path("/x") / NAME
    assert cache_dir({"XDG_CACHE_HOME": "relative"}) == area / ".cache" / NAME
    assert cache_dir({CACHE_DIR: "~/own"}) == area / "own"


@pytest.mark.parametrize("home", ["/dev/null", "read-only", "~"])
def test_without_a_home_it_is_a_passing_one_and_says_so(
    home: str,
    area: Path,
    small_disk: Callable[[int], Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As in a container whose user has no home, or one that cannot be written to."""
    if home == "read-only":
        home = str(small_disk(MIB))
        subprocess.run(["mount", "-o", "remount,ro", home], check=True)
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(tempfile, "tempdir", str(area))
    with caplog.at_level(logging.WARNING):
        found = cache_dir({})
    assert found == area / f"{NAME}-{os.geteuid()}"
    for named in ("--cache-dir", CACHE_DIR, "--no-cache"):
        assert named in caplog.text
    Cache(found).put(b"x")


def test_a_cache_that_cannot_be_says_what_to_name_instead(area: Path) -> None:
    (area / "file").write_bytes(b"")
    for directory in (area / "file", area / "file" / "below", Path("/proc/cache")):
        with pytest.raises(StorageUnavailable) as refused:
            Cache(directory).put(b"x")
        for named in ("--cache-dir", CACHE_DIR, "--no-cache"):
            assert named in refused.value.message
