"""What a gate looks at costs what it asks for: one opened journal, each line understood once, and no list of files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from registry_core.evidence.gates import looking
from registry_core.evidence.rules.policy_document import File, NotArchived, Requirement
from registry_core.evidence.rules.trust_document import EMPTY
from registry_core.models import journal as journals
from registry_core.storage.filesystem.beneath import Place
from registry_core.storage.filesystem.tree import FilesystemStorage

from ....support.packages import write_files
from ...conftest import MODEL, TASK, Shelf
from ..governed import Governed

USABLE = Requirement("usable", "not_archived", NotArchived())
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


def test_the_journal_is_opened_once_and_each_line_of_it_understood_once(
    governed: Governed, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = governed.shelf.model()
    model.registered("1")  # as whoever judges has it by then
    opened = counted(monkeypatch, Place, "open")
    parsed = counted(monkeypatch, journals, "parse_line")
    seen = looking.look(model, "1", [USABLE], EMPTY, promoter={})
    assert [one.seq for one in seen.evidence.attestations] == [3, 4]
    assert [place.key for place, *_ in opened].count(model.keys.journal) == 1
    # The register event is found by what it says of the version's evidence, and as what was set about it last.
    assert sorted(Counter(raw for _, raw in parsed).values()) == [1, 1, 2]


def test_the_size_of_a_file_is_looked_at_and_no_other_files(
    governed: Governed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor the baseline that only an adopted version has."""
    model = governed.shelf.model()
    opened = counted(monkeypatch, Place, "open")
    listed = counted(monkeypatch, type(governed.shelf.storage.documents), "list")
    seen = looking.look(model, "1", [CARD], EMPTY, promoter={})
    assert seen.sizes == {"README.md": 14}
    assert listed == []
    assert [place.key for place, *_ in opened if place.key != model.keys.journal] == [
        f"{model.keys.package('1')}/sha256sums.txt"
    ]
