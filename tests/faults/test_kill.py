"""I1, I4, I6, I10: SIGKILL at every step of a register and a promote, and at random times.

The steps are counted in a run that is let through, so the sweep is complete by construction: after every system call
that changes something and in the middle of every write; in a soak before and after every call on the storage, too.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry_core import ModelRegistry, NotFound, VersionExists

from ..support.machine import need
from ..support.packages import open_registry, write_package
from . import forks, injection, raw

TASK, MODEL = "celltype", "pbmc"
KEY = "the first try"
CHUNKS = 4
LEAST_POINTS = 200


@dataclass(frozen=True)
class Change:
    """One verb to be killed: what stands before it, and how it is called. ``version`` and ``alias`` are its own."""

    version: str
    alias: str
    before: tuple[str, ...]
    registers: bool

    def prepare(self, root: Path, source: Path) -> None:
        registry = open_registry(root)
        for version in self.before:
            registry.register(TASK, MODEL, version, source)

    def run(self, root: Path, source: Path, key: str | None = KEY) -> Any:
        registry = open_registry(root)
        if self.registers:
            return registry.register(TASK, MODEL, self.version, source, set_alias=self.alias, idempotency_key=key)
        return registry.promote(TASK, MODEL, self.alias, self.version, actor="reviewer", reason="good on held-out data")


CHANGES = {
    "register-new-model": Change("1", "latest", (), registers=True),
    "register-next-version": Change("2", "latest", ("1",), registers=True),
    "promote-moves-alias": Change("1", "latest", ("1", "2"), registers=False),
    "promote-makes-alias": Change("1", "production", ("1", "2"), registers=False),
}


def model_of(root: Path) -> Path:
    return root / "tasks" / TASK / "models" / MODEL


@dataclass(frozen=True)
class Sweep:
    """All kill points of one change, and a registry to start each of them from."""

    change: Change
    area: Path
    source: Path
    template: Path
    old: raw.Facts

    @classmethod
    def make(cls, name: str, area: Path) -> "Sweep":
        source, template = write_package(area / "source"), area / "template"
        template.mkdir(parents=True)
        change = CHANGES[name]
        change.prepare(template, source)
        return cls(change, area, source, template, raw.facts(model_of(template)))

    def fresh(self) -> Path:
        """A copy of the registry as it stands before the change."""
        root = self.area / "root"
        if root.exists():
            for directory in [root, *root.rglob("*")]:
                if directory.is_dir():
                    directory.chmod(0o700)
            shutil.rmtree(root)
        shutil.copytree(self.template, root)
        return root

    def calls(self) -> list[str]:
        root = self.fresh()
        return forks.run(lambda: injection.trace(lambda: self.change.run(root, self.source))).get()  # type: ignore[no-any-return]

    def kill(self, point: injection.Point) -> Path:
        root = self.fresh()
        outcome = forks.run(injection.killed_at(point, lambda: self.change.run(root, self.source)))
        assert outcome.signal == signal.SIGKILL, f"not killed, but: {outcome}"
        return root

    # what must hold

    def assert_old_or_new(self, root: Path) -> bool:
        """Nothing is half there, whoever looks; says whether the event was committed."""
        change, old, now = self.change, self.old, raw.facts(model_of(root))
        assert now.events[: len(old.events)] == old.events
        assert len(now.events) - len(old.events) in (0, 1)
        committed = len(now.events) > len(old.events)
        published = now.versions == old.versions | {change.version}
        moved = now.aliases == {**old.aliases, change.alias: change.version}
        assert published or now.versions == old.versions
        assert moved or now.aliases == old.aliases
        if change.registers:
            assert committed or not published, "a version without an event"
        assert committed or not moved, "an alias without an event"
        assert published or not moved
        self._assert_reads(root, now, unfinished=committed and not (published and moved))
        return committed

    def _assert_reads(self, root: Path, now: raw.Facts, *, unfinished: bool) -> None:
        before = raw.tree(root, times=True)
        registry = open_registry(root)
        found = {finding.severity for finding in registry.check().findings}
        assert "damage" not in found
        assert not unfinished or "pending" in found
        for selector in {self.change.version, self.change.alias, *self.change.before, "latest"}:
            expected = now.aliases.get(selector, selector if selector in now.versions else None)
            assert resolved(registry, selector) == expected
        assert raw.tree(root, times=True) == before, "reading changed something"

    def assert_finished(self, root: Path, *, committed: bool) -> None:
        now = raw.facts(model_of(root))
        assert len(now.events) == len(self.old.events) + committed
        assert now.versions == self.old.versions | ({self.change.version} if committed else set())
        assert now.aliases == {**self.old.aliases, **({self.change.alias: self.change.version} if committed else {})}
        assert_sealed(model_of(root))
        assert {finding.severity for finding in open_registry(root).check().findings} <= {"note"}

    def retry(self, root: Path, *, committed: bool, keyed_first: bool) -> None:
        if not self.change.registers:
            promotion = self.change.run(root, self.source)
            assert promotion.seq == len(self.old.events) + committed + 1
            return
        if not committed or keyed_first:
            self._retry_with_key(root, committed=committed)
        self._retry_without_key(root)
        self._retry_with_key(root, committed=True)

    def _retry_with_key(self, root: Path, *, committed: bool) -> None:
        known = raw.events(model_of(root))
        answer = self.change.run(root, self.source)
        event = raw.events(model_of(root))[-1]
        assert len(raw.events(model_of(root))) == len(known) + (not committed)
        assert (answer.version, answer.alias_set) == (self.change.version, self.change.alias)
        assert (answer.package_digest, answer.created_at) == (event["package_digest"], event["created_at"])
        assert "deep/er/label map.json" in answer.hashes

    def _retry_without_key(self, root: Path) -> None:
        with pytest.raises(VersionExists) as caught:
            self.change.run(root, self.source, key=None)
        event = raw.events(model_of(root))[-1]
        assert caught.value.detail["existing"]["package_digest"] == event["package_digest"]
        assert caught.value.detail["same_content"] is True

    def assert_nothing_left(self, root: Path) -> None:
        registry = open_registry(root)
        registry.sweep(older_than_s=0)
        assert raw.staging(root) == []
        assert registry.check().findings == []
        assert registry.resolve(TASK, f"{MODEL}@{self.change.alias}").version == self.change.version


def resolved(registry: ModelRegistry, selector: str) -> str | None:
    try:
        return registry.resolve(TASK, f"{MODEL}@{selector}").version
    except NotFound:
        return None


def assert_sealed(model: Path) -> None:
    for version in (model / "versions").iterdir() if (model / "versions").is_dir() else ():
        for path in [version, *version.rglob("*")]:
            assert stat.S_IMODE(path.stat().st_mode) == (0o555 if path.is_dir() else 0o444), path


def at_each(points: list[injection.Point], check: Callable[[injection.Point], None]) -> None:
    """``check`` of each kill point; the failure tells of all of them, not of the first."""
    failures = []
    for point in points:
        try:
            check(point)
        except Exception as error:  # noqa: BLE001 - collected, and raised below
            failures.append(f"{point}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    assert not failures, f"{len(failures)} kill points fail:\n" + "\n".join(failures)


def test_the_sweep_has_enough_points(area: Path) -> None:
    names = list(CHANGES)
    counts = {}
    for name in names:
        counts[name] = len(injection.points(Sweep.make(name, area / name).calls()))
    assert counts["register-new-model"] + counts["register-next-version"] >= LEAST_POINTS
    assert all(count >= 40 for count in counts.values()), counts


@injection.SWEEPS
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("name", CHANGES)
def test_killed_anywhere_then_recovered(area: Path, name: str, chunk: int, of: injection.Choice) -> None:
    sweep = Sweep.make(name, area)

    def check(point: injection.Point) -> None:
        root = sweep.kill(point)
        committed = sweep.assert_old_or_new(root)
        open_registry(root).recover()
        sweep.assert_finished(root, committed=committed)
        sweep.retry(root, committed=committed, keyed_first=point.call % 2 == 0)
        sweep.assert_nothing_left(root)

    at_each(of(injection.points(sweep.calls()))[chunk::CHUNKS], check)


@pytest.mark.parametrize("name", CHANGES)
def test_killed_anywhere_then_swept(area: Path, name: str) -> None:
    """A sweep is a recovery too: it removes what no event names and publishes what one does."""
    sweep = Sweep.make(name, area)

    def check(point: injection.Point) -> None:
        root = sweep.kill(point)
        committed = sweep.assert_old_or_new(root)
        open_registry(root).sweep(older_than_s=0)
        assert raw.staging(root) == []
        sweep.assert_finished(root, committed=committed)

    at_each(injection.distinct(injection.points(sweep.calls())), check)


@pytest.mark.parametrize("name", CHANGES)
def test_killed_anywhere_then_sent_again_at_once(area: Path, name: str) -> None:
    """A client whose worker died sends the request again; no restart comes in between."""
    sweep = Sweep.make(name, area)

    def check(point: injection.Point) -> None:
        root = sweep.kill(point)
        committed = sweep.assert_old_or_new(root)
        sweep.retry(root, committed=committed, keyed_first=point.call % 2 == 0)
        open_registry(root).recover()
        sweep.assert_nothing_left(root)

    at_each(injection.distinct(injection.points(sweep.calls())), check)


@pytest.mark.parametrize("name", ["register-new-model", "register-next-version"])
def test_a_version_is_promoted_although_its_registration_was_killed(area: Path, name: str) -> None:
    """The event stands, so the version exists: the promote is the next change, which finishes it."""
    sweep = Sweep.make(name, area)

    def check(point: injection.Point) -> None:
        root = sweep.kill(point)
        committed = sweep.assert_old_or_new(root)
        registry = open_registry(root)
        try:
            registry.promote(TASK, MODEL, "production", sweep.change.version)
        except NotFound:
            assert not committed
        else:
            assert committed
            assert registry.verify(TASK, f"{MODEL}@production").version == sweep.change.version

    at_each(injection.distinct(injection.points(sweep.calls()))[-30:], check)


@pytest.mark.parametrize("name", ["register-new-model", "register-next-version"])
def test_killed_again_while_recovering(area: Path, name: str) -> None:
    """The recovery itself may die anywhere, and the next one still finishes the work."""
    sweep = Sweep.make(name, area)
    first = next(p for p in injection.points(sweep.calls()) if p.phase == "before" and p.name.endswith(".publish"))
    root = sweep.kill(first)
    names = forks.run(lambda: injection.trace(lambda: open_registry(root).recover())).get()

    def check(point: injection.Point) -> None:
        root = sweep.kill(first)
        outcome = forks.run(injection.killed_at(point, lambda: open_registry(root).recover()))
        assert outcome.signal == signal.SIGKILL
        assert sweep.assert_old_or_new(root)
        open_registry(root).recover()
        sweep.assert_finished(root, committed=True)
        sweep.assert_nothing_left(root)

    at_each(injection.distinct(injection.points(names)), check)


def test_the_sweep_sees_every_system_call(area: Path) -> None:
    """What the kernel was asked (strace says) is what was counted, so no step has been passed over."""
    need(shutil.which("strace"), "strace shows the system calls; install it")
    sweep = Sweep.make("register-next-version", area)
    counted = Counter(name for name in sweep.calls())
    root, log, marker = sweep.fresh(), area / "strace.log", str(area / "marker")
    script = (
        "import os, sys\n"
        "from tests.faults.test_kill import CHANGES\n"
        "from pathlib import Path\n"
        "marker, root, source = sys.argv[1:]\n"
        "os.access(marker, os.F_OK)\n"
        "CHANGES['register-next-version'].run(Path(root), Path(source))\n"
        "os.access(marker, os.F_OK)\n"
    )
    changing = ("rename", "link", "mkdir", "unlink", "chmod")  # each has a form that starts from an open directory
    calls = "access,fsync,fdatasync,rmdir,fchmod,ftruncate,pwrite64,write,flock,renameat2,"
    calls += ",".join(f"{name},{name.replace('chmod', 'fchmod')}at" for name in changing)
    command = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={calls}", sys.executable, "-c", script]
    done = subprocess.run(
        [*command, marker, str(root), str(sweep.source)], cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    need("ptrace" not in done.stderr.lower() or done.returncode == 0, f"strace may not trace here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    between = log.read_text().split(f'"{marker}"')[1]
    seen = Counter(re.findall(r"^\d+ +(\w+)\(", between, flags=re.MULTILINE))
    for name in ("fsync", "fdatasync", "fchmod", "ftruncate", "flock"):
        assert seen[name] == counted[name], name
    for name in ("rename", "link", "mkdir"):
        assert seen[name] + seen[f"{name}at"] + seen[f"{name}at2"] == counted[name], name
    assert seen["chmod"] + seen["fchmodat"] == counted["chmod"]
    assert seen["pwrite64"] == counted["pwrite"]
    assert seen["write"] == counted["write"] + counted["file.write"]
    removals = sum(seen[name] for name in ("unlink", "unlinkat", "rmdir"))
    assert removals == sum(counted[name] for name in ("unlink", "remove", "rmdir"))
    assert seen["fsync"] > 10


_WORKER = """
import json, sys
from registry_core import CoreSettings, ModelRegistry
root, source, first = sys.argv[1], sys.argv[2], int(sys.argv[3])
registry = ModelRegistry.open(settings=CoreSettings(root=root, workers=2))
print("ready", flush=True)
number = first
while True:
    registry.register("celltype", "pbmc", str(number), source)
    print(json.dumps(["registered", str(number)]), flush=True)
    promotion = registry.promote("celltype", "pbmc", "production", str(number))
    print(json.dumps(["promoted", str(number)]), flush=True)
    number += 1
"""


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_times(area: Path, root: Path, source: Path, seed: int) -> None:
    """What was acknowledged before the kill is there after it; what was not is whole or absent."""
    chance = random.Random(seed)
    for round_ in range(10):
        first = 1000 * (round_ + 1)
        with subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(root), str(source), str(first)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.0, 0.12))  # the random moment, not an order
            process.kill()
            acknowledged = [json.loads(line) for line in process.stdout.read().splitlines() if line.endswith("]")]
        now = raw.facts(model_of(root))
        assert {version for what, version in acknowledged if what == "registered"} <= now.versions
        assert not any(finding.severity == "damage" for finding in open_registry(root).check().findings)
        registry = open_registry(root)
        registry.recover()
        after = raw.facts(model_of(root))
        assert after.events == now.events
        registered = {event["version"] for event in raw.events(model_of(root)) if event["event"] == "register"}
        assert after.versions == registered
        promoted = [version for what, version in acknowledged if what == "promoted"]
        if promoted:
            assert int(after.aliases["production"]) >= int(promoted[-1])
        registry.sweep(older_than_s=0)
        assert raw.staging(root) == []
        assert registry.check().findings == []
