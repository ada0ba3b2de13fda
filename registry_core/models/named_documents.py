"""Documents that events name by their digest, and that no later event changes: those of the registry's own journal."""

from __future__ import annotations

from ..storage.contract import KeyNotFound, Storage
from ..vocabulary.errors import PackageCorrupt
from ..vocabulary.texts import digest
from .proven import Unproven
from .registry_journal import document_key


def document_of(storage: Storage, named: str) -> bytes:
    """The bytes of the document that an event names. Raises ``Unproven``, ``StorageError``."""
    try:
        key = document_key(named)
        data = storage.documents.read(key).data
    except ValueError:
        raise Unproven("an event names a document by something that is no digest") from None
    except KeyNotFound:
        raise Unproven(f"{key} is missing, and an event names it") from None
    except PackageCorrupt as error:
        raise Unproven(f"{key} cannot be read: {error.message}") from error
    if digest(data) != named:
        raise Unproven(f"{key} is damaged: it is not what its event names")
    return data


def beside(storage: Storage, data: bytes) -> dict[str, bytes]:
    """Key -> bytes of what has to be written before an event names the document, if it is not there already.

    One that is there may be an earlier event's too, and would be gone if this event came to nothing.
    """
    key = document_key(digest(data))
    return {} if lies_there(storage, key, data) else {key: data}


def lies_there(storage: Storage, key: str, data: bytes) -> bool:
    """Whether these bytes lie there, and no others. Raises ``StorageError``."""
    try:
        return storage.documents.read(key).data == data
    except (KeyNotFound, PackageCorrupt):
        return False
