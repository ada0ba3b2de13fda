"""Calls over HTTP: retried where a repeat is harmless, and failed with the exceptions of the core."""

from __future__ import annotations

import json
import logging
import random
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlunsplit
from urllib.request import getproxies

import httpx

from registry_core import InvalidParameter, NotConfigured, RegistryError, StorageUnavailable, __version__

from ..forms import is_plain
from . import credentials
from .bodies import PLAIN, parsed, whole
from .problems import by_status, from_document

log = logging.getLogger(__name__)

JSON_TYPE = "application/json"
FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 10.0
LONGEST_RETRY_AFTER_S = 120.0  # a server that wants more patience than this is down
FOREIGN = "foreign_answer"
UNREACHABLE = "unreachable"
_TRANSIENT = (429, 502, 503, 504)
_KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 6))
        if hasattr(socket, name)
    ),
]


class Repeat(Enum):
    """When a call may be sent again."""

    ANY_FAILURE = "it changes nothing, or a repeat gets the first answer"
    IF_UNDONE = "only where the server certainly did nothing"


class Backoff:
    """Waits between attempts: twice as long each time, with jitter, at least as long as the server asks for."""

    def __init__(self, retries: int) -> None:
        self.left = retries
        self._delay_s = FIRST_DELAY_S

    def wait(self, error: Exception, least_s: float | None = None) -> None:
        """Returns when it is time for the next attempt; raises ``error`` where there is none left."""
        if self.left <= 0 or (least_s or 0) > LONGEST_RETRY_AFTER_S:
            raise error
        self.left -= 1
        delay_s = max(self._delay_s * random.uniform(0.5, 1.0), least_s or 0.0)
        self._delay_s = min(self._delay_s * 2, LONGEST_DELAY_S)
        log.info("trying again in %.1f s: %s", delay_s, error)
        time.sleep(delay_s)


def _trusting(verify: Any) -> Any:
    """What TLS is proven by, read once a process: reading all certificates of a machine costs more than a call does."""
    if verify is not True:
        return verify
    return _context(ssl.get_default_verify_paths())


