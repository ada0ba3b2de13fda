"""What an operator has mended. Each repair says first what it would do, and its event says what it did."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from ..format.chain import Line
from ..format.events import REPAIR
from ..models import due, lost_end, projections, proof
from ..models.changes import Committed, Draft, change, standing
from ..models.due import Due
from ..models.journal import CLOCK, Subject
from ..models.lost_end import LostEnd
from ..models.model import ModelStore
from ..packages import contents
from ..packages.strays import of_version
from ..storage.contract import PreconditionFailed
from ..vocabulary.errors import RegistryError, StorageUnavailable
from ..vocabulary.reports import Finding, Repair
from ..vocabulary.texts import check_words, escaped

S = TypeVar("S")
_NO_LOSS: dict[str, Any] = {"lost_from": None, "lost_to": None, "shown_by": None}


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


def clock(model: Subject, *, is_wanted: bool, actor: str | None, reason: str | None) -> Repair:
    """The journal says that it is now, whatever its last events claim, if ``is_wanted``.

    From then on they count as having happened before. Raises ``StorageError``.
    """
    check_words(actor, reason)

    def look() -> list[Line]:
        return [line for line in proof.events_ahead(model.journal.lines()) if line.is_own]

    def decide(ahead: list[Line]) -> Draft | Repair:
        if not ahead or not is_wanted:
            return Repair(CLOCK, model.title, _steps_of_clock(ahead), False)
        return Draft(REPAIR, None, actor, reason, own={"repaired": CLOCK, "paths": [], **_NO_LOSS})

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
        f"event {ahead[-1].seq + 1} says when that was, and changes are made again",
    ]


def _proposed_or_done(
    model: Subject, look: Callable[[], S], decide: Callable[[S], Draft | Repair], *, is_wanted: bool
) -> Committed[S] | Repair:
    """What ``decide`` says of what is seen; it is a proposal, which writes nothing, where no change is wanted."""
    if is_wanted:
        return change(model, look, decide)
    proposed = decide(look())
    assert isinstance(proposed, Repair)
    return proposed


_OF_DOCUMENTS = {
    *("alias_damaged", "alias_differs", "alias_missing", "alias_without_version", "document_differs"),
    *("state_damaged", "state_differs", "state_missing", "tombstone_damaged", "tombstone_missing"),
    *("ownership_damaged", "ownership_differs", "ownership_missing"),
    *("evidence_damaged", "evidence_differs", "evidence_missing"),
}


def with_remedies(model: ModelStore, findings: list[Finding]) -> list[Finding]:
    """The findings about documents with the command that mends them, where that would find something to mend."""
    if not any(finding.code in _OF_DOCUMENTS for finding in findings):
        return findings
    commands: dict[str, str] = {}
    for kind, find in (("documents", due.documents), ("tombstones", due.graves)):
        with suppress(RegistryError):  # of a journal that proves nothing no document is made
            command = f"omr repair {kind} {model.title}"
            commands |= {where: command for one in find(model) for where in _named(model, one)}
    return [
        replace(finding, command=commands.get(finding.where)) if finding.code in _OF_DOCUMENTS else finding
        for finding in findings
    ]


def _named(model: ModelStore, one: Due) -> tuple[str, ...]:
    """What findings about the document call it."""
    kind, _, rest = one.path.removesuffix(".json").partition("/")
    if not rest:
        return (f"{model.title} {kind}",)
    name, *_ = rest.split("/")
    names = {
        "aliases": (f" alias {name}",),
        "state": (f" state of {name}",),
        "evidence": (f" evidence of {name}",),
    }
    return tuple(model.title + found for found in names.get(kind, (f"@{name}", f" tombstone {name}")))


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


@dataclass(frozen=True)
class Mend:
    """One thing that is wrong: its ``path`` below the model's directory, what becomes of it, and how."""

    path: str
    becomes: str
    do: Callable[[], None]

    def step(self) -> str:
        return f"{escaped(self.path)} {self.becomes}"


