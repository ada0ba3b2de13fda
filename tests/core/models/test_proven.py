"""What was proven once is not read again; what follows it is proven, and what stands in its place is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core.format.layout import REGISTRY_JOURNAL
from registry_core.models.proven import Unproven, proven, proven_news
from registry_core.storage.filesystem.tree import FilesystemStorage

from .test_registry_journal import commit, journal_of


def test_only_what_is_new_is_given(tmp_path: Path) -> None:
    journal = journal_of(FilesystemStorage(tmp_path))
    commit(journal)
    (first,) = proven(journal, journal.journal.lines())
    assert proven_news(journal, first) == []
    commit(journal)
    commit(journal)
    found = proven_news(journal, first)
    assert found is not None
    assert [line.seq for line in found] == [2, 3]
    assert proven_news(journal, found[-1]) == []


def test_another_end_in_its_place_is_proven_anew(tmp_path: Path) -> None:
    journal = journal_of(FilesystemStorage(tmp_path))
    commit(journal)
    (end,) = proven(journal, journal.journal.lines())
    log = tmp_path / REGISTRY_JOURNAL
    log.write_bytes(log.read_bytes().replace(b"first", b"later"))
    assert proven_news(journal, end) is None
    log.unlink()
    assert proven_news(journal, end) is None


def test_what_follows_is_proven(tmp_path: Path) -> None:
    journal = journal_of(FilesystemStorage(tmp_path))
    commit(journal)
    (end,) = proven(journal, journal.journal.lines())
    before = (tmp_path / REGISTRY_JOURNAL).read_bytes()
    commit(journal)
    commit(journal)
    log = tmp_path / REGISTRY_JOURNAL
    after = log.read_bytes()
    log.write_bytes(before + after[len(before) :].replace(b"first", b"later", 1))
    with pytest.raises(Unproven, match="event 3: its 'prev' is not the digest"):
        proven_news(journal, end)
    log.write_bytes(before)
    with pytest.raises(Unproven, match="has lost its end: event 3"):
        proven_news(journal, end)
    log.write_bytes(after + b'{"event": "policy"}\n')
    assert proven_news(journal, end) is None
