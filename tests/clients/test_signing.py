"""What the usual programs sign counts here, and what is signed here counts there."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from registry_client.push.signed_manifest import manifest_of
from registry_core import (
    REVIEW_PREDICATE,
    SIGNATURE_PREDICATE,
    ModelRegistry,
    Registration,
    SignatureJudged,
    load_private,
    sign_statement,
)
from registry_core.evidence import keys, signed_document, ssh_signature, statement
from registry_core.evidence.keys import PrivateKey
from registry_core.evidence.signing.making import made, statement_of
from registry_core.evidence.signing.signatures import SignedPackage, judge

from ..core.evidence.signers import AT, private, trust
from ..support.installing import python_packages, run
from ..support.machine import need
from ..support.packages import write_files

OTHERS = Path(__file__).with_name("signing_by_others.py")
FILES = {"model.pt": b"weights", "maps/human.json": b"{}", "README.md": b"# PBMC"}
NAME, SHA256 = "celltype/human_pbmc@1.0.0", "d" * 64


@pytest.fixture(scope="module")
def programs() -> Path:
    """Where they lie."""
    wanted = ("model-signing==1.1.1", "pyOpenSSL==26.4.0", "securesystemslib==1.6.0", "in-toto-attestation==0.9.3")
    return python_packages("signing", *wanted, "cryptography==50.0.2") / "bin"


@pytest.fixture
def run_17(tmp_path: Path) -> Path:
    return write_files(tmp_path / "run_17", FILES)


Register = Callable[[Path, PrivateKey], Registration]


@pytest.fixture
def register(tmp_path: Path) -> Register:
    """In a registry that trusts the key."""
    (tmp_path / "root").mkdir()
    registry = ModelRegistry.open(tmp_path / "root")
    versions = iter(range(1, 100))

    def run_it(source: Path, key: PrivateKey) -> Registration:
        trusting(registry, key)
        return registry.register("celltype", "human_pbmc", str(next(versions)), source)

    return run_it


def trusting(registry: ModelRegistry, key: PrivateKey) -> None:
    listed = {"id": "k", "person": "trainer", "type": "pem", "public": keys.public_pem(key.public)}
    people: dict[str, Any] = {"trainer": {"groups": []}}
    registry.set_trust_document({"schema": "omr-trust/1", "people": people, "keys": [listed], "revoked": []})


def written(key: PrivateKey, top: Path) -> tuple[Path, Path]:
    """Its files: private and public."""
    (top / "key.pem").write_bytes(keys.private_pem(key))
    (top / "key.pub.pem").write_text(keys.public_pem(key.public))
    return top / "key.pem", top / "key.pub.pem"


def one(done: Registration) -> tuple[bool, str | None]:
    (signature,) = done.signatures
    assert signature.format in ("model-signing", "ssh")
    return signature.verified, signature.why


def signed_by_openssf(programs: Path, source: Path, key: PrivateKey, ignored: Sequence[str] = ()) -> None:
    private_file, _ = written(key, source.parent)
    command = [str(programs / "model_signing"), "sign", "key", str(source), "--private_key", str(private_file)]
    ignoring = [word for path in ignored for word in ("--ignore-paths", str(source / path))]
    run([*command, "--signature", str(source / "model.sig"), *ignoring], cwd=source.parent)


@pytest.mark.parametrize("kind", ["p256", "p384"])
def test_model_signing(programs: Path, run_17: Path, register: Register, kind: str) -> None:
    """And it verifies what is registered, but for what the registry writes."""
    key = private(kind)
    write_files(run_17, {".git/HEAD": b"ref", ".gitignore": b"*.pyc"})
    signed_by_openssf(programs, run_17, key)
    done = register(run_17, key)
    assert one(done) == (True, None)
    assert done.signatures[0].ignored == ["model.sig"]
    assert done.signatures[0].uncovered == [".git", ".gitignore"]
    package = Path(done.package_path)
    _, public = written(key, run_17.parent)
    command = [str(programs / "model_signing"), "verify", "key", str(package), "--public_key", str(public)]
    ignoring = [
        word for name in ("model_meta.json", "sha256sums.txt") for word in ("--ignore-paths", str(package / name))
    ]
    run([*command, "--signature", str(package / "model.sig"), *ignoring], cwd=run_17.parent)


@pytest.mark.parametrize("kind", ["p256", "p384"])
def test_model_signing_that_ignores_paths(programs: Path, run_17: Path, register: Register, kind: str) -> None:
    """Of the registry's own files that changes nothing; weights that are not covered are no part of the signature."""
    key = private(kind)
    write_files(run_17, {"model_meta.json": b'{"comment": "mine"}'})
    signed_by_openssf(programs, run_17, key, ["model_meta.json"])
    assert one(register(run_17, key)) == (True, None)
    (run_17 / "model.sig").unlink()
    signed_by_openssf(programs, run_17, key, ["model.pt"])
    assert one(register(run_17, key)) == (False, "content_differs")


