"""omr login, logout and whoami, and what a refusal says; no token is printed, or stands on a command line."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...app.curl import get
from ...support.packages import open_registry
from ...support.servers import PREFIX, gunicorn
from .conftest import OMR, Done, Shell

RULES = {
    "schema": "omr-access/1",
    "admins": ["token:ops"],
    "rules": [{"who": ["token:ci"], "on": ["t/*"], "role": "publisher"}],
}


class Asking:
    """A service that asks who is calling, and a person's machine."""

    def __init__(self, shell: Shell, url: str) -> None:
        self.shell, self.url = shell, url
        registry = open_registry(shell.root)
        self.tokens = {name: registry.create_token("service", name).token for name in ("ci", "ops")}

    @property
    def env(self) -> dict[str, str]:
        config = str(self.shell.area / "config")
        return {f"{PREFIX}ROOT": "", f"{PREFIX}URL": "", "XDG_CONFIG_HOME": config, "HOME": str(self.shell.area)}

    def omr(self, *words: str, stdin: str = "", **env: str) -> Done:
        """As somebody who has no root; of no token is anything printed."""
        done = self.shell.omr(*words, stdin=stdin, env={**self.env, **env})
        secrets = [token.split("_")[2] for token in self.tokens.values()]
        assert not [secret for secret in secrets if secret in done.out + done.err]
        return done

    def at(self, *words: str, stdin: str = "", **env: str) -> Done:
        return self.omr("--url", self.url, *words, stdin=stdin, **env)

    def kept(self) -> list[Path]:
        return [path for path in (self.shell.area / "config").rglob("*") if path.is_file()]


@pytest.fixture
def asking(filled: Shell) -> Iterator[Asking]:
    open_registry(filled.root).set_access_rules(RULES)
    with gunicorn(filled.root, workers=1) as server:
        yield Asking(filled, server.url)


def test_a_token_is_kept_after_the_service_has_said_whose_it_is(asking: Asking) -> None:
    refused = asking.at("show", "t", "m@1")
    assert refused.code == 7
    assert refused.err.splitlines()[0].startswith("omr: unauthenticated: ")
    assert f"omr: sign in with 'omr login {asking.url}'." in refused.err
    done = asking.omr("login", asking.url, "--json", stdin=f"{asking.tokens['ci']}\n")
    assert (done.code, done.json["kind"], done.json["name"]) == (0, "service", "ci")
    (path,) = asking.kept()
    assert (str(path), path.stat().st_mode & 0o777) == (done.json["kept_in"], 0o600)
    assert asking.at("whoami", "--json").json["name"] == "ci"
    assert asking.at("show", "t", "m@1").code == 0
    assert asking.at("promote", "t", "m", "candidate", "1").code == 0
    out = asking.omr("logout", f"{asking.url}/any/path", "--json").json
    assert (out["was_kept"], asking.kept()) == (True, [])
    assert asking.at("whoami").code == 7
    assert asking.omr("logout", asking.url, "--json").json["was_kept"] is False


@pytest.mark.parametrize(
    ("sent", "code", "error"),
    [("omr_wrong", 7, "invalid_token"), ("", 2, None), ("two words", 1, "invalid_parameter")],
)
def test_a_token_that_does_not_count_is_not_kept(asking: Asking, sent: str, code: int, error: str | None) -> None:
    done = asking.omr("login", asking.url, stdin=f"{sent}\n")
    assert (done.code, asking.kept()) == (code, [])
    assert error is None or done.err.startswith(f"omr: {error}: ")
    assert "sign in with" not in done.err, "that is what was done"


def test_it_is_not_even_asked_for_where_it_would_be_sent_in_the_clear(asking: Asking) -> None:
    done = asking.omr("login", "http://registry.example", stdin="secret\n")
    assert (done.code, "plain http" in done.err) == (1, True)
    done = asking.omr("--url", "http://registry.example", "whoami", **{f"{PREFIX}TOKEN": "secret"})
    assert (done.code, "plain http" in done.err) == (1, True)
    assert "secret" not in done.err


def test_a_token_on_the_command_line_is_refused_without_being_repeated(asking: Asking) -> None:
    done = asking.omr("login", asking.url, asking.tokens["ci"])  # that it is not printed omr() looks at
    assert (done.code, asking.kept()) == (2, [])
    assert "send it to standard input" in done.err


def test_a_service_that_asks_nobody_is_given_none(shell: Shell) -> None:
    with gunicorn(shell.root, workers=1) as server:
        env = {"XDG_CONFIG_HOME": str(shell.area / "config")}
        done = shell.omr("login", server.url, stdin="omr_x\n", env=env)
        assert (done.code, "asks nobody" in done.err) == (1, True)
        assert not (shell.area / "config").exists()
        assert shell.omr("--url", server.url, "whoami", "--json", env={**env, f"{PREFIX}ROOT": ""}).json["kind"] == (
            "anonymous"
        )
    assert shell.ok("whoami", "--json").json["kind"] == "operator"


