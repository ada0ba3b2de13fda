"""How rules and tokens come to hold, and cease to: each is one event of the registry's own journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..format.events import ACCESS, TOKEN
from ..format.layout import token as token_key
from ..models.changes import Committed, Draft, change
from ..models.named_documents import beside
from ..models.registry_journal import RegistryJournal
from ..vocabulary.access import Change, MadeToken
from ..vocabulary.errors import AccessMoved, NameTaken, TokenNotFound
from ..vocabulary.texts import check_words, digest, format_time, parse_time
from . import document, tokens
from .in_force import Said, said, token_document
from .principal import Cut, Principal
from .tokens import TokenDocument, TokenKind
from .who import TO_TRY


@dataclass(frozen=True)
class _SeenDocument:
    said: Said
    beside: Mapping[str, bytes]


def set_document(
    journal: RegistryJournal, data: bytes, *, expected_seq: int | None, actor: str | None, reason: str | None
) -> Change:
    """The document's rules hold, and no others. Nothing is written where they hold already.

    ``expected_seq``: the event of the document that is to be replaced, 0 for none; None: whichever it is. What is to be
    replaced need not be readable. Raises ``InvalidParameter``, ``AccessMoved``, ``AccessUnreadable``,
    ``JournalCorrupt``, ``StorageError``.
    """
    check_words(actor, reason)
    document.parse(data, TO_TRY)
    named = digest(data)

    def look() -> _SeenDocument:
        return _SeenDocument(said(journal), beside(journal.storage, data))

    def decide(seen: _SeenDocument) -> Draft | Change:
        now = seen.said
        if expected_seq is not None and expected_seq != now.document_seq:
            raise AccessMoved(
                f"The access document is of event {now.document_seq}, but the request expects that of event "
                f"{expected_seq}. Look at it again before replacing it.",
                expected_seq=expected_seq,
                actual_seq=now.document_seq,
            )
        if now.document == named and not seen.beside:
            return Change(now.document_seq, named)
        return Draft(ACCESS, None, actor, reason, own={"document": named}, beside=seen.beside)

    done = change(journal, look, decide)
    return Change(done.event["seq"], named) if isinstance(done, Committed) else done


@dataclass(frozen=True)
class NewToken:
    """``text`` is shown to whoever asked for it, and is kept nowhere."""

    text: str
    kept: TokenDocument
    seq: int

    def __repr__(self) -> str:
        return f"NewToken({self.kept.id})"

    def told(self) -> MadeToken:
        """As whoever asked for it is told."""
        return MadeToken(**self.kept.facts().to_dict(), seq=self.seq, token=self.text)


def create_token(
    journal: RegistryJournal,
    kind: TokenKind,
    name: str,
    *,
    owner: Principal | None = None,
    cut: Cut | None = None,
    life: timedelta = tokens.DEFAULT_LIFE,
    actor: str | None = None,
    reason: str | None = None,
) -> NewToken:
    """A token that counts from now on. Of a service's, no other that counts has the name.

    Raises ``InvalidName``, ``InvalidParameter``, ``NameTaken``, ``AccessUnreadable``, ``JournalCorrupt``,
    ``StorageError``.
    """
    check_words(actor, reason)
    text, now = tokens.new_text(), datetime.now(UTC)
    kept = tokens.made(text, kind, name, owner=owner, cut=cut, now=now, life=life)
    data = tokens.render(kept)
    about = {
        "id": kept.id,
        "kind": str(kind),
        "name": name,
        "expires_at": format_time(kept.expires_at),
        "digest": digest(data),
    }

    def decide(seen: Said) -> Draft:
        if kind is TokenKind.SERVICE and name in set(_services(seen, now)):
            raise NameTaken(
                f"Another service token is called {name!r}. Revoke it first, or choose another name: rules mean tokens "
                "by their names.",
                name=name,
            )
        return Draft(TOKEN, None, actor, reason, own={"token": about}, beside={token_key(kept.id): data})

    done = change(journal, lambda: said(journal), decide)
    return NewToken(text, kept, done.event["seq"])


def _services(seen: Said, now: datetime) -> Iterator[Any]:
    """The names of the service tokens that count."""
    for line in seen.tokens.values():
        about = line.get("token")
        ends = parse_time(about.get("expires_at"))
        if about.get("kind") == TokenKind.SERVICE and (ends is None or now < ends):
            yield about.get("name")


def revoke_token(journal: RegistryJournal, token_id: str, *, actor: str | None, reason: str | None) -> int:
    """The token counts no longer; the event that says so.

    Raises ``TokenNotFound`` where it does not count anyway, and as :func:`create_token`.
    """
    check_words(actor, reason)

    def decide(seen: Said) -> Draft:
        if token_id not in seen.tokens:
            raise unknown(token_id)
        return Draft(TOKEN, None, actor, reason, own={"token": {"id": token_id, "revoked": True}})

    done = change(journal, lambda: said(journal), decide)
    return int(done.event["seq"])


def unknown(token_id: str) -> TokenNotFound:
    """The refusal where no such token counts. Whoever wrote more than an id may have written a secret."""
    if not tokens.is_id(token_id):
        return TokenNotFound(
            "No token counts that is called like this: an id of 16 digits is wanted, as the list of tokens has it.",
            token_id=None,
        )
    return TokenNotFound(f"No token {token_id!r} counts.", token_id=token_id)


def list_tokens(journal: RegistryJournal, now: datetime) -> list[TokenDocument]:
    """The tokens that count, the oldest first. Raises ``AccessUnreadable``."""
    seen = said(journal)
    found = [token_document(journal.storage, seen, token_id) for token_id in seen.tokens]
    return [one for one in found if one is not None and now < one.expires_at]
