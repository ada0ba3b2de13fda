"""What a gate looks at costs what it asks for: the files that it names, and no list of all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry_core.evidence.gates import looking
from registry_core.evidence.rules.policy_document import File, Requirement
from registry_core.evidence.rules.trust_document import EMPTY
from registry_core.storage.filesystem.tree import FilesystemStorage

from ....support.packages import write_files
from ...conftest import MODEL, TASK, Shelf
from ..governed import Governed

CARD = Requirement("card", "file", File("README.md"))


@pytest.fixture
def governed(tmp_path: Path) -> Governed:
    (tmp_path / "root").mkdir()
    shelf = Shelf(FilesystemStorage(tmp_path / "root"), tmp_path)
    files = {"README.md": b"what it is for", **{f"part-{number}.bin": b"x" for number in range(300)}}
    for version in "12":
        shelf.registry().register(TASK, MODEL, version, write_files(tmp_path / version, files), set_alias=None)
    governed = Governed(shelf)
    for version in "12":
        governed.review("ada", version=version)
        governed.measure(0.9, version=version)
    return governed


def counted(monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> list[Any]:
    """The arguments of each call of it from now on."""
    calls: list[Any] = []
    real = getattr(where, name)

    def counting(*arguments: Any) -> Any:
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(where, name, counting)
    return calls


def test_the_size_of_a_file_is_looked_at_and_no_other_files(
    governed: Governed, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = counted(monkeypatch, type(governed.shelf.storage.documents), "list")
    seen = looking.look(governed.shelf.model(), "1", [CARD], EMPTY, promoter={})
    assert seen.sizes == {"README.md": 14}
    assert listed == []
