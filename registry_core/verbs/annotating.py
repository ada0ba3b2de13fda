"""Tags, description and stage of a version: facts that may change, each by an event, never in its bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..format.events import PATCH, STAGE, TAG
from ..format.layout import ModelKeys
from ..models import aliases, annotation, older, package_manifest
from ..models.changes import Draft, change, standing
from ..models.gate import Asked, Gate, Verdict
from ..models.missing import no_version
from ..models.model import ModelStore
from ..models.states import State
from ..packages import contents
from ..vocabulary.answers import Annotation
from ..vocabulary.errors import InvalidParameter, PackageCorrupt
from ..vocabulary.stages import ALIAS_STAGES, ARCHIVED, NO_STAGE, STAGES
from ..vocabulary.texts import check_words, has_control, is_unicode, printable
from ..vocabulary.unset import Unset
from .promotion import ANYWHERE, Expected, SeenAlias, ask, look_at_alias

MAX_TAGS = 256
MAX_TAG_KEY_CHARACTERS = 128
MAX_TAG_VALUE_CHARACTERS = 4096
MAX_DESCRIPTION_CHARACTERS = 64 * 1024


@dataclass(frozen=True)
class SeenVersion:
    """What a change of tags, description or mark looks at: all that is said about the version.

    ``meta`` is its ``model_meta.json``, ``aliases`` those that name it.
    """

    model: ModelKeys
    is_published: bool
    package_digest: str | None
    state: State
    meta: Mapping[str, Any]
    aliases: tuple[str, ...]

    def after(self, event: Mapping[str, Any]) -> Annotation:
        """What is said about the version once the event has happened."""
        pointing = {**dict.fromkeys(self.aliases, event["version"]), **aliases.moves(event)}
        naming = sorted(alias for alias, version in pointing.items() if version == event["version"])
        said = annotation.said(self.state.after(event), naming, self.meta)
        warnings = []
        if event["event"] == STAGE and naming and event["set"].get(ARCHIVED):
            names, they = ", ".join(naming), "names" if len(naming) == 1 else "name"
            warnings.append(
                f"{event['version']} is archived, and {names} {they} it still: whoever asks for that is given it. "
                "Promote another version, or remove the alias."
            )
        return Annotation(event["version"], said.tags, said.description, said.stage, event["seq"], warnings)


def look_at_version(model: ModelStore, version: str) -> SeenVersion:
    if not model.has_version(version):
        return SeenVersion(model.keys, False, None, State(), {}, ())
    return SeenVersion(
        model.keys,
        True,
        package_manifest.package_digest(model, version),
        model.told.state(version),
        older.without_stage(_meta(model, version), lambda: model.registered(version)),
        tuple(alias.alias for alias in model.told.aliases() if alias.version == version),
    )


@dataclass(frozen=True)
class Words:
    """What a caller says about a version, checked. ``changes`` are the new tags, the new description."""

    version: str
    changes: Mapping[str, Any]
    actor: str | None
    reason: str | None


def patch(
    model: ModelStore,
    version: str,
    *,
    tags: Mapping[str, Any] | None,
    description: str | Unset | None,
    actor: str | None,
    reason: str | None,
) -> Annotation:
    """The tags are set (those of None removed, others left alone), and the description if one is given.

    Raises ``VersionNotFound``, ``InvalidParameter``, ``StorageError``; nothing has changed then.
    """
    check_words(actor, reason)
    changes: dict[str, Any] = {}
    if tags:
        changes["tags"] = check_tags(tags)
    if not isinstance(description, Unset):
        changes["description"] = _check_description(description)
    if not changes:
        raise InvalidParameter("There is nothing to change: give tags or a description.", field="tags")
    words = Words(version, changes, actor, reason)
    done = change(model, lambda: look_at_version(model, version), lambda seen: decide_patch(seen, words))
    with standing(model, done.event):
        return done.seen.after(done.event)


def decide_patch(seen: SeenVersion, words: Words) -> Draft:
    if not seen.is_published:
        no_version(seen.model, words.version)
    if len({**seen.state.tags, **words.changes.get("tags", {})}) > MAX_TAGS and "tags" in words.changes:
        raise InvalidParameter(f"A version has at most {MAX_TAGS} tags, removed ones included.", field="tags")
    return Draft(
        PATCH if "description" in words.changes else TAG,
        words.version,
        words.actor,
        words.reason,
        package_digest=seen.package_digest,
        own={"set": words.changes},
    )


@dataclass(frozen=True)
class StageRequest:
    """The stage that a version shall have. ``expected``: of the alias of that name, where it is one."""

    version: str
    stage: str
    actor: str | None
    reason: str | None
    expected: Expected = ANYWHERE


@dataclass(frozen=True)
class SeenStage:
    """What a change of stage looks at; ``alias`` and ``verdict`` where the stage is an alias.

    ``held``: the stages that the version has as aliases, where it shall have none. ``is_guarded``: a policy guards an
    alias of the model (only looked at where a mark is to be taken away without a reason).
    """

    version: SeenVersion
    alias: SeenAlias | None
    verdict: Verdict
    held: tuple[str, ...] = ()
    is_guarded: bool = False

    @property
    def is_archived(self) -> bool:
        return self.version.state.is_archived(self.version.meta)


def stage(model: ModelStore, request: StageRequest, gate: Gate | None) -> Annotation:
    """The version has the stage. Staging and production are the aliases of those names.

    ``none`` removes those of them that name the version, and takes the archived mark away; ``archived`` leaves aliases
    alone. One of an alias that a policy guards leaves the mark alone, which then takes a stage of its own to be taken
    away, with a reason. Raises ``VersionNotFound``, ``AliasMoved``, ``InvalidParameter``, and what
    the gate refuses with.
    """
    check_words(request.actor, request.reason)
    if request.stage not in STAGES:
        raise InvalidParameter("A stage is none, staging, production or archived.", field="stage")
    if request.stage not in ALIAS_STAGES and not isinstance(request.expected.seq, Unset):
        raise InvalidParameter(
            f"The stage {request.stage!r} is no alias, so there is no move of it to expect.", field="expected_seq"
        )

    look = partial(look_stage, model, request)
    done = change(model, partial(look, gate), lambda seen: decide_stage(seen, request), glance=partial(look, None))
    with standing(model, done.event):
        return done.seen.version.after(done.event)


def look_stage(model: ModelStore, request: StageRequest, gate: Gate | None) -> SeenStage:
    version = look_at_version(model, request.version)
    if request.stage not in ALIAS_STAGES:
        stages = ALIAS_STAGES if request.stage == NO_STAGE else ()
        # Not as readers are told: a damaged document hides no alias from this.
        held = tuple(alias for alias in stages if model.alias_named(alias) == request.version)
        asks = request.stage == NO_STAGE and not (request.reason or "").strip()
        return SeenStage(version, None, Verdict(), held, is_guarded=asks and gate is not None and gate.guards(model))
    asked = Asked(STAGE, request.version, request.stage, model.signed(request.actor)) if version.is_published else None
    return SeenStage(version, look_at_alias(model, request.stage, request.expected), ask(gate, model, asked))


def decide_stage(seen: SeenStage, request: StageRequest) -> Draft:
    if not seen.version.is_published:
        no_version(seen.version.model, request.version)
    if seen.alias is not None:
        seen.alias.check_may_be()
        seen.alias.check_expected(request.expected)
    if seen.verdict.refusal is not None:
        raise seen.verdict.refusal
    if seen.is_guarded and seen.is_archived:
        raise InvalidParameter(
            f"{request.version} is archived, and a policy guards aliases of {seen.version.model.title}: whoever takes "
            "that back says why.",
            field="reason",
        )
    return Draft(
        STAGE,
        request.version,
        request.actor,
        request.reason,
        alias=seen.alias.alias if seen.alias is not None else None,
        previous_version=seen.alias.named if seen.alias is not None else None,
        previous_seq=seen.alias.last_moved if seen.alias is not None else None,
        package_digest=seen.version.package_digest,
        own={
            # What a policy guards is not lifted by the way.
            "set": {} if seen.verdict.is_gated else {ARCHIVED: request.stage == ARCHIVED},
            **({"unaliased": list(seen.held)} if seen.held else {}),
            **seen.verdict.says,
        },
    )


def _meta(model: ModelStore, version: str) -> dict[str, Any]:
    try:
        return contents.read_meta(model, version)
    except PackageCorrupt:
        return {}  # damaged, or older software's half version: it can be labelled all the same


def check_tags(tags: Mapping[str, Any]) -> dict[str, Any]:
    """``tags`` as a dictionary: short texts to texts, finite numbers or booleans; None removes.

    Raises ``InvalidParameter`` naming the key.
    """
    if not isinstance(tags, Mapping):
        raise InvalidParameter("tags is an object of keys and values.", field="tags")
    for key, value in tags.items():
        _check_key(key)
        if isinstance(value, str):
            if not is_unicode(value) or len(value) > MAX_TAG_VALUE_CHARACTERS:
                raise InvalidParameter(
                    f"The value of tag {key!r} is not valid Unicode of at most {MAX_TAG_VALUE_CHARACTERS} characters.",
                    field="value",
                )
        elif isinstance(value, float) and not math.isfinite(value):
            raise InvalidParameter(f"The value of tag {key!r} is {value}, which JSON cannot hold.", field="value")
        elif value is not None and not isinstance(value, (bool, int, float)):
            raise InvalidParameter(f"The value of tag {key!r} is no text, number or boolean.", field="value")
    return dict(tags)


def _check_key(key: Any) -> None:
    if (
        not isinstance(key, str)
        or not 0 < len(key) <= MAX_TAG_KEY_CHARACTERS
        or not is_unicode(key)
        or has_control(key)
        or key != key.strip()
        or ":" in key
    ):
        raise InvalidParameter(
            f"{printable(key)!r} cannot be a tag's key: it has 1 to {MAX_TAG_KEY_CHARACTERS} characters, "
            "no control character, no colon, and no blank at either end.",
            field="key",
        )


def _check_description(description: str | None) -> str | None:
    if description is None:
        return None
    if not isinstance(description, str) or not is_unicode(description):
        raise InvalidParameter("The description is no valid text.", field="description")
    if len(description) > MAX_DESCRIPTION_CHARACTERS:
        raise InvalidParameter(
            f"The description has {len(description)} characters; at most {MAX_DESCRIPTION_CHARACTERS} are kept.",
            field="description",
        )
    return description
