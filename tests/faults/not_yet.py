"""What damage of a file still does, by kind of file and symptom: this list can only become shorter.

``test_damage`` holds it exactly, so whoever mends one takes it out.
"""

from __future__ import annotations

_WAYS: dict[str, dict[str, str]] = {
    "journal": {
        "wrong": (
            "empty; half; last line cut; last line torn; first line cut; last line twice; lines swapped; "
            "byte flipped; first byte flipped; last byte flipped; zeroed; tail zeroed; null; an empty "
            "object; deleted; a directory; a link outside; a link to itself; a link to another; a FIFO; "
            "unreadable; another's; wrong seq; later than now"
        ),
        "unnamed": "NUL tail",
    },
    "alias": {
        "wrong": "deleted",
    },
    "state": {
        "wrong": "deleted",
    },
    "older journal": {
        "wrong": (
            "empty; half; last line cut; last line torn; first line cut; first byte flipped; last byte "
            "flipped; zeroed; tail zeroed; null; an empty object; deleted; a directory; a link outside; a "
            "link to itself; a link to another; a FIFO; unreadable; another's; another version"
        ),
        "unnamed wrong": "last line twice; lines swapped; byte flipped; later than now",
        "unnamed": "NUL tail",
    },
    "older alias": {
        "wrong": "deleted; another's",
        "unnamed wrong": "byte flipped",
    },
    "older metadata": {
        "unnamed wrong": "byte flipped; an empty object",
        "wrong": "another's",
    },
    "older manifest": {
        "wrong": (
            "empty; half; last line torn; byte flipped; first byte flipped; last byte flipped; zeroed; NUL "
            "tail; tail zeroed; garbage behind; null; an empty object; deleted; a directory; another's"
        ),
        "unnamed wrong": "last line cut; first line cut; last line twice; lines swapped",
    },
}

# Kind -> way -> symptoms.
NOT_YET = {
    kind: {way: symptoms for symptoms, ways in found.items() for way in ways.split("; ")}
    for kind, found in _WAYS.items()
}
