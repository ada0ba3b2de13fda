"""The trust document: which keys, principals and actors are whose, as it is written. What it does not know it refuses.

A person is no key: one may have several, and whoever signs with two of them is still one person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unicodedata import is_normalized

from ...format.strict import Strict
from ...vocabulary.errors import InvalidInput
from ...vocabulary.evidence_errors import TrustInvalid
from ...vocabulary.texts import format_time, has_control, parse_time, printable
from .. import keys as public_keys
from ..keys import PublicKey

SCHEMA = "omr-trust/1"
MAX_KEYS = 500
MAX_NAME_CHARACTERS = 256
AHEAD_AT_MOST = timedelta(minutes=5)  # a revocation, of the clock here: what is planned is the end of a key
UNTRUSTED_KEY, KEY_NOT_VALID_THEN = "untrusted_key", "key_not_valid_then"

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2})")
_OURS = Strict("trust document", "trust", TrustInvalid)


@dataclass(frozen=True)
class TrustedKey:
    """A key of a person. It counts from ``valid_from`` on, and before ``valid_until``."""

    id: str
    person: str
    public: PublicKey
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True)
class Person:
    """``principals`` are ``<issuer>|<sub>``; ``actors``: what is said where nobody is asked who he is."""

    name: str
    groups: frozenset[str] = frozenset()
    principals: frozenset[str] = frozenset()
    actors: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Revocation:
    at: datetime
    reason: str | None


@dataclass(frozen=True)
class TrustDocument:
    """``people`` by name; ``keys`` and ``revoked`` by :attr:`PublicKey.sha256`."""

    people: Mapping[str, Person] = field(default_factory=dict)
    keys: Mapping[str, TrustedKey] = field(default_factory=dict)
    revoked: Mapping[str, Revocation] = field(default_factory=dict)
    _people_of: Mapping[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)

    def then(self, sha256: str, at: datetime) -> TrustedKey | str:
        """The key, if it counted at that moment: listed, within its time, not revoked by then; else the why."""
        key = self.keys.get(sha256)
        if key is None:
            return UNTRUSTED_KEY
        revocation = self.revoked.get(sha256)
        is_early = key.valid_from is not None and at < key.valid_from
        is_late = key.valid_until is not None and at >= key.valid_until
        is_revoked = revocation is not None and revocation.at <= at
        return KEY_NOT_VALID_THEN if is_early or is_late or is_revoked else key

    def counts_now(self, sha256: str, person: str) -> bool:
        """Whether what was signed with the key, while it was valid, still helps: it is that person's, and not revoked.

        No clock is asked: when a key ends is about the moment of attaching.
        """
        key = self.keys.get(sha256)
        return key is not None and key.person == person and sha256 not in self.revoked

    def person_of(self, said: Mapping[str, Any]) -> str | None:
        """Who made the event: by its ``principal``, and only where it has none by its ``actor``; None if nobody knows.

        Names and e-mail addresses of principals say nothing.
        """
        principal = said.get("principal")
        if principal is None:
            return self._person("actors", said.get("actor"))
        if not isinstance(principal, Mapping):
            return None
        issuer, subject = principal.get("iss"), principal.get("sub")
        if not isinstance(issuer, str) or not isinstance(subject, str):
            return None
        return self._person("principals", f"{issuer}|{subject}")

    def _person(self, part: str, name: Any) -> str | None:
        return self._people_of.get((part, name)) if isinstance(name, str) else None

    def is_one_of(self, person: str, names: Iterable[str]) -> bool:
        """Whether the person is named, or a group that it is in."""
        known = self.people.get(person)
        return known is not None and any(name == person or name in known.groups for name in names)


EMPTY = TrustDocument()


def parse(data: bytes, now: datetime | None = None) -> TrustDocument:
    """The document in the bytes. ``now``: it is to hold from now on, so nothing may have been revoked later.

    Raises ``TrustInvalid`` naming the ``field`` that is wrong, ``NotConfigured`` where keys cannot be read here.
    """
    fields = _OURS.fields("trust", _OURS.parse(data), {"schema", "people", "keys", "revoked"}, {"schema"})
    if fields["schema"] != SCHEMA:
        raise _wrong("schema", f"is {SCHEMA!r} for this version of the software")
    people, people_of = _people(fields.get("people", {}))
    listed = _OURS.entries("keys", fields.get("keys", []), lambda name, one: _key(name, one, people), most=MAX_KEYS)
    ids, by_sha256 = dict[str, TrustedKey](), dict[str, TrustedKey]()
    for number, key in enumerate(listed):
        if ids.setdefault(key.id, key) is not key:
            raise _wrong(f"keys[{number}].id", f"stands twice: {printable(key.id)!r}")
        if by_sha256.setdefault(key.public.sha256, key) is not key:
            raise _wrong(f"keys[{number}].public", f"is the key {printable(by_sha256[key.public.sha256].id)!r} again")
    return TrustDocument(people, by_sha256, _revoked(fields.get("revoked", []), ids, now), people_of)


def _people(value: Any) -> tuple[dict[str, Person], dict[tuple[str, str], str]]:
    if not isinstance(value, dict):
        raise _wrong("people", "is a JSON object: of each person the name, and what is known of it")
    people = {name: _person(name, one) for name, one in value.items()}
    people_of: dict[tuple[str, str], str] = {}
    for person in people.values():
        where = f"people.{printable(person.name)}"
        for group in sorted(person.groups & people.keys()):
            raise _wrong(f"{where}.groups", f"has {printable(group)!r}, which is the name of a person")
        for part in ("principals", "actors"):
            for name in sorted(getattr(person, part)):
                other = people_of.setdefault((part, name), person.name)
                if other != person.name:
                    raise _wrong(f"{where}.{part}", f"has {printable(name)!r}, which is {printable(other)!r} already")
    return people, people_of


def _person(name: str, value: Any) -> Person:
    where = f"people.{printable(name)}"
    _name(where, name)
    fields = _OURS.fields(where, value, {"groups", "principals", "actors"})

    def names(part: str) -> frozenset[str]:
        check = _principal if part == "principals" else _name
        return frozenset(_OURS.entries(f"{where}.{part}", fields.get(part, []), check))

    return Person(name, names("groups"), names("principals"), names("actors"))


def _key(where: str, value: Any, people: Mapping[str, Person]) -> TrustedKey:
    needed = {"id", "person", "type", "public"}
    fields = _OURS.fields(where, value, {*needed, "valid_from", "valid_until"}, needed)
    person = _OURS.text(f"{where}.person", fields["person"])
    if person not in people:
        raise _wrong(f"{where}.person", f"is none of the people: {printable(person)!r}")
    kind = _OURS.text(f"{where}.type", fields["type"])
    if kind not in (public_keys.SSH, public_keys.PEM):
        raise _wrong(f"{where}.type", f"is one of {public_keys.SSH}, {public_keys.PEM}")
    try:
        public = public_keys.parse_public(kind, _OURS.text(f"{where}.public", fields["public"]))
    except ValueError as error:
        raise _wrong(f"{where}.public", f"cannot be taken: {printable(str(error))}") from None
    begins, ends = (_moment(f"{where}.{name}", fields[name]) if name in fields else None for name in _TIMES)
    if begins is not None and ends is not None and ends <= begins:
        raise _wrong(f"{where}.valid_until", "is later than valid_from")
    return TrustedKey(_name(f"{where}.id", fields["id"]), person, public, begins, ends)


_TIMES = ("valid_from", "valid_until")


def _revoked(value: Any, ids: Mapping[str, TrustedKey], now: datetime | None) -> dict[str, Revocation]:
    found: dict[str, Revocation] = {}

    def revocation(where: str, one: Any) -> None:
        fields = _OURS.fields(where, one, {"key", "at", "reason"}, {"key", "at"})
        named = _OURS.text(f"{where}.key", fields["key"])
        if named not in ids:
            raise _wrong(f"{where}.key", f"is the id of none of the keys: {printable(named)!r}")
        sha256 = ids[named].public.sha256
        if sha256 in found:
            raise _wrong(f"{where}.key", f"is revoked twice: {printable(named)!r}")
        at = _moment(f"{where}.at", fields["at"])
        if now is not None and at - now > AHEAD_AT_MOST:
            raise _wrong(f"{where}.at", f"is later than now, {format_time(now)}: for a planned end set valid_until")
        reason = _OURS.text(f"{where}.reason", fields["reason"]) if "reason" in fields else None
        found[sha256] = Revocation(at, reason)

    _OURS.entries("revoked", value, revocation, most=MAX_KEYS)
    return found


def _name(where: str, value: Any) -> str:
    text = _OURS.text(where, value)
    if not 0 < len(text) <= MAX_NAME_CHARACTERS or not text.isprintable() or text != text.strip():
        what = f"is a name of 1 to {MAX_NAME_CHARACTERS} characters, none that is not seen, no space at its ends"
        raise _wrong(where, what)
    if not is_normalized("NFC", text):
        raise _wrong(where, "is written with accents that stand by themselves: write it composed (NFC)")
    return text


def _principal(where: str, value: Any) -> str:
    text = _OURS.text(where, value)
    issuer, bar, subject = text.partition("|")
    if not (issuer and bar and subject) or has_control(text):
        what = "is of the form <issuer>|<sub>, as 'https://id.lab.example|8c1f': no name, no e-mail address"
        raise _wrong(where, what)
    return text


def _moment(where: str, value: Any) -> datetime:
    moment = parse_time(_OURS.text(where, value))
    if moment is None or not _MOMENT.fullmatch(value):
        raise _wrong(where, "is a moment with its offset, as 2026-11-26T21:00:00Z")
    return moment


def _wrong(where: str, what: str) -> InvalidInput:
    return _OURS.wrong(where, what)
