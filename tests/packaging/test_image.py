"""The Dockerfile's commands build an image whose command serves, as user 1000 and as any other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.config import Settings

from ..app.curl import assert_problem, get, post
from ..support.machine import MIB, memory_backed, need, remove_tree
from ..support.packages import write_package
from ..support.servers import PREFIX, REPOSITORY, START_S, free_port, is_up, wait_until
from .dockerfile import Image, build_context, only, parse, stages

STEPS = parse((REPOSITORY / "Dockerfile").read_text())
PRIVATE = (".git/config", ".env", "deploy/.env", "registry_data/registry.json", "id_rsa")


def test_the_context_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    build_context(REPOSITORY, tmp_path)
    top = {path.name for path in tmp_path.iterdir()}
    assert top <= {
        *("requirements.txt", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "wsgi.py"),
        *("app", "registry_core", "registry_client", "deploy"),
    }
    assert {"requirements.txt", "setup.cfg", "pyproject.toml", "wsgi.py", "app", "registry_core"} <= top
    assert [path.name for path in (tmp_path / "deploy").iterdir()] == ["gunicorn.conf.py"]
    assert not list(tmp_path.rglob("__pycache__"))
    assert not list(tmp_path.rglob("*.pyc"))
    sources = {str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "registry_core").rglob("*.py")}
    assert sources <= {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.py")}


def test_secrets_and_data_stay_out_of_the_context(tmp_path: Path) -> None:
    checkout, target = tmp_path / "checkout", tmp_path / "context"
    for name in (*PRIVATE, "app/__pycache__/x.pyc", "app/fine.py"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("x")
    shutil.copy(REPOSITORY / ".dockerignore", checkout)
    target.mkdir()
    build_context(checkout, target)
    assert [str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()] == ["app/fine.py"]


def test_the_image_says_what_the_code_and_the_documents_say() -> None:
    _, runtime = stages(STEPS)
    assert only(runtime, "EXPOSE").value == str(Settings.port)
    assert only(runtime, "USER").value == "1000:1000"
    assert only(runtime, "VOLUME").value == '["/data/model_registry", "/shared"]'
    assert only(runtime, "STOPSIGNAL").value == "SIGTERM"
    assert f"or {Settings.port})" in only(runtime, "HEALTHCHECK").value
    bases = {step.value.split()[0] for step in STEPS if step.word == "FROM"}
    assert bases == {"${PYTHON_IMAGE}"}, "a virtual environment works only with the interpreter it was made with"
    default = re.search(r"python:3\.(\d+)", only(STEPS, "ARG").value)
    assert default
    assert int(default[1]) >= 11


@pytest.fixture
def top() -> Iterator[Path]:
    """A scratch directory that every user may enter; in memory, where programs may be run from there."""
    memory = memory_backed(1024 * MIB)
    if memory is not None and os.statvfs(memory).f_flag & os.ST_NOEXEC:
        memory = None
    made = Path(tempfile.mkdtemp(prefix="registry-image-", dir=memory))
    made.chmod(0o755)
    yield made
    remove_tree(made)


def as_user(uid: int) -> list[str]:
    return ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]


def build(top: Path) -> Image:
    """Both stages, step by step; what they made is read-only afterwards, as an image's layers are."""
    context = top / "context"
    context.mkdir()
    build_context(REPOSITORY, context)
    building, runtime = stages(STEPS)
    first, image = Image(top, context), Image(top, context)
    for step in building:
        first.apply(step)
    for step in runtime:
        image.apply(step)
    for built in ("opt", "app"):
        subprocess.run(["chmod", "-R", "a-w", str(top / built)], check=True)
    shutil.rmtree(top / "src")  # not in the image: only the first stage has it
    shutil.rmtree(context)
    return image


@contextmanager
def serving(image: Image, uid: int) -> Iterator[tuple[str, dict[str, str]]]:
    """(the address, the environment) of the image's command, run by that user as ``docker run --user`` does."""
    port = free_port()
    command, variables = image.command(only(STEPS, "CMD").value)
    variables |= {PREFIX + "HOST": "127.0.0.1", PREFIX + "PORT": str(port)}
    url = f"http://127.0.0.1:{port}"
    log = image.top / f"log-{uid}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*as_user(uid), *command], cwd=image.place("."), env=variables, stdout=output, stderr=output
        )
    try:
        wait_until(lambda: is_up(url + "/health") or process.poll() is not None, "the image's command does not serve")
        assert process.poll() is None, log.read_text()
        yield url, variables
        process.terminate()
        assert process.wait(START_S) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def is_healthy(image: Image, uid: int, variables: dict[str, str]) -> bool:
    """What Docker's health check says."""
    command, _ = image.command(only(STEPS, "HEALTHCHECK").value.removeprefix("CMD").strip())
    done = subprocess.run([*as_user(uid), *command], cwd=image.place("."), env=variables, capture_output=True)
    return done.returncode == 0


def test_the_image_builds_and_serves_as_any_user(top: Path) -> None:
    need(os.geteuid() == 0, "other users can be played by root only; run the tests as root in a container of their own")
    need(shutil.which("setpriv"), "setpriv is not installed; on Debian: apt-get install util-linux")
    image = build(top)
    assert image.user == "1000:1000"
    data, shared = image.place("/data/model_registry"), image.place("/shared")
    assert data.stat().st_uid == 1000
    assert shared.is_dir()
    source = write_package(shared / "run 17")
    for uid in (1000, 54321):
        with serving(image, uid) as (url, variables):
            assert get(f"{url}/health/ready").status == 200
            assert is_healthy(image, uid, variables)
            body = {"task": "t", "model_name": f"m{uid}", "version": "1", "artifacts_dir": str(source)}
            assert post(f"{url}/v1/register", body).status == 201
            resolved = get(f"{url}/v1/resolve", task="t", ref=f"m{uid}@latest")
            assert resolved.json["path"] == f"{data}/tasks/t/models/m{uid}/versions/1"
            outside = post(f"{url}/v1/register", {**body, "version": "2", "artifacts_dir": str(top / "opt")})
            assert_problem(outside, 422, "artifacts_refused")
            data.chmod(0o755)
            owner = data.stat().st_uid
            os.chown(data, 0, 0)
            problem = assert_problem(get(f"{url}/health/ready"), 503, "not_configured")
            assert problem["reason"] == "root_not_writable"
            assert f"user {uid}" in problem["detail"]
            assert is_healthy(image, uid, variables), "a mount is to be looked at, not the process restarted"
            os.chown(data, owner, owner)
            data.chmod(0o777)
            assert get(f"{url}/health/ready").status == 200
        assert not is_healthy(image, uid, variables)
        remove_tree(data)  # what one user wrote is not the other's to change
        data.mkdir()
        os.chown(data, owner, owner)
        data.chmod(0o777)
    omr, variables = image.command('["omr", "--version"]')
    version = subprocess.run([*as_user(1000), *omr], cwd=top, env=variables, capture_output=True, text=True)
    assert version.returncode == 0
    assert version.stdout.startswith("omr, version ")
