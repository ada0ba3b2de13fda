"""``omr migrate`` between a directory and a bucket, there and back, killed in the middle and run again."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry_core import CoreSettings, ModelRegistry

from ..core.upkeep import governed
from ..support.machine import remove_tree
from ..support.packages import write_files, write_package
from ..support.proxy import Fault, FaultyProxy, faulty_proxy
from ..support.seaweed import Seaweed, environment
from ..support.servers import wait_until


@pytest.fixture
def proxy(seaweed: Seaweed) -> Iterator[FaultyProxy]:
    with faulty_proxy(seaweed.endpoint) as proxy:
        yield proxy


@pytest.fixture
def area(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for root in ("source", "back"):
        if (tmp_path / root).exists():
            remove_tree(tmp_path / root)


@pytest.fixture
def source(area: Path) -> Path:
    """A directory with two models, many versions, moved aliases, and names of every kind."""
    root = area / "source"
    root.mkdir()
    registry = ModelRegistry.open(root, settings=CoreSettings())
    package = write_package(area / "package")
    for number in range(6):
        write_files(package, {"model.pt": bytes([number]) * 50_000})
        registry.register("celltype", "pbmc", f"1.{number}", package, {"metrics": {"f1": number / 10}}, actor="ada")
    odd = write_files(area / "odd", {"ü/a b": b"1", "100%/#1?": b"2", "~t": b"", "[x]{y}": b"3"})
    registry.register("celltype", "pbmc", "odd", odd, set_alias=None)
    registry.register("segmentation", "nuclei", "2", package, reason="second model")
    for version in ("1.0", "1.3", "1.1"):
        registry.promote("celltype", "pbmc", "production", version, actor="bob", reason="reviewed")
    return root


def omr(env: dict[str, str], *words: str) -> dict[str, Any]:
    """The answer of one ``omr --json`` call in a process of its own."""
    done = subprocess.run(command(words), env={**os.environ, **env}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "registry_client.cli.main", *words, "--json"]


def killed_at(proxy: FaultyProxy, method: str, key: str, *words: str) -> None:
    """The call runs through the proxy until it asks for the key, and is killed there."""
    rule = proxy.add(Fault.DELAY, method=method, key=key, delay_s=60.0)
    env = {**os.environ, **environment(proxy.url)}
    with subprocess.Popen(command(words), env=env, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: rule.struck or process.poll() is not None, f"{method} {key} was never sent")
        finally:
            process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    proxy.clear()


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and bytes of every file and directory of the registry but locks and staging."""
    found = {}
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if not name.endswith(".lock") and not name.startswith("."):
            data = path.read_bytes() if path.is_file() else b""
            found[name] = (stat.S_IMODE(path.stat().st_mode), data)
    return found


def test_there_and_back_again_is_the_same_tree(seaweed: Seaweed, source: Path, area: Path) -> None:
    bucket, back = seaweed.new_root(), area / "back"
    back.mkdir()
    done = omr(seaweed.env, "--root", str(source), "migrate", bucket)
    assert (done["models"], done["versions_copied"], done["events_copied"]) == (2, 8, 11)
    for root in (str(source), bucket):
        checked = omr(seaweed.env, "--root", root, "check")
        assert (checked["clean"], checked["findings"], checked["versions"]) == (True, [], 8)
    assert omr(seaweed.env, "--root", bucket, "resolve", "celltype", "pbmc@production")["version"] == "1.1"
    assert omr(seaweed.env, "--root", bucket, "migrate", str(back))["versions_copied"] == 8
    assert omr(seaweed.env, "--root", str(back), "check")["findings"] == []
    assert tree(back) == tree(source)
    assert omr(seaweed.env, "--root", bucket, "migrate", str(back))["versions_copied"] == 0


@pytest.mark.parametrize(
    ("method", "key", "versions_left", "events_left"),
    [
        ("PUT", r"versions/1\.3/.*/model\.pt", 5, 11),
        ("PUT", r"pbmc/audit/000000000004\.json", 0, 8),
        ("PUT", r"aliases/production\.json", 0, 0),
    ],
)
def test_a_migration_to_a_bucket_that_was_killed_goes_on(
    seaweed: Seaweed,
    proxy: FaultyProxy,
    source: Path,
    area: Path,
    method: str,
    key: str,
    versions_left: int,
    events_left: int,
) -> None:
    bucket, back = seaweed.new_root(), area / "back"
    back.mkdir()
    killed_at(proxy, method, key, "--root", str(source), "migrate", bucket)
    done = omr(seaweed.env, "--root", str(source), "migrate", bucket)
    assert (done["versions_copied"], done["events_copied"]) == (versions_left, events_left)
    checked = omr(seaweed.env, "--root", bucket, "check")
    assert (checked["clean"], checked["findings"], checked["events"]) == (True, [], 11)
    omr(seaweed.env, "--root", bucket, "migrate", str(back))
    assert tree(back) == tree(source)


@pytest.mark.parametrize(
    "key", [r"versions/1\.3/.*/model\.pt", r"pbmc/audit/000000000004\.json", r"aliases/production"]
)
def test_a_migration_from_a_bucket_that_was_killed_goes_on(
    seaweed: Seaweed, proxy: FaultyProxy, source: Path, area: Path, key: str
) -> None:
    bucket, back = seaweed.new_root(), area / "back"
    back.mkdir()
    omr(seaweed.env, "--root", str(source), "migrate", bucket)
    killed_at(proxy, "GET", key, "--root", bucket, "migrate", str(back))
    omr(seaweed.env, "--root", bucket, "migrate", str(back))
    assert omr(seaweed.env, "--root", str(back), "check")["findings"] == []
    assert tree(back) == tree(source)
    assert omr(seaweed.env, "--root", str(back), "sweep", "--older-than", "0")["removed"] == []


def test_whatever_befell_a_version_comes_along_and_later_changes_follow(
    seaweed: Seaweed, area: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in seaweed.env.items():
        monkeypatch.setenv(name, value)
    root, back, sources = area / "source", area / "back", area / "sources"
    root.mkdir()
    back.mkdir()
    settings = CoreSettings.from_env(seaweed.env)
    source, target = (ModelRegistry.open(top, settings=settings) for top in (root, back))
    between = ModelRegistry.open(seaweed.new_root(), settings=settings)
    governed.fill(source, root, sources)
    for more in (False, True):
        if more:
            governed.change_more(source)
        source.migrate_to(between)
        governed.judge(between, sources, more=more)
        between.migrate_to(target)
        governed.judge(target, sources, more=more)
        again = source.migrate_to(between)
        assert (again.versions_copied, again.events_copied) == (0, 0)
    between.restore("celltype", "pbmc", "restored")
    assert between.verify("celltype", "pbmc@restored").files_checked == 3
