"""What holds is what the registry's journal says, proven; what cannot be told refuses, and only what it concerns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.access.governing import create_token
from registry_core.access.tokens import TokenKind
from registry_core.evidence import policy_grammar, rulebook
from registry_core.evidence.rules.policy_document import PolicyDocument
from registry_core.evidence.rules.trust_document import EMPTY
from registry_core.format.events import POLICY, TOKEN, TRUST
from registry_core.format.layout import REGISTRY, REGISTRY_JOURNAL
from registry_core.models.changes import Draft
from registry_core.models.registry_journal import RegistryJournal, document_key
from registry_core.models.timeline import happened
from registry_core.storage.contract import Storage
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.evidence_errors import PolicyUnreadable
from registry_core.vocabulary.texts import digest, encode, format_time, parse_time

from ...access.ruled import journal_of, put, written
from ..ruled import clear, policy_of, put_policy, put_trust, rules, trust_of


@pytest.fixture(params=["memory", "filesystem"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return MemoryStorage() if request.param == "memory" else FilesystemStorage(tmp_path)


def test_where_nothing_was_set_nobody_is_trusted_and_nothing_is_guarded(storage: Storage) -> None:
    found = rules(storage)
    assert (found.seq, found.trust, found.trust_digest, found.policies) == (0, EMPTY, None, ())
    assert found.gates("celltype", "m", "production") == []
    put(storage, written())
    assert (rules(storage).seq, rules(storage).policies) == (1, ())


def test_what_was_set_last_holds(storage: Storage) -> None:
    put_trust(storage, trust_of("ada"))
    put_policy(storage, policy_of())
    put_policy(storage, policy_of("*", "prod*"), "*")
    put_policy(storage, policy_of("qc"), "qc")
    put_trust(storage, trust_of("ada", "bob"))
    put_policy(storage, policy_of(alias="staging"))
    found = rules(storage)
    assert found.seq == 6
    assert sorted(found.trust.people) == ["ada", "bob"]
    assert (found.trust_digest, found.trust_seq) == (digest(trust_of("ada", "bob")), 5)
    assert found.trust_actor == "ada"
    assert parse_time(found.trust_at) is not None
    assert [(one.document.task, one.seq) for one in found.policies] == [("*", 3), ("celltype", 6), ("qc", 4)]
    assert [one.document.task for one in found.of("celltype")] == ["*", "celltype"]
    assert [gate.alias for _, gate in found.gates("celltype", "m", "staging")] == ["staging"]
    assert [gate.alias for _, gate in found.gates("qc", "m", "production")] == ["prod*", "production"]
    assert found.for_register("qc", "m") == []


def test_a_cleared_policy_guards_nothing(storage: Storage) -> None:
    put_policy(storage, policy_of())
    assert clear(storage) == 2
    found = rules(storage)
    assert (found.policies, found.policy("celltype")) == ((), None)
    assert found.named == {digest(policy_of())}
    assert found.last("celltype").seq == 2


def test_what_held_is_told_by_the_events_until_then(storage: Storage) -> None:
    put_trust(storage, trust_of("ada"))
    put_policy(storage, policy_of())
    clear(storage)
    put_trust(storage, trust_of("bob"))
    assert [len(rules(storage, seq).policies) for seq in range(5)] == [0, 0, 1, 0, 0]
    assert [sorted(rules(storage, seq).trust.people) for seq in range(5)] == [[], ["ada"], ["ada"], ["ada"], ["bob"]]
    with pytest.raises(PolicyUnreadable, match=r"event 5 of .* is not there"):
        rules(storage, 5)
    moments = [parse_time(line.get("ts_utc")) for line in journal_of(storage).journal.lines()]
    assert [rules(storage, moment).seq for moment in moments] == [1, 2, 3, 4]
    assert moments[0] is not None
    assert rules(storage, moments[0] - timedelta(microseconds=1)).seq == 0
    assert rules(storage, datetime.now(UTC) + timedelta(days=1)).seq == 4


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=8))
def test_what_held_at_a_moment_is_the_same_however_often_somebody_looked_meanwhile(
    said: list[tuple[bool, int]],
) -> None:
    storage, start = MemoryStorage(), datetime(2026, 11, 1, tzinfo=UTC)
    journal, document = journal_of(storage), trust_of("ada")
    storage.documents.write(document_key(digest(document)), document)
    for sets_it, minute in said:
        draft = Draft(TRUST, None, None, None, own={"document": digest(document)})
        other = Draft(TOKEN, None, None, None, own={"token": {}})
        event = journal.journal.next_event(journal.journal.last(), (draft if sets_it else other).fields(journal))
        journal.journal.append({**event, "ts_utc": format_time(start + timedelta(minutes=minute))})
        rules(storage)
    lines = list(journal.journal.lines())
    for minute in range(-1, 11):
        moment = start + timedelta(minutes=minute)
        setting = [line.seq for line in happened(lines, moment) if line.get("event") == TRUST]
        assert rules(storage, moment).trust_seq == max(setting, default=0)


def test_what_held_once_is_told_without_another_look(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    put_trust(storage, trust_of("ada"))
    put_policy(storage, policy_of())
    put_trust(storage, trust_of("bob"))
    now = rules(storage)
    assert (sorted(now.trust.people), len(now.policies)) == (["bob"], 1)
    looked = list[str]()
    real = storage.documents.read
    monkeypatch.setattr(storage.documents, "records", lambda *_: pytest.fail("the journal is not read"))
    monkeypatch.setattr(storage.documents, "read", lambda key: (looked.append(key), real(key))[1])
    assert [sorted(now.then(seq).trust.people) for seq in (0, 1, 2, 3)] == [[], ["ada"], ["ada"], ["bob"]]
    assert [len(now.then(1).then(seq).policies) for seq in (1, 2, 3)] == [0, 1, 1]
    assert looked == [document_key(digest(trust_of("ada")))], "and each document once"
    with pytest.raises(PolicyUnreadable, match=r"event 4 of .* is not there"):
        now.then(4)


def remove(storage: Storage, data: bytes) -> None:
    storage.documents.delete(document_key(digest(data)))


def spoil(storage: Storage, data: bytes) -> None:
    storage.documents.write(document_key(digest(data)), data + b" ")


@pytest.mark.parametrize("harm", [remove, spoil])
def test_a_damaged_document_refuses_what_it_concerns(storage: Storage, harm: Callable[[Storage, bytes], None]) -> None:
    put_policy(storage, policy_of())
    put_policy(storage, policy_of("qc"), "qc")
    put_trust(storage, trust_of("ada"))
    assert rules(storage).trust.people  # what was understood once is looked at again
    assert rules(storage).of("celltype")
    harm(storage, policy_of())
    with pytest.raises(PolicyUnreadable):
        rules(storage).gates("celltype", "m", "production")
    assert rules(storage).gates("qc", "m", "production")
    assert rules(storage).trust.people
    harm(storage, trust_of("ada"))
    with pytest.raises(PolicyUnreadable):
        _ = rules(storage).trust
    assert rules(storage).gates("qc", "m", "production")


def say(storage: Storage, kind: str, data: bytes, **own: object) -> None:
    """As later software does, or a careless hand."""
    journal = journal_of(storage)
    journal.changing()
    storage.documents.write(document_key(digest(data)), data)
    draft = Draft(kind, None, None, None, own={"document": digest(data), **own})
    journal.journal.append(journal.journal.next_event(journal.journal.last(), draft.fields(journal)))


def test_a_document_of_later_software_refuses(storage: Storage) -> None:
    say(storage, POLICY, policy_of(schema="omr-policy/2"), policy="celltype")
    with pytest.raises(PolicyUnreadable, match="does not understand the policy of celltype"):
        rules(storage).of("celltype")
    assert rules(storage).of("qc") == []
    say(storage, TRUST, trust_of(schema="omr-trust/2"))
    with pytest.raises(PolicyUnreadable, match="does not understand the trust document"):
        _ = rules(storage).trust
    put_policy(storage, policy_of())
    put_trust(storage, trust_of())
    assert rules(storage).of("celltype")
    assert rules(storage).trust == EMPTY


def test_a_document_is_what_its_own_event_takes_it_for(storage: Storage) -> None:
    put_policy(storage, policy_of())
    assert rules(storage).of("celltype")
    say(storage, POLICY, policy_of(), policy="qc")
    with pytest.raises(PolicyUnreadable, match=r"the policy of qc: .* task is not 'qc'"):
        rules(storage).of("qc")
    say(storage, TRUST, policy_of())
    with pytest.raises(PolicyUnreadable, match="trust document"):
        _ = rules(storage).trust


@pytest.mark.parametrize("own", [{}, {"policy": 7}, {"policy": "celltype", "document": 7}])
def test_an_event_that_nobody_understands_refuses_all(storage: Storage, own: dict[str, object]) -> None:
    say(storage, POLICY, policy_of(), **own)
    with pytest.raises(PolicyUnreadable):
        rules(storage)


def edited(root: Path) -> None:
    log = root / REGISTRY_JOURNAL
    log.write_bytes(log.read_bytes().replace(b'"ada"', b'"eve"', 1))


def cut_off(root: Path) -> None:
    log = root / REGISTRY_JOURNAL
    log.write_bytes(log.read_bytes().splitlines(keepends=True)[0])


def gone(root: Path) -> None:
    (root / REGISTRY_JOURNAL).unlink()
    (root / "log/journal/.lock").unlink()


@pytest.mark.parametrize("harm", [edited, cut_off, gone])
@pytest.mark.parametrize("is_known", [False, True])
def test_a_journal_that_is_not_whole_refuses(tmp_path: Path, harm: Callable[[Path], None], *, is_known: bool) -> None:
    storage = FilesystemStorage(tmp_path)
    put_trust(storage, trust_of("ada"))
    put_policy(storage, policy_of())
    if is_known and harm is not edited:  # what was proven before is believed until the process ends
        assert rules(storage).seq == 2
    harm(tmp_path)
    with pytest.raises(PolicyUnreadable):
        rules(FilesystemStorage(tmp_path) if harm is edited else storage)


def test_a_root_that_has_lost_what_it_says_of_itself_is_guarded_as_before(tmp_path: Path) -> None:
    put_policy(FilesystemStorage(tmp_path), policy_of())
    (tmp_path / REGISTRY).unlink()
    assert rules(FilesystemStorage(tmp_path)).of("celltype")


def test_what_may_be_lost_has_to_be_set_again(tmp_path: Path) -> None:
    storage = FilesystemStorage(tmp_path)
    put_trust(storage, trust_of("ada"))
    put_policy(storage, policy_of())
    put_policy(storage, policy_of("*"), "*")
    _lose_last_two(tmp_path)
    for task in ("celltype", "*", "qc"):
        with pytest.raises(PolicyUnreadable, match="are lost"):
            rules(storage).policy(task)
    with pytest.raises(PolicyUnreadable, match="are lost, and the trust document was not set since"):
        _ = rules(storage).trust
    assert put_trust(storage, trust_of("ada")) == 5  # the same, and yet an event
    assert rules(storage).trust.people
    assert clear(storage, "*") == 6
    put_policy(storage, policy_of())
    assert [one.document.task for one in rules(storage).of("celltype")] == ["celltype"]


def _lose_last_two(root: Path) -> None:
    from registry_core.format.chain import next_record, parse_line
    from registry_core.format.older import AllBefore

    log = root / REGISTRY_JOURNAL
    kept = log.read_bytes().splitlines()[:1]
    before = AllBefore([*kept, b"", b""]).digest
    own = {"event": "repair", "task": None, "model_name": None, "version": None, "alias": None, "actor": None}
    said = {**own, "repaired": "journal", "lost_from": 2, "lost_to": 3, "attempt": "0" * 32}
    event = {**next_record(parse_line(1, kept[0]), before, said, datetime.now(UTC)), "seq": 4, "prev": before}
    log.write_bytes(b"\n".join([*kept, b"", b"", encode(event), b""]))


def test_a_long_past_is_walked_once_and_a_document_is_understood_once(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_policy(storage, policy_of())
    for number in range(20):
        create_token(journal_of(storage), TokenKind.SERVICE, f"t{number}")
    rules(storage).of("celltype")
    read, parsed = list[int](), list[str]()
    real_records, real_parse = storage.documents.records, policy_grammar.parse

    def records(log: str, after: int = 0) -> object:
        for seq, record in real_records(log, after):
            read.append(seq)
            yield seq, record

    def parse(data: bytes, task: str) -> PolicyDocument:
        parsed.append(task)
        return real_parse(data, task)

    monkeypatch.setattr(storage.documents, "records", records)
    monkeypatch.setattr(policy_grammar, "parse", parse)
    for _ in range(3):
        assert rules(storage).of("celltype")
    assert read == [21] * 3
    create_token(RegistryJournal(storage, 1.0), TokenKind.SERVICE, "next")
    read.clear()
    assert rules(storage).of("celltype")
    assert read == [21, 22]
    assert parsed == []


def test_processes_see_what_others_have_set(tmp_path: Path) -> None:
    one, other = FilesystemStorage(tmp_path), FilesystemStorage(tmp_path)
    put_policy(one, policy_of())
    assert rules(other).of("celltype")
    put_policy(one, policy_of("*"), "*")
    clear(one)
    assert [policy.document.task for policy in rules(other).of("celltype")] == ["*"]
    assert rulebook.read(journal_of(one)).seq == 3
