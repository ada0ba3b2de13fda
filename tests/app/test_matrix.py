"""Every route by everybody for every model: what is given is done; all else is refused, shows and changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.v1 import listing
from app.web import respond_async
from app.web.needs import Need, needs_of
from registry_core import UploadNotFound
from registry_core.access.roles import Role, at_least

from ..uploads.wire import BYTES, TUS, announced, named
from .callers import ADMINS, CALLERS, MODELS, SAID, THERE, Model, World, code_of, make, name_of
from .conftest import scratch
from .matrix import LEAST, MISSING, MODEL, OPERATION, ROUTES, SESSION, Answered, Ask, expected

FRESH = count(4)  # what is new in a request that is done
PATIENCE_S = 600.0
NO_COMMIT = "0" * 40
OWNED = ("upload", "operation")  # by their ids


def made() -> Iterator[World]:
    with scratch() as area:
        (area / "root").mkdir()
        yield make(area)


# Whoever changes something does it in a world of its own.
still = pytest.fixture(scope="module", name="still")(made)
world = pytest.fixture(scope="module", name="world")(made)


class Asking:
    """One caller at a world. What belongs to somebody is made by whoever may have it, else it is the admin's."""

    def __init__(self, world: World, who: str) -> None:
        self.world, self.who = world, who

    def send(self, method: str, path: str, who: str | None = None, **more: Any) -> TestResponse:
        headers = {**self.world.headers_of(who or self.who), **more.pop("headers", {})}
        return self.world.client.open(path, method=method, headers=headers, **more)

    def words(self, ask: Ask, model: Model, *, may: bool) -> dict[str, str]:
        """What the request names; ``may``: it will be done. What is refused leaves it for the next one."""
        if not may:
            known = self.world.words.get((model.task, name_of(model)))
            if known is None:
                known = Asking(self.world, "chief").made(
                    model, name_of(model), "999", {"commit", "upload", "operation", "token"}
                )
                self.world.words[model.task, name_of(model)] = known
            return known
        new = f"{next(FRESH)}"
        name = name_of(model) if model.is_there or ask.missing == MISSING else f"n{new}"
        return self.made(model, name, new, set(re.findall(r"{([a-z]+)}", ask.path + json.dumps(ask.body))))

    def made(self, model: Model, name: str, new: str, asked: set[str]) -> dict[str, str]:
        words = {"task": model.task, "model": name, "new": new, "source": str(self.world.source)}
        if "commit" in asked:
            found = self.send("GET", f"/hf/api/models/{model.task}/{name}", "chief")
            words["commit"] = found.json["sha"] if found.status_code == 200 else NO_COMMIT
        if asked & {"upload", "full"}:
            words.update(self.upload(model.task, name))
        if "token" in asked:
            found = self.send("POST", "/v1/tokens", json={"kind": "personal", "name": f"of-{model.task}-{name}-{new}"})
            words["token"] = found.json["id"]
        if "operation" in asked:
            words["operation"] = self.operation(model.task, name)
        return words

    def upload(self, task: str, name: str) -> dict[str, str]:
        """An upload that goes on, with a file that waits for its byte; and one that is whole."""
        first = announced("first", b"1")
        asked = {"task": task, "model_name": name, "files": [first]}
        begun = self.send("POST", "/v1/uploads", json={**asked, "more": True}).json["upload_id"]
        full = self.send("POST", "/v1/uploads", json=asked).json["upload_id"]
        whole = {**BYTES, "Upload-Length": "1", "Upload-Metadata": named("first")}
        self.send("POST", f"/v1/uploads/{full}", headers=whole, data=b"1")
        empty = {**TUS, "Upload-Length": "1", "Upload-Metadata": named("other")}
        made = self.send("POST", f"/v1/uploads/{begun}", headers=empty)
        return {"upload": begun, "full": full, "file": made.headers["Location"].rpartition("/")[2]}

    def operation(self, task: str, name: str) -> str:
        body = {"task": task, "ref": f"{name}@1"}
        begun = self.send("POST", "/v1/verify", json=body, headers={"Prefer": "respond-async"})
        respond_async.finish(lambda: None, PATIENCE_S)
        found: str = begun.json["operation_id"]
        return found

    def ask(self, method: str, ask: Ask, words: Mapping[str, str]) -> TestResponse:
        query = "&".join(f"{name}={filled(value, words)}" for name, value in ask.query.items())
        body = {"data": ask.data} if ask.body is None else {"json": filled(ask.body, words)}
        path = filled(ask.path, words)
        return self.send(method, path, query_string=query, headers=dict(ask.headers), **body)

    def forget(self, words: Mapping[str, str]) -> None:
        """What was made for one request is gone again."""
        for name in ("upload", "full"):
            with suppress(UploadNotFound):
                if name in words:
                    self.world.registry.cancel_upload(words[name])


