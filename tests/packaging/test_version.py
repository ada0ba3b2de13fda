"""Whatever says which version this is says the same: the code, the citation, the changelog."""

from __future__ import annotations

import re

from registry_core import __version__

from ..support.servers import REPOSITORY


def test_the_citation_and_the_code_name_the_same_version() -> None:
    text = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)$", text, re.MULTILINE) == [__version__]


def test_the_changelog_has_a_part_for_this_version() -> None:
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert any(
        heading == f"[Unreleased] - {__version__}" or heading.startswith(f"[{__version__}] - ") for heading in headings
    )
