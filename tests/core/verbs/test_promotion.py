"""An alias goes where the rules say: to what is there, if it is where the caller thinks, and if the gate lets it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry_core import AliasMoved, AliasNotFound, InvalidName, ModelRegistry, NameTaken, NotFound, VersionNotFound
from registry_core.format.chain import Line
from registry_core.models.gate import Asked, Verdict
from registry_core.models.journal import MOVES, Journal
from registry_core.models.model import ModelStore
from registry_core.storage.memory.root import MemoryStorage
from registry_core.verbs.annotating import StageRequest, stage
from registry_core.verbs.promotion import Move, promote, rollback, version_before
from registry_core.vocabulary.errors import InvalidParameter

from ..conftest import MODEL, TASK, Shelf, SimulatedShelf
from ..simulated import after


def line(**fields: Any) -> Line:
    return Line(1, b"", fields)


def test_rollback_goes_to_the_version_before_the_present_one(shelf: Shelf) -> None:
    shelf.register("3")
    for version in ("1", "2", "3"):
        shelf.promote("best", version)
    done = shelf.registry().rollback(TASK, MODEL, "best")
    assert (done.version, done.previous_version) == ("2", "3")
    assert shelf.alias("best") == "2"


def test_a_move_says_which_event_moved_the_alias_before(shelf: Shelf) -> None:
    first = shelf.promote("best", "1")
    second = shelf.promote("best", "2")
    shelf.promote("other", "1")
    removed = shelf.registry().unalias(TASK, MODEL, "best")
    said = {event["seq"]: event.get("previous_seq") for event in shelf.events()}
    assert (said[second.seq], said[removed.seq]) == (first.seq, second.seq)
    shelf.promote("best", "2")
    assert shelf.registry().rollback(TASK, MODEL, "best").version == "1"


@pytest.mark.parametrize("said", [0, -1, 2, 10**9, "1", None])
def test_what_an_event_says_of_the_one_before_leads_nowhere_else(shelf: Shelf, said: Any) -> None:
    """Whoever wrote it: what cannot be is searched for."""
    shelf.promote("other", "2")
    shelf.promote("best", "1")
    shelf.promote("best", "2")
    journal = shelf.model().journal
    last = journal.last()
    assert last is not None
    wrong = {**(last.fields or {}), "seq": last.seq + 1, "previous_seq": said}
    journal.append(wrong)
    versions = [found.get("version") for found in journal.moves("best", last.seq + 1)]
    assert versions == (["2"] if said == 0 else ["2", "2", "1"])


def test_rollback_heeds_the_moves_of_its_alias_only(shelf: Shelf) -> None:
    shelf.promote("best", "1")
    shelf.registry().promote(TASK, MODEL, "other", "2", reason="best")  # the text, but not the alias
    with pytest.raises(VersionNotFound, match="never named"):
        shelf.registry().rollback(TASK, MODEL, "best")


def test_what_an_alias_named_before_our_first_event_of_it_counts(shelf: Shelf) -> None:
    """Older software moved it without a line that is still there: the event says what it found."""
    key = shelf.model().keys.alias("best")
    shelf.storage.documents.write(key, b'{"version": "1", "updated_at": "2020-01-01T00:00:00+00:00"}')
    shelf.promote("best", "2")
    assert shelf.registry().rollback(TASK, MODEL, "best").version == "1"


@pytest.mark.parametrize(
    ("moves", "now", "before"),
    [
        ([("1", None), ("2", "1")], "2", "1"),
        ([("1", None), ("2", "1"), ("1", "2")], "1", "2"),
        ([("1", None), ("2", "1"), ("2", "2")], "2", "1"),
        ([("1", None), ("2", "1"), ("3", "2")], "3", "2"),
        ([("2", "1")], "2", "1"),
        ([("1", None)], "1", None),
        ([("1", None), (None, "1"), ("2", None)], "2", "1"),
        ([], "1", None),
    ],
)
def test_the_version_before(moves: list[tuple[str | None, str | None]], now: str, before: str | None) -> None:
    lines = [line(alias="a", version=version, previous_version=previous) for version, previous in moves]
    journal = Journal(MemoryStorage(), "home/audit/log")
    others = [line(alias="b", version="9", previous_version="8"), line(version="7"), Line(1, b"rubbish", None)]
    for moved in [*lines, *others]:
        journal.append({**(moved.fields or {}), "seq": (last.seq + 1) if (last := journal.last()) else 1})
    assert version_before(journal.named(MOVES, "a"), "a", now) == before


def test_what_an_event_that_moves_two_aliases_says_of_the_one_is_not_of_the_other() -> None:
    stage = line(alias="production", version="3", previous_version="1", unaliased=["staging"])
    assert version_before([stage], "staging", "2") == "3"
    assert version_before([stage], "production", "3") == "1"
    assert version_before([stage], "staging", "3") is None


def test_rollback_to_a_version_that_is_deleted_is_refused(shelf: Shelf) -> None:
    shelf.promote("best", "1")
    shelf.promote("best", "2")
    shelf.registry().delete(TASK, MODEL, "1", reason="wrong")
    with pytest.raises(VersionNotFound):
        shelf.registry().rollback(TASK, MODEL, "best")
    assert shelf.alias("best") == "2"


def by_promote(registry: ModelRegistry, expected: Any) -> Any:
    return registry.promote(TASK, MODEL, "best", "1", expected_version=expected)


def by_rollback(registry: ModelRegistry, expected: Any) -> Any:
    return registry.rollback(TASK, MODEL, "best", expected_version=expected)


def by_unalias(registry: ModelRegistry, expected: Any) -> Any:
    return registry.unalias(TASK, MODEL, "best", expected_version=expected)


@pytest.mark.parametrize("verb", [by_promote, by_rollback, by_unalias])
def test_an_alias_moves_only_if_it_is_where_the_caller_thinks(
    shelf: Shelf, verb: Callable[[ModelRegistry, Any], Any]
) -> None:
    shelf.promote("best", "1")
    shelf.promote("best", "2")
    for wrong in ("1", "9", None):
        with pytest.raises(AliasMoved) as refused:
            verb(shelf.registry(), wrong)
        assert refused.value.detail["actual_version"] == "2"
    assert shelf.alias("best") == "2"
    assert verb(shelf.registry(), "2").previous_version == "2"


def test_an_alias_that_moved_since_the_first_look_is_where_the_caller_does_not_think(simulated: SimulatedShelf) -> None:
    simulated.promote("best", "1")
    simulated.storage.acts.first("lock", after(lambda: simulated.promote("best", "2")))
    with pytest.raises(AliasMoved):
        simulated.registry().promote(TASK, MODEL, "best", "1", expected_version="1")


def test_an_alias_that_shall_be_new(shelf: Shelf) -> None:
    assert shelf.registry().promote(TASK, MODEL, "best", "1", expected_version=None).previous_version is None
    with pytest.raises(AliasMoved):
        shelf.registry().promote(TASK, MODEL, "best", "2", expected_version=None)


def test_an_alias_moves_only_if_the_event_that_moved_it_last_is_the_one_expected(shelf: Shelf) -> None:
    shelf.promote("best", "1")
    last = shelf.registry().promote(TASK, MODEL, "best", "2", actor="ada", reason="better")
    for wrong in (last.seq - 1, None):
        with pytest.raises(AliasMoved) as refused:
            shelf.registry().promote(TASK, MODEL, "best", "1", expected_seq=wrong)
        told = {"actual_version": "2", "seq": last.seq, "actor": "ada", "reason": "better"}
        assert told.items() <= refused.value.detail.items()
    assert shelf.alias("best") == "2"
    assert shelf.registry().promote(TASK, MODEL, "best", "1", expected_seq=last.seq).previous_version == "2"


def test_who_expects_an_alias_that_was_removed_is_told_by_whom(shelf: Shelf) -> None:
    shelf.promote("best", "1")
    gone = shelf.registry().unalias(TASK, MODEL, "best", actor="ada", reason="a trial")
    with pytest.raises(AliasMoved) as refused:
        shelf.registry().promote(TASK, MODEL, "best", "2", expected_version="1")
    told = {"actual_version": None, "seq": gone.seq, "actor": "ada", "reason": "a trial"}
    assert told.items() <= refused.value.detail.items()


def by_stage(registry: ModelRegistry, expected: Any) -> Any:
    return registry.stage(TASK, MODEL, "1", "staging", expected_version=expected)


@pytest.mark.parametrize(("verb", "alias"), [(by_promote, "best"), (by_rollback, "best"), (by_unalias, "best")])
@pytest.mark.parametrize("last", ["promote", "rollback", "unalias", "stage"])
def test_whoever_was_slower_is_told_of_the_other_change_whichever_it_was(
    shelf: Shelf, verb: Callable[[ModelRegistry, Any], Any], alias: str, last: str
) -> None:
    alias = "staging" if last == "stage" else alias
    verb = {"staging": by_stage}.get(alias, verb)
    shelf.promote(alias, "1")
    shelf.promote(alias, "2")
    words = {"actor": "ada", "reason": "because"}
    other: Any = {
        "promote": lambda registry: registry.promote(TASK, MODEL, alias, "2", **words),
        "rollback": lambda registry: registry.rollback(TASK, MODEL, alias, **words),
        "unalias": lambda registry: registry.unalias(TASK, MODEL, alias, **words),
        "stage": lambda registry: registry.stage(TASK, MODEL, "2", "none", **words),
    }[last](shelf.registry())
    with pytest.raises(AliasMoved) as refused:
        verb(shelf.registry(), "9")
    event = shelf.registry().history(TASK, MODEL, after=other.seq - 1).events[0]
    told = {name: refused.value.detail[name] for name in ("actor", "reason", "seq", "updated_at")}
    assert told == {**words, "seq": other.seq, "updated_at": event.ts_utc}
    assert refused.value.detail["actual_version"] == {"promote": "2", "rollback": "1"}.get(last)


def test_rollback_goes_only_to_what_the_alias_has_named(shelf: Shelf) -> None:
    shelf.register("3")
    for version in ("1", "2"):
        shelf.promote("best", version)
    with pytest.raises(VersionNotFound, match="never named"):
        shelf.registry().rollback(TASK, MODEL, "best", to_version="3")
    assert shelf.registry().rollback(TASK, MODEL, "best", to_version="1").version == "1"


def test_an_alias_names_a_version_that_is_there(shelf: Shelf) -> None:
    shelf.registry().delete(TASK, MODEL, "2", reason="wrong")
    for version in ("9", "2"):
        with pytest.raises(VersionNotFound):
            shelf.promote("best", version)
    assert shelf.alias("best") is None


def test_a_new_alias_has_a_name_that_is_nobodys(shelf: Shelf) -> None:
    shelf.registry().delete(TASK, MODEL, "2", reason="wrong")
    for alias, error in (("a..b", InvalidName), ("1", NameTaken), ("2", NameTaken)):
        with pytest.raises(error):
            shelf.promote(alias, "1")
    with pytest.raises(AliasNotFound):
        shelf.registry().unalias(TASK, MODEL, "none")


def test_the_event_says_what_the_alias_named_and_which_bytes_it_names(shelf: Shelf) -> None:
    shelf.promote("best", "1")
    shelf.registry().promote(TASK, MODEL, "best", "2", actor="ada", reason="better")
    event = shelf.events()[-1]
    digest = shelf.registry().show(TASK, f"{MODEL}@2").package_digest
    assert (event["event"], event["version"], event["previous_version"]) == ("promote", "2", "1")
    assert (event["actor"], event["reason"], event["package_digest"]) == ("ada", "better", digest)


class Guard:
    """A gate that lets no alias but one come to name anything, and says who it is."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self.asked: list[str] = []

    def judge(self, model: ModelStore, asked: Asked) -> Verdict:
        self.asked.append(asked.version)
        refusal = None if asked.alias == self._alias else InvalidParameter("The gate is shut.", field="alias")
        return Verdict(refusal, {"gate": "guard"})

    def guards(self, model: ModelStore) -> bool:
        return True


