"""A change looks, decides and commits; whatever fails on the way, what is told of it is true, and nothing is lost.

The storage is memory and a filesystem; where it must fail, or somebody else be faster, it is simulated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from registry_core import AliasNotFound, LockTimeout, NotConfigured, RegistryError, StorageUnavailable, VersionNotFound
from registry_core.models.changes import Committed, Draft, change, finish, finish_pending, pending
from registry_core.models.model import ModelStore
from registry_core.storage.contract import KeyNotFound, outcome_unknown

from ..conftest import MODEL, TASK, Shelf, SimulatedShelf, move
from ..simulated import after, away, fails, takes_effect_and_fails

BEST = f"tasks/{TASK}/models/{MODEL}/aliases/best.json"
KEPT = f"tasks/{TASK}/models/{MODEL}/deleted/1/sha256sums.txt"


def decide(draft: Draft) -> Callable[[object], Draft]:
    return lambda _: draft


def commit(shelf: Shelf, draft: Draft, lock_timeout_s: float = 10.0) -> Mapping[str, Any]:
    return change(shelf.model(lock_timeout_s), lambda: None, decide(draft)).event


# looks and decisions


def test_it_is_looked_at_once_without_the_lock_and_once_with_it(shelf: Shelf) -> None:
    held: list[bool] = []

    def look() -> int:
        try:
            with shelf.model(lock_timeout_s=0.01).lock():
                held.append(False)
        except LockTimeout:
            held.append(True)
        return len(held)

    done = change(shelf.model(), look, decide(move("best", "1")))
    assert held == [False, True]
    assert done == Committed(shelf.events()[-1], seen=2)
    assert shelf.alias("best") == "1"
    shelf.assert_whole("1", "2")


def test_what_the_look_under_the_lock_sees_decides(simulated: SimulatedShelf) -> None:
    simulated.promote("best", "1")
    simulated.storage.acts.first("lock", after(lambda: simulated.promote("best", "2")))
    assert simulated.promote("best", "1").previous_version == "2"
    simulated.storage.acts.first("lock", after(lambda: simulated.registry().unalias(TASK, MODEL, "best")))
    with pytest.raises(AliasNotFound):
        simulated.registry().unalias(TASK, MODEL, "best")


@pytest.mark.parametrize("asked", [1, 2])
def test_it_is_asked_before_the_lock_and_before_the_event_whether_it_may_be(
    simulated: SimulatedShelf, asked: int
) -> None:
    calls: list[str] = []
    before = simulated.events()

    def refuse_then() -> None:
        calls.append("asked")
        if len(calls) == asked:
            raise NotConfigured("Another root.", reason="root_changed")

    model = ModelStore(simulated.storage, TASK, MODEL, 1.0, before_change=refuse_then)
    done = simulated.storage.acts.during(lambda: change(model, lambda: None, decide(move("best", "1"))))
    assert len(calls) == asked
    assert ("lock" in done, "append" in done) == (asked == 2, False)
    assert simulated.events() == before


@pytest.mark.parametrize("end", ["a refusal", "an answer"])
def test_what_comes_to_nothing_takes_no_lock_and_writes_nothing(simulated: SimulatedShelf, end: str) -> None:
    def come_to_nothing(_: object) -> Draft | str:
        if end == "a refusal":
            raise VersionNotFound("There is none.")
        return "the answer"

    calls = simulated.storage.acts.during(lambda: change(simulated.model(), lambda: None, come_to_nothing))
    assert not {"lock", "append", "prepare"} & set(calls)
    assert "probe" in calls


@pytest.mark.parametrize("meanwhile", [True, False], ids=["another's change came", "it was seen in its middle"])
def test_a_refusal_by_what_never_was_at_one_moment_is_none(shelf: Shelf, meanwhile: bool) -> None:
    """The look fell into another's change: it is looked again, and if that goes on, with the model held."""
    looks: list[None] = []

    def look() -> None:
        looks.append(None)
        if meanwhile and len(looks) < 3:
            shelf.registry().promote(TASK, MODEL, f"other-{len(looks)}", "1")
        if len(looks) < (3 if meanwhile else 2):
            raise VersionNotFound("Its bytes are on their way.")

    assert isinstance(change(shelf.model(), look, decide(move("best", "1"))), Committed)
    assert len(looks) == 3


def test_an_answer_under_the_lock_changes_nothing(shelf: Shelf) -> None:
    before, decisions = shelf.events(), iter([move("best", "1"), "somebody else has done it"])
    assert change(shelf.model(), lambda: None, lambda _: next(decisions)) == "somebody else has done it"
    assert shelf.events() == before


