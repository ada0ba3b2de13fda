"""Archiving, deleting and restoring a version: what it means for whoever asks for it, and then one event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response

from registry_core import (
    UNSET,
    Action,
    Alias,
    InvalidParameter,
    Unset,
    VersionNotFound,
)

from ..web.gate import reads_bytes
from ..web.needs import Need
from ..web.root import current_registry
from .attempting import REFUSALS, Failure, failure, no_reason, waiting
from .blueprint import blueprint, require_changes
from .changing import MODEL
from .render import page
from .words import Words, done, field, known, typed

VERSION = f"{MODEL}/versions/<version>"
ARCHIVE, UNARCHIVE, DELETE, RESTORE = "archive", "unarchive", "delete", "restore"
ARCHIVED, NO_STAGE = "archived", "none"
_STAGE_ALIASES = ("production", "staging")


@dataclass(frozen=True)
class Wish:
    """What is asked of the version."""

    verb: str
    task: str
    model_name: str
    version: str


@blueprint.get(f"{VERSION}/archive", needs=Need.READ)
def archive(task: str, model_name: str, version: str) -> Response:
    """What is said of an archived version, and who is given it still."""
    return _show(Wish(ARCHIVE, task, model_name, version), known())


@blueprint.post(f"{VERSION}/archive", needs=Need.PROMOTE)
def archive_now(task: str, model_name: str, version: str) -> Response:
    """The version should no longer be used."""
    wish = Wish(ARCHIVE, task, model_name, version)

    def call(words: Words) -> int:
        return waiting(lambda: current_registry().stage(task, model_name, version, ARCHIVED, **words.said).seq)

    return _change(wish, call)


@blueprint.get(f"{VERSION}/unarchive", needs=Need.READ)
def unarchive(task: str, model_name: str, version: str) -> Response:
    """What is said of the version when it may be used again."""
    return _show(Wish(UNARCHIVE, task, model_name, version), known())


@blueprint.post(f"{VERSION}/unarchive", needs=Need.PROMOTE)
def unarchive_now(task: str, model_name: str, version: str) -> Response:
    """The version may be used again, and every alias names what it named."""
    wish = Wish(UNARCHIVE, task, model_name, version)

    def call(words: Words) -> int:
        current_registry().require_may(task, model_name, Action.PROMOTE)  # before anything is told of the version
        # The stage "none" takes those aliases away; one that the version has says the same, and leaves them.
        held = next((alias for alias in _naming(wish) if alias.alias in _STAGE_ALIASES), None)
        stage = NO_STAGE if held is None else held.alias
        named: str | Unset = UNSET if held is None else version
        seq: int | Unset | None = UNSET if held is None else held.seq
        return waiting(
            lambda: (
                current_registry()
                .stage(task, model_name, version, stage, **words.said, expected_version=named, expected_seq=seq)
                .seq
            )
        )

    return _change(wish, call)


@blueprint.get(f"{VERSION}/delete", needs=Need.READ)
def delete(task: str, model_name: str, version: str) -> Response:
    """What names the version still, and what is left of it."""
    return _show(Wish(DELETE, task, model_name, version), known())


@blueprint.post(f"{VERSION}/delete", needs=Need.DELETE)
def delete_now(task: str, model_name: str, version: str) -> Response:
    """The version is gone, if its name was typed."""
    wish, words = Wish(DELETE, task, model_name, version), typed()
    if field("typed_version") != version:
        require_changes()
        other = InvalidParameter("The name that was typed is not that of the version.", field="typed_version")
        return _show(wish, words, failure(other))

    def call(words: Words) -> int | None:
        return waiting(lambda: current_registry().delete(task, model_name, version, **words.said).seq)

    return _change(wish, call)


@blueprint.get(f"{VERSION}/restore", needs=Need.READ)
def restore(task: str, model_name: str, version: str) -> Response:
    """Who deleted the version and why, and whether it can come back."""
    return _show(Wish(RESTORE, task, model_name, version), known())


@blueprint.post(f"{VERSION}/restore", needs=Need.DELETE)
def restore_now(task: str, model_name: str, version: str) -> Response:
    """The version is back, every byte proven first."""
    wish = Wish(RESTORE, task, model_name, version)

    @reads_bytes
    def call(words: Words) -> int:
        return current_registry().restore(task, model_name, version, **words.said).seq

    return _change(wish, call)


def _change(wish: Wish, call: Callable[[Words], int | None]) -> Response:
    """It is done, with a reason; or the page is shown again, and says why not."""
    require_changes()
    words = typed()
    if not words.reason:
        return _show(wish, words, failure(no_reason()))
    try:
        seq = call(words)
    except REFUSALS as error:
        return _show(wish, words, failure(error))
    place = {"task": wish.task, "model_name": wish.model_name}
    if wish.verb == DELETE:
        return done("model", words, **place, done=seq)
    return done("version", words, **place, version=wish.version, done=seq)


def _naming(wish: Wish) -> list[Alias]:
    return [one for one in current_registry().list_aliases(wish.task, wish.model_name) if one.version == wish.version]


def _deletion(wish: Wish) -> dict[str, Any] | None:
    """The tombstone of the version, None where it is not deleted. Raises ``VersionNotFound`` where it never was."""
    try:
        current_registry().show(wish.task, f"{wish.model_name}@{wish.version}")
    except VersionNotFound as error:
        stone: dict[str, Any] | None = error.detail.get("deleted")
        if stone is None:
            raise
        return stone
    return None


def _show(wish: Wish, words: Words, failed: Failure | None = None) -> Response:
    """The page of the wish, made of what is so now."""
    is_restore = wish.verb == RESTORE
    found = None if is_restore else current_registry().show(wish.task, f"{wish.model_name}@{wish.version}")
    return page(
        "retire.html",
        status=200 if failed is None else failed.status,
        wish=wish,
        words=words,
        found=found,
        deleted=_deletion(wish) if is_restore else None,
        naming=[] if is_restore else _naming(wish),
        typed=field("typed_version") if failed is not None else "",
        failed=failed,
    )
