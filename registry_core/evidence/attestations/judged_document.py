"""What a signed document is worth for one version: of which kind it is, and whose signatures count at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...format import manifest
from ...models.model import ModelStore
from ...packages import contents
from ...packages.verify import corrupt
from ...storage.contract import KeyNotFound
from ...vocabulary.answers import Problem
from ...vocabulary.errors import ArtifactNotFound
from ...vocabulary.evidence import Signer
from ...vocabulary.texts import DIGEST_PREFIX, digest, printable
from ..rules.trust_document import TrustDocument
from ..signing import artifact_manifest, signatures, signed_document, statement
from ..signing.not_counted import MALFORMED, SUBJECT_MISMATCH, NotCounted
from ..signing.signatures import SignedPackage, Weighed
from ..signing.signed_document import Made, Signed
from ..signing.statement import EVALUATION, MODEL_SIGNING, REVIEW, SIGNATURE, Statement
from .predicates import Evaluation, Review, said_in

MAX_SAID_BYTES = 256 * 1024  # of a review and an evaluation
MAX_BYTES = 1024 * 1024
SSH_TYPE = "ssh"  # what a signature of OpenSSH is called, which has no predicate

_SAYS = {
    "untrusted_key": "No key of the trust document has signed it.",
    "key_not_valid_then": "Its key does not count now: it was revoked, or is not valid yet or any more.",
    "bad_signature": "The signature is not of this content: one of the two was changed.",
    "wrong_namespace": f"The namespace of its signature is not {signed_document.ATTESTATION_NAMESPACE!r}.",
}


@dataclass(frozen=True)
class Judged:
    """A document that counts. ``says``: what a review or an evaluation does; ``more``: what its event says beside."""

    type: str
    identity: str
    signers: list[Signer]
    says: Review | Evaluation | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sent:
    """What was sent, read and not believed; ``digest`` is of its bytes. A signature of OpenSSH has no ``statement``."""

    digest: str
    signed: Signed
    statement: Statement | None
    says: Review | Evaluation | None

    @property
    def type(self) -> str:
        return SSH_TYPE if self.statement is None else self.statement.predicate_type

    @property
    def is_signature(self) -> bool:
        """Whether it is one of the forms that say nothing but whose package it is."""
        return self.type in (SSH_TYPE, MODEL_SIGNING, SIGNATURE)


def read(data: bytes) -> Sent:
    """What was sent. Raises ``NotCounted`` for what no version could make count."""
    signed = signed_document.parse(data)
    said = None if signed.form == signed_document.SSH else statement.of(signed.payload_type, signed.payload)
    most = MAX_BYTES
    if said is not None and said.predicate_type in (REVIEW, EVALUATION):
        most = MAX_SAID_BYTES
    elif said is not None and said.predicate_type == MODEL_SIGNING:
        most = signed_document.MAX_BYTES
    if len(data) > most:
        raise NotCounted(MALFORMED, f"It has {len(data)} bytes; of its kind at most {most} are taken.")
    return Sent(digest(data), signed, said, None if said is None else said_in(said))


class Weighing:
    """What was sent, held against one package: whose it is and what it covers is found once for each trust document.

    Whoever asks twice, before he holds the model and then, has only the moment judged again. ``path``: the file of the
    package that it is.
    """

    def __init__(self, sent: Sent, package: SignedPackage, path: str | None = None) -> None:
        self._sent, self._package, self._path = sent, package, path
        self._found: Made | Weighed | None = None

    def judge(self, trust: TrustDocument, at: datetime) -> Judged:
        """What it is worth by this trust and at that moment. Raises ``NotCounted``."""
        found, sent = self._found, self._sent
        if found is None or found.trust != trust:
            found = self._found = self._weigh(trust)
        if isinstance(found, Weighed):
            return _signature(sent, found, at)
        signers, why = found.counted(at)
        if why is not None:
            raise NotCounted(why, _SAYS[why])
        return Judged(sent.type, sent.signed.identity, signers, sent.says)

    def _weigh(self, trust: TrustDocument) -> Made | Weighed:
        """Who made it, and of a signature what it covers."""
        sent, package = self._sent, self._package
        if package.digest is None:
            raise NotCounted(
                SUBJECT_MISMATCH,
                f"No event registers {package.name}, so nothing proves what it is: 'omr adopt' takes it over.",
            )
        if sent.is_signature:
            return signatures.weigh(sent.signed, sent.statement, package, trust, self._path)
        said = sent.statement
        if said is None or not _is_about(said, package):
            one = "its one subject is" if sent.says is not None else "one of its subjects has the digest of"
            raise NotCounted(
                SUBJECT_MISMATCH, f"It is not about this version: {one} {package.name} sha256:{package.digest}."
            )
        return signed_document.made(sent.signed, trust)


def _signature(sent: Sent, found: Weighed, at: datetime) -> Judged:
    judged = found.judge(at)
    told = judged.told
    if told.why is not None:
        raise NotCounted(told.why, judged.says or "It cannot be read.")
    more = {
        "covers": told.covers,
        **({"ignored": told.ignored} if told.ignored else {}),
        **({"uncovered": told.uncovered} if told.uncovered else {}),
    }
    return Judged(sent.type, found.signed.identity, told.signers, None, more)


def _is_about(said: Statement, package: SignedPackage) -> bool:
    assert package.digest is not None
    if said.predicate_type in (REVIEW, EVALUATION):
        return said.is_of(package.name, package.digest)
    return said.names_digest(package.digest)


def package_of(model: ModelStore, version: str, sent: Sent) -> SignedPackage:
    """The version as what was sent is held against it; its files are looked at only for a signature of them.

    Raises ``PackageCorrupt``, ``StorageError``.
    """
    named, title = model.recorded_digest(version), f"{model.keys.title}@{version}"
    if named is None:
        return SignedPackage(title, None, {})
    sha256 = named.removeprefix(DIGEST_PREFIX)
    if not sent.is_signature or sent.type == SIGNATURE:
        return SignedPackage(title, sha256, {})
    hashes = _hashes(model, version)
    return SignedPackage(title, sha256, hashes, frozenset(_holding(model, version, hashes)))


def read_file(model: ModelStore, version: str, path: str) -> bytes:
    """The file of the package that is a document. Raises ``ArtifactNotFound``, ``PackageCorrupt``, ``NotCounted``."""
    hashes = _hashes(model, version)
    if path not in hashes:
        raise ArtifactNotFound(f"{model.title}@{version} has no file {printable(path)!r}.", path=printable(path))
    size = _sizes(model, version).get(path) or 0
    if size > signed_document.MAX_BYTES:
        raise NotCounted(MALFORMED, f"It has {size} bytes; at most {signed_document.MAX_BYTES} are taken.")
    return _read(model, version, path, hashes)


def _hashes(model: ModelStore, version: str) -> dict[str, str]:
    data, is_baseline = contents.proven_manifest(model, version)
    return manifest.parse(data or b"", covers_manifest=is_baseline).hashes


def _sizes(model: ModelStore, version: str) -> dict[str, int]:
    prefix = model.keys.package(version) + "/"
    return {one.key.removeprefix(prefix): one.size_bytes or 0 for one in contents.files(model, version)}


def _holding(model: ModelStore, version: str, hashes: Mapping[str, str]) -> Iterable[str]:
    """The files of the package that hold signatures."""
    named = artifact_manifest.may_be_signature_files(hashes)
    if not named:
        return ()
    sizes = {path: size for path, size in _sizes(model, version).items() if path in named}
    return artifact_manifest.signature_files(sizes, lambda path: _read(model, version, path, hashes))


def _read(model: ModelStore, version: str, path: str, hashes: Mapping[str, str]) -> bytes:
    try:
        data = model.storage.packages.read(model.keys.package(version), path)
    except KeyNotFound:
        model.require_version(version)
        raise corrupt(model, version, [Problem(path, "missing")]) from None
    contents.require_said(model, version, path, data, hashes[path])
    return data
