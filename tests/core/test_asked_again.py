"""What goes on for long is asked again every five seconds whether it may: counted by a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    AccessUnreadable,
    ArtifactsRefused,
    ModelRegistry,
    PermissionDenied,
    Principal,
    Progress,
    tar,
    tar_size,
)
from registry_core.access.governing import create_token, revoke_token
from registry_core.access.tokens import TokenKind
from registry_core.format.layout import REGISTRY_JOURNAL
from registry_core.models import asking
from registry_core.registry.door import Door
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..support.packages import write_files
from .access.ruled import journal_of, put, written
from .registry.guarded import OWN, RULES, House, house

NOBODY = written(admins=["user:chief"])


class Clock:
    """It goes on by ``step_s`` whenever it is looked at; ``asked`` counts the questions to the rules."""

    def __init__(self) -> None:
        self.now, self.step_s, self.asked = 0.0, 0.0, 0

    def monotonic(self) -> float:
        self.now += self.step_s
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock, real = Clock(), Door._about

    def about(door: Door, *names: str) -> Any:
        clock.asked += 1
        return real(door, *names)

    monkeypatch.setattr(asking, "time", clock)
    monkeypatch.setattr(Door, "_about", about)
    return clock


@pytest.fixture
def here(tmp_path: Path) -> House:
    """Version 7 of own/m has a file of 64 KiB and forty small ones."""
    (tmp_path / "root").mkdir()
    here = house(FilesystemStorage(tmp_path / "root"), tmp_path)
    files = {"large.bin": b"x" * 65536, **{f"small/{n}": b"y" * 100 for n in range(40)}}
    here.registry.register(OWN, "m", "7", write_files(tmp_path / "many", files), set_alias=None)
    return here


def test_a_file_is_asked_for_again_each_five_seconds(here: House, clock: Clock) -> None:
    reader = here.as_("user").file(OWN, "m@7", "large.bin").open()
    before, clock.step_s = clock.asked, 1.0
    with reader:
        data = b"".join(iter(lambda: reader.read(1024), b""))
    assert data == b"x" * 65536
    assert clock.asked - before == 65 // 5, "65 reads, a second each"
    clock.step_s = 0.0
    before = clock.asked
    here.as_("user").file(OWN, "m@7", "large.bin").open().read()
    assert clock.asked - before == 1, "what is done at once is asked once"


def end_of_rights(here: House) -> dict[str, Callable[[], object]]:
    return {
        "no rule gives it": lambda: put(here.storage, NOBODY),
        "blocked": lambda: put(here.storage, RULES.replace(b'"user:left"', b'"user:left", "user:user"', 1)),
        "unreadable": lambda: _lose_journal(here),
    }


def _lose_journal(here: House) -> None:
    here.storage.documents.delete(REGISTRY_JOURNAL)


@pytest.mark.parametrize("how", ["no rule gives it", "blocked", "unreadable"])
@pytest.mark.parametrize("what", ["file", "part", "archive", "part of an archive", "snapshot"])
def test_whatever_is_being_read_ends_where_rights_do(here: House, clock: Clock, how: str, what: str) -> None:
    view = here.as_("user")
    files = view.files(OWN, "m@7")
    makes: dict[str, Callable[[], Any]] = {
        "file": lambda: view.file(OWN, "m@7", "large.bin").open(),
        "part": lambda: view.file(OWN, "m@7", "large.bin").open(1000, 60000),
        "snapshot": lambda: view.snapshot(OWN, "m", "7").file("large.bin").open(),
        "archive": lambda: tar(files),
        "part of an archive": lambda: tar(files, 100, tar_size(files) - 100),
    }
    begun = makes[what]()
    is_reader = hasattr(begun, "read")
    if is_reader:
        assert begun.read(10)
    end_of_rights(here)[how]()
    clock.step_s = 6.0
    with pytest.raises(AccessUnreadable if how == "unreadable" else PermissionDenied):
        begun.read(10) if is_reader else list(begun)
    if is_reader:
        begun.close()


def test_an_archive_of_many_small_files_has_one_clock(here: House, clock: Clock) -> None:
    files = here.as_("user").files(OWN, "m@7")
    before, clock.step_s = clock.asked, 0.5
    size = sum(len(part) for part in tar(files))
    assert size == tar_size(files)
    # Each of the 44 files is read by one look at least, half a second each: none of them takes five.
    assert 44 * 0.5 / 6 <= clock.asked - before <= 44


class Steps:
    """A callback of progress that lets time pass, and at one step does something."""

    def __init__(self, clock: Clock, at: int = 10**9, then: Callable[[], object] = int) -> None:
        self.clock, self.at, self.then, self.seen = clock, at, then, list[Progress]()

    def __call__(self, now: Progress) -> None:
        self.seen.append(now)
        self.clock.now += 1.0
        if len(self.seen) == self.at:
            self.then()


WORK: dict[str, Callable[[ModelRegistry, House, Steps], object]] = {
    "verify": lambda r, _, steps: r.verify(OWN, "m@7", progress=steps),
    "resolve": lambda r, _, steps: r.resolve(OWN, "m@7", progress=steps),
    "register": lambda r, here, steps: r.register(
        OWN, "m", "8", here.source.parent / "many", set_alias=None, progress=steps
    ),
    "restore": lambda r, _, steps: r.restore(OWN, "m", "7", progress=steps),
}


@pytest.mark.parametrize("verb", WORK)
def test_long_work_is_asked_again_and_ends_where_rights_do(here: House, clock: Clock, verb: str) -> None:
    if verb == "restore":
        here.registry.delete(OWN, "m", "7", reason="to bring it back")
    events = len(here.registry.history(OWN, "m").events)
    view = here.as_("admin")
    stopped = Steps(clock, 20, lambda: put(here.storage, NOBODY))
    with pytest.raises(PermissionDenied):
        WORK[verb](view, here, stopped)
    assert 20 <= len(stopped.seen) <= 26, "within five seconds"
    assert len(here.registry.history(OWN, "m").events) == events
    put(here.storage, RULES)
    assert here.registry.sweep(0).removed == [], "nothing is left of it"
    steps, before = Steps(clock), clock.asked
    WORK[verb](here.as_("admin"), here, steps)
    asked = clock.asked - before
    each = 3 if verb == "register" else 1  # whether it may write, and twice where the directory may lie
    assert len(steps.seen) // 6 <= asked <= each * (len(steps.seen) // 5 + 6)


def test_where_it_may_lie_is_asked_again_too(here: House, clock: Clock) -> None:
    """At each step, and before the event, also where nothing is left to do but that."""
    rule = {"who": ["user:admin"], "on": ["own/*"], "role": "publisher"}
    many = here.source.parent / "many"
    allowed = written(rules=[{**rule, "from": [str(many.parent)]}])
    narrowed = written(rules=[{**rule, "from": [str(many / "small")]}])
    put(here.storage, allowed)
    whole = Steps(clock)
    here.as_("admin").register(OWN, "m", "8", many, set_alias=None, progress=whole)
    for number, at in (("9", 20), ("10", len(whole.seen))):
        put(here.storage, allowed)
        with pytest.raises(ArtifactsRefused):
            here.as_("admin").register(
                OWN, "m", number, many, set_alias=None, progress=Steps(clock, at, lambda: put(here.storage, narrowed))
            )
    put(here.storage, allowed)
    wider = written(rules=[{**rule, "from": [str(many.parent), "/elsewhere"]}])
    steps = Steps(clock, 20, lambda: put(here.storage, wider))
    assert here.as_("admin").register(OWN, "m", "9", many, set_alias=None, progress=steps).version == "9"


def test_work_without_a_callback_is_asked_too(here: House, clock: Clock) -> None:
    clock.step_s = 1.0
    before = clock.asked
    here.as_("user").verify(OWN, "m@7")
    assert clock.asked - before > 10
    here.registry.verify(OWN, "m@7")


def test_whose_token_is_revoked_goes_on_with_nothing(here: House, clock: Clock) -> None:
    journal = journal_of(here.storage)
    put(here.storage, written(rules=[{"who": ["token:ci"], "on": ["own/*"], "role": "maintainer"}]))
    made = create_token(journal, TokenKind.SERVICE, "ci")
    ci = here.registry.admitted(made.text)
    assert ci is not None
    view = here.as_(ci)
    session = view.begin_upload(OWN, "m").upload_id
    file = view.add_upload(session, "model.pt", 4)
    reader = view.file(OWN, "m@7", "large.bin").open()
    assert reader.read(1)
    assert view.list_models().total == 3
    view.require_caller()
    revoke_token(journal, made.kept.id, actor=None, reason=None)
    clock.step_s = 6.0

    class Slow:
        def readinto(self, buffer: memoryview) -> int:
            raise AssertionError("nothing is read from it")

    for ask in (
        lambda: reader.read(1),
        lambda: view.receive(session, file.file_id, 0, Slow()),
        lambda: view.receive_pack(session, Slow()),
        lambda: view.promote(OWN, "m", "candidate", "2"),
        lambda: view.create_token("personal", "x"),
        view.require_caller,
        view.list_tokens,
    ):
        with pytest.raises(PermissionDenied):
            ask()  # type: ignore[no-untyped-call]
    assert view.list_models().items == []
    assert list(view.events()) == []
    reader.close()


def test_who_counts_no_longer_is_told_so(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for who in ("user", "stranger", "chief", "anonymous"):
        here.as_(who).require_caller()
    here.registry.require_caller()
    with pytest.raises(PermissionDenied):
        here.as_("left").require_caller()
    monkeypatch.setattr(Principal, "is_expired", lambda *_: True)
    with pytest.raises(PermissionDenied):
        here.as_("user").require_caller()
    monkeypatch.undo()
    _lose_journal(here)
    with pytest.raises(AccessUnreadable):
        here.as_("anonymous").require_caller()


def test_whoever_opens_the_root_is_asked_nothing(here: House, clock: Clock) -> None:
    clock.step_s = 60.0
    for work in (WORK["verify"], WORK["register"]):
        work(here.registry, here, Steps(clock))
    assert here.registry.file(OWN, "m@7", "large.bin").open().read() == b"x" * 65536
    assert clock.asked == 0
