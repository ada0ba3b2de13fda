"""Whether the root can be read is asked before each change, and once a second for those who read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from marshmallow import Schema

from app import create_app
from app.config import Settings
from app.v1.schemas import AliasesAnswer
from app.web import root as root_module
from app.web.schemas import answer_schema
from registry_core import CoreSettings, ModelRegistry, Verbs

from ...support.packages import write_package

READS = {
    "/v1/resolve?task=t&ref=m@latest&verify=false": answer_schema(Verbs.resolve),
    "/v1/resolve?task=t&ref=m@1&what=nobody+knows": answer_schema(Verbs.resolve),
    "/v1/show?task=t&ref=m@latest": answer_schema(Verbs.show),
    "/v1/aliases?task=t&model=m": AliasesAnswer,
}


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(root_module, "time", clock)
    return clock


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """One for each probe, whether it was for writing; the registry's own goes on."""
    found: list[bool] = []
    probe = ModelRegistry.probe

    def counted(self: ModelRegistry, *, for_writing: bool = True) -> int | None:
        found.append(for_writing)
        return probe(self, for_writing=for_writing)

    monkeypatch.setattr(ModelRegistry, "probe", counted)
    return found


@pytest.fixture
def client(tmp_path: Path, clock: Clock) -> FlaskClient:
    (tmp_path / "root").mkdir()
    client = create_app(Settings(core=CoreSettings(root=str(tmp_path / "root")))).test_client()
    package = write_package(tmp_path / "package")
    body = {"task": "t", "model_name": "m", "version": "1", "artifacts_dir": str(package), "actor": "a", "reason": "b"}
    assert client.post("/v1/register", json=body).status_code == 201
    return client


def test_a_hundred_reads_within_a_second_are_one_probe(client: FlaskClient, clock: Clock, probes: list[bool]) -> None:
    clock.now += root_module.PROBED_FOR_S
    for _ in range(25):
        for path in READS:
            assert client.get(path).status_code == 200
    assert probes == [False]
    clock.now += root_module.PROBED_FOR_S
    assert client.get(next(iter(READS))).status_code == 200
    assert probes == [False, False]


def test_each_change_is_a_probe(client: FlaskClient, probes: list[bool]) -> None:
    body = {"task": "t", "model_name": "m", "alias": "production", "version": "1", "actor": "a", "reason": "b"}
    for _ in range(3):
        assert client.post("/v1/promote", json=body).status_code == 200
    assert len(probes) >= 3


@pytest.mark.parametrize("path", READS)
def test_a_root_that_goes_away_is_told_to_readers_at_once(path: str, client: FlaskClient, tmp_path: Path) -> None:
    """Its id is looked at by each of them, whatever the last probe has said."""
    assert client.get(path).status_code == 200
    shutil.move(tmp_path / "root", tmp_path / "elsewhere")
    assert client.get(path).status_code == 503
    shutil.move(tmp_path / "elsewhere", tmp_path / "root")
    assert client.get(path).status_code == 200


def test_who_finds_that_it_cannot_be_read_leaves_none_in_belief(
    client: FlaskClient, tmp_path: Path, probes: list[bool]
) -> None:
    path = next(iter(READS))
    assert client.get(path).status_code == 200
    shutil.move(tmp_path / "root", tmp_path / "elsewhere")
    assert client.post("/v1/promote", json={"task": "t", "model_name": "m"}).status_code in (422, 503)
    probes.clear()
    assert client.post("/v1/verify", json={"task": "t", "ref": "m@1"}).status_code == 503
    assert client.get(path).status_code == 503
    assert probes == [False, False]


@pytest.mark.parametrize("path", READS)
def test_no_schema_is_made_for_a_request(path: str, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get(path).status_code == 200
    made: list[Schema] = []
    init = Schema.__init__

    def counted(self: Schema, *args: Any, **options: Any) -> None:
        made.append(self)
        init(self, *args, **options)

    monkeypatch.setattr(Schema, "__init__", counted)
    assert client.get(path).status_code == 200
    assert client.post("/v1/verify", json={"task": "t", "ref": "m@1"}).status_code == 200
    assert not made
    Schema()
    assert made, "the counter counts nothing"


@pytest.mark.parametrize("path", READS)
def test_what_is_sent_as_it_is_is_what_its_schema_makes_of_it(path: str, client: FlaskClient) -> None:
    sent = client.get(path).get_json()
    assert READS[path]().dump(sent) == sent
    assert ("warnings" in sent) == ("nobody" in path)
    described = set(READS[path]().fields) - {"warnings"}
    assert set(sent) - {"warnings"} == described
