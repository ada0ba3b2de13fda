"""The log over HTTP: as it lies there, and nothing for a line or a size that there is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.config import Settings
from registry_core import CoreSettings

from ...core.evidence.logged import Logged

MODEL = {"task": "t", "model": "m"}


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    return Logged(tmp_path)


@pytest.fixture
def client(logged: Logged) -> FlaskClient:
    return create_app(Settings(core=CoreSettings(root=str(logged.root)), threads=8)).test_client()


def test_the_note_the_key_and_the_lines_come_byte_for_byte(logged: Logged, client: FlaskClient) -> None:
    assert client.get("/v1/log/checkpoint").json["code"] == "log_not_set"
    note = logged.publish()
    told = client.get("/v1/log/checkpoint")
    assert (told.data, told.content_type, told.headers["Cache-Control"]) == (
        note,
        "text/plain; charset=utf-8",
        "no-cache",
    )
    assert client.get("/v1/log/vkey").text == logged.vkey + "\n"
    lines = client.get("/v1/journal", query_string={**MODEL, "limit": 2})
    assert lines.data + client.get(lines.headers["Link"].split(">")[0][1:]).data == logged.journal().read_bytes()


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "1e3", "", "x", "9" * 5000, "null"])
def test_a_number_that_is_none_is_refused(logged: Logged, client: FlaskClient, number: str) -> None:
    logged.publish()
    assert client.get("/v1/log/proof", query_string={**MODEL, "seq": number}).status_code == 422
    if number != "0":
        for field in ("from", "to"):
            told = client.get("/v1/log/consistency", query_string={"from": "1", field: number})
            assert (told.status_code, told.json["ok"]) == (422, False)


def test_what_the_note_does_not_cover_is_told_apart_from_what_is_damaged(logged: Logged, client: FlaskClient) -> None:
    logged.publish()
    for seq in ("4", str(1 << 62), "9" * 30):
        told = client.get("/v1/log/proof", query_string={**MODEL, "seq": seq})
        assert (told.status_code, told.json["code"]) == (404, "not_in_log")
    (logged.root / "log/checkpoint").write_bytes(b"\xff")
    for path in ("/v1/log/checkpoint", "/v1/log/consistency?from=1", "/v1/log/proof?task=t&model=m&seq=1"):
        told = client.get(path)
        assert (told.status_code, told.json["code"]) == (409, "log_corrupt")
