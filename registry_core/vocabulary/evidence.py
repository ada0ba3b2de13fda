"""What is told of evidence: whose signatures a version has, and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from .value import Value

_WHY = {
    "malformed": "it cannot be read as one",
    "untrusted_key": "no key of the trust document has made it",
    "key_not_valid_then": "its key was revoked, or is not valid yet or any more",
    "bad_signature": "it is not of these files: it or one of them was changed",
    "content_differs": "it is of other files, or leaves some out",
    "wrong_predicate": "it is a statement of another kind",
    "wrong_namespace": "it was made for another purpose: its namespace is another",
    "unsupported_serialization": "it is not of whole files by their SHA-256",
    "subject_mismatch": "it is of something else",
}


@dataclass(frozen=True)
class Signer(Value):
    """Whose signature counts."""

    person: Annotated[str, "By the name that the trust document gives."]
    key: Annotated[str, "The SHA-256 of the key's SubjectPublicKeyInfo, in hex: names of keys are not keys."]


@dataclass(frozen=True)
class SignatureJudged(Value):
    """One signature of a version, as it was judged when it was attached."""

    path: Annotated[str | None, "The file of the package that holds it; null: it was sent."]
    format: Annotated[str | None, "model-signing, ssh or dsse; null where it is none of them."]
    signers: Annotated[list[Signer], "Whose signatures of it counted."] = field(default_factory=list)
    covers: Annotated[str | None, "artifacts, or package: with metadata, name and version; null: nothing."] = None
    ignored: Annotated[list[str], "Files that hold signatures or are the registry's own, not verified."] = field(
        default_factory=list
    )
    uncovered: Annotated[list[str], "What the signature says that it does not cover."] = field(default_factory=list)
    verified: Annotated[bool, "Whether it counted."] = False
    why: Annotated[str | None, "Why it did not count, in one word."] = None

    @classmethod
    def recorded(cls, said: Mapping[str, Any]) -> SignatureJudged:
        """As a register event has it; later software's may say more."""
        known = {name: said[name] for name in cls.__dataclass_fields__ if name in said}
        signers = [Signer(one["person"], one["key"]) for one in said.get("signers", [])]
        return cls(**{"path": None, "format": None, **known, "signers": signers})

    def remarks(self) -> list[str]:
        """What whoever registered it must know: that it does not count, if it does not, and why."""
        if self.verified:
            return []
        return [f"The signature in {self.path} does not count: {_WHY.get(self.why or '', self.why)} ({self.why})."]
