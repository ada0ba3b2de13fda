"""A filesystem that lacks what the registry builds on is refused clearly, before anything is changed there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from registry_core import NotConfigured

from ..support.packages import open_registry
from . import forks, injection, raw

TASK, MODEL = "celltype", "pbmc"


def on(kind: str, work: Callable[[], Any]) -> Callable[[], Any]:
    """The work, on a filesystem of that kind."""

    def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name == "link" and kind == "no hard links":
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        if name == "link" and kind == "random branches":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        if name in ("chmod", "fchmod") and kind == "no modes":
            return None
        return real(*args, **kwargs)

    def watched() -> Any:
        injection.install(hook, storage=False)
        return work()

    return watched


@pytest.mark.parametrize(
    ("kind", "told"), [("no hard links", "hard links"), ("random branches", "linked"), ("no modes", "modes")]
)
def test_what_a_filesystem_lacks_is_said_before_the_first_change(
    root: Path, source: Path, kind: str, told: str
) -> None:
    open_registry(root).register(TASK, MODEL, "1", source)
    before = raw.tree(root)

    def work() -> None:
        registry = open_registry(root)
        registry.resolve(TASK, f"{MODEL}@1")  # whoever only reads needs none of it
        assert raw.tree(root) == before
        for _ in range(2):
            with pytest.raises(NotConfigured, match=told) as caught:
                registry.promote(TASK, MODEL, "production", "1")
            assert caught.value.detail["reason"] == "root_filesystem"

    forks.run(on(kind, work)).get()
    assert raw.tree(root) == before
    assert open_registry(root).promote(TASK, MODEL, "production", "1").version == "1"


def test_a_filesystem_that_tells_nothing_of_its_space_is_not_full(
    root: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=0, f_frsize=0, f_blocks=0))
    registry = open_registry(root)
    assert registry.probe() is None
    upload = registry.begin_upload(TASK, MODEL).upload_id
    assert registry.add_upload(upload, "model.pt", 10).size_bytes == 10
