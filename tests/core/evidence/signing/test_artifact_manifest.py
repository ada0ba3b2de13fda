"""The artifact manifest is what coreutils make of the same files, byte for byte."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry_core.evidence.signing.artifact_manifest import MAX_BUNDLES, render, signature_files
from registry_core.evidence.signing.signed_document import MAX_BYTES

from ..signers import bundled, enveloped, private, statement

BUNDLE = bundled(enveloped(statement(), private()))
COREUTILS = r"""
find . -type f ! -path ./model_meta.json ! -path ./sha256sums.txt ! -path ./model.sig ! -path ./sha256sums.txt.sig \
    -printf '%P\0' | LC_ALL=C sort -z | xargs -0r sha256sum --
"""

# Also names that the registry refuses today: older software took them.
_SEGMENTS = st.binary(min_size=1, max_size=8).filter(lambda name: not {0, 47} & set(name) and name not in (b".", b".."))
_PATHS = st.lists(_SEGMENTS, min_size=1, max_size=3).map(b"/".join)


@settings(max_examples=40)
@given(st.sets(_PATHS, max_size=8))
@example({b"model_meta.json", b"a/model_meta.json", b"model.sig", b"a/model.sig", b"sha256sums.txt.sig"})
@example({b"new\nline", b"back\\slash", b"return\r", b"\xff", "ä".encode(), "\N{GRINNING FACE}".encode(), b"a - b"})
def test_it_is_what_coreutils_make(tmp_path_factory: pytest.TempPathFactory, paths: set[bytes]) -> None:
    top = tmp_path_factory.mktemp("package")
    hashes = {}
    for path in paths - {b"-"}:  # sha256sum has no way to be given this one here
        file = os.fsencode(top) + b"/" + path
        try:
            os.makedirs(os.path.dirname(file), exist_ok=True)
            Path(os.fsdecode(file)).write_bytes(path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue  # one path is the directory of another
        hashes[os.fsdecode(path)] = hashlib.sha256(path).hexdigest()
    said = subprocess.run(["bash", "-c", COREUTILS], cwd=top, stdout=subprocess.PIPE, check=True).stdout
    assert render(hashes, ["model.sig", "sha256sums.txt.sig"]) == said


def test_standard_input_is_no_file() -> None:
    assert render({"-": "a" * 64}, []) == b"a" * 64 + b"  ./-\n"


def test_which_files_hold_signatures() -> None:
    """By their exact names, at the top, and bundles by what they are; nothing else is read."""
    files = {
        "model.sig": b"whatever",
        "sha256sums.txt.sig": b"whatever",
        "build.sigstore.json": BUNDLE,
        "weights.sigstore.json": b'{"weights": [1, 2]}',
        "sub/model.sig": b"whatever",
        "sub/build.sigstore.json": BUNDLE,
        "Model.sig": b"whatever",
        "model.sig.bak": b"whatever",
        "bundle.json": BUNDLE,
        "weights.bin": b"weights",
    }
    read: list[str] = []

    def reading(path: str) -> bytes:
        read.append(path)
        return files[path]

    found = signature_files({path: len(data) for path, data in files.items()}, reading)
    assert found == {path: files[path] for path in ("model.sig", "sha256sums.txt.sig", "build.sigstore.json")}
    assert sorted(read) == sorted([*found, "weights.sigstore.json"])


def test_what_is_too_large_or_too_many_is_not_read() -> None:
    sizes = dict.fromkeys(["model.sig", "a.sigstore.json"], MAX_BYTES + 1)
    assert signature_files(sizes, lambda path: b"") == {"model.sig": None}
    many = {f"{number:03}.sigstore.json": 1 for number in range(MAX_BUNDLES + 5)}
    assert list(signature_files(many, lambda path: BUNDLE)) == sorted(many)[:MAX_BUNDLES]
    large = {f"{number}.sigstore.json": MAX_BYTES for number in range(5)} | {"9.sigstore.json": 1}
    assert list(signature_files(large, lambda path: BUNDLE)) == sorted(large)[:4]
