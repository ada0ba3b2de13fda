"""Files of a package to be that the registry's storage has already: they are proven as they are taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..storage.contract import Prove, Readable, Staging
from ..vocabulary.artifact import Artifact
from ..vocabulary.errors import HoldingDamaged
from .hash_stream import hash_stream


class KeptFile(Protocol):
    """A file that the registry's storage has already, with a digest that the registry computed itself.

    What is read or staged of it is what the digest says, or ``HoldingDamaged`` is raised.
    """

    @property
    def name(self) -> str: ...

    @property
    def size_bytes(self) -> int: ...

    def digest_only(self) -> tuple[str, int]:
        """(SHA-256 in hex, bytes), as known: nothing is read."""

    def read(self, limit_bytes: int) -> bytes:
        """As of :class:`FileSource`."""

    def put_into(self, staging: Staging, prove: Prove) -> Artifact:
        """It is staged, and the bytes that are staged are proven: by ``prove``, or because they were before.

        Raises ``HoldingDamaged`` where they are not what the digest says.
        """


class Reading:
    """Proves a file that the registry has, and counts what was read of it."""

    def __init__(self, tick: Callable[[int], None], hint: int) -> None:
        self._tick, self._hint = tick, hint
        self.count = 0

    def prove(self, reader: Readable) -> tuple[str, int]:
        def tick(count: int) -> None:
            self.count += count
            self._tick(count)

        return hash_stream(reader, size_hint=self._hint, tick=tick)


def holding_damaged(paths: list[str]) -> HoldingDamaged:
    """The error that names these files."""
    more = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
    return HoldingDamaged(
        f"{paths[0]!r}{more} is damaged where the registry has it. Nothing was registered, and the upload goes on: "
        "send what is missing to it, and register again.",
        missing=paths,
    )
