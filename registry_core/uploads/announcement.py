"""What the callers of upload sessions said would come, page by page, and which of it need not be sent.

A page is judged by itself as it comes; with the last one, all together are. Until that has come nothing is registered.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..models.model import ModelStore
from ..settings import CoreSettings
from ..storage.contract import KeyNotFound, Uploads
from ..vocabulary.bounded import Bounded
from ..vocabulary.errors import AnnouncementUnfinished, InvalidParameter
from ..vocabulary.texts import parse_object
from . import rules
from .stored_bytes import KnownDamage, stored_bytes

REMEMBERED = 256  # sessions


@dataclass(frozen=True)
class Announced:
    """``files``: path, sha256 and size_bytes of each, in the order of their coming. ``have``: paths of those there."""

    files: list[dict[str, Any]]
    have: list[str]
    is_whole: bool

    def require_whole(self) -> None:
        """Raises ``AnnouncementUnfinished``."""
        if not self.is_whole:
            raise AnnouncementUnfinished(
                'More files were said to be announced, and have not been. Announce the last page, with "more": false.'
            )


class Announcements:
    """The announcements of all sessions. Thread-safe."""

    def __init__(self, space: Uploads, settings: CoreSettings, damage: KnownDamage) -> None:
        self._space, self._settings, self._damage = space, settings, damage
        self._last: Bounded[str, int] = Bounded(REMEMBERED)  # only a hint: others may have added pages since

    def first(self, model: ModelStore, declared: Sequence[Mapping[str, Any]], *, more: bool) -> dict[str, Any]:
        """The first page of a session that is not there yet. Raises ``InvalidInput``."""
        return self._judged(model, declared, more, {})

    def add(self, upload_id: str, model: ModelStore, declared: Sequence[Mapping[str, Any]], *, more: bool) -> list[str]:
        """Another page is announced; which of its files need not be sent. A repeat of the last page changes nothing.

        Raises ``InvalidInput``, also where the page before was the last one, ``KeyNotFound``, ``UploadLocked``.
        """
        with self._space.alone(upload_id):
            last = self._last_page(upload_id)
            before = self._page(upload_id, last)
            said = [{name: file.get(name) for name in rules.ANNOUNCED} for file in declared]
            if last and (before["files"], before.get("more", False)) == (said, more):
                return list(before["have"])
            if not before.get("more", False):
                raise InvalidParameter(
                    "The announcement ended with the page before. Begin another upload to announce other files.",
                    field="files",
                )
            page = self._judged(model, declared, more, before)
            if not more:
                rules.check_together([*self.all(upload_id).files, *page["files"]])
            self._space.announce(upload_id, encoded(page), last + 1, new=True)
            self._last.put(upload_id, last + 1)
        return list(page["have"])

    def all(self, upload_id: str) -> Announced:
        """All pages that were announced. Raises ``KeyNotFound``, and ``UploadNotFound`` where one is damaged."""
        page = self._page(upload_id, 0)
        files, have, number = page["files"], page["have"], 0
        while page.get("more", False):
            number += 1
            try:
                page = self._page(upload_id, number)
            except KeyNotFound:
                return Announced(files, have, is_whole=False)
            files, have = files + page["files"], have + page["have"]
        return Announced(files, have, is_whole=True)

    def withdraw(self, upload_id: str, missing: Collection[str]) -> None:
        """These paths need to be sent after all. Call it alone."""
        for number in range(self._last_page(upload_id) + 1):
            page = self._page(upload_id, number)
            have = [path for path in page["have"] if path not in missing]
            if have != page["have"]:
                self._space.announce(upload_id, encoded({**page, "have": have}), number)

    def _judged(
        self, model: ModelStore, declared: Sequence[Mapping[str, Any]], more: bool, before: Mapping[str, Any]
    ) -> dict[str, Any]:
        so_far, settings = before.get("so_far", len(before.get("files", ()))), self._settings
        files = rules.check_declared(declared, settings.max_upload_files - so_far, settings.max_upload_files)
        rules.check_lengths(model.storage, model.keys.names, [file["path"] for file in files])
        known = stored_bytes(model, {file["sha256"] for file in files}, self._damage)
        sizes = {sha256: stored.size_bytes for sha256, stored in known.items()}
        have = [file["path"] for file in files if sizes.get(file["sha256"]) == file["size_bytes"]]
        needless = set(have)
        coming = sum(file["size_bytes"] for file in files if file["path"] not in needless) + before.get("coming", 0)
        if settings.max_upload_bytes and coming > settings.max_upload_bytes:
            raise rules.over_quota(coming, settings.max_upload_bytes)
        return {"files": files, "have": have, "more": more, "so_far": so_far + len(files), "coming": coming}

    def _last_page(self, upload_id: str) -> int:
        last = self._last.get(upload_id) or 0
        with suppress(KeyNotFound):
            while True:
                self._space.announced(upload_id, last + 1)
                last += 1
        return last

    def _page(self, upload_id: str, number: int) -> dict[str, Any]:
        page = parse_object(self._space.announced(upload_id, number)) or {}
        try:
            declared = {rules.check_form(file)["path"] for file in page["files"]}
            is_sound = isinstance(page["have"], list) and declared.issuperset(page["have"])
            is_sound &= all(isinstance(page.get(name, 0), int) for name in ("more", "so_far", "coming"))
        except (KeyError, TypeError):
            is_sound = False
        if not is_sound:
            raise rules.damaged(upload_id)
        return page


def encoded(page: Mapping[str, Any]) -> bytes:
    """The document of a page."""
    return json.dumps(page, ensure_ascii=False).encode()
