"""Every route by everybody for every model: what is given is done; all else is refused, shows and changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from werkzeug.test import TestResponse

from app.pages import render
from app.v1 import listing
from app.web.needs import Need
from registry_core.access.roles import Role, at_least

from .asking import TURNS, Asking, answered, calls, check_done, check_refused, filled, made, need_of, read
from .callers import ADMINS, CALLERS, DAMAGED, MODELS, SAID, THERE, World, near
from .conftest import scratch
from .matrix import LEAST, OPERATION, ROUTES, SESSION, THEIRS, expected

OWNED = ("upload", "operation")  # by their ids


# Whoever changes something does it in a world of its own.
still = pytest.fixture(scope="module", name="still")(made)
world = pytest.fixture(scope="module", name="world")(made)


@TURNS
@pytest.mark.parametrize("who", CALLERS)
def test_what_the_rules_do_not_give_is_refused_and_changes_nothing(still: World, who: str, turns: int) -> None:
    check_refused(still, who, near(who), turns)


@TURNS
@pytest.mark.parametrize("who", CALLERS)
def test_what_the_rules_give_is_done(world: World, who: str, turns: int) -> None:
    check_done(world, who, near(who), turns)


def test_every_route_is_in_the_table(world: World) -> None:
    there = {
        (method, rule.rule)
        for rule in world.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"OPTIONS"}
        if method != "HEAD" or "GET" not in (rule.methods or set())
    }
    assert there == set(ROUTES), "tests/app/matrix.py is to say how each route is called, and what it needs"
    for (method, rule), asks in ROUTES.items():
        need = need_of(world, method, rule)
        wanted = {LEAST.get(ask.need or need) for ask in asks} or {LEAST.get(need)}
        assert LEAST.get(need) in wanted or need is Need.KNOWN, f"{method} {rule} is never asked for as it stands"


@pytest.fixture(scope="module")
def bare(still: World) -> Iterator[World]:
    """The world without what only admins see."""
    with scratch() as area:
        yield still.without("foreign", "undecided", DAMAGED, area=area / "bare")


@TURNS
@pytest.mark.parametrize("who", sorted(CALLERS.keys() - ADMINS - {"expired"}))
def test_no_answer_tells_whether_there_is_what_may_not_be_seen(
    still: World, bare: World, who: str, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte, headers too: of a registry where the model is, and of one where it never was.

    Pages of both are made at one moment: they say how long ago things were, and draw it.
    """
    moment = datetime.now(UTC)
    monkeypatch.setattr(render, "datetime", type("Still", (datetime,), {"now": classmethod(lambda *_: moment)}))
    for method, need, ask, turn in calls(still, who):
        if ask.about in (SESSION, OPERATION, THEIRS) or "{full}" in str((ask.body, ask.form)):
            continue  # by an id, which is of one world, or a list of such: see below
        for name in ("foreign", *("undecided", "given")[turn % turns :: turns]):
            model = MODELS[name]
            if need.is_of_somebody and name == "undecided" and CALLERS[who].owner is not None:
                continue  # whoever may make a model of that name learns that there is one
            is_refused = expected(need, ask, who, model)[0] >= 400
            if method not in ("GET", "HEAD") and not is_refused:
                continue
            words = Asking(still, who).words(ask, model, may=False)
            there, never = (whole(Asking(one, who).ask(method, ask, words)) for one in (still, bare))
            assert there == never, f"{who}: {method} {ask} of {name}"


