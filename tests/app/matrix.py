"""Every route as it is called, what that needs, and what is answered: by one table and one function."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.web.needs import Need
from registry_core import ModelRegistry
from registry_core.access.roles import Role, at_least

from ..uploads.tars import packed
from ..uploads.wire import BYTES, TUS, named
from .callers import ADMINS, CALLERS, RULES, Model

Undo = Callable[[ModelRegistry, str, str], object]
Answered = tuple[int, str | None]  # the status and, of a problem, its code

LEAST = {
    Need.READ: Role.VIEWER,
    Need.USE: Role.USER,
    Need.WRITE: Role.PUBLISHER,
    Need.PROMOTE: Role.PUBLISHER,
    Need.DELETE: Role.MAINTAINER,
    Need.ADMIN: Role.ADMIN,
}
# What a call is about: a model, somebody's upload or operation, the whole registry, nothing.
MODEL, SESSION, OPERATION, REGISTRY, NOTHING = "model", "session", "operation", "registry", "nothing"
# Or whoever calls, who must be somebody or an issuer's person; a token of his; and what is the admins' of the registry.
CALLER, SOMEBODY, PERSON, TOKEN, ADMINS_OWN = "caller", "somebody", "person", "token", "admins'"
THEIRS = "theirs"  # a list of what somebody has begun
MISSING: Answered = (404, "model_not_found")


@dataclass(frozen=True)
class Ask:
    """A request, with ``{task}`` and the like in it, and the answer to whoever may have one.

    ``form``: of a page of ours.
    ``need``: the more that it needs than its route says. ``approves``: the alias is protected, or it archives.
    ``known``: nobody who has not said who he is may do it, whatever the rules say.
    ``missing``: the answer where a model of that name is not there. ``old``: of older software's model.
    ``undo``: how the operator takes back what it did.
    """

    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytes | str | None = None
    form: Mapping[str, str] | None = None
    ok: Answered = (200, None)
    about: str = MODEL
    need: Need | None = None
    approves: bool = False
    known: bool = False
    missing: Answered = MISSING
    old: Answered | None = None
    undo: Undo | None = None


def expected(need: Need, ask: Ask, who: str, model: Model) -> Answered:
    """What is answered, by the word at the route and the axes alone."""
    caller, wanted = CALLERS[who], ask.need or need
    if need is Need.OPEN:
        return ask.ok
    if caller.is_refused:
        return 401, "invalid_token"
    if (ask.known or need.is_of_somebody) and not caller.is_somebody:
        return 401, "unauthenticated"
    if ask.about in (CALLER, REGISTRY):
        return ask.ok
    if ask.about in (SOMEBODY, PERSON, TOKEN, ADMINS_OWN, THEIRS):
        return _of_himself(ask, who)
    role = model.role(who)
    least = Role.APPROVER if ask.approves else LEAST[wanted]
    may = role is not None and at_least(role, least)
    if ask.about in (SESSION, OPERATION):  # each has his own, where he may; of others' nobody is told
        return ask.ok if may else (404, f"{'upload' if ask.about is SESSION else 'operation'}_not_found")
    if may and model.is_there:
        return ask.old if model.is_old and ask.old is not None else ask.ok
    if may:
        return ask.missing
    if not caller.is_somebody:
        return 401, "unauthenticated"
    if wanted in (Need.READ, Need.USE) and role is None:
        return ask.missing
    return 403, "permission_denied"


def _of_himself(ask: Ask, who: str) -> Answered:
    caller = CALLERS[who]
    if not caller.is_somebody:
        return 401, "unauthenticated"
    if caller.is_blocked or (ask.about is ADMINS_OWN and who not in ADMINS):
        return 403, "permission_denied"
    is_person = caller.is_person and caller.org is None
    if ask.about is PERSON and not is_person:
        return 422, "invalid_parameter"
    return (404, "token_not_found") if ask.about is TOKEN and not is_person else ask.ok


def _again(alias: str, version: str) -> Undo:
    return lambda registry, task, model: registry.promote(task, model, alias, version)


REF = {"task": "{task}", "ref": "{model}@1"}
ALIASED = {"task": "{task}", "ref": "{model}@latest"}
QUERY = {"task": "{task}", "model": "{model}"}
VERSION = {"task": "{task}", "model_name": "{model}", "version": "1"}
SECOND = {**VERSION, "version": "2"}
CANDIDATE = {"task": "{task}", "model_name": "{model}", "alias": "candidate"}
PRODUCTION = {**CANDIDATE, "alias": "production"}
NEW = {**VERSION, "version": "{new}", "artifacts_dir": "{source}"}
RUN = {"task": "{task}", "model_name": "{model}", "run_id": "{new}"}
FILES, HUB, SESSIONS = "/v1/files/{task}/{model}/", "/hf/api/models/{task}/{model}", "/v1/uploads/{upload}"
ANNOUNCED = {"path": "more", "size_bytes": 1, "sha256": hashlib.sha256(b"1").hexdigest()}
CREATED, NOTHING_LEFT, LATER = (201, None), (204, None), (202, None)
NO_ORG: Answered = (422, "invalid_parameter")
NO_LOG: Answered = (404, "log_not_set")
ASYNC, PART, NO_FOLDER = {"Prefer": "respond-async"}, {"Range": "bytes=0-1"}, (404, "artifact_not_found")
PARTIAL, MOVED = (206, None), (308, None)
JSON = {"Content-Type": "application/json"}
POLICY, NO_POLICY = b'{"schema": "omr-policy/1", "task": "guarded"}', (404, "policy_not_found")
TRIED = {"action": "read", "task": "own", "model_name": "m"}
TAR = {"Content-Type": "application/x-tar"}
LENGTH = {"Upload-Length": "1", "Upload-Metadata": named("new")}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ELSEWHERE: Answered = (409, "alias_moved")
HTML, OURS, SEEN = {"Accept": "text/html"}, {"Origin": "http://localhost"}, (303, None)  # a page of the service

PAGE = "/ui/models/{task}/{model}"
OF_VERSION, CHANGED = f"{PAGE}/versions", {"reason": "r", "who": "w"}
UNSEEN = {**CHANGED, "expected_version": "9", "expected_seq": "9"}  # of an alias that is elsewhere
NOT_YET = {**CHANGED, "expected_version": "", "expected_seq": ""}

ROUTES: dict[tuple[str, str], list[Ask]] = {
    ("GET", "/health"): [Ask("/health", about=NOTHING)],
    ("GET", "/health/ready"): [Ask("/health/ready", about=NOTHING)],
    ("GET", "/v1/auth/status"): [Ask("/v1/auth/status", about=NOTHING)],
    ("GET", "/v1/auth/login"): [Ask("/v1/auth/login", about=NOTHING)],
    ("POST", "/v1/auth/login"): [
        Ask("/v1/auth/login", data=b"token=", headers=FORM, ok=(401, "unauthenticated"), about=NOTHING),
        Ask("/v1/auth/login", data=b"token=wrong", headers=FORM, ok=(401, "invalid_token"), about=NOTHING),
    ],
    ("GET", "/v1/auth/callback"): [
        Ask("/v1/auth/callback", {"code": "c", "state": "s"}, ok=(400, "sign_in_failed"), about=NOTHING)
    ],
    ("POST", "/v1/auth/logout"): [Ask("/v1/auth/logout", about=NOTHING)],
    ("GET", "/v1/auth/me"): [Ask("/v1/auth/me", about=SOMEBODY)],
    ("GET", "/v1/access"): [Ask("/v1/access", about=ADMINS_OWN)],
    ("PUT", "/v1/access"): [Ask("/v1/access", data=RULES, headers=JSON, about=ADMINS_OWN)],
    ("GET", "/v1/access/try"): [Ask("/v1/access/try", {**TRIED, "who": "user:viewer"}, about=ADMINS_OWN)],
    ("GET", "/v1/trust"): [Ask("/v1/trust", about=ADMINS_OWN)],
    ("PUT", "/v1/trust"): [Ask("/v1/trust", data=b'{"schema": "omr-trust/1"}', headers=JSON, about=ADMINS_OWN)],
    ("GET", "/v1/policies"): [Ask("/v1/policies", about=ADMINS_OWN)],
    ("GET", "/v1/policies/<task>"): [Ask("/v1/policies/{new}", ok=NO_POLICY, about=ADMINS_OWN)],
    ("PUT", "/v1/policies/<task>"): [Ask("/v1/policies/guarded", data=POLICY, headers=JSON, about=ADMINS_OWN)],
    ("DELETE", "/v1/policies/<task>"): [Ask("/v1/policies/{new}", ok=NO_POLICY, about=ADMINS_OWN)],
    ("POST", "/v1/policies/<task>/try"): [
        Ask("/v1/policies/guarded/try", data=POLICY, headers=JSON, about=ADMINS_OWN),
        Ask("/v1/policies/{new}/try", data=POLICY, headers=JSON, ok=(422, "policy_invalid"), about=ADMINS_OWN),
    ],
    ("GET", "/v1/log/documents/<digest>"): [Ask("/v1/log/documents/{new}", ok=NO_POLICY, about=ADMINS_OWN)],
    ("GET", "/v1/tokens"): [Ask("/v1/tokens", about=SOMEBODY)],
    ("POST", "/v1/tokens"): [
        Ask("/v1/tokens", body={"kind": "personal", "name": "{new}"}, ok=CREATED, about=PERSON),
        Ask("/v1/tokens", body={"kind": "service", "name": "{new}"}, ok=CREATED, about=ADMINS_OWN),
    ],
    ("DELETE", "/v1/tokens/<token_id>"): [Ask("/v1/tokens/{token}", about=TOKEN)],
    ("POST", "/v1/ownership/resolve"): [  # whoever is an admin here is of no organization
        Ask("/v1/ownership/resolve", body={"task": "{task}", "model_name": "{model}"}, ok=NO_ORG, missing=NO_ORG)
    ],
    ("GET", "/"): [Ask("/", ok=(404, "no_such_path"), about=NOTHING), Ask("/", headers=HTML, ok=SEEN, about=NOTHING)],
    ("GET", "/ui/"): [Ask("/ui/", about=REGISTRY)],
    ("GET", "/ui/activity"): [Ask("/ui/activity", about=REGISTRY)],
    ("GET", "/ui/activity/new"): [Ask("/ui/activity/new", about=REGISTRY)],
    ("GET", "/ui/operations"): [Ask("/ui/operations", about=REGISTRY)],
    ("GET", "/ui/access"): [Ask("/ui/access", about=ADMINS_OWN)],
    ("GET", "/ui/access/history"): [Ask("/ui/access/history", about=ADMINS_OWN)],
    ("GET", "/ui/tokens"): [Ask("/ui/tokens", about=SOMEBODY)],
    ("POST", "/ui/tokens"): [
        Ask("/ui/tokens", data="kind=personal&name={new}", headers={**FORM, **OURS}, ok=CREATED, about=PERSON),
        Ask("/ui/tokens", data="kind=service&name={new}", headers={**FORM, **OURS}, ok=CREATED, about=ADMINS_OWN),
    ],
    ("POST", "/ui/tokens/<token_id>/revoke"): [
        Ask("/ui/tokens/{token}/revoke", data=b"", headers={**FORM, **OURS}, ok=SEEN, about=TOKEN)
    ],
    ("GET", "/ui/models/<task>/<model_name>"): [Ask("/ui/models/{task}/{model}")],
    ("GET", "/ui/models/<task>/<model_name>/history"): [
        Ask("/ui/models/{task}/{model}/history", {"as_of": "2100-01-01"}),
        Ask("/ui/models/{task}/{model}/history", {"proof": "1"}),
        Ask("/ui/models/{task}/{model}/history", {"day": "0"}, ok=SEEN),
    ],
    ("GET", "/ui/models/<task>/<model_name>/versions/<version>"): [
        *(
            Ask(PAGE + "/versions/1", {"tab": tab})
            for tab in ("card", "files", "metrics", "lineage", "evidence", "integrity")
        ),
        Ask(PAGE + "/versions/1", {"tab": "files", "path": "model.pt"}),
    ],
    ("GET", "/ui/models/<task>/<model_name>/compare"): [
        Ask(PAGE + "/compare"),
        Ask(PAGE + "/compare", {"v": "1&v=2", "all": "1"}),
        Ask(PAGE + "/compare", {"v": "1&v=2", "file": "model.pt"}),
    ],
    ("GET", "/ui/raw/<task>/<model_name>/<version>/<path:path>"): [Ask("/ui/raw/{task}/{model}/1/model.pt")],
    ("GET", "/ui/runs/<task>/<model_name>"): [Ask("/ui/runs/{task}/{model}", {"run": "run"})],
    ("GET", "/ui/static/<name>"): [Ask("/ui/static/ui.css", ok=(404, "no_such_path"), about=NOTHING)],
    ("POST", "/ui/theme"): [
        Ask("/ui/theme", data=b"theme=dark", headers={**FORM, **OURS}, ok=SEEN, about=NOTHING),
        Ask("/ui/theme", data=b"theme=dark", headers=FORM, ok=(403, "untrusted_host"), about=NOTHING),
    ],
    ("GET", "/ui/models/<task>/<model_name>/promote"): [
        Ask(f"{PAGE}/promote", {"alias": "candidate", "version": "2"}),
        Ask(f"{PAGE}/promote"),
    ],
    ("POST", "/ui/models/<task>/<model_name>/promote"): [
        Ask(
            f"{PAGE}/promote",
            form={**NOT_YET, "alias": "mine", "version": "1"},
            ok=SEEN,
            undo=lambda registry, task, model: registry.unalias(task, model, "mine"),
        ),
        Ask(f"{PAGE}/promote", form={**UNSEEN, "alias": "candidate", "version": "1"}, ok=ELSEWHERE),
        Ask(f"{PAGE}/promote", form={**UNSEEN, "alias": "production", "version": "1"}, ok=ELSEWHERE, approves=True),
    ],
    ("GET", "/ui/models/<task>/<model_name>/rollback"): [
        Ask(f"{PAGE}/rollback", {"alias": "production", "to": "2"}),
        Ask(f"{PAGE}/rollback", {"alias": "production"}, need=Need.PROMOTE, approves=True),
    ],
    ("POST", "/ui/models/<task>/<model_name>/rollback"): [
        Ask(f"{PAGE}/rollback", form={**UNSEEN, "alias": "candidate", "version": "1"}, ok=ELSEWHERE),
        Ask(f"{PAGE}/rollback", form={**UNSEEN, "alias": "production", "version": "2"}, ok=ELSEWHERE, approves=True),
    ],
    ("GET", "/ui/models/<task>/<model_name>/unalias"): [Ask(f"{PAGE}/unalias", {"alias": "candidate"})],
    ("POST", "/ui/models/<task>/<model_name>/unalias"): [
        Ask(f"{PAGE}/unalias", form={**UNSEEN, "alias": "candidate"}, ok=ELSEWHERE),
        Ask(f"{PAGE}/unalias", form={**UNSEEN, "alias": "production"}, ok=ELSEWHERE, approves=True),
    ],
    **{
        ("GET", f"/ui/models/<task>/<model_name>/versions/<version>/{verb}"): [Ask(f"{OF_VERSION}/{version}/{verb}")]
        for verb, version in (
            *(("archive", "1"), ("unarchive", "2"), ("delete", "2"), ("restore", "3"), ("describe", "1")),
            ("verify", "1"),
        )
    },
    **{
        ("POST", f"/ui/models/<task>/<model_name>/versions/<version>/{verb}"): [
            Ask(f"{OF_VERSION}/2/{verb}", form=CHANGED, ok=SEEN, approves=True)
        ]
        for verb in ("archive", "unarchive")
    },
    ("POST", "/ui/models/<task>/<model_name>/versions/<version>/delete"): [
        Ask(
            f"{OF_VERSION}/2/delete",
            form={**CHANGED, "typed_version": "2"},
            ok=SEEN,
            undo=lambda registry, task, model: registry.restore(task, model, "2"),
        )
    ],
    ("POST", "/ui/models/<task>/<model_name>/versions/<version>/restore"): [
        Ask(
            f"{OF_VERSION}/3/restore",
            form=CHANGED,
            ok=SEEN,
            undo=lambda registry, task, model: registry.delete(task, model, "3", reason="wrong"),
        )
    ],
    ("POST", "/ui/models/<task>/<model_name>/versions/<version>/describe"): [
        Ask(f"{OF_VERSION}/1/describe", form={**CHANGED, "key": "k{new}", "value": "1", "was_value": ""}, ok=SEEN)
    ],
    ("POST", "/ui/models/<task>/<model_name>/versions/<version>/verify"): [
        Ask(f"{OF_VERSION}/1/verify", form={}, ok=SEEN)
    ],
    ("GET", "/ui/upload"): [Ask("/ui/upload", about=THEIRS)],
    ("POST", "/ui/upload"): [
        Ask(
            "/ui/upload",
            form={**CHANGED, "task": "{task}", "model": "{model}", "version": "{new}", "upload": "{full}"},
            ok=SEEN,
            missing=SEEN,
            undo=_again("latest", "1"),
        )
    ],
    ("POST", "/ui/upload/cancel"): [
        Ask("/ui/upload/cancel", form={"task": "t", "model": "m", "upload": "{upload}"}, ok=SEEN, about=SESSION)
    ],
    ("GET", "/docs"): [Ask("/docs", about=NOTHING)],
    ("GET", "/docs/assets/<path:name>"): [Ask("/docs/assets/swagger-ui.css", about=NOTHING)],
    ("GET", "/openapi.json"): [Ask("/openapi.json", about=NOTHING)],
    ("GET", "/v1/resolve"): [
        Ask("/v1/resolve", REF),
        Ask("/v1/resolve", {**ALIASED, "verify": "false"}),
        Ask("/v1/resolve", {**ALIASED, "as_of": "2100-01-01T00:00:00Z"}),
    ],
    ("GET", "/v1/show"): [
        Ask("/v1/show", REF),
        Ask("/v1/show", {**ALIASED, "as_of": "2100-01-01T00:00:00Z"}),
        Ask("/v1/show", {**REF, "verify": "true"}, need=Need.USE),
    ],
    ("GET", "/v1/artifacts"): [Ask("/v1/artifacts", REF)],
    ("GET", "/v1/gate"): [Ask("/v1/gate", {**REF, "alias": "production"})],
    ("GET", "/v1/metrics"): [Ask("/v1/metrics", ALIASED)],
    ("GET", "/v1/facts"): [
        Ask("/v1/facts", ALIASED),
        Ask("/v1/facts", {**REF, "details": "true"}, need=Need.USE),
    ],
    ("GET", "/v1/attestations"): [Ask("/v1/attestations", REF)],
    ("GET", "/v1/attestations/<task>/<model_name>/<version>/<sha256>"): [
        Ask("/v1/attestations/{task}/{model}/1/" + "0" * 64, ok=(404, "attestation_not_found"))
    ],
    ("GET", "/v1/findings"): [Ask("/v1/findings", ALIASED)],
    ("GET", "/v1/compare"): [
        Ask("/v1/compare", {**QUERY, "versions": "1&versions=2"}),
        Ask("/v1/compare", {**QUERY, "versions": "1&versions=2", "path": "model.pt"}, need=Need.USE),
    ],
    ("GET", "/v1/aliases"): [
        Ask("/v1/aliases", QUERY),
        Ask("/v1/aliases", {**QUERY, "as_of": "2100-01-01T00:00:00Z"}),
    ],
    ("GET", "/v1/aliases/spans"): [
        Ask("/v1/aliases/spans", QUERY),
        Ask("/v1/aliases/spans", {**QUERY, "alias": "production", "limit": "1"}),
    ],
    ("GET", "/v1/versions/deleted"): [Ask("/v1/versions/deleted", QUERY)],
    ("GET", "/v1/history"): [
        Ask("/v1/history", QUERY),
        Ask("/v1/history", {**QUERY, "version": "3", "limit": "1"}),
        Ask("/v1/history", {**QUERY, "order": "desc", "limit": "2"}),
        Ask("/v1/history", {**QUERY, "actor": "ada", "q": "{task}"}),
        Ask("/v1/history", about=REGISTRY),
        Ask("/v1/history", {"limit": "1", "q": "{task}"}, about=REGISTRY),
        Ask("/v1/history", {"order": "asc", "alias": "hidden", "since": "2020-01-01"}, about=REGISTRY),
    ],
    ("GET", "/v1/audit/verify"): [Ask("/v1/audit/verify", QUERY)],
    ("GET", "/v1/journal"): [
        Ask("/v1/journal", QUERY, known=True),
        Ask("/v1/journal", {**QUERY, "after": "1", "limit": "1"}, known=True),
        Ask("/v1/journal", about=ADMINS_OWN),
    ],
    ("GET", "/v1/log/checkpoint"): [Ask("/v1/log/checkpoint", ok=NO_LOG, about=SOMEBODY)],
    ("GET", "/v1/log/vkey"): [Ask("/v1/log/vkey", ok=NO_LOG, about=SOMEBODY)],
    ("GET", "/v1/log/proof"): [
        Ask("/v1/log/proof", {**QUERY, "seq": "1"}, ok=NO_LOG, known=True),
        Ask("/v1/log/proof", {"seq": "1"}, ok=NO_LOG, about=ADMINS_OWN),
    ],
    ("GET", "/v1/log/consistency"): [Ask("/v1/log/consistency", {"from": "0"}, ok=NO_LOG, about=SOMEBODY)],
    ("GET", "/v1/runs/get"): [Ask("/v1/runs/get", {**QUERY, "run_id": "run"}, missing=(404, "run_not_found"))],
    ("GET", "/v1/runs/list"): [Ask("/v1/runs/list", QUERY), Ask("/v1/runs/list", {**QUERY, "limit": "1"})],
    ("GET", "/v1/models"): [
        Ask("/v1/models", about=REGISTRY),
        Ask("/v1/models", {"limit": "1"}, about=REGISTRY),
        Ask("/v1/models", {"limit": "2", "sort": "-created_at"}, about=REGISTRY),
        Ask("/v1/models", {"task": "{task}"}, about=REGISTRY),
        Ask("/v1/models", {"task": "{task}", "model_name": "{model}", "alias": "latest"}, about=REGISTRY),
        Ask("/v1/models", {"q": "{task}", "limit": "10"}, about=REGISTRY),
        *(
            Ask("/v1/models", {**asked, "limit": "5"}, about=REGISTRY)
            for asked in (
                {"sort": "metric:hidden"},
                {"metric_lte": "hidden:2"},
                {"tag": "hidden:yes"},
                {"alias": "hidden"},
                {"q": "xyzzy"},
                {"task": "damaged"},
            )
        ),
        Ask("/v1/models", {"metric_gte": "f1:0.1", "sort": "-metric:f1", "limit": "3"}, about=REGISTRY),
    ],
    ("GET", "/v1/models/summary"): [
        Ask("/v1/models/summary", about=REGISTRY),
        Ask("/v1/models/summary", {"limit": "1", "sort": "-changed_at"}, about=REGISTRY),
        *(
            Ask("/v1/models/summary", asked, about=REGISTRY)
            for asked in (
                {"task": "{task}"},
                {"alias": "hidden"},
                {"without_alias": "hidden"},
                {"tag": "hidden:yes"},
                {"q": "xyzzy"},
                {"task": "damaged"},
            )
        ),
    ],
    ("GET", "/v1/tasks"): [Ask("/v1/tasks", about=REGISTRY)],
    ("GET", "/v1/events"): [],  # it does not end: test_matrix.py reads some of it
    ("GET", "/v1/files/<task>/<model_name>/<selector>/<path:path>"): [
        Ask(FILES + "1/model.pt"),
        Ask(FILES + "latest/model.pt", headers=PART, ok=PARTIAL),
        Ask(FILES + "1/model.pt", headers={"Range": "bytes=0-0,2-3"}, ok=PARTIAL),
        Ask(FILES + "1/model.pt", headers={"Range": "bytes=900-"}, ok=(416, "http_416")),
        Ask(FILES + "1/model.pt", headers={"If-Match": '"0"'}, ok=(412, "http_412")),
        Ask(FILES + "1/deep/", old=NO_FOLDER),
        Ask(FILES + "1/none", ok=NO_FOLDER),
    ],
    ("GET", "/v1/files/<task>/<model_name>/<selector>"): [Ask(FILES + "1/"), Ask(FILES + "1", ok=MOVED)],
    ("GET", "/v1/archive/<task>/<model_name>/<selector>"): [
        Ask("/v1/archive/{task}/{model}/1"),
        Ask("/v1/archive/{task}/{model}/latest", headers=PART, ok=PARTIAL),
    ],
    ("GET", "/v1/operations"): [
        Ask("/v1/operations", about=THEIRS),
        Ask("/v1/operations", {"limit": "1"}, about=THEIRS),
    ],
    ("GET", "/v1/uploads"): [Ask("/v1/uploads", about=THEIRS), Ask("/v1/uploads", {"limit": "1"}, about=THEIRS)],
    ("GET", "/v1/operations/<operation_id>"): [Ask("/v1/operations/{operation}", about=OPERATION, need=Need.USE)],
    ("GET", "/hf/<task>/<model_name>/resolve/<revision>/<path:path>"): [
        Ask("/hf/{task}/{model}/resolve/{commit}/model.pt"),
        Ask("/hf/{task}/{model}/resolve/{commit}/model.pt", headers=PART, ok=PARTIAL),
        Ask("/hf/{task}/{model}/resolve/main/model.pt", ok=(307, None)),
    ],
    ("GET", "/hf/api/agent-harnesses"): [Ask("/hf/api/agent-harnesses", about=CALLER)],
    ("GET", "/hf/api/whoami-v2"): [Ask("/hf/api/whoami-v2", about=SOMEBODY)],
    ("GET", "/hf/api/models"): [
        Ask("/hf/api/models", about=REGISTRY),
        Ask("/hf/api/models", {"limit": "1"}, about=REGISTRY),
        Ask("/hf/api/models", {"author": "{task}", "search": "{model}"}, about=REGISTRY),
    ],
    ("GET", "/hf/api/models/<task>/<model_name>"): [Ask(HUB, {"blobs": "true"})],
    ("GET", "/hf/api/models/<task>/<model_name>/auth-check"): [Ask(HUB + "/auth-check")],
    ("GET", "/hf/api/models/<task>/<model_name>/auth-check/write"): [
        Ask(HUB + "/auth-check/write", about=CALLER, ok=(403, "read_only"))
    ],
    ("GET", "/hf/api/models/<task>/<model_name>/commits/<revision>"): [Ask(HUB + "/commits/main")],
    ("GET", "/hf/api/models/<task>/<model_name>/refs"): [Ask(HUB + "/refs")],
    ("GET", "/hf/api/models/<task>/<model_name>/revision/<revision>"): [Ask(HUB + "/revision/1")],
    ("GET", "/hf/api/models/<task>/<model_name>/tree/<revision>"): [Ask(HUB + "/tree/main", {"recursive": "1"})],
    ("GET", "/hf/api/models/<task>/<model_name>/tree/<revision>/<path:path>"): [
        Ask(HUB + "/tree/1/deep", old=NO_FOLDER)
    ],
    ("POST", "/hf/api/models/<task>/<model_name>/paths-info/<revision>"): [
        Ask(HUB + "/paths-info/main", data=b"paths=model.pt", headers=FORM)
    ],
    ("POST", "/v1/verify"): [
        Ask("/v1/verify", body=REF),
        Ask("/v1/verify", body=REF, headers=ASYNC, ok=LATER, missing=LATER),
    ],
    ("POST", "/v1/register"): [
        Ask("/v1/register", body=NEW, ok=CREATED, missing=CREATED),
        Ask(
            "/v1/register",
            body={**NEW, "set_alias": "production"},
            approves=True,
            ok=CREATED,
            missing=CREATED,
            undo=_again("production", "1"),
        ),
        Ask(
            "/v1/register",
            body={**VERSION, "version": "{new}", "upload_id": "{full}", "set_alias": None},
            ok=CREATED,
            missing=CREATED,
        ),
        Ask("/v1/register", body=NEW, headers=ASYNC, ok=LATER, missing=LATER),
        Ask(
            "/v1/register",
            body={**NEW, "set_alias": "production"},
            headers=ASYNC,
            approves=True,
            ok=LATER,
            missing=LATER,
            undo=_again("production", "1"),
        ),
    ],
    ("POST", "/v1/register/ask"): [
        Ask("/v1/register/ask", body={**VERSION, "version": "{new}"}, missing=(200, None)),
        Ask(
            "/v1/register/ask",
            body={**VERSION, "version": "{new}", "set_alias": "staging"},
            approves=True,
            missing=(200, None),
        ),
    ],
    ("POST", "/v1/promote"): [
        Ask("/v1/promote", body={**CANDIDATE, "version": "1"}),
        Ask("/v1/promote", body={**PRODUCTION, "version": "1"}, approves=True),
    ],
    ("POST", "/v1/rollback"): [
        Ask("/v1/rollback", body={**PRODUCTION, "dry_run": True}, approves=True),
        Ask("/v1/rollback", body={**PRODUCTION, "to_version": "2"}, approves=True, undo=_again("production", "1")),
    ],
    ("DELETE", "/v1/aliases"): [
        Ask("/v1/aliases", body=CANDIDATE, undo=_again("candidate", "1")),
        Ask("/v1/aliases", PRODUCTION, approves=True, undo=_again("production", "1")),
    ],
    ("PUT", "/v1/tags"): [Ask("/v1/tags", body={**VERSION, "key": "k", "value": "{new}"})],
    ("POST", "/v1/facts"): [Ask("/v1/facts", body=REF)],
    ("POST", "/v1/attestations"): [Ask("/v1/attestations", REF, data=b"{}", ok=(422, "attestation_refused"))],
    ("POST", "/v1/attestations/dismiss"): [
        Ask("/v1/attestations/dismiss", body={**VERSION, "id": 1, "reason": "r"}, ok=(404, "attestation_not_found"))
    ],
    ("POST", "/v1/findings"): [Ask("/v1/findings", body={**VERSION, "severity": "note", "title": "t"}, ok=(201, None))],
    ("POST", "/v1/findings/resolve"): [
        Ask("/v1/findings/resolve", body={**VERSION, "id": 1, "reason": "r"}, ok=(404, "finding_not_found"))
    ],
    ("POST", "/v1/findings/dismiss"): [
        Ask("/v1/findings/dismiss", body={**VERSION, "id": 1, "reason": "r"}, ok=(404, "finding_not_found"))
    ],
    ("POST", "/v1/versions/patch"): [Ask("/v1/versions/patch", body={**VERSION, "description": "{new}"})],
    ("POST", "/v1/stage"): [
        Ask("/v1/stage", body={**VERSION, "stage": "staging"}, approves=True),
        Ask("/v1/stage", body={**SECOND, "stage": "archived"}, approves=True),
        Ask("/v1/stage", body={**SECOND, "stage": "none"}, approves=True),
    ],
    ("DELETE", "/v1/versions"): [
        Ask("/v1/versions", body={**SECOND, "reason": "wrong"}, undo=lambda r, task, model: r.restore(task, model, "2"))
    ],
    ("POST", "/v1/versions/restore"): [
        Ask(
            "/v1/versions/restore",
            body={**VERSION, "version": "3"},
            undo=lambda r, task, model: r.delete(task, model, "3", reason="wrong"),
        )
    ],
    ("POST", "/v1/runs/log-metric"): [
        Ask("/v1/runs/log-metric", body={**RUN, "key": "loss", "value": 0.5}, missing=(200, None))
    ],
    ("POST", "/v1/runs/log-param"): [
        Ask("/v1/runs/log-param", body={**RUN, "key": "rate", "value": "1"}, missing=(200, None))
    ],
    ("POST", "/v1/runs/log-batch"): [Ask("/v1/runs/log-batch", body={**RUN, "tags": {"a": "b"}}, missing=(200, None))],
    ("POST", "/v1/runs/end"): [Ask("/v1/runs/end", body=RUN, missing=(200, None))],
    ("POST", "/v1/uploads"): [
        Ask(
            "/v1/uploads",
            body={"task": "{task}", "model_name": "{model}", "files": [ANNOUNCED]},
            ok=CREATED,
            missing=CREATED,
        )
    ],
    ("POST", "/v1/uploads/<upload_id>"): [
        Ask(SESSIONS, headers={**TUS, **LENGTH}, ok=CREATED, about=SESSION),
        Ask(
            SESSIONS,
            headers={**BYTES, **LENGTH},
            data=b"1",
            ok=CREATED,
            about=SESSION,
        ),
    ],
    ("POST", "/v1/uploads/<upload_id>/files"): [Ask(SESSIONS + "/files", body={"files": [ANNOUNCED]}, about=SESSION)],
    ("POST", "/v1/uploads/<upload_id>/pack"): [
        Ask(
            SESSIONS + "/pack",
            headers={"Content-Type": "application/x-tar"},
            data=packed({"first": b"1"}),
            about=SESSION,
        )
    ],
    ("GET", "/v1/uploads/<upload_id>"): [Ask(SESSIONS, about=SESSION)],
    ("DELETE", "/v1/uploads/<upload_id>"): [Ask(SESSIONS, ok=NOTHING_LEFT, about=SESSION)],
    ("HEAD", "/v1/uploads/<upload_id>/<file_id>"): [Ask(SESSIONS + "/{file}", headers=TUS, about=SESSION)],
    ("PATCH", "/v1/uploads/<upload_id>/<file_id>"): [
        Ask(SESSIONS + "/{file}", headers={**BYTES, "Upload-Offset": "0"}, data=b"1", ok=NOTHING_LEFT, about=SESSION)
    ],
    ("DELETE", "/v1/uploads/<upload_id>/<file_id>"): [
        Ask(SESSIONS + "/{file}", headers=TUS, ok=NOTHING_LEFT, about=SESSION)
    ],
}