def filled(template: Any, words: Mapping[str, str]) -> Any:
    if isinstance(template, str):
        return re.sub(r"\{([a-z]+)\}", lambda match: words[match[1]], template)
    if isinstance(template, Mapping):
        return {key: filled(value, words) for key, value in template.items()}
    return template


def answered(answer: TestResponse, body: bytes) -> Answered:
    is_problem = answer.status_code >= 400 and answer.request.method != "HEAD"
    return answer.status_code, code_of(body) if is_problem else None


def read(answer: TestResponse) -> bytes:
    body = answer.get_data()
    answer.close()
    return body


def check_hub(answer: TestResponse, code: str | None) -> None:
    said = {"model_not_found": "RepoNotFound", "unauthenticated": "RepoNotFound", "invalid_token": "RepoNotFound"}
    said["permission_denied"] = "GatedRepo"
    if answer.request.path.startswith("/hf/") and code in said:
        assert answer.headers["X-Error-Code"] == said[code]


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


def need_of(world: World, method: str, rule: str) -> Need:
    (found,) = {
        needs_of(world.app)[one.endpoint]
        for one in world.app.url_map.iter_rules()
        if one.rule == rule and method in (one.methods or set())
    }
    return found


def cells(world: World, who: str) -> Iterator[tuple[str, Ask, Model, Answered, str]]:
    """Each call of each model, with the answer that the table expects, and what a failure is called."""
    for (method, rule), asks in ROUTES.items():
        need = need_of(world, method, rule)
        for ask in asks:
            for name in MODELS if ask.about in (MODEL, SESSION, OPERATION) else ["given"]:
                wanted = expected(need, ask, who, MODELS[name])
                yield method, ask, MODELS[name], wanted, f"{who}: {method} {ask} of {name}"


@pytest.mark.parametrize("who", CALLERS)
def test_what_the_rules_do_not_give_is_refused_and_changes_nothing(still: World, who: str) -> None:
    asking = Asking(still, who)
    refused = [cell for cell in cells(still, who) if cell[3][0] >= 400]
    words = [asking.words(ask, model, may=False) for _, ask, model, *_ in refused]
    before = still.marks()
    for (method, ask, _, wanted, title), each in zip(refused, words, strict=True):
        check(asking, method, ask, each, wanted, title)
        assert method == "GET" or still.marks() == before, title
    assert still.marks() == before


@pytest.mark.parametrize("who", CALLERS)
def test_what_the_rules_give_is_done(world: World, who: str) -> None:
    asking = Asking(world, who)
    for method, ask, model, wanted, title in cells(world, who):
        if wanted[0] >= 400:
            continue
        words = asking.words(ask, model, may=True)
        check(asking, method, ask, words, wanted, title)
        if wanted[0] == 202:
            respond_async.finish(lambda: None, PATIENCE_S)
        if ask.undo is not None and model.is_there:
            ask.undo(world.registry, model.task, words["model"])
        asking.forget(words)


def check(asking: Asking, method: str, ask: Ask, words: Mapping[str, str], wanted: Answered, title: str) -> None:
    for one in (method, "HEAD") if method == "GET" else (method,):
        answer = asking.ask(one, ask, words)
        body = read(answer)
        is_head = one == "HEAD"
        status = 200 if is_head and wanted[0] in (206, 416) else wanted[0]  # a range of a HEAD means nothing
        assert answered(answer, body) == (status, None if is_head else wanted[1]), f"{title}: {one} {body!r}"
        assert not (is_head and body), title
        check_hub(answer, wanted[1])
        if wanted[0] == 401:
            assert [said.split()[0] for said in answer.headers.getlist("WWW-Authenticate")] == ["Bearer", "Basic"]


