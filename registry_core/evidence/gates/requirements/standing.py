"""What is asked of the version itself: its findings, files and facts, and that it may still be used."""

from __future__ import annotations

from ...rules.policy_document import Fact, File, Findings
from ..seen import Seen
from .outcome import Outcome, listed


def judge_findings(what: Findings, seen: Seen) -> Outcome:
    needed = f"no open finding that is {listed(what.none_of, 'or')}"
    found = [one for one in seen.evidence.open_findings if one.severity in what.none_of]
    said = "; ".join(f"{one.severity}: {one.title} (finding {one.seq})" for one in found) or "There is none"
    return Outcome(not found, needed, f"{said}.", tuple(one.seq for one in found))


def judge_file(what: File, seen: Seen) -> Outcome:
    needed = f"a file {what.path}{f' of at least {what.min_bytes} bytes' if what.min_bytes else ''}"
    size = seen.sizes.get(what.path)
    if size is None:
        is_lost = what.path in seen.sizes
        return Outcome(False, needed, "It is missing from the package." if is_lost else "The version has no such file.")
    return Outcome(size >= (what.min_bytes or 0), needed, f"It has {size} bytes.")


def judge_fact(what: Fact, seen: Seen) -> Outcome:
    needed = f"files whose {what.name} is {listed(what.allowed, 'or')}"
    value = (seen.evidence.facts or {}).get(what.name)
    if not isinstance(value, str):
        return Outcome(False, needed, "Nobody has read the facts of its files: 'omr facts TASK REF --refresh' does.")
    seq = seen.evidence.facts_seq
    return Outcome(value in what.allowed, needed, f"Their {what.name} is {value}.", (seq,) if seq is not None else ())


def judge_not_archived(seen: Seen) -> Outcome:
    lifted = "It is archived. Whoever approves can take that back: the stage none, with a reason."
    return Outcome(
        not seen.is_archived, "that the version is not archived", lifted if seen.is_archived else "It is not."
    )
