"""Of evidence, pages of events say what happened in few words, whatever a line of a journal holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry_core.catalogue.shown import shown_of
from registry_core.format.chain import Line

KEY = {"person": "ada", "key": "0" * 64}


@pytest.mark.parametrize(
    ("kind", "line", "said"),
    [
        ("attest", {"attestation": {"type": "x", "digest": "y", "signers": [KEY]}}, {"attestation": {"type": "x"}}),
        ("attest", {"dismisses": 3}, {"dismisses": 3}),
        ("finding", {"finding": {"severity": "minor", "title": "t" * 999, "url": "u"}}, None),
        ("finding", {"finding": {"resolves": 7}}, {"finding": {"resolves": 7}}),
        ("facts", {"facts": {"load": "code", "because": ["x"] * 99}}, {"facts": {"load": "code"}}),
        ("promote", {"gate": {"met": True, "checks": [["a", True, [1]]]}}, {}),
        ("promote", {"gate": {"policies": ["sha256:ab"], "met": True}}, {"gate": {"policies": ["sha256:ab"]}}),
        ("promote", {"gate": {"policies": ["a", "b", "c"]}}, {}),
        ("promote", {"gate": {"policies": ["x" * 999]}}, {}),
        ("rollback", {"gate": {"override": {"reason": "r", "ticket": None}}}, {"gate": {"override": {"reason": "r"}}}),
        ("register", {"facts": {"load": "code"}}, {}),
    ],
)
def test_so_much_as_tells_what_happened(kind: str, line: dict[str, Any], said: dict[str, Any] | None) -> None:
    cut = {"finding": {"severity": "minor", "title": "t" * 200}}
    assert json.loads(_shown(kind, line) or "{}") == (cut if said is None else said)


def test_what_is_none_of_it_is_left_out() -> None:
    for wrong in ([], "x", 7, {}, {"type": []}, {"title": None}, {"resolves": True}, {"dismisses": 1 << 70}):
        for kind in ("attest", "finding", "facts", "promote"):
            gate = {"override": wrong, "policies": wrong}
            line = {"attestation": wrong, "finding": wrong, "facts": wrong, "gate": gate}
            assert _shown(kind, {**line, "dismisses": wrong if wrong != 7 else None}) is None
            assert _shown(kind, {"gate": wrong}) is None
    assert _shown("promote", {"gate": {"policies": ["sha256:ab", None]}}) is None
    half = _shown("finding", {"finding": {"title": "\ud800"}})
    assert json.loads(half or "") == {"finding": {"title": "\\ud800"}}


def _shown(kind: Any, line: dict[str, Any]) -> str | None:
    return shown_of(Line(2, b"", {"event": kind, **line}))
