"""Approvals are of distinct people; whoever rejects a version blocks it until that is taken back or dismissed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...attestations.resolving import SERVICE
from ...attestations.statements_of import Word, reviews, who_signed
from ...rules.policy_document import Approvals, Part
from ..seen import Seen
from .outcome import Outcome, damaged, listed, people, told

_ROLES = {Part.REGISTRANT: "registered it", Part.PROMOTER: "promotes it"}


def judge(what: Approvals, seen: Seen) -> Outcome:
    noun = "approval" if what.at_least == 1 else "approvals"
    but = f", none of them {listed((_barred(role) for role in what.excluded), 'or')}" if what.excluded else ""
    needed = f"{what.at_least} {noun} by {people(what.by)}{but}"
    found = reviews(seen.evidence, seen.statements, seen.trust)
    unreadable = [word.seq for word in found.unreadable if _may_block(what, seen, word)]
    if unreadable:
        return damaged(needed, unreadable)
    rejects = [word for word in found.rejects if _may_block(what, seen, word)]
    outside = [word for word in found.rejects if word not in rejects]
    approvals = [word for word in found.approvals.values() if seen.trust.is_one_of(word.person, what.by)]
    lapsed = [word for word in approvals if not word.helps]
    barred, unknown = _excluded(what, seen)
    own = [word for word in approvals if word.helps and word.person in barred]
    counted = [word for word in approvals if word.helps and word.person not in barred]
    sentences = [
        f"{len(counted)}{f' by {told(counted)}' if counted else ''}",
        *(f"{told(rejects)} rejects it" for _ in rejects[:1]),
        *(f"the reject of {told(outside)} does not block: it is by none of {people(what.by)}" for _ in outside[:1]),
        *(f"that of {told(lapsed)} is signed with a key that counts no longer" for _ in lapsed[:1]),
        *(f"that of {told([word])} does not count, being of {barred[word.person]}" for word in own),
        *unknown,
    ]
    met = len(counted) >= what.at_least and not rejects and not unknown
    return Outcome(met, needed, f"{'; '.join(sentences)}.", tuple(sorted(word.seq for word in (*counted, *rejects))))


def _may_block(what: Approvals, seen: Seen, word: Word) -> bool:
    """Whose reject counts: those whom the requirement means, and whoever was trusted then and is not listed now."""
    return seen.trust.is_one_of(word.person, what.by) or word.person not in seen.trust.people


def _excluded(what: Approvals, seen: Seen) -> tuple[dict[str, str], list[str]]:
    """(person -> what keeps that one's approval from counting, whoever cannot be told from those who approve)."""
    barred, unknown = dict[str, str](), list[str]()
    if Part.SIGNERS in what.excluded:
        barred |= dict.fromkeys(who_signed(seen.evidence, seen.trust), _barred(Part.SIGNERS))
    for role, event in ((Part.PROMOTER, seen.promoter), (Part.REGISTRANT, seen.registrant)):
        if role not in what.excluded:
            continue
        person = seen.trust.person_of(event)
        if person is not None:
            barred[person] = _barred(role)
        else:
            unknown.append(f"who {_ROLES[role]} is {_named(event)}: the trust document knows no one person by that")
    return barred, unknown


def _barred(role: Part) -> str:
    return "a signer of it" if role == Part.SIGNERS else f"who {_ROLES[role]}"


def _named(event: Mapping[str, Any]) -> str:
    """Whom an event names, as far as it names anybody."""
    principal, actor = event.get("principal"), event.get("actor")
    if not isinstance(principal, Mapping):
        return str(actor or "nobody")
    if principal.get("iss") is not None:
        return f"{principal.get('iss')}|{principal.get('sub')}"
    # No issuer vouches for it, and a trust document names people by theirs.
    return f"{actor}, a service" if principal.get("kind") == SERVICE and actor else "nobody"
