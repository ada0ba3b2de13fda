"""What an operator has mended. Each repair says first what it would do, and its event says what it did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from ..format.chain import Line
from ..format.events import REPAIR
from ..models import lost_end
from ..models.changes import Committed, Draft, change
from ..models.journal import CLOCK, CLOCKS_DIFFER_BY
from ..models.lost_end import LostEnd
from ..models.model import ModelStore
from ..models.timeline import effective_times
from ..packages import contents
from ..packages.strays import of_version
from ..storage.contract import PreconditionFailed
from ..vocabulary.errors import StorageUnavailable
from ..vocabulary.reports import Repair
from ..vocabulary.texts import check_words, escaped

S = TypeVar("S")


def journal(model: ModelStore, *, accept_loss: bool, actor: str | None, reason: str | None) -> Repair:
    """The journal goes on after the events that are lost, if ``accept_loss``; else what that would mean.

    What no event stands in is set aside. Documents stay as they are, and names that they, packages or graves show
    stay taken. Raises ``JournalCorrupt``, ``StorageError``.
    """
    check_words(actor, reason)
    found = lost_end.find(model)
    if found is None or not accept_loss:
        return _of_journal(model, found, None)
    try:
        with model.lock():
            found = lost_end.find(model)
            event = lost_end.go_on(model, found, actor=actor, reason=reason) if found is not None else None
    except PreconditionFailed:
        raise StorageUnavailable(
            f"Somebody else changed the journal of {model.title} at the same time. Look at it again.", retry_after_s=1
        ) from None
    model.changed()
    return _of_journal(model, found, event)


def clock(model: ModelStore, *, is_wanted: bool, actor: str | None, reason: str | None) -> Repair:
    """The journal says that it is now, whatever its last events claim, if ``is_wanted``.

    From then on they count as having happened before. Raises ``StorageError``.
    """
    check_words(actor, reason)

    def look() -> list[Line]:
        return events_ahead(list(model.journal.lines()))

    def decide(ahead: list[Line]) -> Draft | Repair:
        if not ahead or not is_wanted:
            return Repair(CLOCK, model.title, _steps_of_clock(ahead), False)
        nothing: dict[str, Any] = {"paths": [], "lost_from": None, "lost_to": None, "shown_by": None}
        return Draft(REPAIR, None, actor, reason, own={"repaired": CLOCK, **nothing})

    done = _proposed_or_done(model, look, decide, is_wanted=is_wanted)
    if isinstance(done, Repair):
        return done
    return Repair(CLOCK, model.title, _steps_of_clock(done.seen), True, done.event["seq"])


def _steps_of_clock(ahead: list[Line]) -> list[str]:
    if not ahead:
        return []
    which = f"event {ahead[0].seq}" if len(ahead) == 1 else f"events {ahead[0].seq} to {ahead[-1].seq}"
    return [
        f"{which} say {ahead[-1].get('ts_utc')}, which is later than now; they count as having happened before now",
        f"event {ahead[-1].seq + 1} says when that was, and the model can be changed again",
    ]


def _proposed_or_done(
    model: ModelStore, look: Callable[[], S], decide: Callable[[S], Draft | Repair], *, is_wanted: bool
) -> Committed[S] | Repair:
    """What ``decide`` says of what is seen; it is a proposal, which writes nothing, where no change is wanted."""
    if is_wanted:
        return change(model, look, decide)
    proposed = decide(look())
    assert isinstance(proposed, Repair)
    return proposed


def events_ahead(lines: list[Line]) -> list[Line]:
    """Our events that say that they were made later than now, and that no later one puts right."""
    now = datetime.now(UTC)
    times = zip(lines, effective_times(lines), strict=True)
    return [line for line, when in times if line.is_own and when is not None and when - now > CLOCKS_DIFFER_BY]


def _of_journal(model: ModelStore, found: LostEnd | None, event: dict[str, Any] | None) -> Repair:
    if found is None:
        return Repair("journal", model.title, [], False)
    end = found.lost_from - 1
    count = found.lost_to - end
    left = f"events 1 to {end} are left" if end else "nothing is left"
    which = f"{found.lost_from} to {found.lost_to}, the last of which {found.shown_by} shows; {left}"
    steps = [f"{count} {'event is' if count == 1 else 'events are'} given up: {which}"]
    if found.has_rest:
        steps.append("what stands behind the last event is set aside beside the journal")
    steps.append(f"event {found.lost_to + 1} records it, and the model can be changed again")
    lost = (found.lost_from, found.lost_to, found.shown_by)
    if event is None:
        return Repair("journal", model.title, steps, False, None, [], *lost)
    return Repair("journal", model.title, steps, True, event["seq"], event["paths"], *lost)


STRAYS = ".strays"  # no part of the format


def strays(model: ModelStore, *, is_wanted: bool, actor: str | None, reason: str | None) -> Repair:
    """What was never registered is moved out of the model's packages, if ``is_wanted``; else which files that are.

    They are below ``.strays`` in the root from then on. Raises ``PackageCorrupt``, ``StorageError``.
    """
    check_words(actor, reason)

    def look() -> list[tuple[str, str]]:
        return [
            (version, path)
            for version in model.versions()
            if model.registered(version) is not None
            for path in of_version(model, version, contents.manifest_hashes(model, version))
        ]

    def places(found: list[tuple[str, str]]) -> list[str]:
        return [escaped(f"versions/{version}/{path}") for version, path in found]

    def decide(found: list[tuple[str, str]]) -> Draft | Repair:
        steps = [f"{place} moves to {STRAYS}/{escaped(model.title)}/" for place in places(found)]
        if not found or not is_wanted:
            return Repair("strays", model.title, steps, False)
        return Draft(REPAIR, None, actor, reason, own={"repaired": "strays", "paths": places(found)})

    done = _proposed_or_done(model, look, decide, is_wanted=is_wanted)
    if isinstance(done, Repair):
        return done
    for version, path in done.seen:
        target = f"{STRAYS}/{model.keys.task}/{model.keys.model_name}/{version}/{path}"
        model.storage.packages.set_aside(model.keys.package(version), path, target)
    steps = [f"{place} moved to {STRAYS}/{escaped(model.title)}/" for place in places(done.seen)]
    return Repair("strays", model.title, steps, True, done.event["seq"], places(done.seen))
