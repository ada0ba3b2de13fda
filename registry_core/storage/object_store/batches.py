"""Lines on an object store: what one call appends is one object, ``<home>/batches/<time>-<32 hex>.json``.

It holds ``lines``, a text for each name. One that many were folded into names those by ``replaces``, so that nobody
counts twice what is in both: it is written before they are deleted. A name can have lines in an object of its own too,
where older software's files were copied as they were: they come first.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO

from ...vocabulary.bounded import Bounded
from ...vocabulary.errors import StorageUnavailable
from ...vocabulary.texts import check_key
from ..contract import ABSENT, KeyNotFound, outcome_unknown
from .bucket import Bucket

READ_AT_ONCE = 32
CACHED_BYTES = 16 * 1024 * 1024
MOST_LOOKS = 20  # at pieces that are folded while they are read
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z-[0-9a-f]{32}\.json")


@dataclass(frozen=True)
class _Batch:
    name: str
    lines: Mapping[str, bytes]
    replaces: frozenset[str]


class Batches:
    """The lines of one bucket. A batch never changes, so what was read of it is remembered."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._cache: Bounded[str, bytes] = Bounded(CACHED_BYTES, lambda data: len(data) + 200)

    def append(self, home: str, lines: Mapping[str, bytes]) -> None:
        """As ``Documents.append_lines``."""
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        for name in lines:
            check_key(f"{home}/{name}")
        try:
            self._put(home, _Batch(f"{now}-{uuid.uuid4().hex}.json", lines, frozenset()))
        except StorageUnavailable as error:
            raise outcome_unknown() from error  # a first try may have taken effect, and its answer was lost

    def lines(self, home: str, within: str) -> dict[str, list[bytes]]:
        """As ``Documents.lines``."""
        found: dict[str, list[bytes]] = {}
        batches = _live(self._read(home))
        files, _ = self._bucket.level(f"{home}/{within}")
        for key in sorted(files):
            found[key.rpartition("/")[2]] = BytesIO(self._bucket.read(key).data).readlines()
        for batch in batches:
            for name, data in batch.lines.items():
                directory, _, last = name.rpartition("/")
                if directory == within:
                    found.setdefault(last, []).extend(BytesIO(data).readlines())
        return found

    def fold(self, home: str) -> None:
        """As ``Documents.fold_lines``.

        Of two that fold at once one has seen all that the other has: its batch replaces more, and counts alone.
        """
        if len(self._keys(home)) < 2:
            return
        there = self._read(home)
        live = _live(there)
        kept = {batch.name for batch in live}
        if len(live) > 1:
            parts: dict[str, list[bytes]] = {}
            for batch in live:
                for name, data in batch.lines.items():
                    parts.setdefault(name, []).append(data)
            joined = {name: b"".join(data) for name, data in parts.items()}
            seen = frozenset(name for batch in there for name in (batch.name, *batch.replaces))
            told = hashlib.sha256("\n".join(sorted(seen)).encode()).hexdigest()[:32]
            folded = _Batch(f"{live[-1].name.partition('-')[0]}-{told}.json", joined, seen)
            self._put(home, folded)
            kept = {folded.name}
        for batch in there:
            if batch.name not in kept:
                self._bucket.delete(f"{home}/batches/{batch.name}")

    def _put(self, home: str, batch: _Batch) -> None:
        # Any bytes come back as they were: what is no text stands for itself as lone surrogates.
        lines = {name: data.decode("utf-8", "surrogateescape") for name, data in batch.lines.items()}
        content = {"lines": lines, **({"replaces": sorted(batch.replaces)} if batch.replaces else {})}
        self._bucket.put(f"{home}/batches/{batch.name}", json.dumps(content).encode(), ABSENT)

    def _read(self, home: str) -> list[_Batch]:
        """Every batch, the oldest first."""
        for _ in range(MOST_LOOKS):
            keys = self._keys(home)
            try:
                with ThreadPoolExecutor(READ_AT_ONCE, thread_name_prefix="batches") as pool:
                    return [_parsed(key, data) for key, data in zip(keys, pool.map(self._one, keys), strict=True)]
            except KeyNotFound:
                continue  # it has been folded since
        raise StorageUnavailable("What was logged is being folded again and again. Try again.", retry_after_s=5)

    def _keys(self, home: str) -> list[str]:
        keys = (meta["path"] for meta in self._bucket.objects(f"{home}/batches"))
        return sorted(key for key in keys if _NAME.fullmatch(key.rpartition("/")[2]))

    def _one(self, key: str) -> bytes:
        data = self._cache.get(key)
        if data is None:
            data = self._bucket.read(key).data
            self._cache.put(key, data)
        return data


def _parsed(key: str, data: bytes) -> _Batch:
    """The batch; one that is damaged holds nothing."""
    try:
        content = json.loads(data)
        lines = {str(name): text.encode("utf-8", "surrogateescape") for name, text in content["lines"].items()}
        return _Batch(key.rpartition("/")[2], lines, frozenset(map(str, content.get("replaces", ()))))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return _Batch(key.rpartition("/")[2], {}, frozenset())


def _live(batches: Sequence[_Batch]) -> list[_Batch]:
    """Those that no other has taken the place of."""
    replaced = {name for batch in batches for name in batch.replaces}
    folds = [batch for batch in batches if batch.replaces]

    def is_live(batch: _Batch) -> bool:
        is_less = any(batch.replaces < other.replaces for other in folds) if batch.replaces else False
        return batch.name not in replaced and not is_less

    return [batch for batch in batches if is_live(batch)]