def test_what_comes_to_name_a_version_asks_the_gate(shelf: Shelf) -> None:
    guard = Guard("best")

    def move(alias: str, version: str | None) -> Move:
        return Move(alias, version, None, None)

    promote(shelf.model(), move("best", "1"), guard)
    assert shelf.events()[-1]["gate"] == "guard"
    promote(shelf.model(), move("best", "2"), guard)
    rollback(shelf.model(), move("best", None), guard)
    assert (shelf.events()[-1]["event"], shelf.events()[-1]["gate"]) == ("rollback", "guard")
    before = shelf.events()
    shelf_alias = move("shut", "1")
    with pytest.raises(InvalidParameter, match="shut"):
        promote(shelf.model(), shelf_alias, guard)
    with pytest.raises(InvalidParameter, match="shut"):
        rollback(shelf.model(), move("best", None), Guard("another"))
    assert shelf.events() == before
    with pytest.raises(NotFound):  # there is nothing to judge
        promote(shelf.model(), move("best", "9"), guard)
    assert "9" not in guard.asked


def test_the_gate_is_asked_once_of_each_change(shelf: Shelf) -> None:
    """Under the lock: what it says before that holds for nobody, and reading all that was said costs."""
    guard = Guard("production")
    promote(shelf.model(), Move("production", "1", None, None), guard)
    stage(shelf.model(), StageRequest("2", "production", None, None), guard)
    rollback(shelf.model(), Move("production", None, None, None), guard)
    assert guard.asked == ["1", "2", "1"]
