"""The log's private key: a file of the operator's, wherever it came from, and never one inside the root."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import NotConfigured
from registry_core.evidence import keys
from registry_core.evidence.log.key import LogKey
from registry_core.settings import CoreSettings


def test_a_file_that_lost_its_last_newline_has_its_keys_still(tmp_path: Path) -> None:
    key = LogKey(tmp_path / "log.pem", tmp_path / "log.pem.last", 1.0)
    made = [keys.new_ed25519(), keys.new_ed25519()]
    with key.alone():
        key.write(made)
    key.key.write_bytes(key.key.read_bytes().rstrip(b"\n"))
    assert [one.public for one in key.read()] == [one.public for one in made]


@pytest.mark.parametrize("root", ["root", "./root", "{}/root"])
def test_a_key_inside_the_root_is_refused_however_the_root_is_named(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named, inside = root.format(tmp_path), str(tmp_path / "root" / "log.pem")
    for words in ({"log_key": inside}, {"log_key": str(tmp_path / "log.pem"), "log_state": inside}):
        with pytest.raises(NotConfigured, match="inside the registry's root"):
            LogKey.of(CoreSettings(root=named, **words))
    assert LogKey.of(CoreSettings(root="s3://bucket/root", log_key=inside)) is not None
