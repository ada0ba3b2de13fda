"""Moving an alias: promote, roll back, remove. A page shows what would change, and its form counts only against that.

The form carries what the page showed: the version that the alias named, and the event that let it. If it has moved
since, nothing is changed, and the page is made anew with what was typed; a second click then is a knowing one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from registry_core import (
    Alias,
    AliasNotFound,
    Comparison,
    Description,
    GateNotMet,
    InvalidParameter,
    ModelRegistry,
    NotFound,
    PackageCorrupt,
    VersionNotFound,
)

from ..web import sessions
from ..web.gate import may_be_large
from ..web.needs import Need
from ..web.root import current_registry
from . import grades
from .attempting import REFUSALS, Failure, failure, no_reason, waiting
from .blueprint import blueprint, require_changes
from .gates import MOST_CHECKS, checklist, told
from .render import page
from .words import Words, done, field, known, typed

MODEL = "/models/<task>/<model_name>"
PRODUCTION = "production"
PROMOTE, ROLLBACK, UNALIAS = "promote", "rollback", "unalias"


@dataclass(frozen=True)
class Wish:
    """What is asked of the alias: ``version`` is what it shall name, None where it shall be no more."""

    verb: str
    task: str
    model_name: str
    alias: str
    version: str | None


@blueprint.get(f"{MODEL}/promote", needs=Need.READ)
@may_be_large
def promote(task: str, model_name: str) -> Response:
    """What would change if the alias named another version."""
    alias = request.args.get("alias") or PRODUCTION
    version = request.args.get("version") or _newest(task, model_name)
    return _show(Wish(PROMOTE, task, model_name, alias, version), known())


@blueprint.post(f"{MODEL}/promote", needs=Need.PROMOTE)
def promote_now(task: str, model_name: str) -> Response:
    """The alias names the version."""
    wish = Wish(PROMOTE, task, model_name, field("alias"), field("version"))
    return _change(
        wish,
        lambda registry, guarded: registry.promote(task, model_name, wish.alias, wish.version or "", **guarded).seq,
    )


@blueprint.get(f"{MODEL}/rollback", needs=Need.READ)
@may_be_large
def rollback(task: str, model_name: str) -> Response:
    """What would change if the alias named an earlier version of its own again."""
    alias = request.args.get("alias") or PRODUCTION
    to = request.args.get("to") or _before(task, model_name, alias)
    return _show(Wish(ROLLBACK, task, model_name, alias, to), known())


@blueprint.post(f"{MODEL}/rollback", needs=Need.PROMOTE)
def rollback_now(task: str, model_name: str) -> Response:
    """The alias names that version again."""
    wish = Wish(ROLLBACK, task, model_name, field("alias"), field("version"))
    return _change(
        wish,
        lambda registry, guarded: (
            registry.rollback(task, model_name, wish.alias, to_version=wish.version, **guarded).seq
        ),
    )


@blueprint.get(f"{MODEL}/unalias", needs=Need.READ)
def unalias(task: str, model_name: str) -> Response:
    """What would be gone with the alias."""
    return _show(Wish(UNALIAS, task, model_name, request.args.get("alias") or PRODUCTION, None), known())


@blueprint.post(f"{MODEL}/unalias", needs=Need.PROMOTE)
def unalias_now(task: str, model_name: str) -> Response:
    """The alias is gone."""
    wish = Wish(UNALIAS, task, model_name, field("alias"), None)
    return _change(wish, lambda registry, guarded: registry.unalias(task, model_name, wish.alias, **guarded).seq)


def _before(task: str, model_name: str, alias: str) -> str:
    """What a rollback leads to, whether or not a gate lets it. Raises as the verb."""
    try:
        return current_registry().rollback(task, model_name, alias, dry_run=True).version
    except GateNotMet as refusal:  # the page shows what is unmet
        if not isinstance(refusal.detail.get("version"), str):
            raise
        return str(refusal.detail["version"])


def _newest(task: str, model_name: str) -> str:
    """The version that was made last. Raises ``VersionNotFound`` where there is none, ``ModelNotFound``."""
    found = current_registry().list_models(task=task, model_name=model_name, sort="-created_at", limit=1).items
    if not found:
        current_registry().list_aliases(task, model_name)  # there is such a model
        raise VersionNotFound(f"{task}/{model_name} has no version that an alias could name.")
    return str(found[0]["version"])


def _change(wish: Wish, verb: Callable[[ModelRegistry, dict[str, Any]], int | None]) -> Response:
    """The verb is called with what the form's page had shown; or the page is shown again, and says why not."""
    require_changes()
    words, shown = typed(), _shown()
    if shown is None:
        unsaid = "The form says not which version the alias named. Look at it here first."
        return _show(wish, words, failure(InvalidParameter(unsaid, field="expected_version")))
    if not words.reason:
        return _show(wish, words, failure(no_reason()))
    try:
        seq = waiting(lambda: verb(current_registry(), {**words.said, **shown}))
    except REFUSALS as error:
        return _show(wish, words, failure(error))
    return done("model", words, task=wish.task, model_name=wish.model_name, done=seq)


