"""Random sequences of every verb give the answers that the rules give, on memory and on a filesystem.

``rules.py`` and ``governing.py`` are the model. To add a verb: a method there, a rule here that asks both, and the
pools below extended if the verb takes something new. A rule never has a precondition: a refusal is an answer as well.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from registry_core import UNSET, CoreSettings, ModelRegistry, RegistryError
from registry_core.format.layout import ModelKeys
from registry_core.storage import Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage

from ..support.machine import MIB, memory_backed, remove_tree
from ..support.packages import write_files
from .governing import Governing
from .rules import UNSAID, Expected, Model, Package

SUMS = b"fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603  weights\n"  # of b"ab"
PACKAGES = [
    Package("plain", {"model.pt": b"weights"}),
    Package("nested", {"model.pt": b"weights", "deep/er/label map.json": b"{}", "empty": b""}),
    Package("with metadata", {"model.pt": b"weights", "model_meta.json": b'{"framework": "torch", "dataset": "own"}'}),
    Package("with sums", {"weights": b"ab", "sha256sums.txt": SUMS}),
    Package("with wrong sums", {"weights": b"ac", "sha256sums.txt": SUMS}, refused="digest_mismatch"),
    Package("with a link", {"model.pt": b"weights"}, refused="artifacts_refused"),
    Package("with nothing", {}, refused="artifacts_refused"),
]
METADATA: list[dict[str, Any]] = [
    {},
    {"dataset": "pbmc68k", "metrics": {"accuracy": 0.9}, "run_id": "r-1"},
    {"version": "a lie", "created_at": "never", "note": "größe"},
    {"parent_version": "1", "tags": {"own": "x", "tissue": "skin"}, "description": "of the package"},
    {"bad": math.nan},
    {"lineage": "not an object"},
]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def mostly(*likely: Any, seldom: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of ``likely``, and once in about ten times one of ``seldom``: most calls should come to something."""
    return st.sampled_from([*list(likely) * (9 * len(seldom) // len(likely) + 1), *seldom])


tasks = mostly("t", "t", "t", "u", seldom=["no task"])
model_names = mostly("m", "m", "m", "n", seldom=["../m"])
# Some names are used for versions and for aliases, so that they get into each other's way.
versions = mostly("1", "2", "3", "best", seldom=["latest", "v--1", COMMIT])
aliases = mostly("latest", "production", "staging", "best", seldom=["1", "a/b", COMMIT])
refs = mostly(
    *(f"m@{name}" for name in ("1", "2", "3", "best", "latest", "production", "staging")),
    "n@latest",
    seldom=["m", "@", "m@", "@1", "m@1@2", "m@ 1", "../m@1", "none@1", f"m@{COMMIT}", "m@v--1"],
)
actors = mostly(None, "ada", "größe", seldom=["a" * 257])
reasons = st.sampled_from([None, "reviewed", "two\nlines"])
words = st.tuples(actors, reasons)
deletions = st.tuples(actors, mostly("superseded", "wrong labels", seldom=[None, "  "]))
expectations = mostly(UNSAID, seldom=[None, "1", "2", "3"])
tag_keys = mostly("tissue", "own", "größe", seldom=["a:b", ""])
tag_values = mostly("blood", 1.5, True, None, "", seldom=[["no"]])
tags = st.none() | st.dictionaries(tag_keys, tag_values, max_size=2)
descriptions = st.sampled_from([UNSAID, None, "two donors", ""])
stages = mostly("staging", "production", "archived", "none", seldom=["no such stage"])
keys = st.sampled_from([None, None, None, "key-1", "key-2"])


class Machine(RuleBasedStateMachine):
    """Asks the registry and the rules the same, and wants the same answer from both."""

    sources: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.rules = Governing()
        self.storage, self.root = self.make_storage()
        self.registry = self.open()

    def make_storage(self) -> tuple[Storage, Path | None]:
        raise NotImplementedError

    def open(self) -> ModelRegistry:
        root = str(self.root) if self.root else "memory://"
        return ModelRegistry.open(root, storage=self.storage, settings=CoreSettings(workers=1))

    def ask(self, call: Callable[[], Any], expected: Expected) -> Any:
        """The answer, or the error as it was raised; either is what the rules say."""
        try:
            answer = call()
        except RegistryError as error:
            assert error.code in expected.codes, f"{error.code} is not among {expected.codes or 'nothing'}: {error}"
            json.dumps(error.detail, ensure_ascii=False).encode()
            return error
        assert not expected.codes, f"the rules refuse it with {expected.codes}"
        return answer

    def compare(self, answer: Any, expected: Expected) -> None:
        if isinstance(answer, RegistryError):
            return
        found = answer.to_dict()
        assert {name: found[name] for name in expected.fields} == expected.fields
        if "warnings" in found:
            recalls = found["warnings"]
            assert len(recalls) == (expected.recalled is not UNSAID)
            assert not recalls or (expected.recalled or "") in recalls[0]

    def learn_times(self) -> None:
        """When the new events happened: later than those before, and for ``as_of`` the moments that matter."""
        for (task, model_name), model in self.rules.models.items():
            new = [line for line in model.events if "ts_utc" not in line]
            if not new:
                continue
            found = self.registry.history(task, model_name, after=new[0]["seq"] - 1, limit=1000).events
            assert [event.seq for event in found] == [line["seq"] for line in new]
            for event, line in zip(found, new, strict=True):
                line["ts_utc"] = event.ts_utc
                before = model.events[line["seq"] - 2]["ts_utc"] if line["seq"] > 1 else ""
                assert before < line["ts_utc"]

    @initialize(packages=st.lists(st.sampled_from(PACKAGES[:4]), min_size=3, max_size=3))
    def begin(self, packages: list[Package]) -> None:
        """Three versions and two aliases, so that every verb has something to work on from its first step."""
        for version, package in zip(("1", "2", "3"), packages, strict=True):
            self.register("t", "m", version, package, METADATA[3], "latest", "ada", None, None)
        self.promote("t", "m", "production", "1", None, "first", UNSAID)

    def fitting(self, task: str, model_name: str, version: str, fit: str | None) -> str:
        """Another version instead, if there is one that fits: rare states are sought, not waited for."""
        model = self.rules.models.get((task, model_name), Model())
        staged = (model.target(alias) for alias in ("staging", "production"))
        fitting: dict[str | None, list[str]] = {
            "free": [name for name in model.versions if model.has(name) and not model.pointing(name)],
            "gone": [name for name in model.gone if name not in model.purged],
            "purged": sorted(model.purged),
            "staged": [name for name in staged if name is not None],
        }
        return next(iter(fitting.get(fit, [])), version)

    # verbs that change something

    @rule(
        task=tasks,
        model_name=model_names,
        version=versions,
        package=mostly(*PACKAGES[:4], seldom=PACKAGES[4:]),
        metadata=mostly(*METADATA[:4], seldom=METADATA[4:]),
        alias=mostly("latest", "latest", None, "best", "staging", seldom=["1", "a/b"]),
        actor=actors,
        reason=reasons,
        key=keys,
        fit=st.sampled_from([None, None, None, "gone", "purged"]),
    )
    def register(
        self,
        task: str,
        model_name: str,
        version: str,
        package: Package,
        metadata: dict[str, Any],
        alias: str | None,
        actor: str | None,
        reason: str | None,
        key: str | None,
        fit: str | None = None,
    ) -> None:
        version = self.fitting(task, model_name, version, fit)
        expected = self.rules.register(task, model_name, version, package, metadata, alias, actor, reason, key)
        answer = self.ask(
            lambda: self.registry.register(
                task,
                model_name,
                version,
                self.sources / package.name,
                metadata,
                set_alias=alias,
                actor=actor,
                reason=reason,
                idempotency_key=key,
            ),
            expected,
        )
        self.compare(answer, expected)
        if not isinstance(answer, RegistryError):
            self.rules.learn(task, model_name, answer.version, answer)
            self.learn_times()
        elif answer.code == "version_exists":
            self._tells_what_exists(task, model_name, version, package, answer)

    def _tells_what_exists(
        self, task: str, model_name: str, version: str, package: Package, error: RegistryError
    ) -> None:
        model = self.rules.models[task, model_name]
        known = model.versions[version]
        assert error.detail["existing"] == {
            "package_digest": known.package_digest,
            "created_at": known.created_at,
            "actor": known.actor,
        }
        if model.has(version):
            assert error.detail["same_content"] is (known.artifacts == package.artifacts)

    @rule(
        task=tasks,
        model_name=model_names,
        alias=aliases,
        version=versions,
        actor=actors,
        reason=reasons,
        expect=expectations,
    )
    def promote(
        self,
        task: str,
        model_name: str,
        alias: str,
        version: str,
        actor: str | None,
        reason: str | None,
        expect: Any,
    ) -> None:
        expected = self.rules.promote(task, model_name, alias, version, actor, reason, expect)
        answer = self.ask(
            lambda: self.registry.promote(
                task,
                model_name,
                alias,
                version,
                actor=actor,
                reason=reason,
                expected_version=UNSET if expect is UNSAID else expect,
            ),
            expected,
        )
        self.compare(answer, expected)
        self.learn_times()
        if isinstance(answer, RegistryError) and answer.code == "alias_moved":
            actual = self.rules.models[task, model_name].target(alias)
            assert answer.detail["actual_version"] == actual

    def govern(self, expected: Expected, call: Callable[..., Any], words: tuple[str | None, str | None]) -> None:
        self.compare(self.ask(lambda: call(actor=words[0], reason=words[1]), expected), expected)
        self.learn_times()

    @rule(task=tasks, model_name=model_names, alias=aliases, words=words, expect=expectations)
    def unalias(self, task: str, model_name: str, alias: str, words: Any, expect: Any) -> None:
        call = partial(self.registry.unalias, task, model_name, alias, **expecting(expect))
        self.govern(self.rules.unalias(task, model_name, alias, words, expect), call, words)

    @rule(task=tasks, model_name=model_names, alias=aliases, words=words, expect=expectations)
    def rollback(self, task: str, model_name: str, alias: str, words: Any, expect: Any) -> None:
        call = partial(self.registry.rollback, task, model_name, alias, **expecting(expect))
        self.govern(self.rules.rollback(task, model_name, alias, words, expect), call, words)

    @rule(task=tasks, model_name=model_names, version=versions, tags=tags, description=descriptions, words=words)
    def patch(self, task: str, model_name: str, version: str, tags: Any, description: Any, words: Any) -> None:
        said = UNSET if description is UNSAID else description
        call = partial(self.registry.patch, task, model_name, version, tags=tags, description=said)
        self.govern(self.rules.patch(task, model_name, version, tags, description, words), call, words)

    @rule(task=tasks, model_name=model_names, version=versions, key=tag_keys, value=tag_values, words=words)
    def tag(self, task: str, model_name: str, version: str, key: str, value: Any, words: Any) -> None:
        call = partial(self.registry.tag, task, model_name, version, key, value)
        self.govern(self.rules.patch(task, model_name, version, {key: value}, UNSAID, words), call, words)

    @rule(task=tasks, model_name=model_names, version=versions, stage=stages, words=words, expect=expectations)
    def stage(self, task: str, model_name: str, version: str, stage: str, words: Any, expect: Any) -> None:
        version = self.fitting(task, model_name, version, "staged" if stage == "none" else None)
        call = partial(self.registry.stage, task, model_name, version, stage, **expecting(expect))
        self.govern(self.rules.stage(task, model_name, version, stage, words, expect), call, words)

    @rule(task=tasks, model_name=model_names, version=versions, fit=st.sampled_from([None, "free"]), words=deletions)
    def delete(self, task: str, model_name: str, version: str, fit: str | None, words: Any) -> None:
        version = self.fitting(task, model_name, version, fit)
        call = partial(self.registry.delete, task, model_name, version)
        self.govern(self.rules.delete(task, model_name, version, words), call, words)

    @rule(task=tasks, model_name=model_names, version=versions, fit=st.sampled_from(["gone", "purged"]), words=words)
    def restore(self, task: str, model_name: str, version: str, fit: str | None, words: Any) -> None:
        version = self.fitting(task, model_name, version, fit)
        call = partial(self.registry.restore, task, model_name, version)
        self.govern(self.rules.restore(task, model_name, version, words), call, words)

    @rule(dry_run=st.booleans(), words=st.tuples(st.none(), st.sampled_from([None, "space"])))
    def purge(self, dry_run: bool, words: Any) -> None:
        assert self.registry.purge(3600, dry_run=dry_run).purged == []  # nothing is an hour old
        expected = self.rules.purge(words, dry_run=dry_run)
        report = self.registry.purge(0, dry_run=dry_run, actor=words[0], reason=words[1])
        assert (report.purged, report.kept) == (expected, [])
        assert (report.bytes_freed > 0) is bool(expected)
        self.learn_times()

    # what happens to the process

    @rule(task=tasks, model_name=model_names, what=st.sampled_from(["restart", "crash", "sweep"]))
    def disturb(self, task: str, model_name: str, what: str) -> None:
        if what == "crash":
            self._crash_after_the_append(task, model_name)
        elif what == "restart":
            self.registry = self.open()
            assert self.registry.recover() == []
        else:
            report = self.registry.sweep(0)
            assert (report.finished, report.kept) == ([], [])

    def _crash_after_the_append(self, task: str, model_name: str) -> None:
        """The alias document of the last event is as it was before; the next start puts it right."""
        model = self.rules.models.get((task, model_name))
        if model is None or model.events[-1]["alias"] is None or model.events[-1]["version"] is None:
            return
        key = ModelKeys(task, model_name).alias(model.events[-1]["alias"])
        earlier = [line for line in model.events[:-1] if line["alias"] == model.events[-1]["alias"]]
        now = json.loads(self.storage.documents.read(key).data)
        if earlier and earlier[-1]["version"] is not None:
            before = {**now, **earlier[-1], "updated_at": earlier[-1]["ts_utc"]}
            self.storage.documents.write(key, json.dumps(before).encode())
        else:
            self.storage.documents.delete(key)
        assert self.registry.check().findings[0].severity == "pending"
        assert self.open().recover() == [f"{task}/{model_name}"]

    # verbs that read

    @rule(task=tasks, ref=refs, verify=st.booleans())
    def read(self, task: str, ref: str, verify: bool) -> None:
        self._resolve(task, ref, verify)
        self._show(task, ref, verify)
        self._verify(task, ref)
        self._artifacts(task, ref)

    def _resolve(self, task: str, ref: str, verify: bool) -> None:
        expected = self.rules.resolve(task, ref)
        answer = self.ask(lambda: self.registry.resolve(task, ref, verify=verify), expected)
        self.compare(answer, expected)
        assert isinstance(answer, RegistryError) or answer.verified is verify

    def _show(self, task: str, ref: str, verify: bool) -> None:
        expected = self.rules.show(task, ref)
        self.compare(self.ask(lambda: self.registry.show(task, ref, verify=verify), expected), expected)

    @rule(task=tasks, ref=refs, number=st.integers(0, 40), shift=st.sampled_from([-1, 0, 0, 1]), verify=st.booleans())
    def as_of(self, task: str, ref: str, number: int, shift: int, verify: bool) -> None:
        """At the very microsecond of an event, one before it, and one after it; and long before and after all."""
        model = self.rules.models.get((task, ref.partition("@")[0]))
        moments = [line["ts_utc"] for line in model.events] if model else []
        moments += ["1999-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"]
        moment = datetime.fromisoformat(moments[number % len(moments)]) + timedelta(microseconds=shift)
        asked = moment.astimezone(timezone(timedelta(hours=number % 25 - 12))).isoformat()
        text = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        expected = self.rules.resolve(task, ref, text)
        self.compare(self.ask(lambda: self.registry.resolve(task, ref, as_of=asked, verify=verify), expected), expected)
        expected = self.rules.show(task, ref, text)
        self.compare(self.ask(lambda: self.registry.show(task, ref, as_of=moment), expected), expected)

    def _audit_verify(self, task: str, model_name: str) -> None:
        expected = self.rules.aliases(task, model_name)  # refused as any reading of a model is
        answer = self.ask(lambda: self.registry.audit_verify(task, model_name), expected)
        if not isinstance(answer, RegistryError):
            count = len(self.rules.models[task, model_name].events)
            assert answer.events == count
            assert answer.head is not None
            assert answer.head.seq == count
            self.registry.audit_verify(task, model_name, expect_head=str(answer.head))

    def _verify(self, task: str, ref: str) -> None:
        expected = self.rules.verify(task, ref)
        self.compare(self.ask(lambda: self.registry.verify(task, ref), expected), expected)

    def _artifacts(self, task: str, ref: str) -> None:
        expected = self.rules.artifacts(task, ref)
        answer = self.ask(lambda: self.registry.artifacts(task, ref), expected)
        if isinstance(answer, RegistryError):
            return
        files = {file.name: (file.sha256, file.size_bytes) for file in answer.files}
        assert list(files) == sorted(files)
        assert files.pop("model_meta.json")[1] == expected.fields["meta"]
        assert [file.name for file in answer.files if file.role == "manifest"] == ["sha256sums.txt"]
        assert files.pop("sha256sums.txt")[0] == self.registry.resolve(task, ref, verify=False).package_digest
        assert (answer.version, files) == (expected.fields["version"], expected.fields["files"])

    def _list_aliases(self, task: str, model_name: str) -> None:
        expected = self.rules.aliases(task, model_name)
        answer = self.ask(lambda: self.registry.list_aliases(task, model_name), expected)
        if isinstance(answer, RegistryError):
            return
        found = [{**alias.to_dict(), "updated_at": None} for alias in answer]
        assert found == [{**alias, "updated_at": None} for alias in expected.fields["aliases"]]

    @rule(
        task=tasks,
        model_name=model_names,
        alias=st.none() | aliases,
        version=st.none() | versions,
        event=st.sampled_from([None, None, "register", "promote", "unalias", "stage", "no such event"]),
        after=mostly(0, 0, 1, 2, 5, 10, seldom=[-1]),
        limit=mostly(1, 2, 3, 100, 1000, seldom=[0, 1001]),
    )
    def history(
        self,
        task: str,
        model_name: str,
        alias: str | None,
        version: str | None,
        event: str | None,
        after: int,
        limit: int,
    ) -> None:
        self._list_aliases(task, model_name)
        self._audit_verify(task, model_name)
        filters = {"alias": alias, "version": version, "event": event}
        expected = self.rules.history(task, model_name, filters, after, limit)
        answer = self.ask(
            lambda: self.registry.history(task, model_name, **filters, after=after, limit=limit),  # type: ignore[arg-type]
            expected,
        )
        if isinstance(answer, RegistryError):
            return
        found = [line.to_dict() for line in answer.events]
        wanted = expected.fields["events"]
        assert [{name: line[name] for name in want} for line, want in zip(found, wanted, strict=True)] == wanted
        assert answer.next == expected.fields["next"]
        times = [line["ts_utc"] for line in found]
        assert times == sorted(set(times))

    # what holds at every moment

    @invariant()
    def check_finds_nothing(self) -> None:
        report = self.registry.check()
        assert report.findings == []
        assert report.models == len(self.rules.models)
        assert report.versions == sum(len(m.versions.keys() - m.gone.keys()) for m in self.rules.models.values())
        assert report.events == sum(len(model.events) for model in self.rules.models.values())

    def teardown(self) -> None:
        for (task, model_name), model in self.rules.models.items():
            for version in model.versions:
                self.read(task, f"{model_name}@{version}", True)
            for number in range(len(model.events)):
                for alias in ("latest", "production"):
                    self.as_of(task, f"{model_name}@{alias}", number, 0, False)
            self._list_aliases(task, model_name)
        if self.root:
            remove_tree(self.root)


def expecting(expect: Any) -> dict[str, Any]:
    return {} if expect is UNSAID else {"expected_version": expect}


def _sources() -> Path:
    """The callers' directories, written once for all examples."""
    top = Path(tempfile.mkdtemp(prefix="registry-rules-", dir=memory_backed(64 * MIB)))
    for package in PACKAGES:
        write_files(top / package.name, package.files)
    (top / "with a link" / "link").symlink_to("model.pt")
    (top / "with nothing").mkdir()
    return top


def setup_module() -> None:
    Machine.sources = _sources()


def teardown_module() -> None:
    remove_tree(Machine.sources)


class OnMemory(Machine):
    def make_storage(self) -> tuple[Storage, Path | None]:
        return MemoryStorage(), None


class OnFilesystem(Machine):
    def make_storage(self) -> tuple[Storage, Path | None]:
        root = Path(tempfile.mkdtemp(prefix="registry-rules-root-", dir=memory_backed(64 * MIB)))
        return FilesystemStorage(root), root


def _case(machine: type[Machine], examples: int) -> Any:
    case = machine.TestCase
    case.settings = settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    return case


FEWER = 2 if "CI" in os.environ else 1  # the same each time
TestOnMemory = _case(OnMemory, 90 // FEWER)
TestOnFilesystem = _case(OnFilesystem, 20 // FEWER)
