"""No token is left anywhere: every way in, what counts and what does not, and then all that was written is searched."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry_core import ModelRegistry
from registry_core.access import tokens

from ..app.conftest import scratch
from ..support.issuer import AUDIENCE, IssuerServer, issuer_server
from ..support.machine import remove_tree
from ..support.packages import write_files
from ..support.secrets import found_in, tokens_in
from ..support.servers import PREFIX, REPOSITORY, START_S, clean_environment, gunicorn, nginx, wait_until
from .required import MODEL, TASK, required

PLATFORM = {"iss": "omnibioai-auth", "aud": "omnibioai-platform", "type": "access", "permissions": ["model.use"]}
RULES = {
    "schema": "omr-access/1",
    "rules": [
        {"who": ["token:ci", "user:reader", "user:omnibioai-auth/12"], "on": ["own/*"], "role": "maintainer"},
        {"who": ["anonymous"], "on": ["public/*"], "role": "user"},
    ],
    "admins": ["user:chief"],
}
FAULTY = """
from registry_core import ModelRegistry

def fail(*_, **__):
    raise RuntimeError("a fault")

ModelRegistry.compare = fail
"""


def test_the_search_finds_what_is_written_like_a_token() -> None:
    ours, issued = tokens.new_text(), "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0." + "s" * 40
    for token in (ours, issued):
        for user in ("", "u", "us", "use"):
            basic = base64.b64encode(f"{user}:{token}".encode())
            assert len(tokens_in(b'{"authorization": "Basic ' + basic + b'"}')) == 1
        assert len(tokens_in(b"\0" + token.encode() + b"\n")) == 1
        assert tokens_in(b"\0" + token.encode()[10:]) == []
    assert tokens_in(f"{ours[:-1]}0 omr_ {hashlib.sha256(ours.encode()).hexdigest()}".encode()) == []


def test_a_token_may_stand_in_a_private_file_that_is_in_no_root(tmp_path: Path) -> None:
    token = tokens.new_text()
    files = write_files(tmp_path, {"kept": token.encode(), "root/kept": token.encode(), "root/registry.json": b"{}"})
    for name in ("kept", "root/kept"):
        assert found_in(files / name)
        (files / name).chmod(0o600)
    assert [one.partition(": ")[0] for one in found_in(tmp_path)] == [str(tmp_path / "root/kept")]
    (tmp_path / token).touch()
    assert len(found_in(tmp_path)) == 2, "a name may be one too"
    remove_tree(tmp_path)  # or it would be found when the tests end


@pytest.fixture
def issuer() -> Iterator[IssuerServer]:
    with issuer_server() as issuer:
        yield issuer


def ways(token: str) -> Iterator[dict[str, str]]:
    yield {"Authorization": f"Bearer {token}"}
    yield {"Authorization": "Basic " + base64.b64encode(f"anybody:{token}".encode()).decode()}
    # Where it is not read, and a careless client puts it all the same.
    yield {"Cookie": f"token={token}", "Proxy-Authorization": f"Bearer {token}", "X-User-Id": token}
    yield {"Authorization": f"Token {token}"}


def tour(client: httpx.Client, headers: dict[str, str], source: Path, turn: int) -> Iterator[httpx.Response]:
    """Reads, changes, transfers, the hub, and what goes wrong."""
    named = {"task": "own", "model_name": "m"}

    def ask(method: str, path: str, **more: Any) -> httpx.Response:
        return client.request(method, path, headers={**headers, **more.pop("headers", {})}, **more)

    for path in ("/v1/show?task=own&ref=m@1", "/v1/models", "/v1/auth/me", "/v1/tokens", "/v1/access", "/v1/tasks"):
        yield ask("GET", path)
    for path in ("/v1/files/own/m/1/model.pt", "/v1/archive/own/m/1", "/hf/own/m/resolve/main/model.pt"):
        yield ask("GET", path)
    for path in ("/hf/api/models/own/m", "/hf/api/whoami-v2", "/v1/files/own/n/1/model.pt", "/no/such/path"):
        yield ask("GET", path)
    version = {**named, "version": f"v{turn}", "artifacts_dir": str(source)}
    yield ask("POST", "/v1/register", json=version, headers={"Idempotency-Key": f"key-{turn}"})
    yield ask("POST", "/v1/promote", json={**named, "version": "1", "alias": "candidate", "reason": "r"})
    yield ask("POST", "/v1/promote", content=b"{", headers={"Content-Type": "application/json"})
    yield ask("POST", "/v1/promote", content=b"x" * 5_000_000)
    yield ask("GET", "/v1/show?task=own&ref=m@none")
    yield ask("GET", "/v1/compare?task=own&model=m&versions=1,1")
    yield ask("POST", "/v1/tokens", json={"kind": "personal", "name": f"mine-{turn}"})
    data = f"bytes {turn}".encode()
    file = {"path": "model.pt", "sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
    begun = ask("POST", "/v1/uploads", json={**named, "files": [file]})
    yield begun
    if begun.status_code == 201:
        tus = {"Tus-Resumable": "1.0.0"}
        (place,) = [one["url"] for one in begun.json()["files"]] if "files" in begun.json() else [""]
        sent = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        yield ask("PATCH", place or begun.json()["url"], content=data, headers=sent)
        pushed = {**named, "version": f"p{turn}", "upload_id": begun.json()["upload_id"]}
        yield ask("POST", "/v1/register", json=pushed)


def test_after_a_tour_by_every_way_in_no_token_is_left(tmp_path: Path, issuer: IssuerServer) -> None:
    with scratch() as area:
        logs, faulty = area / "logs", area / "faulty"
        for directory in (logs, faulty, area / "root"):
            directory.mkdir()
        (faulty / "sitecustomize.py").write_text(FAULTY)
        registry = ModelRegistry.open(area / "root")
        for task in ("own", "public"):
            registry.register(task, "m", "1", write_files(area / "source", {"model.pt": b"x"}))
        registry.set_access_rules(RULES)
        made, gone = (registry.create_token("service", name) for name in ("ci", "gone"))
        registry.revoke_token(gone.id)
        key = issuer.keys[0]
        person = key.sign({**PLATFORM, "sub": "12", "exp": int(time.time()) + 3600})
        issuer.valid[person] = {"valid": True, "user_id": "12"}
        stale = key.sign({**PLATFORM, "sub": "13", "exp": int(time.time()) + 3600})
        counting = [made.token, issuer.token(sub="reader"), person, issuer.token(sub="chief")]
        refused = [gone.token, tokens.new_text(), issuer.token(sub="reader", exp=1), stale, f"{made.token}x"]
        named = {"AUTH": "required", "OIDC_ISSUER": issuer.url, "OIDC_AUDIENCE": AUDIENCE, "IAM_URL": issuer.url}
        env = {PREFIX + name: value for name, value in {**named, "LOG_LEVEL": "DEBUG"}.items()}
        answers: list[httpx.Response] = []
        with (
            gunicorn(area / "root", workers=1, env={**env, "PYTHONPATH": str(faulty)}, prefix=["env"]) as server,
            nginx([server.url], directory=logs) as front,
            httpx.Client(base_url=front, timeout=START_S, trust_env=False) as client,
        ):
            each = [(token, headers) for token in [*counting, *refused] for headers in ways(token)]
            for turn, (token, headers) in enumerate(each):
                answers += tour(client, headers, area / "source", turn)
                answers.append(client.get(f"/v1/show?task=own&ref=m@1&token={token}", headers=headers))
                answers.append(client.get(f"/v1/files/own/m/1/{token}", headers=headers))
                answers.append(client.delete(f"/v1/tokens/{token}", headers=headers))
            answers.append(client.get("/v1/show", headers={"Authorization": f"Bearer {'x' * 20_000}"}))
            wait_until(lambda: (logs / "access.log").read_text().count("\n") >= len(answers), "nginx logs no more")
            (logs / "gunicorn.log").write_bytes(server.log_file.read_bytes())

        statuses = {answer.status_code for answer in answers}
        assert {200, 201, 400, 401, 403, 404, 413, 500} <= statuses, statuses
        shown = [answer for answer in answers if answer.request.url.path == "/v1/tokens" and answer.status_code == 201]
        assert shown, "somebody made a token"
        for answer in answers:
            said_back = answer.request.url.path.startswith("/v1/files/own/m/1/") and answer.status_code == 404
            if answer not in shown and not said_back:
                assert tokens_in(answer.content + str(answer.headers).encode()) == [], answer.request.url.path
        for answer in shown:
            assert answer.headers["Cache-Control"].endswith("no-store")
        assert found_in(area) == []
        assert {"access.log", "error.log", "gunicorn.log"} <= {file.name for file in logs.iterdir()}
        assert (logs / "gunicorn.log").read_text().count("denied") > 0
        # What is kept of a token is its digest, in one place.
        digest = hashlib.sha256(made.token.encode()).hexdigest().encode()
        holding = [file for file in area.rglob("*") if file.is_file() and digest in file.read_bytes()]
        assert [(file.parent.name, file.stat().st_mode & 0o777) for file in holding] == [("tokens", 0o600)]


def test_after_omr_has_signed_in_pushed_and_pulled_the_token_stands_in_its_own_file_alone() -> None:
    with required() as service, scratch() as area:
        write_files(area / "source", {"model.pt": b"new"})
        config, printed = {"HOME": str(area), "XDG_CONFIG_HOME": str(area / "config")}, area / "printed"
        about = [TASK, MODEL, "pushed", "--set-alias", "candidate"]

        def omr(*words: str, stdin: str = "") -> int:
            done = subprocess.run(
                [sys.executable, "-m", "registry_client.cli.main", *words],
                cwd=area,
                env=clean_environment({**config, "PYTHONPATH": str(REPOSITORY)}),
                input=stdin,
                capture_output=True,
                text=True,
                timeout=START_S,
            )
            with printed.open("a") as log:
                log.write(done.stdout + done.stderr)
            return done.returncode

        at = ("--url", service.url)
        for name, (pushes, pulls) in {"publisher": (0, 0), "reader": (8, 0), "revoked": (7, 7)}.items():
            token = service.tokens.get(name) or service.registry.create_token("service", name).token
            assert omr("login", service.url, stdin=token) == 0
            if name == "revoked":
                service.registry.revoke_token(token)
            assert omr(*at, "push", "source", *about) == pushes, printed.read_text()
            assert omr(*at, "pull", TASK, f"{MODEL}@1.0.0", f"pulled-{name}") == pulls
            holding = [file for file in area.rglob("*") if file.is_file() and token.encode() in file.read_bytes()]
            assert [file.stat().st_mode & 0o777 for file in holding] == [0o600]
            assert omr("logout", service.url) == 0
            assert not [file for file in area.rglob("*") if file.is_file() and token.encode() in file.read_bytes()]
        assert found_in(area) == []
