"""Server-Sent Events: read as they come, and taken up again where the connection broke."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx

from registry_core import Event, RegistryError, StorageError, StreamedEvent

from .answers import read
from .transport import Backoff, Transport, problem_of

log = logging.getLogger(__name__)

LONGEST_PAUSE_S = 30.0
MAX_LINE_BYTES = 16 * 1024 * 1024


@dataclass
class Message:
    """One block of the stream. ``id`` None: it names none; ``data`` None: it carries nothing."""

    id: str | None = None
    data: str | None = None
    retry_ms: int | None = None


def messages(chunks: Iterable[bytes]) -> Iterator[Message]:
    """The blocks of a stream; one that is cut off is not given. Only LF and CRLF end a line, as the server writes."""
    rest = b""
    message, is_empty = Message(), True
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise httpx.RemoteProtocolError("a line of the event stream is absurdly long")
        for raw in lines:
            line = raw.removesuffix(b"\r").decode("utf-8", "replace")
            if not line:
                if not is_empty:
                    yield message
                message, is_empty = Message(), True
                continue
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                message.id = value
            elif name == "data":
                message.data = value if message.data is None else f"{message.data}\n{value}"
            elif name == "retry" and value.isdecimal():
                message.retry_ms = int(value)
            is_empty = is_empty and name not in ("id", "data", "retry")


def watch(transport: Transport, after: str | None, limit: int | None) -> Iterator[StreamedEvent]:
    """See :meth:`registry_client.remote.listing.ListingVerbs.watch`."""
    position = "0" if after == "" else after
    left = limit
    first = Backoff(transport.retries)
    has_begun = False
    pause_s = 2.0
    failures = 0
    while left is None or left > 0:
        try:
            headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
            with transport.stream("/v1/events", headers=headers, query={"after": position}) as answer:
                if not answer.is_success:
                    answer.read()
                    raise problem_of(answer)
                for message in messages(answer.iter_raw()):
                    has_begun, failures = True, 0
                    pause_s = pause_s if message.retry_ms is None else message.retry_ms / 1000
                    # "0": there was no event yet, and whatever comes later comes after nothing.
                    position = message.id or position or "0"
                    if message.data is not None:
                        yield StreamedEvent(message.id or "", read(Event, json.loads(message.data)))
                        if left is not None:
                            left -= 1
                            if left <= 0:
                                return
        except httpx.TransportError as error:
            failure: RegistryError = transport.unreachable(error)
        except StorageError as error:
            failure = error
        else:
            failure = transport.unreachable(httpx.RemoteProtocolError("the event stream has ended"))
        if not has_begun:
            first.wait(failure)
            continue
        failures += 1
        longest_s = min(pause_s * 2 ** min(failures - 1, 10), LONGEST_PAUSE_S)
        log.warning("the event stream is taken up again: %s", failure)
        time.sleep(longest_s * random.uniform(0.5, 1.0))
