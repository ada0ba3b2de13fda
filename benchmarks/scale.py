"""How much is measured, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True)
class Scale:
    """The sizes of every section. ``quick`` ones only prove that the code works.

    ``unit_bytes`` stands for 1 GiB. ``patience_s`` is how long a run waits for cores that others use.
    """

    unit_bytes: int = 1024 * MIB
    rounds: int = 5
    requests: int = 400
    seconds: float = 4.0
    versions: int = 100_000
    patience_s: float = 0.0

    @classmethod
    def quick(cls) -> Scale:
        return cls(
            unit_bytes=8 * MIB,
            rounds=1,
            requests=10,
            seconds=0.3,
            versions=1_000,
        )


@dataclass(frozen=True)
class Places:
    """Directories to work in: name -> directory. The first is the one for what needs only one."""

    directories: Mapping[str, Path]

    @property
    def main(self) -> Path:
        return next(iter(self.directories.values()))
