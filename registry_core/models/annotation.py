"""What is said about a version beside its package: aliases, tags, description, stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..vocabulary.answers import Alias
from ..vocabulary.stages import ARCHIVED
from . import older
from .aliases import stage_of
from .model import Found, ModelStore
from .states import State
from .timeline import Moment


@dataclass(frozen=True)
class Annotations:
    """What is said about a version beside its package, and the aliases that name it."""

    aliases: list[str]
    tags: dict[str, Any]
    description: str | None
    stage: str


def read(
    model: ModelStore,
    version: str,
    meta: Mapping[str, Any],
    state: State | None = None,
    named: Alias | None = None,
) -> Annotations:
    """What is said about the version now; ``meta`` is its ``model_meta.json``, ``state`` as in :func:`warnings`.

    ``named``: an alias that was just read.
    """
    pointing = [alias.alias for alias in model.told.aliases(named) if alias.version == version]
    return beside(model, version, meta, pointing, state)


def beside(
    model: ModelStore, version: str, meta: Mapping[str, Any], pointing: list[str], state: State | None = None
) -> Annotations:
    """As :func:`read`, where it is known already which aliases name the version."""
    own = older.without_stage(meta, lambda: model.registered(version))
    return said(state or model.told.state(version), pointing, own)


def at(moment: Moment, version: str, meta: Mapping[str, Any]) -> Annotations:
    """What was said about the version then."""
    pointing = sorted(alias for alias, target in moment.pointing().items() if target == version)
    own = older.without_stage(meta, lambda: moment.registered.get(version))
    return said(moment.states.get(version, State()), pointing, own)


def said(state: State, pointing: list[str], meta: Mapping[str, Any]) -> Annotations:
    """What the state says over the package's own words, and the stage by the aliases that name the version."""
    return Annotations(
        aliases=pointing,
        tags=state.tags_over(meta),
        description=state.description_over(meta),
        stage=stage_of(pointing, is_archived=state.is_archived(meta)),
    )


def warnings(found: Found, state: State | None = None) -> list[str]:
    """What whoever uses the version must know: that it was archived, and why. Reads no artifact.

    ``state``: what was set about it, where the caller has read that.
    """
    if found.facts is not None:
        archived, reason = found.facts.notes.get(ARCHIVED), found.facts.notes.get("reason")
    else:
        state = state or found.model.told.state(found.version)
        archived, reason = state.archived, state.archived_reason
    if not archived:
        return []
    return [f"{found.version} is archived{f': {reason}' if reason else ''}. Use another version where you can."]
