"""What damage of a file does that nothing but the file itself tells of, by kind of file, with the reason.

``docs/design.md`` has the kinds under "Held by nothing but itself". ``test_damage`` holds the list exactly, so whoever
mends one takes it out. Nothing else may answer wrongly, or be unnamed by ``check``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Held:
    """Files of the kind that are damaged in one of the ways have the symptoms, because of the reason."""

    kind: str
    ways: str
    symptoms: str
    reason: str


_OLDER_LINES = "lines of older software that no event of ours follows, so that no chain goes over them"
_OLDER_VERSION = "a version that no event registers: its manifest names it by what it is now"
_OLDER_META = "older software writes in its metadata, so that nothing says what it is to be"
_OLDER_ALIAS = "an alias document without seq: older software, or whoever keeps its registry, may write any"

HELD = (
    Held("journal", "NUL tail", "unnamed", "a crash leaves as much; no event, passed over, removed by the next change"),
    Held("older journal", "NUL tail", "unnamed", "as of journals"),
    Held("older journal", "last line twice; lines swapped; byte flipped", "unnamed wrong", _OLDER_LINES),
    Held(
        "older journal",
        "empty; half; null; last line cut; last line torn; first line cut; zeroed; tail zeroed; an empty object; "
        "deleted; another version",
        "wrong",
        _OLDER_LINES,
    ),
    Held("older journal", "later than now", "wrong", "the last event of a journal, where no document shows it"),
    Held("older alias", "deleted; another's", "wrong", _OLDER_ALIAS),
    Held("older alias", "byte flipped", "unnamed wrong", _OLDER_ALIAS),
    Held("older metadata", "byte flipped; an empty object", "unnamed wrong", _OLDER_META),
    Held("older metadata", "another's", "wrong", _OLDER_META),
    Held(
        "older manifest",
        "empty; half; last line torn; byte flipped; first byte flipped; last byte flipped; zeroed; NUL tail; "
        "tail zeroed; garbage behind; null; an empty object; deleted; a directory; another's",
        "wrong",
        _OLDER_VERSION,
    ),
    Held(
        "older manifest",
        "last line cut; first line cut; last line twice; lines swapped",
        "unnamed wrong",
        _OLDER_VERSION,
    ),
)


def held(kind: str, way: str) -> set[str]:
    """The symptoms that such a damage has."""
    found = (one.symptoms for one in HELD if one.kind == kind and way in one.ways.split("; "))
    return {symptom for symptoms in found for symptom in symptoms.split()}
