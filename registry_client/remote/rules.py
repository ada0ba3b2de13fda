"""The verbs of trust, policies and gates over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from registry_core import (
    PolicyInvalid,
    PolicyNotFound,
    PolicyRules,
    PolicyTrial,
    PolicyUnreadable,
    RuleChange,
    VerbsOfGates,
    VerbsOfRules,
)

from ..forms import is_segment, sha256_of
from .answers import read
from .bodies import object_of
from .calls import call
from .connection import Connected
from .transport import JSON_TYPE, Repeat, as_json

Written = bytes | Mapping[str, Any]


class Rules(Connected):
    """What changes something is sent again only where the registry says that nothing was changed."""

    trust_document = call(VerbsOfRules.trust_document, "GET", "/v1/trust")
    policies = call(VerbsOfRules.policies, "GET", "/v1/policies", within="policies")
    gate = call(VerbsOfGates.gate, "GET", "/v1/gate")

    def set_trust_document(
        self,
        document: Written,
        *,
        expected_seq: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> RuleChange:
        """As ``ModelRegistry.set_trust_document``; bytes are sent as they are."""
        query = {"expected_seq": expected_seq, "actor": actor, "reason": reason}
        return read(RuleChange, self._sent("PUT", "/v1/trust", query, document))

    def policy(self, task: str, *, as_of: str | datetime | None = None) -> PolicyRules:
        """As ``ModelRegistry.policy``."""
        return read(PolicyRules, object_of(self._transport.call("GET", _address(task), query={"as_of": as_of})))

    def set_policy(
        self,
        task: str,
        document: Written,
        *,
        expected_seq: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> RuleChange:
        """As ``ModelRegistry.set_policy``; bytes are sent as they are."""
        query = {"expected_seq": expected_seq, "actor": actor, "reason": reason}
        return read(RuleChange, self._sent("PUT", _address(task), query, document))

    def try_policy(self, task: str, document: Written) -> PolicyTrial:
        """As ``ModelRegistry.try_policy``; bytes are sent as they are."""
        return read(PolicyTrial, self._sent("POST", f"{_address(task)}/try", {}, document))

    def clear_policy(
        self, task: str, *, expected_seq: int | None = None, actor: str | None = None, reason: str | None = None
    ) -> RuleChange:
        """As ``ModelRegistry.clear_policy``."""
        query = {"expected_seq": expected_seq, "actor": actor, "reason": reason}
        answer = self._transport.call("DELETE", _address(task), query=query, repeat=Repeat.IF_UNDONE)
        return read(RuleChange, object_of(answer))

    def log_document(self, digest: str) -> bytes:
        """As ``ModelRegistry.log_document``; they are what the digest says."""
        sha256 = sha256_of(digest)
        if sha256 is None:
            raise PolicyNotFound("No trust document and no policy has this digest.")
        data = self._transport.call("GET", f"/v1/log/documents/{sha256}").content
        if hashlib.sha256(data).hexdigest() != sha256:
            raise PolicyUnreadable("What the registry sent is not the document of this digest.", digest=sha256)
        return data

    def _sent(self, method: str, path: str, query: Mapping[str, Any], document: Written) -> dict[str, Any]:
        content = document if isinstance(document, bytes) else as_json(dict(document))
        headers = {"Content-Type": JSON_TYPE}
        return object_of(
            self._transport.call(method, path, query=query, content=content, headers=headers, repeat=Repeat.IF_UNDONE)
        )


def _address(task: str) -> str:
    """Where the policy is. Raises ``PolicyInvalid`` for what is no task, and would be another address."""
    if not is_segment(task):
        raise PolicyInvalid("The policy is that of a task, or of all: '*'.", field="task")
    return f"/v1/policies/{quote(task, safe='')}"


if TYPE_CHECKING:
    _: type[VerbsOfRules] = Rules
