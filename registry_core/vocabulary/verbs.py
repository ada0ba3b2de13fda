"""Every verb that the library, the HTTP service and the client have alike: what it takes, means and guarantees.

Each parameter's name, type, default and meaning stand here; requests and the client's methods are made from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Protocol

from .answers import (
    Alias,
    Annotation,
    Description,
    JournalProof,
    PackageListing,
    Promotion,
    Removal,
    Resolution,
    Restoration,
    Tombstone,
    Verification,
    Warned,
)
from .comparison import Comparison
from .progress import ProgressCallback
from .runs import Logged, Metrics, RunDetail, RunEnd, RunPage
from .unset import UNSET, Unset

Task = Annotated[str, "The task."]
ModelName = Annotated[str, "The model's name."]
Version = Annotated[str, "The version."]
MovedAlias = Annotated[str, "The alias."]
Ref = Annotated[str, "model_name@selector; the selector is an alias or a version."]
AsOf = Annotated[str | datetime | None, "What the ref meant at this moment (RFC 3339)."]
Proving = Annotated[bool, "Read and prove every byte first."]
Told = Annotated[ProgressCallback | None, "Told how far it is; a client knows it only of resolve and verify."]
Actor = Annotated[str | None, "Who does this."]
Reason = Annotated[str | None, "Why."]
RunId = Annotated[str, "The training run."]
LoggedValue = Annotated[Any, "A finite number; of a parameter any JSON."]
MetricKey = Annotated[str, "The metric or the parameter: 1 to 250 characters."]
Expected = Annotated[str | Unset | None, "Do it only if the alias names this version now."]
ExpectedSeq = Annotated[
    int | Unset | None,
    "Do it only if this is the seq of the alias's last move; null: only if there is no such alias, or that has none.",
]

Overriding = Annotated[
    Mapping[str, Any] | None,
    "reason and ticket: do it though the alias's gate is not met, as those whom the policy names may.",
]


class Verbs(Protocol):
    """What ``ModelRegistry`` and ``RegistryClient`` have in common."""

    # verbs that govern: every change is one event of the journal, with who made it and why

    def promote(
        self,
        task: Task,
        model_name: ModelName,
        alias: Annotated[str, "The alias to move, or to make."],
        version: Annotated[str, "The version that it shall name."],
        *,
        actor: Actor = None,
        reason: Reason = None,
        expected_version: Annotated[
            str | Unset | None, "Move only if the alias names this version now; null: only if there is no such alias."
        ] = UNSET,
        expected_seq: ExpectedSeq = UNSET,
        override: Overriding = None,
    ) -> Promotion:
        """The alias names the version, and the journal says who moved it and why.

        Raises ``NotFound``, ``AliasMoved``, ``NameTaken``, ``GateNotMet``, ``PolicyUnreadable``, ``StorageError``.
        """

    def unalias(
        self,
        task: Task,
        model_name: ModelName,
        alias: MovedAlias,
        *,
        actor: Actor = None,
        reason: Reason = None,
        expected_version: Expected = UNSET,
        expected_seq: ExpectedSeq = UNSET,
    ) -> Removal:
        """The alias is gone, and the journal says who removed it and why.

        Raises ``AliasNotFound``, ``AliasMoved``, ``StorageError``.
        """

    def rollback(
        self,
        task: Task,
        model_name: ModelName,
        alias: MovedAlias,
        *,
        actor: Actor = None,
        reason: Reason = None,
        expected_version: Expected = UNSET,
        expected_seq: ExpectedSeq = UNSET,
        to_version: Annotated[str | None, "The version to go back to, which the alias must have named before."] = None,
        dry_run: Annotated[bool, "Only say where it would go; nothing is changed."] = False,
        override: Overriding = None,
    ) -> Promotion:
        """The alias names the version that it named before the present one; again, and it is back.

        With ``to_version`` it names that one. A dry run answers without ``seq`` and ``updated_at``.
        Raises ``AliasNotFound``, ``VersionNotFound``, ``AliasMoved``, ``GateNotMet``, ``PolicyUnreadable``,
        ``StorageError``.
        """

    def tag(
        self,
        task: Task,
        model_name: ModelName,
        version: Version,
        key: Annotated[str, "The tag's key."],
        value: Annotated[Any, "Text, number or boolean; null removes the tag."],
        *,
        actor: Actor = None,
        reason: Reason = None,
    ) -> Annotation:
        """The version has the tag, or with None has it no more; its package is not touched.

        Raises ``VersionNotFound``, ``InvalidParameter``, ``StorageError``.
        """

    def patch(
        self,
        task: Task,
        model_name: ModelName,
        version: Version,
        *,
        description: Annotated[str | Unset | None, "What the version is; null removes it."] = UNSET,
        tags: Annotated[Mapping[str, Any] | None, "Tags to set beside the others; null removes one."] = None,
        actor: Actor = None,
        reason: Reason = None,
    ) -> Annotation:
        """The version has the description (None: none) and these tags beside its others. Raises as :meth:`tag`."""

    def stage(
        self,
        task: Task,
        model_name: ModelName,
        version: Version,
        stage: Annotated[str, "none, staging, production or archived."],
        *,
        actor: Actor = None,
        reason: Reason = None,
        expected_version: Expected = UNSET,
        expected_seq: ExpectedSeq = UNSET,
    ) -> Annotation:
        """The version has the stage.

        Staging and production are the aliases of those names: setting one promotes (what is expected as there),
        ``none`` removes those that name the version. ``archived`` is a recall: resolve warns, and so does this where an
        alias names the version still.
        Raises ``VersionNotFound``, ``AliasMoved``, ``InvalidParameter``, ``StorageError``.
        """

    def delete(
        self,
        task: Task,
        model_name: ModelName,
        version: Version,
        *,
        reason: Annotated[str | None, "Why; it stays in the tombstone."],
        actor: Actor = None,
    ) -> Tombstone:
        """The version is gone from every reader; its tombstone stays, and until a purge it can be restored.

        Raises ``VersionNotFound``, ``VersionInUse``, ``InvalidParameter`` without a reason, ``StorageError``.
        """

    def restore(
        self,
        task: Task,
        model_name: ModelName,
        version: Version,
        *,
        actor: Actor = None,
        reason: Reason = None,
        progress: Told = None,
    ) -> Restoration:
        """The deleted version is back, every byte proven first.

        Raises ``VersionNotFound`` (never deleted, or purged), ``VersionExists``, ``PackageCorrupt``.
        """

    def audit_verify(
        self,
        task: Task,
        model_name: ModelName,
        *,
        expect_head: Annotated[str | None, "SEQ:DIGEST of an earlier proof, which the journal must extend."] = None,
    ) -> JournalProof:
        """The model's journal is what was written, and extends the head that is expected.

        Raises ``JournalCorrupt`` with the first ``broken_seq``, ``InvalidParameter``, ``ModelNotFound``.
        """

    # verbs of training runs: what they keep is synced when they return, and no part of the journal

    def log_metric(
        self,
        task: Task,
        model_name: ModelName,
        run_id: RunId,
        key: MetricKey,
        value: LoggedValue,
        *,
        step: Annotated[int, "Which step of the training it is of."] = 0,
        timestamp: Annotated[Any, "When, as RFC 3339 or in seconds since 1970; null: now."] = None,
        actor: Actor = None,
    ) -> Logged:
        """The point is kept, and the run is there if it was not.

        Sent again it is there twice. Raises ``InvalidName``, ``InvalidParameter``, ``StorageError``.
        """

    def log_param(
        self,
        task: Task,
        model_name: ModelName,
        run_id: RunId,
        key: MetricKey,
        value: LoggedValue,
        *,
        actor: Actor = None,
    ) -> Logged:
        """The run has the parameter, in the place of an earlier one of that key. Raises as :meth:`log_metric`."""

    def log_batch(
        self,
        task: Task,
        model_name: ModelName,
        run_id: RunId,
        *,
        metrics: Annotated[
            Sequence[Mapping[str, Any]] | None, "Points: key, value, and perhaps step and timestamp."
        ] = None,
        params: Annotated[Mapping[str, Any] | None, "Parameters to set beside the others."] = None,
        tags: Annotated[Mapping[str, Any] | None, "Tags of the run to set beside the others."] = None,
        actor: Actor = None,
    ) -> Logged:
        """All of it is kept; or, where any of it is wrong, nothing. Raises as :meth:`log_metric`."""

    def end_run(
        self,
        task: Task,
        model_name: ModelName,
        run_id: RunId,
        *,
        status: Annotated[str, "finished, failed or killed."] = "finished",
        actor: Actor = None,
    ) -> RunEnd:
        """The run has ended so; until then it is running. Raises as :meth:`log_metric`."""

    def run(
        self,
        task: Task,
        model_name: ModelName,
        run_id: RunId,
        *,
        points: Annotated[int | None, "Of each metric at most so many points, evenly chosen; null: all."] = None,
    ) -> RunDetail:
        """The run with its curves. Raises ``RunNotFound``, ``InvalidParameter``."""

    def runs(
        self,
        task: Task,
        model_name: ModelName,
        *,
        status: Annotated[str | None, "Only runs of this status; running is one."] = None,
        param: Annotated[tuple[str, ...], "key:value; only runs with this parameter. May be repeated."] = (),
        limit: Annotated[int | None, "At most so many, 1 to 1000; null: all."] = None,
        cursor: Annotated[str | None, "Where the page begins: the next of the one before."] = None,
    ) -> RunPage:
        """The model's runs, by their ids. Raises ``ModelNotFound``, ``InvalidParameter``."""

    # verbs that read

    def resolve(
        self, task: Task, ref: Ref, *, verify: Proving = True, as_of: AsOf = None, progress: Told = None
    ) -> Resolution:
        """The exact version that the ref names, with every byte proven unless ``verify`` is false.

        With ``as_of`` by the journal. An archived version comes with a warning. Raises ``InvalidRef``,
        ``InvalidParameter``, ``NotFound``, ``PackageCorrupt`` (with its ``problems``).
        """

    def show(self, task: Task, ref: Ref, *, verify: Proving = False, as_of: AsOf = None) -> Description:
        """What is known about the version now; with ``as_of``, what was known then.

        ``meta`` is the stored ``model_meta.json`` with exactly ``tags``, ``stage`` and ``description`` laid over it, as
        at ``as_of``; its own bytes are a file of the package. Raises as :meth:`resolve`.
        """

    def verify(self, task: Task, ref: Ref, *, progress: Told = None) -> Verification:
        """Every byte of the version was read and is as registered. Raises as :meth:`resolve`."""

    def list_aliases(
        self,
        task: Task,
        model_name: ModelName,
        as_of: Annotated[str | datetime | None, "As they were at this moment (RFC 3339), by the journal."] = None,
    ) -> Warned[Alias]:
        """The model's aliases, sorted by name, with ``warnings``; none where its versions are gone.

        Raises ``ModelNotFound``, ``InvalidParameter``.
        """

    def artifacts(self, task: Task, ref: Ref) -> PackageListing:
        """Every file of the version, nested paths included; reads no artifact.

        The manifest has its ``role``: leave it out where files of versions are compared. Raises as :meth:`resolve`.
        """

    def metrics(self, task: Task, ref: Ref) -> Metrics:
        """What the version achieved, the recorded points of the run that it names, and the runs of its model.

        A number that JSON does not have is None, with a warning that names it. Raises as :meth:`resolve`.
        """

    def compare(
        self,
        task: Task,
        model_name: ModelName,
        versions: Annotated[list[str], "2 to 20 versions, each as a field of its own."],
        path: Annotated[str | None, "Of two versions also how this file of theirs differs, line by line."] = None,
    ) -> Comparison:
        """The versions side by side, and all in which they differ.

        Raises ``InvalidParameter``, ``NotFound``, and ``ArtifactNotFound`` where neither has the file.
        """
