"""Every file of a real registry damaged in every way, and what the registry says then.

For each kind of file and each way: a fresh copy of the registry is damaged, asked what it was asked before, and
checked. What may not be: an exception without a type, an answer that never comes, an answer that differs from the one
before and neither is an error nor has a warning, and damage that ``check`` does not name.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from flask import Flask

from app import create_app
from app.config import Settings
from registry_core import CoreSettings, ModelRegistry, NotFound, RegistryError, Warned

from ..support.machine import remove_tree
from ..support.old_registry import OldRegistry
from ..support.packages import open_registry, write_files
from . import forks

PATIENCE_S = 60  # for all questions together, which take less than a second
UNTYPED, WRONG, HANG, UNNAMED = "untyped", "wrong", "hang", "unnamed"


# the registry


@dataclass(frozen=True)
class Made:
    """The undamaged registry, and the service over its copy. ``kinds``: kind -> its files, relative to the root."""

    root: Path
    source: Path
    upload: str
    operation: str
    app: Flask
    kinds: dict[str, list[str]]


KINDS = {
    "registry.json": "registry.json",
    "journal": "tasks/t/models/*/audit/promotions.jsonl",
    "alias": "tasks/t/models/*/aliases/*.json",
    "state": "tasks/t/models/*/state/*.json",
    "tombstone": "tasks/t/models/*/deleted/*/tombstone.json",
    "kept manifest": "tasks/t/models/*/deleted/*/sha256sums.txt",
    "deleted artifact": "tasks/t/models/*/deleted/*/package/model.pt",
    "deleted manifest": "tasks/t/models/*/deleted/*/package/sha256sums.txt",
    "artifact": "tasks/t/models/m/versions/1/deep/label map.json",
    "metadata": "tasks/t/models/m/versions/[12]/model_meta.json",
    "metrics": "tasks/t/models/m/versions/1/metrics.json",
    "manifest": "tasks/t/models/m/versions/[12]/sha256sums.txt",
    "lock": "tasks/t/models/*/.lock",
    "older journal": "tasks/older/models/*/audit/promotions.jsonl",
    "older alias": "tasks/older/models/*/aliases/*.json",
    "older artifact": "tasks/older/models/*/versions/1/model.pt",
    "older metadata": "tasks/older/models/*/versions/1/model_meta.json",
    "older manifest": "tasks/older/models/*/versions/1/sha256sums.txt",
    "baseline": "tasks/older/models/*/adopted/*.txt",
    "upload session": ".uploads/*/session.json",
    "upload announced": ".uploads/*/announced.json",
    "upload files": ".uploads/*/files.jsonl",
    "upload data": ".uploads/*/data/*",
    "operation": ".operations/*.json",
    "catalogue": ".catalog/*.sqlite",
}


def make(area: Path) -> Made:
    """Two models with all that a model can have, one of older software and one that was adopted, and work under way."""
    root = area / "root"
    root.mkdir()
    old = OldRegistry(root)
    old.model("older", "plain").version("1").version("2", alias=None).tag("1", "tissue", "blood")
    registry = open_registry(root)
    registry.adopt(actor="ada")
    old.model("older", "later").version("1").version("2", alias="production")
    source = write_files(
        area / "source",
        {"model.pt": bytes(range(256)) * 4, "deep/label map.json": b'{"0": "B"}', "metrics.json": b'{"f1": 0.5}'},
    )
    for model in ("m", "n"):
        for version in ("1", "2", "3", "4", "5", "6"):
            (source / "model.pt").write_bytes(f"{model} {version} ".encode() * 100)
            registry.register("t", model, version, source, {"note": version}, set_alias=None, actor="ada")
        registry.promote("t", model, "latest", "2", actor="ada", reason="better")
        registry.promote("t", model, "production", "1", actor="grace", reason="reviewed")
        registry.promote("t", model, "production", "2", actor="grace", reason="reviewed again")
        registry.tag("t", model, "1", "tissue", "blood")
        registry.patch("t", model, "2", description="two donors", tags={"k": 1})
        registry.stage("t", model, "3", "archived", reason="wrong labels")
        registry.delete("t", model, "5", reason="too old", actor="ada")
        registry.purge(0)
        registry.delete("t", model, "4", reason="not good", actor="ada")
        registry.delete("t", model, "6", reason="by mistake")
        registry.restore("t", model, "6", reason="it was good")
    upload = _upload(registry)
    operation, running = registry.begin_operation("verify", {"ref": "m@1"})
    assert running is not None
    running.run(lambda _: {"version": "1"}, lambda error: {"code": str(error)})
    registry.reindex()
    kinds = {kind: sorted(str(path.relative_to(root)) for path in root.glob(glob))[:2] for kind, glob in KINDS.items()}
    assert all(kinds.values()), kinds
    # It opens its root when it is first asked, which is in another process for each copy.
    app = create_app(Settings(core=settings_of(area / COPY)))
    return Made(root, source, upload, operation.operation_id, app, kinds)


def settings_of(root: Path) -> CoreSettings:
    """Lists look at the registry each time, so that what they say does not depend on the moment."""
    return CoreSettings(root=str(root), workers=1, catalog_refresh_s=0.0)


def _upload(registry: ModelRegistry) -> str:
    declared = [{"path": name, "size_bytes": 4, "sha256": "0" * 64} for name in ("whole", "half")]
    upload = registry.begin_upload("t", "m", declared).upload_id
    for name, data in (("whole", b"1234"), ("half", b"12")):
        file = registry.add_upload(upload, name, 4)
        registry.receive(upload, file.file_id, 0, _Bytes(data))
    return upload


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def readinto(self, view: memoryview) -> int:
        part, self._data = self._data[: len(view)], self._data[len(view) :]
        view[: len(part)] = part
        return len(part)


COPY = "copy"
# Working space and what can be made anew: no damage of it is any version's, and nobody checks it.
HELD_BY_ITSELF = {kind for kind in KINDS if kind.startswith(("upload", "operation", "catalogue", "lock"))}


# What has arrived is what lies there, and what nobody can read of it is sent again: these may answer otherwise.
UPLOAD, OPERATION = "the upload", "the operation"
WORK = {kind: UPLOAD if kind.startswith("upload") else OPERATION for kind in HELD_BY_ITSELF - {"catalogue", "lock"}}


# the ways


@dataclass(frozen=True)
class Patient:
    """The file that is damaged; ``other`` is one of its kind, or of any, ``outside`` one that is not in the root."""

    path: Path
    other: Path
    outside: Path
    draw: random.Random

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()

    def put(self, data: bytes) -> None:
        self.path.write_bytes(data)

    def replace(self, make: Callable[[Path], object]) -> None:
        self.path.unlink()
        make(self.path)

    def flip(self, at: int) -> None:
        data = bytearray(self.data)
        data[at] ^= 1 << self.draw.randrange(7)
        self.put(bytes(data))

    def edit(self, *changes: tuple[bytes, bytes]) -> None:
        """In its last line, as somebody with an editor would."""
        before, newline, last = self.data.rstrip(b"\n").rpartition(b"\n")
        for old, new in changes:
            last = last.replace(old, new)
        self.put(before + newline + last + b"\n")

    def lines(self, change: Callable[[list[bytes]], list[bytes]]) -> None:
        self.put(b"".join(change(self.data.splitlines(keepends=True))))

    def swap(self) -> None:
        mine, others = self.data, self.other.read_bytes()
        self.put(others)
        if self.other.name == self.path.name:
            self.other.write_bytes(mine)


WAYS: dict[str, Callable[[Patient], object]] = {
    "empty": lambda one: one.put(b""),
    "half": lambda one: one.put(one.data[: len(one.data) // 2]),
    "last line cut": lambda one: one.lines(lambda lines: lines[:-1]),
    "last line torn": lambda one: one.put(one.data[:-10]),
    "first line cut": lambda one: one.lines(lambda lines: lines[1:]),
    "last line twice": lambda one: one.lines(lambda lines: [*lines, *lines[-1:]]),
    "lines swapped": lambda one: one.lines(lambda lines: [*lines[1:2], *lines[:1], *lines[2:]]),
    "byte flipped": lambda one: one.flip(one.draw.randrange(len(one.data))),
    "first byte flipped": lambda one: one.flip(0),
    "last byte flipped": lambda one: one.flip(len(one.data) - 2),
    "zeroed": lambda one: one.put(bytes(len(one.data))),
    "NUL tail": lambda one: one.put(one.data + bytes(512)),
    "tail zeroed": lambda one: one.put(one.data[:-20] + bytes(20)),
    "garbage behind": lambda one: one.put(one.data + b"\x80garbage\n"),
    "null": lambda one: one.put(b"null\n"),
    "an empty object": lambda one: one.put(b"{}\n"),
    "deleted": lambda one: one.path.unlink(),
    "a directory": lambda one: one.replace(lambda path: path.mkdir()),
    "a link outside": lambda one: one.replace(lambda path: path.symlink_to(one.outside)),
    "a link to itself": lambda one: one.replace(lambda path: path.symlink_to(path.name)),
    "a link to another": lambda one: one.replace(lambda path: path.symlink_to(one.other)),
    "a FIFO": lambda one: one.replace(lambda path: os.mkfifo(path)),
    "unreadable": lambda one: one.path.chmod(0),
    "another's": lambda one: one.swap(),
    "another version": lambda one: one.edit(
        (b'"version": "1"', b'"version": "3"'), (b'"version": "2"', b'"version": "1"')
    ),
    "later than now": lambda one: one.edit((b'"2026-', b'"2199-'), (b'"2024-', b'"2199-'), (b'"2025-', b'"2199-')),
    "wrong seq": lambda one: one.edit((b'"seq":1', b'"seq":7'), (b'"seq": 1', b'"seq": 9')),
}


# the questions


def questions(made: Made, root: Path, registry: ModelRegistry) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(title, call); those that change something come last, and ask for what must be refused or is known."""
    for model, selectors in (("m", ("1", "2", "3", "4", "5", "6", "latest", "production")), ("n", ("1", "latest"))):
        for selector in selectors:
            yield from _of_ref(registry, "t", model, selector)
    for model in ("plain", "later"):
        for selector in ("1", "latest"):
            yield from _of_ref(registry, "older", model, selector)
    for task, model in (("t", "m"), ("t", "n"), ("older", "plain"), ("older", "later")):
        for verb in ("list_aliases", "history", "audit_verify"):
            yield (
                f"{verb} {task}/{model}",
                lambda verb=verb, task=task, model=model: getattr(registry, verb)(task, model),
            )
    yield "compare", lambda: registry.compare("t", "m", ["1", "2"])
    for moment in ("2024-03-01T12:00:00Z", "2100-01-01T00:00:00Z"):
        for ref in ("m@production", "m@latest"):
            yield f"resolve {ref} {moment}", lambda ref=ref, moment=moment: registry.resolve("t", ref, as_of=moment)
        yield f"older at {moment}", lambda moment=moment: registry.show("older", "later@latest", as_of=moment)
    yield "file", lambda: _read(registry, "t", "m@1", "deep/label map.json")
    yield "files", lambda: [(file.path, file.sha256) for file in registry.files("t", "m@latest")]
    yield "commits", lambda: registry.hub_commits("t", "m")
    yield UPLOAD, lambda: registry.upload(made.upload)
    yield OPERATION, lambda: registry.operation(made.operation)
    yield "tasks", lambda: registry.list_tasks()
    yield "summaries", lambda: registry.list_summaries()
    yield "summary", lambda: registry.summary("t", "m")
    yield "versions of m", lambda: registry.list_versions("t", "m", metrics=("accuracy",))
    yield "facets", lambda: registry.list_facets()
    yield "activity", lambda: _activity(registry)
    yield "newest history", lambda: registry.history("t", "m", order="desc")
    for filters in ({}, {"task": "t"}, {"tags": ["tissue:blood"]}, {"stage": "archived"}, {"text": "donors"}):
        yield f"models {filters}", lambda filters=filters: registry.list_models(**filters)
    yield "events", lambda: _events(registry)
    yield from _over_http(made, root)
    for version in ("1", "4", "5"):
        yield f"register {version}", lambda version=version: registry.register("t", "m", version, made.source, {"x": 1})
    for title, change in (
        ("promote nothing", lambda: registry.promote("t", "m", "production", "9")),
        ("promote expecting", lambda: registry.promote("t", "m", "production", "3", expected_version="1")),
        ("unalias expecting", lambda: registry.unalias("t", "n", "latest", expected_version="1")),
        ("delete in use", lambda: registry.delete("t", "m", "2", reason="no")),
        ("restore purged", lambda: registry.restore("t", "m", "5")),
        ("restore", lambda: registry.restore("t", "n", "4")),
        ("restore another", lambda: registry.restore("t", "m", "4")),
        ("tag", lambda: registry.tag("t", "m", "1", "k", "v")),
        ("rollback", lambda: registry.rollback("t", "m", "production")),
    ):
        # Its number depends on which changes before it were refused.
        yield title, lambda change=change: {**change().to_dict(), "seq": None}


