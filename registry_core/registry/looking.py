"""The verbs for whoever looks: what was, what is gone, where a version came from, and what is under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .. import verbs
from ..access.roles import Action
from ..models.model import ModelStore
from ..vocabulary.answers import Description, Warned
from ..vocabulary.errors import StorageUnavailable
from ..vocabulary.evidence_errors import PolicyUnreadable
from ..vocabulary.filters import check_limit
from ..vocabulary.looking import DeletedVersion, Lineage, OperationFacts, SpanPage, UploadFacts, VerbsOfLooking
from ..vocabulary.texts import is_unicode
from ..vocabulary.version_evidence import VersionEvidence
from .operations import OperationVerbs

MOST_UNDER_WAY = 100


class LookingVerbs(OperationVerbs, VerbsOfLooking):
    """What each of them takes and guarantees says ``VerbsOfLooking``."""

    def list_deleted(self, task: str, model_name: str) -> Warned[DeletedVersion]:
        return verbs.looking.deleted(self._model(task, model_name, Action.READ).require())

    def list_operations(self, limit: int = 100) -> Warned[OperationFacts]:
        check_limit(limit, MOST_UNDER_WAY)
        return self._operations.newest(limit, self._theirs())

    def list_uploads(self, limit: int = 100) -> Warned[UploadFacts]:
        from ..uploads import under_way  # only when it is wanted

        check_limit(limit, MOST_UNDER_WAY)
        self._identity.confirm()
        return under_way.newest(self._storage, self._settings, limit, self._theirs())

    def _theirs(self) -> tuple[str, str] | None:
        """Whose uploads and operations the caller is shown; None: everybody's. Raises ``PermissionDenied``."""
        if self._door is None or self._door.is_admin:
            return None
        self._door.require_known()
        return self._door.whose

    def glance(self, task: str, model_name: str, version: str) -> Description:
        """As ``show``, at the cost of one version however many aliases the model has: those are as the index has them.

        An alias in the place of the version is what it names. Raises as ``show``; and ``IndexBuilding`` and
        ``StorageUnavailable`` where there is no index.
        """
        from ..catalogue.rows import named_by  # only when it is wanted
        from ..catalogue.values import Known

        found = verbs.resolution.find(self._model(task, model_name, Action.READ), version)
        named = self._catalogue.of_model(
            found.model, self._visible, lambda told, number: named_by(told, Known(number), found.version)
        )
        return replace(verbs.resolution.show(found, None, None, sorted(named or [])), package_dir=None)

    def evidence(
        self, task: str, model_name: str, version: str, aliases: Sequence[str] = (), most: int = 30
    ) -> VersionEvidence:
        """What was said of the version: at most so many documents, and as many findings; which ``aliases`` are guarded.

        Raises ``NotFound``, ``StorageError``.
        """
        from ..evidence import one_look  # only when it is wanted

        found = self._find(task, f"{model_name}@{version}", Action.READ)
        try:
            rules = self._policies.policies.rules()
        except PolicyUnreadable:
            rules = None
        return one_look.tell(found.model, found.version, rules, aliases, most)

    def lineage(self, task: str, model_name: str, version: str) -> Lineage:
        """From what the version was made, as its metadata says, and what was made of it.

        Raises ``NotFound``, ``PackageCorrupt``.
        """
        from ..catalogue.descent import children  # only when it is wanted

        model = self._model(task, model_name, Action.READ).require()
        found = verbs.looking.lineage(model, version)
        try:
            made = self._catalogue.of_model(model, self._visible, lambda told, number: children(told, number, version))
        except StorageUnavailable as error:
            return replace(found, warnings=[*found.warnings, f"What was made of it is not known now: {error.message}"])
        return replace(found, children=made or [])

    def versions_of_runs(self, task: str, model_name: str, run_ids: Sequence[str]) -> dict[str, list[str]]:
        """run -> the versions of the model that name it, the last made first; without those that no version names.

        Raises ``ModelNotFound``, ``StorageUnavailable``.
        """
        from ..catalogue.descent import of_runs  # only when it is wanted

        model = self._model(task, model_name, Action.READ).require()
        return self._catalogue.of_model(model, self._visible, lambda told, number: of_runs(told, number, run_ids)) or {}

    def alias_spans(self, task: str, model_name: str, alias: str | None = None, limit: int = 300) -> SpanPage:
        model = self._model(task, model_name, Action.READ).require()
        check_limit(limit)
        page = self._spans_of_index(model, alias, limit) or verbs.looking.alias_spans(model, alias, limit)
        return replace(page, spans=self._unnamed(page.spans))

    def _spans_of_index(self, model: ModelStore, alias: str | None, limit: int) -> SpanPage | None:
        """What the catalogue knows of them; None where that is not there, or only the journal tells."""
        from ..catalogue.alias_moves import newest  # only when it is wanted
        from ..models.spans import spans

        if not self._catalogue.state.ready or not is_unicode(alias or ""):
            return None
        try:
            found = self._catalogue.of_model(
                model, self._visible, lambda told, number: newest(told, number, alias, limit)
            )
        except StorageUnavailable:
            return None
        return None if found is None else spans(*found)
