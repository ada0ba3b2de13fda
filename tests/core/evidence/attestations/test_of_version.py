"""What was said of a version, as its events have it: it costs them once, however many there are."""

from __future__ import annotations

from typing import Any

import pytest

from registry_core.evidence.attestations import of_version
from registry_core.models import vouching

from ...conftest import Shelf
from ..governed import Governed


def test_findings_cost_what_they_are_however_many_there_were(shelf: Shelf) -> None:
    """Each event about them changes its own, and none of the others is made anew."""
    governed = Governed(shelf)
    findings = [governed.find(severity="note") for _ in range(40)]
    governed.resolve(findings[7])
    lines = vouching.lines(governed.shelf.model(), "1")
    made = 0
    real = of_version.Finding.__init__

    def making(self: Any, *arguments: Any, **more: Any) -> None:
        nonlocal made
        made += 1
        real(self, *arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of_version.Finding, "__init__", making)
        evidence = of_version.of_lines("1", lines, [])
    assert [one.seq for one in evidence.findings] == findings
    assert [one.seq for one in evidence.findings if not one.is_open] == [findings[7]]
    assert made == 41
