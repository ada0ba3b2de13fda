"""Taking a package in: stage and hash, then commit by one journal event, then publish.

The order is the guarantee (``docs/design.md``): whatever fails before the event leaves nothing, and
whatever fails after it is finished by whoever takes the model's lock next.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from ..format import metadata
from ..format.chain import Line
from ..format.commit_ids import commit_id
from ..format.events import REGISTER
from ..format.layout import MANIFEST, META, METRICS, ModelKeys
from ..format.manifest import render
from ..models import owners, used_keys
from ..models.changes import Draft, change, finish_pending, standing
from ..models.gate import Arriving, Asked, Gate, Verdict
from ..models.model import ModelStore
from ..packages import contents, intake, stated_metrics
from ..packages.observed import Incoming, Observer, observe
from ..packages.sources import BytesSource
from ..settings import CoreSettings
from ..storage.contract import PreconditionFailed, Staging
from ..vocabulary.answers import Registration
from ..vocabulary.errors import IdempotencyKeyReused, InvalidParameter, NameTaken, RegistryError
from ..vocabulary.evidence import SignatureJudged
from ..vocabulary.progress import ProgressCallback
from ..vocabulary.texts import (
    DIGEST_PREFIX,
    check_new_version,
    check_words,
    digest,
    encode,
    encode_document,
    format_time,
)
from .promotion import SeenAlias, ask, look_at_alias
from .taken import Taken, look_at_taken, version_exists

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What a caller asks to register; ``left_out``: the alias that nobody named, and that the caller may not move."""

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
    left_out: str | None = None
    whose: tuple[str, str] | None = None

    def check(self) -> None:
        """The request's words can be stored. Raises an ``InvalidInput``."""
        if (self.artifacts_dir is None) == (self.upload_id is None):
            raise InvalidParameter("Name either an artifacts_dir or an upload_id.", field="artifacts_dir")
        self.check_words()

    def check_words(self) -> None:
        """As :meth:`check`, wherever the files are."""
        metadata.check(self.metadata)
        check_words(self.actor, self.reason)
        used_keys.check(self.idempotency_key)

    @property
    def used_key(self) -> str | None:
        """What the journal calls the key."""
        return used_keys.of(self.idempotency_key, self.whose)

    def digest(self) -> str:
        """Names the request's content, so that a repeat can be told from another request."""
        # A digest is in the journal for ever: a field that came later is in it only where it is used.
        without = {"idempotency_key", "left_out", "whose", *(("upload_id",) if self.upload_id is None else ())}
        content = {name: value for name, value in asdict(self).items() if name not in without}
        return digest(encode({**content, "set_alias": self.set_alias or self.left_out}))


@dataclass(frozen=True)
class Package:
    """The staged bytes, as the event names them. ``brought``: path -> SHA-256 hex of the caller's own files.

    ``observed``: what else the event says of them, by the names of its fields; ``sizes`` and ``meta``: what a gate may
    ask for besides.
    """

    attempt: str
    package_digest: str
    commit_id: str
    created_at: str
    brought: Mapping[str, str]
    observed: Mapping[str, Any]
    sizes: Mapping[str, int]
    meta: Mapping[str, Any]

    @property
    def arriving(self) -> Arriving:
        """As a gate is shown it."""
        return Arriving(self.package_digest, self.sizes, self.meta, self.observed)


@dataclass(frozen=True)
class SeenRegister:
    """What a registration looks at.

    ``repeat``: the event of the same idempotency key, and ``answer`` the answer that it was given. ``alias``: the
    one that shall name the version, if one shall. ``named_so``: what an alias of the version's own name names.
    ``owner``: whose the model is from this event on, if it says so.
    """

    model: ModelKeys
    repeat: Mapping[str, Any] | None
    answer: Registration | None
    is_published: bool
    taken: Taken | None
    named_so: str | None
    alias: SeenAlias | None
    verdict: Verdict
    owner: str | None = None


