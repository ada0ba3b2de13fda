"""Whom file modes bind, unlike root: sealed packages are deleted, restored and purged by their owner; unreadable
files are told from missing ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_core import PackageCorrupt, RegistryError, StorageUnavailable

from ..faults import forks
from ..support.old_registry import OldRegistry
from ..support.packages import open_registry
from . import told
from .conftest import MODEL, TASK, model_of


def as_owner(root: Path, work: Callable[[], Any]) -> forks.Outcome:
    """The work, by an ordinary user who owns the registry."""
    if os.geteuid() == 0:
        for path in [root, *root.rglob("*")]:
            os.chown(path, forks.ORDINARY_USER, forks.ORDINARY_USER, follow_symlinks=False)
    return forks.run_as_ordinary_user(work)


def test_sealed_packages_are_deleted_restored_and_purged(filled: Path) -> None:
    def work() -> None:
        registry = open_registry(filled)
        for _ in range(2):
            registry.delete(TASK, MODEL, "3", reason="wrong labels")
            told.assert_sealed(model_of(filled))
            registry.restore(TASK, MODEL, "3")
            told.assert_sealed(model_of(filled))
            assert registry.verify(TASK, f"{MODEL}@3").files_checked == 4
        registry.delete(TASK, MODEL, "3", reason="wrong labels")
        assert registry.purge(0).purged == [f"{TASK}/{MODEL}@3", f"{TASK}/{MODEL}@4"]
        assert registry.check().findings == []

    as_owner(filled, work).get()
    assert told.buried(model_of(filled)) == set()
    assert not list(model_of(filled).rglob("model.pt"))[2:]


def test_older_softwares_private_files_are_taken_over(root: Path) -> None:
    """Packages of mode 0600 in writable directories keep their modes."""
    old = OldRegistry(root).model(TASK, MODEL).version("1", mode=0o600)
    before = {path: path.stat().st_mode for path in old.package("1").rglob("*")}

    def work() -> None:
        registry = open_registry(root)
        assert registry.adopt().adopted == [f"{TASK}/{MODEL}@1"]
        registry.unalias(TASK, MODEL, "latest")
        registry.delete(TASK, MODEL, "1", reason="wrong labels")
        registry.restore(TASK, MODEL, "1")
        assert registry.verify(TASK, f"{MODEL}@1").warnings == []

    as_owner(root, work).get()
    assert {path: path.stat().st_mode for path in old.package("1").rglob("*")} == before


def test_an_unreadable_file_is_not_restored_and_not_adopted(filled: Path) -> None:
    old = OldRegistry(filled).model(TASK, MODEL).version("old", alias=None)
    (old.package("old") / "model.pt").chmod(0)
    (model_of(filled) / "deleted" / "4" / "package" / "model.pt").chmod(0)
    before = len(told.events(model_of(filled)))

    def work() -> tuple[list[dict[str, Any]], int]:
        registry = open_registry(filled)
        with pytest.raises(PackageCorrupt) as refused:
            registry.restore(TASK, MODEL, "4")
        return refused.value.detail["problems"], len(registry.adopt().refused)

    problems, refused = as_owner(filled, work).get()
    assert [(problem["path"], problem["kind"]) for problem in problems] == [("model.pt", "unreadable")]
    assert refused == 1
    assert len(told.events(model_of(filled))) == before


@pytest.mark.parametrize("name", ["state/1.json", "deleted/4/tombstone.json", "aliases/production.json"])
def test_an_unreadable_document_is_an_error_and_never_a_guess(filled: Path, name: str) -> None:
    path = model_of(filled) / name
    path.chmod(0)

    def work() -> list[str]:
        registry = open_registry(filled)
        codes = []
        for call in (
            lambda: registry.show(TASK, f"{MODEL}@1"),
            lambda: registry.tag(TASK, MODEL, "1", "key", "value"),
            lambda: registry.restore(TASK, MODEL, "4"),
            lambda: registry.rollback(TASK, MODEL, "production"),
            lambda: registry.delete(TASK, MODEL, "3", reason="r"),
        ):
            try:
                call()
                codes.append("done")
            except RegistryError as error:
                codes.append(error.code)
                assert isinstance(error, StorageUnavailable), error
                assert not error.detail.get("committed")
        return codes

    codes = as_owner(filled, work).get()
    path.chmod(0o644)
    assert "storage_unavailable" in codes
    facts = told.told(told.events(model_of(filled)))
    assert told.shown(model_of(filled)).pieces() == facts.pieces()
    assert open_registry(filled).check().findings == []
