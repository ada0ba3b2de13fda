"""What an issuer says of itself, asked for within bounds: of time, of size, and of where it may come from."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from ..config import is_trusted_address

SILENCE_S = 5.0  # without a byte
PATIENCE_S = 10.0  # for the whole answer
MOST_BYTES = 1024 * 1024
_CHUNK_BYTES = 64 * 1024


class Unreachable(Exception):
    """No answer came that can be understood. Says why, and nothing of what was sent."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """What was asked for lies where it was asked for: whoever sends elsewhere is not followed."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener() -> urllib.request.OpenerDirector:
    # Plain http goes within this network only, so by no proxy; through one TLS still proves who answers.
    proxies = {scheme: proxy for scheme, proxy in urllib.request.getproxies().items() if scheme in ("https", "no")}
    return urllib.request.build_opener(urllib.request.ProxyHandler(proxies), _NoRedirects())


def fetch_json(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The JSON object of a GET, or of a POST of ``body``. Raises ``Unreachable``."""
    sent = None if body is None else json.dumps(body).encode()
    headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if sent is not None else {})}
    status, data = ask(url, sent, headers)
    if status >= 300:
        raise Unreachable(f"{url} answers with status {status}")
    return json_object(url, data)


def discovery(issuer: str, *wanted: str) -> dict[str, Any]:
    """What an OpenID issuer says of itself, with the addresses that are wanted, each to be trusted.

    Raises ``Unreachable``.
    """
    said = fetch_json(issuer.rstrip("/") + "/.well-known/openid-configuration")
    if said.get("issuer") != issuer:
        raise Unreachable("its discovery document is another issuer's")
    for name in wanted:
        if not isinstance(said.get(name), str) or not is_trusted_address(said[name]):
            raise Unreachable(f"its discovery document names no {name} that can be trusted")
    return said


def json_object(url: str, data: bytes) -> dict[str, Any]:
    """What was answered, if it is one. Raises ``Unreachable``."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Unreachable(f"{url} answers with no JSON") from None
    if not isinstance(found, dict):
        raise Unreachable(f"{url} answers with no JSON object")
    return found


def ask(url: str, sent: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """(status, body), whatever the status is, of a GET, or of a POST of what is sent. Raises ``Unreachable``."""
    asked = urllib.request.Request(url, data=sent, headers=dict(headers))
    deadline = time.monotonic() + PATIENCE_S
    data = bytearray()
    try:
        with _open(asked) as answer:
            while chunk := answer.read1(_CHUNK_BYTES):
                data += chunk
                if len(data) > MOST_BYTES:
                    raise Unreachable(f"{url} answers with more than {MOST_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise Unreachable(f"{url} has not answered whole in {PATIENCE_S:g} s")
            return int(answer.status), bytes(data)
    except (OSError, HTTPException) as error:
        raise Unreachable(f"{url} cannot be reached: {type(error).__name__}") from None


def _open(asked: urllib.request.Request) -> Any:
    try:
        return _opener().open(asked, timeout=SILENCE_S)
    except urllib.error.HTTPError as error:
        return error
