"""What is told of evidence: whose signatures a version has, and what they are worth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from .answers import Value


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
