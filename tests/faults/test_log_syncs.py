"""What is published is on the disk first: the lines, the checkpoint, the signer's note. A disk that fails stops it."""

from __future__ import annotations

import errno
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import StorageUnavailable
from registry_core.format.layout import REGISTRY_JOURNAL

from ..support.machine import remove_tree
from . import forks, injection
from .test_kill_log import assert_goes_on, assert_whole, grown, lines, opened, read, size, vkey
from .test_syncs import synced

M = "root/tasks/t/models/m/audit"
SAID, SIGNED = "root/log/journal", "signer"
PUBLISHED = [
    *(f"{M}/promotions.jsonl", M),  # its writer may have died before it was
    f"{SAID}/registry.jsonl",
    *(f"{SAID}/registry.jsonl", SAID),  # so may whoever covered it
    *(f"{SIGNED}/.log.pem.last.*", SIGNED),
    *("root/.staging/*.doc", "root/log"),
]


def publish(area: Path) -> Callable[[], object]:
    return lambda: opened(area).log_publish().events


def traced(area: Path) -> list[str]:
    """What a publish would do."""
    copy = area / "copy"
    copy.mkdir()
    for name in ("root", "signer"):
        shutil.copytree(area / name, copy / name, symlinks=True)
    names = forks.run(lambda: injection.trace(publish(copy))).get()
    remove_tree(copy)
    return list(names)


def killed(area: Path, point: injection.Point) -> bool:
    return forks.run(injection.killed_at(point, publish(area))).signal == signal.SIGKILL


def test_all_that_a_note_is_about_is_on_the_disk_before_it(area: Path) -> None:
    grown(area)
    assert synced(area, publish(area)) == PUBLISHED
    assert synced(area, publish(area)) == []


def test_what_a_killed_publisher_left_is_made_durable_before_it_is_signed_or_shown(area: Path) -> None:
    grown(area)
    (written,) = [call for call, name in enumerate(traced(area)) if name == "pwrite"]
    assert killed(area, injection.Point(written, "after", "pwrite"))
    assert synced(area, publish(area)) == PUBLISHED[3:]
    opened(area).promote("t", "l", "production", "1")
    kept = next(call for call, name in enumerate(traced(area)) if name == "rename")
    assert killed(area, injection.Point(kept, "after", "rename"))
    assert size(area / "signer/log.pem.last") > size(area / "root/log/checkpoint")
    assert synced(area, publish(area)) == PUBLISHED[3:]


@pytest.mark.parametrize("for_good", [False, True])
def test_a_disk_that_fails_to_sync_stops_a_publish_and_the_next_one_mends_it(area: Path, for_good: bool) -> None:
    template, now = area / "template", area / "now"
    grown(template)
    old, note, keys = lines(template), read(template / "root/log/checkpoint"), vkey(template)
    shutil.copytree(template, now, symlinks=True)
    names = forks.run(lambda: injection.trace(publish(now), looking=True, storage=False)).get()
    points = [injection.Point(call, "before", name) for call, name in enumerate(names) if name == "fsync"]
    assert len(points) == len(PUBLISHED)
    for point, place in zip(points, PUBLISHED, strict=True):
        remove_tree(now)
        shutil.copytree(template, now, symlinks=True)
        failing = injection.failing_at(point, errno.EIO, publish(now), for_good=for_good, only=frozenset({"fsync"}))
        with pytest.raises(StorageUnavailable, match=r"put error|cannot say"):
            forks.run(failing).get()
        shown, kept = (size(now / name) for name in ("root/log/checkpoint", "signer/log.pem.last"))
        assert shown <= kept
        if place in PUBLISHED[:2]:
            assert lines(now) == old, f"{place} is not on the disk, and is covered"
        if place in PUBLISHED[:6]:
            assert read(now / "signer/log.pem.last") == read(now / "root/log/checkpoint") == note
        assert lines(now)[REGISTRY_JOURNAL][: len(old[REGISTRY_JOURNAL])] == old[REGISTRY_JOURNAL]
        assert_goes_on(now, note, keys)
        assert_whole(now, finished=True)
