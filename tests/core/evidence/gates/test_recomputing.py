"""Whatever has happened, every verdict is come to again from journals and documents alone."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry_core import GateNotMet, InvalidParameter, ModelRegistry
from registry_core.evidence.gates.gate import PolicyGate
from registry_core.evidence.gates.recomputing import recompute
from registry_core.evidence.rules.rulebook import Rulebook
from registry_core.evidence.signing.not_counted import NotCounted
from registry_core.format.chain import next_record
from registry_core.format.events import POLICY
from registry_core.format.layout import LOG, REGISTRY
from registry_core.models.changes import Draft
from registry_core.models.journal import Subject
from registry_core.models.registry_journal import POLICIES, document_key, say
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.evidence_errors import AttestationRefused
from registry_core.vocabulary.texts import digest, encode, format_time, parse_time

from ...conftest import MODEL, TASK, Shelf
from ..governed import NO_FINDING, NOT_ARCHIVED, TWO, Governed, policy, trust

ONE = {"id": "one", "approvals": {"at_least": 1, "by": ["reviewers"], "not": ["registrant", "promoter", "signers"]}}
ACCURATE = {"id": "accuracy", "metric": {"name": "accuracy", "gte": 0.5, "by": ["evaluators"]}}
SIGNED = {"id": "signed", "signature": {"by": ["trainer"], "covers": "package"}}
SIZED = {"id": "weights", "file": {"path": "model.pt", "min_bytes": 1}}
UNASKED_THOUGH_GUARDED = "no gate was asked, though a policy guarded the alias"
GLASS = {"break_glass": {"by": ["oncall"]}}


def happens(governed: Governed, dice: random.Random) -> None:
    version = dice.choice(("1", "2"))
    person = dice.choice(("ada", "bob", "cyd"))
    registry = governed.shelf.registry()
    what = dice.randrange(12)
    if what < 3:
        governed.review(person, dice.choice(("approve", "approve", "reject", "withdraw")), version)
    elif what == 3:
        governed.measure(dice.random(), version=version)
    elif what == 4:
        governed.sign(dice.choice(("trainer", "ada")), version)
    elif what == 5:
        finding = governed.find(dice.choice(("blocking", "minor")), version)
        if dice.random() < 0.8:
            governed.resolve(finding, version)
    elif what == 6:
        governed.set_trust(trust(revoked=tuple(dice.sample(("ada", "ci", "trainer"), dice.randrange(2)))))
    elif what == 7:
        asked = dice.sample((ONE, TWO, ACCURATE, SIGNED, SIZED, NO_FINDING, NOT_ARCHIVED), dice.randrange(1, 4))
        governed.set_policy(policy(*asked, **GLASS))
    elif what == 8:
        registry.stage(TASK, MODEL, version, dice.choice(("none", "archived", "production")), actor=person, reason="x")
    else:
        override = {"override": {"reason": "it has to be"}} if dice.random() < 0.3 else {}
        governed.promote(version, actor="oncall" if override else person, **override)


@pytest.mark.parametrize("seed", range(3))
def test_every_verdict_of_a_long_history_is_come_to_again(seed: int, tmp_path: Path) -> None:
    dice, shelf = random.Random(seed), Shelf(MemoryStorage(), tmp_path)
    for version in ("1", "2"):
        shelf.register(version, actor="trainer")
    governed = Governed(shelf)
    for _ in range(120):
        with suppress(GateNotMet, AttestationRefused, NotCounted):
            happens(governed, dice)
    audit = shelf.registry().audit_gates()
    assert audit.faults == []
    assert audit.verdicts >= 5
    outside = MemoryStorage()  # what an outsider has: journals and documents
    for entry in shelf.storage.documents.list("", deep=True):
        if entry.key == REGISTRY or (entry.key.startswith(f"{LOG}/documents/") or "/attestations/" in entry.key):
            outside.documents.write(entry.key, shelf.storage.documents.read(entry.key).data)
    for key in (governed.journal.journal._key, shelf.model().keys.journal):
        for seq, raw in shelf.storage.documents.records(key):
            outside.documents.append(key, raw, seq)
    assert ModelRegistry.open("memory://", storage=outside).audit_gates() == audit


def test_what_differs_is_named(shelf: Shelf) -> None:
    governed = Governed(shelf)
    governed.set_policy(policy(NO_FINDING))
    governed.promote()
    assert shelf.registry().audit_gates(TASK, MODEL).faults == []
    for half in ({"task": TASK}, {"model_name": MODEL}):
        with pytest.raises(InvalidParameter, match="or neither"):
            shelf.registry().audit_gates(**half)
    event = shelf.events()[-1]
    finding = governed.find()
    forged = {**event["gate"], "registry_seq": 2}
    shelf.append(Draft("promote", "1", "eve", None, alias="production", own={"gate": forged}))
    shelf.append(Draft("promote", "2", "eve", None, alias="production"))
    first, second, third, fourth = shelf.registry().audit_gates().faults
    assert {first.seq, second.seq, third.seq} == {finding + 1}
    assert str(["no-finding", False, [finding]]) in first.fault
    assert (fourth.seq, fourth.fault) == (finding + 2, UNASKED_THOUGH_GUARDED)


def promoted(shelf: Shelf, gate: Any, later: timedelta = timedelta(0)) -> int:
    """The event of a promote that nobody was asked for, with a verdict of one's own, by a clock that is ahead."""
    model = shelf.model()
    draft = Draft("promote", "1", "eve", None, alias="production", own={"gate": gate})
    event = model.journal.next_event(model.journal.last(), draft.fields(model))
    at = parse_time(event["ts_utc"])
    assert at is not None
    model.journal.append({**event, "ts_utc": format_time(at + later)})
    return int(event["seq"])


