"""The log's private key: a file of the operator's, wherever it came from."""

from __future__ import annotations

from pathlib import Path

from registry_core.evidence import keys
from registry_core.evidence.log.key import LogKey


def test_a_file_that_lost_its_last_newline_has_its_keys_still(tmp_path: Path) -> None:
    key = LogKey(tmp_path / "log.pem", tmp_path / "log.pem.last", 1.0)
    made = [keys.new_ed25519(), keys.new_ed25519()]
    with key.alone():
        key.write(made)
    key.key.write_bytes(key.key.read_bytes().rstrip(b"\n"))
    assert [one.public for one in key.read()] == [one.public for one in made]
