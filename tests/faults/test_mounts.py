"""A mount below the root is legal; what cannot be moved to it is refused before the event; a link is refused as one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry_core import ModelRegistry, NotConfigured, RegistryError

from ..support import planted
from ..support.machine import need
from ..support.packages import open_registry
from . import raw

TASK, MODEL = planted.TASK, planted.MODEL
HOME = f"tasks/{TASK}/models/{MODEL}"
HOMES = ["tasks", f"tasks/{TASK}", f"tasks/{TASK}/models", HOME]
INSIDE = [f"{HOME}/versions", f"{HOME}/aliases", f"{HOME}/deleted", f"{HOME}/state", f"{HOME}/audit"]
Mount = Callable[[Path, str], Path]


@pytest.fixture
def mount(area: Path) -> Iterator[Mount]:
    """What lies at the place lies on another disk from now on, or in another directory that is bound there."""
    need(os.geteuid() == 0, "a mount needs root")
    mounted: list[Path] = []

    def make(place: Path, kind: str) -> Path:
        kept = area / "elsewhere"
        place.rename(kept)
        place.mkdir()
        command = ["--bind", str(kept), str(place)] if kind == "bind" else ["-t", "tmpfs", "tmpfs", str(place)]
        done = subprocess.run(["mount", *command], capture_output=True, text=True)
        need(done.returncode == 0, f"a mount needs CAP_SYS_ADMIN: {done.stderr.strip()}")
        mounted.append(place)
        if kind == "tmpfs":
            shutil.copytree(kept, place, dirs_exist_ok=True)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def made(area: Path) -> tuple[Path, Path]:
    source = planted.make_source(area / "source")
    root = planted.make_root(area / "root", source)
    shutil.rmtree(root / ".staging" / "0123")
    return root, source


def governs(registry: ModelRegistry) -> None:
    """All that moves no package works."""
    registry.promote(TASK, MODEL, "production", "1")
    registry.promote(TASK, MODEL, "new", "2")
    registry.unalias(TASK, MODEL, "new")
    registry.tag(TASK, MODEL, "1", "owner", "bob")
    registry.stage(TASK, MODEL, "2", "archived")
    assert registry.resolve(TASK, f"{MODEL}@production").version == "1"
    assert registry.show(TASK, f"{MODEL}@1", verify=True).tags == {"owner": "bob"}


@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
@pytest.mark.parametrize("where", [*HOMES, *INSIDE])
def test_what_lies_on_a_mount_is_served_and_governed(
    made: tuple[Path, Path], mount: Mount, where: str, kind: str
) -> None:
    root, source = made
    mount(root / where, kind)
    governs(open_registry(root))
    assert open_registry(root).check().findings == []
    for verb, refused in (
        ("register", where not in (f"{HOME}/aliases", f"{HOME}/deleted", f"{HOME}/state", f"{HOME}/audit")),
        ("restore", where in (f"{HOME}/versions", f"{HOME}/deleted")),
    ):
        before = raw.tree(root / HOME / "audit")
        if refused:
            with pytest.raises(NotConfigured) as caught:
                planted.CHANGING[verb](open_registry(root), source)
            assert caught.value.detail["reason"] == "root_layout"
            assert caught.value.detail["path"].startswith(where.rpartition("/")[0])
            assert raw.tree(root / HOME / "audit") == before
            assert raw.staging(root) == []
        else:
            planted.CHANGING[verb](open_registry(root), source)
    governs(open_registry(root))
    assert open_registry(root).check().findings == []


def test_what_was_planted_in_a_package_on_another_disk_is_set_aside_all_the_same(
    made: tuple[Path, Path], mount: Mount
) -> None:
    root, _ = made
    mount(root / HOME, "tmpfs")
    home = root / HOME / "versions/1"
    home.chmod(0o755)
    (home / "sitecustomize.py").write_bytes(b"x" * 100_000)
    (home / "link").symlink_to("/etc/hostname")
    os.mkfifo(home / "fifo")
    home.chmod(0o555)
    registry = open_registry(root)
    assert {one.code for one in registry.check().findings} == {"stray", "planted"}
    done = registry.repair_strays(TASK, MODEL, is_wanted=True, reason="not ours")
    assert len(done.paths) == 3
    aside = root / ".strays" / TASK / MODEL / "1"
    assert (aside / "sitecustomize.py").read_bytes() == b"x" * 100_000
    assert os.readlink(aside / "link") == "/etc/hostname"
    assert (aside / "fifo").is_fifo()
    assert registry.check().findings == []
    assert registry.verify(TASK, f"{MODEL}@1").files_checked > 0


def test_a_draft_that_a_kill_has_left_on_a_mount_is_gone_with_the_next_change(
    made: tuple[Path, Path], mount: Mount
) -> None:
    root, _ = made
    mount(root / HOME, "tmpfs")
    left = root / HOME / "aliases" / f".{'0' * 32}.doc"
    left.write_bytes(b"{}")
    open_registry(root).promote(TASK, MODEL, "production", "1")
    assert not left.exists()
    assert sorted(os.listdir(root / HOME / "aliases")) == ["latest.json", "production.json"]


@pytest.mark.parametrize(
    ("where", "verb"), [("versions", "register"), ("aliases", "promote"), ("deleted", "restore"), ("state", "tag")]
)
def test_what_cannot_be_written_to_is_refused_before_the_event(
    made: tuple[Path, Path], mount: Mount, where: str, verb: str
) -> None:
    root, source = made
    mount(root / HOME / where, "bind")
    subprocess.run(["mount", "-o", "remount,bind,ro", str(root / HOME / where)], check=True)
    before = raw.tree(root / HOME / "audit")
    with pytest.raises(RegistryError) as caught:
        planted.CHANGING[verb](open_registry(root), source)
    assert not caught.value.detail.get("committed")
    assert caught.value.detail["path"].startswith(f"{HOME}/{where}")
    assert raw.tree(root / HOME / "audit") == before
    assert open_registry(root).check().findings == []


@pytest.mark.parametrize("thing", planted.LINKS, ids=lambda thing: thing.__name__)
@pytest.mark.parametrize("where", HOMES)
def test_a_link_in_the_place_of_a_home_is_never_not_found_and_never_left_out(
    made: tuple[Path, Path], area: Path, where: str, thing: planted.Plant
) -> None:
    root, source = made
    planted.plant(root, where, thing, planted.make_outside(area / "outside"))
    for name in ("resolve", "show", "verify", "aliases", "history", "files", "audit", "promote", "register", "tag"):
        verb = {**planted.READING, **planted.CHANGING}[name]
        with pytest.raises(NotConfigured) as caught:
            verb(open_registry(root), source)
        assert caught.value.detail["reason"] == "root_layout", name
        assert caught.value.detail["path"] == where
        assert f"mount --bind ELSEWHERE ROOT/{where}" in caught.value.message
    told = [f"{finding.where} {finding.message}" for finding in open_registry(root).check().findings]
    assert any("mount --bind" in text for text in told), told
