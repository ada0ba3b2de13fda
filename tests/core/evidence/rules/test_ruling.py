"""What comes to hold is one event each, with its document beside it; what is refused changes nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from obstore.store import MemoryStore

from registry_core import CoreSettings, ModelRegistry
from registry_core.evidence import rulebook, ruling
from registry_core.format.layout import is_package
from registry_core.models.registry_journal import POLICIES, RegistryJournal, document_key, said_of_root
from registry_core.storage.contract import Storage, StorageOptions
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.storage.object_store.store import ObjectStorage
from registry_core.vocabulary.errors import InvalidParameter
from registry_core.vocabulary.evidence_errors import (
    PolicyInvalid,
    PolicyMoved,
    PolicyNotFound,
    PolicyUnreadable,
    TrustInvalid,
    TrustMoved,
)
from registry_core.vocabulary.rules import RuleChange
from registry_core.vocabulary.texts import digest

from ...access.ruled import journal_of
from ..ruled import clear, policy_of, put_policy, put_trust, rules, trust_of


@pytest.fixture(params=["memory", "filesystem"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return MemoryStorage() if request.param == "memory" else FilesystemStorage(tmp_path)


def events(storage: Storage) -> list[tuple[Any, ...]]:
    names = ("event", "policy", "document", "actor", "reason")
    return [tuple(line.get(name) for name in names) for line in journal_of(storage).journal.lines()]


def test_each_change_is_one_event_that_names_its_document(storage: Storage) -> None:
    assert put_trust(storage, trust_of("ada")) == 1
    assert put_policy(storage, policy_of()) == 2
    assert clear(storage) == 3
    assert events(storage) == [
        ("trust", None, digest(trust_of("ada")), "ada", "new"),
        ("policy", "celltype", digest(policy_of()), "ada", "new"),
        ("policy", "celltype", None, "ada", "old"),
    ]
    for data in (trust_of("ada"), policy_of()):
        assert storage.documents.read(document_key(digest(data))).data == data


def test_what_holds_already_is_no_event_and_what_held_once_is_one_again(storage: Storage) -> None:
    assert [put_policy(storage, policy_of()) for _ in range(2)] == [1, 1]
    clear(storage)
    assert put_policy(storage, policy_of()) == 3
    assert put_policy(storage, policy_of("*"), "*") == 4
    assert [put_trust(storage, trust_of(name)) for name in ("ada", "ada", "bob", "ada")] == [5, 5, 6, 7]
    storage.documents.delete(document_key(digest(trust_of("ada"))))
    assert put_trust(storage, trust_of("ada")) == 8  # its document is back
    assert rules(storage).trust.people


def test_only_what_is_expected_is_replaced(storage: Storage) -> None:
    journal = journal_of(storage)

    def trust(expected_seq: int) -> RuleChange:
        return ruling.set_trust(journal, trust_of("ada"), expected_seq=expected_seq, words=(None, None))

    def policy(expected_seq: int, alias: str = "production") -> RuleChange:
        data = policy_of(alias=alias)
        return ruling.set_policy(journal, "celltype", data, expected_seq=expected_seq, words=(None, None))

    with pytest.raises(TrustMoved) as moved:
        trust(1)
    assert moved.value.detail == {"expected_seq": 1, "actual_seq": 0}
    assert trust(0).seq == 1
    with pytest.raises(PolicyMoved):
        policy(1)  # that event set something else
    assert policy(0) == RuleChange(2, digest(policy_of()))
    assert policy(2, "staging").seq == 3
    with pytest.raises(PolicyMoved) as moved_again:
        policy(2)
    assert moved_again.value.detail == {"expected_seq": 2, "actual_seq": 3}
    with pytest.raises(PolicyMoved):
        ruling.clear_policy(journal, "celltype", expected_seq=2, words=(None, None))
    assert ruling.clear_policy(journal, "celltype", expected_seq=3, words=(None, None)) == RuleChange(4, None)
    assert policy(0).seq == 5


def test_what_is_refused_leaves_nothing(storage: Storage) -> None:
    with pytest.raises(TrustInvalid):
        put_trust(storage, trust_of(schema="omr-trust/2"))
    with pytest.raises(PolicyInvalid):
        put_policy(storage, policy_of("qc"))
    with pytest.raises(PolicyInvalid):
        put_policy(storage, policy_of("cell*"), "cell*")
    with pytest.raises(InvalidParameter):
        ruling.set_trust(journal_of(storage), trust_of(), expected_seq=None, words=("a" * 1000, None))
    with pytest.raises(PolicyNotFound):
        clear(storage)
    with pytest.raises(PolicyInvalid):
        clear(storage, "a/b")
    assert list(storage.documents.list("log", deep=True)) == []
    assert list(storage.documents.list("", deep=True)) == []


def test_what_takes_the_place_of_a_damaged_one_need_not_read_it(storage: Storage) -> None:
    put_trust(storage, trust_of("ada"))
    put_policy(storage, policy_of())
    for data in (trust_of("ada"), policy_of()):
        storage.documents.write(document_key(digest(data)), b"{}")
    assert put_trust(storage, trust_of("bob")) == 3
    assert put_policy(storage, policy_of()) == 4
    assert rules(storage).of("celltype")
    assert sorted(rules(storage).trust.people) == ["bob"]


def test_a_journal_that_is_not_whole_is_not_gone_on_with(tmp_path: Path) -> None:
    storage = FilesystemStorage(tmp_path)
    put_trust(storage, trust_of("ada"))
    put_policy(storage, policy_of())
    log = tmp_path / "log/journal/registry.jsonl"
    before = log.read_bytes().replace(b'"ada"', b'"eve"', 1)
    log.write_bytes(before)
    with pytest.raises(PolicyUnreadable, match="is not what was written"):
        put_trust(FilesystemStorage(tmp_path), trust_of("bob"))
    assert log.read_bytes() == before


def test_a_change_that_fails_takes_no_earlier_document_away(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    put_policy(storage, policy_of())
    clear(storage)
    journal = journal_of(storage)

    def full(_: object) -> None:
        raise InvalidParameter("no place", field="x")

    monkeypatch.setattr(journal.journal, "append", full)
    for data in (policy_of(), policy_of(alias="staging")):
        with pytest.raises(InvalidParameter):
            ruling.set_policy(journal, "celltype", data, expected_seq=None, words=(None, None))
    assert rules(storage, 1).of("celltype")
    assert [entry.key for entry in storage.documents.list("log/documents")] == [document_key(digest(policy_of()))]


def test_replicas_on_a_store_without_locks_lose_nothing_and_see_all() -> None:
    store, url = MemoryStore(), "s3://registries/root"
    replicas = [ObjectStorage(url, StorageOptions(), is_package, store=store) for _ in range(4)]

    def work(number: int) -> None:
        journal = RegistryJournal(replicas[number], 60.0, opened(replicas[number])._identity.before_change)
        for turn in range(3):
            data = policy_of(f"t{number}", f"a{turn}")
            ruling.set_policy(journal, f"t{number}", data, expected_seq=None, words=(None, None))
            ruling.set_trust(journal, trust_of(f"p{number}.{turn}"), expected_seq=None, words=(None, None))
            assert [gate.alias for one in rulebook.read(journal).of(f"t{number}") for gate in one.document.gates] == [
                f"a{turn}"
            ]

    with ThreadPoolExecutor(len(replicas)) as pool:
        list(pool.map(work, range(len(replicas))))
    told = [rulebook.read(RegistryJournal(replica, 1.0)) for replica in replicas]
    assert {one.seq for one in told} == {24}
    assert len({one.trust_digest for one in told}) == 1
    assert [policy.document.task for policy in told[0].policies] == ["t0", "t1", "t2", "t3"]
    assert said_of_root(replicas[0]) == {POLICIES}
    assert opened(replicas[1]).check().findings == []


def opened(storage: Storage) -> ModelRegistry:
    return ModelRegistry.open(settings=CoreSettings(root="s3://registries/root", workers=1), storage=storage)