TAMPERED: dict[str, Callable[[Path], Any]] = {
    "flipped": lambda top: (top / "model.pt").write_bytes(b"weighty"),
    "added": lambda top: (top / "more.pt").write_bytes(b"more"),
    "removed": lambda top: (top / "README.md").unlink(),
    "renamed": lambda top: (top / "README.md").rename(top / "readme.md"),
}


def test_files_that_were_changed_after_they_were_signed(programs: Path, run_17: Path, register: Register) -> None:
    key = private("p256")
    signed_by_openssf(programs, run_17, key)
    ssh_signed(run_17, ssh_key(run_17.parent, "ecdsa", 256))
    for what, change in TAMPERED.items():
        copy = run_17.with_name(what)
        shutil.copytree(run_17, copy)
        change(copy)
        found = {signature.format: signature.why for signature in register(copy, key).signatures}
        assert found == {"model-signing": "content_differs", "ssh": "untrusted_key"}
        found = {signature.format: signature.why for signature in register(copy, in_file(run_17.parent)).signatures}
        assert found == {"model-signing": "untrusted_key", "ssh": "bad_signature"}


def test_a_payload_that_was_edited(programs: Path, run_17: Path, register: Register) -> None:
    """The bundle says which key it is of: so it is known that it was changed."""
    key = private("p256")
    signed_by_openssf(programs, run_17, key)
    bundle = json.loads((run_17 / "model.sig").read_text())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"]).replace(b"run_17", b"run_18")
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    (run_17 / "model.sig").write_text(json.dumps(bundle))
    assert one(register(run_17, key)) == (False, "bad_signature")


def ssh_key(top: Path, kind: str, bits: int) -> Path:
    need(shutil.which("ssh-keygen"), "install openssh-client")
    command = ["ssh-keygen", "-q", "-t", kind, "-b", str(bits), "-N", "", "-C", "trainer", "-f", str(top / "ssh")]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return top / "ssh"


def in_file(top: Path) -> PrivateKey:
    return load_private((top / "ssh").read_bytes())


def ssh_signed(source: Path, key: Path, namespace: str = "omr-package") -> None:
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key)]
    done = subprocess.run(command, input=manifest_of(source, 1), stdout=subprocess.PIPE, check=True)
    (source / "sha256sums.txt.sig").write_bytes(done.stdout)


@pytest.mark.parametrize(
    ("kind", "bits"), [("ed25519", 256), ("rsa", 2048), ("rsa", 3072), ("ecdsa", 256), ("ecdsa", 521)]
)
def test_ssh_keygen(run_17: Path, register: Register, kind: str, bits: int) -> None:
    file = ssh_key(run_17.parent, kind, bits)
    ssh_signed(run_17, file)
    assert one(register(run_17, in_file(run_17.parent))) == (True, None)
    ssh_signed(run_17, file, "git")
    assert one(register(run_17, in_file(run_17.parent))) == (False, "wrong_namespace")

    ours = run_17.parent / "ours.sig"
    manifest = manifest_of(run_17, 1)
    ours.write_bytes(ssh_signature.armored(ssh_signature.sign(in_file(run_17.parent), manifest, "omr-package")))
    allowed = run_17.parent / "allowed"
    allowed.write_text(f"trainer {file.with_suffix('.pub').read_text()}")
    verify = ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", "trainer", "-n", "omr-package", "-s", str(ours)]
    assert b"Good" in subprocess.run(verify, input=manifest, stdout=subprocess.PIPE, check=True).stdout
    assert subprocess.run(verify, input=manifest + b" ", capture_output=True).returncode != 0


def by_others(programs: Path, given: bytes, *words: str) -> bytes:
    command = [str(programs / "python"), str(OTHERS), *words]
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout


@pytest.mark.parametrize("kind", ["ed25519", "p256", "p384", "p521", "rsa"])
def test_envelopes_of_securesystemslib_and_statements_of_in_toto(programs: Path, tmp_path: Path, kind: str) -> None:
    private_file, public_file = written(private(kind), tmp_path)
    parts = {"name": NAME, "sha256": SHA256, "type": SIGNATURE_PREDICATE, "predicate": {}}
    said = by_others(programs, json.dumps(parts).encode(), "statement")
    assert told(by_others(programs, said, "sign", str(private_file)), kind).verified

    ours = sign_statement(private(kind), NAME, SHA256, SIGNATURE_PREDICATE, {})
    assert told(ours, kind).verified
    assert by_others(programs, ours, "verify", str(public_file)) == b"1\n"
    payload = signed_document.parse(ours).payload
    assert json.loads(by_others(programs, payload, "read")) == [NAME, SHA256, SIGNATURE_PREDICATE]
    review = statement_of(NAME, SHA256, REVIEW_PREDICATE, {"decision": "approve"})
    assert json.loads(by_others(programs, review, "read")) == [NAME, SHA256, REVIEW_PREDICATE]
    assert statement.parse(said).is_of(NAME, SHA256)
    assert told(made(private(kind), said), kind).verified


def told(document: bytes, kind: str) -> SignatureJudged:
    return judge(document, SignedPackage(NAME, SHA256, {}), trust(("trainer", private(kind))), AT).told
