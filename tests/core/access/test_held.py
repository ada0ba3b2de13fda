"""Rules in memory are those that hold: a change is seen at once, and what cannot be looked at is no longer believed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from registry_core import AccessUnreadable
from registry_core.access import held, in_force
from registry_core.access.governing import create_token, revoke_token
from registry_core.access.held import HeldRules
from registry_core.access.in_force import InForce
from registry_core.access.principal import Kind, Principal
from registry_core.access.tokens import TokenKind
from registry_core.format.layout import REGISTRY, REGISTRY_HOME, REGISTRY_JOURNAL
from registry_core.format.layout import token as token_key
from registry_core.storage.contract import Entry, Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.documents import MemoryDocuments
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.errors import StorageUnavailable

from .issuers import ISSUERS, OIDC
from .ruled import FIRST, NOW, SECOND, journal_of, put

FAR, NEVER = -1.0, float("inf")  # how long a look counts: not at all, or for ever


class Remote(MemoryDocuments):
    """Documents of which each look is a request, counted; it can be away."""

    looks, is_away = 0, False

    def looks_are_cheap(self) -> bool:
        return False

    def list(self, prefix: str, *, deep: bool = False) -> Iterator[Entry]:
        if prefix == REGISTRY_HOME:
            self.looks += 1
            if self.is_away:
                raise StorageUnavailable("The store does not answer.")
        return super().list(prefix, deep=deep)


@pytest.fixture
def remote() -> Remote:
    return Remote(MemoryStorage().state)


@pytest.fixture
def store(remote: Remote) -> MemoryStorage:
    storage = MemoryStorage()
    storage.documents = remote
    return storage


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[InForce]:
    """What was read of the journal, not counting looks."""
    found: list[InForce] = []
    real = in_force.read

    def read(*words: object) -> InForce:
        found.append(real(*words))  # type: ignore[arg-type]
        return found[-1]

    monkeypatch.setattr(in_force, "read", read)
    return found


def admins(rules: HeldRules) -> list[str]:
    return [one.text for one in rules.now().rules.admins]


def held_of(storage: Storage) -> HeldRules:
    return HeldRules(journal_of(storage), ISSUERS)


def test_on_a_filesystem_what_anybody_changes_is_seen_at_once_and_nothing_is_read_twice(
    tmp_path: Path, reads: list[InForce]
) -> None:
    storage = FilesystemStorage(tmp_path)
    rules = held_of(storage)
    assert admins(rules) == []
    put(FilesystemStorage(tmp_path), FIRST)
    assert [admins(rules), admins(rules), admins(rules)] == [["user:first"]] * 3
    put(FilesystemStorage(tmp_path), SECOND)
    assert admins(rules) == ["user:second"]
    assert len(reads) == 3


def test_on_a_store_a_look_counts_for_some_seconds_and_what_has_moved_is_read(
    store: MemoryStorage, remote: Remote, reads: list[InForce], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, FIRST)
    rules = held_of(store)
    monkeypatch.setattr(held, "LOOK_EVERY_S", NEVER)
    remote.looks = 0
    assert [admins(rules), admins(rules)] == [["user:first"]] * 2
    assert (remote.looks, len(reads)) == (1, 1)
    put(store, SECOND)
    assert admins(rules) == ["user:first"]
    monkeypatch.setattr(held, "LOOK_EVERY_S", FAR)
    assert [admins(rules), admins(rules)] == [["user:second"]] * 2
    assert len(reads) == 2


def test_what_this_process_has_changed_is_seen_at_once(store: MemoryStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = held_of(store)
    monkeypatch.setattr(held, "LOOK_EVERY_S", NEVER)
    assert admins(rules) == []
    put(store, FIRST)
    rules.forget()
    assert admins(rules) == ["user:first"]


def test_rules_that_cannot_be_looked_at_are_none_and_come_back(
    store: MemoryStorage, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, FIRST)
    rules = held_of(store)
    assert admins(rules) == ["user:first"]
    monkeypatch.setattr(held, "LOOK_EVERY_S", FAR)
    remote.is_away = True
    for _ in range(2):
        with pytest.raises(AccessUnreadable):
            rules.now()
    remote.is_away = False
    assert admins(rules) == ["user:first"]


def test_a_journal_that_is_damaged_or_gone_ends_the_rules_of_before(tmp_path: Path) -> None:
    storage = FilesystemStorage(tmp_path)
    put(storage, FIRST)
    rules = held_of(storage)
    assert admins(rules) == ["user:first"]
    journal = tmp_path / REGISTRY_JOURNAL
    written = journal.read_bytes()
    journal.write_bytes(written[:-20])
    with pytest.raises(AccessUnreadable):
        rules.now()
    journal.unlink()
    (tmp_path / "registry.json").unlink()  # which would have said so
    for _ in range(2):
        with pytest.raises(AccessUnreadable):
            rules.now()


def test_rules_of_which_nothing_at_all_is_left_are_missed_by_whoever_had_them(tmp_path: Path) -> None:
    storage = FilesystemStorage(tmp_path)
    put(storage, FIRST)
    rules = HeldRules(journal_of(storage), ISSUERS)
    assert admins(rules) == ["user:first"]
    (tmp_path / REGISTRY).unlink()
    (tmp_path / REGISTRY_HOME).rename(tmp_path / "away")
    with pytest.raises(AccessUnreadable):
        rules.now()


def test_a_token_is_read_once_and_counts_until_it_is_revoked_or_ends(tmp_path: Path) -> None:
    storage = FilesystemStorage(tmp_path)
    made = create_token(journal_of(storage), TokenKind.SERVICE, "ci", life=timedelta(days=1))
    rules = held_of(storage)
    who = rules.admitted(made.text, NOW)
    assert who is not None
    assert (who, who.name, who.token_id) == (made.kept.principal(), "ci", made.kept.id)
    assert rules.admitted(made.text, NOW + timedelta(days=2)) is None
    assert [rules.admitted(text, NOW) for text in ("", "omr_x", made.text[:-1], made.text + "0")] == [None] * 4
    revoke_token(journal_of(storage), made.kept.id, actor=None, reason=None)
    assert rules.admitted(made.text, NOW) is None


def test_a_token_whose_document_is_gone_counts_for_some_seconds_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FilesystemStorage(tmp_path)
    made = create_token(journal_of(storage), TokenKind.SERVICE, "ci")
    rules = held_of(storage)
    assert rules.admitted(made.text, NOW) is not None
    (tmp_path / token_key(made.kept.id)).unlink()
    monkeypatch.setattr(held, "LOOK_EVERY_S", FAR)
    assert rules.admitted(made.text, NOW) is None


def test_what_the_rules_say_of_somebody_is_found_once_and_goes_with_them(tmp_path: Path) -> None:
    storage = FilesystemStorage(tmp_path)
    put(storage, FIRST)
    rules, who = held_of(storage), Principal(Kind.USER, "first", OIDC)
    found = rules.standing(who)
    assert found.is_admin
    assert rules.standing(Principal(Kind.USER, "first", OIDC)) is found
    assert not rules.standing(Principal(Kind.USER, "second", OIDC)).is_admin
    put(FilesystemStorage(tmp_path), SECOND)
    assert not rules.standing(who).is_admin


def test_many_who_ask_at_once_read_once(tmp_path: Path, reads: list[InForce]) -> None:
    storage = FilesystemStorage(tmp_path)
    put(storage, FIRST)
    rules = held_of(storage)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: admins(rules), range(64)))
    assert found == [["user:first"]] * 64
    assert len(reads) == 1