@pytest.fixture(scope="module")
def bare(still: World) -> Iterator[World]:
    """The world without the foreign model."""
    with scratch() as area:
        yield still.without_what_is_foreign(area / "bare")


@pytest.mark.parametrize("who", sorted(CALLERS.keys() - ADMINS - {"expired"}))
def test_no_answer_tells_whether_there_is_what_may_not_be_seen(still: World, bare: World, who: str) -> None:
    """Byte for byte, headers too: of a registry where the foreign model is, and of one where it never was."""
    for (method, rule), asks in ROUTES.items():
        need = need_of(still, method, rule)
        for ask in asks:
            if ask.about in (SESSION, OPERATION) or "{full}" in str(ask.body):
                continue  # by an id, which is of one world: see below
            for name in ("foreign", "given"):
                model = MODELS[name]
                is_refused = expected(need, ask, who, model)[0] >= 400
                if method not in ("GET", "HEAD") and not is_refused:
                    continue
                words = Asking(still, who).words(ask, model, may=False)
                there, never = (whole(Asking(one, who).ask(method, ask, words)) for one in (still, bare))
                assert there == never, f"{who}: {method} {ask} of {name}"


def whole(answer: TestResponse) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Where on this machine the root lies is no matter, nor what separates parts."""
    body = re.sub(rb"/[^\"]*/root/", b"/root/", read(answer))
    varying = {"Date", *(["Content-Length"] if b"/root/" in body else [])}
    headers = [(name, value) for name, value in answer.headers if name not in varying]
    boundary = answer.mimetype_params.get("boundary")
    if boundary is not None:
        body = body.replace(boundary.encode(), b"BOUNDARY")
        headers = [(name, value.replace(boundary, "BOUNDARY")) for name, value in headers]
    return answer.status_code, body, sorted(headers)


@pytest.mark.parametrize("who", CALLERS)
def test_what_is_of_others_is_told_as_what_is_of_nobody(still: World, who: str) -> None:
    asking = Asking(still, who)
    for (method, rule), asks in ROUTES.items():
        need = need_of(still, method, rule)
        for ask in asks:
            if ask.about not in (SESSION, OPERATION) or who in ADMINS or CALLERS[who].is_refused:
                continue
            words = asking.words(ask, MODELS["foreign"], may=False)
            none = {**words, **dict.fromkeys(OWNED, "0" * 32)}
            of_others, of_nobody = (whole(asking.ask(method, ask, each)) for each in (words, none))
            status = expected(need, ask, who, MODELS["foreign"])[0]
            assert of_others[0] == of_nobody[0] == status, f"{who}: {method} {ask}"
            told = re.sub("|".join(words[name] for name in OWNED).encode(), b"0" * 32, of_others[1])
            assert (told, of_others[2]) == of_nobody[1:], f"{who}: {method} {ask}"


@pytest.mark.parametrize("who", CALLERS)
def test_lists_count_what_may_be_seen(still: World, who: str) -> None:
    asking = Asking(still, who)
    if CALLERS[who].is_refused:
        return
    seen = sorted(model.task for model in THERE if model.role(who) is not None)
    everything = asking.send("GET", "/v1/models")
    listed = [(item["task"], item["model_name"], item["version"]) for item in everything.json]
    assert sorted(listed) == [(task, "m", version) for task in seen for version in ("1", "2")]
    assert everything.headers["X-Total-Count"] == str(2 * len(seen))
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
    answer = Asking(still, who).send("GET", "/v1/events", query_string={"after": "0"})
    if CALLERS[who].is_refused:
        assert answer.status_code == 401
        return
    tasks = set()
    for message in answer.response:
        text = message if isinstance(message, str) else message.decode()
        if text.startswith(": still here"):
            break
        tasks |= {json.loads(line[6:])["task"] for line in text.splitlines() if line.startswith("data: ")}
    answer.close()
    assert tasks == {model.task for model in THERE if model.role(who) is not None}


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
