"""What a sweep removes beside staging: uploads, operations and sessions of browsers that have expired."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from ..access.sessions import Sessions
from ..operations.running import OPERATIONS, Operations
from ..settings import CoreSettings
from ..storage.contract import Storage
from ..uploads.sessions import Uploads
from ..vocabulary.errors import RegistryError

log = logging.getLogger(__name__)


def sweep(storage: Storage, settings: CoreSettings, *, dry_run: bool) -> list[str]:
    """The keys of what has expired, and is gone unless ``dry_run``. What cannot be looked at is logged and left."""
    gone = [*_uploads(storage, settings, dry_run=dry_run), *_operations(storage, dry_run=dry_run)]
    return [*gone, *_sessions(storage, dry_run=dry_run)]


def _operations(storage: Storage, *, dry_run: bool) -> list[str]:
    try:
        return [f"{OPERATIONS}/{operation_id}" for operation_id in Operations(storage).sweep(dry_run=dry_run)]
    except RegistryError as error:
        log.error("expired operations are not swept: %s", error.message)
        return []


def _sessions(storage: Storage, *, dry_run: bool) -> list[str]:
    try:
        return Sessions(storage, lambda *_: None).sweep(datetime.now(UTC), dry_run=dry_run)
    except RegistryError as error:
        log.error("expired sessions are not swept: %s", error.message)
        return []


def _uploads(storage: Storage, settings: CoreSettings, *, dry_run: bool) -> list[str]:
    try:
        return [
            f"{storage.uploads.place}/{upload_id}" for upload_id in Uploads(storage, settings).sweep(dry_run=dry_run)
        ]
    except RegistryError as error:
        log.error("expired uploads are not swept: %s", error.message)
        return []
