"""What is found wrong with a version, and how that ends."""

from __future__ import annotations

from typing import Any

import pytest

from registry_core import InvalidParameter, VersionNotFound
from registry_core.evidence import finding, of_version
from registry_core.vocabulary.evidence_errors import FindingNotFound

from ...conftest import MODEL, TASK, Shelf


def found(shelf: Shelf, severity: str = "blocking", title: str = "leak", **words: Any) -> int:
    said = {"url": None, "actor": "ada", "reason": None, **words}
    return finding.open_finding(shelf.model(), "1", severity, title, **said)


def end(shelf: Shelf, seq: int, *, dismisses: bool = False, reason: str | None = "mended") -> int:
    return finding.end(shelf.model(), "1", seq, dismisses=dismisses, actor="grace", reason=reason)


def test_a_finding_is_open_until_it_is_resolved_or_dismissed(shelf: Shelf) -> None:
    first, second = found(shelf, url="https://tracker.example/1"), found(shelf, "note", "typo")
    assert [event["finding"] for event in shelf.events()[-2:]] == [
        {"severity": "blocking", "title": "leak", "url": "https://tracker.example/1"},
        {"severity": "note", "title": "typo", "url": None},
    ]
    resolved, dismissed = end(shelf, first), end(shelf, second, dismisses=True)
    assert shelf.events()[-2]["finding"] == {"resolves": first}
    assert shelf.events()[-1]["finding"] == {"dismisses": second}
    evidence = of_version.read(shelf.model(), "1")
    assert [(one.seq, one.ended, one.dismissed) for one in evidence.findings] == [
        (first, resolved, False),
        (second, dismissed, True),
    ]
    assert not evidence.open_findings
    assert of_version.read(shelf.model(), "1", before=resolved).open_findings[0].seq == first


def test_what_has_ended_stays_so_by_its_event(shelf: Shelf) -> None:
    seq = found(shelf)
    ended = end(shelf, seq)
    assert end(shelf, seq, dismisses=True) == ended
    assert len(shelf.events()) == ended


def test_only_a_finding_of_this_version_is_ended_and_only_with_a_reason(shelf: Shelf) -> None:
    seq = found(shelf)
    for other in (1, seq + 1, -1):
        with pytest.raises(FindingNotFound):
            end(shelf, other)
    with pytest.raises(FindingNotFound):
        finding.end(shelf.model(), "2", seq, dismisses=False, actor=None, reason="x")
    for reason in (None, " "):
        with pytest.raises(InvalidParameter):
            end(shelf, seq, reason=reason)


def test_of_no_version_nothing_is_found(shelf: Shelf) -> None:
    with pytest.raises(VersionNotFound):
        finding.open_finding(shelf.model(), "9", "note", "x", None, actor=None, reason=None)
    seq = found(shelf)
    shelf.registry().delete(TASK, MODEL, "1", reason="wrong")
    with pytest.raises(VersionNotFound):
        end(shelf, seq)
    shelf.registry().restore(TASK, MODEL, "1")
    assert of_version.read(shelf.model(), "1").open_findings[0].seq == seq


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"severity": "fatal"}, "severity"),
        ({"severity": ["blocking"]}, "severity"),
        ({"title": ""}, "title"),
        ({"title": "two\nlines"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"title": "x" * 1001}, "title"),
        ({"title": 1}, "title"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://[x"}, "url"),
        ({"url": "https://a.example/ b"}, "url"),
        ({"actor": "\ud800"}, "actor"),
    ],
)
def test_what_nobody_could_show(shelf: Shelf, words: dict[str, Any], field: str) -> None:
    before = shelf.events()
    with pytest.raises(InvalidParameter) as refused:
        found(shelf, **words)
    assert (refused.value.detail["field"], shelf.events()) == (field, before)