def register(
    model: ModelStore,
    request: Request,
    settings: CoreSettings,
    *,
    registry_root: str | None,
    uploaded: Callable[[str, ModelStore], AbstractContextManager[intake.Uploaded]],
    gate: Gate | None,
    observers: Sequence[Observer] = (),
    progress: ProgressCallback | None,
) -> Registration:
    """The version is in the registry, whole and durable, or nothing has changed.

    Raises every branch of the error tree; a ``StorageUnavailable`` with ``committed: true`` means
    that the version stands and the next change to the model completes its publication.
    """
    model.storage.probe()
    request.check()
    if not model.has_version(request.version) and model.was_version(request.version):
        finish_pending(model)  # by this very request, perhaps, whose answer a crash has swallowed
    seen = look(model, request, gate)
    early = refuse_early(seen, request)
    if early is not None:
        return early
    if request.upload_id is not None:
        done: Registration | None = None
        try:
            with uploaded(request.upload_id, model) as session:
                done = _take_in(
                    model, request, session.plan(settings.required_files), settings, gate, observers, seen, progress
                )
                session.end()
        except (OSError, RegistryError):
            if done is None:
                raise
            log.exception("the upload of %s is left to a sweep", model.title)  # what it was for is done
        return done
    assert request.artifacts_dir is not None
    plan = intake.plan(
        request.artifacts_dir,
        registry_root=registry_root,
        allowed_roots=settings.artifacts_allowed_roots,
        required_files=settings.required_files,
    )
    return _take_in(model, request, plan, settings, gate, observers, seen, progress)


def _take_in(
    model: ModelStore,
    request: Request,
    plan: intake.Plan,
    settings: CoreSettings,
    gate: Gate | None,
    observers: Sequence[Observer],
    seen: SeenRegister,
    progress: ProgressCallback | None,
) -> Registration:
    """As :func:`register`; ``seen``: before a byte was read. Where the name is taken, all there is to find out is
    whether by the same bytes."""
    packaged, packaged_sha256 = intake.packaged_meta(plan)
    created_at = format_time(datetime.now(UTC))
    names = {**model.names(), "version": request.version}
    meta = metadata.compose(packaged, request.metadata, **names, created_at=created_at)
    if seen.taken is not None and seen.repeat is None:  # a repeat whose version is on its way is decided under the lock
        raise version_exists(seen.model, request.version, seen.taken, intake.digests(plan, workers=settings.workers))
    key = model.keys.package(request.version)
    intake.require_short((file.name for file in plan.files), model.storage.packages.longest_path(key))
    with model.storage.packages.stage(key) as staging:
        artifacts = intake.copy(plan, staging, workers=settings.workers, progress=progress)
        brought = {artifact.path: artifact.sha256 for artifact in artifacts}
        intake.check_brought_manifest(plan, {**brought, **({META: packaged_sha256} if packaged_sha256 else {})})
        artifacts.append(staging.add(META, BytesSource(encode_document(meta))))
        manifest = render(artifacts)
        hashes = {artifact.path: artifact.sha256 for artifact in artifacts}
        named_by = commit_id(request.task, request.model_name, request.version, hashes)
        staging.add(MANIFEST, BytesSource(manifest))
        staging.seal()
        observed = observe(observers, Incoming(model, request.version, digest(manifest), artifacts, staging))
        sizes = {artifact.path: artifact.size_bytes for artifact in artifacts}
        package = Package(staging.attempt, digest(manifest), named_by, created_at, brought, observed, sizes, meta)
        done = change(
            model,
            lambda: look(model, request, gate, package),
            lambda seen: decide(seen, request, package),
            staging=staging,
            reserve=lambda: _reserve(model, request, staging),
        )
    if isinstance(done, Registration):
        return done
    with standing(model, done.event):
        return _answer(model, done.event)


def look(model: ModelStore, request: Request, gate: Gate | None, package: Package | None = None) -> SeenRegister:
    """``package``: what was staged; None before a byte was read."""
    # Before the key is looked for: it may be this very request that takes the name meanwhile.
    is_published = model.has_version(request.version)
    is_taken = is_published or model.was_version(request.version)
    if is_taken and not is_published:
        model.require_remembered(request.version)
    repeat = _same_key(model, request, is_published=is_published)
    is_there = repeat is not None and model.locate(repeat["version"]) is not None
    alias = None if request.set_alias is None else look_at_alias(model, request.set_alias)
    return SeenRegister(
        model.keys,
        repeat,
        _answer(model, repeat) if repeat is not None and is_there and _is_same(repeat, request) else None,
        is_published,
        look_at_taken(model, request.version) if is_taken else None,
        None if is_published else model.alias_named(request.version),
        alias,
        Verdict() if is_taken else ask(gate, model, _asked(model, request, package)),
        owners.to_record(model),
    )


