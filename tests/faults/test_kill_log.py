"""The log under SIGKILL at every step of its keeper's verbs: nothing is lost, there is one chain, and it goes on."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import ModelRegistry
from registry_core.evidence import checking, signed_note
from registry_core.format.layout import CHECKPOINT, REGISTRY_JOURNAL
from registry_core.settings import CoreSettings

from ..support.machine import remove_tree
from ..support.packages import write_package
from . import forks, injection, raw
from .test_kill import at_each

ORIGIN, NEXT = "models.lab.example", "models-2.lab.example"
SIGNER = {"log.pem", "log.pem.last", "log.pem.last.lock"}
JOURNALS = (REGISTRY_JOURNAL, "tasks/t/models/l/audit/promotions.jsonl", "tasks/t/models/m/audit/promotions.jsonl")


@pytest.fixture(autouse=True)
def nobody_is_publishing(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that check does not wait for anybody's note."""
    monkeypatch.setattr(checking, "PUBLISHING_S", 0.0)


def opened(area: Path) -> ModelRegistry:
    return ModelRegistry.open(settings=CoreSettings(root=str(area / "root"), log_key=str(area / "signer/log.pem")))


def filled(area: Path) -> None:
    for name in ("root", "signer"):
        (area / name).mkdir(parents=True)
    for model in ("l", "m"):
        opened(area).register("t", model, "1", write_package(area / model))


def grown(area: Path) -> None:
    filled(area)
    opened(area).log_init(ORIGIN)
    opened(area).log_publish()
    opened(area).promote("t", "m", "production", "1")


def restored(area: Path) -> None:
    """A backup stands where the root was; it lacks what was signed last."""
    grown(area)
    shutil.copytree(area / "root", area / "backup", symlinks=True)
    opened(area).log_publish()
    remove_tree(area / "root")
    (area / "backup").rename(area / "root")


# name -> (what stands before it, the verb)
VERBS: dict[str, tuple[Callable[[Path], None], Callable[[Path], object]]] = {
    "init": (filled, lambda area: opened(area).log_init(ORIGIN)),
    "publish": (grown, lambda area: opened(area).log_publish()),
    "rotate": (grown, lambda area: opened(area).log_rotate()),
    "restart": (restored, lambda area: opened(area).log_restart(NEXT, reason="the disk burnt")),
}


def read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def size(note: Path) -> int:
    return signed_note.checkpoint_of(signed_note.parse(note.read_bytes())).size if note.exists() else 0


def lines(area: Path) -> dict[str, list[bytes]]:
    """The lines of each journal that a kill has left whole."""
    return {journal: read(area / "root" / journal).split(b"\n")[:-1] for journal in JOURNALS}


def kinds(area: Path) -> list[str]:
    """What the registry's journal says of the log."""
    return [json.loads(line)["checkpoint"]["kind"] for line in lines(area)[REGISTRY_JOURNAL]]


def vkey(area: Path) -> list[str]:
    return [opened(area).log_vkey()] if kinds(area) else []


def assert_whole(area: Path, *, finished: bool) -> None:
    found = [one for one in opened(area).check().findings if one.code != "log_behind" or finished]
    assert {one.severity for one in found} <= ({"note"} if finished else {"note", "pending"}), found


def assert_goes_on(area: Path, old: bytes, keys: list[str]) -> None:
    """A publish says all that there is, as an outsider finds who has kept the note and the key of before."""
    registry = opened(area)
    note = (registry.log_publish().note or "").encode()
    assert note == read(area / "root" / CHECKPOINT) == read(area / "signer/log.pem.last")
    assert registry.log_publish().events == 0
    assert registry.prove_log(note, vkey(area)).size == registry.log_publish().size
    if old and "restart" not in kinds(area):
        assert registry.prove_log(old, [*keys, *vkey(area)]).checkpoint == note.decode()
        assert signed_note.parse(note).is_signed_by(signed_note.parse_vkey(keys[0])), "the new key goes on from the old"
    assert {path.name for path in (area / "signer").iterdir()} == SIGNER, "no key lies about"
    assert read(area / "signer/log.pem").count(b"BEGIN PRIVATE KEY") == 1


@pytest.mark.parametrize("verb", VERBS)
def test_killed_anywhere_the_log_is_one_and_goes_on(area: Path, verb: str) -> None:
    before, act = VERBS[verb]
    template, now = area / "template", area / "now"
    before(template)
    old, note, keys = lines(template), read(template / "root" / CHECKPOINT), vkey(template)

    def fresh() -> None:
        if now.exists():
            remove_tree(now)
        shutil.copytree(template, now, symlinks=True)

    def check(point: injection.Point) -> None:
        fresh()
        outcome = forks.run(injection.killed_at(point, lambda: act(now)))
        assert outcome.signal == signal.SIGKILL, f"not killed, but: {outcome}"
        shown, kept = (size(now / name) for name in ("root/" + CHECKPOINT, "signer/log.pem.last"))
        assert shown <= kept, "what is shown is known to whoever signs"
        tree, found = raw.tree(now / "root", times=True), lines(now)
        for journal in JOURNALS:
            assert found[journal][: len(old[journal])] == old[journal]
        assert_whole(now, finished=False)
        assert raw.tree(now / "root", times=True) == tree, "reading changed something"
        if verb not in kinds(now):
            act(now)
        assert_goes_on(now, note, keys)
        opened(now).promote("t", "l", "production", "1")
        assert opened(now).log_publish().events == 1
        opened(now).sweep(older_than_s=0)
        assert raw.staging(now / "root") == []
        assert_whole(now, finished=True)

    fresh()
    points = injection.distinct(injection.points(forks.run(lambda: injection.trace(lambda: act(now))).get()))
    assert len(points) >= 10
    at_each(points, check)
