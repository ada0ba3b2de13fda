"""What is said of a version, under SIGKILL at every step, and by 32 processes at once."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core.evidence import of_version
from registry_core.models import vouching
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..core.conftest import MODEL, TASK, Shelf
from ..core.evidence.attested import ADA, GRACE, Desk, team
from ..support.packages import open_registry, write_files
from . import forks, injection, raw
from .test_kill import at_each

RACERS = 32
TRUSTED = team(("ada", ADA), ("grace", GRACE))


def desk_of(root: Path) -> Desk:
    return Desk(Shelf(FilesystemStorage(root), root.parent), TRUSTED)


def registered(root: Path) -> None:
    root.mkdir()
    source = write_files(root.parent / "source", {"model.pt": b"1"})
    open_registry(root).register(TASK, MODEL, "1", source, set_alias=None)


def attest(root: Path, data: bytes) -> object:
    return desk_of(root).attach(data)


def open_finding(root: Path) -> int:
    return open_registry(root).open_finding(TASK, MODEL, "1", "blocking", "it is wrong").seq


def resolve(root: Path) -> int:
    (found,) = of_version.read(desk_of(root).shelf.model(), "1").findings
    return open_registry(root).resolve_finding(TASK, MODEL, "1", found.seq, reason="mended").seq


def dismiss(root: Path) -> int:
    (one,) = of_version.read(desk_of(root).shelf.model(), "1").attestations
    return open_registry(root).dismiss_attestation(TASK, MODEL, "1", one.seq, reason="not his to say").seq


# name -> (what stands before it, the change; both are given what is sent)
CHANGES: dict[str, tuple[Callable[[Path, Desk], object], Callable[[Path, bytes], object]]] = {
    "attest": (lambda root, desk: None, attest),
    "dismiss_attestation": (
        lambda root, desk: desk.attach(desk.review("reject", 0, GRACE)),
        lambda root, _: dismiss(root),
    ),
    "open_finding": (lambda root, desk: None, lambda root, _: open_finding(root)),
    "resolve_finding": (lambda root, desk: open_finding(root), lambda root, _: resolve(root)),
}


def said(root: Path) -> tuple[Any, ...]:
    """All of it but when it was said."""
    found = of_version.read(desk_of(root).shelf.model(), "1")
    attested = [(one.seq, one.digest, one.signers) for one in found.attestations]
    return attested, dict(found.dismissed), [(one.seq, one.severity, one.ended) for one in found.findings]


def documents(root: Path) -> list[Path]:
    return sorted((root / "tasks" / TASK / "models" / MODEL / "attestations").rglob("*.json"))


def assert_whole(root: Path, *, finished: bool) -> None:
    severities = {found.severity for found in open_registry(root).check().findings}
    assert severities <= ({"note"} if finished else {"note", "pending"})


def assert_listed(root: Path) -> None:
    """The list of evidence says all that the events say."""
    model = desk_of(root).shelf.model()
    lines = list(model.journal.lines())
    fields = vouching.read(model.storage, model.keys, "1") or {}
    expected = vouching.replay(model.keys, "1", lines)
    for name in ("attestations", "dismissed", "findings", "events"):
        assert fields.get(name, []) == expected.get(name, [])


@injection.SWEEPS
@pytest.mark.parametrize("name", CHANGES)
def test_killed_anywhere_it_is_said_or_it_is_not(area: Path, name: str, of: injection.Choice) -> None:
    before, act = CHANGES[name]
    template, root = area / "template", area / "root"
    registered(template)
    desk = desk_of(template)
    before(template, desk)
    data, old, events = desk.review("approve", 5, ADA), said(template), desk.shelf.events()

    def fresh() -> None:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(template, root)

    def change() -> object:
        return act(root, data)

    fresh()
    names = forks.run(lambda: injection.trace(change)).get()
    new = said(root)
    assert new != old

    def check(point: injection.Point) -> None:
        fresh()
        outcome = forks.run(injection.killed_at(point, change))
        assert outcome.signal == signal.SIGKILL, f"not killed, but: {outcome}"
        tree, now = raw.tree(root, times=True), desk_of(root).shelf.events()
        is_said = len(now) > len(events)
        assert now[: len(events)] == events
        assert said(root) == (new if is_said else old)
        for one in said(root)[0]:  # what counts can be read
            of_version.document(desk_of(root).shelf.model(), "1", one[1])
        assert_whole(root, finished=False)
        assert raw.tree(root, times=True) == tree, "reading changed something"
        open_registry(root).recover()
        assert_whole(root, finished=True)
        assert_listed(root)
        change()  # again, as whoever had no answer would
        if name == "open_finding" and is_said:
            assert len(said(root)[2]) == 2, "a finding has no key: whoever opens it again has two"
        else:
            assert said(root) == new
        assert_listed(root)
        open_registry(root).sweep(older_than_s=0)
        assert raw.staging(root) == []
        assert [f"sha256:{path.stem}" for path in documents(root)] == sorted(one[1] for one in said(root)[0])
        assert_whole(root, finished=True)

    points = injection.points(names)
    assert len(points) >= 20
    at_each(of(points), check)


def test_what_a_kill_left_without_its_event_counts_for_nothing_and_is_swept(area: Path) -> None:
    template, root = area / "template", area / "root"
    registered(template)
    shutil.copytree(template, root)
    data = desk_of(template).review("approve", 5, ADA)
    names, left = forks.run(lambda: injection.trace(lambda: attest(root, data))).get(), 0
    for point in injection.distinct(injection.points(names)):
        shutil.rmtree(root)
        shutil.copytree(template, root)
        assert forks.run(injection.killed_at(point, lambda: attest(root, data))).signal == signal.SIGKILL
        counted = len(said(root)[0])
        left += len(documents(root)) - counted
        open_registry(root).sweep(older_than_s=0)
        assert len(documents(root)) == len(said(root)[0]) == counted
    assert left > 0, "no kill left one without an event, so nothing was tried"


def test_32_processes_attest_the_same_document(area: Path) -> None:
    root = area / "root"
    registered(root)
    data = desk_of(root).review("approve", 5, ADA)
    outcomes = [outcome.get() for outcome in forks.race([lambda: desk_of(root).attach(data)] * RACERS)]
    assert sum(is_new for _, is_new in outcomes) == 1
    assert {one.seq for one, _ in outcomes} == {2}
    assert [event["event"] for event in desk_of(root).shelf.events()] == ["register", "attest"]
    assert len(documents(root)) == 1
    assert_listed(root)
    assert_whole(root, finished=True)


def test_32_processes_say_different_things_while_one_sweeps(area: Path) -> None:
    """Nothing of theirs is lost: no sweep takes a document from under its event."""
    root = area / "root"
    registered(root)
    desk = desk_of(root)
    sent = [desk.provenance(number, ADA) for number in range(RACERS - 1)]

    def send(data: bytes) -> Callable[[], object]:
        return lambda: desk_of(root).attach(data)[1]

    def sweep() -> bool:
        for _ in range(20):
            assert open_registry(root).sweep(older_than_s=0).documents == []
        return True

    outcomes = forks.race([sweep, *(send(data) for data in sent)])
    assert all(outcome.get() for outcome in outcomes)
    model = desk_of(root).shelf.model()
    found = of_version.read(model, "1").attestations
    assert {of_version.document(model, "1", one.digest) for one in found} == set(sent)
    assert_listed(root)
    assert_whole(root, finished=True)
