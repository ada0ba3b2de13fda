"""What an admin changes reaches every replica within five seconds; one that nobody set up is closed, with words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from flask.testing import FlaskClient

from app import create_app
from app.config import IdentitySettings, Settings
from registry_core import CoreSettings, ModelRegistry
from registry_core.access import held
from registry_core.format.layout import REGISTRY_JOURNAL
from registry_core.registry import opening

from ..objectstore.simulated import store_in_use
from ..support.packages import write_files
from ..support.servers import PREFIX, REPOSITORY, START_S, clean_environment, gunicorn

ROOT = PREFIX + "ROOT"
SHOW = "/v1/show?task=t&ref=m@1"
ADMINS = {"schema": "omr-access/1", "admins": ["token:admin"]}
CI_READS = {**ADMINS, "rules": [{"who": ["token:ci"], "on": ["t/*"], "role": "viewer"}]}
ANYBODY_READS = {**ADMINS, "rules": [{"who": ["anonymous"], "on": ["t/*"], "role": "viewer"}]}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """By which looks age: nothing else moves it."""
    clock = Clock()
    monkeypatch.setattr(held, "monotonic", clock)
    monkeypatch.setattr(opening, "monotonic", clock)
    return clock


class House:
    """One root, which ``operator`` has as another process would. ``tells_at_once``: a look is cheap."""

    def __init__(self, root: str, source: Path, *, tells_at_once: bool) -> None:
        self.root, self.tells_at_once = root, tells_at_once
        self.operator = self.open()
        self.operator.register("t", "m", "1", write_files(source, {"model.pt": b"x"}))

    def open(self) -> ModelRegistry:
        return ModelRegistry.open(settings=CoreSettings.from_env({ROOT: self.root}))

    def replica(self, auth: str | None) -> FlaskClient:
        settings = Settings(core=CoreSettings(root=self.root), threads=8, identity=IdentitySettings(auth))
        return create_app(settings, self.open()).test_client()


@pytest.fixture(params=["filesystem", "store"])
def house(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    assert clock
    if request.param == "filesystem":
        (tmp_path / "root").mkdir()
        yield House(str(tmp_path / "root"), tmp_path / "source", tells_at_once=True)
        return
    with store_in_use(monkeypatch):
        yield House("s3://bucket/registry", tmp_path / "source", tells_at_once=False)


def said(replica: FlaskClient, token: str | None = None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return replica.get(SHOW, headers=headers).status_code


def assert_reaches(house: House, clock: Clock, replicas: list[FlaskClient], token: str | None, *moves: int) -> None:
    """``moves``: what they answer before and after the change that was just made."""
    before, after = moves
    if not house.tells_at_once:
        clock.now += held.LOOK_EVERY_S - 0.5
        assert [said(one, token) for one in replicas] == [before] * len(replicas), "a look in five seconds"
        clock.now += 0.5
    assert [said(one, token) for one in replicas] == [after] * len(replicas)


def test_rules_a_token_and_its_end_reach_every_replica_within_five_seconds(house: House, clock: Clock) -> None:
    house.operator.set_access_rules(ADMINS)
    replicas = [house.replica(auth) for auth in ("required", "required", None)]
    assert [said(one) for one in replicas] == [401] * 3

    made = house.operator.create_token("service", "ci")
    assert_reaches(house, clock, replicas, made.token, 401, 404)
    house.operator.set_access_rules(CI_READS)
    assert_reaches(house, clock, replicas, made.token, 404, 200)
    house.operator.set_access_rules(ANYBODY_READS)
    assert_reaches(house, clock, replicas, None, 401, 200)
    house.operator.set_access_rules(CI_READS)
    assert_reaches(house, clock, replicas, None, 200, 401)
    house.operator.revoke_token(made.id)
    assert_reaches(house, clock, replicas, made.token, 200, 401)


def test_the_first_rule_ever_closes_a_replica_that_is_open_by_default(house: House, clock: Clock) -> None:
    by_default, written_out = house.replica(None), house.replica("open")
    assert [said(one) for one in (by_default, written_out)] == [200, 200]
    house.operator.set_access_rules(ADMINS)
    assert_reaches(house, clock, [by_default], None, 200, 401)
    assert said(written_out) == 200


def test_what_one_replica_changes_is_seen_by_itself_at_once(house: House) -> None:
    house.operator.set_access_rules(ADMINS)
    assert house.operator.access_rules().document == ADMINS
    made = house.operator.create_token("service", "ci")
    assert house.operator.admitted(made.token) is not None
    house.operator.revoke_token(made.id)
    assert house.operator.admitted(made.token) is None


# side by side


def get(url: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.get(url, headers=headers, timeout=START_S, trust_env=False)


def test_replicas_that_nobody_set_up_are_closed_each_with_its_words(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    operator = ModelRegistry.open(root)
    operator.register("t", "m", "1", write_files(tmp_path / "source", {"model.pt": b"x"}))
    operator.set_access_rules(CI_READS)
    token = {"Authorization": f"Bearer {operator.create_token('service', 'ci').token}"}
    auth = PREFIX + "AUTH"
    with (
        gunicorn(root, workers=1, env={auth: "required"}) as set_up,
        gunicorn(root, workers=1) as without_the_setting,
    ):
        running = [set_up, without_the_setting]
        for server in running:
            refused = get(server.url + SHOW)
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
            assert get(server.url + SHOW, token).status_code == 200
            assert get(f"{server.url}/v1/auth/status").json()["mode"] == "jwt"

        misspelt = subprocess.run(
            [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "wsgi:application"],
            cwd=REPOSITORY,
            env=clean_environment({ROOT: str(root), auth: "Required", PREFIX + "PORT": "0"}),
            capture_output=True,
            text=True,
            timeout=START_S,
        )
        assert misspelt.returncode != 0
        assert f"{auth} is 'Required'; it takes open or required." in misspelt.stderr + misspelt.stdout

        (root / REGISTRY_JOURNAL).unlink()
        with gunicorn(root, workers=1) as after_that:
            for server in (*running, after_that):
                for sent in ({}, token):
                    refused = get(server.url + SHOW, sent)
                    assert (refused.status_code, refused.json()["code"]) == (503, "access_unreadable")
                    assert "nobody else may do anything: a backup of log/ does" in refused.json()["detail"]
                assert get(f"{server.url}/health/ready").status_code == 503
                assert get(f"{server.url}/health").status_code == 200
