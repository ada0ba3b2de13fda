"""An issuer's public keys: fetched when needed and at most once a minute, whatever key a token asks for."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from registry_core import IdentityUnavailable

from .fetching import Unreachable, discovery, fetch_json

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "ES256", "EdDSA")  # each with a public key, which proves nothing about who has it
LIFE_S = 300.0  # of keys, before they are asked for anew
REFETCH_S = 60.0  # between two questions, also where the first had no answer
TRUSTED_FOR_S = 3600.0  # so long keys count while nobody answers
MOST_KEYS = 100
LEAST_RSA_BITS = 2048
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


class KeySet:
    """The keys at ``url``, or where the issuer's discovery document says. Thread-safe. Asks when it is first used."""

    def __init__(self, issuer: str, url: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._url = url
        self._clock = clock
        self._asking = threading.Lock()
        self._asked_at: float | None = None
        self._fetched_at: float | None = None
        self._is_away = False
        self._keys: tuple[jwt.PyJWK, ...] = ()

    def key(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key of that name for that algorithm; None if the issuer has none. Raises ``IdentityUnavailable``.

        The name is compared and used for nothing else. Without one the issuer must have one such key only.
        """
        found = self._find(kid, algorithm)
        if found is None or not self._is_younger_than(LIFE_S):
            self._ask(must_wait=found is None)
            found = self._find(kid, algorithm)
        if not self._is_younger_than(TRUSTED_FOR_S) or (found is None and self._is_away):
            raise IdentityUnavailable(
                "The keys of those who say who is calling cannot be asked for at the moment. Try again.",
                retry_after_s=int(REFETCH_S),
            )
        return found

    def _find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        fitting = [key for key in self._keys if key.algorithm_name == algorithm and kid in (None, key.key_id)]
        return None if not fitting or (kid is None and len(fitting) > 1) else fitting[0]

    def _is_younger_than(self, seconds: float) -> bool:
        return self._fetched_at is not None and self._clock() - self._fetched_at < seconds

    def _ask(self, *, must_wait: bool) -> None:
        if not self._asking.acquire(blocking=must_wait):
            return  # another thread asks already, and this one has a key that will do
        try:
            if self._asked_at is not None and self._clock() - self._asked_at < REFETCH_S:
                return
            self._asked_at = self._clock()
            try:
                self._keys = _usable(fetch_json(self._url or discovery(self._issuer, "jwks_uri")["jwks_uri"]))
                self._fetched_at, self._is_away = self._clock(), False
            except Unreachable as error:
                self._is_away = True
                log.warning("the keys of %s are not to be had: %s", self._issuer, error)
        finally:
            self._asking.release()


def _usable(document: Mapping[str, Any]) -> tuple[jwt.PyJWK, ...]:
    """The public keys in it that are for signatures of a kind that counts; what else stands there is left out."""
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise Unreachable("the document of its keys has none")
    found = []
    for one in listed[:MOST_KEYS]:
        if not isinstance(one, dict) or one.get("use") not in (None, "sig"):
            continue
        try:
            key = jwt.PyJWK({name: value for name, value in one.items() if name not in _PRIVATE})
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
            continue
        if key.algorithm_name in ALGORITHMS and getattr(key.key, "key_size", LEAST_RSA_BITS) >= _least_bits(key):
            found.append(key)
    return tuple(found)


def _least_bits(key: jwt.PyJWK) -> int:
    return LEAST_RSA_BITS if key.key_type == "RSA" else 0
