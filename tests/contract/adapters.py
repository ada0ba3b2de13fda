"""One small interface to every way into the registry: the core, the HTTP service, the command line.

Each verb takes the core's words and returns a plain dictionary with the fields of ``docs/http.md``, or raises the
``RegistryError`` that the answer names; so one test speaks to all. A verb that a way has not (sweep over
HTTP) is the core's, as an operator of that registry would call it.
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner

from app import create_app
from app.config import Settings
from registry_client import RegistryClient
from registry_client.cli.main import main
from registry_core import UNSET, CoreSettings, ModelRegistry, RegistryError

Answer = dict[str, Any]

# The statuses of ``docs/errors.md``; written here again, so that a change of the tables in the code is noticed.
STATUS = {
    **dict.fromkeys(("invalid_name", "invalid_ref", "invalid_metadata", "invalid_parameter", "artifacts_refused"), 422),
    **dict.fromkeys(("idempotency_key_reused", "digest_mismatch", "invalid_request"), 422),
    **dict.fromkeys(("model_not_found", "version_not_found", "alias_not_found", "run_not_found"), 404),
    "artifact_not_found": 404,
    **dict.fromkeys(("version_exists", "name_taken", "alias_moved", "version_in_use", "package_corrupt"), 409),
    "journal_corrupt": 409,
    **dict.fromkeys(("storage_unavailable", "lock_timeout", "index_building", "not_configured"), 503),
    "storage_full": 507,
}
EXIT = {422: 1, 409: 1, 404: 3, 503: 5, 507: 5}
DAMAGED = ("package_corrupt", "digest_mismatch", "journal_corrupt")


def errors_by_code(top: type[RegistryError] = RegistryError) -> dict[str, type[RegistryError]]:
    """Every leaf of the error tree."""
    found = {}
    for kind in top.__subclasses__():
        found.update(errors_by_code(kind) or {kind.code: kind})
    return found


def rebuilt(code: str, message: str, detail: dict[str, Any]) -> RegistryError:
    """The error that an answer tells of."""
    known = errors_by_code()
    assert code in known, f"{code} is no code of the error tree: {message} {detail}"
    return known[code](message, **detail)


def tidy(answer: Answer) -> Answer:
    """The answer, without warnings where there are none."""
    if not answer.get("warnings"):
        answer.pop("warnings", None)
    return answer


class Core:
    """The verbs in process."""

    nobody: str | None = None  # who is recorded where the caller names nobody

    def __init__(self, registry: ModelRegistry) -> None:
        self.registry = registry

    def register(
        self,
        task: str,
        model_name: str,
        version: str,
        artifacts_dir: Path,
        metadata: dict[str, Any] | None = None,
        *,
        set_alias: str | None = "latest",
        actor: str | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        words = {"set_alias": set_alias, "actor": actor, "reason": reason, "idempotency_key": idempotency_key}
        return tidy(
            self.registry.register(task, model_name, version, artifacts_dir, metadata or {}, **words).to_dict()  # type: ignore[arg-type]
        )

    def resolve(self, task: str, ref: str, *, verify: bool = True, as_of: str | None = None) -> Answer:
        return tidy(self.registry.resolve(task, ref, verify=verify, as_of=as_of).to_dict())

    def show(self, task: str, ref: str, *, verify: bool = False, as_of: str | None = None) -> Answer:
        return tidy(self.registry.show(task, ref, verify=verify, as_of=as_of).to_dict())

    def verify(self, task: str, ref: str) -> Answer:
        return tidy(self.registry.verify(task, ref).to_dict())

    def artifacts(self, task: str, ref: str) -> Answer:
        return tidy(self.registry.artifacts(task, ref).to_dict())

    def promote(
        self,
        task: str,
        model_name: str,
        alias: str,
        version: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
        expected_version: Any = UNSET,
        expected_seq: Any = UNSET,
    ) -> Answer:
        expected = {"expected_version": expected_version, "expected_seq": expected_seq}
        done = self.registry.promote(task, model_name, alias, version, actor=actor, reason=reason, **expected)
        return tidy(done.to_dict())

    def aliases(self, task: str, model_name: str) -> Answer:
        found = self.registry.list_aliases(task, model_name)
        aliases = [alias.to_dict() for alias in found]
        return tidy({"model_name": model_name, "aliases": aliases, "warnings": found.warnings})

    def history(self, task: str, model_name: str, **filters: Any) -> Answer:
        return tidy(self.registry.history(task, model_name, **filters).to_dict())

    def unalias(self, task: str, model_name: str, alias: str, **words: Any) -> Answer:
        return tidy(self.registry.unalias(task, model_name, alias, **words).to_dict())

    def rollback(self, task: str, model_name: str, alias: str, **words: Any) -> Answer:
        return tidy(self.registry.rollback(task, model_name, alias, **words).to_dict())

    def tag(self, task: str, model_name: str, version: str, key: str, value: Any, **words: Any) -> Answer:
        return tidy(self.registry.tag(task, model_name, version, key, value, **words).to_dict())

    def patch(self, task: str, model_name: str, version: str, **words: Any) -> Answer:
        return tidy(self.registry.patch(task, model_name, version, **words).to_dict())

    def stage(self, task: str, model_name: str, version: str, stage: str, **words: Any) -> Answer:
        return tidy(self.registry.stage(task, model_name, version, stage, **words).to_dict())

    def delete(self, task: str, model_name: str, version: str, **words: Any) -> Answer:
        return tidy(self.registry.delete(task, model_name, version, **words).to_dict())

    def restore(self, task: str, model_name: str, version: str, **words: Any) -> Answer:
        return tidy(self.registry.restore(task, model_name, version, **words).to_dict())

    def metrics(self, task: str, ref: str) -> Answer:
        return tidy(self.registry.metrics(task, ref).to_dict())

    def compare(self, task: str, model_name: str, versions: list[str], path: str | None = None) -> Answer:
        return tidy(self.registry.compare(task, model_name, versions, path).to_dict())

    def audit_verify(self, task: str, model_name: str, *, expect_head: str | None = None) -> Answer:
        return tidy(self.registry.audit_verify(task, model_name, expect_head=expect_head).to_dict())

    def log_metric(self, task: str, model_name: str, run_id: str, key: str, value: Any, **words: Any) -> Answer:
        return self.registry.log_metric(task, model_name, run_id, key, value, **words).to_dict()

    def log_param(self, task: str, model_name: str, run_id: str, key: str, value: Any, **words: Any) -> Answer:
        return self.registry.log_param(task, model_name, run_id, key, value, **words).to_dict()

    def log_batch(self, task: str, model_name: str, run_id: str, **words: Any) -> Answer:
        return self.registry.log_batch(task, model_name, run_id, **words).to_dict()

    def end_run(self, task: str, model_name: str, run_id: str, **words: Any) -> Answer:
        return self.registry.end_run(task, model_name, run_id, **words).to_dict()

    def training_run(self, task: str, model_name: str, run_id: str, **words: Any) -> Answer:
        return tidy(self.registry.run(task, model_name, run_id, **words).to_dict())

    def training_runs(self, task: str, model_name: str, **words: Any) -> list[Answer]:
        """One page."""
        return [facts.to_dict() for facts in self.registry.runs(task, model_name, **words).items]

    def purge(self, older_than_s: float, **words: Any) -> Answer:
        return tidy(self.registry.purge(older_than_s, **words).to_dict())

    def adopt(self, **words: Any) -> Answer:
        return tidy(self.registry.adopt(**words).to_dict())

    def sweep(self, older_than_s: float, *, dry_run: bool = False) -> Answer:
        return tidy(self.registry.sweep(older_than_s, dry_run=dry_run).to_dict())

    def check(self) -> Answer:
        report = self.registry.check()
        return {"clean": report.is_clean, **report.to_dict()}


class Http(Core):
    """The verbs over HTTP, through the whole application."""

    def __init__(self, registry: ModelRegistry) -> None:
        super().__init__(registry)
        app = create_app(Settings(core=CoreSettings()), registry)
        self.client = httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://registry")

    def call(self, method: str, path: str, /, *, succeeds: int = 200, headers: Any = None, **fields: Any) -> Answer:
        """The answer's fields, ``ok`` proven and taken off."""
        if method == "GET":
            answer = self.client.get(path, params=_query(fields))
        else:
            # Not httpx's own JSON: it refuses what a careless client may send.
            body = json.dumps(fields).encode()
            answer = self.client.request(
                method, path, content=body, headers={"Content-Type": "application/json", **(headers or {})}
            )
        content = answer.json()
        if answer.is_error:
            assert answer.headers["Content-Type"] == "application/problem+json"
            raise self._problem(answer.status_code, content)
        assert answer.status_code == succeeds
        assert content.pop("ok") is True
        return tidy(content)

    def _problem(self, status: int, content: dict[str, Any]) -> RegistryError:
        assert content["ok"] is False
        assert content["status"] == status == STATUS[content["code"]]
        assert content["type"].endswith(content["code"])
        assert content["title"]
        own = ("type", "title", "status", "detail", "ok", "code", "request_id")
        detail = {name: value for name, value in content.items() if name not in own}
        return rebuilt(content["code"], content["detail"], detail)

    def register(
        self, task: str, model_name: str, version: str, artifacts_dir: Path, *args: Any, **words: Any
    ) -> Answer:
        metadata = {"metadata": args[0]} if args else {}
        key = words.pop("idempotency_key", None)
        fields = {"task": task, "model_name": model_name, "version": version, "artifacts_dir": str(artifacts_dir)}
        headers = {"Idempotency-Key": key} if key is not None else {}
        return self.call("POST", "/v1/register", succeeds=201, headers=headers, **fields, **metadata, **words)

    def resolve(self, task: str, ref: str, *, verify: bool | None = None, as_of: str | None = None) -> Answer:
        return self.call("GET", "/v1/resolve", task=task, ref=ref, verify=verify, as_of=as_of)

    def show(self, task: str, ref: str, *, verify: bool | None = None, as_of: str | None = None) -> Answer:
        return self.call("GET", "/v1/show", task=task, ref=ref, verify=verify, as_of=as_of)

    def verify(self, task: str, ref: str) -> Answer:
        return self.call("POST", "/v1/verify", task=task, ref=ref)

    def artifacts(self, task: str, ref: str) -> Answer:
        return self.call("GET", "/v1/artifacts", task=task, ref=ref)

    def promote(self, task: str, model_name: str, alias: str, version: str, **words: Any) -> Answer:
        fields = {"task": task, "model_name": model_name, "alias": alias, "version": version}
        return self.call("POST", "/v1/promote", **fields, **words)

    def aliases(self, task: str, model_name: str) -> Answer:
        return self.call("GET", "/v1/aliases", task=task, model=model_name)

    def history(self, task: str, model_name: str, **filters: Any) -> Answer:
        return self.call("GET", "/v1/history", task=task, model=model_name, **filters)

    def unalias(self, task: str, model_name: str, alias: str, **words: Any) -> Answer:
        return self.call("DELETE", "/v1/aliases", task=task, model_name=model_name, alias=alias, **words)

    def rollback(self, task: str, model_name: str, alias: str, **words: Any) -> Answer:
        return self.call("POST", "/v1/rollback", task=task, model_name=model_name, alias=alias, **words)

    def tag(self, task: str, model_name: str, version: str, key: str, value: Any, **words: Any) -> Answer:
        fields = {"task": task, "model_name": model_name, "version": version, "key": key, "value": value}
        return self.call("PUT", "/v1/tags", **fields, **words)

    def patch(self, task: str, model_name: str, version: str, **words: Any) -> Answer:
        return self.call("POST", "/v1/versions/patch", task=task, model_name=model_name, version=version, **words)

    def stage(self, task: str, model_name: str, version: str, stage: str, **words: Any) -> Answer:
        fields = {"task": task, "model_name": model_name, "version": version, "stage": stage}
        return self.call("POST", "/v1/stage", **fields, **words)

    def delete(self, task: str, model_name: str, version: str, **words: Any) -> Answer:
        return self.call("DELETE", "/v1/versions", task=task, model_name=model_name, version=version, **words)

    def restore(self, task: str, model_name: str, version: str, **words: Any) -> Answer:
        return self.call("POST", "/v1/versions/restore", task=task, model_name=model_name, version=version, **words)

    def metrics(self, task: str, ref: str) -> Answer:
        return self.call("GET", "/v1/metrics", task=task, ref=ref)

    def compare(self, task: str, model_name: str, versions: list[str], path: str | None = None) -> Answer:
        named = {} if path is None else {"path": path}
        return self.call("GET", "/v1/compare", task=task, model=model_name, versions=versions, **named)

    def audit_verify(self, task: str, model_name: str, *, expect_head: str | None = None) -> Answer:
        return self.call("GET", "/v1/audit/verify", task=task, model=model_name, expect_head=expect_head)

    def log_metric(self, task: str, model_name: str, run_id: str, key: str, value: Any, **words: Any) -> Answer:
        fields = {"task": task, "model_name": model_name, "run_id": run_id, "key": key, "value": value}
        return self.call("POST", "/v1/runs/log-metric", **fields, **words)

    def log_param(self, task: str, model_name: str, run_id: str, key: str, value: Any, **words: Any) -> Answer:
        fields = {"task": task, "model_name": model_name, "run_id": run_id, "key": key, "value": value}
        return self.call("POST", "/v1/runs/log-param", **fields, **words)

    def log_batch(self, task: str, model_name: str, run_id: str, **words: Any) -> Answer:
        return self.call("POST", "/v1/runs/log-batch", task=task, model_name=model_name, run_id=run_id, **words)

    def end_run(self, task: str, model_name: str, run_id: str, **words: Any) -> Answer:
        return self.call("POST", "/v1/runs/end", task=task, model_name=model_name, run_id=run_id, **words)

    def training_run(self, task: str, model_name: str, run_id: str, **words: Any) -> Answer:
        return self.call("GET", "/v1/runs/get", task=task, model=model_name, run_id=run_id, **words)

    def training_runs(self, task: str, model_name: str, **words: Any) -> list[Answer]:
        answer = self.client.get("/v1/runs/list", params=_query({"task": task, "model": model_name, **words}))
        content = answer.json()
        if answer.is_error:
            raise self._problem(answer.status_code, content)
        assert isinstance(content, list)
        return content


