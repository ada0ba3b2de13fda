"""Texts: how those of others are shown, what may be a name, a reference, a key, or who and why in the journal.

And how values become texts, and texts values: JSON, digests, moments. The grammar keeps a name from becoming somebody
else's path.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .errors import InvalidName, InvalidParameter, InvalidRef

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def has_control(text: str) -> bool:
    """Whether a control character or a line separator is in the text."""
    return _CONTROL.search(text) is not None


def is_unicode(text: str) -> bool:
    """Whether the text can be written as UTF-8 (it holds no lone surrogate)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(value: object) -> str:
    """A short form of the value that can always be sent and logged."""
    text = value if isinstance(value, str) else repr(value)
    if len(text) > 200:
        text = text[:200] + "..."
    return escaped(text)


def escaped(text: str) -> str:
    """The text itself, but what is no valid Unicode (a file may have any bytes as its name) written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


# names, references, and keys

MAX_NAME_LENGTH = 96
NAME_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"  # RULES has what no pattern says well
_NAME = re.compile(NAME_PATTERN)
_NUMBER = re.compile(r"0*([0-9]+)")
_COMMIT_LIKE = re.compile(r"[0-9A-Fa-f]{40}")

RULES = (
    f"1 to {MAX_NAME_LENGTH} characters of A-Z a-z 0-9 . _ -, a letter or digit at both ends, "
    "no '..', no '--', no '.git' at the end"
)


@dataclass(frozen=True)
class Ref:
    """``model_name@selector``; the selector is an alias or a version."""

    model_name: str
    selector: str


def parse_ref(ref: str) -> Ref:
    """The two parts of a ref, split at the first ``@``. Raises ``InvalidRef``."""
    if not isinstance(ref, str):
        raise InvalidRef("A ref is a text of the form model_name@selector.")
    model_name, at, selector = ref.partition("@")
    if not at or not model_name or not selector:
        raise InvalidRef(
            f"{ref!r} is not of the form model_name@selector, for example human_pbmc@latest.", ref=printable(ref)
        )
    return Ref(model_name, selector)


def is_name(value: str, *, selector: bool = False) -> bool:
    """Whether a new thing may have this name. Versions and aliases are a ``selector``."""
    return (
        _NAME.fullmatch(value) is not None
        and ".." not in value
        and "--" not in value
        and not value.endswith(".git")
        and not (selector and _COMMIT_LIKE.fullmatch(value) is not None)
    )


def is_segment(value: str) -> bool:
    """Whether the value is one path segment, which older software may have used as a name."""
    is_plain = len(value) > 0 and value not in (".", "..") and "/" not in value and not has_control(value)
    return is_plain and can_be_of_a_file(value)


def can_be_of_a_file(value: str) -> bool:
    """Whether a file can have the name: any bytes can be one, and a lone surrogate that stands for none cannot."""
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def check_new_name(kind: str, value: str | None) -> str:
    """``value`` itself, if a new ``kind`` may have this name. Raises ``InvalidName``."""
    selector = kind in ("version", "alias", "run_id")
    if not isinstance(value, str) or not is_name(value, selector=selector):
        extra = "; nor 40 hex digits" if selector else ""
        raise InvalidName(
            f"{printable(value)!r} cannot be {'an' if kind == 'alias' else 'a'} {kind}: a name has {RULES}{extra}.",
            field=kind,
            name=printable(value),
        )
    return value


# Names of aliases that everybody has; Hugging Face clients ask for the last where nobody names a revision.
RESERVED = ("production", "staging", "latest", "main")


def check_new_version(value: str) -> str:
    """``value`` itself, if a new version may have this name. Raises ``InvalidName``.

    A ref tells aliases and versions apart by nothing, so what everybody takes for an alias is none's.
    """
    check_new_name("version", value)
    if value.lower() in RESERVED:
        raise InvalidName(
            f"{value!r} cannot be a version: whoever asks for it means an alias. Kept for those are "
            f"{', '.join(RESERVED)}.",
            field="version",
            name=value,
        )
    return value


def natural_order(name: str) -> str:
    """A text that sorts as a person counts, 1.10.0 after 1.9.0: before each number stands how many digits it has."""
    return _NUMBER.sub(lambda match: f"{len(match[1]):05d}{match[1]}", name)


def check_key(key: str) -> str:
    """``key`` itself, if it is a relative POSIX path of plain segments; else ``InvalidName``."""
    parts = key.split("/")
    if "" in parts or "." in parts or ".." in parts or "\x00" in key:
        raise InvalidName(f"{key!r} is not a storage key.", name=key)
    return key


# JSON, digests, moments


def encode(value: dict[str, Any]) -> bytes:
    """Compact UTF-8 JSON, one line, keys in the order they came."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def encode_document(value: dict[str, Any]) -> bytes:
    """UTF-8 JSON that a person can read, with a newline at the end."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2).encode() + b"\n"


DIGEST_PREFIX = "sha256:"


def digest(data: bytes) -> str:
    """``sha256:<64 hex>`` of the bytes."""
    return DIGEST_PREFIX + hashlib.sha256(data).hexdigest()


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC, with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: Any) -> datetime | None:
    """The moment in UTC, or None if the text is no time. A time without an offset is UTC."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# What is deeper is damage: whoever makes an answer of it, or writes it again, would trip over it.
MOST_LEVELS = 100


def parse_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object in the bytes, whatever they are; None where they hold none that can be answered."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and not _is_deep(data, value) else None


def text_or_none(value: Any) -> str | None:
    """The value, where it is a text: what others have written may be anything."""
    return value if isinstance(value, str) else None


def list_or_empty(value: Any) -> list[Any]:
    """The value, where it is a list."""
    return value if isinstance(value, list) else []


def _is_deep(data: bytes, value: dict[str, Any]) -> bool:
    if data.count(b"{") + data.count(b"[") <= MOST_LEVELS:
        return False  # as of nearly all: nothing is walked through
    level: list[Any] = [value]
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


# who and why

MAX_ACTOR_CHARACTERS = 256
MAX_REASON_CHARACTERS = 4096


def check_words(actor: str | None, reason: str | None) -> None:
    """``actor`` and ``reason`` can stand in the journal. Raises ``InvalidParameter``."""
    for field, text, limit in (("actor", actor, MAX_ACTOR_CHARACTERS), ("reason", reason, MAX_REASON_CHARACTERS)):
        if text is None:
            continue
        if not isinstance(text, str) or not is_unicode(text):
            raise InvalidParameter(f"{field} is not a valid text.", field=field)
        if len(text) > limit:
            raise InvalidParameter(f"{field} has {len(text)} characters; at most {limit} are kept.", field=field)
