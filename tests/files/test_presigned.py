"""An address at the store is good for an hour in open mode, else for minutes, and never longer than whoever gets it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from app import create_app
from app.config import PREFIX, Settings
from registry_core import CoreSettings, ModelRegistry, NotConfigured

from ..objectstore.simulated import store_in_use
from ..support.issuer import AUDIENCE, IssuerServer, issuer_server
from ..support.packages import write_files

ROOT = "s3://bucket/registry"
ADDRESSES = ["/v1/files/t/m/1/model.pt", "/hf/t/m/resolve/1/model.pt"]
RULES = {"schema": "omr-access/1", "rules": [{"who": ["anonymous", "token:ci"], "on": ["t/*"], "role": "user"}]}
REQUIRED = {"AUTH": "required"}
SKEW_S = 60  # clocks may differ by so much: a token counts so long beyond its end


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelRegistry]:
    with store_in_use(monkeypatch):
        registry = ModelRegistry.open(settings=CoreSettings.from_env({PREFIX + "ROOT": ROOT}))
        registry.register("t", "m", "1", write_files(tmp_path, {"model.pt": b"x"}))
        yield registry


@pytest.fixture
def issuer() -> Iterator[IssuerServer]:
    with issuer_server() as issuer:
        yield issuer


def good_for_s(token: str | None = None, **named: str) -> set[int | None]:
    """For how many seconds the addresses are good; None: the service sends the bytes."""
    settings = Settings.from_env({PREFIX + name: value for name, value in {**named, "ROOT": ROOT}.items()})
    client = create_app(settings, ModelRegistry.open(settings=settings.core)).test_client()
    found: set[int | None] = set()
    for address in ADDRESSES:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = client.get(address, headers=headers)
        if answer.status_code == 307:  # to the commit
            answer = client.get(answer.headers["Location"], headers=headers)
        assert answer.status_code in (200, 302), answer.text
        query = parse_qs(urlsplit(answer.headers.get("Location", "")).query)
        found.add(int(query["X-Amz-Expires"][0]) if answer.status_code == 302 else None)
    return found


@pytest.mark.usefixtures("registry")
def test_open_mode() -> None:
    assert good_for_s() == {3600}
    assert good_for_s(PRESIGN_S="7200") == {7200}
    assert good_for_s(PRESIGN_S="0") == {None}


def test_where_callers_say_who_they_are(registry: ModelRegistry) -> None:
    registry.set_access_rules(RULES)
    token = registry.create_token("service", "ci").token
    for sent in (token, None):
        assert good_for_s(sent, **REQUIRED) == {300}
        assert good_for_s(sent, **REQUIRED, PRESIGN_S="60") == {60}
        assert good_for_s(sent, **REQUIRED, PRESIGN_S="0") == {None}
        # By its rules alone it is not known when the service starts: then so long at most, whatever is set.
        assert good_for_s(sent) == {300}
        assert good_for_s(sent, PRESIGN_S="7200") == {3600}


def test_more_than_an_hour_stops_the_start_where_access_is_required() -> None:
    with pytest.raises(NotConfigured, match=f"{PREFIX}PRESIGN_S is '3601'; it takes a whole number from 0 to 3600"):
        Settings.from_env({PREFIX + "AUTH": "required", PREFIX + "PRESIGN_S": "3601"})


def test_never_longer_than_whoever_gets_it(registry: ModelRegistry, issuer: IssuerServer) -> None:
    registry.set_access_rules(RULES)
    named = {**REQUIRED, "OIDC_ISSUER": issuer.url, "OIDC_AUDIENCE": AUDIENCE, "PRESIGN_S": "3600"}
    before = time.time()
    ends = int(before) + 600
    (found,) = good_for_s(issuer.token(exp=ends), **named) - {None}
    assert found is not None
    assert found <= ends + SKEW_S - before
    life = timedelta(minutes=10)
    token = registry.create_token("service", "ci", days=life / timedelta(days=1)).token
    (found,) = good_for_s(token, **named)
    assert found is not None
    assert 0 < found <= life.total_seconds()