@pytest.mark.parametrize("call", ["probe", "check_guarantees"])
def test_a_storage_that_cannot_be_trusted_is_not_even_looked_at(simulated: SimulatedShelf, call: str) -> None:
    looks: list[None] = []
    simulated.storage.acts.first(call, fails(NotConfigured("Not this one.")))
    with pytest.raises(NotConfigured):
        change(simulated.model(), lambda: looks.append(None), decide(move("best", "1")))
    assert looks == []


# somebody else is faster


def test_an_append_that_another_writer_wins_is_decided_anew(simulated: SimulatedShelf) -> None:
    """A storage without locks: the other takes the place in the journal between the look and the append."""
    simulated.storage.acts.first("append", after(lambda: simulated.append(move("best", "2", "the other"))))
    done = simulated.promote("best", "1")
    assert [event.get("reason") for event in simulated.events()[-2:]] == ["the other", None]
    assert (done.previous_version, done.seq) == ("2", simulated.events()[-1]["seq"])
    assert simulated.alias("best") == "1"
    simulated.assert_whole()


def test_who_always_comes_second_is_told_when_the_time_is_up(simulated: SimulatedShelf) -> None:
    first = after(lambda: simulated.append(move("best", "2", "the other")))
    # The other's own append meets the second of each pair.
    simulated.storage.acts.first("append", *[first, lambda real: real()] * 100)
    with pytest.raises(LockTimeout, match="kept coming first") as refused:
        commit(simulated, move("best", "1", "ours"), lock_timeout_s=0.1)
    assert refused.value.detail["retry_after_s"] > 0
    assert "ours" not in [event["reason"] for event in simulated.events()]
    assert len([event for event in simulated.events() if event["reason"] == "the other"]) > 1


def test_two_like_changes_are_two_attempts(shelf: Shelf) -> None:
    made = [commit(shelf, move("best", "1"))["attempt"] for _ in range(2)]
    assert len(set(made)) == 2


# before the event


def test_space_is_reserved_before_the_event(shelf: Shelf) -> None:
    before = shelf.events()

    def full() -> None:
        assert shelf.events() == before
        raise away()

    with pytest.raises(StorageUnavailable):
        change(shelf.model(), lambda: None, decide(move("best", "1")), reserve=full)
    assert shelf.events() == before


def test_a_document_that_an_event_names_is_there_before_it(simulated: SimulatedShelf) -> None:
    def look(real: Callable[[], None]) -> None:
        assert simulated.storage.state.documents[KEPT] == b"kept"
        real()

    simulated.storage.acts.first("append", look)
    commit(simulated, Draft("tag", "1", None, None, beside={KEPT: b"kept"}))
    assert simulated.storage.state.documents[KEPT] == b"kept"


def test_nothing_is_left_of_an_append_that_failed_for_certain(simulated: SimulatedShelf) -> None:
    before = simulated.events()
    simulated.storage.acts.first("append", fails(away()))
    draft = Draft("promote", "1", None, None, alias="best", beside={KEPT: b"kept"})
    with pytest.raises(StorageUnavailable) as failed:
        commit(simulated, draft)
    assert "committed" not in failed.value.detail
    assert simulated.events() == before
    assert not {KEPT, BEST} & simulated.storage.state.documents.keys()
    assert simulated.storage.acts.open_writes == set()


def test_nothing_is_left_of_a_registration_whose_append_failed_for_certain(simulated: SimulatedShelf) -> None:
    simulated.storage.acts.first("append", fails(away()))
    with pytest.raises(StorageUnavailable) as failed:
        simulated.register("3")
    assert "committed" not in failed.value.detail
    assert simulated.storage.state.attempts == {}
    assert simulated.register("3").version == "3"


# an append of which nobody knows whether it took effect


def test_an_append_that_took_effect_is_a_success_though_it_failed(simulated: SimulatedShelf) -> None:
    simulated.storage.acts.first("append", takes_effect_and_fails(outcome_unknown()))
    assert simulated.register("3", set_alias="best").version == "3"
    assert simulated.alias("best") == "3"
    simulated.assert_whole("3")


def test_an_append_that_comes_true_later_finds_its_bytes(simulated: SimulatedShelf) -> None:
    """The request was on its way when the answer was lost: nothing that its event names may be thrown away."""
    late: list[Callable[[], None]] = []

    def lost(real: Callable[[], None]) -> None:
        late.append(real)
        raise outcome_unknown()

    simulated.storage.acts.first("append", lost)
    with pytest.raises(StorageUnavailable) as failed:
        simulated.register("3", set_alias="best")
    assert failed.value.detail["committed"] is None
    late[0]()
    assert simulated.registry().sweep(0).finished == [f"{TASK}/{MODEL}"]
    assert simulated.alias("best") == "3"
    simulated.assert_whole("3")


