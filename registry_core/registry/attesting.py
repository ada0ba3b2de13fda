"""The verbs about who vouches for a version, and what was found wrong with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..access.roles import Action
from ..vocabulary.attestations import (
    BLOCKING,
    Attestation,
    Attestations,
    EvidenceChange,
    FindingFacts,
    Findings,
    VerbsOfEvidence,
)
from ..vocabulary.errors import PermissionDenied
from .opening import OpenedRegistry

if TYPE_CHECKING:
    from ..models.model import ModelStore
    from .door import Door


class AttestingVerbs(OpenedRegistry, VerbsOfEvidence):
    """Evidence never changes a package. What each verb takes and guarantees says ``VerbsOfEvidence``."""

    def attest(
        self,
        task: str,
        ref: str,
        document: bytes = b"",
        *,
        from_package: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Attestation:
        from ..evidence import attesting, told  # only when it is wanted

        found = self._find(task, ref, Action.WRITE)
        request = attesting.Request(found.version, document, actor, reason, from_package)
        attested, is_new = attesting.attach(found.model, request, lambda: self._policies.policies.rules().trust)
        return told.attestation(found.model, found.version, attested, is_new=is_new)

    def dismiss_attestation(
        self,
        task: str,
        model_name: str,
        version: str,
        id: int,
        *,
        actor: str | None = None,
        reason: str | None = None,
    ) -> EvidenceChange:
        from ..evidence import attesting  # only when it is wanted

        model = self._model(task, model_name, Action.ADMIN).require()
        seq = attesting.dismiss(model, version, id, actor, reason)
        return EvidenceChange(task, model_name, version, id, seq)

    def attestations(self, task: str, ref: str) -> Attestations:
        from ..evidence import of_version, told  # only when it is wanted

        found = self._find(task, ref, Action.READ)
        evidence = of_version.read(found.model, found.version)
        return told.attestations(found.model, evidence)

    def attestation(self, task: str, model_name: str, version: str, digest: str) -> bytes:
        from ..evidence import told  # only when it is wanted

        return told.document(self._model(task, model_name, Action.READ).require(), version, digest)

    def findings(self, task: str, ref: str) -> Findings:
        from ..evidence import of_version, told  # only when it is wanted

        found = self._find(task, ref, Action.READ)
        evidence = of_version.read(found.model, found.version)
        facts: list[FindingFacts] = self._unnamed([told.finding(one) for one in evidence.findings])
        return Findings(task, found.model.keys.model_name, found.version, facts, found.model.told.warnings(asks=True))

    def open_finding(
        self,
        task: str,
        model_name: str,
        version: str,
        severity: str,
        title: str,
        *,
        url: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> EvidenceChange:
        from ..evidence import finding  # only when it is wanted

        model = self._model(task, model_name, Action.WRITE).require()
        seq = finding.open_finding(model, version, severity, title, url, actor=actor, reason=reason)
        return EvidenceChange(task, model_name, version, seq, seq)

    def resolve_finding(
        self,
        task: str,
        model_name: str,
        version: str,
        id: int,
        *,
        actor: str | None = None,
        reason: str | None = None,
    ) -> EvidenceChange:
        from ..evidence import finding  # only when it is wanted

        model = self._model(task, model_name, Action.WRITE).require()
        if self._door is not None and self.keeps_back(task, model_name, version, id):
            ask = partial(self._require_resolving, self._door, model, version)
            ask()
            model = self._door.open(model.storage, task, model_name, ask, self._around_changes())
        seq = finding.end(model, version, id, dismisses=False, actor=actor, reason=reason)
        return EvidenceChange(task, model_name, version, id, seq)

    def keeps_back(self, task: str, model_name: str, version: str, id: int) -> bool:
        """Whether the finding is open and blocking, so that not everybody who may write resolves it."""
        from ..evidence import finding, of_version  # only when it is wanted

        model = self._model(task, model_name, Action.READ).require()
        model.require_version(version)
        found = finding.find(of_version.read(model, version), model, id)
        return found.is_open and found.severity == BLOCKING

    def dismiss_finding(
        self,
        task: str,
        model_name: str,
        version: str,
        id: int,
        *,
        actor: str | None = None,
        reason: str | None = None,
    ) -> EvidenceChange:
        from ..evidence import finding  # only when it is wanted

        model = self._model(task, model_name, Action.ADMIN).require()
        seq = finding.end(model, version, id, dismisses=True, actor=actor, reason=reason)
        return EvidenceChange(task, model_name, version, id, seq)

    def _require_resolving(self, door: Door, model: ModelStore, version: str) -> None:
        """He may promote whatever the finding keeps back, and vouches for nothing that it says. Raises
        ``PermissionDenied``."""
        from ..evidence import of_version, resolving  # only when it is wanted

        keys, rulebook = model.keys, self._policies.policies.rules()
        door.require(keys.task, keys.model_name, Action.WRITE)
        for alias in resolving.guarded(model, rulebook):
            door.require(keys.task, keys.model_name, Action.PROMOTE, alias)
        evidence = of_version.read(model, version)
        by = {"actor": door.principal.name, "principal": door.principal.recorded()}
        part = resolving.part_in(evidence, rulebook.trust, by)
        if part is not None:
            raise PermissionDenied(
                f"You {part} {model.title}@{version}: somebody else resolves a blocking finding of it.",
                required={"action": str(Action.PROMOTE), "on": model.title, "alias": None},
            )
