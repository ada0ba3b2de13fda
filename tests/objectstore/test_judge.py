"""The judge of the chaos tests is itself put to the test: it passes a sound registry, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from .judge import Evidence, judge
from .workload import Change, Outcome, all_in_all, outcome_of

MODEL = "m"


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


WEIGHTS = _digest(b"weights")


@dataclass
class Case:
    """What was asked and answered, and what the store holds: sound until a test spoils it."""

    evidence: Evidence
    changes: list[Change]

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(raw) for _, raw in sorted(self.evidence.journals[MODEL].items())]

    def write(self, events: list[dict[str, Any]]) -> None:
        """The journal holds these, numbered and chained anew."""
        journal: dict[int, bytes] = {}
        before = b""
        for seq, event in enumerate(events, start=1):
            chained = {**event, "seq": seq, "ts_utc": f"2026-01-01T00:00:{seq:02}Z", "prev": _digest(before)}
            journal[seq] = before = json.dumps(chained).encode()
        self.evidence.journals[MODEL] = journal


def _event(kind: str, version: str, alias: str | None, previous: str | None, reason: str) -> dict[str, Any]:
    return {
        "event": kind,
        "task": "chaos",
        "model_name": MODEL,
        "version": version,
        "alias": alias,
        "previous_version": previous,
        "reason": reason,
        "package_digest": _digest(version.encode()),
        "attempt": f"attempt-{version}",
        "created_at": "2026-01-01T00:00:00Z",
    }


@pytest.fixture
def case() -> Case:
    made = Case(Evidence(), [])
    made.write(
        [
            _event("register", "v1", "latest", None, "r1"),
            _event("register", "v2", "latest", "v1", "r2"),
            _event("promote", "v1", "production", None, "p1"),
        ]
    )
    for version in ("v1", "v2"):
        named = (MODEL, version)
        digest = _digest(version.encode())
        made.evidence.pointers[named] = {"attempt": f"attempt-{version}"}
        made.evidence.files[named] = {"w": WEIGHTS, "sha256sums.txt": digest}
        made.evidence.resolved[named] = digest
        change = Change(f"r{version[1]}", "register", MODEL, version, "latest", files={"w": WEIGHTS})
        event = next(event for event in made.events() if event["reason"] == change.name)
        answer = {name: event[name] for name in ("task", "model_name", "version", "package_digest", "created_at")}
        change.told(201, {**answer, "alias_set": "latest", "hashes": {"w": WEIGHTS.removeprefix("sha256:")}})
        made.changes.append(change)
    made.evidence.aliases[MODEL, "latest"] = {"version": "v2", "seq": 2}
    made.evidence.aliases[MODEL, "production"] = {"version": "v1", "seq": 3}
    promote = Change("p1", "promote", MODEL, "v1", "production", expected=None)
    answer = {"alias": "production", "version": "v1", "previous_version": None, "seq": 3}
    promote.told(200, {**answer, "updated_at": made.events()[2]["ts_utc"]})
    refused = Change("r3", "register", MODEL, "v2", "latest")
    refused.told(409, {"code": "version_exists"})
    unknown = Change("p2", "promote", MODEL, "v2", "staging")
    unknown.told(None, {})
    made.changes += [promote, refused, unknown]
    return made


def test_a_sound_registry_is_passed(case: Case) -> None:
    assert judge(case.evidence, case.changes) == []


def lose_an_acknowledged_event(case: Case) -> None:
    case.write(case.events()[:2])
    del case.evidence.aliases[MODEL, "production"]


def keep_an_event_that_nobody_asked_for(case: Case) -> None:
    case.write([*case.events(), _event("promote", "v2", "production", "v1", "whose?")])
    case.evidence.aliases[MODEL, "production"] = {"version": "v2", "seq": 4}


def tell_one_request_twice(case: Case) -> None:
    case.write([*case.events(), _event("promote", "v1", "production", "v1", "p1")])
    case.evidence.aliases[MODEL, "production"] = {"version": "v1", "seq": 4}


def carry_out_what_was_refused(case: Case) -> None:
    case.changes[3] = Change("r3", "promote", MODEL, "v2", "staging")
    case.changes[3].told(409, {"code": "alias_moved"})
    case.write([*case.events(), _event("promote", "v2", "staging", None, "r3")])
    case.evidence.aliases[MODEL, "staging"] = {"version": "v2", "seq": 4}


def register_a_version_twice(case: Case) -> None:
    case.changes[3].outcome = Outcome.UNKNOWN
    case.write([*case.events(), _event("register", "v2", "latest", "v2", "r3")])
    case.evidence.aliases[MODEL, "latest"] = {"version": "v2", "seq": 4}


def change_a_byte_of_an_event(case: Case) -> None:
    journal = case.evidence.journals[MODEL]
    journal[2] = journal[2].replace(b'"created_at"', b' "created_at"')


def leave_a_gap_in_the_journal(case: Case) -> None:
    journal = case.evidence.journals[MODEL]
    journal[4] = journal.pop(3)


def forget_to_move_an_alias(case: Case) -> None:
    case.evidence.aliases[MODEL, "latest"] = {"version": "v1", "seq": 1}


def lose_an_alias(case: Case) -> None:
    del case.evidence.aliases[MODEL, "latest"]


def move_an_alias_from_elsewhere(case: Case) -> None:
    events = case.events()
    events[1]["previous_version"] = None
    case.write(events)


def ignore_what_a_promote_expected(case: Case) -> None:
    case.changes[2].expected = "v2"


def publish_nothing(case: Case) -> None:
    del case.evidence.pointers[MODEL, "v2"]


def publish_what_no_event_registers(case: Case) -> None:
    case.evidence.pointers[MODEL, "v9"] = {"attempt": "attempt-v9"}


def publish_another_attempt(case: Case) -> None:
    case.evidence.pointers[MODEL, "v2"] = {"attempt": "attempt-other"}


def store_other_bytes(case: Case) -> None:
    case.evidence.files[MODEL, "v1"]["w"] = _digest(b"other")


def store_another_manifest(case: Case) -> None:
    case.evidence.files[MODEL, "v1"]["sha256sums.txt"] = _digest(b"other")


def fail_to_resolve(case: Case) -> None:
    case.evidence.resolved[MODEL, "v1"] = "it is damaged"


def answer_another_event(case: Case) -> None:
    case.changes[2].answer["seq"] = 2


def leave_something_behind(case: Case) -> None:
    case.evidence.stray.append(".staging/x")


def find_damage(case: Case) -> None:
    case.evidence.findings.append("damage: something")


@pytest.mark.parametrize(
    "spoil",
    [
        lose_an_acknowledged_event,
        keep_an_event_that_nobody_asked_for,
        tell_one_request_twice,
        carry_out_what_was_refused,
        register_a_version_twice,
        change_a_byte_of_an_event,
        leave_a_gap_in_the_journal,
        forget_to_move_an_alias,
        lose_an_alias,
        move_an_alias_from_elsewhere,
        ignore_what_a_promote_expected,
        publish_nothing,
        publish_what_no_event_registers,
        publish_another_attempt,
        store_other_bytes,
        store_another_manifest,
        fail_to_resolve,
        answer_another_event,
        leave_something_behind,
        find_damage,
    ],
)
def test_an_unsound_one_is_not(case: Case, spoil: Callable[[Case], None]) -> None:
    spoil(case)
    assert judge(case.evidence, case.changes) != []


@pytest.mark.parametrize(
    ("status", "answer", "outcome"),
    [
        (201, {}, Outcome.ACKNOWLEDGED),
        (503, {"committed": True, "seq": 1}, Outcome.ACKNOWLEDGED),
        (503, {"committed": None}, Outcome.UNKNOWN),
        (None, {}, Outcome.UNKNOWN),
        (502, {}, Outcome.UNKNOWN),
        (503, {"code": "storage_unavailable"}, Outcome.REFUSED),
        (409, {"code": "alias_moved"}, Outcome.REFUSED),
    ],
)
def test_what_an_answer_promises(status: int | None, answer: dict[str, Any], outcome: Outcome) -> None:
    assert outcome_of(status, answer) is outcome


def test_what_two_answers_promise_together() -> None:
    done, refused, unknown = Outcome.ACKNOWLEDGED, Outcome.REFUSED, Outcome.UNKNOWN
    assert all_in_all(unknown, refused, is_final=False) is unknown  # the first may stand all the same
    assert all_in_all(unknown, refused, is_final=True) is refused
    assert all_in_all(refused, unknown, is_final=True) is unknown
    assert all_in_all(done, refused, is_final=True) is done
    assert all_in_all(None, done, is_final=True) is done


def test_a_repeat_that_is_answered_otherwise_is_noticed() -> None:
    change = Change("r1", "register", MODEL, "v1", None)
    assert change.told(201, {"package_digest": "a"}) == []
    assert change.told(503, {"code": "storage_unavailable"}) == []
    assert change.told(201, {"package_digest": "b"}) != []
    assert change.told(409, {"code": "version_exists"}) != []
