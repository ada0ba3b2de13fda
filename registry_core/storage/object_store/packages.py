"""Packages on an object store: files below ``<package>/<attempt>/``, found by their pointer (:mod:`.pointers`)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from ...vocabulary.texts import check_key
from ..contract import Attempt, Entry, Facts, KeyNotFound, Packages, Readable, Staging, StorageOptions
from . import staging
from .bucket import Bucket
from .old_versions import OldVersions
from .pointers import Pointers
from .s3 import bucket_and_prefix
from .unfinished_uploads import abort_s3

IsPackage = Callable[[str], bool]


def sorted_entries(objects: Iterable[Any]) -> list[Entry]:
    """The objects by key. Not every store lists them so: SeaweedFS puts ``a/b`` before ``a.b``."""
    return sorted((Entry(meta["path"], "file", meta["size"]) for meta in objects), key=lambda entry: entry.key)


class ObjectPackages(Packages):
    """The packages of one bucket, and the attempts at them."""

    def __init__(self, bucket: Bucket, options: StorageOptions, is_package: IsPackage) -> None:
        self._bucket = bucket
        self._options = options
        self._pointers = Pointers(bucket)
        self._is_package = is_package
        self._old = OldVersions(bucket.url, options)

    # in the making

    def stage(self, package: str, attempt: str | None = None) -> Staging:
        return staging.ObjectStaging(self._bucket, check_key(package), attempt)

    def longest_path(self, package: str) -> int | None:
        return self._bucket.bytes_left(f"{package}/{uuid.UUID(int=0).hex}/")

    def staged(self) -> Iterator[Attempt]:
        return staging.attempts(self._bucket)

    @contextmanager
    def sweep(self, min_age_s: float) -> Iterator[Sequence[Staging]]:
        yield staging.condemn(self._bucket, min_age_s)
        root = bucket_and_prefix(self._bucket.url)
        if root is not None:
            young = {attempt.name for attempt in self.staged() if attempt.age_s < min_age_s}
            abort_s3(*root, self._options, min_age_s, spare=young)

    # published

    def open(self, package: str, path: str, start: int = 0, length: int | None = None) -> Readable:
        inside = check_key(path)
        for home in self._homes(package):
            with suppress(KeyNotFound):
                return self._bucket.stream(f"{home}/{inside}", start, length)
        raise KeyNotFound(f"{package}/{path}")

    def presign(self, package: str, path: str, expires: timedelta) -> str | None:
        return self._bucket.presign(f"{self._pointers.home(package)}/{check_key(path)}", expires)

    def locate(self, package: str) -> str:
        return f"{self._bucket.url}/{self._pointers.home(package)}"

    def sealed(self, package: str) -> bool:
        with suppress(KeyNotFound):
            return not self._pointers.pointer(package).facts.retired
        return False

    def files(self, package: str) -> Iterator[Entry]:
        """Every file of the package, sorted; nothing if there is none."""
        with suppress(KeyNotFound):
            for home in self._homes(package):
                found = sorted_entries(self._bucket.objects(home))
                if found:
                    return (Entry(package + entry.key[len(home) :], "file", entry.size_bytes) for entry in found)
        return iter(())

    def _homes(self, package: str) -> Iterator[str]:
        """Where the package's files are: as remembered, and if nothing is there, as the pointer says now."""
        if not self._is_package(package):  # where a retired one is
            yield check_key(package)
            return
        remembered = self._pointers.remembered(package)
        if remembered is not None:
            yield f"{package}/{remembered}"
        now = self._pointers.pointer(package).attempt
        if now != remembered:
            yield f"{package}/{now}"

    # what is said of them

    def keeps_facts(self) -> bool:
        return True

    def facts(self, package: str) -> Facts | None:
        return self._pointers.facts(package)

    def annotate(self, package: str, seq: int, notes: Mapping[str, Any], registered: Facts | None = None) -> None:
        changes: dict[str, Any] = {"notes": notes}
        if registered is not None:
            changes |= {"seq": registered.seq, "package_digest": registered.package_digest}
        self._pointers.change(package, seq, changes)

    # retired

    def retire(self, package: str, grave: str, seq: int) -> None:
        self._pointers.change(package, seq, {"retired": True})

    def reinstate(self, package: str, grave: str, seq: int) -> None:
        self._pointers.change(package, seq, {"retired": False})

    def retired(self, package: str, grave: str) -> str | None:
        return self._pointers.retired(package)

    def erase(self, package: str, grave: str) -> None:
        home = self._pointers.retired(package)
        if home is not None:
            self._bucket.delete_all(home)

    def keeps_erased(self) -> bool | None:
        return self._old.are_kept()

    def remains(self, package: str) -> int | None:
        return self._old.size_below(check_key(package))

    def remove_remains(self, package: str) -> int:
        return self._old.remove_below(check_key(package))
