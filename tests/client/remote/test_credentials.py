"""A token goes to the registry by TLS or within this machine, and to nobody else; and no message repeats it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry_client import RegistryClient
from registry_client.local import credentials
from registry_client.local.settings import TOKEN
from registry_core import InvalidParameter, InvalidToken, PermissionDenied, RegistryError, Unauthenticated

from ...support.servers import free_port
from ..scripted import answer, drop, problem, scripted

SECRET = "omr_0123456789abcdef_" + "5ec3e7" * 12
ALIASES = {"ok": True, "model_name": "m", "aliases": []}


def sent_by(**options: Any) -> str | None:
    """The header that a client with these options sends."""
    with scripted(answer(200, ALIASES)) as server, RegistryClient(server.url, **options) as client:
        client.list_aliases("t", "m")
        return server.asked[0].headers.get("authorization")


def test_each_way_to_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sent_by() is None
    assert sent_by(token=SECRET) == f"Bearer {SECRET}"
    monkeypatch.setenv(TOKEN, f" {SECRET}\n")
    assert sent_by() == f"Bearer {SECRET}"
    assert sent_by(token="other") == "Bearer other"
    assert sent_by(token="") is None
    assert sent_by(headers={"authorization": "Basic x"}) == "Basic x"


def test_what_is_kept_goes_to_its_own_origin_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(answer(200, ALIASES)) as server, scripted(answer(200, ALIASES)) as other:
        credentials.keep(f"{server.url}/below/a/path", SECRET)
        for address in (server.url, f"{server.url}/elsewhere", other.url):
            with RegistryClient(address) as client:
                client.list_aliases("t", "m")
        assert [asked.headers.get("authorization") for asked in server.asked] == [f"Bearer {SECRET}"] * 2
        assert "authorization" not in other.asked[0].headers
        monkeypatch.setenv(TOKEN, "other")
        with RegistryClient(server.url) as client:
            client.list_aliases("t", "m")
        assert server.asked[-1].headers["authorization"] == "Bearer other"


@pytest.mark.parametrize(
    "url",
    [
        "http://registry:8095",
        "http://192.168.1.4",
        "http://0.0.0.0:8095",
        "http://[fe80::1]",
        "http://localhost.example",
    ],
)
def test_I13_a_token_never_leaves_this_machine_over_plain_http(url: str) -> None:
    with pytest.raises(InvalidParameter, match="never sent over plain http") as refused:
        RegistryClient(url, token=SECRET)
    assert SECRET not in str(refused.value)
    RegistryClient(url).close()


@pytest.mark.parametrize("url", ["https://registry", "http://localhost:1", "http://127.8.0.1", "http://[::1]:8095"])
def test_where_it_may_be_sent(url: str) -> None:
    RegistryClient(url, token=SECRET).close()


def test_within_this_machine_it_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(answer(200, ALIASES)) as proxy:
        for name in ("http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert sent_by(token=SECRET) == f"Bearer {SECRET}"
        assert proxy.asked == []


@pytest.mark.parametrize("token", ["two words", "é", "a\nb", "x" * 40_000, " "])
def test_what_can_be_no_token_is_refused_unsaid(token: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        RegistryClient("https://registry", token=token)
    assert token.strip() == "" or token not in str(refused.value)


@pytest.mark.parametrize(
    "url", [SECRET, "", "registry", "ftp://registry", "http://", "http://[::1", "http://x?y", "http://x#y"]
)
def test_what_is_no_address_is_refused_unsaid(url: str) -> None:
    """Whoever gives the token in its place is not shown it."""
    with pytest.raises(InvalidParameter, match="no registry's address") as refused:
        RegistryClient(url)
    assert refused.value.detail["field"] == "url"
    assert SECRET not in refused.value.message


def test_who_calls_is_said_once() -> None:
    for url, headers in (("https://u:p@registry", {}), ("https://registry", {"authorization": "Basic x"})):
        with pytest.raises(InvalidParameter, match="Leave one out"):
            RegistryClient(url, token=SECRET, headers=headers)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unauthenticated", Unauthenticated),
        (401, "invalid_token", InvalidToken),
        (403, "permission_denied", PermissionDenied),
    ],
)
def test_a_refusal_is_final_and_has_its_class(status: int, code: str, kind: type[Exception]) -> None:
    with scripted(problem(status, code)) as server, RegistryClient(server.url, token=SECRET) as client:
        with pytest.raises(kind):
            client.list_aliases("t", "m")
        assert len(server.asked) == 1


@pytest.mark.parametrize(("status", "kind"), [(401, Unauthenticated), (403, PermissionDenied)])
def test_a_refusal_without_a_document_has_the_class_of_its_status(status: int, kind: type[Exception]) -> None:
    with scripted(answer(status, b"<html>")) as server, RegistryClient(server.url, token=SECRET) as client:
        with pytest.raises(kind):
            client.list_aliases("t", "m")
        assert len(server.asked) == 1


def test_I13_a_token_is_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture, area: Path) -> None:
    caplog.set_level(logging.DEBUG)
    calls: list[Callable[[RegistryClient], object]] = [
        lambda client: client.list_aliases("t", "m"),
        lambda client: client.pull("t", "m@1", area / "dest"),
        lambda client: next(client.watch("0", limit=1)),
        lambda client: client.create_token("service", "ci"),
    ]
    elsewhere = answer(302, b"", {"Location": f"http://127.0.0.1:{free_port()}"})
    told = ""
    for act in (problem(401, "invalid_token"), drop, elsewhere, answer(200, b"{"), answer(502, b"")):
        for call in calls:
            with scripted(act) as server, RegistryClient(server.url, token=SECRET, retries=0) as client:
                with pytest.raises(RegistryError) as failed:
                    call(client)
                told += f"{failed.value!r} {failed.value} {vars(failed.value)} {client!r}"
                assert server.asked[0].headers["authorization"] == f"Bearer {SECRET}"
    assert "HTTP Request: GET" in caplog.text
    told += caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert SECRET not in told