def test_what_an_event_names_stays_where_its_append_may_have_taken_effect(simulated: SimulatedShelf) -> None:
    simulated.storage.acts.first("append", fails(outcome_unknown()))
    with pytest.raises(StorageUnavailable) as failed:
        commit(simulated, Draft("tag", "1", None, None, beside={KEPT: b"kept"}))
    assert failed.value.detail["committed"] is None
    assert simulated.storage.state.documents[KEPT] == b"kept"


def test_another_writers_event_is_not_taken_for_ours(simulated: SimulatedShelf) -> None:
    def lost(real: Callable[[], None]) -> None:
        simulated.append(move("best", "2", "the other"))
        raise outcome_unknown()

    simulated.storage.acts.first("append", lost)
    with pytest.raises(StorageUnavailable) as failed:
        commit(simulated, move("best", "1", "ours"))
    assert failed.value.detail["committed"] is None
    assert simulated.events()[-1]["reason"] == "the other"


def test_a_store_that_stays_away_leaves_the_outcome_unknown(simulated: SimulatedShelf) -> None:
    def lost(real: Callable[[], None]) -> None:
        real()
        simulated.storage.acts.first("record", fails(away()))
        raise outcome_unknown()

    simulated.storage.acts.first("append", lost)
    with pytest.raises(StorageUnavailable) as failed:
        commit(simulated, move("best", "1"))
    assert failed.value.detail["committed"] is None
    assert finish_pending(simulated.model())
    assert simulated.alias("best") == "1"


# after the event


def in_the_way(shelf: SimulatedShelf) -> None:
    shelf.storage.state.packages[f"tasks/{TASK}/models/{MODEL}/versions/3"] = {"model.pt": b"of somebody else"}


def swept_away(shelf: SimulatedShelf) -> None:
    shelf.storage.state.attempts.clear()


@pytest.mark.parametrize("befalls", [in_the_way, swept_away])
def test_bytes_that_cannot_be_published_after_the_event_are_a_recorded_change(
    simulated: SimulatedShelf, befalls: Callable[[SimulatedShelf], None]
) -> None:
    simulated.storage.acts.first("append", after(lambda: befalls(simulated)))
    with pytest.raises(StorageUnavailable) as failed:
        simulated.register("3")
    assert (failed.value.detail["committed"], failed.value.detail["seq"]) == (True, simulated.events()[-1]["seq"])
    assert simulated.promote("best", "1").version == "1"  # the model stays usable


@pytest.mark.parametrize("call", ["publish", "switch"])
@pytest.mark.parametrize("error", [away(), KeyNotFound("gone"), LockTimeout("of something else", retry_after_s=1)])
def test_what_fails_after_the_event_says_that_the_change_stands(
    simulated: SimulatedShelf, call: str, error: Exception
) -> None:
    def fails_next(real: Callable[[], None]) -> None:
        real()
        simulated.storage.acts.first(call, fails(error))

    simulated.storage.acts.first("append", fails_next)
    with pytest.raises(StorageUnavailable) as failed:
        simulated.register("3", set_alias="best")
    assert (failed.value.detail["committed"], failed.value.detail["seq"]) == (True, simulated.events()[-1]["seq"])
    assert simulated.events()[-1]["version"] == "3"
    assert pending(simulated.model())
    assert simulated.promote("other", "1").seq == simulated.events()[-2]["seq"] + 1
    assert simulated.alias("best") == "3"
    simulated.assert_whole("3")


def test_an_answer_that_cannot_be_read_after_the_event_says_that_the_change_stands(simulated: SimulatedShelf) -> None:
    def gone(real: Callable[[], None]) -> None:
        real()
        del simulated.storage.state.packages[f"tasks/{TASK}/models/{MODEL}/versions/3"]

    simulated.storage.acts.first("publish", gone)
    with pytest.raises(StorageUnavailable) as failed:
        simulated.register("3")
    assert failed.value.detail["committed"] is True


