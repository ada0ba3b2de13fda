"""How much is measured, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
DECADES = (100, 1_000, 10_000, 100_000)


@dataclass(frozen=True)
class Scale:
    """The sizes of every section. ``quick`` ones only prove that the code works.

    ``unit_bytes`` stands for 1 GiB. ``calls`` is how often a verb is called at most, ``verb_s`` after how much CPU
    of it no further call is made. ``patience_s`` is how long a run waits for cores that others use.
    """

    unit_bytes: int = 1024 * MIB
    rounds: int = 5
    requests: int = 400
    seconds: float = 4.0
    versions: int = 100_000
    patience_s: float = 0.0
    calls: int = 20
    verb_s: float = 1.5
    in_a_row: int = 200
    events: tuple[int, ...] = DECADES
    versions_of_a_model: tuple[int, ...] = DECADES
    models: tuple[int, ...] = (10, 100, 1_000, 10_000)
    files: tuple[int, ...] = (1, 100, 1_000, 30_000)
    stored: tuple[int, ...] = (100, 1_000, 10_000)
    stored_versions: tuple[int, ...] = (100, 1_000)
    clients: tuple[int, ...] = (1, 8, 32, 128)
    followed: tuple[int, ...] = (100, 20_000)
    small_files: int = 10_000
    many_files: int = 30_000
    searched: int = 10_000

    @classmethod
    def quick(cls) -> Scale:
        return cls(
            unit_bytes=8 * MIB,
            rounds=1,
            requests=10,
            seconds=0.3,
            versions=1_000,
            calls=2,
            verb_s=0.2,
            in_a_row=3,
            events=(10, 100),
            versions_of_a_model=(10, 100),
            models=(2, 20),
            files=(1, 20),
            stored=(10, 40),
            stored_versions=(10, 40),
            clients=(1, 4),
            followed=(10, 40),
            small_files=40,
            many_files=100,
            searched=40,
        )


@dataclass(frozen=True)
class Places:
    """Directories to work in: name -> directory. The first is the one for what needs only one."""

    directories: Mapping[str, Path]

    @property
    def main(self) -> Path:
        return next(iter(self.directories.values()))
