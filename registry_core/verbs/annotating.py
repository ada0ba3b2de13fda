"""Tags, description and stage of a version: facts that may change, each by an event, never in its bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..format.chain import Line
from ..models import states
from ..models.aliases import STAGES
from ..models.annotations import ARCHIVED, read
from ..models.changes import change, commit_next, settle
from ..models.model import ModelStore
from ..packages import contents
from ..vocabulary.answers import Annotation
from ..vocabulary.errors import InvalidParameter, PackageCorrupt
from ..vocabulary.texts import has_control, is_unicode, printable
from ..vocabulary.unset import Unset
from ..vocabulary.who import check_words
from .promotion import expect

MAX_TAGS = 256
MAX_TAG_KEY_CHARACTERS = 128
MAX_TAG_VALUE_CHARACTERS = 4096
MAX_DESCRIPTION_CHARACTERS = 64 * 1024
NO_STAGE = "none"


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
    settle(model, version)
    model.require_version(version)

    def decide(last: Line | None) -> Annotation:
        model.require_version(version)
        if "tags" in changes:
            _check_room(model, version, changes["tags"])
        name = "patch" if "description" in changes else "tag"
        event = commit_next(model, last, name, version=version, actor=actor, reason=reason, set=changes)
        return _annotation(model, version, event["seq"])

    return change(model, decide)


def stage(
    model: ModelStore,
    version: str,
    stage: str,
    *,
    actor: str | None,
    reason: str | None,
    expected_version: str | Unset | None,
) -> Annotation:
    """The version has the stage. Staging and production are the aliases of those names.

    ``none`` removes those of them that name the version, and takes the archived mark away;
    ``archived`` leaves aliases alone. Raises ``VersionNotFound``, ``AliasMoved``, ``InvalidParameter``.
    """
    check_words(actor, reason)
    if stage not in (NO_STAGE, *STAGES, ARCHIVED):
        raise InvalidParameter("A stage is none, staging, production or archived.", field="stage")
    settle(model, version)
    model.require_version(version)
    if stage in STAGES:
        model.check_alias_name(stage)

    def decide(last: Line | None) -> Annotation:
        model.require_version(version)
        moves: dict[str, str | None] = {}
        if stage in STAGES:
            model.check_alias_name(stage)
            moves = {"alias": stage, "previous_version": expect(model, stage, expected_version)}
        mark = {ARCHIVED: stage == ARCHIVED}
        event = commit_next(model, last, "stage", version=version, actor=actor, reason=reason, set=mark, **moves)
        return _annotation(model, version, event["seq"])

    if stage == NO_STAGE:
        for alias in STAGES:
            _step_down(model, alias, version, actor, reason)
    return change(model, decide)


def _step_down(model: ModelStore, alias: str, version: str, actor: str | None, reason: str | None) -> None:
    """The alias does not name the version."""
    if model.alias_named(alias) != version:
        return

    def decide(last: Line | None) -> None:
        if model.alias_target(alias) == version:
            commit_next(
                model,
                last,
                "unalias",
                version=None,
                alias=alias,
                previous_version=version,
                actor=actor,
                reason=reason,
            )

    change(model, decide)


def _annotation(model: ModelStore, version: str, seq: int) -> Annotation:
    said = read(model, version, _meta(model, version))
    return Annotation(version, said.tags, said.description, said.stage, seq)


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


def _check_room(model: ModelStore, version: str, tags: Mapping[str, Any]) -> None:
    known = states.read(model.storage, model.keys, version).tags
    if len({**known, **tags}) > MAX_TAGS:
        raise InvalidParameter(f"A version has at most {MAX_TAGS} tags, removed ones included.", field="tags")
