"""What a verb waits for of the disk: each thing that a power cut must not take is synced once, and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core.packages.sources import BytesSource
from registry_core.storage.filesystem.tree import FilesystemStorage

from . import forks, injection, test_kill, test_kill_lifecycle

MODEL = "tasks/celltype/models/pbmc"
SYNCS = {"fsync", "fdatasync", "syncfs"}


def synced(root: Path, work: Callable[[], Any]) -> list[str]:
    """The places below the root that the work syncs, in order; what has a random name is ``*``."""

    def watch() -> list[str]:
        places: list[str] = []

        def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name in SYNCS:
                place = os.path.relpath(os.readlink(f"/proc/self/fd/{args[0]}"), root)
                places.append(re.sub("[0-9a-f]{32}", "*", place))
            return real(*args, **kwargs)

        injection.install(hook, storage=False)
        work()
        return places

    return forks.run(watch).get()  # type: ignore[no-any-return]


REGISTERED = [
    *(f".staging/*/package/{name}" for name in ("model.pt", "deep/er/label map.json", "empty")),
    *(f".staging/*/package/{name}" for name in ("model_meta.json", "sha256sums.txt", "deep/er", "deep")),
    *(".staging/*/package", ".staging/*", ".staging", "."),  # each has the entry of the one before
    ".staging/*.doc",
    f"{MODEL}/audit/promotions.jsonl",
    *(f"{MODEL}/versions", f"{MODEL}/versions/2", f"{MODEL}/aliases"),  # moved, read-only, named
]
NEW_MODEL = [".", "tasks", "tasks/celltype", "tasks/celltype/models", *[MODEL] * 3, f"{MODEL}/audit"]
ROOT_ID = [".", ".staging/*.doc", "."]  # .staging itself, and registry.json


def of_a_document(directory: str) -> list[str]:
    return [".staging/*.doc", f"{MODEL}/audit/promotions.jsonl", f"{MODEL}/{directory}"]


@pytest.mark.parametrize("name", ["promote-moves-alias", "promote-makes-alias"])
def test_a_promote_waits_for_the_document_the_event_and_the_entry(area: Path, name: str) -> None:
    sweep = test_kill.Sweep.make(name, area)
    root = sweep.fresh()
    assert synced(root, lambda: sweep.change.run(root, sweep.source)) == of_a_document("aliases")


def test_a_registration_waits_for_its_own_files_and_their_entries(area: Path) -> None:
    sweep = test_kill.Sweep.make("register-next-version", area)
    root = sweep.fresh()
    assert synced(root, lambda: sweep.change.run(root, sweep.source)) == REGISTERED


def test_the_first_of_a_root_waits_for_each_new_directory_too(area: Path) -> None:
    sweep = test_kill.Sweep.make("register-new-model", area)
    root = sweep.fresh()
    here = synced(root, lambda: sweep.change.run(root, sweep.source))
    expected = [place.replace("versions/2", "versions/1") for place in REGISTERED]
    assert sorted(here) == sorted([*expected, *NEW_MODEL, *ROOT_ID])


DOCUMENTS = {
    **dict.fromkeys(("tag-first", "tag-next", "patch", "stage-archived"), of_a_document("state")),
    "rollback": of_a_document("aliases"),
    "unalias": of_a_document("aliases")[1:],
    "stage-none": [*of_a_document("aliases"), f"{MODEL}/state"],
    "stage-staging": [".staging/*.doc", *of_a_document("aliases"), f"{MODEL}/state"],
    "stage-production": [".staging/*.doc", *of_a_document("aliases"), f"{MODEL}/state"],
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_changes_documents_waits_for_them_and_the_event(area: Path, name: str) -> None:
    sweep = test_kill_lifecycle.Sweep.make(name, area)
    root = sweep.fresh()
    assert synced(root, lambda: sweep.run(root)) == DOCUMENTS[name]


# The next change after a delete or a purge makes sure of its moves: nothing tells whether they are on the disk.
MOST = {"delete": 10, "delete-again": 11, "delete-old": 9, "restore": 8, "purge": 6, "adopt": 4}


@pytest.mark.parametrize("name", MOST)
def test_what_moves_packages_waits_for_no_more_than_it_did(area: Path, name: str) -> None:
    sweep = test_kill_lifecycle.Sweep.make(name, area)
    root = sweep.fresh()
    assert len(synced(root, lambda: sweep.run(root))) <= MOST[name]


def test_every_verb_of_the_kill_sweeps_is_here() -> None:
    assert {*DOCUMENTS, *MOST} == set(test_kill_lifecycle.CHANGES)


def test_staging_that_nobody_has_synced_is_synced_by_a_registration(area: Path) -> None:
    """A draft may lie in it already, so that it is not empty; the bytes that the event names must not go with it."""
    sweep = test_kill.Sweep.make("register-next-version", area)
    root = sweep.fresh()
    (root / ".staging" / "0123456789abcdef0123456789abcdef.doc").write_bytes(b"a draft")
    assert "." in synced(root, lambda: sweep.change.run(root, sweep.source))


def test_what_is_sealed_and_not_published_can_be_given_up_by_everybody(area: Path) -> None:
    """Below the package directories are read-only before the event, so that nothing is left to do there after it."""
    root = area / "root"
    root.mkdir(mode=0o777)
    root.chmod(0o777)

    def give_up() -> list[str]:
        with FilesystemStorage(root).packages.stage("tasks/t/models/m/versions/1") as staging:
            staging.add("deep/er/file", BytesSource(b"bytes"))
            staging.seal()
        return os.listdir(root / ".staging")

    assert forks.run_as_ordinary_user(give_up).get() == []
