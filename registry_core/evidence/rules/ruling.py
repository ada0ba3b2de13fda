"""How the trust document and policies come to hold, and cease to: each is one event of the registry's own journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ...format.events import POLICY, TRUST
from ...models.changes import Committed, Draft, change
from ...models.named_documents import beside
from ...models.registry_journal import RegistryJournal
from ...vocabulary.errors import Conflict
from ...vocabulary.evidence_errors import PolicyMoved, PolicyNotFound, TrustMoved
from ...vocabulary.rules import RuleChange
from ...vocabulary.texts import check_words, digest, printable
from . import policy_grammar, rulebook, trust_document
from .rulebook import Rulebook, Setting, title_of

Words = tuple[str | None, str | None]  # actor, reason


@dataclass(frozen=True)
class _Seen:
    rules: Rulebook
    beside: Mapping[str, bytes]


def set_trust(journal: RegistryJournal, data: bytes, *, expected_seq: int | None, words: Words) -> RuleChange:
    """What the document says is whose holds, and nothing else. Nothing is written where it holds already.

    ``expected_seq``: the event of the document that is to be replaced, 0 for none; None: whichever it is. What is to be
    replaced need not be readable. Raises ``TrustInvalid``, ``TrustMoved``, ``PolicyUnreadable`` where the journal is
    not whole, ``InvalidParameter``, ``NotConfigured``, ``JournalCorrupt``, ``StorageError``.
    """
    check_words(*words)
    trust_document.parse(data, datetime.now(UTC))
    return _set(journal, None, data, expected_seq, Draft(TRUST, None, *words, own={"document": digest(data)}))


def set_policy(
    journal: RegistryJournal, task: str, data: bytes, *, expected_seq: int | None, words: Words
) -> RuleChange:
    """The policy of the task, or of all (``*``), is that of the document. Else as :func:`set_trust`.

    Raises ``PolicyInvalid``, ``PolicyMoved``.
    """
    check_words(*words)
    policy_grammar.parse(data, task)
    own = {"policy": task, "document": digest(data)}
    return _set(journal, task, data, expected_seq, Draft(POLICY, None, *words, own=own))


def clear_policy(journal: RegistryJournal, task: str, *, expected_seq: int | None, words: Words) -> RuleChange:
    """The task, or all (``*``), has no policy any more. Raises ``PolicyNotFound`` where it has none, and as above."""
    check_words(*words)
    policy_grammar.check_task(task)

    def decide(rules: Rulebook) -> Draft:
        last = _expected(rules, task, expected_seq)
        if last.document is None and not rules.is_unknown(task):
            raise not_found(task)
        return Draft(POLICY, None, *words, own={"policy": task, "document": None})

    done = change(journal, lambda: rulebook.read(journal), decide)
    return RuleChange(done.event["seq"], None)


def not_found(task: str) -> PolicyNotFound:
    return PolicyNotFound(f"No policy of {printable(task)!r} holds.", task=printable(task))


def _set(
    journal: RegistryJournal, policy: str | None, data: bytes, expected_seq: int | None, draft: Draft
) -> RuleChange:
    def look() -> _Seen:
        return _Seen(rulebook.read(journal), beside(journal.storage, data))

    def decide(seen: _Seen) -> Draft | RuleChange:
        last = _expected(seen.rules, policy, expected_seq)
        if last.document == named and not seen.beside and not seen.rules.is_unknown(policy):
            return RuleChange(last.seq, named)
        return replace(draft, beside=seen.beside)

    named = digest(data)
    done = change(journal, look, decide)
    return RuleChange(done.event["seq"], named) if isinstance(done, Committed) else done


def _expected(rules: Rulebook, policy: str | None, expected_seq: int | None) -> Setting:
    """What is to be replaced, if it is what the request expects. Raises ``TrustMoved``, ``PolicyMoved``."""
    last = rules.last(policy)
    actual_seq = 0 if last.document is None else last.seq
    if expected_seq is not None and expected_seq != actual_seq:
        moved: Callable[..., Conflict] = TrustMoved if policy is None else PolicyMoved
        raise moved(
            f"What holds of {title_of(policy)} is of event {actual_seq}, but the request expects that of event "
            f"{expected_seq}. Look at it again before replacing it.",
            expected_seq=expected_seq,
            actual_seq=actual_seq,
        )
    return last
