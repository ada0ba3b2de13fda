"""Programs that people have, where callers say who they are: each does its job with rights, and is told without."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from ..hub.generations import VERSIONS, generation
from ..support.installing import python_packages
from ..support.machine import need
from ..support.servers import clean_environment
from .required import DATA, MODEL, TASK, Required, home, required

FILE = f"/v1/files/{TASK}/{MODEL}/production/model.pt"
REPO = f"{TASK}/{MODEL}"


@pytest.fixture(scope="module")
def service() -> Iterator[Required]:
    with required() as service:
        yield service


def run(command: Sequence[str], cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    cwd.mkdir(exist_ok=True)
    return subprocess.run(
        command, cwd=cwd, env=clean_environment(environment), capture_output=True, text=True, timeout=120
    )


# Programs that read ~/.netrc: the exit status of each, and what it says, where a token does not count, where it may not
# load the file, and where it may not see the model.
OF_NETRC = {
    "curl": (["curl", "-sSfnL", "-o", "model.pt"], (22, "401"), (22, "403"), (22, "404")),
    "wget": (["wget", "-nv", "-O", "model.pt"], (6, "Authentication"), (8, "403"), (8, "404")),
    "aria2c": (
        ["aria2c", "-x4", "-s4", "-k1M", "-o", "model.pt"],
        (24, "uthorization failed"),
        (22, "status=403"),
        (3, "not found"),
    ),
}


@pytest.mark.parametrize("program", OF_NETRC)
def test_a_program_that_takes_a_password(service: Required, tmp_path: Path, program: str) -> None:
    need(shutil.which(program), f"install {program}")
    command, unknown, forbidden, missing = OF_NETRC[program]
    address = service.url + FILE
    more = [f"--netrc-path={tmp_path}/{{}}/.netrc"] if program == "aria2c" else []

    def load(name: str, token: str | None) -> tuple[subprocess.CompletedProcess[str], Path]:
        environment = home(tmp_path / name, token)
        named = [one.format(name) for one in more]
        return run([*command, *named, address], tmp_path / f"at-{name}", environment), tmp_path / f"at-{name}/model.pt"

    done, file = load("reader", service.tokens["reader"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert file.read_bytes() == DATA
    for name, said in {"nobody": unknown, "unknown": unknown, "viewer": forbidden, "stranger": missing}.items():
        done, file = load(name, service.tokens.get(name))
        text = done.stdout + done.stderr
        assert done.returncode == said[0], text
        assert said[1] in text
        assert not file.exists() or file.read_bytes() == b""


@pytest.mark.parametrize("version", VERSIONS)
def test_clients_of_the_hub(service: Required, tmp_path: Path, version: str) -> None:
    client = generation(version)

    def ask(name: str, **more: str) -> dict[str, str]:
        environment = client.environment(f"{service.url}/hf", tmp_path / name, HOME=str(tmp_path / name), **more)
        token = None if "HF_TOKEN" in more else service.tokens.get(name)
        found: dict[str, str] = client.run("with_token", environment, repo=REPO, file="model.pt", token=token)
        return found

    for found in (ask("reader"), ask("by-environment", HF_TOKEN=service.tokens["reader"])):
        assert Path(found["file"]).read_bytes() == DATA
        assert (found["info"], found["whoami"], found["listed"]) == (REPO, "reader", REPO)
    viewer = ask("viewer")
    assert (viewer["info"], viewer["listed"]) == (REPO, REPO)
    assert viewer["file"] == "GatedRepoError"
    for name in ("nobody", "stranger"):
        assert [ask(name)[asked] for asked in ("info", "file", "listed")] == ["RepositoryNotFoundError"] * 2 + [""]
    unknown = ask("unknown")
    assert "Error" in unknown["info"]
    assert "Error" in unknown["file"]


def test_tuspy(service: Required, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(DATA)

    def known(name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {service.tokens[name]}"} if name in service.tokens else {}

    def begin(name: str) -> httpx.Response:
        body = {"task": TASK, "model_name": MODEL, "files": []}
        return httpx.post(f"{service.url}/v1/uploads", json=body, headers=known(name), trust_env=False, timeout=60)

    def send(name: str, url: str) -> None:
        client = TusClient(service.url + url, headers=known(name))
        client.uploader(str(tmp_path / "model.pt"), metadata={"filename": "model.pt"}).upload()

    begun = begin("publisher").json()
    for name, status in {"nobody": 401, "unknown": 401, "reader": 404, "stranger": 404}.items():
        with pytest.raises(TusCommunicationError) as caught:
            send(name, begun["url"])
        assert caught.value.status_code == status, name
    send("publisher", begun["url"])
    version = {"task": TASK, "model_name": MODEL, "version": "sent", "upload_id": begun["upload_id"]}
    done = httpx.post(
        f"{service.url}/v1/register", json=version, headers=known("publisher"), trust_env=False, timeout=60
    )
    assert done.status_code == 201, done.text
    assert service.registry.file(TASK, f"{MODEL}@sent", "model.pt").sha256 == hashlib.sha256(DATA).hexdigest()
    assert [begin(name).status_code for name in ("nobody", "unknown", "reader")] == [401, 401, 403]


def test_dvc_with_basic(service: Required, tmp_path: Path) -> None:
    dvc = str(python_packages("client-dvc", "dvc==3.67.1") / "bin" / "dvc")
    environment = {"HOME": str(tmp_path), "DVC_NO_ANALYTICS": "1"}
    remote = "['remote \"registry\"']"
    for name in ("reader", "unknown", "viewer"):
        place = tmp_path / name
        assert run([dvc, "init", "-q", "--no-scm"], place, environment).returncode == 0
        config = f"{remote}\nurl = {service.url}/v1/files/{REPO}\nauth = basic\n"
        (place / ".dvc/config").write_text((place / ".dvc/config").read_text() + config)
        (place / ".dvc/config.local").touch(mode=0o600)
        (place / ".dvc/config.local").write_text(f"{remote}\nuser = anybody\npassword = {service.tokens[name]}\n")
        done = run([dvc, "import-url", "remote://registry/production/model.pt", "model.pt"], place, environment)
        if name == "reader":
            assert done.returncode == 0, done.stderr
            assert (place / "model.pt").read_bytes() == DATA
        else:
            assert done.returncode != 0
            assert "does not exist" in done.stderr, "so it says of whatever it is refused"
            assert not (place / "model.pt").exists()
