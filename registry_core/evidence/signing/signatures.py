"""Signatures of a package: the three forms that count, held against digests that are stored already.

No byte of an artifact is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from ...vocabulary.evidence import SignatureJudged
from ...vocabulary.texts import printable
from ..rules.trust_document import TrustDocument
from . import artifact_manifest, signed_document, statement
from .artifact_manifest import MODEL_SIGNATURE, REGISTRY_FILES, SSH_SIGNATURE
from .not_counted import (
    BAD_SIGNATURE,
    CONTENT_DIFFERS,
    KEY_NOT_VALID_THEN,
    MALFORMED,
    SUBJECT_MISMATCH,
    UNSUPPORTED_SERIALIZATION,
    UNTRUSTED_KEY,
    WRONG_NAMESPACE,
    WRONG_PREDICATE,
    NotCounted,
)
from .signed_document import Made, Signed
from .statement import Statement

MODEL_SIGNING, SSH, DSSE = "model-signing", "ssh", "dsse"  # the formats
ARTIFACTS, PACKAGE = "artifacts", "package"  # what they cover

# What model-signing leaves out by itself; anything else that it leaves out may be weights.
LEFT_OUT = (".git", ".gitattributes", ".github", ".gitignore")
_SHA256_CHARACTERS = 64
_SAYS = {
    UNTRUSTED_KEY: "No key of the trust document has signed it.",
    KEY_NOT_VALID_THEN: "Its key did not count at that moment: it was revoked, or is not valid yet or any more.",
    BAD_SIGNATURE: "The signature is not of this content: the signature or what it was made of was changed.",
    WRONG_NAMESPACE: f"Its namespace is not {signed_document.PACKAGE_NAMESPACE!r}.",
}


@dataclass(frozen=True)
class SignedPackage:
    """What signatures of a version are held against.

    ``name``: ``<task>/<model>@<version>``; ``digest``: of the package, bare hex, once there is one; ``hashes``: path ->
    SHA-256 hex of its files; ``signature_files``: those that hold signatures.
    """

    name: str
    digest: str | None
    hashes: Mapping[str, str]
    signature_files: frozenset[str] = frozenset()

    @cached_property
    def manifest(self) -> bytes:
        """The artifact manifest."""
        return artifact_manifest.render(self.hashes, self.signature_files)

    @property
    def outside(self) -> frozenset[str]:
        """The files that no signature of the artifacts needs to cover."""
        return REGISTRY_FILES | self.signature_files


@dataclass(frozen=True)
class Judged:
    """What a signature is worth. ``says``: why it does not count, for a person; None where it does."""

    told: SignatureJudged
    says: str | None = None


@dataclass(frozen=True)
class _Coverage:
    format: str
    covers: str
    ignored: list[str] = field(default_factory=list)
    uncovered: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Weighed:
    """A signature held against a package and a trust document: all but whether its key counts at some moment.

    ``_coverage`` is why it covers no package, where it covers none or nobody who is known made it.
    """

    signed: Signed
    made: Made
    _told: SignatureJudged
    _coverage: _Coverage | NotCounted

    @property
    def trust(self) -> TrustDocument:
        return self.made.trust

    def judge(self, at: datetime) -> Judged:
        """What it is worth at that moment. Who signed comes before what."""
        signers, why = self.made.counted(at)
        if why is not None:
            return _refused(self._told, NotCounted(why, _SAYS[why]))
        coverage = self._coverage
        if isinstance(coverage, NotCounted):
            return _refused(self._told, coverage)
        told = replace(
            self._told,
            signers=signers,
            covers=coverage.covers,
            ignored=coverage.ignored,
            uncovered=coverage.uncovered,
            verified=True,
        )
        return Judged(told)


def judge(
    data: bytes | None, package: SignedPackage, trust: TrustDocument, at: datetime, path: str | None = None
) -> Judged:
    """What the signature is worth, of this package and at that moment; it is malformed, if nothing else.

    ``path``: the file of the package that holds it; ``data``: None where that is too large for one.
    """
    try:
        if data is None:
            raise NotCounted(MALFORMED, f"It has more than {signed_document.MAX_BYTES} bytes.")
        signed = signed_document.parse(data)
        said = None if signed.form == signed_document.SSH else statement.of(signed.payload_type, signed.payload)
        weighed = weigh(signed, said, package, trust, path)
    except NotCounted as refused:
        return _refused(_told(path), refused)
    return weighed.judge(at)


def weigh(
    signed: Signed, said: Statement | None, package: SignedPackage, trust: TrustDocument, path: str | None = None
) -> Weighed:
    """As :func:`judge`, of what was read and for every moment.

    A signature of OpenSSH says no statement, and is of the artifact manifest. Raises ``NotCounted`` for a statement
    that is no signature.
    """
    told = replace(_told(path), format=_format(said))
    if said is None:
        signed = signed.over(package.manifest)
    made = signed_document.made(signed, trust)
    coverage: _Coverage | NotCounted = NotCounted(UNTRUSTED_KEY, _SAYS[UNTRUSTED_KEY])
    if made.is_by_known:
        try:
            coverage = _coverage(said, package)
        except NotCounted as refused:
            coverage = refused
    return Weighed(signed, made, told, coverage)


def _refused(told: SignatureJudged, why: NotCounted) -> Judged:
    return Judged(replace(told, why=why.why), why.message)


def _told(path: str | None) -> SignatureJudged:
    return SignatureJudged(path, {MODEL_SIGNATURE: MODEL_SIGNING, SSH_SIGNATURE: SSH}.get(path or ""))


def found_in(
    package: SignedPackage, files: Mapping[str, bytes | None], trust: TrustDocument, at: datetime
) -> list[SignatureJudged]:
    """Each file of the package that holds a signature, judged, by its path."""
    return [judge(files[path], package, trust, at, path).told for path in sorted(files)]


def _format(said: Statement | None) -> str:
    if said is None:
        return SSH
    if said.predicate_type == statement.MODEL_SIGNING:
        return MODEL_SIGNING
    if said.predicate_type == statement.SIGNATURE:
        return DSSE
    raise NotCounted(WRONG_PREDICATE, f"A statement of the type {printable(said.predicate_type)!r} is no signature.")


def _coverage(said: Statement | None, package: SignedPackage) -> _Coverage:
    if said is None:
        return _Coverage(SSH, ARTIFACTS, sorted(package.signature_files))
    if said.predicate_type == statement.MODEL_SIGNING:
        return _of_model_signing(said, package)
    if package.digest is None or not said.is_of(package.name, package.digest):
        raise NotCounted(SUBJECT_MISMATCH, f"It is not of {package.name} and its package digest, and of these alone.")
    return _Coverage(DSSE, PACKAGE)


def _of_model_signing(said: Statement, package: SignedPackage) -> _Coverage:
    serialization, resources = said.predicate.get("serialization"), said.predicate.get("resources")
    if not isinstance(serialization, dict) or not isinstance(resources, list):
        raise NotCounted(MALFORMED, "It does not say what is signed: serialization and resources.")
    if (serialization.get("method"), serialization.get("hash_type")) != ("files", "sha256"):
        raise NotCounted(UNSUPPORTED_SERIALIZATION, "It is not of whole files by their SHA-256.")
    named = _resources(resources)
    root = hashlib.sha256(_binary(named.values())).hexdigest()
    if [one.sha256 for one in said.subjects] != [root]:
        raise NotCounted(SUBJECT_MISMATCH, "Its one subject does not have the digest of its resources.")
    outside = package.outside
    differ = [path for path, sha256 in named.items() if package.hashes.get(path) != sha256 and path not in outside]
    for path in sorted(differ):
        does = "has other bytes" if path in package.hashes else "is not there"
        raise NotCounted(CONTENT_DIFFERS, f"It covers {printable(path)!r}, which {does} in the package.")
    return _Coverage(
        MODEL_SIGNING,
        ARTIFACTS,
        sorted(package.signature_files.union(named.keys() & REGISTRY_FILES)),
        _uncovered(package.hashes.keys() - named.keys() - outside, serialization.get("ignore_paths", [])),
    )


def _resources(resources: list[Any]) -> dict[str, str]:
    """Path -> SHA-256 hex of what is signed, in its order."""
    named: dict[str, str] = {}
    for one in resources:
        if not isinstance(one, dict):
            raise NotCounted(MALFORMED, "A resource is no JSON object.")
        path, digest = one.get("name"), one.get("digest")
        if not isinstance(path, str) or not isinstance(digest, str):
            raise NotCounted(MALFORMED, "A resource has no name or no digest.")
        if one.get("algorithm") != "sha256":
            raise NotCounted(UNSUPPORTED_SERIALIZATION, f"{printable(path)!r} is not named by its SHA-256.")
        if path in named:
            raise NotCounted(MALFORMED, f"It names {printable(path)!r} twice.")
        named[path] = digest
    return named


def _binary(digests: Collection[str]) -> bytes:
    """The digests, which are in hex, one after the other."""
    joined = "".join(digests)
    try:
        binary = bytes.fromhex(joined)
    except ValueError:
        binary = b""
    # Python's hex may have capital letters, and blanks.
    if {*map(len, digests)} - {_SHA256_CHARACTERS} or binary.hex() != joined:
        raise NotCounted(MALFORMED, "A digest of a resource is not 64 hex digits.")
    return binary


def _uncovered(paths: set[str], ignore_paths: Any) -> list[str]:
    """The names at the top that all these lie at or below. Raises ``NotCounted`` where another is not covered."""
    if not isinstance(ignore_paths, list) or not all(isinstance(one, str) for one in ignore_paths):
        raise NotCounted(MALFORMED, "Its ignore_paths are no list of paths.")
    ignored = {one.rstrip("/") for one in ignore_paths}.intersection(LEFT_OUT)
    for path in sorted(paths):
        if path.split("/", 1)[0] not in ignored:
            raise NotCounted(CONTENT_DIFFERS, f"It does not cover {printable(path)!r}.")
    return sorted({path.split("/", 1)[0] for path in paths})
