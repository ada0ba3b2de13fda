"""Bodies of answers, read as a whole: bounded in bytes, in values and in time, whatever the server sends."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx

from registry_core import StorageUnavailable

from .answers import STRANGE

MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_PROBLEM_BYTES = 1024 * 1024
MAX_VALUES = 2_000_000  # a small text can hold many, and each takes far more memory than its text
SLOWEST_BYTES_PER_S = 1024
PLAIN = {"Accept-Encoding": "identity"}


def whole(answer: httpx.Response, timeout_s: float) -> httpx.Response:
    """The answer with its body, which is closed then.

    Raises ``StorageUnavailable`` for one that is too large or compressed, ``httpx.TransportError`` for one that is
    cut off or does not come to an end.
    """
    limit_bytes = MAX_ANSWER_BYTES if answer.is_success else MAX_PROBLEM_BYTES
    data = bytearray()
    try:
        for chunk in chunks(answer, timeout_s):
            data += chunk
            if len(data) > limit_bytes:
                raise _strange(answer, f"is larger than the {limit_bytes} bytes that any may have")
    finally:
        answer.close()
    return httpx.Response(answer.status_code, headers=answer.headers, content=bytes(data), request=answer.request)


def chunks(answer: httpx.Response, timeout_s: float) -> Iterator[bytes]:
    """The body as it comes. It was asked for as it is: what is compressed is refused, it could become anything.

    Raises ``httpx.ReadTimeout`` where it comes in drops that would never end.
    """
    if answer.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise _strange(answer, "is compressed, which was not asked for")
    began_at, have = time.monotonic(), 0
    for chunk in answer.iter_raw():
        have += len(chunk)
        yield chunk
        if time.monotonic() - began_at > timeout_s + have / SLOWEST_BYTES_PER_S:
            raise httpx.ReadTimeout("the answer comes too slowly")


def parsed(data: bytes | str) -> Any:
    """The text as JSON. Raises ``ValueError`` where it is none, or holds more than an answer can."""
    signs: tuple[Any, ...] = (b",", b"[", b"{") if isinstance(data, bytes) else (",", "[", "{")
    if sum(data.count(sign) for sign in signs) > MAX_VALUES:
        raise ValueError("too many values")
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deep") from None


def json_of(answer: httpx.Response) -> Any:
    """The body as JSON. Raises ``StorageUnavailable`` where it is none: something else answered."""
    try:
        return parsed(answer.content)
    except ValueError:
        raise StorageUnavailable(
            f"{answer.url.host} answered with something that is no JSON. Check that the address is the registry's.",
            reason=STRANGE,
        ) from None


def object_of(answer: httpx.Response) -> dict[str, Any]:
    """The body as a JSON object. Raises ``StorageUnavailable`` where it is none."""
    found = json_of(answer)
    if not isinstance(found, dict):
        raise StorageUnavailable(
            "The answer is not that of a model registry: it is no JSON object. Check the address.", reason=STRANGE
        )
    return found


def _strange(answer: httpx.Response, why: str) -> StorageUnavailable:
    return StorageUnavailable(
        f"The answer of {answer.url.host} {why}. Check that the address is the registry's.", reason=STRANGE
    )
