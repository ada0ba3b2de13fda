"""Server-Sent Events: read as they come, and taken up again where the connection broke."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx

from registry_core import Event, RegistryError, StorageError, StreamedEvent

from .answers import STRANGE, read, strange
from .bodies import PLAIN, chunks, parsed, whole
from .transport import Backoff, Transport, problem_of

log = logging.getLogger(__name__)

LONGEST_PAUSE_S = 30.0
SHORTEST_PAUSE_S = 0.1
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
_NO_END = 10.0 * 365 * 86400


@dataclass
class Message:
    """One block of the stream. ``id`` None: it names none; ``data`` None: it carries nothing."""

    id: str | None = None
    data: str | None = None
    retry_ms: int | None = None


def messages(pieces: Iterable[bytes]) -> Iterator[Message]:
    """The blocks of a stream; one that is cut off is not given. Only LF and CRLF end a line, as the server writes."""
    rest = b""
    message, is_empty, held_bytes = Message(), True, 0
    data: list[str] = []
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        if held_bytes + len(rest) > MAX_MESSAGE_BYTES:
            raise httpx.RemoteProtocolError("a message of the event stream is absurdly long")
        for raw in lines:
            held_bytes += len(raw)
            line = raw.removesuffix(b"\r").decode("utf-8", "replace")
            if not line:
                if not is_empty:
                    message.data = "\n".join(data) if data else None
                    yield message
                message, data, is_empty, held_bytes = Message(), [], True, 0
                continue
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                message.id = value
            elif name == "data":
                data.append(value)
            elif name == "retry" and value.isdecimal() and len(value) < 10:
                message.retry_ms = int(value)
            is_empty = is_empty and name not in ("id", "data", "retry")


def _event(message: Message) -> StreamedEvent:
    try:
        event = parsed(message.data or "")
    except ValueError:
        raise strange(Event, "it is no JSON") from None
    return read(StreamedEvent, {"id": message.id or "", "event": event})


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
            headers = {**PLAIN, "Accept": "text/event-stream", "Cache-Control": "no-store"}
            with transport.stream("/v1/events", headers=headers, query={"after": position}) as answer:
                if not answer.is_success:
                    raise problem_of(whole(answer, transport.timeout_s))
                for message in messages(chunks(answer, _NO_END)):
                    has_begun, failures = True, 0
                    pause_s = pause_s if message.retry_ms is None else message.retry_ms / 1000
                    # "0": there was no event yet, and whatever comes later comes after nothing.
                    position = message.id or position or "0"
                    if message.data is not None:
                        yield _event(message)
                        if left is not None:
                            left -= 1
                            if left <= 0:
                                return
        except httpx.TransportError as error:
            failure: RegistryError = transport.unreachable(error)
        except StorageError as error:
            if error.detail.get("reason") == STRANGE:
                raise  # what is no event would be none the next time either
            failure = error
        else:
            failure = transport.unreachable(httpx.RemoteProtocolError("the event stream has ended"))
        if not has_begun:
            first.wait(failure)
            continue
        failures += 1
        longest_s = min(max(pause_s, SHORTEST_PAUSE_S) * 2 ** min(failures - 1, 10), LONGEST_PAUSE_S)
        log.warning("the event stream is taken up again: %s", failure)
        time.sleep(longest_s * random.uniform(0.5, 1.0))
