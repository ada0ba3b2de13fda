"""A signature is worth what its key, its form and the stored digests say; each way of tampering has its word."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from registry_core.evidence import ssh_signature, statement
from registry_core.evidence.signing.signatures import SignedPackage, found_in, judge
from registry_core.vocabulary.evidence import SignatureJudged, Signer

from .. import signers
from ..signers import AT, bundled, enveloped, private, trust

ADA = trust(("ada", private()))
SIGNER = [Signer("ada", private().public.sha256)]


def hashed(*paths: str) -> dict[str, str]:
    return {path: hashlib.sha256(path.encode()).hexdigest() for path in paths}


FILES = hashed("README.md", "model.pt", "maps/human.json")
PACKAGE = SignedPackage("celltype/human_pbmc@1.0.0", "d" * 64, {**FILES, **hashed("model_meta.json")})
DEFAULT_IGNORED = ["model.sig", ".git", ".gitattributes", ".github", ".gitignore"]


def model_signed(
    hashes: Mapping[str, str],
    ignored: Sequence[Any] = DEFAULT_IGNORED,
    *,
    resources: list[Any] | None = None,
    root: str | None = None,
    **serialization: Any,
) -> bytes:
    """The payload that model-signing makes of the files."""
    if resources is None:
        resources = [{"name": name, "algorithm": "sha256", "digest": hashes[name]} for name in sorted(hashes)]
    root = root or hashlib.sha256(b"".join(bytes.fromhex(hashes[name]) for name in sorted(hashes))).hexdigest()
    how = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": ignored, **serialization}
    predicate = {"serialization": how, "resources": resources}
    return signers.statement(predicate, predicate_type=statement.MODEL_SIGNING, name="run_17", sha256=root)


def of_model(payload: bytes, *by: Any) -> bytes:
    return bundled(enveloped(payload, *(by or [private()])), hint=private().public.sha256)


def of_ssh(package: SignedPackage = PACKAGE, namespace: str = "omr-package", by: Any = None) -> bytes:
    return ssh_signature.armored(ssh_signature.sign(by or private(), package.manifest, namespace))


def of_package(name: str = PACKAGE.name, sha256: str = "d" * 64, **other: Any) -> bytes:
    return enveloped(signers.statement(name=name, sha256=sha256, **other), private())


def told(data: bytes, package: SignedPackage = PACKAGE, known: Any = ADA) -> SignatureJudged:
    judged = judge(data, package, known, AT)
    assert (judged.says is None) is judged.told.verified
    return judged.told


def why(data: bytes, package: SignedPackage = PACKAGE, known: Any = ADA) -> str | None:
    found = told(data, package, known)
    assert found.verified is (found.why is None) is bool(found.signers)
    return found.why


def test_the_three_forms() -> None:
    good = SignatureJudged(None, "ssh", SIGNER, "artifacts", [], [], True, None)
    assert told(of_ssh()) == good
    assert told(of_model(model_signed(FILES))) == replace(good, format="model-signing")
    assert told(of_package()) == replace(good, format="dsse", covers="package")


def test_files_with_signatures_are_neither_required_nor_verified() -> None:
    """Nor the two that the registry itself writes. They are named, and a signature of the package covers them."""
    both = frozenset({"model.sig", "sha256sums.txt.sig"})
    package = replace(PACKAGE, hashes={**PACKAGE.hashes, **hashed(*both)}, signature_files=both)
    assert package.manifest == PACKAGE.manifest
    assert told(of_ssh(), package).ignored == sorted(both)
    assert told(of_model(model_signed(FILES)), package).ignored == sorted(both)
    assert told(of_package(), package).ignored == []
    other = {**FILES, "model.sig": "0" * 64, "sha256sums.txt.sig": "0" * 64, "model_meta.json": "0" * 64}
    assert told(of_model(model_signed(other)), package).ignored == sorted([*both, "model_meta.json"])
    nested = replace(package, hashes={**package.hashes, **hashed("maps/model.sig")})
    assert why(of_model(model_signed(FILES)), nested) == "content_differs"
    assert why(of_ssh(), nested) == "bad_signature"


def test_what_model_signing_leaves_out_by_itself() -> None:
    package = replace(PACKAGE, hashes={**PACKAGE.hashes, **hashed(".git/config", ".git/HEAD", ".gitignore")})
    assert told(of_model(model_signed(FILES)), package).uncovered == [".git", ".gitignore"]
    assert told(of_model(model_signed(FILES, [".git/", ".gitignore"])), package).uncovered == [".git", ".gitignore"]
    assert why(of_model(model_signed(FILES, ["model.sig", ".git"])), package) == "content_differs"
    nested = replace(PACKAGE, hashes={**PACKAGE.hashes, **hashed("maps/.git/config")})
    assert why(of_model(model_signed(FILES)), nested) == "content_differs"
    alike = replace(PACKAGE, hashes={**PACKAGE.hashes, **hashed(".gitmodules")})
    assert why(of_model(model_signed(FILES)), alike) == "content_differs"


def without(*paths: str) -> dict[str, str]:
    return {path: sha256 for path, sha256 in FILES.items() if path not in paths}


CHANGED = {
    "flipped": {**FILES, "model.pt": "0" * 64},
    "added": {**FILES, **hashed("more.pt")},
    "removed": without("model.pt"),
    "renamed": {**without("model.pt"), "model2.pt": FILES["model.pt"]},
    "two exchanged": {**FILES, "model.pt": FILES["README.md"], "README.md": FILES["model.pt"]},
}


@pytest.mark.parametrize("hashes", CHANGED.values(), ids=CHANGED.keys())
def test_a_file_was_changed(hashes: dict[str, str]) -> None:
    package = replace(PACKAGE, hashes=hashes, digest="e" * 64)
    assert why(of_model(model_signed(FILES)), package) == "content_differs"
    assert why(of_ssh(), package) == "bad_signature"
    assert why(of_package(), package) == "subject_mismatch"


ONE = {"name": "model.pt", "algorithm": "sha256", "digest": FILES["model.pt"]}
REFUSED = {
    "weights that are ignored": (model_signed(without("model.pt"), ["model.pt"]), "content_differs"),
    "a directory that is ignored": (model_signed(without("maps/human.json"), ["maps"]), "content_differs"),
    "everything is ignored": (model_signed(without("model.pt"), [".", "", "/", "*"]), "content_differs"),
    "a path twice": (model_signed(FILES, resources=[ONE, {**ONE, "digest": "0" * 64}]), "malformed"),
    "a path twice, alike": (model_signed(FILES, resources=[ONE, ONE]), "malformed"),
    "a path that leads there": (model_signed({**FILES, "./model.pt": FILES["model.pt"]}), "content_differs"),
    "shards": (model_signed(FILES, method="shards", shard_size=1000), "unsupported_serialization"),
    "another hash": (model_signed(FILES, hash_type="blake2b"), "unsupported_serialization"),
    "another hash of one": (
        model_signed(FILES, resources=[{**ONE, "algorithm": "blake3"}]),
        "unsupported_serialization",
    ),
    "no hash": (model_signed(FILES, hash_type=None), "unsupported_serialization"),
    "another root": (model_signed(FILES, root="0" * 64), "subject_mismatch"),
    "our package digest as the root": (model_signed(FILES, root="d" * 64), "subject_mismatch"),
    "no resources": (model_signed(FILES, resources={}), "malformed"),  # type: ignore[arg-type]
    "a resource that is a text": (model_signed(FILES, resources=["model.pt"]), "malformed"),
    "a resource without a name": (model_signed(FILES, resources=[{**ONE, "name": None}]), "malformed"),
    "a digest that is none": (model_signed(FILES, resources=[{**ONE, "digest": "0" * 63}]), "malformed"),
    "a digest in capitals": (model_signed(FILES, resources=[{**ONE, "digest": "A" * 64}]), "malformed"),
    "a digest with blanks": (model_signed(FILES, resources=[{**ONE, "digest": "00 " * 21 + "0"}]), "malformed"),
    "a digest that is no hex": (model_signed(FILES, resources=[{**ONE, "digest": "g" * 64}]), "malformed"),
    "ignored paths that are a text": (model_signed(FILES, ".git"), "malformed"),
    "ignored paths that are numbers": (model_signed(FILES, [1]), "malformed"),
    "two subjects": (
        signers.statement(
            json.loads(model_signed(FILES))["predicate"],
            predicate_type=statement.MODEL_SIGNING,
            subject=json.loads(model_signed(FILES))["subject"] * 2,
        ),
        "subject_mismatch",
    ),
}


@pytest.mark.parametrize(("payload", "word"), REFUSED.values(), ids=REFUSED.keys())
def test_model_signing_that_does_not_count(payload: bytes, word: str) -> None:
    assert why(of_model(payload)) == word


def test_who_signed_comes_before_what() -> None:
    for data in (of_model(model_signed({}), private("p256")), of_ssh(by=private("p256"))):
        assert why(data) == "untrusted_key"
    late = trust(("ada", private()), why_not="key_not_valid_then")
    for data in (of_model(model_signed(FILES)), of_ssh(), of_package()):
        assert why(data, known=late) == "key_not_valid_then"
        assert why(data, known=trust()) == "untrusted_key"


def test_an_edited_payload() -> None:
    bundle = json.loads(of_model(model_signed(FILES)))
    bundle["dsseEnvelope"]["payload"] = json.loads(of_model(model_signed(without("model.pt"))))["dsseEnvelope"][
        "payload"
    ]
    assert why(json.dumps(bundle).encode()) == "bad_signature"


def test_another_namespace() -> None:
    assert why(of_ssh(namespace="git")) == "wrong_namespace"
    assert why(of_ssh(namespace="omr-attestation")) == "wrong_namespace"


def test_a_signature_of_the_package_is_of_this_one_alone() -> None:
    assert why(of_package(name="celltype/human_pbmc@1.0.1")) == "subject_mismatch"
    assert why(of_package(sha256="e" * 64)) == "subject_mismatch"
    assert why(of_package(), replace(PACKAGE, digest=None)) == "subject_mismatch"
    two = [{"name": PACKAGE.name, "digest": {"sha256": "d" * 64}}] * 2
    assert why(of_package(subject=two)) == "subject_mismatch"


def test_another_statement_is_no_signature() -> None:
    slsa = enveloped(signers.statement(predicate_type="https://slsa.dev/provenance/v1", sha256="d" * 64), private())
    assert why(slsa) == "wrong_predicate"
    assert why(enveloped(b"{}", private(), payload_type="text/plain")) == "wrong_predicate"
    assert why(enveloped(b"{}", private())) == "malformed"


def test_each_file_of_the_package_that_holds_one() -> None:
    files = {"sha256sums.txt.sig": of_ssh(), "model.sig": b"what is this", "x.sigstore.json": None}
    found = found_in(PACKAGE, files, ADA, AT)
    assert [(one.path, one.format, one.verified, one.why) for one in found] == [
        ("model.sig", "model-signing", False, "malformed"),
        ("sha256sums.txt.sig", "ssh", True, None),
        ("x.sigstore.json", None, False, "malformed"),
    ]
