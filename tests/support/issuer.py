"""An issuer of tokens with real keys, and its HTTP server: discovery, keys, and the platform's question of validity."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from app.web import fetching

MIB = 1024 * 1024
AUDIENCE = "registry"
_MAKERS: dict[str, Callable[[], Any]] = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


class Key:
    """A private key; ``public`` is what a document of keys has of it."""

    def __init__(self, kid: str, algorithm: str = "ES256", private: Any = None) -> None:
        self.kid, self.algorithm = kid, algorithm
        self.private = private or _MAKERS[algorithm]()
        made = jwt.get_algorithm_by_name(algorithm).to_jwk(self.private.public_key(), as_dict=True)
        self.public = {**made, "kid": kid, "use": "sig"}

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        return jwt.encode(dict(claims), self.private, self.algorithm, headers={"kid": self.kid, **header})


class IssuerServer:
    """``answers``: path -> what is answered instead. ``asked``: the paths that were asked for, one a request."""

    def __init__(self) -> None:
        self.keys = [Key("one")]
        self.answers: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        self.valid: dict[str, dict[str, Any]] = {}  # token -> what /auth/validate says of it
        self.codes: dict[str, str] = {}  # code of a sign-in -> the ID token that is given for it, once
        self.exchanged: list[dict[str, str]] = []  # what was sent for a code
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                if self.path in server.answers:
                    with suppress(OSError):  # whoever asked has had enough
                        server.answers[self.path](self)
                elif self.path == "/.well-known/openid-configuration":
                    places = {"authorization_endpoint": f"{server.url}/auth", "token_endpoint": f"{server.url}/token"}
                    answer_json(self, {"issuer": server.url, "jwks_uri": f"{server.url}/keys", **places})
                elif self.path in ("/keys", "/.well-known/jwks.json"):
                    answer_json(self, {"keys": [key.public for key in server.keys]})
                else:
                    self.send_error(404)

            def do_POST(self) -> None:
                server.asked.append(self.path)
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path in server.answers:
                    server.answers[self.path](self)
                elif self.path == "/token":
                    server.exchanged.append(dict(parse_qsl(sent.decode())))
                    given = server.codes.pop(server.exchanged[-1]["code"], None)
                    answer = {"error": "invalid_grant"} if given is None else {"access_token": "x", "id_token": given}
                    answer_json(self, answer, 400 if given is None else 200)
                else:
                    answer_json(self, server.valid.get(json.loads(sent)["token"], {"valid": False}))

            def log_message(self, *_: object) -> None:
                """Nothing: ``asked`` has it."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def claims(self, **more: Any) -> dict[str, Any]:
        """Of a token that counts, but for what ``more`` says; what is None is left out."""
        now = int(time.time())
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "u1", "iat": now, "exp": now + 3600, **more}
        return {name: value for name, value in said.items() if value is not None}

    def token(self, **more: Any) -> str:
        return self.keys[0].sign(self.claims(**more))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def answer_json(handler: http.server.BaseHTTPRequestHandler, document: object, status: int = 200) -> None:
    body = json.dumps(document).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def issuer_server() -> Iterator[IssuerServer]:
    """A machine that stands still for a while is no issuer that does not answer."""
    server, patience = IssuerServer(), (fetching.SILENCE_S, fetching.PATIENCE_S)
    fetching.SILENCE_S, fetching.PATIENCE_S = 120.0, 240.0
    try:
        yield server
    finally:
        fetching.SILENCE_S, fetching.PATIENCE_S = patience
        server.close()
