"""The verbs that govern: which version an alias names, what is said about a version, whether it is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..models import proof
from ..verbs import annotating, deletion, promotion
from ..vocabulary.answers import Annotation, JournalProof, Promotion, Removal, Restoration, Tombstone
from ..vocabulary.progress import ProgressCallback
from ..vocabulary.unset import UNSET, Unset
from .opening import OpenedRegistry


class GoverningVerbs(OpenedRegistry):
    """Every change is one event of the journal, with who made it and why."""

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
    ) -> Promotion:
        """The alias names the version, and the journal says who moved it and why.

        With ``expected_version`` only if the alias names that version now (None: if there is no
        such alias). Raises ``NotFound``, ``AliasMoved``, ``NameTaken``, ``StorageError``.
        """
        move = promotion.Move(alias, version, actor, reason, expected_version)
        return promotion.promote(self._model(task, model_name).require(), move, self._gate)

    def unalias(
        self,
        task: str,
        model_name: str,
        alias: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        expected_version: str | Unset | None = UNSET,
    ) -> Removal:
        """The alias is gone, and the journal says who removed it and why.

        Raises ``AliasNotFound``, ``AliasMoved``, ``StorageError``.
        """
        move = promotion.Move(alias, None, actor, reason, expected_version)
        return promotion.unalias(self._model(task, model_name).require(), move)

    def rollback(
        self,
        task: str,
        model_name: str,
        alias: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        expected_version: str | Unset | None = UNSET,
    ) -> Promotion:
        """The alias names the version that it named before the present one; again, and it is back.

        Raises ``AliasNotFound``, ``VersionNotFound``, ``AliasMoved``, ``StorageError``.
        """
        move = promotion.Move(alias, None, actor, reason, expected_version)
        return promotion.rollback(self._model(task, model_name).require(), move, self._gate)

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
        """The version has the tag, or with None has it no more; its package is not touched.

        Raises ``VersionNotFound``, ``InvalidParameter``, ``StorageError``.
        """
        model = self._model(task, model_name).require()
        return annotating.patch(model, version, tags={key: value}, description=UNSET, actor=actor, reason=reason)

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
        """The version has the description (None: none) and these tags beside its others. Raises as :meth:`tag`."""
        model = self._model(task, model_name).require()
        return annotating.patch(model, version, tags=tags, description=description, actor=actor, reason=reason)

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
    ) -> Annotation:
        """The version has the stage: none, staging, production or archived.

        Staging and production are the aliases of those names: setting one promotes (``expected_version``
        as there), ``none`` removes those that name the version. ``archived`` is a recall: resolve warns.
        Raises ``VersionNotFound``, ``AliasMoved``, ``InvalidParameter``, ``StorageError``.
        """
        request = annotating.StageRequest(version, stage, actor, reason, expected_version)
        return annotating.stage(self._model(task, model_name).require(), request, self._gate)

    def delete(
        self, task: str, model_name: str, version: str, *, reason: str | None, actor: str | None = None
    ) -> Tombstone:
        """The version is gone from every reader; its tombstone stays, and until a purge it can be restored.

        Raises ``VersionNotFound``, ``VersionInUse``, ``InvalidParameter`` without a reason, ``StorageError``.
        """
        return deletion.delete(self._model(task, model_name).require(), version, actor=actor, reason=reason)

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
        """The deleted version is back, every byte proven first.

        Raises ``VersionNotFound`` (never deleted, or purged), ``VersionExists``, ``PackageCorrupt``.
        """
        model = self._model(task, model_name).require()
        return deletion.restore(
            model, version, actor=actor, reason=reason, workers=self._settings.workers, progress=progress
        )

    def audit_verify(self, task: str, model_name: str, *, expect_head: str | None = None) -> JournalProof:
        """The model's journal is what was written; with ``expect_head`` (``SEQ:DIGEST``) it extends that head.

        Raises ``JournalCorrupt`` with the first ``broken_seq``, ``InvalidParameter``, ``ModelNotFound``.
        """
        expected = None if expect_head is None else proof.parse_head(expect_head)
        return proof.prove(self._model(task, model_name).require(), expected)
