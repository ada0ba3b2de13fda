"""Pull: a version on this machine, every byte proven before it has its name; or nothing.

The ref is resolved once, and everything is asked for by that version: an alias that moves meanwhile mixes
nothing. Files come through the cache (:mod:`.cache`), are laid into a directory beside the destination or within it
(:mod:`.destination`), hashed there, made durable, and only then given their names.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from registry_core import (
    DigestMismatch,
    InvalidParameter,
    Meter,
    PackageCorrupt,
    ProgressCallback,
    StorageUnavailable,
)

from ..forms import META, sha256_of
from ..local.cache import Cache
from ..local.files import Sync, blaming, durable_tree, lay, lay_bytes
from ..local.parallel import each
from ..remote.versions import Versions
from .archive import fetch_small, missing
from .destination import Excuse, building, check_names, is_there, publish, target_of
from .download import Remote, corrupt, fetch
from .lookup import look_up, remember
from .remote_package import Package
from .room import check_room

log = logging.getLogger(__name__)

PROOFS = 3


@dataclass(frozen=True)
class Pulled:
    """A package that lies at ``path``. ``bytes_fetched`` came over the network, the others from the cache.

    ``already_there``: it was at ``path`` before, whole. ``offline``: what the ref meant is from the cache.
    """

    path: str
    task: str
    model_name: str
    version: str
    alias: str | None
    package_digest: str
    files: int
    bytes_total: int
    bytes_fetched: int
    already_there: bool
    offline: bool
    warnings: list[str]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Wanted:
    """What to pull. ``digest``: the package digest that it must have; None: the one that the registry names."""

    task: str
    ref: str
    digest: str | None = None

    def check(self, package: Package) -> None:
        """Raises ``DigestMismatch`` where the package is another."""
        found = package.resolution
        if self.digest is not None and sha256_of(self.digest) != sha256_of(found.package_digest):
            raise DigestMismatch(
                f"{found.model_name}@{found.version} has the package digest {found.package_digest}, and not the one "
                "that was asked for. Nothing was changed.",
                expected=self.digest,
                actual=found.package_digest,
            )


def pull(
    client: Versions,
    wanted: Wanted,
    dest: Path,
    *,
    cache: Cache | None,
    workers: int,
    offline: bool,
    link: bool,
    update: bool,
    progress: ProgressCallback | None,
) -> Pulled:
    """``dest`` holds exactly the version's files, proven; or it is as it was.

    A ``dest`` that holds them already is left alone, an empty directory is filled, with ``update`` another version of
    the model gives way, and any other is refused. Files are read-only, and the caller's own; with ``link`` they may be
    those of the cache. Without a cache all is fetched, and nothing is remembered. Where the registry cannot be reached
    (or with ``offline``) the cache says what the ref meant, with a warning, and has the bytes. Raises
    ``InvalidParameter`` for ``dest`` and ``digest``, ``NotFound``, ``DigestMismatch``, ``PackageCorrupt``,
    ``StorageFull``, ``StorageUnavailable``.
    """
    if wanted.digest is not None and sha256_of(wanted.digest) is None:
        raise InvalidParameter("A package digest is sha256: and 64 hex digits.", field="digest")
    if offline and cache is None:
        raise InvalidParameter("Offline there is nothing but the cache; leave one of the two out.", field="offline")
    target = target_of(dest)

    def excused(file: Remote) -> bool:
        is_free = wanted.digest is None and not is_offline
        return file.path == META and is_free and _is_old(client, file)

    package, is_offline = look_up(client, wanted.task, wanted.ref, cache, offline=offline)
    wanted.check(package)
    notes = [*package.resolution.warnings, *package.warnings]
    if is_there(target, package, excused, update=update):
        remember(cache, client, wanted.ref, package)
        return _answer(target, package, notes, fetched=0, already_there=True, offline=is_offline)
    meter = Meter(progress)
    meter.start(len(package.files), package.bytes_total)
    check_room(package, target, cache)
    with blaming(str(target)), building(target, update=update) as place:
        used = Cache(place.cache) if cache is None else cache
        job = _Job(client, package, used, meter, excused, place.files, link=link, is_passing=cache is None)
        already_there = place.is_filled(package, excused)
        if not already_there:
            with durable_tree(place.files) as sync:
                if not is_offline:
                    job.fetch_small(sync)
                each(lambda file, stop: job.supply(file, sync, stop, offline=is_offline), job.left_by_size(), workers)
                check_names(place.files, package)
            already_there = not publish(place, package, excused)
    if not is_offline:
        remember(cache, client, wanted.ref, package)
    notes += job.notes
    return _answer(target, package, notes, fetched=job.fetched, already_there=already_there, offline=is_offline)


def _answer(
    target: Path, package: Package, notes: list[str], *, fetched: int, already_there: bool, offline: bool
) -> Pulled:
    found = package.resolution
    assert found.package_digest is not None
    return Pulled(
        path=str(target),
        task=found.task,
        model_name=found.model_name,
        version=found.version,
        alias=found.alias,
        package_digest=found.package_digest,
        files=len(package.files),
        bytes_total=package.bytes_total,
        bytes_fetched=fetched,
        already_there=already_there,
        offline=offline,
        warnings=list(dict.fromkeys(notes)),
    )


class _Job:
    def __init__(
        self,
        client: Versions,
        package: Package,
        cache: Cache,
        meter: Meter,
        excused: Excuse,
        top: Path,
        *,
        link: bool,
        is_passing: bool,
    ) -> None:
        self._client, self._package, self._cache, self._meter = client, package, cache, meter
        self._excused, self._top, self._link, self._is_passing = excused, top, link, is_passing
        self._times = Counter(file.sha256 for file in package.files)
        self._made: set[str] = set()  # directories that are there
        self._early: set[str] = set()  # paths of what came in the archive
        self._laid: set[str] = set()  # and of what is where it belongs
        self.fetched = 0
        self.notes: list[str] = []

    def left_by_size(self) -> list[Remote]:
        # A large file begun last would run alone at the end.
        left = (file for file in self._package.files if file.path not in self._laid)
        return sorted(left, key=lambda file: (-file.size_bytes, file.path))

    def fetch_small(self, sync: Sync) -> None:
        """Where many small files are missing they are in the cache or, where none is kept, laid."""

        def keep(file: Remote, data: bytes) -> None:
            if self._is_passing:
                lay_bytes(data, self._place_of(file), sync)
                self._laid.add(file.path)
                self._meter.file_done()
            else:
                self._cache.add(file.sha256 or "", data)
                self._early.add(file.path)
            self.fetched += file.size_bytes
            self._meter.tick(file.size_bytes)

        wanted = missing(self._package.files, None if self._is_passing else self._cache)
        if wanted:
            fetch_small(self._client.transport, self._package.files, wanted, keep)

    def _place_of(self, file: Remote) -> str:
        """Where the file is to be laid; the directories above are there."""
        target = f"{self._top}/{file.path}"
        above = os.path.dirname(target)
        if above not in self._made:
            os.makedirs(above, exist_ok=True)
            self._made.add(above)
        return target

    def supply(self, file: Remote, sync: Sync, stop: Callable[[], None], *, offline: bool) -> None:
        """The file is laid, proven."""
        target = Path(self._place_of(file))
        if file.sha256 is None:
            self._supply_unproven(file, target, stop, offline=offline)
        else:
            try:
                self._supply_proven(file, target, sync, stop, offline=offline)
            except PackageCorrupt:
                if not self._excused(file):
                    raise
                self.notes.append(
                    f"{META} was rewritten after registration, as older software does for tags and stages."
                )
                self._supply_unproven(replace(file, sha256=None), target, stop, offline=offline)
        self._meter.file_done()

    def _supply_proven(
        self, file: Remote, target: Path, sync: Sync, stop: Callable[[], None], *, offline: bool
    ) -> None:
        assert file.sha256 is not None
        ticked = file.size_bytes if file.path in self._early else 0

        def tick(size_bytes: int) -> None:
            nonlocal ticked
            ticked += size_bytes
            self._meter.tick(size_bytes)

        def get(fd: int) -> None:
            if offline:
                raise StorageUnavailable(f"{file.path!r} is not in the cache, and the registry was not asked.")
            fetch(self._client.transport, file, fd, self._counted(tick), stop)

        # What is in a passing cache may become the file itself, unless it would become two.
        link = self._link or (self._is_passing and self._times[file.sha256] == 1)
        for _ in range(PROOFS):
            with self._cache.blob(file.sha256, get, stop) as (fd, _fetched):
                actual = lay(fd, self._cache.blob_path(file.sha256), target, link=link, sync=sync)
                if actual == file.sha256:
                    self._meter.tick(file.size_bytes - ticked)
                    return
                self._cache.discard(file.sha256, fd)
            target.unlink()
            log.warning("a damaged file in the cache is fetched again: %s", file.sha256)
        raise corrupt(file, actual)

    def _supply_unproven(self, file: Remote, target: Path, stop: Callable[[], None], *, offline: bool) -> None:
        if offline:
            raise StorageUnavailable(f"{file.path!r} is proven by nothing, so it is not taken from the cache.")
        with target.open("xb", buffering=0) as sink:
            fetch(self._client.transport, file, sink.fileno(), self._counted(self._meter.tick), stop)
            os.fchmod(sink.fileno(), 0o444)
            os.fsync(sink.fileno())

    def _counted(self, tick: Callable[[int], None]) -> Callable[[int], None]:
        def count(size_bytes: int) -> None:
            self.fetched += max(0, size_bytes)
            tick(size_bytes)

        return count


def _is_old(client: Versions, file: Remote) -> bool:
    """Whether no event registers the version, so that older software may have rewritten its metadata."""
    page = client.history(file.task, file.model_name, version=file.version, event="register", limit=1)
    return not page.events
