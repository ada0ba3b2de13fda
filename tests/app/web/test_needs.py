"""Every route says what it needs, or nothing starts; what the description and the manual say follows from it."""

from __future__ import annotations

import re
from typing import Any

import pytest

import app as service
from app import create_app
from app.config import IdentitySettings, Settings
from app.web.blueprint import Blueprint
from app.web.needs import Need, needs_of
from registry_core import Action

from ...docs.documents import read

ALL_METHODS = {"get", "put", "post", "delete", "patch", "head"}
REQUIRED = Settings(identity=IdentitySettings("required"))


def test_a_route_without_its_word_keeps_the_service_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = Blueprint("silent", __name__, url_prefix="/v1")

    @silent.get("/said", needs=Need.READ)
    def said() -> str:
        """It says what it needs."""
        return ""

    @silent.post("/forgotten")
    @silent.get("/forgotten")
    def forgotten() -> str:
        """It does not."""
        return ""

    monkeypatch.setattr(service, "hub", silent)
    with pytest.raises(LookupError) as refused:
        create_app(Settings())
    told = str(refused.value)
    assert "GET /v1/forgotten (silent.forgotten)" in told
    assert "POST /v1/forgotten" in told
    assert "/v1/said" not in told
    assert "needs=Need.READ" in told
    assert all(f"Need.{need.name}" in told for need in Need)


def test_words_are_the_actions_of_the_registry_and_two_more() -> None:
    assert {str(need) for need in Need} == {str(action) for action in Action} | {"open", "known"}
    changes = {need for need in Need if need.is_of_somebody}
    assert changes == {Need.WRITE, Need.PROMOTE, Need.DELETE, Need.ADMIN}


def operations(app: Any) -> list[tuple[str, str, dict[str, Any]]]:
    paths = app.test_client().get("/openapi.json").get_json()["paths"]
    return [(path, method, item[method]) for path, item in paths.items() for method in ALL_METHODS & set(item)]


def need_of(app: Any, operation_id: str) -> Need:
    (need,) = (need for endpoint, need in needs_of(app).items() if endpoint.replace(".", "_") == operation_id)
    return need


@pytest.mark.parametrize("settings", [Settings(), REQUIRED], ids=["open", "required"])
def test_the_description_says_of_each_call_who_is_asked_who_he_is(settings: Settings) -> None:
    app = create_app(settings)
    known = [{"bearer": []}, {"basic": []}]
    for path, method, said in operations(app):
        need = need_of(app, said["operationId"])
        if need is Need.OPEN:
            assert said["security"] == []
            judges = method == "post"  # of what signs in and out: the token that is pasted, the session that ends
            assert ("401" in said["responses"]) == judges, (method, path)
            continue
        is_for_all = settings is not REQUIRED or not need.is_of_somebody
        assert said["security"] == [*([{}] if is_for_all else []), *known], (method, path)
        assert {"401", "403", "503"} <= said["responses"].keys(), (method, path)
    description = app.test_client().get("/openapi.json").get_json()
    assert description["security"] == []
    schemes = description["components"]["securitySchemes"]
    assert {name: (one["type"], one["scheme"]) for name, one in schemes.items()} == {
        "bearer": ("http", "bearer"),
        "basic": ("http", "basic"),
    }


def test_the_manual_says_of_each_call_what_it_needs() -> None:
    app = create_app(Settings())
    told = {}
    for line in read("docs/access.md").section("What each call needs").splitlines():
        found = re.fullmatch(r"\| `(\w+)` \|.*\| (.*) \|", line)
        if found is not None:
            told.update(dict.fromkeys(re.findall(r"`([A-Z]+ /[^`]*)`", found[2]), found[1]))
    there = {
        f"{method.upper()} {path}": str(need_of(app, said["operationId"])) for path, method, said in operations(app)
    }
    assert told == there
