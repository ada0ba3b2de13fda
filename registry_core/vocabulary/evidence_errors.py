"""The failures of whoever vouches for a version or asks for it: leaves of the tree that ``errors`` draws."""

from __future__ import annotations

from .branches import Conflict, IntegrityError, InvalidInput, NotFound


class TrustInvalid(InvalidInput):
    code = "trust_invalid"
    title = "The trust document is not valid"


class PolicyInvalid(InvalidInput):
    code = "policy_invalid"
    title = "The policy is not valid"


class SignatureRefused(InvalidInput):
    code = "signature_refused"
    title = "The package is not signed as the policy asks"


class AttestationRefused(InvalidInput):
    code = "attestation_refused"
    title = "The document does not count"


class AttestationNotFound(NotFound):
    code = "attestation_not_found"
    title = "No such attestation"


class FindingNotFound(NotFound):
    code = "finding_not_found"
    title = "No such finding"


class PolicyNotFound(NotFound):
    code = "policy_not_found"
    title = "No such policy"


class LogNotSet(NotFound):
    code = "log_not_set"
    title = "The registry has no log"


class NotInLog(NotFound):
    code = "not_in_log"
    title = "No checkpoint covers it"


class TrustMoved(Conflict):
    code = "trust_moved"
    title = "The trust document is not the one that the request expected"


class PolicyMoved(Conflict):
    code = "policy_moved"
    title = "The policy is not the one that the request expected"


class PolicyUnreadable(Conflict):
    code = "policy_unreadable"
    title = "What must be met cannot be told"


class GateNotMet(Conflict):
    code = "gate_not_met"
    title = "The policy does not let the alias name the version"


class LogBehind(Conflict):
    code = "log_behind"
    title = "The log ends before what was signed"


class LogCorrupt(IntegrityError):
    code = "log_corrupt"
    title = "The log is not what was written"
