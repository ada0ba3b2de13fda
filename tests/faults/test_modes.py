"""Who may do what to the files of a root: whatever the umask, nobody whom no group lets in may write to one."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from registry_core import NotFound

from ..support import planted
from . import forks, injection

WORLD = 0o002
BY_HAND = {"0123", "package", ".uploads"}  # the table of places makes them


def made_by_every_verb(root: Path, source: Path, umask: int) -> dict[str, int]:
    """Place -> mode of all that was made for a registry, as it was made and as it is at the end."""

    def work() -> dict[str, int]:
        os.umask(umask)
        found: dict[str, int] = {}

        def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            result = real(*args, **kwargs)
            if name == "mkdir" or (name == "open" and args[1] & os.O_CREAT):
                path = injection.named(name, args, kwargs)[0]
                found[f"{path} when it was made"] = os.lstat(path).st_mode
            return result

        planted.make_root(root, source)
        injection.install(hook, storage=False)
        for verb in {**planted.READING, **planted.CHANGING}.values():
            with suppress(NotFound):
                verb(planted.open_registry(root), source)
        found.update({str(path): path.lstat().st_mode for path in root.rglob("*") if path.name not in BY_HAND})
        return found

    return forks.run(work).get()  # type: ignore[no-any-return]


@pytest.mark.parametrize("umask", [0, 0o002, 0o022, 0o077], ids=oct)
def test_nothing_in_a_root_can_be_written_by_everybody(area: Path, umask: int) -> None:
    root = area / "root"
    found = made_by_every_verb(root, planted.make_source(area / "source"), umask)
    assert len(found) > 50, "the hook sees nothing"
    assert not {path: oct(mode) for path, mode in found.items() if mode & WORLD}
    journal = found[str(root / "tasks" / planted.TASK / "models" / planted.MODEL / "audit" / "promotions.jsonl")]
    assert stat.S_IMODE(journal) == 0o664 & ~umask, "a group is let in as ever"
    assert stat.S_IMODE(found[str(root / ".staging")]) == 0o775 & ~umask
