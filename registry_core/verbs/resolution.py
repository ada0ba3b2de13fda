"""From a ref to exact bytes, and all that is known about a version: now, or as of a moment."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NoReturn

from ..models import annotation, package_manifest
from ..models.as_of import find_at
from ..models.model import Found, ModelStore
from ..models.states import State
from ..models.timeline import Moment
from ..packages import contents, verify
from ..vocabulary.answers import Description, Resolution, Verification
from ..vocabulary.errors import InvalidParameter, VersionNotFound
from ..vocabulary.progress import ProgressCallback
from ..vocabulary.texts import parse_time, printable

_BLANK_OFFSET = re.compile(r"(T[0-9:.,]+) (\d\d:?\d\d)")  # in a query string its plus arrives as a blank


def find(model: ModelStore, selector: str) -> Found:
    """What the selector names now. Raises ``NotFound``, ``InvalidName``, ``PackageCorrupt``."""
    return model.find(selector) or not_found(model, selector)


def find_then(model: ModelStore, selector: str, as_of: str | datetime) -> tuple[Found, Moment]:
    """(where the version lies now that the selector named then, the model as it was then).

    Raises ``NotFound``, ``InvalidParameter``.
    """
    then = find_at(model.require(), selector, moment_of(as_of))
    location = model.locate(then.version)
    if location is None:
        not_found(model, then.version)
    return Found(model, then.version, then.alias, location, model.facts(then.version)), then.moment


def moment_of(when: str | datetime, field: str = "as_of") -> datetime:
    """The moment in UTC; a text is an RFC 3339 time. Without an offset it is UTC already.

    Raises ``InvalidParameter``.
    """
    text = when.isoformat() if isinstance(when, datetime) else when
    moment = parse_time(_BLANK_OFFSET.sub(r"\1+\2", text.strip().upper()) if isinstance(text, str) else text)
    if moment is None:
        raise InvalidParameter(
            f"{printable(text)!r} is not a time. Write it as in RFC 3339, for example 2026-11-24T09:30:00Z.",
            field=field,
        )
    return moment


def not_found(model: ModelStore, selector: str) -> NoReturn:
    """Raises ``ModelNotFound``, or ``VersionNotFound`` with the tombstone if there is one."""
    model.require()
    stone = model.tombstone(selector)
    if stone is None:
        raise VersionNotFound(
            f"{model.title} has no alias or version {selector!r}.", **model.names(), selector=selector
        )
    gone = "and purged; only its tombstone is left" if stone.purged_at else "and can be restored"
    raise VersionNotFound(
        f"{model.title}@{selector} was deleted at {stone.deleted_at} ({stone.reason}) {gone}.",
        **model.names(),
        selector=selector,
        deleted=stone.to_dict(),
    )


def told(found: Found) -> list[str]:
    """What must be known of the documents, asked for by a read that may cost one small request more."""
    return found.model.told.warnings(asks=True)


def prove(found: Found, workers: int, progress: ProgressCallback | None = None) -> Verification:
    """Every byte of the version was read and is as registered. Raises ``PackageCorrupt``."""
    return verify.verify(found.model, found.version, workers=workers, progress=progress)


def resolve(found: Found, checked: Verification | None) -> Resolution:
    """Where the version is, and which bytes it has. ``checked``: what came of proving them, if they were proven."""
    warnings = _warnings(found, checked)  # first: it comes upon the register event, where nothing was set since
    return Resolution(
        path=found.location,
        task=found.model.keys.task,
        model_name=found.model.keys.model_name,
        version=found.version,
        alias=found.alias,
        package_digest=_digest(found, checked),
        verified=checked is not None,
        warnings=warnings,
    )


def show(
    found: Found, then: Moment | None, checked: Verification | None, pointing: list[str] | None = None
) -> Description:
    """What is known about the version now; with ``then``, what was known at that moment. Raises ``PackageCorrupt``.

    ``pointing``: the aliases that name it, where somebody knows them already.

    ``meta`` is the stored document with exactly tags, stage and description laid over it, as at that moment.
    """
    model, version = found.model, found.version
    meta = contents.read_meta(model, version)
    state = model.told.state(version)
    if pointing is not None:
        said = annotation.beside(model, version, meta, pointing, state)
    elif then is None:
        said = annotation.read(model, version, meta, state, found.named)
    else:
        said = annotation.at(then, version, meta)
    return Description(
        meta={**meta, "tags": said.tags, "stage": said.stage, "description": said.description},
        package_dir=found.location,
        version=version,
        aliases=said.aliases,
        tags=said.tags,
        stage=said.stage,
        description=said.description,
        package_digest=_digest(found, checked),
        warnings=[*contents.remarks(model, version, meta), *_warnings(found, checked, state)],
    )


def _warnings(found: Found, checked: Verification | None, state: State | None = None) -> list[str]:
    return [*annotation.warnings(found, state), *(checked.warnings if checked else []), *found.model.told.warnings()]


def _digest(found: Found, checked: Verification | None) -> str | None:
    if checked is not None:
        return checked.package_digest
    return found.facts.package_digest if found.facts else package_manifest.present_digest(found.model, found.version)
