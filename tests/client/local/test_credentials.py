"""A token is kept for one origin, in a file that nobody else can read; where others can, it is not used."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from registry_client.local.credentials import forget, keep, kept, origin_of, read_file
from registry_core import InvalidParameter, StorageUnavailable

URL = "https://registry.example/below"


def modes(top: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in top.rglob("*")}


def test_it_is_kept_for_one_user_and_one_origin(area: Path) -> None:
    before = os.umask(0)
    try:
        path = keep(URL, "first")
    finally:
        os.umask(before)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert path.parent.parent.parent == area / "config"
    assert keep(URL, "second") == path
    assert list(path.parent.iterdir()) == [path], "nothing is left beside it"
    assert kept("https://REGISTRY.example:443/other") == "second"
    for other in ("http://registry.example", "https://registry.example:8443", "https://registry.example.org"):
        assert kept(other) is None
    assert forget("https://registry.example")
    assert (kept(URL), forget(URL)) == (None, False)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_I13_what_others_can_read_is_refused_in_words(mode: int) -> None:
    path = keep(URL, "secret")
    path.chmod(mode)
    with pytest.raises(StorageUnavailable, match="not this user's alone") as refused:
        kept(URL)
    assert "omr login https://registry.example:443" in refused.value.message
    assert "secret" not in str(refused.value)
    keep(URL, "new")
    assert kept(URL) == "new"


def test_a_directory_that_others_can_enter_is_closed(area: Path) -> None:
    path = keep(URL, "secret")
    path.parent.chmod(0o755)
    assert kept(URL) == "secret"
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_is_no_document_of_ours_counts_for_nothing() -> None:
    path = keep(URL, "secret")
    for content in (
        "",
        "[]",
        "{}",
        '{"origin": "https://registry.example:443"}',
        json.dumps({"token": "x"}),
        "[" * 10**5,
    ):
        path.write_text(content)
        assert kept(URL) is None
    path.write_text(json.dumps({"origin": "https://other.example:443", "token": "x"}))
    assert kept(URL) is None, "it was kept for another"
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert kept(URL) is None


def test_without_a_home_nothing_is_kept_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/proc/nothing")
    assert (kept(URL), forget(URL)) == (None, False)
    with pytest.raises(StorageUnavailable, match="--token-file"):
        keep(URL, "secret")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setattr(Path, "expanduser", lambda _: (_ for _ in ()).throw(RuntimeError("no home")))
    assert (kept(URL), forget(URL)) == (None, False)
    with pytest.raises(StorageUnavailable, match="Nobody knows this user's home"):
        keep(URL, "secret")


def test_origins() -> None:
    assert origin_of("HTTPS://A.example") == "https://a.example:443"
    assert origin_of("http://[::1]:80/x?y") == "http://[::1]:80"
    for wrong in ("", "registry", "ftp://x", "https://", "https://x:99999", "https://x:a"):
        with pytest.raises(InvalidParameter):
            origin_of(wrong)


def test_a_token_s_own_file_is_read(area: Path) -> None:
    path = area / "token"
    path.write_text("omr_x\n")
    assert read_file(path) == "omr_x"
    path.write_bytes(b"\xff" * 10)
    for wrong in (path, area, area / "missing"):
        with pytest.raises(InvalidParameter, match="cannot be read"):
            read_file(wrong)
    path.write_text("\n")
    with pytest.raises(InvalidParameter, match="empty"):
        read_file(path)