def _of_ref(registry: ModelRegistry, task: str, model: str, selector: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    ref = f"{model}@{selector}"
    yield f"resolve {ref}", lambda: registry.resolve(task, ref, verify=False)
    yield f"resolve proven {ref}", lambda: registry.resolve(task, ref)
    yield f"show {ref}", lambda: registry.show(task, ref)
    yield f"artifacts {ref}", lambda: registry.artifacts(task, ref)
    yield f"metrics {ref}", lambda: registry.metrics(task, ref)


def _read(registry: ModelRegistry, task: str, ref: str, path: str) -> Any:
    file = registry.file(task, ref, path)
    with file.open() as reader:
        data = reader.read(1000)
    return [file.sha256, len(data) > 0]


def _events(registry: ModelRegistry) -> Warned[Any]:
    found = registry.events("", 1000)
    events = sorted((item.event for item in found), key=lambda event: (event.task, event.model_name, event.seq))
    return Warned(events, found.warnings)  # their order is that in which they became known


def _activity(registry: ModelRegistry) -> Warned[Any]:
    found = registry.activity(limit=1000)
    events = sorted(found.events, key=lambda event: (event.task, event.model_name, event.seq))
    return Warned(events, found.warnings)  # their order is that of their times


def _over_http(made: Made, root: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    client = made.app.test_client()
    for path in (
        "/health/ready",
        "/v1/resolve?task=t&ref=m@production",
        "/v1/show?task=t&ref=m@2",
        "/v1/aliases?task=t&model=m",
        "/v1/history?task=t&model=m",
        "/v1/models?limit=1000",
        "/v1/tasks",
        "/v1/files/t/m/1/deep/label%20map.json",
        "/v1/archive/t/m/1",
        "/hf/api/models/t/m?blobs=1",
        "/hf/api/models/t/m/refs",
    ):
        yield f"GET {path}", lambda path=path: client.get(path)
    yield f"GET {UPLOAD}", lambda: client.get(f"/v1/uploads/{made.upload}")
    yield f"GET {OPERATION}", lambda: client.get(f"/v1/operations/{made.operation}")


CHANGING_WITH_TIME = {"duration_s", "updated_at", "changed_at", "ts_utc", "expires_at", "free_bytes", "next"}
CHANGING_WITH_TIME |= {"attempt", "prev", "catalog"}
# What lies there is as large as it is; whether it should be tell the digests beside it, which whoever takes it proves.
SIZES = {"size_bytes", "sizes", "bytes", "size", "usedStorage"}


@dataclass(frozen=True)
class Said:
    """What came of a question. ``code`` is that of an error, ``value`` an answer, to be compared and printed."""

    code: str | None
    value: str
    warns: bool = False
    is_not_found: bool = False


def ask(call: Callable[[], Any], root: Path) -> Said:
    try:
        answer = call()
    except RegistryError as error:
        return Said(error.code, error.message, is_not_found=isinstance(error, NotFound))
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return Said(UNTYPED, f"{type(error).__name__}: {error}"[:200])
    if hasattr(answer, "status_code"):
        return _of_response(answer, root)
    plain = [_plain(one) for one in answer] if isinstance(answer, list) else _plain(answer)
    warnings = plain.get("warnings") if isinstance(plain, dict) else getattr(answer, "warnings", None)
    return Said(None, _text(plain, root), bool(warnings))


def _of_response(answer: Any, root: Path) -> Said:
    try:
        body = answer.get_data()
    except RegistryError as error:  # after its head was sent: the connection breaks off, which whoever reads notices
        return Said(error.code, error.message)
    answer.close()
    if "json" not in answer.content_type:
        return Said(None if answer.status_code < 400 else UNTYPED, str(answer.headers.get("ETag")))
    found = json.loads(body)
    if answer.status_code < 400:
        warns = "X-Warnings" in answer.headers or (isinstance(found, dict) and bool(found.get("warnings")))
        return Said(None, _text(found, root), warns)
    code = UNTYPED if answer.status_code == 500 else found["code"]
    return Said(code, found["detail"], is_not_found=answer.status_code == 404)


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _text(value: Any, root: Path) -> str:
    def still(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: still(one) for name, one in part.items() if name not in CHANGING_WITH_TIME | SIZES}
        return [still(one) for one in part] if isinstance(part, list | tuple) else part

    return json.dumps(still(value), sort_keys=True, default=repr).replace(str(root), "ROOT")


def examined(made: Made, root: Path) -> tuple[set[str], dict[str, Said]]:
    """(what ``check`` finds, what each question gets), by somebody whom file modes bind and who waits not for ever."""

    def work() -> tuple[set[str], dict[str, Said]]:
        signal.alarm(PATIENCE_S)
        forks.obey_modes()
        try:
            registry = ModelRegistry.open(settings=settings_of(root))
            found = {f"{one.where}: {one.message}" for one in registry.check().findings}
        except RegistryError as error:
            return {error.message}, {title: ask(call, root) for title, call in _over_http(made, root)}
        return found, {title: ask(call, root) for title, call in questions(made, root, registry)}

    return forks.run(work).get()  # type: ignore[no-any-return]


# the verdict


@dataclass(frozen=True)
class Truth:
    """What the undamaged registry says."""

    made: Made
    area: Path
    findings: set[str]
    said: dict[str, Said]


def truth_of(area: Path) -> Truth:
    made = make(area)
    with copied(made, area / COPY) as root:
        findings, said = examined(made, root)
    assert not [title for title, one in said.items() if one.code == UNTYPED], said
    return Truth(made, area, findings, said)


@contextmanager
def copied(made: Made, root: Path) -> Iterator[Path]:
    """A copy of the registry, to be damaged."""
    shutil.copytree(made.root, root, symlinks=True)
    try:
        yield root
    finally:
        remove_tree(root)


def damage(truth: Truth, root: Path, file: str, way: str) -> bool:
    """Whether there was something to damage."""
    kind = next(files for files in truth.made.kinds.values() if file in files)
    others = [other for other in (*kind, *truth.made.kinds["journal"]) if other != file]
    path = root / file
    before = path.read_bytes()
    for place in (path.parent, path, root / others[0]):
        place.chmod(place.stat().st_mode | 0o200)
    outside = root.parent / "outside"
    outside.write_bytes(before[:-3] + b"x" + before[-2:])
    with suppress(IndexError, ValueError):  # an empty file has no byte to flip
        WAYS[way](Patient(path, root / others[0], outside, random.Random(f"{file} {way}")))
    changed = not path.is_file() or path.is_symlink() or way == "unreadable" or path.read_bytes() != before
    return changed


def symptoms(truth: Truth, kind: str, way: str) -> dict[str, str]:
    """Symptom -> an example of it, over all files of the kind."""
    found: dict[str, str] = {}
    for file in truth.made.kinds[kind]:
        with copied(truth.made, truth.area / COPY) as root:
            if not damage(truth, root, file, way):
                continue
            try:
                findings, said = examined(truth.made, root)
            except AssertionError as error:  # it was killed by its alarm
                found[HANG] = f"{file}: {error}"
                break
        if (
            kind not in HELD_BY_ITSELF
            and not findings - truth.findings
            and not any(_names(truth.said[title], one) for title, one in said.items())
        ):
            found[UNNAMED] = file
        for title, one in said.items():
            if one.code == UNTYPED:
                found.setdefault(UNTYPED, f"{file}: {title}: {one.value}")
            elif WORK.get(kind, "-") not in title and is_wrong(truth.said[title], one):
                found.setdefault(WRONG, f"{file}: {title}: {truth.said[title]} became {one}")
    return found


def _names(before: Said, now: Said) -> bool:
    """``check`` reads no artifact: what is only in one is named by whoever proves it."""
    return before.code is None and now.code in ("package_corrupt", "holding_damaged")


def is_wrong(before: Said, now: Said) -> bool:
    """Whether somebody who believes the answer believes something that is not so."""
    if now.code is None:
        return (now.value != before.value or before.code is not None) and not now.warns
    # That nothing is there is an answer, too.
    return now.is_not_found and before.code is None
