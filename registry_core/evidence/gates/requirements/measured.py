"""Of a metric the newest measurement counts, and not the best: a newer worse one beats an older better one."""

from __future__ import annotations

from ...attestations.statements_of import measurements
from ...rules.policy_document import Metric, Source
from ..seen import Seen
from .outcome import Outcome, damaged, number, people


def judge(what: Metric, seen: Seen) -> Outcome:
    return _stated(what, seen) if what.source == Source.METADATA else _measured(what, seen)


def _stated(what: Metric, seen: Seen) -> Outcome:
    needed = f"{what.name} {_bound(what)}, as the version's metadata states it"
    value = seen.stated.get(what.name)
    if value is None:
        return Outcome(False, needed, f"The metadata states no number {what.name}.")
    seqs = (seen.evidence.register_seq,) if seen.evidence.register_seq is not None else ()
    return Outcome(_holds(what, value), needed, f"{number(value)}: that is the registrant's own claim.", seqs)


def _measured(what: Metric, seen: Seen) -> Outcome:
    needed = f"{what.name} {_bound(what)}{_of_what(what)}, measured by {people(what.by)}"
    found = measurements(
        seen.evidence,
        seen.statements,
        seen.trust,
        what.name,
        dataset=what.dataset,
        split=what.split,
        by=lambda person: not what.by or seen.trust.is_one_of(person, what.by),
    )
    if not found:
        return Outcome(False, needed, "None of them has measured it for this version.")
    word, value = found[-1].word, found[-1].value
    if value is None:
        return damaged(needed, [word.seq])
    said = f"{number(value.value)} by {word.person} (event {word.seq})"
    if not word.helps:
        return Outcome(False, needed, f"{said}, signed with a key that counts no longer.")
    if what.min_n is not None and (value.n is None or value.n < what.min_n):
        of = f"of {value.n} samples" if value.n is not None else "which does not say of how many samples"
        return Outcome(False, needed, f"{said}, {of}.", (word.seq,))
    return Outcome(_holds(what, value.value), needed, f"{said}.", (word.seq,))


def _holds(what: Metric, value: float) -> bool:
    if what.gte is not None:
        return value >= what.gte
    return what.lte is not None and value <= what.lte


def _bound(what: Metric) -> str:
    return f"of at least {number(what.gte)}" if what.gte is not None else f"of at most {number(what.lte or 0)}"


def _of_what(what: Metric) -> str:
    parts = (
        f" on the dataset {what.dataset}" if what.dataset is not None else "",
        f", of its split {what.split}" if what.split is not None else "",
        f", of {what.min_n} samples or more" if what.min_n is not None else "",
    )
    return "".join(parts)
