"""The verbs that govern, over HTTP: what ``registry_core`` has under the same names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry_core import (
    UNSET,
    Annotation,
    JournalProof,
    ProgressCallback,
    Promotion,
    Removal,
    Restoration,
    Tombstone,
)

from .connection import Connected


class Governing(Connected):
    """Sent again only where the registry says that nothing was changed, or was never reached."""

    def promote(
        self,
        task: str,
        model_name: str,
        alias: str,
        version: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        expected_version: Any = UNSET,
    ) -> Promotion:
        """The alias names the version; with ``expected_version`` only if it names that one now (None: none).

        Raises ``NotFound``, ``AliasMoved``, ``NameTaken``, ``StorageError``.
        """
        fields: dict[str, Any] = {"task": task, "model_name": model_name, "alias": alias, "version": version}
        words: dict[str, Any] = {"actor": actor, "reason": reason, "expected_version": expected_version}
        return self._send(Promotion, "POST", "/v1/promote", **fields, **words)

    def unalias(
        self,
        task: str,
        model_name: str,
        alias: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        expected_version: Any = UNSET,
    ) -> Removal:
        """The alias is gone. Raises ``AliasNotFound``, ``AliasMoved``, ``StorageError``."""
        words: dict[str, Any] = {"actor": actor, "reason": reason, "expected_version": expected_version}
        return self._send(Removal, "DELETE", "/v1/aliases", task=task, model_name=model_name, alias=alias, **words)

    def rollback(
        self,
        task: str,
        model_name: str,
        alias: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        expected_version: Any = UNSET,
    ) -> Promotion:
        """The alias names the version that it named before. Raises as :meth:`promote`."""
        words: dict[str, Any] = {"actor": actor, "reason": reason, "expected_version": expected_version}
        return self._send(Promotion, "POST", "/v1/rollback", task=task, model_name=model_name, alias=alias, **words)

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
        """The version has the tag, or with None has it no more. Raises ``VersionNotFound``, ``InvalidParameter``."""
        fields: dict[str, Any] = {
            "task": task,
            "model_name": model_name,
            "version": version,
            "key": key,
            "value": value,
        }
        return self._send(Annotation, "PUT", "/v1/tags", **fields, actor=actor, reason=reason)

    def patch(
        self,
        task: str,
        model_name: str,
        version: str,
        *,
        description: Any = UNSET,
        tags: Mapping[str, Any] | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Annotation:
        """The version has the description (None: none) and these tags beside its others. Raises as :meth:`tag`."""
        fields: dict[str, Any] = {
            "task": task,
            "model_name": model_name,
            "version": version,
            "description": description,
        }
        changed = UNSET if tags is None else dict(tags)
        return self._send(Annotation, "POST", "/v1/versions/patch", **fields, tags=changed, actor=actor, reason=reason)

    def stage(
        self,
        task: str,
        model_name: str,
        version: str,
        stage: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        expected_version: Any = UNSET,
    ) -> Annotation:
        """The version has the stage: none, staging, production or archived.

        Raises ``VersionNotFound``, ``AliasMoved``, ``InvalidParameter``, ``StorageError``.
        """
        fields: dict[str, Any] = {"task": task, "model_name": model_name, "version": version, "stage": stage}
        words: dict[str, Any] = {"actor": actor, "reason": reason, "expected_version": expected_version}
        return self._send(Annotation, "POST", "/v1/stage", **fields, **words)

    def delete(
        self, task: str, model_name: str, version: str, *, reason: str | None, actor: str | None = None
    ) -> Tombstone:
        """The version is gone; it can be restored until a purge. Raises ``VersionInUse``, ``VersionNotFound``."""
        fields: dict[str, Any] = {"task": task, "model_name": model_name, "version": version}
        return self._send(Tombstone, "DELETE", "/v1/versions", **fields, reason=reason, actor=actor)

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
        """The deleted version is back, every byte proven first. ``progress`` is not told from afar.

        Raises ``VersionNotFound``, ``VersionExists``, ``PackageCorrupt``.
        """
        del progress
        fields: dict[str, Any] = {
            "task": task,
            "model_name": model_name,
            "version": version,
            "actor": actor,
            "reason": reason,
        }
        return self._send(Restoration, "POST", "/v1/versions/restore", patient=True, **fields)

    def audit_verify(self, task: str, model_name: str, *, expect_head: str | None = None) -> JournalProof:
        """The model's journal is what was written. Raises ``JournalCorrupt``, ``ModelNotFound``."""
        return self._get(JournalProof, "/v1/audit/verify", task=task, model=model_name, expect_head=expect_head)
