"""Tokens of an OpenID issuer: those that it signed for us count, and no others, whatever they say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.config import IdentitySettings, OtherIssuer
from app.web import fetching
from app.web.issued_tokens import IssuedTokens
from app.web.issuers import Issuer, principal_of
from app.web.keys import KeySet
from registry_core import IdentityUnavailable, InvalidToken, Kind

from ...support.issuer import AUDIENCE, MIB, IssuerServer, Key, answer_json, issuer_server

SECRET = "a secret that two services share, long enough"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Iterator[IssuerServer]:
    with issuer_server() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tokens_of(*issuers: IssuerServer, clock: Clock | None = None, secret: str | None = None) -> IssuedTokens:
    now = clock or time.monotonic
    return IssuedTokens(
        [Issuer(one.url, AUDIENCE, KeySet(one.url, None, now), secret, principal_of(one.url)) for one in issuers], now
    )


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes = b"") -> str:
    signed = f"{part(header)}.{part(claims)}"
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest() if secret else b""
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_settings_name_the_issuer(issuer: IssuerServer) -> None:
    settings = IdentitySettings("required", oidc_issuer=issuer.url, oidc_audience=AUDIENCE, jwt_secret=SECRET)
    tokens = IssuedTokens.of(settings)
    assert tokens.principal(issuer.token()).subject == "u1"
    assert tokens.principal(jwt.encode(issuer.claims(sub="u2"), SECRET)).subject == "u2"
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


def test_each_issuer_has_its_own_keys_and_audience(issuer: IssuerServer) -> None:
    with issuer_server() as other:
        other.keys = [Key("two")]
        more = (OtherIssuer("other", other.url, "theirs", f"{other.url}/keys"),)
        settings = IdentitySettings("required", oidc_issuer=issuer.url, oidc_audience=AUDIENCE, more_issuers=more)
        tokens = IssuedTokens.of(settings)
        assert tokens.principal(issuer.token()).issuer == issuer.url
        assert tokens.principal(other.token(aud="theirs")).issuer == other.url
        for wrong in (
            other.token(),
            issuer.token(aud="theirs"),
            other.keys[0].sign(issuer.claims()),
            issuer.keys[0].sign(other.claims(aud="theirs")),
            issuer.token(iss="other"),
            other.token(aud="theirs", iss="other"),
            other.token(aud="theirs", iss=None),
        ):
            with pytest.raises(InvalidToken):
                tokens.principal(wrong)
        assert other.asked == ["/keys"]


def test_of_an_issuer_that_is_known_by_its_keys_the_keys_count_alone(issuer: IssuerServer) -> None:
    keys = f"{issuer.url}/keys"
    with issuer_server() as other:
        more = (OtherIssuer("other", other.url, AUDIENCE),)
        tokens = IssuedTokens.of(IdentitySettings("required", jwks_url=keys, oidc_audience=AUDIENCE, more_issuers=more))
        for name in (issuer.url, "anything", None):
            assert tokens.principal(issuer.token(iss=name)).issuer == keys
        for wrong in (
            issuer.token(aud="another"),
            issuer.token(exp=None),
            issuer.token(iss=other.url),  # who has a name is asked for its own keys
            Key("one").sign(issuer.claims()),
        ):
            with pytest.raises(InvalidToken):
                tokens.principal(wrong)
        assert issuer.asked == ["/keys"]


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_whom_a_token_means(issuer: IssuerServer, algorithm: str) -> None:
    issuer.keys = [Key("other"), Key("mine", algorithm)]
    tokens = tokens_of(issuer)
    claims = issuer.claims(
        email="a@lab.example", email_verified=True, groups=["ml"], org_id=7, permissions=["model.use"]
    )
    found = tokens.principal(issuer.keys[1].sign(claims))
    assert (found.kind, found.subject, found.issuer, found.name) == (Kind.USER, "u1", issuer.url, "a@lab.example")
    assert found.groups == {"ml"}
    assert (found.org, found.permissions, found.via) == (None, frozenset(), "jwt")  # the platform's word only
    assert found.expires_at is not None
    assert 0 <= found.expires_at.timestamp() - claims["exp"] <= 60


@pytest.mark.parametrize("verified", [None, False, "true", 1])
def test_an_address_that_nobody_verified_is_no_name(issuer: IssuerServer, verified: object) -> None:
    found = tokens_of(issuer).principal(issuer.token(email="boss@lab.example", email_verified=verified))
    assert found.name is None


def test_a_program_is_a_client(issuer: IssuerServer) -> None:
    assert tokens_of(issuer).principal(issuer.token(sub="job", azp="job")).kind is Kind.CLIENT


NOW = int(time.time())


@pytest.mark.parametrize(
    "more",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"iss": ["x"]},
        {"aud": "another"},
        {"aud": None},
        {"aud": [1]},
        {"exp": None},
        {"exp": NOW - 61},
        {"exp": "tomorrow"},
        {"exp": 1e400},
        {"exp": 10**18},
        {"nbf": NOW + 3600},
        {"iat": NOW + 3600},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a\nb"},
        {"sub": "x" * 256},
        {"groups": "ml"},
        {"groups": [1]},
    ],
)
def test_what_a_token_must_not_say(issuer: IssuerServer, more: dict[str, Any]) -> None:
    tokens, key = tokens_of(issuer), issuer.keys[0]
    assert tokens.principal(issuer.token())
    claims = {**issuer.claims(), **more}
    signed = jwt.api_jws.encode(
        json.dumps({name: value for name, value in claims.items() if value is not None}).encode(),
        key.private,
        key.algorithm,
        headers={"kid": key.kid},
    )
    with pytest.raises(InvalidToken):
        tokens.principal(signed)


def test_clocks_may_differ_a_little(issuer: IssuerServer) -> None:
    now = int(time.time())
    assert tokens_of(issuer).principal(issuer.token(exp=now - 20, nbf=now + 30, iat=now + 30))


def test_no_algorithm_is_no_signature(issuer: IssuerServer) -> None:
    tokens = tokens_of(issuer, secret=SECRET)
    for alg in ("none", "None", "NONE", "", None, 1):
        with pytest.raises(InvalidToken):
            tokens.principal(by_hand({"alg": alg, "typ": "JWT", "kid": "one"}, issuer.claims()))


def test_a_public_key_is_no_secret(issuer: IssuerServer) -> None:
    issuer.keys = [Key("one", "RS256")]
    public = issuer.keys[0].private.public_key()
    encodings = [
        (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        (serialization.Encoding.PEM, serialization.PublicFormat.PKCS1),
    ]
    known = [public.public_bytes(*one) for one in encodings] + [json.dumps(issuer.keys[0].public).encode()]
    for tokens in (tokens_of(issuer), tokens_of(issuer, secret=SECRET)):
        for secret in known:
            with pytest.raises(InvalidToken):
                tokens.principal(by_hand({"alg": "HS256", "typ": "JWT", "kid": "one"}, issuer.claims(), secret))


def test_a_secret_in_the_document_of_keys_is_none(issuer: IssuerServer) -> None:
    oct_key = {"kty": "oct", "kid": "s", "k": base64.urlsafe_b64encode(SECRET.encode()).decode(), "alg": "HS256"}
    issuer.answers["/keys"] = lambda asked: answer_json(asked, {"keys": [oct_key, issuer.keys[0].public]})
    tokens = tokens_of(issuer)
    with pytest.raises(InvalidToken):
        tokens.principal(jwt.encode(issuer.claims(), SECRET, headers={"kid": "s"}))
    assert tokens.principal(issuer.token())


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "RS384", "PS256", "ES384"])
def test_only_what_is_listed_is_an_algorithm(issuer: IssuerServer, algorithm: str) -> None:
    issuer.keys = [Key("one", "RS256")]
    secret = SECRET.encode().ljust(64, b".")
    key = secret if algorithm.startswith("HS") else issuer.keys[0].private
    if algorithm == "ES384":
        token = by_hand({"alg": algorithm, "kid": "one"}, issuer.claims())
    else:
        token = jwt.encode(issuer.claims(), key, algorithm, headers={"kid": "one"})
    with pytest.raises(InvalidToken):
        tokens_of(issuer, secret=secret.decode()).principal(token)


def test_a_key_verifies_its_own_issuer_only(issuer: IssuerServer) -> None:
    with issuer_server() as other:
        tokens = tokens_of(issuer, other)
        assert tokens.principal(issuer.token()).issuer == issuer.url
        assert tokens.principal(other.token()).issuer == other.url
        with pytest.raises(InvalidToken):
            tokens.principal(other.keys[0].sign(issuer.claims()))


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_short_key_and_one_for_encryption_prove_nothing(issuer: IssuerServer) -> None:
    short = Key("short", "RS256", rsa.generate_private_key(65537, 1024))
    sealed = Key("sealed")
    sealed.public["use"] = "enc"
    issuer.keys = [short, sealed]
    tokens = tokens_of(issuer)
    for key in issuer.keys:
        with pytest.raises(InvalidToken):
            tokens.principal(key.sign(issuer.claims()))


@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "http://127.0.0.1:1/keys", "file:///etc/passwd", "", "x" * 8000, 7, []]
)
def test_the_name_of_a_key_is_only_a_name(issuer: IssuerServer, kid: object) -> None:
    tokens = tokens_of(issuer)
    key = issuer.keys[0]
    header = {"alg": key.algorithm, "typ": "JWT", "kid": kid, "jku": "http://127.0.0.1:1/", "jwk": key.public}
    with pytest.raises(InvalidToken):
        tokens.principal(by_hand(header, issuer.claims()))
    assert set(issuer.asked) <= {"/.well-known/openid-configuration", "/keys"}


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é.é.é", "x" * 100_000, "omr_1", "[" * 10_000 + ".a.b"])
def test_what_is_no_token(issuer: IssuerServer, text: str) -> None:
    with pytest.raises(InvalidToken):
        tokens_of(issuer).principal(text)
    assert issuer.asked == []


# The keys


def test_unknown_keys_are_asked_for_once_a_minute(issuer: IssuerServer, clock: Clock) -> None:
    tokens = tokens_of(issuer, clock=clock)
    tokens.principal(issuer.token())
    for number in range(20):
        with pytest.raises(InvalidToken):
            tokens.principal(Key(f"foreign-{number}").sign(issuer.claims()))
    assert issuer.asked.count("/keys") == 1
    clock.now += 61
    for number in range(20):
        with pytest.raises(InvalidToken):
            tokens.principal(Key(f"foreign-{number}").sign(issuer.claims()))
    assert issuer.asked.count("/keys") == 2


def test_a_new_key_counts_after_a_minute_and_an_old_one_ends(issuer: IssuerServer, clock: Clock) -> None:
    tokens = tokens_of(issuer, clock=clock)
    old = issuer.keys[0]
    assert tokens.principal(old.sign(issuer.claims()))
    issuer.keys = [Key("two")]
    clock.now += 61
    assert tokens.principal(issuer.token())
    with pytest.raises(InvalidToken):
        tokens.principal(old.sign(issuer.claims()))


def test_a_key_that_was_taken_out_ends_though_nobody_asks_for_another(issuer: IssuerServer, clock: Clock) -> None:
    tokens = tokens_of(issuer, clock=clock)
    token = issuer.token()
    assert tokens.principal(token)
    issuer.keys = [Key("two")]
    clock.now += 301
    with pytest.raises(InvalidToken):
        tokens.principal(token)


def test_while_nobody_answers_known_keys_count_for_an_hour(issuer: IssuerServer, clock: Clock) -> None:
    tokens = tokens_of(issuer, clock=clock)
    token = issuer.token()
    assert tokens.principal(token)
    issuer.answers["/keys"] = lambda asked: asked.send_error(500)
    clock.now += 3000
    assert tokens.principal(token)
    with pytest.raises(IdentityUnavailable):
        tokens.principal(Key("two").sign(issuer.claims()))
    clock.now += 601
    with pytest.raises(IdentityUnavailable):
        tokens.principal(token)
    del issuer.answers["/keys"]
    clock.now += 61
    assert tokens.principal(token)


def _sent_elsewhere(asked: http.server.BaseHTTPRequestHandler) -> None:
    asked.send_response(302)
    asked.send_header("Location", "/keys-elsewhere")
    asked.end_headers()


def _endless(asked: http.server.BaseHTTPRequestHandler) -> None:
    asked.send_response(200)
    asked.end_headers()
    for _ in range(100):
        asked.wfile.write(b" " * MIB)


@pytest.mark.parametrize(
    "fault",
    [
        lambda asked: asked.send_error(404),
        lambda asked: answer_json(asked, ["no object"]),
        lambda asked: answer_json(asked, {"keys": {}}),
        lambda asked: asked.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + b"[" * 500_000),
        lambda asked: asked.wfile.write(b"no HTTP"),
        _sent_elsewhere,
        _endless,
    ],
)
def test_keys_that_cannot_be_had_close_it(issuer: IssuerServer, clock: Clock, fault: Any) -> None:
    issuer.answers["/keys"] = fault
    issuer.answers["/keys-elsewhere"] = lambda asked: answer_json(asked, {"keys": [issuer.keys[0].public]})
    tokens = tokens_of(issuer, clock=clock)
    for _ in range(5):
        with pytest.raises(IdentityUnavailable):
            tokens.principal(issuer.token())
    assert issuer.asked.count("/keys") == 1
    assert "/keys-elsewhere" not in issuer.asked


def test_of_a_hundred_megabytes_one_is_read(issuer: IssuerServer) -> None:
    sent: list[int] = []

    def huge(asked: http.server.BaseHTTPRequestHandler) -> None:
        asked.send_response(200)
        asked.end_headers()
        for _ in range(100):
            asked.wfile.write(b" " * MIB)
            sent.append(MIB)

    issuer.answers["/keys"] = huge
    with pytest.raises(fetching.Unreachable, match="more than"):
        fetching.fetch_json(f"{issuer.url}/keys")
    assert len(sent) < 50  # what the sockets between them held, and no more


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "https://other.example", "jwks_uri": "{url}/keys"},
        {"jwks_uri": "{url}/keys"},
        {"issuer": "{url}"},
        {"issuer": "{url}", "jwks_uri": "http://keys.example/"},
        {"issuer": "{url}", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "{url}", "jwks_uri": 7},
    ],
)
def test_a_discovery_document_must_be_the_issuer_s_own(issuer: IssuerServer, said: dict[str, Any]) -> None:
    filled = {name: value.format(url=issuer.url) if isinstance(value, str) else value for name, value in said.items()}
    issuer.answers["/.well-known/openid-configuration"] = lambda asked: answer_json(asked, filled)
    with pytest.raises(IdentityUnavailable):
        tokens_of(issuer).principal(issuer.token())


def test_no_refusal_says_why_or_what_came(issuer: IssuerServer) -> None:
    tokens = tokens_of(issuer)
    words = set()
    for token in (issuer.token(exp=1), issuer.token(aud="x"), "a.b.c", Key("two").sign(issuer.claims())):
        with pytest.raises(InvalidToken) as caught:
            tokens.principal(token)
        words.add(caught.value.message)
        assert caught.value.__cause__ is None
        assert token not in caught.value.message
    assert len(words) == 1
