"""The access document: who may do what, as it is written. What it does not know it refuses, never passes over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from ..format.strict import Strict
from ..vocabulary import patterns
from ..vocabulary.errors import InvalidInput, InvalidParameter
from ..vocabulary.patterns import ModelPattern
from ..vocabulary.texts import has_control
from . import who
from .ownership import Owner
from .roles import Role, at_least
from .who import Issuers, Who

SCHEMA = "omr-access/1"
E = TypeVar("E", bound=StrEnum)

_OURS = Strict("access document", "access", InvalidParameter)


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
    known = {"schema", "rules", "protected_aliases", "admins", "blocked"}
    fields = _OURS.fields("access", _OURS.parse(data), known, {"schema"})
    if fields["schema"] != SCHEMA:
        raise _wrong("schema", f"is {SCHEMA!r} for this version of the software")

    def subject(field: str, one: Any) -> Who:
        found = _who(field, one, issuers)
        if found.kind in (who.ANYBODY, who.SIGNED_IN):
            raise _wrong(field, "names somebody: neither everybody nor whoever is signed in")
        return found

    return AccessDocument(
        rules=_OURS.entries("rules", fields.get("rules", []), lambda field, one: _rule(field, one, issuers)),
        protected_aliases=_OURS.entries("protected_aliases", fields.get("protected_aliases", []), check_alias_pattern),
        admins=_OURS.entries("admins", fields.get("admins", []), subject),
        blocked=_OURS.entries("blocked", fields.get("blocked", []), subject),
    )


def _rule(name: str, value: Any, issuers: Issuers) -> Rule:
    fields = _OURS.fields(name, value, {"who", "on", "role", "aliases", "from", "owner"}, {"who", "on", "role"})
    rule = Rule(
        who=_OURS.entries(f"{name}.who", fields["who"], lambda field, one: _who(field, one, issuers), least=1),
        on=_OURS.entries(f"{name}.on", fields["on"], check_models, least=1),
        role=_OURS.word(f"{name}.role", fields["role"], Role),
        aliases=_said(name, fields, "aliases", check_alias_pattern),
        sources=_said(name, fields, "from", _directory),
        owner=_OURS.word(f"{name}.owner", fields.get("owner", Owner.ANY), Owner),
    )
    if not at_least(Role.USER, rule.role) and any(one.kind == who.ANYBODY for one in rule.who):
        raise _wrong(f"{name}.role", f"is at most {Role.USER} where {who.ANYBODY!r} may: nobody else is answerable")
    return rule


def _said(name: str, fields: Mapping[str, Any], part: str, each: Callable[[str, Any], str]) -> tuple[str, ...] | None:
    return _OURS.entries(f"{name}.{part}", fields[part], each) if part in fields else None


def _who(field: str, value: Any, issuers: Issuers) -> Who:
    try:
        return who.parse(_OURS.text(field, value), issuers)
    except ValueError as error:
        raise _wrong(field, str(error)) from None


def check_models(field: str, value: Any) -> ModelPattern:
    """The pattern of models. Raises ``InvalidParameter``."""
    try:
        return patterns.parse_models(_OURS.text(field, value))
    except ValueError as error:
        raise _wrong(field, str(error)) from None


def check_alias_pattern(field: str, value: Any) -> str:
    """The pattern of aliases itself. Raises ``InvalidParameter``."""
    text = _OURS.text(field, value)
    fault = patterns.fault_of(text)
    if fault is not None:
        raise _wrong(field, fault)
    return text


def _directory(field: str, value: Any) -> str:
    text = _OURS.text(field, value)
    if not text.startswith("/") or has_control(text) or ".." in text.split("/"):
        raise _wrong(field, "is an absolute path without '..'")
    return text.rstrip("/") or "/"


def check_word(field: str, value: Any, kind: type[E]) -> E:
    """The value as one of the words. Raises ``InvalidParameter``."""
    return _OURS.word(field, value, kind)


def _wrong(field: str, what: str) -> InvalidInput:
    return _OURS.wrong(field, what)
