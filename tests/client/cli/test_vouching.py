"""Packages are signed where they lie, and after they were registered."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from registry_core.evidence import keys
from registry_core.evidence.signing.signatures import SignedPackage, judge

from ...core.evidence.signers import AT, private, trust
from ...support.packages import write_files
from .conftest import Shell

COREUTILS = r"""
find . -type f ! -path ./model_meta.json ! -path ./sha256sums.txt ! -path ./model.sig ! -path ./sha256sums.txt.sig \
    -printf '%P\0' | LC_ALL=C sort -z | xargs -0r sha256sum --
"""


def test_a_manifest_is_what_coreutils_make(shell: Shell) -> None:
    files = {path: path.encode() for path in ("model.pt", "a b/ä.json", "model.sig", "model_meta.json", "a/model.sig")}
    source = write_files(shell.area / "run", {**files, "large.bin": os.urandom(200_000)})
    said = subprocess.run(["bash", "-c", COREUTILS], cwd=source, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert shell.ok("manifest", "run").out == said
    assert said.count("\n") == 4
    assert shell.ok("manifest", "run", "--json").json == {"ok": True, "manifest": said}
    assert shell.installed("manifest", "run").out == said


def test_a_directory_that_no_registry_would_take(shell: Shell) -> None:
    write_files(shell.area / "run", {"model.pt": b""})
    (shell.area / "run/link").symlink_to("model.pt")
    done = shell.omr("manifest", "run")
    assert (done.code, done.out) == (1, "")
    assert "symbolic link" in done.err
    assert shell.omr("manifest", "nowhere").code == 1


def test_a_manifest_names_what_a_push_sends(shell: Shell) -> None:
    write_files(shell.area / "run", {"model.pt": b"", "train.log": b"x"})
    (shell.area / "run/link").symlink_to("model.pt")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    said = f"{empty}  link\n{empty}  model.pt\n"
    assert shell.ok("manifest", "run", "--follow-links", "--exclude", "*.log").out == said


@pytest.mark.parametrize("within", ["run", "run/deeper"])
def test_a_name_that_is_not_utf8_is_refused_and_not_signed(shell: Shell, within: str) -> None:
    write_files(shell.area / "run", {"model.pt": b"", "deeper/x": b""})
    strange = os.fsencode(shell.area / within / "x") + b"\xff"
    Path(os.fsdecode(strange)).write_bytes(b"x")
    done = shell.omr("manifest", "run")
    assert (done.code, done.out) == (1, "")
    assert "x\\udcff" in done.err
    assert "has a name that is not UTF-8" in done.err
    refused = shell.omr("manifest", "run", "--json")
    assert (refused.code, refused.json["code"]) == (1, "artifacts_refused")
    assert shell.omr("manifest", os.fsdecode(strange)).code == 1


@pytest.mark.parametrize("option", ["--key", "--ssh-key"])
def test_a_package_is_signed_with_its_name_and_digest(shell: Shell, option: str) -> None:
    registered = shell.ok("register", "t", "m", "1", "source", "--json").json
    (shell.area / "key").write_bytes(keys.private_pem(private()))
    done = shell.ok("sign", "t", "m@latest", option, "key", "--output", "1.dsse.json", "--json").json
    assert (done["version"], done["package_digest"]) == ("1", registered["package_digest"])
    package = SignedPackage("t/m@1", registered["package_digest"].removeprefix("sha256:"), {})
    told = judge((shell.area / "1.dsse.json").read_bytes(), package, trust(("ada", private())), AT).told
    assert (told.verified, told.covers) == (True, "package")


def test_a_key_that_needs_a_password_is_asked_for_it(shell: Shell) -> None:
    shell.ok("register", "t", "m", "1", "source")
    how = BestAvailableEncryption(b"secret")
    (shell.area / "key").write_bytes(private().inner.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
    words = ("sign", "t", "m@1", "--key", "key", "--output", "out")
    assert shell.omr(*words, stdin="secret\n").code == 0
    done = shell.omr(*words, stdin="other\n")
    assert done.code == 2
    assert "cannot be used" in done.err


def test_what_is_no_key_signs_nothing(shell: Shell) -> None:
    shell.ok("register", "t", "m", "1", "source")
    (shell.area / "key").write_bytes(b"what is this")
    assert shell.omr("sign", "t", "m@1", "--key", "key", "--output", "out").code == 2
    assert shell.omr("sign", "t", "m@1", "--key", "key", "--ssh-key", "key", "--output", "out").code == 2
    assert shell.omr("sign", "t", "m@1", "--output", "out").code == 2
    assert not (shell.area / "out").exists()
