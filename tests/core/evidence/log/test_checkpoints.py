"""Events of the log that are of no form, or follow from nothing, are damage and never anything else."""

from __future__ import annotations

from typing import Any

import pytest

from registry_core import LogCorrupt
from registry_core.evidence import keys, signed_note
from registry_core.evidence.log.checkpoints import INIT, RESTART, ROTATE, Said, says_key
from registry_core.evidence.log.signed_note import Checkpoint
from registry_core.format.chain import parse_line
from registry_core.vocabulary.texts import digest, encode

KEY = keys.new_ed25519().public
FIRST, OTHER = (signed_note.verifier_of(name, KEY) for name in ("models.lab.example", "other.lab.example"))
LOST = Checkpoint(FIRST.name, 3, b"\0" * 32)


def then(said: Said, fields: Any) -> Said:
    event = {"seq": said.seq + 1, "event": "checkpoint", "prev": digest(b""), "checkpoint": fields}
    return said.then(parse_line(said.seq + 1, encode(event)), "sha256:1")


def test_a_log_is_begun_has_a_new_key_and_is_begun_anew() -> None:
    said = then(Said(), says_key(INIT, FIRST))
    assert then(said, says_key(ROTATE, FIRST)).verifiers == (FIRST, FIRST)
    anew = then(said, says_key(RESTART, OTHER, LOST))
    assert (anew.origin, anew.lost, anew.size, dict(anew.covered)) == (OTHER.name, LOST, 0, {})


@pytest.mark.parametrize(
    "more",
    [
        {"kind": INIT},  # there is one
        {"kind": ["restart"]},
        {"vkey": "models.lab.example+00000000+AAAA"},
        {"vkey": None},
        {"origin": "third.lab.example"},
        *({"lost": lost} for lost in (None, [], {"origin": "x"}, "abc", [OTHER.name, 3, "sha256:" + "0" * 64])),
        *({"lost": [name, 3, "sha256:" + "0" * 64]} for name in ("", "a b", "a+b", "x" * 201, 5)),
        *({"lost": ["a", size, "sha256:" + "0" * 64]} for size in (-1, True, 1 << 53, "3", None)),
        *({"lost": ["a", 3, root]} for root in ("0" * 64, "sha256:" + "0" * 63, "sha256:" + "G" * 64, None)),
    ],
)
def test_whatever_another_log_is_begun_with(more: dict[str, Any]) -> None:
    said = then(Said(), says_key(INIT, FIRST))
    with pytest.raises(LogCorrupt):
        then(said, {**says_key(RESTART, OTHER, LOST), **more})
