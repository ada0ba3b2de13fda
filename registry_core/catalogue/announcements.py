"""Which models have changed lately, where nobody can look at a whole registry: a hint for catalogues.

On an object store every change leaves a key, ``.catalog/feed/<time>+<task>+<model>``, so that one listing
tells a replica what others did. A key that a crash has kept from being written is made up for by the full
look at all models that a catalogue takes now and then. It is working space, no part of the format.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from ..format.layout import FEED
from ..models.model import ModelStore
from ..storage.contract import Storage
from ..vocabulary.errors import RegistryError
from ..vocabulary.texts import format_time

log = logging.getLogger(__name__)

_SEPARATOR = "+"  # quoting leaves none in a name


def is_kept(storage: Storage) -> bool:
    """Whether changes are announced: where looking at every model would cost a request each."""
    return not storage.documents.looks_are_cheap()


def announce(model: ModelStore) -> None:
    """Other replicas hear that the model has changed just now; a failure only delays that. Never raises."""
    try:
        # By the clock, not by the event: its time may lie behind what replicas have listed.
        names = (format_time(datetime.now(UTC)), _quoted(model.keys.task), _quoted(model.keys.model_name))
        model.storage.documents.write(f"{FEED}/{_SEPARATOR.join(names)}", b"")
    except (RegistryError, ValueError) as error:
        log.warning("%s: a change is not announced: %s", model.title, error)


def _quoted(name: str) -> str:
    return quote(name, safe="")


def position(moment_s: float) -> str:
    """The key before all that is announced from then on (seconds since 1970)."""
    return f"{FEED}/{format_time(datetime.fromtimestamp(moment_s, UTC))}"


def changed(storage: Storage, after: str) -> dict[str, tuple[str, str]]:
    """Key -> (task, model_name) of all that was announced after the position."""
    found = {}
    for entry in storage.documents.list_after(FEED, after):
        _, *names = entry.name.split(_SEPARATOR)
        if len(names) == 2:
            found[entry.key] = (unquote(names[0]), unquote(names[1]))
    return found


def sweep(storage: Storage, older_than_s: float) -> None:
    """Announcements older than the age are gone."""
    if is_kept(storage):
        before = position(time.time() - older_than_s)
        for entry in storage.documents.list(FEED):
            if entry.key >= before:
                break
            storage.documents.delete(entry.key)
