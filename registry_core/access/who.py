"""How rules name those who call: ``anonymous``, ``authenticated``, or a kind and a name, as in ``group:ml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..vocabulary import patterns
from ..vocabulary.texts import has_control, is_unicode
from .principal import Kind, Principal

ANYBODY, SIGNED_IN = "anonymous", "authenticated"
USER, GROUP, TOKEN, PERMISSION, ORG = "user", "group", "token", "permission", "org"
_NAMED = (USER, GROUP, TOKEN, PERMISSION, ORG)
MAX_CHARACTERS = 512


@dataclass(frozen=True)
class Issuers:
    """Whose word counts for what. ``default``: whom ``user:X`` means; ``platform``: whose permissions and orgs count.

    ``aliases``: what ``user:<alias>/X`` calls each; None where every alias is its own issuer, to try rules.
    """

    default: str | None = None
    platform: str | None = None
    aliases: Mapping[str, str] | None = None

    def of(self, alias: str) -> str | None:
        """The issuer; None where no issuer has the alias."""
        return alias if self.aliases is None else self.aliases.get(alias)


TO_TRY = Issuers("the configured issuer", "the platform's issuer")


@dataclass(frozen=True)
class Who:
    """One way to name callers. Where the issuer that is meant is not configured (None), it names nobody."""

    text: str
    kind: str
    name: str = ""
    issuer: str | None = None

    def matches(self, principal: Principal) -> bool:
        """Whether the principal is meant. A service token is meant by its name only, the operator by none."""
        if principal.kind is Kind.OPERATOR:
            return False
        if principal.kind is Kind.SERVICE or self.kind == TOKEN:
            is_token = principal.kind is Kind.SERVICE and self.kind == TOKEN
            return is_token and principal.name is not None and patterns.matches(self.name, principal.name)
        if self.kind == ANYBODY:
            return True
        if principal.kind is Kind.ANONYMOUS:
            return False
        return self.kind == SIGNED_IN or self._is_vouched_for(principal)

    def _is_vouched_for(self, principal: Principal) -> bool:
        if self.issuer is None or principal.issuer != self.issuer:
            return False
        if self.kind == USER:
            return self.name == principal.subject or _is_same_address(principal.name or "", self.name)
        if self.kind == GROUP:
            return self.name in principal.groups
        if self.kind == PERMISSION:
            return self.name in principal.permissions
        return self.kind == ORG and principal.org == self.name


def _is_same_address(one: str, other: str) -> bool:
    """Whether they differ in the case of letters at most; no other letter is one of ASCII, though its small one is."""
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(a.lower() == b.lower() and a.isascii() == b.isascii() for a, b in pairs)


def parse(text: str, issuers: Issuers) -> Who:
    """Who is meant. Raises ``ValueError`` saying how callers are named."""
    if text in (ANYBODY, SIGNED_IN):
        return Who(text, text)
    kind, _, name = text.partition(":")
    is_written_well = is_unicode(text) and not has_control(text) and len(text) <= MAX_CHARACTERS
    if kind not in _NAMED or not name or not is_written_well:
        forms = ", ".join(f"'{one}:...'" for one in _NAMED)
        raise ValueError(f"is '{ANYBODY}', '{SIGNED_IN}', or a kind and a name: {forms}")
    if kind == TOKEN:
        fault = patterns.fault_of(name)
        if fault is not None:
            raise ValueError(f"is '{TOKEN}:' and a pattern of names, which {fault}")
        return Who(text, kind, name)
    if kind in (PERMISSION, ORG):
        return Who(text, kind, name, issuers.platform)
    alias, slash, rest = name.partition("/")
    if not slash:
        return Who(text, kind, name, issuers.default)
    if not alias or not rest:
        raise ValueError(f"has a '/' only behind an issuer's alias, as in '{kind}:<issuer alias>/<name>'")
    return Who(text, kind, rest, issuers.of(alias))


def principal_named(text: str) -> Principal:
    """Somebody of whom only this is known, to try rules that were parsed with ``TO_TRY``. Raises as :func:`parse`."""
    who = parse(text, TO_TRY)
    if who.kind == ANYBODY:
        return Principal(Kind.ANONYMOUS)
    if who.kind == TOKEN:
        return Principal(Kind.SERVICE, name=who.name)
    is_platforms = who.kind in (PERMISSION, ORG)
    return Principal(
        Kind.USER,
        subject=who.name if who.kind == USER else "",
        issuer=TO_TRY.platform if is_platforms else who.issuer or TO_TRY.default,
        groups=frozenset([who.name]) if who.kind == GROUP else frozenset(),
        permissions=frozenset([who.name]) if who.kind == PERMISSION else frozenset(),
        org=who.name if who.kind == ORG else None,
    )