def test_each_other_way_to_name_a_token(asking: Asking) -> None:
    asking.omr("login", asking.url, stdin=asking.tokens["ci"])
    file = asking.shell.area / "token"
    file.write_text(f"{asking.tokens['ops']}\n")
    by_file = ["--token-file", str(file), "--url", asking.url, "whoami", "--json"]
    assert asking.omr(*by_file).json["name"] == "ops"
    assert asking.at("whoami", "--json", **{f"{PREFIX}TOKEN": asking.tokens["ops"]}).json["name"] == "ops"
    assert asking.omr(*by_file, **{f"{PREFIX}TOKEN": "omr_wrong"}).json["name"] == "ops"
    wrong = asking.at("whoami", **{f"{PREFIX}TOKEN": "omr_wrong"})
    assert (wrong.code, f"the token in {PREFIX}TOKEN was sent." in wrong.err) == (7, True)
    told = asking.omr("login", asking.url, stdin=asking.tokens["ci"], **{f"{PREFIX}TOKEN": asking.tokens["ops"]})
    assert (told.code, f"{PREFIX}TOKEN is set" in told.err) == (0, True)
    assert asking.omr("--token-file", str(file), "login", asking.url, "--json").json["name"] == "ops"
    assert asking.omr("--token-file", str(file.with_name("none")), "--url", asking.url, "whoami").code == 1


def test_what_others_can_read_is_not_sent(asking: Asking) -> None:
    asking.omr("login", asking.url, stdin=asking.tokens["ci"])
    (path,) = asking.kept()
    path.chmod(0o644)
    refused = asking.at("whoami")
    assert refused.code == 5
    assert "others may have the token" in refused.err


def test_what_is_not_given_has_its_own_exit_code(asking: Asking) -> None:
    token = {f"{PREFIX}TOKEN": asking.tokens["ci"]}
    denied = asking.at("delete", "t", "m", "1", "--reason", "why", **token)
    assert (denied.code, denied.err.startswith("omr: permission_denied: ")) == (8, True)
    assert "omr login" not in denied.err
    assert asking.at("show", "t", "foreign@1", **token).code == 3
    as_json = asking.at("delete", "t", "m", "1", "--reason", "why", "--json", **token)
    assert (as_json.code, as_json.json["required"]["action"], as_json.err) == (8, "delete", "")


def test_rules_and_tokens_over_http(asking: Asking) -> None:
    ops = {f"{PREFIX}TOKEN": asking.tokens["ops"]}
    read = asking.at("access", "show", "--json", **ops).json
    assert read["document"] == RULES
    written = json.dumps({**RULES, "protected_aliases": ["production"]})
    done = asking.at("access", "set", "-", "--expected-seq", str(read["seq"]), stdin=written, **ops)
    assert done.code == 0, done
    assert asking.at("access", "set", "-", "--expected-seq", str(read["seq"]), stdin=written, **ops).code == 1
    tried = asking.at("access", "try", "token:ci", "promote", "t/m", "production", "--json", **ops).json
    assert tried["allowed"] is False
    made = asking.at("token", "create", "new", "--role", "viewer", "--days", "1", "--json", **ops).json
    assert made["id"] in [one["id"] for one in asking.at("token", "list", "--json", **ops).json["tokens"]]
    assert asking.at("whoami", "--json", **{f"{PREFIX}TOKEN": made["token"]}).json["name"] == "new"
    assert asking.at("token", "revoke", made["id"], **ops).code == 0
    assert asking.at("token", "create", "mine", "--personal", **ops).code == 1, "no token makes a personal one"
    for words in (["access", "show"], ["token", "create", "x"]):
        assert asking.at(*words, **{f"{PREFIX}TOKEN": asking.tokens["ci"]}).code == 8


def test_a_person_types_it_unseen(asking: Asking) -> None:
    master, slave = pty.openpty()
    command = [str(OMR), "login", asking.url]
    environment = {**os.environ, **asking.env}
    with subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    ) as run:
        os.close(slave)
        seen = b""
        while not seen.endswith(b": "):  # its last sign comes once nothing is echoed any more
            seen += os.read(master, 1000)
        os.write(master, f"{asking.tokens['ci']}\n".encode())
        try:
            while chunk := os.read(master, 1000):
                seen += chunk
        except OSError:  # its end is closed
            pass
        assert run.wait() == 0, seen
    os.close(master)
    assert asking.tokens["ci"].encode() not in seen
    assert len(asking.kept()) == 1
    assert get(f"{asking.url}/health").status == 200
