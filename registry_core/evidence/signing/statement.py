"""in-toto Statements: what is said (the predicate) of what (the subjects)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...format import exact_json
from .not_counted import MALFORMED, WRONG_PREDICATE, NotCounted

PAYLOAD_TYPE = "application/vnd.in-toto+json"
V1, V0_1 = "https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"

MODEL_SIGNING = "https://model_signing/signature/v1.0"
_OURS = "urn:omnibioai:model-registry:predicate:"
SIGNATURE, REVIEW, EVALUATION = f"{_OURS}signature:v1", f"{_OURS}review:v1", f"{_OURS}evaluation:v1"
_OURS_TYPES = frozenset({SIGNATURE, REVIEW, EVALUATION, MODEL_SIGNING})

_MAX_NAME_CHARACTERS = 4096
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")


@dataclass(frozen=True)
class Subject:
    """What something is said of. ``digests``: algorithm -> digest; the hex of SHA-256 has small letters."""

    name: str
    digests: Mapping[str, str]

    @property
    def sha256(self) -> str | None:
        """The digest that we know."""
        return self.digests.get("sha256")


@dataclass(frozen=True)
class Statement:
    """One statement. ``type``: which form of statement; ``predicate_type``: what kind of thing is said."""

    type: str
    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Any]

    def is_of(self, name: str, sha256: str) -> bool:
        """Whether it has exactly one subject, with this name and this digest (bare hex)."""
        return [(one.name, one.sha256) for one in self.subjects] == [(name, sha256)]

    def names_digest(self, sha256: str) -> bool:
        """Whether one of the subjects has this digest (bare hex)."""
        return any(one.sha256 == sha256 for one in self.subjects)


def of(payload_type: str, payload: bytes) -> Statement:
    """The statement in a signed document. Raises ``NotCounted``: wrong_predicate where it is no statement at all."""
    if payload_type != PAYLOAD_TYPE:
        raise NotCounted(WRONG_PREDICATE, f"What is signed is of the type {payload_type!r}, not {PAYLOAD_TYPE!r}.")
    return parse(payload)


def parse(payload: bytes) -> Statement:
    """The statement in the bytes; version 0.1 only of what is not ours. Raises ``NotCounted``."""
    try:
        value = exact_json.load(payload)
    except ValueError as error:
        raise _malformed(f"cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise _malformed("is no JSON object")
    kind, said, predicate = value.get("_type"), value.get("predicateType"), value.get("predicate", {})
    if not isinstance(said, str) or not said or len(said) > _MAX_NAME_CHARACTERS:
        raise _malformed("has no predicateType")
    if kind not in (V1, V0_1):
        raise _malformed(f"has a _type that is neither {V1!r} nor {V0_1!r}")
    if kind == V0_1 and said in _OURS_TYPES:
        raise _malformed(f"is of an old form: with {said!r} its _type is {V1!r}")
    if not isinstance(predicate, dict):
        raise _malformed("has a predicate that is no JSON object")
    subjects = value.get("subject")
    if not isinstance(subjects, list) or not subjects:
        raise _malformed("has no subject")
    return Statement(kind, tuple(map(_subject, subjects)), said, predicate)


def _subject(value: Any) -> Subject:
    if not isinstance(value, dict):
        raise _malformed("has a subject that is no JSON object")
    name, digests = value.get("name", ""), value.get("digest")
    if not isinstance(name, str) or len(name) > _MAX_NAME_CHARACTERS:
        raise _malformed("has a subject whose name is no text")
    if not isinstance(digests, dict) or not digests:
        raise _malformed("has a subject without a digest")
    if not all(isinstance(text, str) for text in digests.values()):
        raise _malformed("has a digest that is no text")
    if "sha256" in digests:
        if _SHA256.fullmatch(digests["sha256"]) is None:
            raise _malformed("has a sha256 that is not 64 hex digits")
        digests = {**digests, "sha256": digests["sha256"].lower()}
    return Subject(name, digests)


def _malformed(what: str) -> NotCounted:
    return NotCounted(MALFORMED, f"The statement {what}.")
