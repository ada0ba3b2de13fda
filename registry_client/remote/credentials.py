"""What says who calls: how a token is sent, where it never is, and how callers are told apart on this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from registry_core import InvalidParameter

MOST_CHARACTERS = 32 * 1024
_NAME = "authorization"


def address_of(url: str) -> SplitResult:
    """The parts of a registry's address. Raises ``InvalidParameter`` for what is none."""
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
    except ValueError:
        is_one = None
    if not is_one:
        raise InvalidParameter("This is no registry's address; one looks like http://registry:8095.", field="url")
    return parts


def signed(headers: Mapping[str, str], token: str | None, address: SplitResult) -> dict[str, str]:
    """The headers of each call to the registry at that address, the token among them if there is one.

    Raises ``InvalidParameter``, never with the token in its words, for a text that can be none, where something else
    says who calls, and for plain http beyond this machine.
    """
    if not token:
        return dict(headers)
    if not token.isascii() or not token.isprintable() or " " in token or len(token) > MOST_CHARACTERS:
        raise InvalidParameter("This can be no token: it is one word of printable ASCII.", field="token")
    if says_who_calls(headers, address):
        raise InvalidParameter(
            "Beside the token a header Authorization, or a password in the address, says who calls. Leave one out.",
            field="token",
        )
    if address.scheme != "https" and not is_loopback(address.hostname or ""):
        raise InvalidParameter(
            "A token is never sent over plain http beyond this machine: whoever is on the way could use it. "
            "Use the registry's https:// address, or send none.",
            field="token",
        )
    return {**headers, "Authorization": f"Bearer {token}"}


def says_who_calls(headers: Mapping[str, str], address: SplitResult) -> bool:
    """Whether a header, or a password in the address, does."""
    return "@" in address.netloc or any(name.lower() == _NAME for name in headers)


def whose(headers: Mapping[str, str], address: SplitResult) -> str:
    """Tells callers apart by what they send, and does not say who they are; empty where they send nothing."""
    sent = [value for name, value in headers.items() if name.lower() == _NAME]
    said = "\0".join([*sent, address.netloc.rpartition("@")[0]])
    return hashlib.sha256(said.encode("utf-8", "backslashreplace")).hexdigest() if said else ""


def is_loopback(host: str) -> bool:
    """Whether what is sent there never leaves this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").rpartition(".")[2] == "localhost"
