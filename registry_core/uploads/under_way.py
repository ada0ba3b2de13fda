"""Which sessions there are, at a bounded cost: whoever looks need not know their ids."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice

from ..settings import CoreSettings
from ..storage.contract import KeyNotFound, Storage
from ..vocabulary.answers import Warned
from ..vocabulary.looking import UploadFacts
from ..vocabulary.texts import format_time, parse_object, text_or_none

MOST_LOOKED_AT = 300  # a request each, on a store


def newest(storage: Storage, settings: CoreSettings, limit: int, whose: Sequence[str] | None) -> Warned[UploadFacts]:
    """The sessions that have not expired, the last sent to first; with ``whose`` only those that these have begun."""
    found: list[tuple[float, UploadFacts]] = []
    sessions = storage.uploads.sessions()
    for upload_id in islice(sessions, MOST_LOOKED_AT):
        with suppress(KeyNotFound):  # it has ended since
            document, active_s = storage.uploads.about(upload_id)
            about = parse_object(document.data) or {}
            expires_s = active_s + settings.upload_expiry_s
            task, model_name = text_or_none(about.get("task")), text_or_none(about.get("model_name"))
            if task is None or model_name is None or expires_s <= datetime.now(UTC).timestamp():
                continue
            if whose is None or about.get("whose") == list(whose):
                actor, created_at = (text_or_none(about.get(name)) for name in ("actor", "created_at"))
                times = (_moment(active_s), _moment(expires_s))
                found.append((active_s, UploadFacts(upload_id, task, model_name, actor, created_at, *times)))
    found.sort(key=lambda one: one[0], reverse=True)
    more = next(sessions, None)
    told = [] if more is None else [f"Only {MOST_LOOKED_AT} uploads were looked at."]
    return Warned([facts for _, facts in found[:limit]], told)


def _moment(seconds: float) -> str:
    return format_time(datetime.fromtimestamp(seconds, UTC))
