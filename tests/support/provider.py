"""oidc-provider from npm, as a provider where persons sign in, and a person's hands at it without a browser."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urljoin

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from .installing import node_packages
from .servers import clean_environment, free_port

PROGRAM = Path(__file__).with_suffix(".mjs")
PROGRAM_ID = "nightly-job"
CLIENT, SECRET = "registry-pages", "a secret: with / and + and %41, of which each means something elsewhere"


def new_key(kid: str) -> dict[str, Any]:
    made: dict[str, Any] = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048), as_dict=True)
    return {**made, "kid": kid, "use": "sig", "alg": "RS256"}


class Provider:
    """``issuer`` is known before it runs: of another site than 127.0.0.1, as a provider is."""

    def __init__(self) -> None:
        self.port = free_port()
        self.issuer = f"http://localhost:{self.port}"

    @contextmanager
    def running(
        self, *redirect_uris: str, keys: Sequence[dict[str, Any]], lifetime_s: int = 3600, secret: str | None = None
    ) -> Iterator[None]:
        """It answers, with those keys; browsers may be sent back to those addresses."""
        modules = node_packages("provider", "oidc-provider@9.13.3")
        method = {"token_endpoint_auth_method": "none"} if secret is None else {"client_secret": secret}
        client = {"client_id": CLIENT, "redirect_uris": redirect_uris, "response_types": ["code"], **method}
        program = {"client_id": PROGRAM_ID, "client_secret": SECRET, "grant_types": ["client_credentials"]}
        settings = {
            "issuer": self.issuer,
            "port": self.port,
            "clients": [
                client,
                {**client, "client_id": "another"},
                {**program, "redirect_uris": [], "response_types": []},
            ],
            "keys": list(keys),
            "lifetime": lifetime_s,
        }
        command = ["node", str(PROGRAM), str(modules), json.dumps(settings)]
        with subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                said = iter(process.stdout.readline, "")
                assert any(line == "listens\n" for line in said), "it does not start"
                yield
            finally:
                process.kill()


def token_of_program(provider: Provider, audience: str) -> str:
    """What a program sends, as the provider gives it to one."""
    answer = httpx.post(
        f"{provider.issuer}/token",
        data={"grant_type": "client_credentials", "resource": f"urn:audience:{audience}"},
        auth=(quote_plus(PROGRAM_ID), quote_plus(SECRET)),
    )
    return str(answer.json()["access_token"])


def sign_in(address: str, person: str, back_to: str) -> str:
    """The address that the provider sends the person's browser back to, which begins with ``back_to``."""
    with httpx.Client() as browser:
        answer = browser.get(address)
        for _ in range(20):
            if answer.is_redirect:
                where = urljoin(str(answer.url), answer.headers["Location"])
                if where.startswith(back_to):
                    return where
                answer = browser.get(where)
                continue
            action = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            assert action is not None, answer.text
            assert prompt is not None, answer.text
            said = {"prompt": prompt[1], "login": person, "password": "any"}
            answer = browser.post(urljoin(str(answer.url), unescape(action[1])), data=said)
        raise AssertionError(f"the provider does not send back: {answer.url}")