@cache
def _context(_: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _direct(limits: httpx.Limits, verify: Any, *, past_proxies: bool) -> httpx.BaseTransport | None:
    """Connections that notice a peer which is gone. None (httpx's own choice) where the machine has proxies."""
    if not past_proxies and getproxies().keys() & {"http", "https", "all"}:
        return None
    return httpx.HTTPTransport(verify=verify, limits=limits, socket_options=_KEEPALIVE)


class Transport:
    """One registry's address. Thread-safe."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float,
        retries: int,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        verify: Any = True,
    ) -> None:
        parts = credentials.address_of(url)
        self.retries = retries
        self.timeout_s = timeout_s
        self.base = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        #: The address as it may be shown: without a password.
        self.url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
        sent = credentials.signed(headers or {}, token, parts)
        #: Tells callers apart in what is kept on this machine; empty where nothing says who calls.
        self.whose = credentials.whose(sent, parts)
        # What is idle for longer than this may have been closed by the server, which a change must not run into.
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=5.0)
        agent = {"User-Agent": f"omnibioai-model-registry/{__version__}"}
        timeout = httpx.Timeout(timeout_s, pool=None)
        trusted = _trusting(verify)

        def client(extra: Mapping[str, str]) -> httpx.Client:
            return httpx.Client(
                headers={**agent, **PLAIN, **extra},
                timeout=timeout,
                # A token that must not leave this machine in the clear goes through no proxy either.
                transport=_direct(limits, trusted, past_proxies=bool(token) and parts.scheme == "http"),
                limits=limits,
                verify=trusted,
                follow_redirects=False,
            )

        self._client = client(sent)
        # For addresses of an object store: nothing that is meant for the registry is sent there.
        self._foreign = client({})

    def close(self) -> None:
        self._client.close()
        self._foreign.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: Repeat = Repeat.ANY_FAILURE,
        patient: bool = False,
        retries: int | None = None,
    ) -> httpx.Response:
        """A 2xx answer, read. ``patient``: the server may be silent for as long as it works.

        ``content`` that is no bytes can be sent once only: give ``retries=0`` and the header ``Content-Length``.

        Raises what the problem document tells of, and ``StorageUnavailable`` where there is no answer.
        """
        backoff = Backoff(self.retries if retries is None else retries)
        sent = dict(headers or {})
        if body is not None:
            content = as_json(body)
            sent["Content-Type"] = JSON_TYPE
        timeout = httpx.Timeout(self.timeout_s, read=None, pool=None) if patient else httpx.USE_CLIENT_DEFAULT
        while True:
            try:
                request = self._client.build_request(
                    method, self.base + path, params=_query(query), content=content, headers=sent, timeout=timeout
                )
                answer = whole(_send(self._client, request), self.timeout_s)
            except (UnicodeEncodeError, httpx.InvalidURL, httpx.LocalProtocolError) as error:
                raise InvalidParameter(f"This cannot be sent over HTTP: {error}.") from None
            except httpx.TransportError as error:
                failure: RegistryError = self.unreachable(error)
                if repeat is Repeat.IF_UNDONE and not _is_unsent(error):
                    raise failure from None
                backoff.wait(failure)
            else:
                if answer.is_success:
                    return answer
                failure = problem_of(answer)
                if not may_repeat(answer.status_code, failure, repeat):
                    raise failure
                backoff.wait(failure, retry_after_s(answer))

    @contextmanager
    def stream(
        self, path: str, *, headers: Mapping[str, str], query: Mapping[str, Any] | None = None, timeout_s: float = 0
    ) -> Iterator[httpx.Response]:
        """One attempt of a GET whose body is not read yet. Redirects, as to an object store, are followed.

        Raises ``httpx.TransportError`` where the connection fails.
        """
        request = self._client.build_request(
            "GET", self.base + path, params=_query(query), headers=dict(headers), timeout=timeout_s or self.timeout_s
        )
        answer = _send(self._client, request)
        try:
            for _ in range(5):
                location = answer.headers.get("Location")
                if answer.status_code not in (301, 302, 303, 307, 308) or location is None:
                    break
                answer.close()
                answer = self._follow(answer.url, location, headers)
            yield answer
        finally:
            answer.close()

    def _follow(self, base: httpx.URL, location: str, headers: Mapping[str, str]) -> httpx.Response:
        own = httpx.URL(self.base)
        try:
            target = base.join(location)
        except (httpx.InvalidURL, ValueError):
            raise _misled("an address that is none") from None
        if (target.scheme, target.host, target.port) == (own.scheme, own.host, own.port):
            return _send(self._client, self._client.build_request("GET", target, headers=dict(headers)))
        if target.scheme not in ("http", "https") or not target.host:
            raise _misled(f"an address that is none: {target.scheme}")
        if own.scheme == "https" and target.scheme != "https":
            raise _misled("an address without TLS")
        if _is_inside(target.host) and not _is_inside(own.host):
            raise _misled("this machine itself")
        # The validator of If-Range is the registry's own; the store would not know it, and send everything.
        plain = {name: value for name, value in headers.items() if name in ("Range", "Accept-Encoding")}
        return _send(self._foreign, self._foreign.build_request("GET", target, headers=plain))

    def unreachable(self, error: Exception) -> StorageUnavailable:
        """What the caller is told where there is no answer."""
        why = str(error).rstrip(".") or type(error).__name__
        if isinstance(error, httpx.TimeoutException):
            why = f"no answer for {self.timeout_s:g} s"
        return StorageUnavailable(
            f"The registry at {self.url} cannot be reached: {why}. Check the address, and that the service runs.",
            reason=UNREACHABLE,
        )


def is_unreachable(error: Exception) -> bool:
    """Whether the error says that no server answered, rather than what one answered."""
    return isinstance(error, StorageUnavailable) and error.detail.get("reason") == UNREACHABLE


def as_json(body: Any) -> bytes:
    """The body; what JSON has no word for (NaN) is sent all the same, for the server to refuse by name.

    Keys are texts: one that is none would arrive as another, and the registry itself refuses it.
    """
    try:
        _refuse_keys(body)
        return json.dumps(body).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidParameter(f"This cannot be sent as JSON: {error}.") from None


def _refuse_keys(value: Any) -> None:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} is not a text")
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        _refuse_keys(child)


def _send(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """The answer, unread. httpx looks at where it redirects to, though it shall not follow."""
    try:
        return client.send(request, stream=True)
    except httpx.InvalidURL:
        raise _misled("an address that is none") from None


def _misled(where: str) -> StorageUnavailable:
    return StorageUnavailable(f"The registry redirects to {where}. Nothing was asked there.")


def _is_inside(host: str) -> bool:
    """Whether the address is the machine's own, or of its link: what listens there trusts whoever can reach it."""
    try:
        address = ip_address(host)
    except ValueError:
        return host.rstrip(".").rpartition(".")[2] == "localhost"
    return address.is_loopback or address.is_link_local or address.is_unspecified


def problem_of(answer: httpx.Response) -> RegistryError:
    """The exception that a read answer of 300 and above stands for."""
    try:
        document = parsed(answer.content)
    except ValueError:
        document = None
    if isinstance(document, dict) and "code" in document:
        return from_document(answer.status_code, document)
    status = answer.status_code
    if 300 <= status < 400:
        location = answer.headers.get("Location", "")
        target = location if location and is_plain(location) and len(location) < 1000 else "elsewhere"
        return StorageUnavailable(f"The address redirects to {target}. Use the registry's own address.")
    return by_status(status)(
        f"{answer.url.host} answered with status {status}, and not as a registry does.", reason=FOREIGN
    )


def may_repeat(status: int, failure: RegistryError, repeat: Repeat) -> bool:
    """Whether the same call may be sent again after this answer."""
    if isinstance(failure, NotConfigured) or status not in _TRANSIENT:
        return False
    if repeat is Repeat.ANY_FAILURE:
        return True
    # A proxy's own 502 or 503 may hide a change that was made; the registry's own says so.
    is_undone = failure.detail.get("reason") != FOREIGN and failure.detail.get("committed", False) is False
    return status == 503 and is_undone


def _is_unsent(error: httpx.RequestError) -> bool:
    return isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))


def retry_after_s(answer: httpx.Response) -> float | None:
    """What the header ``Retry-After`` asks for, in seconds or as a date."""
    text = answer.headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, (moment - datetime.now(UTC if moment.tzinfo else None)).total_seconds())


def _query(query: Mapping[str, Any] | None) -> Any:
    if query is None:
        return None
    found: list[tuple[str, str]] = []
    for name, value in query.items():
        values = value if isinstance(value, (list, tuple)) else () if value is None else (value,)
        found += [(name, _word(one)) for one in values]
    return found


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)
