"""Whatever lies in the registry and whatever is asked: strict JSON or a typed problem, soon; of each route and command.

A new route or command without a row here is a failure.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result
from werkzeug.test import TestResponse

from app import create_app
from app.config import Settings
from app.v1.log import LINES
from app.web.errors import CONTENT_TYPE
from registry_client.cli.main import main
from registry_core import CoreSettings
from registry_core.evidence.keys import new_ed25519, private_pem

from ..app.conftest import scratch
from ..docs.documents import read
from ..support import nasty
from ..support.commands import every_command
from ..support.machine import MIB
from ..support.nasty import Target
from ..support.packages import write_files
from ..support.servers import gunicorn
from ..uploads.tars import packed

CODES = {heading.strip("`") for heading in read("docs/errors.md").headings if heading.startswith("`")}
SOON_S = 60.0  # an answer takes milliseconds; what has no end, or grows with the square of what is sent, does not
SAMPLE = 24  # targets of each route and command in `make test`; `make soak` takes all
FEW = 5  # over HTTP, where a command costs most
NAMED_IN = re.compile(r"\{[a-z]+\}")  # what a target fills in; a call without a query is written with {} too
NAMED_TASKS = {"names", "celltype"}  # that calls and targets name by themselves
STREAMED = 40  # messages of the stream of events that are looked at


@dataclass(frozen=True)
class Place:
    root: Path
    area: Path
    targets: list[Target]


@pytest.fixture(scope="module")
def made() -> Iterator[Place]:
    """The nasty registry, which no test changes."""
    with scratch() as area:
        (area / "key.pem").write_bytes(private_pem(new_ed25519()))
        yield Place(area / "root", area, [*nasty.make(area / "root", area / "sources"), *nasty.refused()])


@pytest.fixture
def place(made: Place, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A copy of it, for whoever changes something; of the models that are asked about, where no call is about all."""
    asked = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    if asked.get("title") in READING or asked.get("route", "")[:1] == ("GET",):
        yield made
        return
    calls = COMMANDS[asked["title"]] if "title" in asked else ROUTES[asked.get("route") or asked["changing"]]
    is_of_all = request.node.get_closest_marker("slow") or not all(NAMED_IN.search(str(call)) for call in calls)
    some = [target for call in calls for most in (SAMPLE, FEW) for target in concerned(made.targets, call, most)]
    with scratch() as area:
        shutil.copytree(made.root, area / "root", symlinks=True, ignore=None if is_of_all else all_but(made, some))
        shutil.copy(made.area / "key.pem", area / "key.pem")
        write_files(area / "source", {"model.pt": b"new", "metrics.json": b'{"f1": NaN, "x": 1e999}'})
        yield Place(area / "root", area, made.targets)


def all_but(made: Place, targets: list[Target]) -> Callable[[str, list[str]], set[str]]:
    """What ``copytree`` leaves out: the models that nothing names."""
    named = {(target.task, target.model) for target in targets}
    tasks = {task for task, _ in named} | NAMED_TASKS

    def left_out(directory: str, names: list[str]) -> set[str]:
        match Path(directory).relative_to(made.root).parts:
            case ("tasks",):
                return set(names) - tasks
            case ("tasks", task, "models") if task not in NAMED_TASKS:
                return {name for name in names if (task, name) not in named}
        return set()

    return left_out


def concerned(targets: list[Target], asked: object, most: int | None) -> list[Target]:
    """Those that the request with this template can tell from each other; ``most`` of them, always the same."""
    text = str(asked)
    if not NAMED_IN.search(text):
        return targets[:1]
    special = {"{upload}": "upload's", "{operation}": "operation"}
    wanted = next((start for name, start in special.items() if name in text), None)
    kinds = [target.what.partition(" ")[0] for target in targets]
    found = [
        target
        for target, kind in zip(targets, kinds, strict=True)
        if (kind not in special.values() if wanted is None else kind in (wanted, "refused"))
    ]
    return found if most is None else random.Random(text).sample(found, min(most, len(found)))


# what is looked for in an answer


