"""What the operator does about access at the root."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from registry_client.cli.access import ACTIONS
from registry_client.cli.main import main
from registry_core import Action, ModelRegistry

RULES = {
    "schema": "omr-access/1",
    "admins": ["user:ops"],
    "rules": [{"who": ["group:ml"], "on": ["a/*"], "role": "user"}],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def omr(root: Path, *words: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["--root", str(root), *words], input=text)


def said(root: Path, *words: str, text: str | None = None) -> dict[str, Any]:
    done = omr(root, *words, "--json", text=text)
    assert done.exit_code == 0, done.output
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_rules_are_set_shown_and_tried(root: Path, tmp_path: Path) -> None:
    assert omr(root, "access", "show").stdout == "no rules were set\n"
    written = tmp_path / "rules.json"
    written.write_text(json.dumps(RULES))
    first = said(root, "access", "set", str(written), "--expected-seq", "0", "--actor", "ops", "--reason", "first")
    assert said(root, "access", "show") == {"ok": True, "document": RULES, "seq": first["seq"]}
    assert json.loads(omr(root, "access", "show").stdout) == RULES
    given = said(root, "access", "try", "group:ml", "use", "a/m")
    assert (given["allowed"], given["rules"]) == (True, [0])
    assert not said(root, "access", "try", "group:ml", "promote", "a/m", "latest")["allowed"]
    assert said(root, "access", "try", "user:ops", "admin", "a/m")["is_admin"]
    assert omr(root, "access", "try", "group:ml", "use", "a").exit_code == 2
    assert omr(root, "access", "set", str(written), "--expected-seq", "0").exit_code == 1
    assert omr(root, "access", "set", "-", text="{}").exit_code == 1
    (event,) = ModelRegistry.open(root).registry_history().events
    assert (event.actor, event.reason) == ("ops", "first")


def test_a_model_is_given_to_an_organization_and_to_nobody(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "model.pt").write_bytes(b"x")
    ModelRegistry.open(root).register("a", "m", "1", source)
    said_so = {"ok": True, "task": "a", "model_name": "m", "organization_id": "7", "status": "owned", "seq": 2}
    assert said(root, "access", "own", "a/m", "7", "--actor", "ops", "--reason", "moved") == said_so
    assert said(root, "access", "own", "a/m", "7") == said_so
    assert said(root, "access", "own", "a/m", "--nobody")["status"] == "unowned"
    assert omr(root, "access", "own", "a/n", "7").exit_code == 3
    for words in (("a", "7"), ("a/m",), ("a/m", "7", "--nobody")):
        assert omr(root, "access", "own", *words).exit_code == 2
    events = ModelRegistry.open(root).history("a", "m", event="own").events
    assert [(event.reason, event.owner) for event in events] == [("moved", "7"), (None, None)]
    assert events[0].actor == "ops"


def test_a_token_is_shown_once_listed_and_ended(root: Path) -> None:
    made = said(
        root, "token", "create", "ci", "--on", "a/*", "--alias", "candidate", "--role", "publisher", "--days", "2"
    )
    registry = ModelRegistry.open(root)
    assert registry.admitted(made["token"]) is not None
    listed = said(root, "token", "list")["tokens"]
    assert [(one["id"], one["kind"], one["name"], one["owner"]) for one in listed] == [
        (made["id"], "service", "ci", None)
    ]
    assert made["token"] not in omr(root, "token", "list").output
    assert omr(root, "token", "create", "ci").exit_code == 1
    assert omr(root, "token", "create", "x", "--role", "king").exit_code == 1
    said(root, "token", "revoke", made["id"], "--reason", "left on a bus")
    assert registry.admitted(made["token"]) is None
    assert omr(root, "token", "revoke", made["id"]).exit_code == 3
    plain = omr(root, "token", "create", "other").stdout.strip()
    assert ModelRegistry.open(root).admitted(plain) is not None


def test_the_actions_are_all_that_there_are() -> None:
    assert list(ACTIONS) == list(Action)


def test_what_held_at_a_moment_and_gave_a_named_who(root: Path) -> None:
    other = {**RULES, "rules": [{"who": ["group:ml"], "on": ["a/*"], "role": "publisher"}], "blocked": ["user:gone"]}
    for rules in (RULES, other, {**other, "rules": []}):
        said(root, "access", "set", "-", text=json.dumps(rules))
    made = said(root, "token", "create", "ci")
    said(root, "token", "revoke", made["id"])
    history = said(root, "history", "--registry")["events"]
    moments = [event["ts_utc"] for event in history]
    assert [event["event"] for event in history] == ["access"] * 3 + ["token"] * 2
    for moment, rules, seq in zip(moments, (RULES, other, {**other, "rules": []}), (1, 2, 3), strict=False):
        assert said(root, "access", "show", "--as-of", moment) == {"ok": True, "document": rules, "seq": seq}
    promote = ("access", "try", "group:ml", "promote", "a/m", "latest")
    assert [said(root, *promote, "--as-of", moment)["allowed"] for moment in moments[:3]] == [False, True, False]
    assert not said(root, *promote)["allowed"]
    blocked = ("access", "try", "user:gone", "read", "a/m", "--as-of")
    assert [said(root, *blocked, moment)["is_blocked"] for moment in moments[:2]] == [False, True]
    assert said(root, "access", "show", "--as-of", "2020-01-01T00:00:00Z") == {"ok": True, "document": None, "seq": 0}
    wrong = omr(root, "access", "show", "--as-of", "yesterday")
    assert (wrong.exit_code, "invalid_parameter" in wrong.output) == (1, True)
    registry = ModelRegistry.open(root)
    assert registry.access_rules(as_of=moments[0]).seq == 1
    assert registry.try_access_rules("group:ml", "promote", "a", "m", "latest", as_of=moments[1]).allowed


def test_the_journal_of_the_registry_itself_is_listed_and_proven(root: Path) -> None:
    assert omr(root, "history", "--registry").stdout == "none\n"
    assert omr(root, "audit", "verify", "--registry").stdout == "intact: 0 events, head None\n"
    said(root, "access", "set", "-", "--actor", "ops", "--reason", "first", text=json.dumps(RULES))
    head = said(root, "audit", "verify", "--registry")["head"]
    kept = f"{head['seq']}:{head['digest']}"
    made = said(root, "token", "create", "ci", "--actor", "ops")
    revoked = said(root, "token", "revoke", made["id"], "--actor", "ops")
    shown = omr(root, "history", "--registry", "--after", "1").stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["seq", "2", str(revoked["seq"])]
    assert f"token {made['id']} ci" in shown[1]
    assert f"token {made['id']} revoked" in shown[2]
    assert made["token"] not in "".join(shown)
    assert omr(root, "history", "--registry", "--event", "access", "--limit", "1").stdout.count("access") == 1
    assert "--after 1" in omr(root, "history", "--registry", "--limit", "1").output
    assert omr(root, "audit", "verify", "--registry", "--expect-head", kept).exit_code == 0
    assert omr(root, "audit", "verify", "--registry", "--expect-head", f"1:{'0' * 64}").exit_code == 4
    journal = root / "log" / "journal" / "registry.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"actor":"ops"', b'"actor":"eve"', 1))
    assert omr(root, "audit", "verify", "--registry").exit_code == 4
    listed = said(root, "history", "--registry")
    assert "damaged" in listed["warnings"][0]
    assert len(listed["events"]) == 3


@pytest.mark.parametrize("command", [("history",), ("audit", "verify")])
def test_it_is_a_model_or_the_registry_that_is_named(root: Path, command: tuple[str, ...]) -> None:
    for words in ((), ("t",), ("t", "--registry"), ("t", "m", "--registry")):
        assert omr(root, *command, *words).exit_code == 2
    afar = CliRunner().invoke(main, ["--url", "http://127.0.0.1:1", *command, "--registry"])
    assert (afar.exit_code, "where the registry lies" in afar.output) == (2, True)
    if command == ("history",):
        assert omr(root, "history", "--registry", "--alias", "latest").exit_code == 2
