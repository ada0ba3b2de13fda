"""Signatures, and attestations of any type: the last one of each person who is meant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...attestations.statements_of import Word, attestations, signatures
from ...rules.policy_document import Attestation, Covers, Signature
from ..seen import Seen
from .outcome import Outcome, damaged, listed, people, told

_ABSENT = object()


def judge_signature(what: Signature, seen: Seen) -> Outcome:
    """At least one person's last signature counts now."""
    is_whole = what.covers == Covers.PACKAGE
    needed = f"a signature by {people(what.by)}{' that covers the whole package, metadata too' if is_whole else ''}"
    signed = signatures(seen.evidence, seen.trust, Covers.PACKAGE if is_whole else None)
    meant = [word for person, word in signed.items() if seen.trust.is_one_of(person, what.by)]
    counting = [word for word in meant if word.helps]
    whole = [word for word in counting if _is_intact(seen, word)]
    if whole:
        return Outcome(True, needed, f"Signed by {told(whole)}.", tuple(sorted(word.seq for word in whole)))
    if counting:
        return damaged(needed, (word.seq for word in counting))
    if meant:
        return Outcome(False, needed, f"Signed by {told(meant)}, with a key that counts no longer.")
    others = told(word for word in signatures(seen.evidence, seen.trust).values())
    return Outcome(False, needed, f"Signed by {others} only." if others else "It has no signature that counted.")


def _is_intact(seen: Seen, word: Word) -> bool:
    """What was found at register, or lies in the package, is held by its digest."""
    return word.attested is None or word.attested.from_package is not None or seen.intact.get(word.seq, False)


def judge_attestation(what: Attestation, seen: Seen) -> Outcome:
    """There is one that counts now, and the last of each person who is meant says what is asked for."""
    asked = listed((f"{path} is {json.dumps(value)}" for path, value in sorted(what.where.items())), "and")
    needed = f"an attestation {what.predicate_type} by {people(what.by)}{f' where {asked}' if asked else ''}"
    last = attestations(seen.evidence, seen.statements, seen.trust, what.predicate_type)
    meant = [word for person, word in sorted(last.items()) if seen.trust.is_one_of(person, what.by)]
    unreadable = [word.seq for word in meant if word.is_damaged]
    if unreadable:
        return damaged(needed, unreadable)
    differing = [word for word in meant if not _says(word, what.where)]
    held = [word for word in meant if word not in differing and word.helps]
    lapsed = [word for word in meant if word not in differing and not word.helps]
    sentences = [
        *(f"that of {told(held)} does" for _ in held[:1]),
        *(f"that of {told(differing)} says otherwise" for _ in differing[:1]),
        *(f"that of {told(lapsed)} is signed with a key that counts no longer" for _ in lapsed[:1]),
    ]
    met = bool(held) and not differing
    found = "; ".join(sentences) or "there is none"
    return Outcome(
        met, needed, f"{found[0].upper()}{found[1:]}.", tuple(sorted(word.seq for word in (*held, *differing)))
    )


def _says(word: Word, where: Mapping[str, Any]) -> bool:
    predicate = word.statement.predicate if word.statement is not None else {}
    return all(_is(_at(predicate, path), value) for path, value in where.items())


def _at(predicate: Mapping[str, Any], path: str) -> Any:
    """What stands there, through objects."""
    found: Any = predicate
    for part in path.split("."):
        found = found.get(part, _ABSENT) if isinstance(found, Mapping) else _ABSENT
    return found


def _is(found: Any, wanted: Any) -> bool:
    """Equal in type and value: true is not 1, and "1" is neither; 1 and 1.0 are one number."""
    return _kind(found) == _kind(wanted) != "" and bool(found == wanted)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number" if isinstance(value, int | float) else ""
