"""Trust and policies: what must be met before an alias may name a version, and whose word counts for that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..vocabulary.errors import InvalidParameter
from ..vocabulary.evidence_errors import PolicyNotFound
from ..vocabulary.rules import PolicyFacts, PolicyRules, PolicyTrial, RuleChange, TrustRules, VerbsOfRules
from ..vocabulary.texts import DIGEST_PREFIX, digest, printable
from .maintaining import MaintainingVerbs

if TYPE_CHECKING:
    from ..evidence.rules.rulebook import Rulebook, Setting
    from ..models.model import ModelStore

Written = bytes | Mapping[str, Any]
MOST_TRIED = 500  # versions that a policy is tried on


class RulingVerbs(MaintainingVerbs):
    """Each is for admins, and one event of the registry's own journal if it changes anything."""

    def trust_document(self, *, as_of: str | datetime | None = None) -> TrustRules:
        """The trust document that holds, or held at that moment. Raises ``PolicyUnreadable``, ``InvalidParameter``."""
        rules = self._rules_then(as_of)
        last, data = rules.last(None), rules.data(None)
        document = None if data is None else json.loads(data)
        return TrustRules(document, last.document, last.seq, last.actor, last.reason, last.at)

    def set_trust_document(
        self,
        document: Written,
        *,
        expected_seq: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> RuleChange:
        """Whose keys, principals and actors are whose is what the document says, from now on; by one event.

        ``expected_seq``: the event of the document that it takes the place of, 0 for none; None: whichever it is. What
        it takes the place of need not be readable. Raises ``TrustInvalid``, ``TrustMoved``, ``PolicyUnreadable`` where
        the journal is not whole, ``StorageError``.
        """
        from ..evidence import ruling  # only when it is wanted

        self._require_admin()
        journal = self._own_journal(self._require_admin)
        return ruling.set_trust(journal, written(document), expected_seq=expected_seq, words=(actor, reason))

    def policies(self) -> list[PolicyFacts]:
        """The policies that hold, by their tasks; none of them is read. Raises ``PolicyUnreadable``."""
        rules = self._rules_then(None)
        found = [rules.known(task) for task in sorted(task for task in rules.settings if task is not None)]
        return [_facts(one, one.document) for one in found if one.document is not None]

    def policy(self, task: str, *, as_of: str | datetime | None = None) -> PolicyRules:
        """The policy of the task, or of all where it is ``*``, that holds, or held at that moment.

        Raises ``PolicyNotFound``, ``PolicyUnreadable``, ``InvalidParameter``.
        """
        from ..evidence.rules.ruling import not_found  # only when it is wanted

        rules = self._rules_then(as_of)
        last, data = rules.known(task), rules.data(task)
        if data is None or last.document is None:
            raise not_found(task)
        return PolicyRules(**_facts(last, last.document).to_dict(), document=json.loads(data))

    def set_policy(
        self,
        task: str,
        document: Written,
        *,
        expected_seq: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> RuleChange:
        """What a version of the task needs before an alias may name it is what the document says; by one event.

        Of all tasks where it is ``*``; else as :meth:`set_trust_document`. Raises ``PolicyInvalid``, ``PolicyMoved``.
        """
        from ..evidence import policy_grammar, ruling, trying  # only when it is wanted

        self._require_admin()
        journal = self._own_journal(self._require_admin)
        data = written(document)
        done = ruling.set_policy(journal, task, data, expected_seq=expected_seq, words=(actor, reason))
        return replace(done, warnings=trying.reserving(policy_grammar.parse(data, task)))

    def try_policy(self, task: str, document: Written) -> PolicyTrial:
        """What the document would guard, and say of the versions that are there, if it were set. Writes nothing.

        Raises ``PolicyInvalid``, ``PolicyUnreadable``.
        """
        from ..evidence import policy_grammar, trying  # only when it is wanted

        rules, data = self._rules_then(None), written(document)
        found, named = policy_grammar.parse(data, task), digest(data)
        aliases = list(dict.fromkeys(gate.alias for gate in found.gates))

        def models() -> Iterator[ModelStore]:
            return (model for model in self._models() if task in (model.keys.task, "*"))

        told = list(islice(trying.tried(models(), found, rules.if_set(task, named, data)), MOST_TRIED + 1))
        taken = list(islice(trying.in_the_place(models(), found), MOST_TRIED + 1))
        return PolicyTrial(
            task,
            named,
            list(found.models),
            aliases,
            rules.last(task).document == named,
            told[:MOST_TRIED],
            left_out=max(len(told), len(taken)) > MOST_TRIED,
            warnings=[*trying.reserving(found), *taken[:MOST_TRIED]],
        )

    def clear_policy(
        self, task: str, *, expected_seq: int | None = None, actor: str | None = None, reason: str | None = None
    ) -> RuleChange:
        """The task, or all where it is ``*``, has no policy any more; by one event.

        Raises ``PolicyNotFound``, and as :meth:`set_policy`.
        """
        from ..evidence import ruling  # only when it is wanted

        self._require_admin()
        journal = self._own_journal(self._require_admin)
        return ruling.clear_policy(journal, task, expected_seq=expected_seq, words=(actor, reason))

    def log_document(self, digest: str) -> bytes:
        """The bytes of a trust document or a policy that holds, or held once.

        ``digest``: as events have it, or its hex alone. Raises ``PolicyNotFound``, ``PolicyUnreadable`` where they are
        not what was set.
        """
        rules, named = self._rules_then(None), str(digest).lower()
        named = named if named.startswith(DIGEST_PREFIX) else DIGEST_PREFIX + named
        if named not in rules.named:
            raise PolicyNotFound("No trust document and no policy has this digest.", digest=printable(digest))
        return rules.read(named)

    def _rules_then(self, as_of: str | datetime | None) -> Rulebook:
        from ..evidence import rulebook  # only when it is wanted
        from ..verbs.resolution import moment_of

        self._require_admin()
        return rulebook.read(self._own_journal(), None if as_of is None else moment_of(as_of))


def written(document: Written) -> bytes:
    """The document's bytes, as they are where they are given. Raises ``InvalidParameter`` for what JSON cannot say."""
    if isinstance(document, bytes):
        return document
    try:
        return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise InvalidParameter("The document is nothing that JSON can say.", field="document") from None


def _facts(last: Setting, named: str) -> PolicyFacts:
    return PolicyFacts(str(last.policy), named, last.seq, last.actor, last.reason, last.at)


if TYPE_CHECKING:
    _: type[VerbsOfRules] = RulingVerbs
