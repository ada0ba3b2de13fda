"""Taking a package in: stage and hash, then commit by one journal event, then publish.

The order is the guarantee (``docs/design.md``): whatever fails before the event leaves nothing, and
whatever fails after it is finished by whoever takes the model's lock next.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from ..format import documents, metadata
from ..format.chain import Line
from ..format.commit_ids import commit_id
from ..format.digests import DIGEST_PREFIX, digest
from ..format.layout import FORMAT, MANIFEST, META, REGISTRY
from ..format.manifest import render
from ..models import manifests
from ..models.changes import change, commit, settle, standing
from ..models.model import ModelStore
from ..models.tombstones import tombstone
from ..packages import contents, intake
from ..packages.sources import BytesSource
from ..settings import CoreSettings
from ..storage.contract import ABSENT, KeyNotFound, PreconditionFailed, Staging
from ..vocabulary.answers import Registration
from ..vocabulary.errors import IdempotencyKeyReused, InvalidParameter, NameTaken, RegistryError, VersionExists
from ..vocabulary.names import check_new_name
from ..vocabulary.progress import ProgressCallback
from ..vocabulary.times import format_time
from ..vocabulary.who import check_words

MAX_KEY_CHARACTERS = 255


@dataclass(frozen=True)
class Request:
    """What a caller asks to register. ``idempotency_key`` makes a repeat harmless."""

    task: str
    model_name: str
    version: str
    artifacts_dir: str | None
    metadata: dict[str, Any]
    set_alias: str | None
    actor: str | None
    reason: str | None
    idempotency_key: str | None
    upload_id: str | None = None

    def check(self) -> None:
        """The request's words can be stored. Raises an ``InvalidInput``."""
        if (self.artifacts_dir is None) == (self.upload_id is None):
            raise InvalidParameter("Name either an artifacts_dir or an upload_id.", field="artifacts_dir")
        metadata.check(self.metadata)
        check_words(self.actor, self.reason)
        key = self.idempotency_key
        if key is not None and not _is_key(key):
            raise InvalidParameter(
                f"An idempotency key has 1 to {MAX_KEY_CHARACTERS} printable ASCII characters.", field="idempotency_key"
            )

    def digest(self) -> str:
        """Names the request's content, so that a repeat can be told from another request."""
        # A digest is in the journal for ever: a field that came later is in it only where it is used.
        without = {"idempotency_key", "upload_id"} if self.upload_id is None else {"idempotency_key"}
        content = {name: value for name, value in asdict(self).items() if name not in without}
        return digest(documents.encode(content))


def _is_key(key: Any) -> bool:
    return isinstance(key, str) and 0 < len(key) <= MAX_KEY_CHARACTERS and key.isascii() and key.isprintable()


def register(
    model: ModelStore,
    request: Request,
    settings: CoreSettings,
    *,
    registry_root: str | None,
    uploaded: Callable[[str, ModelStore], AbstractContextManager[intake.Uploaded]],
    progress: ProgressCallback | None,
) -> Registration:
    """The version is in the registry, whole and durable, or nothing has changed.

    Raises every branch of the error tree; a ``StorageUnavailable`` with ``committed: true`` means
    that the version stands and the next change to the model completes its publication.
    """
    model.storage.probe()
    request.check()
    taken = model.is_taken(request.version)  # before the key is looked for: by this very request, perhaps
    if taken:
        settle(model, request.version)
    earlier = _earlier_answer(model, request)
    if earlier is not None:
        return earlier
    _check_names(model, request)
    if request.upload_id is not None:
        with uploaded(request.upload_id, model) as session:
            done = _take_in(model, request, session.plan(settings.required_files), settings, taken, progress)
            session.end()
            return done
    assert request.artifacts_dir is not None
    plan = intake.plan(
        request.artifacts_dir,
        registry_root=registry_root,
        allowed_roots=settings.artifacts_allowed_roots,
        required_files=settings.required_files,
    )
    return _take_in(model, request, plan, settings, taken, progress)


