"""What we sign ourselves counts as what others sign does."""

from __future__ import annotations

import pytest

from registry_core import REVIEW_PREDICATE, SIGNATURE_PREDICATE, sign_statement
from registry_core.evidence import making, signed_document, statement
from registry_core.evidence.signing.signatures import SignedPackage, judge
from registry_core.vocabulary.evidence import Signer

from ..signers import AT, KINDS, bundled, enveloped, private, trust

NAME, DIGEST = "celltype/human_pbmc@1.0.0", "sha256:" + "d" * 64


@pytest.mark.parametrize("ssh", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_of_a_package(kind: str, ssh: bool) -> None:
    document = sign_statement(private(kind), NAME, DIGEST, SIGNATURE_PREDICATE, {}, ssh=ssh)
    told = judge(document, SignedPackage(NAME, "d" * 64, {}), trust(("ada", private(kind))), AT).told
    assert (told.format, told.covers, told.verified) == ("dsse", "package", True)
    assert told.signers == [Signer("ada", private(kind).public.sha256)]


def test_what_is_said_is_what_is_signed() -> None:
    document = sign_statement(private(), NAME, DIGEST, REVIEW_PREDICATE, {"decision": "approve", "comment": "ja"})
    signed = signed_document.parse(document)
    said = statement.of(signed.payload_type, signed.payload)
    assert said.is_of(NAME, "d" * 64)
    assert (said.predicate_type, said.predicate) == (REVIEW_PREDICATE, {"decision": "approve", "comment": "ja"})


def test_an_artifact_manifest_of_files_that_are_no_version_yet() -> None:
    bundle = bundled(enveloped(b"{}", private()))
    files = {"b": b"", "a/model.sig": b"", "model.sig": b"", "x.sigstore.json": bundle, "model_meta.json": b"{}"}
    sizes = {path: len(data) for path, data in files.items()}
    written = making.artifact_manifest(dict.fromkeys(files, "0" * 64), sizes, files.__getitem__)
    assert written == b"".join(b"0" * 64 + b"  " + path + b"\n" for path in (b"a/model.sig", b"b"))
