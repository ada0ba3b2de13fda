"""``--json`` prints what HTTP answers."""

from __future__ import annotations

from typing import Any

from ...app.curl import get, post
from ...support.servers import gunicorn
from .conftest import Shell


def without(answer: dict[str, Any], *fields: str) -> dict[str, Any]:
    assert set(fields) <= set(answer)
    return {name: value for name, value in answer.items() if name not in fields}


def test_reading_verbs_answer_the_same(shell: Shell) -> None:
    shell.ok("register", "t", "m", "1", "source", "--actor", "ada", "--metadata", '{"note": "ü", "n": 1.5}')
    shell.ok("promote", "t", "m", "production", "1", "--reason", "good")
    shell.ok("register", "t", "m", "2", "source", "--no-alias")
    shell.ok("delete", "t", "m", "2", "--reason", "wrong")
    ref, model = {"task": "t", "ref": "m@production"}, {"task": "t", "model": "m"}
    with gunicorn(shell.root, workers=1) as server:
        for arguments, path, query in (
            (["resolve", "t", "m@production"], "resolve", ref),
            (["resolve", "t", "m@production", "--no-verify"], "resolve", {**ref, "verify": "false"}),
            (["resolve", "t", "m@1"], "resolve", {"task": "t", "ref": "m@1"}),
            (["show", "t", "m@production"], "show", ref),
            (["artifacts", "t", "m@production"], "artifacts", ref),
            (["facts", "t", "m@production"], "facts", ref),
            (["facts", "t", "m@production", "--details"], "facts", {**ref, "details": "true"}),
            (["aliases", "t", "m"], "aliases", model),
            (["aliases", "t", "m", "--as-of", "2100-01-01"], "aliases", {**model, "as_of": "2100-01-01"}),
            (["spans", "t", "m"], "aliases/spans", model),
            (["spans", "t", "m", "--alias", "latest", "--limit", "1"], "aliases/spans", {**model, "alias": "latest"}),
            (["deleted", "t", "m"], "versions/deleted", model),
            (["history", "t", "m"], "history", model),
            (["history", "t", "m", "--limit", "1"], "history", {**model, "limit": "1"}),
        ):
            answer = get(f"{server.url}/v1/{path}", **query)
            assert answer.status == 200
            assert shell.ok(*arguments, "--json").json == answer.json
        verified = post(f"{server.url}/v1/verify", ref).json
        assert without(shell.ok("verify", "t", "m@production", "--json").json, "duration_s") == without(
            verified, "duration_s"
        )


def test_changing_verbs_answer_the_same_of_two_like_changes(shell: Shell) -> None:
    """The same changes to two models, one by each way; only times, and what hangs on them, differ."""
    words = {"actor": "ada", "reason": "because"}
    options = ["--actor", "ada", "--reason", "because"]
    with gunicorn(shell.root, workers=1) as server:
        body = {"task": "t", "model_name": "m", "version": "1", "artifacts_dir": str(shell.source), **words}
        by_http = post(f"{server.url}/v1/register", body).json
        by_hand = shell.ok("--root", str(shell.root), "register", "t2", "m", "1", "source", *options, "--json").json
        changing = ("task", "created_at", "package_path", "package_digest", "hashes")
        assert without(by_hand, *changing) == without(by_http, *changing)
        assert without(by_hand["hashes"], "model_meta.json") == without(by_http["hashes"], "model_meta.json")
        body = {"task": "t", "model_name": "m", "alias": "production", "version": "1", **words}
        promoted = post(f"{server.url}/v1/promote", body).json
        also = shell.ok("promote", "t2", "m", "production", "1", *options, "--json").json
        assert without(also, "updated_at") == without(promoted, "updated_at")
        histories = [get(f"{server.url}/v1/history", task=task, model="m").json["events"] for task in ("t", "t2")]
        for mine, other in zip(*histories, strict=True):
            changing = ("task", "ts_utc", "package_digest", "created_at", "commit", "attempt", "prev")
            assert without(mine, *changing) == without(other, *changing)
