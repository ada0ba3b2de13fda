"""Tokens of the registry: how one is written, and the document that knows it again without being able to say it.

A token is ``omr_<id>_<secret><checksum>``: 16 hex digits that are public, 256 random bits, and a checksum by which a
mistyped or a cut off one is told from a wrong one. It is shown once; its document has the SHA-256 of the whole.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ..vocabulary.access import TokenFacts
from ..vocabulary.errors import InvalidParameter
from ..vocabulary.texts import check_new_name, encode_document, format_time, is_unicode, parse_object, parse_time
from .document import check_alias_pattern, check_models, check_word
from .principal import Cut, Kind, Principal
from .roles import Role

SCHEMA = "omr-token/1"
VIA = "token"
DEFAULT_LIFE = timedelta(days=90)
LONGEST_LIFE = timedelta(days=3660)
_ID, _SECRET, _CHECKSUM = 16, 64, 8  # hex digits
_TOKEN = re.compile(rf"(omr_([0-9a-f]{{{_ID}}})_[0-9a-f]{{{_SECRET}}})([0-9a-f]{{{_CHECKSUM}}})")
_HEX = re.compile(r"[0-9a-f]{64}")


class TokenKind(StrEnum):
    """``personal``: it is its owner, as he was known when he made it. ``service``: it is a name of its own."""

    PERSONAL = "personal"
    SERVICE = "service"


@dataclass(frozen=True)
class TokenDocument:
    """What is kept of a token. ``owner`` is the person of a personal one; ``sha256`` is of the text that was shown."""

    id: str
    kind: TokenKind
    name: str
    sha256: str
    created_at: datetime
    expires_at: datetime
    owner: Principal | None = None
    cut: Cut | None = None

    def principal(self) -> Principal:
        """Who calls with it."""
        who = self.owner or Principal(Kind.SERVICE, name=self.name)
        return replace(who, token_id=self.id, via=VIA, expires_at=self.expires_at, cut=self.cut)

    def admits(self, text: str, now: datetime) -> bool:
        """Whether the text is this token, and it has not expired."""
        return hmac.compare_digest(self.sha256, sha256_of(text)) and now < self.expires_at

    def facts(self) -> TokenFacts:
        """What may be told of it."""
        return TokenFacts(
            id=self.id,
            kind=str(self.kind),
            name=self.name,
            owner=None if self.owner is None else self.owner.name or self.owner.subject,
            created_at=format_time(self.created_at),
            expires_at=format_time(self.expires_at),
            **_fields_of_cut(self.cut or Cut()),
        )


def new_text() -> str:
    """A token that nobody has."""
    body = f"omr_{secrets.token_hex(_ID // 2)}_{secrets.token_hex(_SECRET // 2)}"
    return body + _checksum(body)


def id_of(text: str) -> str | None:
    """The public id of a token that is written whole; None of anything else. Says nothing of whether it counts."""
    match = _TOKEN.fullmatch(text)
    return match[2] if match is not None and hmac.compare_digest(match[3], _checksum(match[1])) else None


def is_id(text: str) -> bool:
    return re.fullmatch(rf"[0-9a-f]{{{_ID}}}", text) is not None


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):0{_CHECKSUM}x}"


def made(
    text: str, kind: TokenKind, name: str, *, owner: Principal | None, cut: Cut | None, now: datetime, life: timedelta
) -> TokenDocument:
    """The document of a new token. Raises ``InvalidName``, ``InvalidParameter``."""
    check_new_name("name", name)
    if not timedelta(0) < life <= LONGEST_LIFE:
        raise InvalidParameter(f"A token lives for 1 to {LONGEST_LIFE.days} days.", field="days")
    if kind is TokenKind.PERSONAL and (owner is None or owner.kind is not Kind.USER or owner.token_id is not None):
        raise InvalidParameter(
            "A personal token is made by a person who has signed in, never by a token.", field="kind"
        )
    token_id = id_of(text)
    assert token_id is not None
    return TokenDocument(
        token_id,
        kind,
        name,
        sha256_of(text),
        now,
        now + life,
        replace(owner, via=None, expires_at=None) if owner is not None and kind is TokenKind.PERSONAL else None,
        cut if cut != Cut() else None,
    )


def cut_of(role: Any, on: Any, aliases: Any) -> Cut:
    """The cut that the values say; None leaves whole what it is about. Raises ``InvalidParameter``."""
    for field, value in (("on", on), ("aliases", aliases)):
        if value is not None and not isinstance(value, (list, tuple)):
            raise InvalidParameter(f"{field} is a list of patterns.", field=field)
    return Cut(
        None if role is None else check_word("role", role, Role),
        None if on is None else tuple(check_models(f"on[{at}]", one) for at, one in enumerate(on)),
        None
        if aliases is None
        else tuple(check_alias_pattern(f"aliases[{at}]", one) for at, one in enumerate(aliases)),
    )


def render(token: TokenDocument) -> bytes:
    """The bytes of the document."""
    owner = token.owner
    return encode_document(
        {
            "schema": SCHEMA,
            "id": token.id,
            "kind": token.kind,
            "name": token.name,
            "sha256": token.sha256,
            "created_at": format_time(token.created_at),
            "expires_at": format_time(token.expires_at),
            "owner": None if owner is None else fields_of_person(owner),
            "cut": None if token.cut is None else _fields_of_cut(token.cut),
        }
    )


def _fields_of_cut(cut: Cut) -> dict[str, Any]:
    return {
        "role": None if cut.role is None else str(cut.role),
        "on": None if cut.on is None else [str(one) for one in cut.on],
        "aliases": None if cut.aliases is None else list(cut.aliases),
    }


def fields_of_person(principal: Principal) -> dict[str, Any]:
    """What is kept of a person; :func:`person` reads it."""
    return {
        "subject": principal.subject,
        "issuer": principal.issuer,
        "name": principal.name,
        "groups": sorted(principal.groups),
        "org": principal.org,
        "permissions": sorted(principal.permissions),
    }


_FIELDS = {"schema", "id", "kind", "name", "sha256", "created_at", "expires_at", "owner", "cut"}
_OWNER = {"subject", "issuer", "name", "groups", "org", "permissions"}
_CUT = {"role", "on", "aliases"}


def parse(data: bytes) -> TokenDocument:
    """The document in the bytes, understood whole. Raises ``ValueError`` for anything else."""
    fields = parse_object(data)
    if fields is None or fields.get("schema") != SCHEMA:
        raise ValueError(f"the document of a token is not of schema {SCHEMA}")
    _require_fields("token", fields, _FIELDS)
    created, expires = parse_time(fields["created_at"]), parse_time(fields["expires_at"])
    if created is None or expires is None:
        raise ValueError("the moments of a token cannot be read")
    name, token_id, sha256 = (_text(fields[field]) for field in ("name", "id", "sha256"))
    if not is_id(token_id) or _HEX.fullmatch(sha256) is None:
        raise ValueError("the id or the digest of a token cannot be read")
    kind = TokenKind(_text(fields["kind"]))
    owner = None if fields["owner"] is None else person(fields["owner"])
    if (kind is TokenKind.PERSONAL) is not (owner is not None):
        raise ValueError("a personal token has an owner, and no other has")
    return TokenDocument(token_id, kind, name, sha256, created, expires, owner, _cut(fields["cut"]))


def person(value: Any, kind: Kind = Kind.USER) -> Principal:
    """Who was kept so. Raises ``ValueError`` for anything else."""
    fields = _require_fields("owner", value, _OWNER)
    return Principal(
        kind,
        subject=_text(fields["subject"]),
        issuer=_text_or_none(fields["issuer"]),
        name=_text_or_none(fields["name"]),
        groups=_texts(fields["groups"]),
        org=_text_or_none(fields["org"]),
        permissions=_texts(fields["permissions"]),
    )


def _cut(value: Any) -> Cut | None:
    if value is None:
        return None
    fields = _require_fields("cut", value, _CUT)
    try:
        return cut_of(fields["role"], fields["on"], fields["aliases"])
    except InvalidParameter as error:
        raise ValueError(error.message) from None


def _require_fields(what: str, value: Any, names: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict) or value.keys() != names:
        raise ValueError(f"the fields of a {what} are {json.dumps(sorted(names))}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not is_unicode(value):
        raise ValueError("what should be a text is none")
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _texts(value: Any) -> frozenset[str]:
    if not isinstance(value, list):
        raise ValueError("what should be a list is none")
    return frozenset(_text(one) for one in value)