UNASKED = {"registry_seq": 0, "policies": [], "trust": None, "met": True, "checks": [], "seen": {}}


def test_a_verdict_by_what_did_not_hold_any_more_is_named(shelf: Shelf) -> None:
    governed = Governed(shelf)
    governed.set_policy(policy(NO_FINDING))
    unknown = promoted(shelf, UNASKED)  # it may have been made when it says
    governed.promote("2")
    by_order = promoted(shelf, UNASKED)
    by_time = promoted(shelf, UNASKED, later=timedelta(minutes=6))
    was_overtaken = "it was judged as after event 0 of the registry, and event 1 came before it"
    found = shelf.registry().audit_gates().faults
    assert [(one.seq, one.fault) for one in found] == [(by_order, was_overtaken), (by_time, was_overtaken)]
    assert unknown < by_order


def test_what_held_is_asked_of_one_reading_for_all_moves_of_a_model(shelf: Shelf) -> None:
    class Counted(PolicyGate):
        read = 0

        def rules(self, until: int | datetime | None = None) -> Rulebook:
            self.read += 1
            return super().rules(until)

    governed = Governed(shelf)
    governed.promote("1")  # before any policy
    governed.set_policy(policy(NO_FINDING))
    for version in ("1", "2", "1"):
        governed.promote(version, alias="other")
    governed.promote("1")
    past = promoted(shelf, None)
    governed.promote("2")
    policies = Counted(governed.journal)
    found = recompute(shelf.model(), policies)
    assert [(one.seq, one.fault) for one in found.faults] == [(past, UNASKED_THOUGH_GUARDED)]
    assert policies.read == 1


def at(subject: Subject, draft: Draft, moment: datetime) -> None:
    """The event is in the journal, made by a clock that says so."""
    event = next_record(subject.journal.last(), "", draft.fields(subject), moment)
    subject.journal.append(event)


@pytest.mark.parametrize(
    ("policies", "moved", "is_named"),
    [
        ({0: NO_FINDING}, 4, False),
        ({0: NO_FINDING}, 6, True),
        ({0: NO_FINDING, 20: None}, 14, True),
        ({0: NO_FINDING, 20: None}, 16, False),
        ({0: NO_FINDING, 20: None}, 26, False),
        ({0: NO_FINDING, 20: NOT_ARCHIVED}, 16, True),
        ({0: NO_FINDING, 20: None, 21: NOT_ARCHIVED}, 22, False),
    ],
)
def test_clocks_may_differ_where_no_gate_was_asked(
    policies: dict[int, Any], moved: int, *, is_named: bool, shelf: Shelf
) -> None:
    governed, start = Governed(shelf), datetime.now(UTC) + timedelta(hours=1)
    for minute, asked in policies.items():
        data = json.dumps(policy(asked)).encode() if asked is not None else None
        named = None if data is None else digest(data)
        if data is not None and named is not None:
            shelf.storage.documents.write(document_key(named), data)
        said = Draft(POLICY, None, "an admin", None, own={"policy": TASK, "document": named})
        at(governed.journal, said, start + timedelta(minutes=minute))
    say(shelf.storage, POLICIES)
    at(shelf.model(), Draft("promote", "1", "eve", None, alias="production"), start + timedelta(minutes=moved))
    faults = shelf.registry().audit_gates().faults
    assert [one.fault for one in faults] == ([UNASKED_THOUGH_GUARDED] if is_named else [])