def _take_in(
    model: ModelStore,
    request: Request,
    plan: intake.Plan,
    settings: CoreSettings,
    taken: bool,
    progress: ProgressCallback | None,
) -> Registration:
    """As :func:`register`; ``taken``: the version's name is, so that all there is to find out is what to refuse."""
    packaged, packaged_sha256 = intake.packaged_meta(plan)
    created_at = format_time(datetime.now(UTC))
    meta = metadata.compose(
        packaged,
        request.metadata,
        task=request.task,
        model_name=request.model_name,
        version=request.version,
        created_at=created_at,
    )
    if taken:
        raise _version_exists(model, request.version, intake.digests(plan, workers=settings.workers))
    with model.storage.stage(model.keys.package(request.version)) as staging:
        artifacts = intake.copy(plan, staging, workers=settings.workers, progress=progress)
        brought = {artifact.path: artifact.sha256 for artifact in artifacts}
        intake.check_brought_manifest(plan, {**brought, **({META: packaged_sha256} if packaged_sha256 else {})})
        artifacts.append(staging.add(META, BytesSource(documents.encode_document(meta))))
        manifest = render(artifacts)
        hashes = {artifact.path: artifact.sha256 for artifact in artifacts}
        named_by = commit_id(request.task, request.model_name, request.version, hashes)
        staging.add(MANIFEST, BytesSource(manifest))
        staging.seal()

        def decide(last: Line | None) -> Registration:
            earlier = _earlier_answer(model, request)
            if earlier is not None:
                return earlier
            if model.is_taken(request.version):
                raise _version_exists(model, request.version, brought)
            _check_names(model, request)
            event = _event(model, request, last, staging.attempt, digest(manifest), named_by, created_at)
            _make_room(model, event, staging)
            commit(model, event, staging)
            with standing(model, event):
                return _answer(model, event)

        return change(model, decide)


def _check_names(model: ModelStore, request: Request) -> None:
    if not model.has_version(request.version):
        check_new_name("version", request.version)
        if model.alias_target(request.version) is not None:
            raise NameTaken(f"{request.version!r} is an alias of {model.title}; a version needs another name.")
    if request.set_alias is not None:
        model.check_alias_name(request.set_alias)
        if request.set_alias == request.version:
            raise NameTaken(f"{request.version!r} cannot be both the version and its alias.")


def _event(
    model: ModelStore,
    request: Request,
    last: Line | None,
    attempt: str,
    package_digest: str,
    commit: str,
    created_at: str,
) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "event": "register",
        "task": request.task,
        "model_name": request.model_name,
        "version": request.version,
        "alias": request.set_alias,
        "previous_version": None if request.set_alias is None else model.alias_target(request.set_alias),
        "actor": request.actor,
        "reason": request.reason,
        "package_digest": package_digest,
        "commit": commit,
        "created_at": created_at,
        "attempt": attempt,
    }
    if request.idempotency_key is not None:
        fields["idempotency"] = {"key": request.idempotency_key, "request_digest": request.digest()}
    return model.journal.draft(last, fields)


def _make_room(model: ModelStore, event: dict[str, Any], staging: Staging) -> None:
    _mark_root(model)
    try:
        staging.reserve()
    except PreconditionFailed:
        raise NameTaken(
            f"Something that is no version is in the way of {model.title}/{event['version']}. "
            "An operator should look at it with 'omr check'."
        ) from None


def _mark_root(model: ModelStore) -> None:
    try:
        model.storage.read(REGISTRY)
    except KeyNotFound:
        with suppress(PreconditionFailed):  # another first register was faster
            model.storage.write(REGISTRY, documents.encode_document({"format": FORMAT}), ABSENT)


def _version_exists(model: ModelStore, version: str, incoming: dict[str, str]) -> VersionExists:
    line = model.registered(version)
    if line is not None:
        existing = {name: line.get(name) for name in ("package_digest", "created_at", "actor")}
    else:
        existing = {"package_digest": manifests.package_digest(model, version), "created_at": None, "actor": None}
        with suppress(RegistryError):  # older software's half version: say what is known
            existing["created_at"] = contents.read_meta(model, version).get("created_at")
    deleted = tombstone(model, version)
    has = "already has" if deleted is None else "had, and deleted,"
    return VersionExists(
        f"{model.title} {has} a version {version!r}; a version's name is never given to other bytes. "
        "Register under a new name.",
        existing=existing,
        same_content=contents.content(model, version) == incoming,
    )


def _earlier_answer(model: ModelStore, request: Request) -> Registration | None:
    """The first answer to this very request, if its idempotency key has been used before."""
    if request.idempotency_key is None:
        return None
    for line in model.journal.mentioning(request.idempotency_key):
        used = line.get("idempotency")
        if not isinstance(used, dict) or used.get("key") != request.idempotency_key:
            continue
        if used.get("request_digest") != request.digest():
            raise IdempotencyKeyReused(
                "This Idempotency-Key was used for a different request to this model. Use a new key.",
                idempotency_key=request.idempotency_key,
            )
        if model.locate(line.get("version")) is None:
            return None  # deleted since; or a crash came before its publication, and the lock finishes it
        return _answer(model, line.fields or {})
    return None


def _answer(model: ModelStore, event: dict[str, Any]) -> Registration:
    """The answer to a registration, from its event and the manifest: the same for every repeat."""
    version = event["version"]
    return Registration(
        task=event["task"],
        model_name=event["model_name"],
        version=version,
        package_path=model.require_version(version),
        package_digest=event["package_digest"],
        hashes={path: DIGEST_PREFIX + sha256 for path, sha256 in contents.manifest_hashes(model, version).items()},
        alias_set=event["alias"],
        created_at=event["created_at"],
    )