def _asked(model: ModelStore, request: Request, package: Package | None) -> Asked:
    by, arriving = model.signed(request.actor), package.arriving if package is not None else None
    return Asked(REGISTER, request.version, request.set_alias, by, is_new=True, arriving=arriving)


def refuse_early(seen: SeenRegister, request: Request) -> Registration | None:
    """The answer to a repeat. Raises what can be refused before a byte of the package is read."""
    if seen.repeat is not None and not _is_same(seen.repeat, request):
        raise IdempotencyKeyReused(
            "This Idempotency-Key was used for a different request to this model. Use a new key.",
            idempotency_key=request.idempotency_key,
        )
    if seen.answer is not None:
        return seen.answer
    if not seen.is_published:
        check_new_version(request.version)
        if seen.named_so is not None:
            raise NameTaken(f"{request.version!r} is an alias of {seen.model.title}; a version needs another name.")
    if seen.alias is not None:
        seen.alias.check_may_be()
        if seen.alias.alias == request.version:
            raise NameTaken(f"{request.version!r} cannot be both the version and its alias.")
    if seen.verdict.refusal is not None:
        raise seen.verdict.refusal
    return None


def decide(seen: SeenRegister, request: Request, package: Package) -> Draft | Registration:
    if seen.answer is None and seen.taken is not None:
        raise version_exists(seen.model, request.version, seen.taken, package.brought)
    early = refuse_early(seen, request)
    if early is not None:
        return early
    own: dict[str, Any] = {"commit": package.commit_id, "created_at": package.created_at, "attempt": package.attempt}
    if request.idempotency_key is not None:
        own["idempotency"] = {"key": request.used_key, "request_digest": request.digest()}
    if seen.owner is not None:
        own["owner"] = seen.owner
    return Draft(
        REGISTER,
        request.version,
        request.actor,
        request.reason,
        alias=request.set_alias,
        previous_version=seen.alias.named if seen.alias is not None else None,
        previous_seq=seen.alias.last_moved if seen.alias is not None else None,
        package_digest=package.package_digest,
        own={**own, **package.observed, **seen.verdict.says},
    )


def _reserve(model: ModelStore, request: Request, staging: Staging) -> None:
    if request.idempotency_key is not None:
        used_keys.write_down(model.storage, model.keys, model.journal)
    try:
        staging.reserve()
    except PreconditionFailed:
        raise NameTaken(
            f"Something that is no version is in the way of {model.title}/{request.version}. "
            "An operator should look at it with 'omr check'."
        ) from None


def _same_key(model: ModelStore, request: Request, *, is_published: bool) -> Mapping[str, Any] | None:
    """The register event that carries the idempotency key."""
    if request.used_key is None:
        return None

    def born() -> Line | None:
        return model.registered(request.version) if is_published else None

    line = used_keys.find(model.storage, model.keys, model.journal, request.used_key, born)
    return line.fields if line is not None else None


def _is_same(repeat: Mapping[str, Any], request: Request) -> bool:
    return bool(repeat["idempotency"].get("request_digest") == request.digest())


def _answer(model: ModelStore, event: Mapping[str, Any]) -> Registration:
    """The answer to a registration, from its event and the manifest: the same for every repeat."""
    version = event["version"]
    hashes = contents.manifest_hashes(model, version)
    signatures = [SignatureJudged.recorded(one) for one in event.get("signatures", [])]
    stated = stated_metrics.remarks(model, version) if METRICS in hashes else []
    return Registration(
        task=event["task"],
        model_name=event["model_name"],
        version=version,
        package_path=model.require_version(version),
        package_digest=event["package_digest"],
        hashes={path: DIGEST_PREFIX + sha256 for path, sha256 in hashes.items()},
        alias_set=event["alias"],
        created_at=event["created_at"],
        warnings=[*stated, *(remark for one in signatures for remark in one.remarks())],
        signatures=signatures,
    )