@pytest.mark.parametrize("gate", [None, UNASKED])
def test_a_moment_at_the_beginning_of_time_is_judged(gate: Any, shelf: Shelf) -> None:
    Governed(shelf).set_policy(policy(NO_FINDING))
    model = shelf.model()
    own = {} if gate is None else {"gate": gate}
    draft = Draft("promote", "1", "eve", None, alias="other", own=own)
    event = model.journal.next_event(model.journal.last(), draft.fields(model))
    model.journal.append({**event, "ts_utc": "0001-01-01T00:00:00Z"})
    assert shelf.registry().audit_gates().faults == []


@pytest.mark.parametrize("seen", [{}, {"archived": False}, {"archived": None}])
def test_a_verdict_that_leaves_out_what_the_journal_knows_is_named(seen: dict[str, Any], shelf: Shelf) -> None:
    governed = Governed(shelf)
    governed.set_policy(policy(NOT_ARCHIVED))
    governed.promote()
    met = shelf.events()[-1]["gate"]
    shelf.registry().stage(TASK, MODEL, "1", "archived", actor="ada", reason="x")
    assert shelf.registry().audit_gates().faults == []
    seq = promoted(shelf, {**met, "seen": seen})
    faults = shelf.registry().audit_gates().faults
    assert [(one.seq, one.fault) for one in faults] == [(seq, "by the journal the version was archived")]


ODD = [
    *({"checks": one} for one in (5, "no-finding", {"a": 1}, True)),
    *({"seen": one} for one in (5, [1], {"sizes": [1]}, {"sizes": {"model.pt": "1"}}, {"sizes": 5, "archived": []})),
]


@pytest.mark.parametrize("odd", ODD)
def test_a_verdict_of_any_form_is_judged(odd: dict[str, Any], shelf: Shelf) -> None:
    governed = Governed(shelf)
    governed.set_policy(policy(NO_FINDING, SIZED))
    governed.promote()
    shelf.registry().stage(TASK, MODEL, "1", "archived", actor="ada", reason="x")
    seq = promoted(shelf, {**shelf.events()[2]["gate"], **odd})
    assert {one.seq for one in shelf.registry().audit_gates().faults} == {seq}


def test_verdicts_of_a_journal_that_was_written_anew_prove_nothing(shelf: Shelf) -> None:
    governed = Governed(shelf)
    governed.set_policy(policy(NO_FINDING))
    governed.promote()
    key, last = shelf.model().keys.journal, shelf.events()[-1]
    shelf.storage.documents.append(key, encode({**last, "seq": 4, "alias": "elsewhere", "gate": None}), 4)
    shelf.storage.documents.append(key, b"nothing", 5)
    found = shelf.registry().audit_gates()
    what = "from here on the journal proves nothing: its 'prev' is not the digest of what stands before it"
    assert [(one.seq, one.alias, one.fault) for one in found.faults] == [(4, None, what)]
    assert found.verdicts == 1


def test_a_journal_is_walked_once_and_each_document_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = []
    for moves in (6, 12, 24):
        shelf = Shelf(MemoryStorage(), tmp_path / str(moves))
        shelf.register("1", actor="trainer")
        governed = Governed(shelf)
        governed.set_policy(policy(ONE, SIGNED))
        governed.sign()
        for number in range(moves):
            governed.review(("ada", "bob")[number % 2])
            governed.promote()
        shelf.registry().audit_gates()  # the registry's own journal is known
        lines, documents = list[int](), list[str]()
        real_records, real_read = shelf.storage.documents.records, shelf.storage.documents.read

        def records(log: str, after: int = 0, real: Any = real_records, lines: list[int] = lines) -> Any:
            for seq, record in real(log, after):
                lines.append(seq)
                yield seq, record

        def read(key: str, real: Any = real_read, documents: list[str] = documents) -> Any:
            documents.append(key)
            return real(key)

        monkeypatch.setattr(shelf.storage.documents, "records", records)
        monkeypatch.setattr(shelf.storage.documents, "read", read)
        assert shelf.registry().audit_gates(TASK, MODEL).verdicts == moves
        said = [key for key in documents if "/attestations/" in key]
        assert len(said) == len(set(said)) == moves + 1
        costs.append((len(lines) - len(shelf.events()), len(documents) - len(said)))
    assert costs == [costs[0]] * 3, "and what else is read does not grow with the moves"
