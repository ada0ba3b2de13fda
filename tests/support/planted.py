"""What somebody may put into a registry's root, where it may lie, and every verb that then comes by it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from registry_core import ModelRegistry

from .packages import open_registry, write_package

TASK, MODEL = "celltype", "pbmc"
SECRET = b"the secret of another user"
LIMIT_S = 60.0
_MODEL = f"tasks/{TASK}/models/{MODEL}"

# where, whether a directory belongs there, and whether `check` names the place by its key
DIRECTORIES = [
    "tasks",
    f"tasks/{TASK}",
    f"tasks/{TASK}/models",
    _MODEL,
    f"{_MODEL}/versions",
    f"{_MODEL}/versions/1",
    f"{_MODEL}/versions/1/deep",
    f"{_MODEL}/aliases",
    f"{_MODEL}/audit",
    f"{_MODEL}/state",
    f"{_MODEL}/deleted",
    f"{_MODEL}/deleted/3",
    f"{_MODEL}/deleted/3/package",
    ".staging",
    ".staging/0123",
    ".uploads",
    ".catalog",
]
FILES = [
    ".lock",
    "registry.json",
    f"{_MODEL}/.lock",
    f"{_MODEL}/versions/1/model.pt",
    f"{_MODEL}/versions/1/model_meta.json",
    f"{_MODEL}/versions/1/sha256sums.txt",
    f"{_MODEL}/aliases/production.json",
    f"{_MODEL}/audit/promotions.jsonl",
    f"{_MODEL}/state/1.json",
    f"{_MODEL}/deleted/3/tombstone.json",
    f"{_MODEL}/deleted/3/sha256sums.txt",
    f"{_MODEL}/deleted/3/package/model.pt",
]
IN_PACKAGES = [place for place in (*DIRECTORIES, *FILES) if "/versions/1/" in place or "/3/package/" in place]


def a_link(place: Path, outside: Path, kept: Path) -> None:
    place.symlink_to(outside / ("directory" if kept.is_dir() else "file"))


def a_link_to_what_was_there(place: Path, outside: Path, kept: Path) -> None:
    place.symlink_to(kept)


def a_dangling_link(place: Path, outside: Path, kept: Path) -> None:
    place.symlink_to(outside / "nowhere")


def a_link_to_itself(place: Path, outside: Path, kept: Path) -> None:
    place.symlink_to(place.name)


def a_fifo(place: Path, outside: Path, kept: Path) -> None:
    os.mkfifo(place)


def a_socket(place: Path, outside: Path, kept: Path) -> None:
    here = os.getcwd()
    os.chdir(place.parent)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(place.name)
    finally:
        os.chdir(here)


def a_device(place: Path, outside: Path, kept: Path) -> None:
    os.mknod(place, 0o666 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero: it never ends


def the_other_kind(place: Path, outside: Path, kept: Path) -> None:
    if kept.is_dir():
        place.write_bytes(SECRET)
    else:
        place.mkdir()


Plant = Callable[[Path, Path, Path], None]
LINKS: list[Plant] = [a_link, a_link_to_what_was_there, a_dangling_link, a_link_to_itself]
THINGS: list[Plant] = [*LINKS, a_fifo, a_socket, a_device, the_other_kind]


def make_root(root: Path, source: Path) -> Path:
    """A registry with something at every place of the table."""
    root.mkdir()
    registry = open_registry(root)
    for version in "123":
        registry.register(TASK, MODEL, version, source, set_alias="latest" if version == "1" else None)
    registry.promote(TASK, MODEL, "production", "2")
    registry.tag(TASK, MODEL, "1", "owner", "ada")
    registry.delete(TASK, MODEL, "3", actor="ada", reason="wrong data")
    registry.list_models()
    (root / ".staging" / "0123" / "package").mkdir(parents=True)
    (root / ".uploads").mkdir(exist_ok=True)
    return root


def make_outside(outside: Path) -> Path:
    """Places of somebody else: a file that looks like a document, and a directory that looks like everything."""
    (outside / "directory").mkdir(parents=True)
    (outside / "directory" / ".lock").write_bytes(b"")
    for name in ("file", "directory/1", "directory/model.pt", "directory/production.json", "directory/label map.json"):
        (outside / name).write_bytes(SECRET)
    for path in (outside / "directory", outside / "file"):
        path.chmod(0o751 if path.is_dir() else 0o640)
    return outside


def plant(root: Path, where: str, thing: Plant, outside: Path) -> Path:
    """The thing is there, and what was there is beside the root."""
    place, kept = root / where, outside / "kept"
    place.rename(kept)
    thing(place, outside, kept)
    return place


@contextmanager
def in_time() -> Iterator[None]:
    """What takes longer than a registry of this size ever does is a hang."""

    def too_long(*_: Any) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _read_files(registry: ModelRegistry, selector: str) -> list[bytes]:
    read = []
    for file in registry.files(TASK, f"{MODEL}@{selector}"):
        with file.open() as reader:
            read.append(reader.read())
    return read


def _push(registry: ModelRegistry) -> Any:
    upload = registry.begin_upload(TASK, MODEL)
    registry.cancel_upload(upload.upload_id)
    return upload


Verb = Callable[[ModelRegistry, Path], Any]
READING: dict[str, Verb] = {
    "resolve": lambda registry, _: registry.resolve(TASK, f"{MODEL}@1"),
    "resolve an alias": lambda registry, _: registry.resolve(TASK, f"{MODEL}@production"),
    "resolve unverified": lambda registry, _: registry.resolve(TASK, f"{MODEL}@latest", verify=False),
    "resolve a deleted one": lambda registry, _: registry.resolve(TASK, f"{MODEL}@3"),
    "show": lambda registry, _: registry.show(TASK, f"{MODEL}@1"),
    "show verified": lambda registry, _: registry.show(TASK, f"{MODEL}@2", verify=True),
    "verify": lambda registry, _: registry.verify(TASK, f"{MODEL}@1"),
    "aliases": lambda registry, _: registry.list_aliases(TASK, MODEL),
    "history": lambda registry, _: registry.history(TASK, MODEL),
    "artifacts": lambda registry, _: registry.artifacts(TASK, f"{MODEL}@1"),
    "files": lambda registry, _: _read_files(registry, "1"),
    "files of the other": lambda registry, _: _read_files(registry, "2"),
    "snapshot": lambda registry, _: registry.snapshot(TASK, MODEL, "main"),
    "metrics": lambda registry, _: registry.metrics(TASK, f"{MODEL}@1"),
    "stated metrics": lambda registry, _: registry.stated_metrics(TASK, f"{MODEL}@1"),
    "compare": lambda registry, _: registry.compare(TASK, MODEL, ["1", "2"]),
    "audit": lambda registry, _: registry.audit_verify(TASK, MODEL),
    "models": lambda registry, _: registry.list_models(),
    "tasks": lambda registry, _: registry.list_tasks(),
    "summaries": lambda registry, _: registry.list_summaries(),
    "summary": lambda registry, _: registry.summary(TASK, MODEL),
    "versions": lambda registry, _: registry.list_versions(TASK, MODEL, metrics=("accuracy",)),
    "facets": lambda registry, _: registry.list_facets(),
    "activity": lambda registry, _: registry.activity(),
    "newest history": lambda registry, _: registry.history(TASK, MODEL, order="desc"),
    "reindex": lambda registry, _: registry.reindex(),
    "check": lambda registry, _: registry.check(),
    "sweep, dry": lambda registry, _: registry.sweep(0, dry_run=True),
    "purge, dry": lambda registry, _: registry.purge(0, dry_run=True),
}
CHANGING: dict[str, Verb] = {
    "recover": lambda registry, _: registry.recover(),
    "promote": lambda registry, _: registry.promote(TASK, MODEL, "production", "1"),
    "unalias": lambda registry, _: registry.unalias(TASK, MODEL, "production"),
    "tag": lambda registry, _: registry.tag(TASK, MODEL, "1", "owner", "bob"),
    "patch": lambda registry, _: registry.patch(TASK, MODEL, "1", description="other"),
    "archive": lambda registry, _: registry.stage(TASK, MODEL, "1", "archived"),
    "register": lambda registry, source: registry.register(TASK, MODEL, "4", source),
    "register elsewhere": lambda registry, source: registry.register("tissue", "lung", "1", source),
    "push": lambda registry, _: _push(registry),
    "restore": lambda registry, _: registry.restore(TASK, MODEL, "3"),
    "delete": lambda registry, _: registry.delete(TASK, MODEL, "1", actor="ada", reason="wrong"),
    "adopt": lambda registry, _: registry.adopt(),
    "sweep": lambda registry, _: registry.sweep(0),
    "purge": lambda registry, _: registry.purge(0),
}


@contextmanager
def copied(template: Path, to: Path) -> Iterator[Path]:
    """The registry once more, removed at the end whatever lies in it."""
    shutil.copytree(template, to, symlinks=True)
    try:
        yield to
    finally:
        for directory, _, _ in os.walk(to):
            with suppress(OSError):
                os.chmod(directory, 0o755)
        shutil.rmtree(to, ignore_errors=True)


def make_source(top: Path) -> Path:
    return write_package(top)
