"""What keeps a person's browser from being used against the service: judged requests, and headers of answers.

A page of anywhere can make a browser send requests here, and one whose name is made to lead to this machine is of the
same origin for it. By its headers a browser makes nothing of an answer but what it is: no page, no frame, no foreign
script.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
import socket

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import Forbidden

from ..config import HOST_NAME, ORIGIN, PREFIX, Settings

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_READS = {"GET", "HEAD", "OPTIONS"}
_HOST = re.compile(rf"({HOST_NAME})(?::([0-9]{{1,5}}))?")
_ORIGIN = re.compile(r"(https?)://(.*)")
_PORTS = {"http": "80", "https": "443"}
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def init_app(app: Flask) -> None:
    app.before_request(_judge)
    app.after_request(_protect)


def _judge() -> None:
    """Whose name the request was sent to, and whose page asks for a change. Raises ``Forbidden``.

    Without a list of trusted hosts only changes are judged that a browser says it sends for a page: whoever
    sends no ``Origin`` (curl, probes, our client) is no browser.
    """
    settings: Settings = current_app.extensions["settings"]
    origin = None if request.method in _READS else request.headers.get("Origin")
    if request.path.startswith("/health") or not (settings.trusted_hosts or origin is not None):
        return
    host = request.headers.get("Host", "").lower()
    named = _HOST.fullmatch(host)
    if named is None or not _is_known(named[1], settings):
        raise Forbidden(
            f"The request was sent to the host name {host!r}, which is not known as one of this service. "
            f"If it is one, name it in {PREFIX}TRUSTED_HOSTS."
        )
    if origin is not None and not _may_ask(origin.lower(), named, settings):
        raise Forbidden(
            f"A page of {origin!r} asks for a change here, and only pages of {host!r} may. "
            f"If it may, name its origin in {PREFIX}CORS_ORIGINS."
        )


def _is_known(name: str, settings: Settings) -> bool:
    if settings.trusted_hosts:
        return name in settings.trusted_hosts
    return _is_ours(name) or any(_host_of(origin) == name for origin in settings.cors_origins)


def _host_of(origin: str) -> str:
    said = re.fullmatch(ORIGIN, origin)
    return "" if said is None else said[1]


def _is_ours(name: str) -> bool:
    """Whether no stranger can make the name lead here: it is none of the internet's, or this machine's own."""
    if "." not in name or name == socket.gethostname().lower():
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _may_ask(origin: str, host: re.Match[str], settings: Settings) -> bool:
    """Whether pages of the origin are the service's own, or of a host or an origin that is trusted."""
    if origin in settings.cors_origins:
        return True
    said = _ORIGIN.fullmatch(origin)
    page = None if said is None else _HOST.fullmatch(said[2])
    if said is None or page is None:
        return False
    usual = _PORTS[said[1]]
    is_same = (page[1], page[2] or usual) == (host[1], host[2] or usual)
    return is_same or page[1] in settings.trusted_hosts


def _protect(response: Response) -> Response:
    is_page = response.mimetype == "text/html" and not response.is_streamed
    policy = _of_page(response.get_data(as_text=True)) if is_page else NOTHING
    response.headers.setdefault("Content-Security-Policy", policy)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    if response.is_json and response.status_code != 304:  # an alias may name another version at once
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _of_page(page: str) -> str:
    """What ``/docs`` needs: its own assets, its one script as it stands, styles that Swagger UI sets by itself."""
    scripts = [base64.b64encode(hashlib.sha256(found.encode()).digest()).decode() for found in _SCRIPT.findall(page)]
    allowed = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in scripts)])
    return (
        f"{NOTHING}; script-src {allowed}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'"
    )