def test_followers_hear_of_each_change_and_cannot_undo_it(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    def follower(model: object) -> None:
        told.append(str(shelf.alias("best")))
        raise RuntimeError("the follower is broken")

    done = change(shelf.model(told=follower), lambda: None, decide(move("best", "1")))
    assert (told, shelf.events()[-1]) == (["1"], done.event)
    assert "a follower failed" in caplog.text


# what a crash left


def test_a_crash_right_after_the_event_is_finished_by_the_next_change(shelf: Shelf) -> None:
    shelf.append(move("best", "2"))
    assert shelf.alias("best") is None
    assert len(pending(shelf.model())) == 1
    assert shelf.promote("best", "1").previous_version == "2"
    assert pending(shelf.model()) == []
    shelf.assert_whole("1", "2")


def test_a_package_that_a_crash_left_staged_is_published_by_the_next_change(simulated: SimulatedShelf) -> None:
    simulated.storage.acts.first("publish", fails(away()))
    with pytest.raises(StorageUnavailable):
        simulated.register("3")
    assert not simulated.model().has_version("3")
    simulated.promote("best", "1")
    simulated.assert_whole("3")


def test_what_a_crash_left_refuses_no_change_that_is_right(shelf: Shelf) -> None:
    """The alias is made, though its document does not show it yet: so it can be removed."""
    shelf.append(move("best", "2"))
    assert shelf.registry().unalias(TASK, MODEL, "best").previous_version == "2"


def test_a_change_that_was_wrong_is_refused_after_what_a_crash_left(shelf: Shelf) -> None:
    shelf.append(move("best", "2"))
    with pytest.raises(AliasNotFound):
        shelf.registry().unalias(TASK, MODEL, "other")
    assert shelf.alias("best") == "2"


def test_what_another_wrote_is_durable_before_it_is_shown(forgetful: SimulatedShelf) -> None:
    """Its writer may have died before its own fsync: a power cut must not take back what readers have seen."""
    forgetful.append(move("best", "2"))
    calls = forgetful.storage.acts.during(lambda: finish_pending(forgetful.model()))
    assert calls.index("sync") < calls.index("prepare")


def test_nothing_is_synced_where_nothing_is_pending(forgetful: SimulatedShelf) -> None:
    assert "sync" not in forgetful.storage.acts.during(lambda: finish(forgetful.model()))


def test_finishing_says_whether_there_was_anything_and_takes_the_lock(shelf: Shelf) -> None:
    assert not finish_pending(shelf.model())
    shelf.append(move("best", "2"))
    with shelf.model().lock(), pytest.raises(LockTimeout):
        finish_pending(shelf.model(lock_timeout_s=0.01))
    assert shelf.alias("best") is None
    assert finish_pending(shelf.model())
    assert not finish_pending(shelf.model())
    assert shelf.alias("best") == "2"


def test_a_move_by_older_software_since_the_crash_stays(shelf: Shelf) -> None:
    """Its document has no number and, by a clock that is behind, an earlier time; its line in the journal counts."""
    event = shelf.append(move("best", "2"))
    shelf.append(move("other", "2"))
    older = {"alias": "best", "version": "1", "updated_at": "2020-01-01T00:00:00+00:00"}
    line = {"alias": "best", "version": "1", "ts_utc": "2020-01-01T00:00:00+00:00"}
    shelf.storage.documents.append(shelf.model().keys.journal, json.dumps(line).encode(), event["seq"] + 2)
    shelf.storage.documents.write(BEST, json.dumps(older).encode())
    # Of two events that a crash left only the last can be unfinished.
    assert pending(shelf.model()) == ["alias other does not name 2 yet"]
    shelf.promote("third", "1")
    assert (shelf.alias("best"), shelf.alias("other")) == ("1", "2")


def test_a_move_by_older_software_of_the_very_alias_is_not_pending(shelf: Shelf) -> None:
    event = shelf.append(move("best", "2"))
    line = {"alias": "best", "version": "1", "ts_utc": "2020-01-01T00:00:00+00:00"}
    shelf.storage.documents.append(shelf.model().keys.journal, json.dumps(line).encode(), event["seq"] + 1)
    shelf.storage.documents.write(
        BEST, json.dumps({"version": "1", "updated_at": "2020-01-01T00:00:00+00:00"}).encode()
    )
    assert pending(shelf.model()) == []
    shelf.promote("other", "1")
    assert shelf.alias("best") == "1"


def test_a_registration_that_a_crash_swallowed_is_answered_by_its_repeat(
    simulated: SimulatedShelf, tmp_path: Path
) -> None:
    simulated.storage.acts.first("publish", fails(away()))
    with pytest.raises(StorageUnavailable):
        simulated.register("3", idempotency_key="k")
    assert simulated.register("3", idempotency_key="k").version == "3"
    with pytest.raises(RegistryError):
        simulated.register("4", idempotency_key="k")
