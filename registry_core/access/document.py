"""The access document: who may do what, as it is written. What it does not know it refuses, never passes over."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from ..vocabulary.errors import InvalidParameter
from ..vocabulary.texts import has_control, is_unicode, printable
from . import patterns, who
from .ownership import Owner
from .patterns import ModelPattern
from .roles import Role, at_least
from .who import Issuers, Who

SCHEMA = "omr-access/1"
MAX_BYTES = 1024 * 1024
MAX_ENTRIES = 10_000  # of each list

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


@dataclass(frozen=True)
class Rule:
    """Whoever is one of ``who`` has the role on the models, so far as ``aliases`` and ``owner`` go.

    ``sources`` (``from`` in the document): below which directories an ``artifacts_dir`` may lie; None: the rule does
    not say.
    """

    who: tuple[Who, ...]
    on: tuple[ModelPattern, ...]
    role: Role
    aliases: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    owner: Owner = Owner.ANY


@dataclass(frozen=True)
class AccessDocument:
    """All rules that hold; what none of them gives is not given.

    ``resolvers``: who may say whose older software's models are, where no document was ever set; none can name any.
    """

    rules: tuple[Rule, ...] = ()
    protected_aliases: tuple[str, ...] = ()
    admins: tuple[Who, ...] = ()
    blocked: tuple[Who, ...] = ()
    resolvers: tuple[Who, ...] = ()


def default_rules(issuers: Issuers) -> AccessDocument:
    """What holds where no document was ever set: what the platform's permissions say, and no admin but the operator."""
    everything = (patterns.parse_models("*/*"),)
    given = (("model.read", Role.VIEWER), ("model.use", Role.PUBLISHER))
    return AccessDocument(
        tuple(
            Rule((who.parse(f"{who.PERMISSION}:{name}", issuers),), everything, role, owner=Owner.OWN_OR_UNOWNED)
            for name, role in given
        ),
        resolvers=(who.parse(f"{who.PERMISSION}:model.resolve_ownership", issuers),),
    )


def parse(data: bytes, issuers: Issuers) -> AccessDocument:
    """The document in the bytes. Raises ``InvalidParameter`` naming the field that is wrong."""
    if len(data) > MAX_BYTES:
        raise InvalidParameter(f"An access document has at most {MAX_BYTES} bytes.", field="access")
    try:
        value = json.loads(data, object_pairs_hook=_without_repeats, parse_constant=_no_number)
    except InvalidParameter:
        raise
    except (ValueError, RecursionError) as error:
        at = f": see line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidParameter(f"The access document is no JSON object{at}.", field="access") from None
    return _document(value, issuers)


def _document(value: Any, issuers: Issuers) -> AccessDocument:
    fields = _object("access", value, {"schema", "rules", "protected_aliases", "admins", "blocked"}, {"schema"})
    if fields["schema"] != SCHEMA:
        raise _wrong("schema", f"is {SCHEMA!r} for this version of the software")

    def subject(field: str, one: Any) -> Who:
        found = _who(field, one, issuers)
        if found.kind in (who.ANYBODY, who.SIGNED_IN):
            raise _wrong(field, "names somebody: neither everybody nor whoever is signed in")
        return found

    return AccessDocument(
        rules=_list("rules", fields.get("rules", []), lambda field, one: _rule(field, one, issuers)),
        protected_aliases=_list("protected_aliases", fields.get("protected_aliases", []), check_alias_pattern),
        admins=_list("admins", fields.get("admins", []), subject),
        blocked=_list("blocked", fields.get("blocked", []), subject),
    )


def _rule(name: str, value: Any, issuers: Issuers) -> Rule:
    fields = _object(name, value, {"who", "on", "role", "aliases", "from", "owner"}, {"who", "on", "role"})
    rule = Rule(
        who=_list(f"{name}.who", fields["who"], lambda field, one: _who(field, one, issuers), least=1),
        on=_list(f"{name}.on", fields["on"], check_models, least=1),
        role=check_word(f"{name}.role", fields["role"], Role),
        aliases=_list(f"{name}.aliases", fields["aliases"], check_alias_pattern) if "aliases" in fields else None,
        sources=_list(f"{name}.from", fields["from"], _directory) if "from" in fields else None,
        owner=check_word(f"{name}.owner", fields.get("owner", Owner.ANY), Owner),
    )
    if not at_least(Role.USER, rule.role) and any(one.kind == who.ANYBODY for one in rule.who):
        raise _wrong(f"{name}.role", f"is at most {Role.USER} where {who.ANYBODY!r} may: nobody else is answerable")
    return rule


def _who(field: str, value: Any, issuers: Issuers) -> Who:
    try:
        return who.parse(_text(field, value), issuers)
    except ValueError as error:
        raise _wrong(field, str(error)) from None


def check_models(field: str, value: Any) -> ModelPattern:
    """The pattern of models. Raises ``InvalidParameter``."""
    try:
        return patterns.parse_models(_text(field, value))
    except ValueError as error:
        raise _wrong(field, str(error)) from None


def check_alias_pattern(field: str, value: Any) -> str:
    """The pattern of aliases itself. Raises ``InvalidParameter``."""
    text = _text(field, value)
    fault = patterns.fault_of(text)
    if fault is not None:
        raise _wrong(field, fault)
    return text


def check_word(field: str, value: Any, kind: type[E]) -> E:
    """The value as one of the words. Raises ``InvalidParameter``."""
    try:
        return kind(_text(field, value))
    except ValueError:
        raise _wrong(field, f"is one of {', '.join(kind)}") from None


def _directory(field: str, value: Any) -> str:
    text = _text(field, value)
    if not text.startswith("/") or has_control(text) or ".." in text.split("/"):
        raise _wrong(field, "is an absolute path without '..'")
    return text.rstrip("/") or "/"


def _text(field: str, value: Any) -> str:
    if not isinstance(value, str) or not is_unicode(value):
        raise _wrong(field, "is a text")
    return value


def _list(field: str, value: Any, part: Callable[[str, Any], T], least: int = 0) -> tuple[T, ...]:
    if not isinstance(value, list) or not least <= len(value) <= MAX_ENTRIES:
        raise _wrong(field, f"is a list of {least} to {MAX_ENTRIES} entries")
    return tuple(part(f"{field}[{number}]", one) for number, one in enumerate(value))


def _object(field: str, value: Any, known: set[str], needed: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(field, "is a JSON object")
    inside = "" if field == "access" else f"{field}."
    for name in sorted(value.keys() - known):
        raise _wrong(f"{inside}{printable(name)}", f"is not known here; known are {', '.join(sorted(known))}")
    for name in sorted(needed - value.keys()):
        raise _wrong(f"{inside}{name}", "is missing")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:  # readers of the text and readers of the JSON would see different rules
            raise _wrong(printable(name), "stands twice in one object")
        found[name] = value
    return found


def _no_number(text: str) -> None:
    raise ValueError(text)


def _wrong(field: str, what: str) -> InvalidParameter:
    return InvalidParameter(f"Of the access document {field} {what}.", field=field)