def _mended(
    kind: str,
    model: ModelStore,
    look: Callable[[], list[Mend]],
    *,
    is_wanted: bool,
    words: tuple[str | None, str | None],
) -> Repair:
    """All that is found, mended after an event that names it, if ``is_wanted``; else what that would be.

    Whoever dies in between has mended a part, and finds the rest the next time.
    """
    check_words(*words)

    def decide(found: list[Mend]) -> Draft | Repair:
        if not found or not is_wanted:
            return Repair(kind, model.title, [one.step() for one in found], False)
        return Draft(
            REPAIR, None, *words, own={"repaired": kind, "paths": [escaped(one.path) for one in found], **_NO_LOSS}
        )

    done = _proposed_or_done(model, look, decide, is_wanted=is_wanted)
    if isinstance(done, Repair):
        return done
    with standing(model, done.event), model.lock():
        for one in done.seen:
            one.do()
    steps = [one.step() for one in done.seen]
    return Repair(kind, model.title, steps, True, done.event["seq"], list(done.event["paths"]))


def documents(model: ModelStore, *, is_wanted: bool, actor: str | None, reason: str | None) -> Repair:
    """The documents of aliases, states and the owner are what the journal says, if ``is_wanted``; else which are not.

    Raises ``JournalCorrupt`` where the journal itself was changed, ``StorageError``.
    """
    return _mended(
        "documents", model, lambda: _written_anew(model, due.documents), is_wanted=is_wanted, words=(actor, reason)
    )


def tombstones(model: ModelStore, *, is_wanted: bool, actor: str | None, reason: str | None) -> Repair:
    """Tombstones are what the journal says, if ``is_wanted``; else which are not. Raises as :func:`documents`."""
    return _mended(
        "tombstones", model, lambda: _written_anew(model, due.graves), is_wanted=is_wanted, words=(actor, reason)
    )


def _written_anew(model: ModelStore, find: Callable[[ModelStore], list[Due]]) -> list[Mend]:
    def mend(one: Due) -> None:
        # What other replicas have done since has its own event, which is later.
        for still in find(model):
            if still.path == one.path:
                projections.rewrite(model.storage, still.projection)

    return [
        Mend(
            one.path,
            f"is what event {one.seq} says, written anew from the journal"
            if one.has_event
            else "is removed: no event has made it",
            partial(mend, one),
        )
        for one in find(model)
    ]


def seals(model: ModelStore, *, is_wanted: bool, actor: str | None, reason: str | None) -> Repair:
    """Directories of registered packages are read-only again, if ``is_wanted``; else which are not.

    What is in them is left alone: a verify tells whether somebody has used the chance. Raises ``StorageError``.
    """
    packages = model.storage.packages

    def look() -> list[Mend]:
        return [
            Mend(f"versions/{version}", "is read-only again", partial(packages.reseal, model.keys.package(version)))
            for version in model.versions()
            if not packages.sealed(model.keys.package(version)) and _is_registered(model, version)
        ]

    return _mended("seals", model, look, is_wanted=is_wanted, words=(actor, reason))


def _is_registered(model: ModelStore, version: str) -> bool:
    """Whether it was registered here; older software rewrites its own packages in place, adopted or not."""
    line = model.registered(version)
    return line is not None and not line.get("adopted")


STRAYS = ".strays"  # no part of the format


def strays(model: ModelStore, *, is_wanted: bool, actor: str | None, reason: str | None) -> Repair:
    """What was never registered is moved out of the model's packages, if ``is_wanted``; else which files that are.

    They are below ``.strays`` in the root from then on. Raises ``PackageCorrupt``, ``StorageError``.
    """

    def look() -> list[Mend]:
        return [
            Mend(
                f"versions/{version}/{path}",
                f"moves to {STRAYS}/{escaped(model.title)}/",
                partial(
                    model.storage.packages.set_aside, model.keys.package(version), path, f"{home}/{version}/{path}"
                ),
            )
            for version in model.versions()
            if model.registered(version) is not None
            for path in of_version(model, version, contents.manifest_hashes(model, version))
        ]

    home = f"{STRAYS}/{model.keys.task}/{model.keys.model_name}"
    return _mended("strays", model, look, is_wanted=is_wanted, words=(actor, reason))
