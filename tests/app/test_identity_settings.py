"""Who may call is set in words that cannot be misread; what makes no sense stops the start, and no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import create_app
from app.config import PREFIX, Settings
from registry_core import CoreSettings, Issuers, NotConfigured
from registry_core.storage.filesystem.tree import FilesystemStorage

from ..core.access.ruled import FIRST, put

SECRET = "s3cr3t-" * 5
OIDC = {"OIDC_ISSUER": "https://id.example/", "OIDC_AUDIENCE": "registry", "AUTH": "required"}
IAM = {"IAM_URL": "http://auth:8000/", "AUTH": "required"}


def settings(**named: str) -> Settings:
    return Settings.from_env({PREFIX + name: value for name, value in named.items()})


def test_nothing_is_said_by_default() -> None:
    found = settings().identity
    assert (found.auth, found.oidc_issuer, found.iam_url) == (None, None, None)
    assert found.issuers == Issuers(None, None, {})


def test_whose_word_counts() -> None:
    assert settings(**OIDC).identity.issuers == Issuers("https://id.example/", None, {})
    found = settings(**OIDC, IAM_URL=IAM["IAM_URL"], JWT_SECRET=SECRET).identity
    assert found.issuers == Issuers("https://id.example/", "omnibioai-auth", {"omnibioai-auth": "omnibioai-auth"})
    assert (found.iam_url, found.jwt_secret) == ("http://auth:8000", SECRET)


def test_more_issuers_have_aliases_audiences_and_keys_of_their_own() -> None:
    more = "partner https://id.partner.example shared , ci.lab https://ci.example registry https://ci.example/keys,"
    found = settings(**OIDC, MORE_ISSUERS=more).identity
    assert found.issuers.aliases == {"partner": "https://id.partner.example", "ci.lab": "https://ci.example"}
    assert [(one.audience, one.jwks_url) for one in found.more_issuers] == [
        ("shared", None),
        ("registry", "https://ci.example/keys"),
    ]


def test_keys_alone_are_an_issuer() -> None:
    found = settings(JWKS_URL="https://id.example/keys", OIDC_AUDIENCE="registry", AUTH="required").identity
    assert found.issuers.default == "https://id.example/keys"


@pytest.mark.parametrize("auth", ["Required", "OPEN", "jwt", "true", "1", "required,open"])
def test_any_other_word_stops_the_start(auth: str) -> None:
    with pytest.raises(NotConfigured, match=f"{PREFIX}AUTH is '{auth}'; it takes open or required"):
        settings(AUTH=auth)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"OIDC_ISSUER": OIDC["OIDC_ISSUER"], "AUTH": "required"}, "need .*OIDC_AUDIENCE"),
        ({"OIDC_AUDIENCE": "x", "AUTH": "required"}, "without .*OIDC_ISSUER"),
        ({"JWKS_URL": "https://id.example/keys", "AUTH": "required"}, "need .*OIDC_AUDIENCE"),
        ({"JWKS_URL": "https://id.example/keys", "OIDC_AUDIENCE": "x"}, "AUTH to required, or to open"),
        (
            {"JWKS_URL": "https://k", "OIDC_AUDIENCE": "x", "OIDC_CLIENT_ID": "x", "AUTH": "required"},
            "OIDC_CLIENT_ID needs",
        ),
        ({"MORE_ISSUERS": "b https://b.example x"}, "AUTH to required, or to open"),
        ({"MORE_ISSUERS": "b https://b.example", "AUTH": "required"}, "it takes an alias"),
        ({"MORE_ISSUERS": "b https://b.example x https://k y", "AUTH": "required"}, "it takes an alias"),
        ({"MORE_ISSUERS": "b/c https://b.example x", "AUTH": "required"}, "it takes an alias"),
        ({"MORE_ISSUERS": "B https://b.example x", "AUTH": "required"}, "it takes an alias"),
        ({"MORE_ISSUERS": "b http://b.example x", "AUTH": "required"}, "MORE_ISSUERS is 'http://b.example'"),
        ({"MORE_ISSUERS": "b https://b.example x http://k.example", "AUTH": "required"}, "is 'http://k.example'"),
        ({"MORE_ISSUERS": "b https://b.example x, b https://c.example x", "AUTH": "required"}, "named already"),
        ({"MORE_ISSUERS": "b https://b.example x, c https://b.example y", "AUTH": "required"}, "named already"),
        ({"MORE_ISSUERS": "omnibioai-auth https://b.example x", "AUTH": "required"}, "named already"),
        ({**OIDC, "MORE_ISSUERS": f"b {OIDC['OIDC_ISSUER']} x"}, "named already"),
        ({"OIDC_ISSUER": OIDC["OIDC_ISSUER"], "OIDC_AUDIENCE": "x"}, "AUTH to required, or to open"),
        ({**IAM, "OIDC_CLIENT_ID": "x"}, "OIDC_CLIENT_ID needs .*OIDC_ISSUER"),
        ({**OIDC, "OIDC_CLIENT_SECRET": "x"}, "nothing without .*OIDC_CLIENT_ID"),
        ({**OIDC, "OIDC_SCOPES": "openid"}, "nothing without .*OIDC_CLIENT_ID"),
        ({**OIDC, "OIDC_CLIENT_ID": "x", "OIDC_SCOPES": "email openid2"}, "without openid no provider"),
        ({"IAM_URL": IAM["IAM_URL"]}, "AUTH to required, or to open"),
        ({"JWT_SECRET": SECRET, "AUTH": "required"}, "nobody's"),
        ({**IAM, "JWT_SECRET": "short"}, "at least 32 bytes"),
        ({**IAM, "JWT_SECRET": "-----BEGIN PUBLIC KEY-----" + SECRET}, "never a key"),
    ],
)
def test_what_says_half_stops_the_start(named: dict[str, str], words: str) -> None:
    with pytest.raises(NotConfigured, match=words) as caught:
        settings(**named)
    assert named.get("JWT_SECRET", SECRET) not in caught.value.message


@pytest.mark.parametrize(
    ("address", "is_taken"),
    [
        ("https://id.example", True),
        ("https://id.example:8443/realms/lab", True),
        ("http://auth:8000", True),
        ("http://127.0.0.1:9", True),
        ("http://10.0.0.7", True),
        ("http://[::1]:9", True),
        ("http://id.example", False),
        ("http://8.8.8.8", False),
        ("https://", False),
        ("https://user:word@id.example", False),
        ("https://id.example/?x=1", False),
        ("https://id.example/#x", False),
        ("https://id.example:port", False),
        ("https://id.example/a b", False),
        ("file:///etc/passwd", False),
        ("id.example", False),
    ],
)
@pytest.mark.parametrize("name", ["OIDC_ISSUER", "JWKS_URL", "IAM_URL"])
def test_keys_come_from_whom_the_address_names(name: str, address: str, is_taken: bool) -> None:
    named = {**OIDC, **IAM, name: address}
    if is_taken:
        settings(**named)
    else:
        with pytest.raises(NotConfigured, match=f"{PREFIX}{name} is "):
            settings(**named)


def test_no_secret_is_in_any_text_of_the_settings() -> None:
    assert SECRET not in repr(settings(**IAM, JWT_SECRET=SECRET))
    assert SECRET not in repr(settings(**OIDC, OIDC_CLIENT_ID="x", OIDC_CLIENT_SECRET=SECRET))


def service(root: Path, **named: str) -> Settings:
    return Settings(core=CoreSettings(root=str(root)), threads=8, identity=settings(**named).identity)


@pytest.mark.parametrize(
    ("auth", "has_rules", "status"),
    [
        (None, False, 200),
        (None, True, 401),
        ("open", False, 200),
        ("open", True, 200),
        ("required", False, 401),
        ("required", True, 401),
    ],
)
def test_a_registry_with_rules_is_open_only_where_that_is_written_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, auth: str | None, has_rules: bool, status: int
) -> None:
    caplog.set_level("INFO", "app.web.root")
    if has_rules:
        put(FilesystemStorage(tmp_path), FIRST)
    named = {} if auth is None else {"AUTH": auth}
    client = create_app(service(tmp_path, **named)).test_client()
    answer = client.get("/v1/models", headers={"Authorization": "Bearer x"})
    assert answer.status_code == status
    assert client.get("/v1/auth/status").json["mode"] == ("open" if status == 200 else "jwt")
    told = {"open": "nobody is asked", "required": "callers are asked who they are", None: "once there are rules"}[auth]
    (line,) = [line for line in caplog.messages if line.startswith("the root is open; ")]
    assert told in line