class Remote(Core):
    """The same calls as in process, of a ``RegistryClient`` of a real server at ``url``."""

    def __init__(self, registry: ModelRegistry, url: str) -> None:
        super().__init__(RegistryClient(url))  # type: ignore[arg-type]
        self._operator = Core(registry)

    def sweep(self, older_than_s: float, *, dry_run: bool = False) -> Answer:
        return self._operator.sweep(older_than_s, dry_run=dry_run)

    def check(self) -> Answer:
        return self._operator.check()

    def purge(self, older_than_s: float, **words: Any) -> Answer:
        return self._operator.purge(older_than_s, **words)

    def adopt(self, **words: Any) -> Answer:
        return self._operator.adopt(**words)


def _query(fields: dict[str, Any]) -> dict[str, str | list[str]]:
    words = {True: "true", False: "false"}
    return {
        name: value if isinstance(value, list) else words[value] if isinstance(value, bool) else str(value)
        for name, value in fields.items()
        if value is not None
    }


def _is_unfinished(content: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Whether check or sweep tells of an event that nobody has finished."""
    if options.get("dry_run") and "removed" in content and content["finished"]:
        return True
    findings = [*(content.get("findings") or []), *(content.get("refused") or [])]
    return any(isinstance(finding, dict) and finding.get("severity") == "pending" for finding in findings)


class Cli(Core):
    """The verbs of ``omr --json`` on the registry's root, in this process or in one of its own.

    With ``url`` they go through a real server there, but for those that are only for the root.
    """

    def __init__(self, registry: ModelRegistry, root: str, *, in_process: bool = True, url: str | None = None) -> None:
        super().__init__(registry)
        self._root = root
        self._in_process = in_process
        self._url = url

    @property
    def nobody(self) -> str:
        return pwd.getpwuid(os.getuid()).pw_name

    def run(self, verb: str, arguments: Sequence[str], stdin: str | None = None, **options: Any) -> Answer:
        """What the command printed; a refusal raised, its exit code proven."""
        words = ["--root", self._root, *verb.split(), "--json", *_options(options), "--", *arguments]
        code, out, err = self._here(words, stdin) if self._in_process else self._there(words, stdin)
        assert len(out.splitlines()) == 1, f"not one JSON object: {out!r} {err!r}"
        content = json.loads(out)
        if content.pop("ok"):
            assert code == (6 if _is_unfinished(content, options) else 0)
            return tidy(content)
        if verb == "check":
            assert code == 4
            return tidy(content)
        kind, title, message = content.pop("code"), content.pop("title"), content.pop("detail")
        assert title
        assert code == (4 if kind in DAMAGED else EXIT[STATUS[kind]])
        raise rebuilt(kind, message, content)

    def _here(self, words: list[str], stdin: str | None) -> tuple[int, str, str]:
        result = CliRunner().invoke(main, words, input=stdin, catch_exceptions=False)
        return result.exit_code, result.stdout, result.stderr

    def _there(self, words: list[str], stdin: str | None) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "registry_client.cli.main", *words]
        result = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, env=os.environ)
        return result.returncode, result.stdout, result.stderr

    def register(
        self, task: str, model_name: str, version: str, artifacts_dir: Path, *args: Any, **words: Any
    ) -> Answer:
        if "set_alias" in words and words["set_alias"] is None:
            words = {**words, "set_alias": None, "no_alias": True}
        names = [task, model_name, version, str(artifacts_dir)]
        if args:
            return self.run("register", names, stdin=json.dumps(args[0]), metadata="@-", **words)
        return self.run("register", names, **words)

    def resolve(self, task: str, ref: str, *, verify: bool | None = None, as_of: str | None = None) -> Answer:
        return self.run("resolve", [task, ref], as_of=as_of, **_verify(verify))

    def show(self, task: str, ref: str, *, verify: bool | None = None, as_of: str | None = None) -> Answer:
        return self.run("show", [task, ref], as_of=as_of, **_verify(verify))

    def verify(self, task: str, ref: str) -> Answer:
        return self.run("verify", [task, ref])

    def artifacts(self, task: str, ref: str) -> Answer:
        return self.run("artifacts", [task, ref])

    def promote(self, task: str, model_name: str, alias: str, version: str, **words: Any) -> Answer:
        return self.run("promote", [task, model_name, alias, version], **_expecting(words))

    def aliases(self, task: str, model_name: str) -> Answer:
        return self.run("aliases", [task, model_name])

    def history(self, task: str, model_name: str, **filters: Any) -> Answer:
        named = {"query" if name == "q" else name: value for name, value in filters.items()}
        return self.run("history", [task, model_name], **named)

    def unalias(self, task: str, model_name: str, alias: str, **words: Any) -> Answer:
        return self.run("unalias", [task, model_name, alias], **_expecting(words))

    def rollback(self, task: str, model_name: str, alias: str, **words: Any) -> Answer:
        return self.run("rollback", [task, model_name, alias], **_expecting(words))

    def tag(self, task: str, model_name: str, version: str, key: str, value: Any, **words: Any) -> Answer:
        if value is None:
            return self.run("tag", [task, model_name, version, key], remove=True, **words)
        return self.run("tag", [task, model_name, version, key, json.dumps(value)], **words)

    def patch(self, task: str, model_name: str, version: str, **words: Any) -> Answer:
        tags = words.pop("tags", None) or {}
        if "description" in words:
            words["description"] = words["description"] or ""
        told = [f"{key}={'' if value is None else json.dumps(value)}" for key, value in tags.items()]
        return self.run("patch", [task, model_name, version], tag=told, **words)

    def stage(self, task: str, model_name: str, version: str, stage: str, **words: Any) -> Answer:
        return self.run("stage", [task, model_name, version, stage], **_expecting(words))

    def delete(self, task: str, model_name: str, version: str, **words: Any) -> Answer:
        return self.run("delete", [task, model_name, version], **words)

    def restore(self, task: str, model_name: str, version: str, **words: Any) -> Answer:
        return self.run("restore", [task, model_name, version], **words)

    def metrics(self, task: str, ref: str) -> Answer:
        return self.run("metrics", [task, ref])

    def compare(self, task: str, model_name: str, versions: list[str], path: str | None = None) -> Answer:
        return self.run("compare", [task, model_name, *versions], **({} if path is None else {"path": path}))

    def audit_verify(self, task: str, model_name: str, *, expect_head: str | None = None) -> Answer:
        return self.run("audit verify", [task, model_name], expect_head=expect_head)

    def training_run(self, task: str, model_name: str, run_id: str, **words: Any) -> Answer:
        return self.run("runs show", [task, model_name, run_id], **words)

    def training_runs(self, task: str, model_name: str, **words: Any) -> list[Answer]:
        found: list[Answer] = self.run("runs list", [task, model_name], **words)["items"]
        return found

    def purge(self, older_than_s: float, **words: Any) -> Answer:
        return self.run("purge", [], older_than=f"{older_than_s:g}s", **words)

    def adopt(self, **words: Any) -> Answer:
        return self.run("adopt", [], **words)

    def sweep(self, older_than_s: float, *, dry_run: bool = False) -> Answer:
        return self.run("sweep", [], older_than=f"{older_than_s:g}s", dry_run=dry_run)

    def check(self) -> Answer:
        return self.run("check", [])


def _verify(verify: bool | None) -> dict[str, bool]:
    return {} if verify is None else {"verify" if verify else "no_verify": True}


def _expecting(words: dict[str, Any]) -> dict[str, Any]:
    if words.get("expected_seq", UNSET) is None:
        words = {**words, "expected_seq": "none"}
    return {**words, "expected_absent": True} if words.get("expected_version", UNSET) is None else words


def _options(options: dict[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            yield flag
        elif isinstance(value, list):
            yield from (f"{flag}={one}" for one in value)
        elif value is not None and value is not False:
            yield f"{flag}={value}"
