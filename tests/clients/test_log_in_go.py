"""The log's notes and proofs are those of Go's checksum database: its library takes ours, and we take its."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from registry_core.evidence import keys, log_tree, signed_note

from ..support.machine import need

LIBRARIES = Path("/usr/share/gocode")
ORIGIN = "registry.lab.example/log"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, compiled once."""
    need(shutil.which("go"), "install golang-go")
    need((LIBRARIES / "src/golang.org/x/mod/sumdb/tlog").is_dir(), "install golang-golang-x-mod-dev")
    home = tmp_path_factory.mktemp("go")
    environ = {
        "PATH": os.environ["PATH"],
        "GO111MODULE": "off",
        "GOPATH": str(LIBRARIES),
        "GOCACHE": str(home / "kept"),
    }
    source = Path(__file__).with_name("log_in_go.go")
    subprocess.run(["go", "build", "-o", home / "log", source], check=True, env=environ, timeout=300)
    return home / "log"


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def run(program: Path, asked: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program], input=json.dumps(asked), capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("size", "old", "index"), [(1, 1, 0), (2, 1, 1), (7, 4, 6), (8, 3, 0), (13, 8, 12), (50, 33, 17)]
)
def test_go_takes_our_log_and_we_take_what_go_makes(program: Path, size: int, old: int, index: int) -> None:
    lines = [json.dumps({"seq": number, "event": "promote"}).encode() for number in range(1, size + 1)]
    tree, row, roots = log_tree.Frontier(), list[bytes](), [log_tree.EMPTY]
    for line in lines:
        row += tree.add(log_tree.leaf_hash(line))
        roots.append(tree.root())
    private = keys.new_ed25519()
    note = signed_note.sign(signed_note.Checkpoint(ORIGIN, size, roots[size]).text, [(ORIGIN, private)])
    inclusion = log_tree.inclusion_proof(index, size, row.__getitem__)
    consistency = log_tree.consistency_proof(old, size, row.__getitem__)
    asked = {
        "note": bytes(note).decode(),
        "vkey": str(signed_note.verifier_of(ORIGIN, private.public)),
        "origin": ORIGIN,
        "lines": [text(line) for line in lines],
        "old": old,
        "oldRoot": text(roots[old]),
        "root": text(roots[size]),
        "index": index,
        "inclusion": [text(one) for one in inclusion],
        "consistency": [text(one) for one in consistency],
    }
    ended = run(program, asked)
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    theirs = {name: [base64.b64decode(one) for one in said[name] or ()] for name in ("row", "inclusion", "consistency")}
    assert theirs == {"row": row, "inclusion": inclusion, "consistency": consistency}
    assert base64.b64decode(said["root"]) == roots[size]
    verifier = signed_note.parse_vkey(said["vkey"])
    assert signed_note.signed_checkpoint(said["note"].encode(), [verifier]).root == roots[size]

    for changed in (
        {"oldRoot": text(bytes(32))},
        {"root": text(bytes(32))},
        {"note": asked["note"].replace("lab", "lap")},
    ):
        assert run(program, {**asked, **changed}).returncode == 1
