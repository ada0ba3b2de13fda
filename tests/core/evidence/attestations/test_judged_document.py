"""What lies in a package, or is made of its manifest, is held against that; all else against its digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from registry_core import ArtifactNotFound, PackageCorrupt
from registry_core.evidence import artifact_manifest, ssh_signature
from registry_core.evidence.signing.statement import SIGNATURE
from registry_core.storage.filesystem.tree import FilesystemStorage
from registry_core.vocabulary.evidence_errors import AttestationRefused

from ...conftest import MODEL, TASK, Shelf
from ..attested import ADA, MALLORY, Desk, team

FILES = {"model.pt": b"weights", "README.md": b"what it is"}
HASHES = {path: hashlib.sha256(data).hexdigest() for path, data in FILES.items()}


@pytest.fixture
def signed(shelf: Shelf, tmp_path: Path) -> Desk:
    """Version 3 has a signature of OpenSSH in it; nobody is trusted yet."""
    manifest = artifact_manifest.render(HASHES, ())
    signature = ssh_signature.armored(ssh_signature.sign(ADA, manifest, "omr-package"))
    source = tmp_path / "signed"
    source.mkdir()
    for path, data in {**FILES, "sha256sums.txt.sig": signature}.items():
        (source / path).write_bytes(data)
    shelf.registry().register(TASK, MODEL, "3", source, set_alias=None)
    return Desk(shelf, team(), "3")


def test_a_signature_that_did_not_count_at_register_is_attached_later(signed: Desk) -> None:
    with pytest.raises(AttestationRefused) as refused:
        signed.attach(b"", from_package="sha256sums.txt.sig")
    assert refused.value.detail["why"] == "untrusted_key"
    signed.trust = team(("ada", ADA))
    attached, is_new = signed.attach(b"", from_package="sha256sums.txt.sig")
    assert is_new
    assert (attached.form, attached.type, attached.covers) == ("ssh", "ssh", "artifacts")
    assert (attached.from_package, attached.ignored) == ("sha256sums.txt.sig", ("sha256sums.txt.sig",))
    assert not signed.attach(b"", from_package="sha256sums.txt.sig")[1]


def test_a_signature_over_other_files_is_bad_and_one_without_a_file_is_taken(signed: Desk) -> None:
    signed.trust = team(("ada", ADA))
    changed = artifact_manifest.render({**HASHES, "model.pt": "0" * 64}, ())
    with pytest.raises(AttestationRefused) as refused:
        signed.attach(ssh_signature.armored(ssh_signature.sign(ADA, changed, "omr-package")))
    assert refused.value.detail["why"] == "bad_signature"
    manifest = artifact_manifest.render(HASHES, ())
    assert signed.attach(ssh_signature.sign(ADA, manifest, "omr-package"))[1]


def test_a_signature_of_the_package_covers_all_of_it(signed: Desk) -> None:
    signed.trust = team(("ada", ADA))
    attached, _ = signed.attach(signed.signature())
    assert (attached.type, attached.covers) == (SIGNATURE, "package")
    with pytest.raises(AttestationRefused) as refused:
        signed.attach(signed.signature(MALLORY))
    assert refused.value.detail["why"] == "untrusted_key"


def test_only_a_file_of_the_package_is_attached_from_it(signed: Desk) -> None:
    for path in ("model.sig", "../3/model.pt", "/etc/passwd", "\ud800", ""):
        with pytest.raises(ArtifactNotFound):
            signed.attach(b"", from_package=path)
    with pytest.raises(AttestationRefused):
        signed.attach(b"", from_package="model.pt")


def test_a_file_of_the_package_that_was_changed_is_not_attached(signed: Desk, tmp_path: Path) -> None:
    signed.trust = team(("ada", ADA))
    if not isinstance(signed.shelf.storage, FilesystemStorage):
        return
    path = tmp_path / "root/tasks" / TASK / "models" / MODEL / "versions/3/sha256sums.txt.sig"
    path.chmod(0o644)
    path.write_bytes(b"other")
    with pytest.raises(PackageCorrupt):
        signed.attach(b"", from_package="sha256sums.txt.sig")


def test_a_statement_about_another_version_is_not_about_this_one(signed: Desk) -> None:
    with pytest.raises(AttestationRefused) as refused:
        Desk(signed.shelf, team(("ada", ADA)), "1").attach(signed.provenance(1))
    assert refused.value.detail["why"] == "subject_mismatch"