def whole(answer: TestResponse) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Where the root lies on this machine is no matter, nor what separates parts, nor how many tokens there are."""
    said = read(answer)
    body = re.sub(rb"/[^\"]*/root/", b"/root/", said)
    body = re.sub(rb'"registry_seq":\d+', b'"registry_seq":0', body)
    varying = {"Date", *(["Content-Length"] if body != said else [])}
    headers = [(name, value) for name, value in answer.headers if name not in varying]
    boundary = answer.mimetype_params.get("boundary")
    if boundary is not None:
        body = body.replace(boundary.encode(), b"BOUNDARY")
        headers = [(name, value.replace(boundary, "BOUNDARY")) for name, value in headers]
    return answer.status_code, body, sorted(headers)


@pytest.mark.parametrize("who", CALLERS)
def test_what_is_of_others_is_told_as_what_is_of_nobody(still: World, who: str) -> None:
    asking = Asking(still, who)
    for method, need, ask, _ in calls(still, who):
        if ask.about not in (SESSION, OPERATION) or who in ADMINS or CALLERS[who].is_refused:
            continue
        words = asking.words(ask, MODELS["foreign"], may=False)
        none = {**words, **dict.fromkeys(OWNED, "0" * 32)}
        of_others, of_nobody = (whole(asking.ask(method, ask, each)) for each in (words, none))
        status = expected(need, ask, who, MODELS["foreign"])[0]
        assert of_others[0] == of_nobody[0] == status, f"{who}: {method} {ask}"
        told = re.sub("|".join(words[name] for name in OWNED).encode(), b"0" * 32, of_others[1])
        assert (told, of_others[2]) == of_nobody[1:], f"{who}: {method} {ask}"


def seen_by(who: str) -> list[str]:
    """The tasks whose model the caller may see."""
    tasks = [model.task for model in THERE if model.role(who) is not None]
    return sorted([*tasks, DAMAGED] if who in ADMINS else tasks)


@pytest.mark.parametrize("who", CALLERS)
def test_lists_count_what_may_be_seen(still: World, who: str) -> None:
    asking = Asking(still, who)
    if CALLERS[who].is_refused:
        return
    seen = seen_by(who)
    everything = asking.send("GET", "/v1/models")
    listed = [(item["task"], item["model_name"], item["version"]) for item in everything.json]
    assert sorted(listed) == [(task, "m", version) for task in seen for version in ("1", "2")]
    assert everything.headers["X-Total-Count"] == str(2 * len(seen))
    assert ("X-Warnings" in everything.headers) is (DAMAGED in seen)
    assert pages(asking, "/v1/models?limit=2") == listed
    for filtered in ("alias=latest", "alias=latest&limit=1", "alias=latest&limit=1&sort=-created_at"):
        assert asking.send("GET", f"/v1/models?{filtered}").headers["X-Total-Count"] == str(len(seen))
    tasks = asking.send("GET", "/v1/tasks").json["tasks"]
    assert [(one["task"], one["models"], one["versions"]) for one in tasks] == [(task, 1, 2) for task in seen]
    assert [one["id"] for one in asking.send("GET", "/hf/api/models").json] == [f"{task}/m" for task in seen]


@pytest.mark.parametrize("who", CALLERS)
def test_what_stands_in_files_is_told_to_those_only_who_may_use_them(still: World, who: str) -> None:
    asking = Asking(still, who)
    using = [model.task for model in THERE if (role := model.role(who)) is not None and at_least(role, Role.USER)]
    for task in (model.task for model in THERE if not model.is_old):
        for path in (f"/hf/api/models/{task}/m", f"/hf/api/models?author={task}&full=true"):
            assert (SAID in asking.send("GET", path).text) is (task in using), path
        assert SAID not in asking.send("GET", f"/v1/show?task={task}&ref=m@1").text
        filtered = asking.send("GET", f"/hf/api/models?author={task}&pipeline_tag={SAID}")
        if not CALLERS[who].is_refused:
            assert [one["author"] for one in filtered.json] == [one for one in using if one == task]


def pages(asking: Asking, address: str | None) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    while address is not None:
        answer = asking.send("GET", address)
        found += [(item["task"], item["model_name"], item["version"]) for item in answer.json]
        following = re.match(r"<([^>]*)>", answer.headers.get("Link", ""))
        assert following is None or answer.json, "a page that has nothing leads on"
        address = None if following is None else following[1]
    return found


@pytest.mark.parametrize("who", CALLERS)
def test_the_stream_has_what_may_be_seen(still: World, who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "HEARTBEAT_S", -1.0)  # it says so at once where it has nothing more
    monkeypatch.setattr(listing, "POLL_S", 0.0)
    over = 401 if CALLERS[who].is_refused else 403 if CALLERS[who].is_blocked else None
    head = Asking(still, who).send("HEAD", "/v1/events")
    assert (head.status_code, read(head)) == (over or 200, b"")
    answer = Asking(still, who).send("GET", "/v1/events", query_string={"after": "0"})
    assert answer.status_code == (over or 200)
    if over is not None:
        return
    tasks = set()
    for message in answer.response:
        text = message if isinstance(message, str) else message.decode()
        if text.startswith(": still here"):
            break
        tasks |= {json.loads(line[6:])["task"] for line in text.splitlines() if line.startswith("data: ")}
    answer.close()
    assert tasks == set(seen_by(who))


def test_whoever_has_not_said_who_he_is_sends_no_body_that_is_looked_at(still: World) -> None:
    words = dict.fromkeys(("task", "model", "new", "source", "upload", "file"), "x" * 32)
    for (method, rule), asks in ROUTES.items():
        if need_of(still, method, rule).is_of_somebody:
            path = filled(asks[0].path, words)
            answer = still.client.open(path, method=method, data=b"{", content_type="application/json")
            assert answered(answer, read(answer)) == (401, None if method == "HEAD" else "unauthenticated"), path


@pytest.mark.parametrize("who", CALLERS)
def test_options_are_for_all(still: World, who: str) -> None:
    for rule in still.app.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "x", rule.rule)
        assert Asking(still, who).send("OPTIONS", path).status_code == 200, path