def _shown() -> dict[str, Any] | None:
    """What the page showed of the alias, as the verbs expect it; None where the form does not say it."""
    form = sessions.form()
    version, seq = form.get("expected_version"), form.get("expected_seq")
    if version is None or seq is None or not (seq == "" or (seq.isascii() and seq.isdigit() and len(seq) < 16)):
        return None
    return {"expected_version": version or None, "expected_seq": int(seq) if seq else None}


def _show(wish: Wish, words: Words, failed: Failure | None = None) -> Response:
    """The page of the wish, made of what is so now."""
    registry = current_registry()
    aliases = registry.list_aliases(wish.task, wish.model_name)
    now = next((alias for alias in aliases if alias.alias == wish.alias), None)
    if now is None and wish.verb != PROMOTE and failed is None:
        raise AliasNotFound(f"{wish.task}/{wish.model_name} has no alias {wish.alias!r}.")
    after = None if wish.version is None else _description(wish, wish.version)
    found, remark = _compared(wish, now)
    two = _two(wish, now)
    graded = [] if found is None else grades.grades(*(found.versions[one].metrics for one in two))
    is_so = (now.version if now else None) == wish.version
    unasked = _unasked(wish, now) if is_so else None
    needs = None
    if wish.version is not None and (not is_so or unasked):
        needs = checklist(registry, wish.task, wish.model_name, wish.version, wish.alias, words.who)
    return page(
        "move.html",
        status=200 if failed is None else failed.status,
        wish=wish,
        words=words,
        aliases=aliases,
        now=now,
        after=after,
        grades=graded,
        worse=grades.worse(graded),
        compared=found,
        two=two,
        is_so=is_so and not unasked,
        unasked=unasked,
        needs=needs,
        most_checks=MOST_CHECKS,
        remark=remark,
        failed=failed,
    )


def _unasked(wish: Wish, now: Alias | None) -> str | None:
    """That no gate was asked when the alias came to name what it names: then it can be promoted to that once more."""
    if now is None or wish.verb != PROMOTE:
        return None
    found = told(current_registry(), wish.task, wish.model_name, {now.alias: now.seq}, lambda _: None)
    return next((one.text for one in found if one.is_unasked), None)


def _two(wish: Wish, now: Alias | None) -> list[str]:
    return [version for version in (None if now is None else now.version, wish.version) if version is not None]


def _description(wish: Wish, version: str) -> Description:
    return current_registry().show(wish.task, f"{wish.model_name}@{version}")


def _compared(wish: Wish, now: Alias | None) -> tuple[Comparison | None, str | None]:
    """(both versions side by side, why not): neither where there are no two."""
    two = _two(wish, now)
    if len(set(two)) < len(two) or len(two) < 2:
        return None, None
    try:
        return current_registry().compare(wish.task, wish.model_name, two), None
    except (NotFound, PackageCorrupt) as error:
        return None, error.message
