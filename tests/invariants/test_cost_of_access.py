"""What it costs to know who calls, counted: a few looks and calls more than in open mode, however many the rules."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from flask import Flask

from app import create_app
from app.config import IdentitySettings, Settings
from registry_core import CoreSettings, ModelRegistry
from registry_core.access import held
from registry_core.registry import opening

from ..objectstore.simulated import SimulatedStore, store_in_use
from ..support.issuer import AUDIENCE, issuer_server
from ..support.packages import write_files
from ..support.profiled import profiled
from ..support.servers import REPOSITORY

OURS = [str(REPOSITORY / package) for package in ("app", "registry_core")]
RESOLVE = "task=t&ref=m%40production&verify=false"
LOOKS = 4  # at the root and at the registry's journal: when it is asked who calls, and what they may do
CALLS = 230  # of functions, of Python and of C; the same call in open mode is some 1,500
FILES = 14  # of ours that a call enters beside those that it enters in open mode


class Counted:
    """Functions called while one request is answered: all, by C name, and the files of ours that were entered."""

    def __init__(self, app: Flask, authorization: str) -> None:
        self.calls, self.of_c, self.files = 0, Counter[str](), set[str]()
        environ = {
            **{"REQUEST_METHOD": "GET", "PATH_INFO": "/v1/resolve", "QUERY_STRING": RESOLVE, "SCRIPT_NAME": ""},
            **{"SERVER_NAME": "x", "SERVER_PORT": "1", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http"},
            **{"wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr, "wsgi.version": (1, 0)},
            **({"HTTP_AUTHORIZATION": authorization} if authorization else {}),
        }
        said: list[str] = []
        with profiled(self._note):
            body = b"".join(app.wsgi_app(environ, lambda status, headers, error=None: said.append(status)))  # type: ignore[arg-type, return-value]
        assert said == ["200 OK"], body

    def _note(self, frame: FrameType, event: str, function: Any) -> None:
        if event == "call":
            self.calls += 1
            name = frame.f_code.co_filename
            if name.startswith(tuple(OURS)):
                self.files.add(str(Path(name).relative_to(REPOSITORY)))
        elif event == "c_call":
            self.calls += 1
            self.of_c[function.__name__] += 1


def rules_of(others: int) -> dict[str, Any]:
    """So many rules about others, of each a person and a group, and one for those who call here."""
    foreign = [
        {"who": [f"user:p{n}", f"group:g{n}"], "on": [f"task-{n}/*"], "role": "publisher"} for n in range(others)
    ]
    ours = {"who": ["anonymous", "user:reader", "token:ci"], "on": ["t/*"], "role": "user"}
    return {"schema": "omr-access/1", "rules": [*foreign, ours]}


def made(root: str, source: Path) -> ModelRegistry:
    registry = ModelRegistry.open(settings=CoreSettings.from_env({"OMNIBIOAI_MODEL_REGISTRY_ROOT": root}))
    registry.register("t", "m", "1", write_files(source, {"model.pt": b"x"}))
    registry.promote("t", "m", "production", "1")
    return registry


def served(root: str, identity: IdentitySettings) -> Flask:
    core = CoreSettings.from_env({"OMNIBIOAI_MODEL_REGISTRY_ROOT": root})
    return create_app(Settings(core=core, identity=identity), ModelRegistry.open(settings=core))


class Ways:
    """The same registry without rules and with some, and what each kind of caller sends."""

    def __init__(self, top: Path, issuer_url: str, others: int) -> None:
        for name in ("open", "ruled"):
            (top / name).mkdir()
        made(str(top / "open"), top / "source")
        registry = made(str(top / "ruled"), top / "source")
        registry.set_access_rules(rules_of(others))
        self.token = registry.create_token("service", "ci").token
        self.plain = served(str(top / "open"), IdentitySettings())
        identity = IdentitySettings("required", oidc_issuer=issuer_url, oidc_audience=AUDIENCE)
        self.ruled = served(str(top / "ruled"), identity)

    def open(self) -> Counted:
        return warm(self.plain, "")

    def known(self, token: str) -> Counted:
        return warm(self.ruled, f"Bearer {token}" if token else "")


def warm(app: Flask, authorization: str) -> Counted:
    """What the cheapest of five calls costs: the first have more to do, and so has one in each second."""
    return min((Counted(app, authorization) for _ in range(5)), key=lambda one: one.calls)


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[int, Ways], dict[str, str]]]:
    with issuer_server() as issuer:
        found = {others: Ways(tmp_path_factory.mktemp(str(others)), issuer.url, others) for others in (0, 200)}
        yield found, {"issued": issuer.token(sub="reader")}


@pytest.mark.parametrize("who", ["token", "issued", "nobody"])
def test_who_calls_costs_a_few_looks_and_calls(ways: tuple[dict[int, Ways], dict[str, str]], who: str) -> None:
    places, issued = ways
    here = places[200]
    token = {"token": here.token, "issued": issued["issued"], "nobody": ""}[who]
    plain, known = here.open(), here.known(token)
    assert known.of_c["stat"] - plain.of_c["stat"] <= LOOKS, (plain.of_c, known.of_c)
    assert known.calls <= plain.calls + CALLS, (plain.calls, known.calls)
    assert len(known.files - plain.files) <= FILES, sorted(known.files - plain.files)


@pytest.mark.parametrize("who", ["token", "issued", "nobody"])
def test_rules_about_others_cost_nothing(ways: tuple[dict[int, Ways], dict[str, str]], who: str) -> None:
    places, issued = ways
    few, many = (
        place.known({"token": place.token, "issued": issued["issued"], "nobody": ""}[who]).calls
        for place in places.values()
    )
    assert many <= few + 5, (few, many)


def test_open_mode_enters_nothing_of_it(ways: tuple[dict[int, Ways], dict[str, str]]) -> None:
    plain = ways[0][0].open()
    assert not [file for file in plain.files if file.startswith("registry_core/access/") or "identity" in file]
    assert "registry_core/registry/door.py" not in plain.files
    assert plain.of_c["stat"] <= 3, plain.of_c


# on a store


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedStore]:
    with store_in_use(monkeypatch) as store:
        yield store


def test_a_store_is_asked_twice_in_five_seconds_whoever_calls_and_however_often(
    store: SimulatedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look at the registry's journal, and one at what is kept of the token."""
    clock = Clock()
    monkeypatch.setattr(held, "monotonic", clock)
    monkeypatch.setattr(opening, "monotonic", Clock())  # which looks at the root as often, and stands still here
    made("s3://bucket/open", tmp_path / "source")
    registry = made("s3://bucket/ruled", tmp_path / "source")
    registry.set_access_rules(rules_of(3))
    token = registry.create_token("service", "ci").token
    plain = served("s3://bucket/open", IdentitySettings("open"))
    ruled = served("s3://bucket/ruled", IdentitySettings("required"))

    def requests(app: Flask, token: str, calls: int) -> int:
        before = store.requests
        for _ in range(calls):
            Counted(app, f"Bearer {token}" if token else "")
        return store.requests - before

    for app, sent in ((plain, ""), (ruled, token), (ruled, "")):
        requests(app, sent, 2)
    alone = requests(plain, "", 10)
    assert requests(ruled, token, 10) == requests(ruled, "", 10) == alone
    clock.now += held.LOOK_EVERY_S
    assert requests(ruled, token, 10) == alone + 2
    assert requests(ruled, "", 10) == alone


def test_open_mode_asks_a_store_whether_there_are_rules_or_policies_once_in_five_seconds(
    store: SimulatedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(opening, "monotonic", clock)
    made("s3://bucket/open", tmp_path / "source")
    by_default, written_out = (served("s3://bucket/open", IdentitySettings(auth)) for auth in (None, "open"))

    def requests(app: Flask) -> int:
        before = store.requests
        for _ in range(10):
            Counted(app, "")
        return store.requests - before

    for app in (by_default, written_out):
        requests(app)
    alone = requests(written_out)
    assert requests(by_default) == alone
    for _ in range(2):
        clock.now += opening.LOOK_EVERY_S
        assert (requests(by_default), requests(written_out)) == (alone + 1, alone + 1)
