"""The verbs that govern: which version an alias names, what is said about a version, whether it is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import verbs
from ..access.roles import Action
from ..vocabulary.answers import Annotation, JournalProof, Promotion, Removal, Restoration, Tombstone
from ..vocabulary.progress import ProgressCallback
from ..vocabulary.stages import ALIAS_STAGES
from ..vocabulary.unset import UNSET, Unset
from ..vocabulary.verbs import Verbs
from .gating import GatingVerbs, override_of


class GoverningVerbs(GatingVerbs, Verbs):
    """Every change is one event of the journal. What each verb takes and guarantees says ``Verbs``."""

    @property
    def is_ruled(self) -> bool:
        """Whether there are rules of access, which a service must obey; on an object store as of 5 s ago at most."""
        return self._identity.said().is_ruled

    def promote(
        self,
        task: str,
        model_name: str,
        alias: str,
        version: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        expected_version: str | Unset | None = UNSET,
        expected_seq: int | Unset | None = UNSET,
        override: Mapping[str, Any] | None = None,
    ) -> Promotion:
        expected = verbs.promotion.Expected(expected_version, expected_seq)
        move = verbs.promotion.Move(
            alias, version, actor, reason, expected, None if override is None else override_of(override)
        )
        return verbs.promotion.promote(self._model(task, model_name, Action.PROMOTE, alias), move, self._gate)

    def unalias(
        self,
        task: str,
        model_name: str,
        alias: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        expected_version: str | Unset | None = UNSET,
        expected_seq: int | Unset | None = UNSET,
    ) -> Removal:
        move = verbs.promotion.Move(
            alias, None, actor, reason, verbs.promotion.Expected(expected_version, expected_seq)
        )
        return verbs.promotion.unalias(self._model(task, model_name, Action.PROMOTE, alias).require(), move)

    def rollback(
        self,
        task: str,
        model_name: str,
        alias: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        expected_version: str | Unset | None = UNSET,
        expected_seq: int | Unset | None = UNSET,
        to_version: str | None = None,
        dry_run: bool = False,
        override: Mapping[str, Any] | None = None,
    ) -> Promotion:
        expected = verbs.promotion.Expected(expected_version, expected_seq)
        move = verbs.promotion.Move(
            alias, to_version, actor, reason, expected, None if override is None else override_of(override)
        )
        model = self._model(task, model_name, Action.PROMOTE, alias).require()
        return verbs.promotion.rollback(model, move, self._gate, dry_run=dry_run)

    def tag(
        self,
        task: str,
        model_name: str,
        version: str,
        key: str,
        value: Any,
        *,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Annotation:
        model = self._model(task, model_name, Action.WRITE).require()
        return verbs.annotating.patch(model, version, tags={key: value}, description=UNSET, actor=actor, reason=reason)

    def patch(
        self,
        task: str,
        model_name: str,
        version: str,
        *,
        description: str | Unset | None = UNSET,
        tags: Mapping[str, Any] | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Annotation:
        model = self._model(task, model_name, Action.WRITE).require()
        return verbs.annotating.patch(model, version, tags=tags, description=description, actor=actor, reason=reason)

    def stage(
        self,
        task: str,
        model_name: str,
        version: str,
        stage: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        expected_version: str | Unset | None = UNSET,
        expected_seq: int | Unset | None = UNSET,
    ) -> Annotation:
        request = verbs.annotating.StageRequest(
            version, stage, actor, reason, verbs.promotion.Expected(expected_version, expected_seq)
        )
        alias = stage if stage in ALIAS_STAGES else None  # to archive, or to take that back
        model = self._model(task, model_name, Action.PROMOTE, alias).require()
        return verbs.annotating.stage(model, request, self._gate)

    def delete(
        self, task: str, model_name: str, version: str, *, reason: str | None, actor: str | None = None
    ) -> Tombstone:
        model = self._model(task, model_name, Action.DELETE).require()
        return verbs.deletion.delete(model, version, actor=actor, reason=reason)

    def restore(
        self,
        task: str,
        model_name: str,
        version: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> Restoration:
        model = self._model(task, model_name, Action.DELETE).require()
        asked = self._asked(model, progress)
        return verbs.deletion.restore(
            model, version, actor=actor, reason=reason, workers=self._settings.workers, progress=asked
        )

    def audit_verify(self, task: str, model_name: str, *, expect_head: str | None = None) -> JournalProof:
        from ..models import proof  # only when it is wanted

        expected = None if expect_head is None else proof.parse_head(expect_head)
        return self._unnamed([proof.prove(self._model(task, model_name, Action.READ).require(), expected)])[0]