def strict(text: str | bytes) -> Any:
    """The value of strict JSON: no NaN, no infinity, no key twice, no lone surrogate."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        assert len(found) == len(pairs), f"a key stands twice in {[key for key, _ in pairs]}"
        return found

    def finite(digits: str) -> float:
        value = float(digits)
        assert abs(value) != float("inf"), f"{digits} is read as infinity"
        return value

    def short(digits: str) -> int:
        assert len(digits) <= 4300, "a longer one than this language reads"
        return int(digits)

    return json.loads(text, parse_constant=refuse, object_pairs_hook=once, parse_float=finite, parse_int=short)


def check_answer(answer: TestResponse, title: str) -> None:
    kind = (answer.content_type or "").partition(";")[0]
    for name, value in answer.headers.items():
        assert "\n" not in value, f"{title}: {name}"
        assert "\r" not in value, f"{title}: {name}"
    if "X-Warnings" in answer.headers:
        strict(answer.headers["X-Warnings"])
    if kind == "text/event-stream":
        for message in islice(answer.response, STREAMED):
            text = message if isinstance(message, str) else message.decode()
            for line in text.splitlines():
                if line.startswith("data: "):
                    strict(line.removeprefix("data: "))
        answer.close()
        return
    body = answer.get_data()
    answer.close()
    if answer.request.method == "HEAD":
        assert answer.status_code != 500, title
    elif answer.status_code >= 400:
        assert kind == CONTENT_TYPE, f"{title}: {answer.status_code} {kind}"
        problem = strict(body)
        assert problem["code"] in CODES, f"{title}: {problem}"
        assert problem["status"] == answer.status_code
        assert problem["ok"] is False
        assert problem["code"] != "internal_error", f"{title}: {problem}"
        assert len(body) < MIB, title
    elif "json" in kind and kind != LINES:  # a journal's lines are given as they lie there, whatever they are
        strict(body)


# the routes


@dataclass(frozen=True)
class Call:
    """A request with ``{task}`` and the like in it, which a target fills in.

    ``body`` is JSON, ``data`` is raw, ``form`` what a page of ours sends.
    """

    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytes | None = None
    form: Mapping[str, str] | None = None


REF = {"task": "{task}", "ref": "{model}@{version}"}
ALIASED = {"task": "{task}", "ref": "{model}@{alias}"}
MODEL = {"task": "{task}", "model": "{model}"}
VERSION = {"task": "{task}", "model_name": "{model}", "version": "{version}"}
ALIAS = {"task": "{task}", "model_name": "{model}", "alias": "{alias}"}
RUN = {"task": "{task}", "model_name": "{model}", "run_id": "{version}"}
WHY = {"actor": "{alias}", "reason": "{version}"}
TUS = {"Tus-Resumable": "1.0.0"}
OURS = {"Origin": "http://localhost", "Content-Type": "application/x-www-form-urlencoded"}  # a form of a page
HUB = "/hf/api/models/{task}/{model}"

PAGE, TYPED = "/ui/models/{task}/{model}", {"reason": "{alias}", "who": "{path}"}
SEEN = {"expected_version": "1", "expected_seq": "1"}

ROUTES: dict[tuple[str, str], list[Call]] = {
    ("GET", "/health"): [Call("/health")],
    ("GET", "/health/ready"): [Call("/health/ready")],
    ("GET", "/v1/auth/status"): [Call("/v1/auth/status")],
    ("GET", "/v1/auth/me"): [Call("/v1/auth/me")],
    ("GET", "/v1/access"): [Call("/v1/access")],
    ("PUT", "/v1/access"): [
        Call("/v1/access", {"expected_seq": "{version}", "reason": "{alias}"}, body={"rules": ["{alias}"]})
    ],
    ("GET", "/v1/access/try"): [
        Call("/v1/access/try", {"who": "user:{alias}", "action": "promote", "task": "{task}", "model_name": "{model}"})
    ],
    ("GET", "/v1/trust"): [Call("/v1/trust"), Call("/v1/trust", {"as_of": "{path}"})],
    ("PUT", "/v1/trust"): [Call("/v1/trust", {"expected_seq": "{version}"}, body={"people": {"{alias}": []}})],
    ("GET", "/v1/policies"): [Call("/v1/policies")],
    ("GET", "/v1/policies/<task>"): [Call("/v1/policies/{task}"), Call("/v1/policies/*", {"as_of": "{path}"})],
    ("PUT", "/v1/policies/<task>"): [Call("/v1/policies/{task}", {"reason": "{alias}"}, body={"task": "{task}"})],
    ("DELETE", "/v1/policies/<task>"): [Call("/v1/policies/{task}", body={"reason": "{alias}"})],
    ("POST", "/v1/policies/<task>/try"): [Call("/v1/policies/{task}/try", body={"models": ["{model}"]})],
    ("GET", "/v1/log/documents/<digest>"): [Call("/v1/log/documents/{version}")],
    ("GET", "/v1/tokens"): [Call("/v1/tokens")],
    ("POST", "/v1/tokens"): [
        Call(
            "/v1/tokens",
            body={"kind": "service", "name": "{version}", "on": ["{task}/{model}"], "aliases": ["{alias}"]},
        )
    ],
    ("POST", "/v1/ownership/resolve"): [
        Call("/v1/ownership/resolve", body={"task": "{task}", "model_name": "{model}", "reason": "{alias}"})
    ],
    ("DELETE", "/v1/tokens/<token_id>"): [Call("/v1/tokens/{version}", {"reason": "{alias}"})],
    ("GET", "/v1/auth/login"): [Call("/v1/auth/login", {"next": "{path}"})],
    ("POST", "/v1/auth/login"): [
        Call(
            "/v1/auth/login",
            data=b"token=%ff&next=/docs",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
    ],
    ("GET", "/v1/auth/callback"): [Call("/v1/auth/callback", {"code": "{version}", "state": "{alias}"})],
    ("POST", "/v1/auth/logout"): [Call("/v1/auth/logout", headers={"Cookie": "registry_session={version}"})],
    ("GET", "/"): [Call("/"), Call("/", headers={"Accept": "text/html"})],
    ("GET", "/ui/"): [Call("/ui/")],
    ("GET", "/ui/activity"): [
        Call("/ui/activity", {"event": "{alias}", "actor": "{version}", "q": "{path}"}),
        Call("/ui/activity", {"since": "{alias}", "before": "{path}"}),
    ],
    ("GET", "/ui/activity/new"): [Call("/ui/activity/new", {"since": "{path}"})],
    ("GET", "/ui/operations"): [Call("/ui/operations")],
    ("GET", "/ui/access"): [
        Call("/ui/access", {"who": "user:{alias}", "action": "promote", "model": "{task}/{model}", "alias": "{alias}"}),
        Call("/ui/access", {"as_of": "{path}"}),
    ],
    ("GET", "/ui/access/history"): [
        Call("/ui/access/history", {"event": "{alias}"}),
        Call("/ui/access/history", {"before": "{path}", "proof": "{version}"}),
    ],
    ("GET", "/ui/tokens"): [Call("/ui/tokens", {"revoked": "{version}", "name": "{path}", "days": "{alias}"})],
    ("POST", "/ui/tokens"): [
        Call("/ui/tokens", data=b"kind=service&name=%ff&days=1e9", headers=OURS),
        Call("/ui/tokens", data=b"kind=service&name=a&days=1&on=%00&aliases=%ff", headers=OURS),
    ],
    ("POST", "/ui/tokens/<token_id>/revoke"): [Call("/ui/tokens/{version}/revoke", data=b"reason=%ff", headers=OURS)],
    ("GET", "/ui/models/<task>/<model_name>"): [
        Call("/ui/models/{task}/{model}", {"metric": "{alias}", "cursor": "{version}"}),
        Call("/ui/models/{task}/{model}"),
    ],
    ("GET", "/ui/models/<task>/<model_name>/versions/<version>"): [
        *(
            Call(PAGE + "/versions/{version}", {"tab": tab, "path": "{path}", "match": "{alias}"})
            for tab in ("card", "files", "metrics", "lineage", "evidence", "integrity", "{alias}")
        ),
    ],
    ("GET", "/ui/models/<task>/<model_name>/compare"): [
        Call(PAGE + "/compare", {"v": "{version}"}),
        Call(PAGE + "/compare", {"v": "{version}", "file": "{path}", "all": "1"}),
    ],
    ("GET", "/ui/raw/<task>/<model_name>/<version>/<path:path>"): [Call("/ui/raw/{task}/{model}/{version}/{path}")],
    ("GET", "/ui/models/<task>/<model_name>/history"): [
        Call("/ui/models/{task}/{model}/history", {"as_of": "2026-01-01", "proof": "1", "q": "{path}"}),
        Call("/ui/models/{task}/{model}/history", {"alias": "{alias}", "actor": "{path}", "version": "{version}"}),
        Call("/ui/models/{task}/{model}/history", {"as_of": "{version}"}),
        Call("/ui/models/{task}/{model}/history", {"day": "{version}"}),
    ],
    ("GET", "/ui/runs/<task>/<model_name>"): [
        Call("/ui/runs/{task}/{model}", {"run": "{version}", "metric": "{path}"}),
        Call("/ui/runs/{task}/{model}", {"param": "{alias}:1", "cursor": "{version}"}),
    ],
    ("GET", "/ui/static/<name>"): [Call("/ui/static/{version}")],
    ("POST", "/ui/theme"): [Call("/ui/theme", data=b"theme=%ff&next=%ff", headers=OURS), Call("/ui/theme", data=b"x")],
    **{
        ("GET", f"/ui/models/<task>/<model_name>/{verb}"): [
            Call(f"{PAGE}/{verb}", {"alias": "{alias}", "version": "{version}", "to": "{version}"}),
            Call(f"{PAGE}/{verb}", {"reason": "{path}", "done": "{version}"}),
        ]
        for verb in ("promote", "rollback", "unalias")
    },
    **{
        ("POST", f"/ui/models/<task>/<model_name>/{verb}"): [
            Call(
                f"{PAGE}/{verb}",
                form={
                    **TYPED,
                    "alias": "{alias}",
                    "version": "{version}",
                    "expected_version": "1",
                    "expected_seq": "1",
                },
            ),
            Call(f"{PAGE}/{verb}", form={"expected_version": "{version}", "expected_seq": "{version}"}),
        ]
        for verb in ("promote", "rollback", "unalias")
    },
    **{
        (method, f"/ui/models/<task>/<model_name>/versions/<version>/{verb}"): [
            Call(f"{PAGE}/versions/{{version}}/{verb}", {"operation": "{operation}"}, form=form)
        ]
        for verb in ("archive", "unarchive", "delete", "restore", "describe", "verify")
        for method, form in (
            ("GET", None),
            ("POST", {**TYPED, "typed_version": "{version}", "key": "{alias}", "value": "{path}", "was_value": ""}),
        )
    },
    ("GET", "/ui/upload"): [
        Call("/ui/upload", {"task": "{task}", "model": "{model}", "version": "{version}", "upload": "{upload}"}),
        Call("/ui/upload", {"operation": "{operation}", "task": "{task}"}),
    ],
    ("POST", "/ui/upload"): [
        Call(
            "/ui/upload",
            form={**TYPED, "task": "{task}", "model": "{model}", "version": "{version}", "upload": "{upload}"},
        ),
        Call("/ui/upload", form={"task": "{path}", "upload": "{version}"}),
    ],
    ("POST", "/ui/upload/cancel"): [
        Call("/ui/upload/cancel", form={"upload": "{upload}", "task": "{task}", "model": "{model}"})
    ],
    ("GET", "/docs"): [Call("/docs")],
    ("GET", "/docs/assets/<path:name>"): [Call("/docs/assets/{path}")],
    ("GET", "/openapi.json"): [Call("/openapi.json")],
    ("GET", "/v1/resolve"): [
        Call("/v1/resolve", REF),
        Call("/v1/resolve", {**ALIASED, "verify": "false"}),
        Call("/v1/resolve", {**ALIASED, "as_of": "2026-01-01T00:00:00Z"}),
        Call("/v1/resolve", {**REF, "as_of": "{version}"}),
    ],
    ("GET", "/v1/show"): [
        Call("/v1/show", REF),
        Call("/v1/show", {**ALIASED, "verify": "true"}),
        Call("/v1/show", {**ALIASED, "as_of": "9999-12-31T23:59:59-23:59"}),
    ],
    ("GET", "/v1/artifacts"): [Call("/v1/artifacts", REF)],
    ("GET", "/v1/gate"): [
        Call("/v1/gate", {**REF, "alias": "{alias}"}),
        Call("/v1/gate", {**ALIASED, "alias": "production", "as_of": "2026-01-01T00:00:00Z", "actor": "{model}"}),
    ],
    ("GET", "/v1/metrics"): [Call("/v1/metrics", REF)],
    ("GET", "/v1/facts"): [Call("/v1/facts", REF), Call("/v1/facts", {**REF, "details": "true"})],
    ("GET", "/v1/attestations"): [Call("/v1/attestations", REF)],
    ("GET", "/v1/attestations/<task>/<model_name>/<version>/<sha256>"): [
        Call("/v1/attestations/{task}/{model}/{version}/{path}"),
        Call("/v1/attestations/{task}/{model}/{version}/" + "0" * 64),
    ],
    ("GET", "/v1/findings"): [Call("/v1/findings", REF)],
    ("GET", "/v1/compare"): [
        Call("/v1/compare", {**MODEL, "versions": "{version}"}),
        Call("/v1/compare", {**MODEL, "versions": "{version}&versions=1&versions=2"}),
        Call("/v1/compare", {**MODEL, "versions": "{version}&versions=1.2.3", "path": "{path}"}),
        Call("/v1/compare", {**MODEL, "versions": "{version}&versions=1.2.3", "path": "model_meta.json"}),
    ],
    ("GET", "/v1/aliases"): [
        Call("/v1/aliases", MODEL),
        Call("/v1/aliases", {**MODEL, "as_of": "2026-01-01T00:00:00Z"}),
        Call("/v1/aliases", {**MODEL, "as_of": "{version}"}),
    ],
    ("GET", "/v1/aliases/spans"): [
        Call("/v1/aliases/spans", MODEL),
        Call("/v1/aliases/spans", {**MODEL, "alias": "{alias}", "limit": "1"}),
        Call("/v1/aliases/spans", {**MODEL, "limit": "{version}"}),
    ],
    ("GET", "/v1/versions/deleted"): [Call("/v1/versions/deleted", MODEL)],
    ("GET", "/v1/history"): [
        Call("/v1/history", MODEL),
        Call("/v1/history", {**MODEL, "alias": "{alias}", "version": "{version}", "event": "{path}"}),
        Call("/v1/history", {**MODEL, "after": "{version}", "limit": "{version}"}),
        Call("/v1/history", {**MODEL, "order": "desc", "before": "{version}", "q": "{path}"}),
        Call(
            "/v1/history", {**MODEL, "order": "desc", "alias": "{alias}", "since": "2026-01-01", "actor": "{version}"}
        ),
        Call("/v1/history", {"version": "{version}", "q": "{alias}", "until": "{path}"}),
        Call("/v1/history", {"alias": "{alias}", "before": "{version}", "order": "{path}"}),
        Call("/v1/history", {"limit": "1000"}),
    ],
    ("GET", "/v1/audit/verify"): [
        Call("/v1/audit/verify", MODEL),
        Call("/v1/audit/verify", {**MODEL, "expect_head": "{version}"}),
    ],
    ("GET", "/v1/journal"): [
        Call("/v1/journal", MODEL),
        Call("/v1/journal", {**MODEL, "after": "{version}", "limit": "{path}"}),
        Call("/v1/journal", {"limit": "1000"}),
    ],
    ("GET", "/v1/log/checkpoint"): [Call("/v1/log/checkpoint")],
    ("GET", "/v1/log/vkey"): [Call("/v1/log/vkey")],
    ("GET", "/v1/log/proof"): [
        Call("/v1/log/proof", {**MODEL, "seq": "1"}),
        Call("/v1/log/proof", {**MODEL, "seq": "{version}"}),
        Call("/v1/log/proof", {"seq": "1"}),
    ],
    ("GET", "/v1/log/consistency"): [
        Call("/v1/log/consistency", {"from": "0"}),
        Call("/v1/log/consistency", {"from": "{version}", "to": "{path}"}),
    ],
    ("GET", "/v1/models"): [
        Call("/v1/models"),
        Call("/v1/models", {"task": "{task}", "model_name": "{model}"}),
        Call("/v1/models", {"q": "{version}", "alias": "{alias}", "sort": "{path}"}),
        Call("/v1/models", {"tag": "{alias}:{version}", "metric_gte": "{path}:{version}", "cursor": "{model}"}),
        Call("/v1/models", {"sort": "metric:accuracy", "limit": "1000"}),
    ],
    ("GET", "/v1/models/summary"): [
        Call("/v1/models/summary", {"limit": "1000"}),
        Call("/v1/models/summary", {"task": "{task}", "alias": "{alias}", "without_alias": "{version}"}),
        Call("/v1/models/summary", {"q": "{version}", "tag": "{alias}:{version}", "sort": "-bytes"}),
        Call("/v1/models/summary", {"fact": "load:{path}"}),
        Call("/v1/models/summary", {"sort": "{path}", "cursor": "{model}"}),
    ],
    ("GET", "/v1/tasks"): [Call("/v1/tasks")],
    ("GET", "/v1/events"): [Call("/v1/events", {"after": "0"}), Call("/v1/events", {"after": "{version}"})],
    ("GET", "/v1/files/<task>/<model_name>/<selector>/<path:path>"): [
        Call("/v1/files/{task}/{model}/{version}/{path}"),
        Call("/v1/files/{task}/{model}/{alias}/model.pt", headers={"Range": "bytes=1-,{version}"}),
    ],
    ("GET", "/v1/files/<task>/<model_name>/<selector>"): [
        Call("/v1/files/{task}/{model}/{version}/", headers={"Accept": "{path}, application/json"}),
        Call("/v1/files/{task}/{model}/{alias}"),
    ],
    ("GET", "/v1/archive/<task>/<model_name>/<selector>"): [Call("/v1/archive/{task}/{model}/{version}")],
    ("GET", "/v1/operations"): [Call("/v1/operations"), Call("/v1/operations", {"limit": "{version}"})],
    ("GET", "/v1/uploads"): [Call("/v1/uploads"), Call("/v1/uploads", {"limit": "{version}"})],
    ("GET", "/v1/operations/<operation_id>"): [Call("/v1/operations/{operation}")],
    ("GET", "/v1/uploads/<upload_id>"): [Call("/v1/uploads/{upload}")],
    ("GET", "/hf/<task>/<model_name>/resolve/<revision>/<path:path>"): [
        Call("/hf/{task}/{model}/resolve/{version}/{path}"),
        Call("/hf/{task}/{model}/resolve/main/model.pt"),
    ],
    ("GET", "/hf/api/agent-harnesses"): [Call("/hf/api/agent-harnesses")],
    ("GET", "/hf/api/whoami-v2"): [Call("/hf/api/whoami-v2")],
    ("GET", "/hf/api/models"): [
        Call("/hf/api/models"),
        Call("/hf/api/models", {"author": "{task}", "search": "{model}", "limit": "{version}", "cursor": "{alias}"}),
    ],
    ("GET", "/hf/api/models/<task>/<model_name>"): [Call(HUB, {"blobs": "true"})],
    ("GET", "/hf/api/models/<task>/<model_name>/auth-check"): [Call(HUB + "/auth-check")],
    ("GET", "/hf/api/models/<task>/<model_name>/auth-check/write"): [Call(HUB + "/auth-check/write")],
    ("GET", "/hf/api/models/<task>/<model_name>/commits/<revision>"): [Call(HUB + "/commits/{version}")],
    ("GET", "/hf/api/models/<task>/<model_name>/refs"): [Call(HUB + "/refs")],
    ("GET", "/hf/api/models/<task>/<model_name>/revision/<revision>"): [Call(HUB + "/revision/{version}")],
    ("GET", "/hf/api/models/<task>/<model_name>/tree/<revision>"): [Call(HUB + "/tree/{alias}", {"recursive": "1"})],
    ("GET", "/hf/api/models/<task>/<model_name>/tree/<revision>/<path:path>"): [
        Call(HUB + "/tree/{version}/{path}", {"expand": "true"})
    ],
    ("POST", "/hf/api/models/<task>/<model_name>/paths-info/<revision>"): [
        Call(
            HUB + "/paths-info/{version}",
            data=b"paths=model.pt&paths=%ff&paths=..&expand=true",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
    ],
    ("POST", "/v1/verify"): [
        Call("/v1/verify", body=REF),
        Call("/v1/verify", body=ALIASED, headers={"Prefer": "respond-async"}),
    ],
    ("POST", "/v1/register"): [
        Call("/v1/register", body={**VERSION, "artifacts_dir": "{area}/source", "set_alias": "{alias}", **WHY}),
        Call("/v1/register", body={**VERSION, "artifacts_dir": "{path}", "metadata": {"{alias}": "{version}"}}),
        Call("/v1/register", body={**VERSION, "upload_id": "{upload}"}, headers={"Idempotency-Key": "{version}"}),
    ],
    ("POST", "/v1/register/ask"): [
        Call("/v1/register/ask", body={**VERSION, "set_alias": "{alias}", **WHY}),
        Call("/v1/register/ask", body={**VERSION, "metadata": {"{alias}": "{version}"}}),
    ],
    ("POST", "/v1/promote"): [
        Call("/v1/promote", body={**VERSION, "alias": "{alias}", **WHY}),
        Call("/v1/promote", body={**VERSION, "alias": "canary", "expected_version": "{alias}"}),
    ],
    ("POST", "/v1/rollback"): [Call("/v1/rollback", body={**ALIAS, **WHY})],
    ("DELETE", "/v1/aliases"): [Call("/v1/aliases", body=ALIAS), Call("/v1/aliases", ALIAS)],
    ("PUT", "/v1/tags"): [Call("/v1/tags", body={**VERSION, "key": "{alias}", "value": "{version}"})],
    ("POST", "/v1/facts"): [Call("/v1/facts", body={**REF, **WHY})],
    ("POST", "/v1/attestations"): [
        Call("/v1/attestations", {**REF, **WHY}, data=b"{}"),
        Call("/v1/attestations", {**REF, "from_package": "{path}"}),
    ],
    ("POST", "/v1/attestations/dismiss"): [Call("/v1/attestations/dismiss", body={**VERSION, "id": 1, **WHY})],
    ("POST", "/v1/findings"): [
        Call("/v1/findings", body={**VERSION, "severity": "note", "title": "{alias}", "url": "{path}", **WHY})
    ],
    ("POST", "/v1/findings/resolve"): [Call("/v1/findings/resolve", body={**VERSION, "id": 1, **WHY})],
    ("POST", "/v1/findings/dismiss"): [Call("/v1/findings/dismiss", body={**VERSION, "id": 1, **WHY})],
    ("POST", "/v1/versions/patch"): [
        Call("/v1/versions/patch", body={**VERSION, "description": "{alias}", "tags": {"{alias}": "{version}"}})
    ],
    ("POST", "/v1/stage"): [
        Call("/v1/stage", body={**VERSION, "stage": "archived", **WHY}),
        Call("/v1/stage", body={**VERSION, "stage": "staging", **WHY}),
    ],
    ("DELETE", "/v1/versions"): [Call("/v1/versions", body={**VERSION, "reason": "{alias}"})],
    ("POST", "/v1/versions/restore"): [Call("/v1/versions/restore", body=VERSION)],
    ("POST", "/v1/runs/log-metric"): [
        Call("/v1/runs/log-metric", body={**RUN, "key": "{alias}", "value": 0.5, "step": 1, "timestamp": 1}),
        Call("/v1/runs/log-metric", body={**RUN, "run_id": "r1", "key": "{path}", "value": 1, "actor": "{alias}"}),
    ],
    ("POST", "/v1/runs/log-param"): [Call("/v1/runs/log-param", body={**RUN, "key": "{alias}", "value": "{version}"})],
    ("POST", "/v1/runs/log-batch"): [
        Call(
            "/v1/runs/log-batch",
            body={
                **RUN,
                "metrics": [{"key": "{alias}", "value": 1, "step": 0}],
                "params": {"{alias}": "{version}"},
                "tags": {"{path}": "{alias}"},
            },
        )
    ],
    ("POST", "/v1/runs/end"): [Call("/v1/runs/end", body={**RUN, "status": "failed"})],
    ("GET", "/v1/runs/get"): [
        Call("/v1/runs/get", {**MODEL, "run_id": "{version}"}),
        Call("/v1/runs/get", {**MODEL, "run_id": "run-17", "points": "2"}),
        Call("/v1/runs/get", {**MODEL, "run_id": "run-17", "points": "{version}"}),
    ],
    ("GET", "/v1/runs/list"): [
        Call("/v1/runs/list", MODEL),
        Call("/v1/runs/list", {**MODEL, "status": "{alias}", "limit": "{version}", "cursor": "{path}"}),
        Call("/v1/runs/list", {**MODEL, "param": "{alias}:{version}", "limit": "1"}),
    ],
    ("POST", "/v1/uploads"): [
        Call(
            "/v1/uploads",
            body={
                "task": "{task}",
                "model_name": "{model}",
                "files": [{"path": "{path}", "size_bytes": 1, "sha256": "0" * 64}],
                "actor": "{alias}",
            },
        )
    ],
    ("POST", "/v1/uploads/<upload_id>"): [
        Call("/v1/uploads/{upload}", headers={**TUS, "Upload-Length": "1", "Upload-Metadata": "filename YQ=="}),
        Call("/v1/uploads/{upload}", headers={**TUS, "Upload-Length": "{version}", "Upload-Metadata": "{alias}"}),
    ],
    ("POST", "/v1/uploads/<upload_id>/pack"): [
        Call("/v1/uploads/{upload}/pack", headers={"Content-Type": "application/x-tar"}, data=packed({"a": b"1"})),
        Call("/v1/uploads/{upload}/pack", headers={"Content-Type": "application/x-tar"}, data=b"x" * 1000),
    ],
    ("POST", "/v1/uploads/<upload_id>/files"): [
        Call(
            "/v1/uploads/{upload}/files",
            body={"files": [{"path": "{path}", "size_bytes": 1, "sha256": "0" * 64}], "more": True},
        )
    ],
    ("DELETE", "/v1/uploads/<upload_id>"): [Call("/v1/uploads/{upload}")],
    ("HEAD", "/v1/uploads/<upload_id>/<file_id>"): [Call("/v1/uploads/{upload}/{file}", headers=TUS)],
    ("OPTIONS", "/v1/uploads"): [Call("/v1/uploads")],
    ("PATCH", "/v1/uploads/<upload_id>/<file_id>"): [
        Call(
            "/v1/uploads/{upload}/{file}",
            headers={**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"},
            data=b"x",
        )
    ],
    ("DELETE", "/v1/uploads/<upload_id>/<file_id>"): [Call("/v1/uploads/{upload}/{file}", headers=TUS)],
}
# What every other route answers by itself, where it says nothing of its own about these methods.
BY_ITSELF = {"HEAD", "OPTIONS"}


def test_every_route_has_a_row() -> None:
    rules = [
        (method, rule.rule)
        for rule in create_app(Settings()).url_map.iter_rules()
        for method in (rule.methods or set()) - (BY_ITSELF if "GET" in (rule.methods or set()) else set())
        if method not in BY_ITSELF or (rule.rule.endswith("<file_id>") and method == "HEAD")
    ]
    assert sorted(set(rules)) == sorted(route for route in ROUTES if route[0] != "OPTIONS")


def filled(template: Any, words: Mapping[str, str], encode: Callable[[str], str] = lambda text: text) -> Any:
    """The template with the words in the place of their names in braces."""
    if isinstance(template, str):
        return re.sub(r"\{([a-z]+)\}", lambda match: encode(words[match[1]]), template)
    if isinstance(template, Mapping):
        return {filled(key, words): filled(value, words) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, words) for value in template]
    return template


def percent(text: str) -> str:
    """The text as an address has it: names of files may be any bytes."""
    try:
        return quote(text.encode("utf-8", "surrogateescape"), safe="")
    except UnicodeEncodeError:
        return quote(text.encode("utf-8", "surrogatepass"), safe="")


def header(text: str) -> str:
    """What can stand in a header, if it is that at all."""
    return re.sub(r"[^\x20-\xff]", "?", text)


def words_of(target: Target, place: Place) -> dict[str, str]:
    return {**vars(target), "area": str(place.area)}


def ask(client: Any, method: str, call: Call, words: Mapping[str, str]) -> TestResponse:
    body = {"json": filled(call.body, words)} if call.body is not None else {"data": call.data}
    query = "&".join(f"{name}={filled(value, words, percent)}" for name, value in call.query.items())
    headers = dict(call.headers)
    if call.form is not None:
        sent = "&".join(f"{name}={filled(value, words, percent)}" for name, value in call.form.items())
        body, headers = {"data": sent.encode()}, {**headers, **OURS}
    answer: TestResponse = client.open(
        filled(call.path, words, percent),
        method=method,
        query_string=query,
        headers={name: header(filled(value, words)) for name, value in headers.items()},
        **body,
    )
    return answer


def walk_route(place: Place, route: tuple[str, str], most: int | None) -> None:
    app = create_app(Settings(core=CoreSettings(root=str(place.root), lock_timeout_s=2.0)))
    client = app.test_client()
    for call in ROUTES[route]:
        for target in concerned(place.targets, call, most):
            title = f"{route[0]} {call} of {target}"
            began = time.monotonic()
            try:
                check_answer(ask(client, route[0], call, words_of(target, place)), title)
            except (ValueError, RecursionError, KeyError) as error:
                raise AssertionError(f"{title}: {error!r}") from error
            assert time.monotonic() - began < SOON_S, title


ROUTE_IDS = [f"{method} {rule}" for method, rule in ROUTES]


@pytest.mark.parametrize("route", ROUTES, ids=ROUTE_IDS)
def test_every_route_answers(place: Place, route: tuple[str, str]) -> None:
    walk_route(place, route, SAMPLE)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("route", ROUTES, ids=ROUTE_IDS)
def test_every_route_answers_of_everything(place: Place, route: tuple[str, str]) -> None:
    walk_route(place, route, None)


def test_every_route_answers_of_a_root_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "registry.json").mkdir()
    client = create_app(Settings(core=CoreSettings(root=str(tmp_path)))).test_client()
    place = Place(tmp_path, tmp_path, [])
    for (method, _), calls in ROUTES.items():
        for call in calls:
            check_answer(ask(client, method, call, words_of(Target("none"), place)), f"{method} {call}")


TAKING = [route for route, calls in ROUTES.items() if any(call.body is not None for call in calls)]


@pytest.mark.parametrize("changing", TAKING, ids=" ".join)
def test_whatever_is_sent_is_answered(place: Place, changing: tuple[str, str]) -> None:
    """Any bytes as the body, any value in each of its fields."""
    client = create_app(Settings(core=CoreSettings(root=str(place.root)))).test_client()
    call = next(call for call in ROUTES[changing] if call.body is not None)
    words = words_of(Target("there", "names", "all", "1.0.0"), place)
    sent = filled(call.body, {**words})
    bodies = list(nasty.DOCUMENTS)
    for name in sent:
        text = json.dumps({**sent, name: "HERE"})
        bodies += [text.replace('"HERE"', value).encode() for value in (*nasty.NUMBERS, *nasty.VALUES)]
    for body in bodies:
        began = time.monotonic()
        answer = client.open(
            filled(call.path, words), method=changing[0], data=body, headers={"Content-Type": "application/json"}
        )
        check_answer(answer, f"{changing} {body[:200]!r}")
        assert time.monotonic() - began < SOON_S, body[:200]


# the commands


NAMED = ["{task}", "{model}", "{version}"]
WORDS = ["--actor", "{alias}", "--reason", "{version}"]

# Without the global options and --json, which come first and last.
COMMANDS: dict[str, list[list[str]]] = {
    "register": [
        ["register", *NAMED, "{area}/source", "--set-alias", "{alias}", "--idempotency-key", "{path}", *WORDS],
        ["register", *NAMED, "{path}", "--metadata", "{version}", "--no-alias"],
        ["register", "names", "cli", "{version}", "{area}/source", "--metadata", '{"a": {version}}', "--no-alias"],
    ],
    "resolve": [
        ["resolve", "{task}", "{model}@{version}"],
        ["resolve", "{task}", "{model}@{alias}", "--no-verify"],
        ["resolve", "{task}", "{model}@{alias}", "--as-of", "2026-01-01T00:00:00Z"],
    ],
    "show": [
        ["show", "{task}", "{model}@{version}"],
        ["show", "{task}", "{model}@{alias}", "--verify"],
        ["show", "{task}", "{model}@{alias}", "--as-of", "{version}"],
    ],
    "artifacts": [["artifacts", "{task}", "{model}@{version}"]],
    "facts": [
        ["facts", "{task}", "{model}@{version}"],
        ["facts", "{task}", "{model}@{version}", "--details"],
        ["facts", "{task}", "{model}@{version}", "--refresh", *WORDS],
    ],
    "metrics": [["metrics", "{task}", "{model}@{version}"]],
    "compare": [
        ["compare", "{task}", "{model}", "{version}", "1", "2", "--lower-is-better", "{alias}"],
        ["compare", "{task}", "{model}", "{version}", "1.2.3", "--path", "{path}"],
        ["compare", "{task}", "{model}", "{version}", "1.2.3", "--path", "model_meta.json"],
    ],
    "aliases": [
        ["aliases", "{task}", "{model}"],
        ["aliases", "{task}", "{model}", "--as-of", "2026-01-01T00:00:00Z"],
    ],
    "attest": [
        ["attest", "{task}", "{model}@{version}", "{area}/key.pem", *WORDS],
        ["attest", "{task}", "{model}@{version}", "--from-package", "{path}"],
    ],
    "approve": [
        ["approve", "{task}", "{model}@{version}", "--key", "{area}/key.pem", "--comment", "{alias}", *WORDS],
        ["approve", "{task}", "{model}@{version}", "--key", "{area}/key.pem", "--withdraw"],
    ],
    "attestations": [["attestations", "{task}", "{model}@{version}"]],
    "sign": [["sign", "{task}", "{model}@{version}", "--key", "{area}/key.pem", *WORDS]],
    "manifest": [["manifest", "{area}/source"], ["manifest", "{area}/none"]],
    "finding open": [["finding", "open", *NAMED, "blocking", "{alias}", "--url", "{path}", *WORDS]],
    "finding resolve": [
        ["finding", "resolve", *NAMED, "{version}", *WORDS],
        ["finding", "resolve", "{task}", "{model}@{version}", "1", *WORDS],
    ],
    "finding dismiss": [
        ["finding", "dismiss", *NAMED, "{version}", *WORDS],
        ["finding", "dismiss", *NAMED, "1", "--attestation", *WORDS],
    ],
    "finding list": [["finding", "list", "{task}", "{model}@{version}"]],
    "gate": [["gate", "{task}", "{model}@{version}", "{alias}"]],
    "spans": [
        ["spans", "{task}", "{model}"],
        ["spans", "{task}", "{model}", "--alias", "{alias}", "--limit", "{version}"],
    ],
    "deleted": [["deleted", "{task}", "{model}"]],
    "operations": [["operations"], ["operations", "--limit", "{version}"]],
    "uploads": [["uploads"], ["uploads", "--limit", "{version}"]],
    "history": [
        ["history", "{task}", "{model}"],
        ["history", "{task}", "{model}", "--alias", "{alias}", "--version", "{version}", "--event", "{path}"],
        ["history", "{task}", "{model}", "--after", "{version}", "--limit", "{version}"],
        ["history", "{task}", "{model}", "--order", "desc", "--before", "{version}", "-q", "{alias}"],
    ],
    "activity": [
        ["activity", "--limit", "1000"],
        ["activity", "--alias", "{alias}", "--actor", "{version}", "-q", "{path}", "--since", "{version}"],
        ["activity", "--before", "{version}"],
    ],
    "audit gates": [["audit", "gates", "{task}", "{model}"], ["audit", "gates", "--from", "{area}/no-rules"]],
    "audit verify": [
        ["audit", "verify", "{task}", "{model}"],
        ["audit", "verify", "{task}", "{model}", "--expect-head", "{version}"],
        ["audit", "verify", "--checkpoint", "/dev/null", "--vkey", "{version}"],
    ],
    "audit export": [["audit", "export", "/nowhere/{version}"]],
    "log init": [["log", "init", "--origin", "{alias}", *WORDS]],
    "log rotate": [["log", "rotate", *WORDS]],
    "log restart": [["log", "restart", "--origin", "{alias}", *WORDS]],
    "log publish": [["log", "publish", *WORDS]],
    "log show": [["log", "show"], ["log", "show", "--vkey"]],
    "log proof": [["log", "proof", "{task}", "{model}", "--seq", "1"], ["log", "proof", "--seq", "{version}"]],
    "versions": [
        ["versions"],
        ["versions", "--task", "{task}", "--model", "{model}", "--alias", "{alias}", "--limit", "1000"],
        ["versions", "--tag", "{alias}:{version}", "--metric-gte", "{path}:{version}", "--cursor", "{model}"],
        ["versions", "-q", "{version}", "--sort", "{path}"],
        ["versions", "--sort", "metric:accuracy", "--limit", "1000"],
    ],
    "models": [
        ["models"],
        ["models", "--task", "{task}", "--alias", "{alias}", "--without-alias", "{version}", "--limit", "1000"],
        ["models", "--tag", "{alias}:{version}", "-q", "{path}", "--sort=-changed_at"],
        ["models", "--sort", "{path}", "--cursor", "{model}"],
    ],
    "tasks": [["tasks"]],
    "watch": [["watch", "--after", "0", "--limit", "40"], ["watch", "--after", "{version}", "--limit", "1"]],
    "verify": [["verify", "{task}", "{model}@{version}"]],
    "promote": [
        ["promote", "{task}", "{model}", "{alias}", "{version}", *WORDS],
        ["promote", "{task}", "{model}", "canary", "{version}", "--expected-version", "{alias}"],
    ],
    "rollback": [["rollback", "{task}", "{model}", "{alias}", *WORDS]],
    "unalias": [["unalias", "{task}", "{model}", "{alias}", "--expected-version", "{version}", *WORDS]],
    "tag": [["tag", *NAMED, "{alias}", "{version}", *WORDS], ["tag", *NAMED, "{alias}", "--remove"]],
    "patch": [["patch", *NAMED, "--description", "{alias}", "--tag", "{alias}={version}", *WORDS]],
    "stage": [["stage", *NAMED, "archived", *WORDS], ["stage", *NAMED, "staging"]],
    "delete": [["delete", *NAMED, *WORDS]],
    "restore": [["restore", *NAMED, *WORDS]],
    "runs list": [
        ["runs", "list", "{task}", "{model}"],
        ["runs", "list", "{task}", "{model}", "--param", "{alias}:{version}", "--limit", "1", "--cursor", "{path}"],
    ],
    "runs show": [
        ["runs", "show", *NAMED],
        ["runs", "show", "{task}", "{model}", "run-17", "--points", "{version}"],
    ],
    "check": [["check"]],
    "init": [["init"]],
    "repair clock": [["repair", "clock", "{task}/{model}", "--yes", *WORDS]],
    "repair journal": [["repair", "journal", "{task}/{model}", "--accept-loss", *WORDS]],
    "repair documents": [["repair", "documents", "{task}/{model}", "--yes", *WORDS]],
    "repair seals": [["repair", "seals", "{task}/{model}", "--yes", *WORDS]],
    "repair tombstones": [["repair", "tombstones", "{task}/{model}", "--yes", *WORDS]],
    "repair strays": [["repair", "strays", "{task}/{model}", "--yes", *WORDS]],
    "reindex": [["reindex"]],
    "sweep": [["sweep", "--dry-run"], ["sweep", "--older-than", "0"]],
    "purge": [["purge", "--dry-run", "--older-than", "0"], ["purge", "--older-than", "0", *WORDS]],
    "adopt": [["adopt", "--dry-run"], ["adopt", *WORDS]],
    "migrate": [["migrate", "{area}/other"]],
    "pull": [
        ["pull", "{task}", "{model}@{version}", "{area}/pulled-{number}", "--cache-dir", "{area}/cache"],
        ["pull", "{task}", "{model}@{version}", "{area}/none", "--offline", "--cache-dir", "{area}/cache"],
    ],
    "push": [["push", "{area}/source", *NAMED, "--set-alias", "{alias}", "--cache-dir", "{area}/cache", *WORDS]],
    "cache ls": [["cache", "ls", "--cache-dir", "{area}/cache"]],
    "cache prune": [["cache", "prune", "--cache-dir", "{area}/cache", "--max-bytes", "{version}"]],
    "access set": [["access", "set", "{area}/no-rules", *WORDS]],
    "access show": [["access", "show"]],
    "access try": [["access", "try", "user:{alias}", "promote", "{task}/{model}", "{alias}"]],
    "access own": [["access", "own", "{task}/{model}", "{alias}", *WORDS]],
    "trust set": [["trust", "set", "{area}/no-rules", *WORDS]],
    "trust show": [["trust", "show"]],
    "policy set": [["policy", "set", "{task}", "{area}/no-rules", *WORDS]],
    "policy show": [["policy", "show", "{task}"], ["policy", "show", "*", "--as-of", "{path}"]],
    "policy list": [["policy", "list"]],
    "policy try": [["policy", "try", "{task}", "{area}/no-rules"]],
    "policy clear": [["policy", "clear", "{task}", *WORDS]],
    "token create": [["token", "create", "{version}", "--on", "{task}/{model}", "--alias", "{alias}", *WORDS]],
    "token list": [["token", "list"]],
    "token revoke": [["token", "revoke", "{version}", *WORDS]],
    "whoami": [["whoami"]],
    "logout": [["logout", "https://{task}.example/{model}"], ["logout", "{path}"]],
    "login": [],  # asks for a token, and a service whose it is
    "serve": [],  # does not end; what it prints is the service's log
    "completion": [],  # prints a script
}
READING = {"resolve", "show", "artifacts", "metrics", "compare", "aliases", "history", "audit verify", "watch"}
READING |= {"runs list", "runs show", "models", "tasks", "verify", "check", "reindex", "whoami", "logout"}
READING |= {
    "attestations",
    "finding list",
    "audit gates",
    "gate",
    "spans",
    "deleted",
    "operations",
    "uploads",
    "versions",
    "activity",
}
WHOLE_ROOT = {"init", "check", "reindex", "sweep", "purge", "adopt", "migrate", "access own"}
ONLY_THERE = {"pull", "push"}
USAGE = 2


def test_every_command_has_a_row() -> None:
    assert sorted(name.removeprefix("omr ") for name, _ in every_command(main)) == sorted(COMMANDS)


def check_output(done: Result, title: str) -> None:
    assert done.exception is None or isinstance(done.exception, SystemExit), f"{title}: {done.exception!r}"
    assert "Traceback" not in done.stderr, title
    if done.exit_code == USAGE and done.stdout:
        assert strict(done.stdout)["ok"] is False, title
        return
    if done.stdout.startswith("Usage: "):  # a name may be --help
        return
    for line in done.stdout.splitlines():
        found = strict(line)
        assert isinstance(found, dict), title
        if "ok" in found and "code" in found:
            assert found["code"] in CODES, f"{title}: {found}"


def walk_command(place: Place, title: str, registry: list[str], most: int | None) -> None:
    for template in COMMANDS[title][: None if most != FEW else 1]:
        for number, target in enumerate(concerned(place.targets, template, most)):
            words = {**words_of(target, place), "number": str(number)}
            arguments = [*registry, *(text for text in filled(template, words)), "--json"]
            if any("\0" in argument for argument in arguments):
                continue  # no shell can send it
            began = time.monotonic()
            env = {"OMNIBIOAI_MODEL_REGISTRY_LOCK_TIMEOUT_S": "2", "XDG_CONFIG_HOME": str(place.area / "config")}
            done = CliRunner().invoke(main, arguments, env=env)
            check_output(done, f"{arguments} of {target}")
            assert time.monotonic() - began < SOON_S, arguments


@pytest.mark.parametrize("title", [title for title in COMMANDS if title not in ONLY_THERE])
def test_every_command_answers(place: Place, title: str) -> None:
    walk_command(place, title, ["--root", str(place.root)], SAMPLE)


@pytest.mark.parametrize("title", [title for title in COMMANDS if title not in WHOLE_ROOT])
def test_every_command_answers_over_http(place: Place, title: str) -> None:
    """The client checks what it is told: what the service really says must pass that."""
    with gunicorn(place.root, workers=1) as server:
        walk_command(place, title, ["--url", server.url], FEW)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("title", [title for title in COMMANDS if title not in ONLY_THERE])
def test_every_command_answers_of_everything(place: Place, title: str) -> None:
    walk_command(place, title, ["--root", str(place.root)], None)
