"""Every small mistake of ``make mutants`` finds the line that it breaks: else nobody learns if a test notices it."""

from __future__ import annotations

from ..mutants.table import read, stale
from ..support.servers import REPOSITORY


def test_every_mutant_applies() -> None:
    mutants = read()
    assert len(mutants) > 100, "the tables are not read"
    assert stale(mutants, REPOSITORY) == []
