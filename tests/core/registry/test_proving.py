"""Raw lines: byte for byte, a page at a time, for those who are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import InvalidParameter, ModelNotFound, ModelRegistry, PermissionDenied
from registry_core.access.roles import Role
from registry_core.storage.memory.root import MemoryStorage
from registry_core.verbs import raw_lines

from ...support.packages import open_registry, write_package
from .guarded import OWN, PEOPLE, PUBLIC, House, house


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    registry = open_registry(tmp_path / "root")
    for version in ("1", "2"):
        registry.register("t", "m", version, write_package(tmp_path / version), idempotency_key=f"key {version}")
    registry.promote("t", "m", "production", "1", actor="Zoë")
    return tmp_path / "root"


def journal(root: Path) -> Path:
    return root / "tasks/t/models/m/audit/promotions.jsonl"


def all_lines(registry: ModelRegistry, limit: int) -> list[bytes]:
    found, after = list[bytes](), 0
    while True:
        page = registry.journal_lines("t", "m", after=after, limit=limit)
        found += page.lines
        if page.next is None:
            return found
        assert page.next == after + len(page.lines) > after
        after = page.next


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_the_pages_together_are_the_journal_byte_for_byte(root: Path, limit: int) -> None:
    older = b'{"alias": "a", "version": "0"}\n\xff\xfe no JSON\n'
    journal(root).write_bytes(older + journal(root).read_bytes())
    registry = open_registry(root)
    assert b"".join(line + b"\n" for line in all_lines(registry, limit)) == journal(root).read_bytes()


def test_a_page_of_large_lines_ends_early(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_lines, "PAGE_BYTES", 600)
    registry = open_registry(root)
    first = registry.journal_lines("t", "m")
    assert 1 <= len(first.lines) < 3
    assert b"".join(line + b"\n" for line in all_lines(registry, 1000)) == journal(root).read_bytes()


@pytest.mark.parametrize("asked", [{"limit": 0}, {"limit": 1001}, {"after": -1}, {"after": 1 << 63}])
def test_what_cannot_be_a_page_is_refused(root: Path, asked: dict[str, int]) -> None:
    with pytest.raises(InvalidParameter):
        open_registry(root).journal_lines("t", "m", **asked)


def test_a_model_is_named_whole_or_not_at_all(root: Path) -> None:
    for names in (("t", None), (None, "m")):
        with pytest.raises(InvalidParameter):
            open_registry(root).journal_lines(*names)
    with pytest.raises(ModelNotFound):
        open_registry(root).journal_lines("t", "none")
    assert open_registry(root).journal_lines().lines == []


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> House:
    return house(MemoryStorage(), tmp_path_factory.mktemp("ruled"))


@pytest.mark.parametrize("who", PEOPLE)
def test_raw_lines_name_people_so_nobody_is_shown_them_and_others_those_of_what_they_may_read(
    ruled: House, who: str
) -> None:
    view = ruled.as_(who)
    if who in ("anonymous", "left"):
        refused = (PermissionDenied,) if who == "anonymous" else (PermissionDenied, ModelNotFound)
        for task in (PUBLIC, OWN):
            with pytest.raises(refused):
                view.journal_lines(task, "m")
    else:
        assert view.journal_lines(PUBLIC, "m").lines
    if who in list(Role) or who == "chief":
        assert view.journal_lines(OWN, "m").lines
    if who == "chief":
        assert view.journal_lines().lines, "the registry's own"
    else:
        with pytest.raises(PermissionDenied):
            view.journal_lines()
