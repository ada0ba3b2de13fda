"""The platform's tokens: its access tokens count, of people as long as it says so, and no other that it signs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from app.config import IdentitySettings
from app.web.issued_tokens import IssuedTokens
from app.web.platform_tokens import PlatformTokens
from registry_core import IdentityUnavailable, InvalidToken, Kind

from ...support.issuer import IssuerServer, Key, answer_json, issuer_server
from .test_issuers import Clock

SECRET = "the secret that the platform's services share"


class Platform:
    """The service, and the two ways in which it signs."""

    def __init__(self, server: IssuerServer) -> None:
        self.server, self.clock = server, Clock()
        key = Key("", "RS256")
        pem = key.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        server.keys = [Key(hashlib.sha256(pem).hexdigest()[:16], "RS256", key.private)]
        self.tokens = IssuedTokens([PlatformTokens(server.url, SECRET, self.clock)], self.clock)

    def sign(self, claims: dict[str, Any], algorithm: str, *, is_valid: bool = True) -> str:
        token = jwt.encode(claims, SECRET) if algorithm == "HS256" else self.server.keys[0].sign(claims)
        self.server.valid[token] = {"valid": is_valid, "user_id": claims.get("sub")}
        return token

    def asked(self) -> int:
        return self.server.asked.count("/auth/validate")


@pytest.fixture
def platform() -> Iterator[Platform]:
    with issuer_server() as server:
        yield Platform(server)


def person(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {
        **{"sub": "12", "email": "a@lab.example", "roles": ["member"], "permissions": ["model.use", "model.read"]},
        **{"org_id": 7, "org_role": ["member"], "team_id": None, "auth_method": "password", "token_version": 1},
        **{"mfa_verified": True, "exp": now + 900, "type": "access", "jti": "j1"},
        **{"iss": "omnibioai-auth", "aud": "omnibioai-platform", **more},
    }
    return {name: value for name, value in said.items() if value != "left out"}


def program(**more: Any) -> dict[str, Any]:
    said = {
        **{"org_id": 7, "client_id": "trainer", "scopes": ["model.use"], "auth_method": "client_credentials"},
        **{"type": "access", "exp": int(time.time()) + 900, "jti": "j2"},
        **{"iss": "omnibioai-auth", "aud": "omnibioai-platform", **more},
    }
    return {name: value for name, value in said.items() if value != "left out"}


BOTH = pytest.mark.parametrize("algorithm", ["HS256", "RS256"])


@BOTH
def test_a_person(platform: Platform, algorithm: str) -> None:
    found = platform.tokens.principal(platform.sign(person(), algorithm))
    assert (found.kind, found.subject, found.issuer, found.org) == (Kind.USER, "12", "omnibioai-auth", "7")
    assert found.permissions == {"model.use", "model.read"}
    assert found.name is None  # nobody says that the address was verified


@BOTH
def test_a_program_of_which_the_service_is_not_asked(platform: Platform, algorithm: str) -> None:
    found = platform.tokens.principal(platform.sign(program(), algorithm, is_valid=False))
    assert (found.kind, found.subject, found.org) == (Kind.CLIENT, "client:trainer", "7")
    assert found.permissions == {"model.use"}
    assert platform.asked() == 0


@BOTH
@pytest.mark.parametrize("kind", ["refresh", "mfa", "state", "link", "Access", "", None, ["access"], "left out"])
@pytest.mark.parametrize("claims", [person, program])
def test_what_it_signs_for_other_ends_is_refused(platform: Platform, algorithm: str, kind: Any, claims: Any) -> None:
    with pytest.raises(InvalidToken):
        platform.tokens.principal(platform.sign(claims(type=kind), algorithm))


@pytest.mark.parametrize(
    "claims",
    [
        person(iss="other"),
        person(aud="other"),
        person(exp="left out"),
        person(exp=1),
        person(sub="client:trainer"),
        person(sub=12),
        person(sub="left out"),
        person(org_id=True),
        person(org_id=[7]),
        person(permissions="model.use"),
        program(client_id="left out"),
        program(client_id=7),
        program(scopes="model.use"),
    ],
)
@BOTH
def test_what_it_must_not_say(platform: Platform, algorithm: str, claims: dict[str, Any]) -> None:
    signed = jwt.api_jws.encode(
        json.dumps(claims).encode(),
        SECRET if algorithm == "HS256" else platform.server.keys[0].private,
        algorithm,
        headers={"kid": platform.server.keys[0].kid},
    )
    platform.server.valid[signed] = {"valid": True}
    with pytest.raises(InvalidToken):
        platform.tokens.principal(signed)


def test_a_revoked_token_ends_within_half_a_minute(platform: Platform) -> None:
    token = platform.sign(person(), "RS256")
    for _ in range(5):
        assert platform.tokens.principal(token)
    assert platform.asked() == 1
    platform.server.valid[token] = {"valid": False}
    platform.clock.now += 29
    assert platform.tokens.principal(token)
    platform.clock.now += 2
    with pytest.raises(InvalidToken):
        platform.tokens.principal(token)
    assert platform.asked() == 2


def test_half_a_minute_is_all_that_is_believed_in_whoever_asks_when(platform: Platform) -> None:
    """What is believed begins when it was asked, and not anew when it is found again."""
    token = platform.sign(person(), "RS256")
    last = platform.clock.now
    assert platform.tokens.principal(token)
    for step in (29.5, 0.4, 0.2, 29.5, 0.2, 0.4):
        platform.clock.now += step
        asked = platform.asked()
        assert platform.tokens.principal(token)
        last = platform.clock.now if platform.asked() > asked else last
        assert platform.clock.now - last < 30


@pytest.mark.parametrize(
    "answer",
    [{"valid": False}, {"valid": "true"}, {"valid": 1}, {}, {"valid": True, "user_id": "13"}],
)
def test_an_answer_that_does_not_say_so_is_no(platform: Platform, answer: dict[str, Any]) -> None:
    token = platform.sign(person(), "HS256")
    platform.server.valid[token] = answer
    with pytest.raises(InvalidToken):
        platform.tokens.principal(token)


def test_where_it_does_not_answer_people_are_not_let_in_and_programs_are(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    token = platform.sign(person(), "HS256")
    assert platform.tokens.principal(token)
    for number, fault in enumerate([lambda one: one.send_error(500), lambda one: answer_json(one, ["no"])]):
        platform.server.answers["/auth/validate"] = fault
        platform.clock.now += 31
        for _ in range(3):
            with pytest.raises(IdentityUnavailable):
                platform.tokens.principal(token)
        assert platform.asked() == 2 + number  # and the next callers did not wait
        assert platform.tokens.principal(platform.sign(program(), "HS256"))
    assert caplog.text.count(f"{platform.server.url}/auth/validate answers with") == 2  # the operator is told
    assert token not in caplog.text


def test_a_token_that_is_not_signed_is_never_shown_to_it(platform: Platform) -> None:
    for token in (jwt.encode(person(), "x" * 32), Key("k").sign(person())):
        with pytest.raises(InvalidToken):
            platform.tokens.principal(token)
    assert platform.asked() == 0


def test_settings_name_the_platform_beside_an_openid_issuer() -> None:
    with issuer_server() as iam, issuer_server() as oidc:
        settings = IdentitySettings("required", oidc.url, "registry", None, iam.url, SECRET)
        tokens = IssuedTokens.of(settings)
        signed = jwt.encode(person(), SECRET)
        iam.valid[signed] = {"valid": True}
        assert tokens.principal(signed).issuer == "omnibioai-auth"
        assert tokens.principal(oidc.token()).issuer == oidc.url
        for stranger in (jwt.encode(oidc.claims(), SECRET), oidc.keys[0].sign(person())):
            with pytest.raises(InvalidToken):
                tokens.principal(stranger)
