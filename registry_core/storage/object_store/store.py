"""The storage contract on an object store (S3, GCS, Azure Blob).

There are no locks and no renames here. What a rename does on a disk, one small conditional PUT does
here: a log record is an object that is created if absent, and a package is published by creating
its pointer document. Large files are uploaded unconditionally, below a prefix of their attempt.

::

    <directory of the log>/<seq, 12 digits>.json   a record of the log (logs.py)
    <package>/<attempt>/                           the files of a package (packages.py)
    <package>.json                                 its pointer: attempt, seq, package_digest, and what events changed
    .staging/<attempt>.json                        an attempt under way (staging.py)
    .incoming/<id>/                                an upload session (uploads.py)
"""

from __future__ import annotations

import logging
import time
import uuid
from typing import TYPE_CHECKING

from ...vocabulary.errors import StorageError
from ..contract import ANY, KeyNotFound, Storage, StorageOptions
from .bucket import Bucket
from .documents import ObjectDocuments
from .packages import IsPackage, ObjectPackages
from .self_check import check_conditions
from .staging import STAGING
from .uploads import ObjectUploads

if TYPE_CHECKING:
    from obstore.store import ObjectStore


log = logging.getLogger(__name__)


class ObjectStorage(Storage):
    """A registry root in a bucket.

    ``is_package`` says which keys are packages: what lies below such a prefix is shown as its pointer says, and not at
    all before it is published. ``store`` takes the place of the one that the URL names.
    """

    def __init__(
        self,
        url: str,
        options: StorageOptions,
        is_package: IsPackage,
        *,
        store: ObjectStore | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._bucket = Bucket(self.url, options, store)
        self._trusted = False
        self._told: tuple[float, float] | None = None  # the store's time, and this process's when it was told
        packages = ObjectPackages(self._bucket, options, is_package)
        super().__init__(ObjectDocuments(self._bucket, packages, is_package), packages, ObjectUploads(self._bucket))

    def probe(self, *, for_writing: bool = True) -> int | None:
        return None

    def check_guarantees(self) -> None:
        if not self._trusted:
            self._told = check_conditions(self._bucket, STAGING), time.monotonic()
            self._trusted = True

    def now(self) -> float | None:
        told, self._told = self._told, None
        if told is not None:
            there, told_at = told
            return there + time.monotonic() - told_at
        key = f"{STAGING}/clock-{uuid.uuid4().hex}.json"
        try:
            self._bucket.put(key, b"{}", ANY)
            there = self._bucket.modified_at(key)
            self._bucket.delete(key)
        except (StorageError, KeyNotFound) as error:
            log.warning("the store's own clock cannot be told: %s", error)
            return None
        return there

    def failure_is_final(self, error: Exception) -> bool:
        return False
