"""The matrix as it is walked: what each request names, how it is sent, and what is looked for in the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import count, groupby
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.web import respond_async
from app.web.needs import Need, needs_of
from registry_core import UploadNotFound

from ..support.issuer import issuer_server
from ..uploads.wire import BYTES, TUS, announced, named
from .callers import CALLERS, MODELS, Model, World, code_of, make, name_of
from .conftest import scratch
from .matrix import MISSING, MODEL, OPERATION, OURS, ROUTES, SESSION, Answered, Ask, expected

FRESH = count(4)  # what is new in a request that is done
PATIENCE_S = 600.0
NO_COMMIT = "0" * 40

TURNS = pytest.mark.parametrize("turns", [3, pytest.param(1, marks=pytest.mark.slow)], ids=["in turns", "all"])
"""Of how many models each call asks about one: where rules tell them apart, one function does, whatever is called."""


def made() -> Iterator[World]:
    with scratch() as area, issuer_server() as issuer:
        yield make(area, issuer)


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
        return self.made(model, name, new, set(re.findall(r"{([a-z]+)}", ask.path + json.dumps([ask.body, ask.form]))))

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
        body = {"data": filled(ask.data, words)} if ask.body is None else {"json": filled(ask.body, words)}
        headers = dict(ask.headers)
        if ask.form is not None:
            body, headers = {"data": filled(ask.form, words)}, {**headers, **OURS}
        path = filled(ask.path, words)
        return self.send(method, path, headers=headers, **({"query_string": query} if query else {}), **body)

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


def need_of(world: World, method: str, rule: str) -> Need:
    (found,) = {
        needs_of(world.app)[one.endpoint]
        for one in world.app.url_map.iter_rules()
        if one.rule == rule and method in (one.methods or set())
    }
    return found


Cell = tuple[str, Ask, Model, Answered, str]


def cells(world: World, who: str, names: Iterable[str], turns: int) -> Iterator[Cell]:
    """Each call of those models, with the answer that the table expects, and what a failure is called.

    The first of the models is asked about by each call, of the others one in ``turns``, and of the next ones by the
    next call and by the next caller.
    """
    first, *others = names
    for method, need, ask, turn in calls(world, who):
        asked = [first, *others[turn % turns :: turns]] if ask.about in (MODEL, SESSION, OPERATION) else [first]
        for name in asked:
            wanted = expected(need, ask, who, MODELS[name])
            yield method, ask, MODELS[name], wanted, f"{who}: {method} {ask} of {name}"


def calls(world: World, who: str) -> Iterator[tuple[str, Need, Ask, int]]:
    """(method, need, call, whose turn it is) of each call; the turns of each caller begin elsewhere."""
    turns = count(list(CALLERS).index(who))
    for (method, rule), asks in ROUTES.items():
        need = need_of(world, method, rule)
        yield from ((method, need, ask, next(turns)) for ask in asks)


def check_refused(world: World, who: str, names: Iterable[str], turns: int) -> None:
    """What the rules do not give the caller is refused, and changes nothing."""
    asking = Asking(world, who)
    refused = [cell for cell in cells(world, who, names, turns) if cell[3][0] >= 400]
    words = [asking.words(ask, model, may=False) for _, ask, model, *_ in refused]
    before = world.marks()
    for ask, group in groupby(zip(refused, words, strict=True), key=lambda pair: pair[0][1]):
        for (method, _, _, wanted, title), each in group:
            check(asking, method, ask, each, wanted, title)
        assert method == "GET" or world.marks() == before, title
    assert world.marks() == before


def check_done(world: World, who: str, names: Iterable[str], turns: int) -> None:
    """What the rules give the caller is done; of one model by HEAD too."""
    asking = Asking(world, who)
    asked: Ask | None = None
    for method, ask, model, wanted, title in cells(world, who, names, turns):
        if wanted[0] >= 400:
            continue
        words = asking.words(ask, model, may=True)
        check(asking, method, ask, words, wanted, title, by_head=ask is not asked)
        asked = ask
        if wanted[0] in (202, 303):  # it may go on
            respond_async.finish(lambda: None, PATIENCE_S)
        if ask.undo is not None and model.is_there:
            ask.undo(world.registry, model.task, words["model"])
        asking.forget(words)


def check(
    asking: Asking,
    method: str,
    ask: Ask,
    words: Mapping[str, str],
    wanted: Answered,
    title: str,
    *,
    by_head: bool = True,
) -> None:
    for one in (method, "HEAD") if method == "GET" and by_head else (method,):
        answer = asking.ask(one, ask, words)
        body = read(answer)
        is_head = one == "HEAD"
        status = 200 if is_head and wanted[0] in (206, 416) else wanted[0]  # a range of a HEAD means nothing
        assert answered(answer, body) == (status, None if is_head else wanted[1]), f"{title}: {one} {body!r}"
        assert not (is_head and body), title
        check_hub(answer, wanted[1])
        if wanted[0] == 401:
            assert [said.split()[0] for said in answer.headers.getlist("WWW-Authenticate")] == ["Bearer", "Basic"]
