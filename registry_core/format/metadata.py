"""The caller's free JSON, checked before it is stored for ever, and ``model_meta.json`` made of it."""

from __future__ import annotations

import json
import math
from typing import Any

from ..vocabulary.errors import InvalidMetadata
from ..vocabulary.texts import encode, is_unicode, printable

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
LINEAGE_KEYS = ("dataset", "run_id", "metrics", "parent_version")


def check(metadata: Any, name: str = "metadata") -> dict[str, Any]:
    """``metadata``, called ``name``, itself, if it is a JSON object that can be stored and read back unchanged.

    At most 1 MiB as UTF-8, at most 64 levels deep (the object itself is the first), finite
    numbers, valid Unicode. Raises ``InvalidMetadata`` naming the place.
    """
    if not isinstance(metadata, dict):
        raise InvalidMetadata("The metadata is not a JSON object.")
    _check_values(metadata, name)
    try:
        size = len(encode(metadata))
    except ValueError as error:  # an integer too long to be written in decimal
        raise InvalidMetadata(f"The metadata cannot be written as JSON: {error}.") from None
    if size > MAX_BYTES:
        raise InvalidMetadata(
            f"{name} is {size} bytes; at most {MAX_BYTES} are stored. Put large things into an artifact.",
            size_bytes=size,
            limit_bytes=MAX_BYTES,
        )
    return metadata


def _check_values(metadata: dict[str, Any], name: str) -> None:
    # A loop, not recursion: 100,000 levels must be an answer, not a crash.
    stack: list[tuple[str, Any, int]] = [(name, metadata, 1)]
    while stack:
        where, value, depth = stack.pop()
        if isinstance(value, (dict, list, tuple)):
            if depth > MAX_DEPTH:
                raise InvalidMetadata(f"{name} is nested deeper than {MAX_DEPTH} levels.", limit=MAX_DEPTH)
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, child in pairs:
                if isinstance(value, dict):
                    _check_text(where, key, is_key=True)
                stack.append((f"{where}.{key}", child, depth + 1))
        elif isinstance(value, str):
            _check_text(where, value)
        elif isinstance(value, float):
            if not math.isfinite(value):
                raise InvalidMetadata(
                    f"{printable(where)} is {value}, which JSON cannot hold. Put null or a text there.",
                    field=printable(where),
                )
        elif value is not None and not isinstance(value, (bool, int)):
            raise InvalidMetadata(
                f"{printable(where)} is of type {type(value).__name__}, not JSON.", field=printable(where)
            )


def _check_text(where: str, text: Any, *, is_key: bool = False) -> None:
    if not isinstance(text, str):
        raise InvalidMetadata(f"{printable(where)} has a key that is not a text.", field=printable(where))
    if not is_unicode(text):
        what = "a key" if is_key else "a text"
        raise InvalidMetadata(
            f"{printable(where)} has {what} with a lone surrogate, which is not valid Unicode.", field=printable(where)
        )


def parse_packaged(data: bytes) -> dict[str, Any]:
    """The object in a package's own ``model_meta.json``. Raises ``InvalidMetadata``."""
    if len(data) > MAX_BYTES:
        raise InvalidMetadata(f"The package's model_meta.json is larger than {MAX_BYTES} bytes.")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidMetadata("The package's model_meta.json is not valid JSON of a sensible depth.") from None
    if not isinstance(value, dict):
        raise InvalidMetadata("The package's model_meta.json is not a JSON object.")
    return check(value, "model_meta.json")


def compose(
    packaged: dict[str, Any], metadata: dict[str, Any], *, task: str, model_name: str, version: str, created_at: str
) -> dict[str, Any]:
    """The content of ``model_meta.json``: the caller's words, under the registry's own four keys.

    Both are checked already, each for itself; the whole may be larger and deeper, as ``lineage``
    repeats a part of it. Metadata wins over what the package brought. Raises ``InvalidMetadata`` if a
    ``lineage`` is there that is not an object.
    """
    merged = {**packaged, **metadata}
    lineage = merged.get("lineage")
    if lineage is not None and not isinstance(lineage, dict):
        raise InvalidMetadata("metadata.lineage is not an object.", field="metadata.lineage")
    lineage = dict(lineage or {})
    for key in LINEAGE_KEYS:
        if key in merged:
            lineage[key] = merged[key]
        else:
            lineage.setdefault(key, {} if key == "metrics" else None)
    own = {"task": task, "model_name": model_name, "version": version, "created_at": created_at}
    return {**merged, **own, "lineage": lineage}
