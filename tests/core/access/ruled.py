"""A registry with rules of access, on a storage that can be looked into."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from registry_core import CoreSettings, ModelRegistry
from registry_core.access import in_force
from registry_core.access.governing import set_document
from registry_core.access.in_force import InForce, Said, token_document
from registry_core.access.tokens import TokenDocument, id_of
from registry_core.models.registry_journal import RegistryJournal
from registry_core.storage.contract import Storage

from .issuers import ISSUERS

NOW = datetime.now(UTC)


def written(**fields: Any) -> bytes:
    return json.dumps({"schema": "omr-access/1", **fields}).encode()


FIRST = written(admins=["user:first"])
SECOND = written(admins=["user:second"])


def journal_of(storage: Storage) -> RegistryJournal:
    registry = ModelRegistry.open("memory://", storage=storage, settings=CoreSettings())
    return RegistryJournal(storage, 1.0, registry._identity.before_change)


def put(storage: Storage, data: bytes) -> int:
    return set_document(journal_of(storage), data, expected_seq=None, actor=None, reason=None).seq


def read(storage: Storage) -> InForce:
    return in_force.read(journal_of(storage), ISSUERS)


def admitted(storage: Storage, said: Said, text: str, now: datetime) -> TokenDocument | None:
    """The token that the text is, if it counts now."""
    token_id = id_of(text)
    found = None if token_id is None else token_document(storage, said, token_id)
    return found if found is not None and found.admits(text, now) else None
