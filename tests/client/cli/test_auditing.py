"""A note that was kept is enough, at a root, over HTTP, and with nothing but an export."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from registry_client.cli.main import main

from ...core.evidence.logged import ORIGIN, Logged, lines_of, write_lines
from ...support.machine import need
from ...support.servers import gunicorn


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    return Logged(tmp_path)


def omr(*words: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, words)), env={})


def test_from_a_root_an_export_and_an_address_the_note_is_gone_on_from(logged: Logged, tmp_path: Path) -> None:
    kept, key = tmp_path / "old.note", tmp_path / "log.vkey"
    kept.write_bytes(logged.publish())
    key.write_text(logged.vkey + "\n")
    logged.registry.promote("t", "m", "production", "1")
    note = logged.publish().decode()
    verify = ["audit", "verify", "--checkpoint", kept, "--vkey", key]
    at_root = omr("--root", logged.root, *verify)
    assert at_root.stdout == f"intact: of 9 lines of {ORIGIN} the first 7 are those signed\n{note}", at_root.stderr
    assert omr("--root", logged.root, "audit", "export", tmp_path / "out").exit_code == 0
    offline = omr("audit", "verify", tmp_path / "out", *verify[2:], "--full", "--json")
    assert json.loads(offline.stdout)["size"] == 9
    with gunicorn(logged.root, workers=1) as server:
        assert omr("--url", server.url, *verify).stdout == at_root.stdout
        assert omr("--url", server.url, "log", "show").stdout == note
        assert omr("--url", server.url, "log", "show", "--vkey").stdout == key.read_text()
        assert omr("--url", server.url, *verify, "--full").exit_code == 2
        proof = ["log", "proof", "t", "m", "--seq", "2", "--json"]
        assert omr("--url", server.url, *proof).stdout == omr("--root", logged.root, *proof).stdout
        assert omr("--url", server.url, "log", "proof", "t", "m", "--seq", "99").exit_code == 3
    write_lines(logged.journal(), [{**line, "reason": "another"} for line in lines_of(logged.journal())])
    shutil.rmtree(tmp_path / "out")
    assert omr("--root", logged.root, *verify).exit_code == 4
    assert omr("--root", logged.root, "audit", "export", tmp_path / "out").exit_code == 0, "what is damaged is evidence"
    assert omr("audit", "verify", tmp_path / "out", *verify[2:]).exit_code == 4


def test_wrong_usage_is_told(logged: Logged, tmp_path: Path) -> None:
    kept = tmp_path / "old.note"
    kept.write_bytes(logged.publish())
    for words in (
        ["--checkpoint", kept],
        ["--checkpoint", kept, "--vkey", logged.vkey, "t", "m"],
        ["--checkpoint", kept, "--vkey", logged.vkey, "--registry"],
        ["--vkey", logged.vkey, "t", "m"],
        ["--full", "t", "m"],
        ["t"],
        [],
    ):
        assert omr("--root", logged.root, "audit", "verify", *words).exit_code == 2, words
    wrong = omr("--root", logged.root, "audit", "verify", "--checkpoint", kept, "--vkey", "a+b+c")
    assert (wrong.exit_code, "vkey" in wrong.stderr or "key" in wrong.stderr) == (1, True)


@pytest.mark.parametrize("key", ["x" * 5000, "/dev/zero", "/", "", "a\u2028b"])
def test_what_is_no_key_is_told_of_whatever_it_names(logged: Logged, tmp_path: Path, key: str) -> None:
    kept = tmp_path / "old.note"
    kept.write_bytes(logged.publish())
    told = omr("--root", logged.root, "audit", "verify", "--checkpoint", kept, "--vkey", key)
    assert (told.exit_code, type(told.exception)) == (1, SystemExit)
    assert "no line of a log's key" in told.stderr or "Give the line" in told.stderr


def test_a_note_without_an_end_is_read_no_further_than_a_note_can_be(logged: Logged, tmp_path: Path) -> None:
    with (tmp_path / "endless.note").open("wb") as file:
        file.truncate(1 << 40)
    told = omr("--root", logged.root, "audit", "verify", "--checkpoint", file.name, "--vkey", logged.vkey)
    assert (told.exit_code, "at most 65536 bytes" in told.stderr) == (1, True)


def test_a_file_of_keys_may_have_any_name(logged: Logged, tmp_path: Path) -> None:
    kept, key = tmp_path / "old.note", tmp_path / "lab+log.vkey"
    kept.write_bytes(logged.publish())
    key.write_text(logged.vkey + "\r\n\n")
    assert omr("--root", logged.root, "audit", "verify", "--checkpoint", kept, "--vkey", key).exit_code == 0


def test_a_note_is_stamped_by_the_two_lines_of_the_guide(logged: Logged, tmp_path: Path) -> None:
    need(shutil.which("openssl"), "install openssl")
    (tmp_path / "log.note").write_bytes(logged.publish())
    query = ["openssl", "ts", "-query", "-data", "log.note", "-sha256", "-cert", "-out", "log.tsq"]
    subprocess.run(query, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    shown = subprocess.run(
        ["openssl", "ts", "-query", "-in", "log.tsq", "-text"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert b"sha256" in shown.stdout
