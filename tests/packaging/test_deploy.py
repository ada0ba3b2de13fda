"""The files in deploy/ name the ports, users, paths and settings that the code has."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import create_app
from app.config import PREFIX, Settings
from registry_client.cli.main import main as omr
from registry_core import MAX_DOCUMENT_BYTES, __version__

from ..support.machine import MIB
from ..support.servers import REPOSITORY, START_S, clean_environment, free_port, is_up, site_configuration, wait_until
from .dockerfile import only, parse

DEPLOY = REPOSITORY / "deploy"
IMAGE = parse((REPOSITORY / "Dockerfile").read_text())
SERVICE = DEPLOY / "omnibioai-model-registry.service"
HOME = "/opt/omnibioai-model-registry"

# Names that others give a meaning: the providers' usual ones, and Python's.
FOREIGN = re.compile(r"(AWS|GOOGLE|AZURE)_[A-Z0-9_]+|PYTHON[A-Z]+|TMPDIR|HOME|PATH|PIP_[A-Z_]+")


class _Asked(Mapping[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def known_settings() -> set[str]:
    """The names of all settings that the service reads."""
    asked = _Asked()
    Settings.from_env(asked)
    assert PREFIX + "ROOT" in asked.names
    assert PREFIX + "PORT" in asked.names
    return {name for name in asked.names if name.startswith(PREFIX)}


def assert_known(names: set[str]) -> None:
    unknown = {name for name in names if name not in known_settings() and not FOREIGN.fullmatch(name)}
    assert not unknown, f"the service reads no such setting: {unknown}"


def load(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((DEPLOY / name).read_text())
    assert isinstance(loaded, dict)
    return loaded


def seconds(text: str) -> int:
    return int(text) * 1 if text.isdigit() else int(text.removesuffix("s"))


def image_environment() -> dict[str, str]:
    assignments = [word for step in IMAGE if step.word == "ENV" for word in shlex.split(step.value)]
    return dict(assignment.split("=", 1) for assignment in assignments)


@pytest.mark.parametrize("file", sorted(path.name for path in DEPLOY.iterdir() if path.is_file()))
def test_every_setting_that_is_named_is_one(file: str) -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z0-9_]+", (DEPLOY / file).read_text()))
    assert named <= known_settings() | {PREFIX + "ACTOR"}, named - known_settings()


def test_the_image_sets_known_settings() -> None:
    assert_known(set(image_environment()))
    assert image_environment()[PREFIX + "ROOT"] == "/data/model_registry"
    assert image_environment()[PREFIX + "ARTIFACTS_ALLOWED_ROOTS"] == "/shared"


def test_compose_fits_the_image() -> None:
    compose = load("compose.yaml")
    registry, proxy = compose["services"]["registry"], compose["services"]["nginx"]
    assert (DEPLOY / registry["build"]["context"]).resolve() == REPOSITORY
    assert registry["user"] == "${REGISTRY_USER:-1000:1000}"
    assert_known(set(registry["environment"]))
    targets = [volume.rsplit("}:", 1)[1] for volume in registry["volumes"]]
    assert targets == ["/data/model_registry", "/shared:ro"]
    assert only(IMAGE, "VOLUME").value == '["/data/model_registry", "/shared"]'
    assert registry["read_only"] is True
    assert registry["tmpfs"] == ["/tmp"]
    assert image_environment()["HOME"] == "/tmp"
    graceful_s = int(registry["environment"][PREFIX + "GRACEFUL_TIMEOUT_S"])
    assert graceful_s == Settings.graceful_timeout_s < seconds(registry["stop_grace_period"])
    assert seconds(proxy["stop_grace_period"]) > graceful_s
    for name in re.findall(r"\$\{(\w+):-(registry-\w+)\}", (DEPLOY / "compose.yaml").read_text()):
        assert name[1] in compose["volumes"]


def test_compose_fits_nginx() -> None:
    compose = load("compose.yaml")
    proxy = compose["services"]["nginx"]
    configuration = (DEPLOY / "nginx.conf").read_text()
    upstream = re.search(r"server (\S+):(\d+); +# SITE", configuration)
    listen = re.search(r"listen (\d+); +# SITE", configuration)
    assert upstream
    assert listen
    assert upstream[1] in compose["services"]
    assert int(upstream[2]) == Settings.port == int(only(IMAGE, "EXPOSE").value)
    assert proxy["ports"][0].split(":")[-1] == listen[1]
    inside = proxy["command"][proxy["command"].index("-c") + 1]
    assert f"./nginx.conf:{inside}:ro" in proxy["volumes"]
    assert proxy["command"][proxy["command"].index("-p") + 1].rstrip("/") in proxy["tmpfs"]
    assert proxy["stop_signal"] == "SIGQUIT"
    assert proxy["depends_on"]["registry"]["condition"] == "service_healthy"
    assert "http://127.0.0.1/health" in proxy["healthcheck"]["test"]


def test_nginx_fits_the_service() -> None:
    configuration = (DEPLOY / "nginx.conf").read_text()
    body = re.search(r"client_max_body_size (\d+)m;", configuration)
    assert body
    assert int(body[1]) * MIB == Settings.max_body_bytes
    document = re.search(r"location = /v1/attestations {\s+client_max_body_size (\d+)m;", configuration)
    assert document
    assert int(document[1]) * MIB == MAX_DOCUMENT_BYTES
    gunicorn = (REPOSITORY / "app/serving/gunicorn_conf.py").read_text()
    idle = re.search(r"keepalive_timeout (\d+)s;", configuration)
    kept = re.search(r"^keepalive = (\d+)$", gunicorn, re.MULTILINE)
    assert idle
    assert kept
    assert int(idle[1]) < int(kept[1]), "nginx must be the first to close an idle connection"
    stop = re.search(r"worker_shutdown_timeout (\d+)s;", configuration)
    assert stop
    assert int(stop[1]) > Settings.graceful_timeout_s
    assert "listen 127.0.0.1:1234;" in site_configuration(["http://127.0.0.1:9"], 1234)


def test_compose_with_replicas_changes_only_what_it_must() -> None:
    base, extra = load("compose.yaml"), load("compose.replicas.yaml")
    assert set(extra["services"]) <= set(base["services"])
    registry = extra["services"]["registry"]
    assert registry["scale"] >= 2
    assert_known(set(registry["environment"]))
    assert registry["environment"][PREFIX + "ROOT"].startswith("${REGISTRY_ROOT:?")


def kubernetes() -> dict[str, dict[str, Any]]:
    documents = [document for document in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()) if document]
    return {document["kind"]: document for document in documents}


def test_kubernetes_fits_the_image() -> None:
    found = kubernetes()
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == f"omnibioai-model-registry:{__version__}"
    user = f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    assert user == only(IMAGE, "USER").value
    (port,) = container["ports"]
    assert port["containerPort"] == Settings.port
    (service_port,) = found["Service"]["spec"]["ports"]
    assert (service_port["port"], service_port["targetPort"]) == (Settings.port, port["name"])
    settings = found["ConfigMap"]["data"]
    assert_known(set(settings))
    assert all(isinstance(value, str) for value in settings.values())
    assert settings[PREFIX + "CREATE"] == "false"
    assert pod["terminationGracePeriodSeconds"] > int(settings[PREFIX + "GRACEFUL_TIMEOUT_S"]) + 10
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert settings[PREFIX + "ARTIFACTS_ALLOWED_ROOTS"] in mounts
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert image_environment()["HOME"] in mounts
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    paths = {rule.rule for rule in create_app(Settings()).url_map.iter_rules()}
    assert container["readinessProbe"]["httpGet"] == {"path": "/health/ready", "port": port["name"]}
    assert container["livenessProbe"]["httpGet"] == {"path": "/health", "port": port["name"]}
    assert {"/health", "/health/ready"} <= paths


def test_kubernetes_names_agree() -> None:
    found = kubernetes()
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    sweep = found["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for pod in (found["Deployment"]["spec"]["template"]["spec"], sweep):
        for container in pod["containers"]:
            maps = [source["configMapRef"]["name"] for source in container["envFrom"] if "configMapRef" in source]
            assert maps == [found["ConfigMap"]["metadata"]["name"]]
    program, *arguments = sweep["containers"][0]["command"]
    assert program == "omr"
    context = omr.make_context("omr", ["--root", "/nothing", *arguments])
    command, options = omr.get_command(context, arguments[0]), arguments[1:]
    assert command is not None
    assert command.make_context(arguments[0], options, parent=context).params["older_than"] == 24 * 3600


def test_what_others_reach_listens_for_them_and_names_where_packages_may_lie() -> None:
    for settings in (
        image_environment(),
        load("compose.yaml")["services"]["registry"]["environment"],
        kubernetes()["ConfigMap"]["data"],
    ):
        assert settings[PREFIX + "HOST"] == "0.0.0.0"
        assert settings[PREFIX + "ARTIFACTS_ALLOWED_ROOTS"] == "/shared"
    variables = dict(assignment.split("=", 1) for assignment in unit()["Service.Environment"])
    assert variables[PREFIX + "HOST"] == Settings.host == "127.0.0.1"
    assert variables[PREFIX + "ARTIFACTS_ALLOWED_ROOTS"] == "/srv/shared"
    assert unit()["Service.PrivateTmp"] == unit()["Service.ProtectHome"] == ["yes"]


# systemd


def unit() -> dict[str, list[str]]:
    """``Section.Key`` -> values, of the unit file."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in SERVICE.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line.strip() and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(f"{section}.{name}", []).append(value)
    return found


def moved(text: str, top: Path) -> str:
    """The unit's installation, below ``top``."""
    return text.replace(HOME, str(top))


def installed(top: Path) -> None:
    """What deploy/README.md installs, with the environment of the tests as the virtual environment."""
    (top / "deploy").mkdir(parents=True)
    shutil.copy(DEPLOY / "gunicorn.conf.py", top / "deploy")
    (top / "venv/bin").mkdir(parents=True)
    gunicorn = top / "venv/bin/gunicorn"
    gunicorn.write_text(f'#!/bin/sh\nexport PYTHONPATH="{REPOSITORY}"\nexec {sys.executable} -m gunicorn "$@"\n')
    gunicorn.chmod(0o755)


def test_the_unit_is_valid_for_systemd(tmp_path: Path) -> None:
    """Where systemd is installed; what the unit starts is proven by the next test everywhere."""
    installed(tmp_path / "opt")
    copy = tmp_path / SERVICE.name
    copy.write_text(moved(SERVICE.read_text(), tmp_path / "opt"))
    program = shutil.which("systemd-analyze")
    if program is not None:
        done = subprocess.run([program, "verify", "--man=no", str(copy)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    sections = {name.split(".")[0] for name in unit()}
    assert sections == {"Unit", "Service", "Install"}


def test_the_unit_fits_the_code() -> None:
    found = unit()
    variables = dict(assignment.split("=", 1) for assignment in found["Service.Environment"])
    assert_known(set(variables))
    assert variables[PREFIX + "CREATE"] == "false"
    assert variables[PREFIX + "ROOT"] in found["Service.ReadWritePaths"]
    assert variables[PREFIX + "ROOT"] == f"/var/lib/{found['Service.StateDirectory'][0]}"
    assert variables["TMPDIR"] == f"/run/{found['Service.RuntimeDirectory'][0]}"
    assert int(found["Service.TimeoutStopSec"][0]) > Settings.graceful_timeout_s
    assert found["Service.KillMode"] == ["mixed"]
    readme = (DEPLOY / "README.md").read_text()
    assert (
        f"useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {found['Service.User'][0]}" in readme
    )


def test_what_the_unit_starts_tells_systemd_that_it_listens(tmp_path: Path) -> None:
    """ExecStart in its own environment: ``Type=notify`` needs READY=1, and TERM ends it cleanly."""
    top, root, runtime = tmp_path / "opt", tmp_path / "root", tmp_path / "run"
    installed(top)
    root.mkdir()
    runtime.mkdir()
    port = free_port()
    variables = dict(assignment.split("=", 1) for assignment in unit()["Service.Environment"])
    variables |= {PREFIX + "ROOT": str(root), PREFIX + "PORT": str(port), "TMPDIR": str(runtime), "HOME": str(runtime)}
    assert variables[PREFIX + "HOST"] == "127.0.0.1"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, (tmp_path / "log").open("wb") as log:
        address = str(tmp_path / "notify")
        listener.bind(address)
        listener.settimeout(START_S)
        (command,) = unit()["Service.ExecStart"]
        process = subprocess.Popen(
            shlex.split(moved(command, top)),
            cwd=top,
            env={**clean_environment(), **variables, "NOTIFY_SOCKET": address},
            stdout=log,
            stderr=log,
        )
        try:
            assert b"READY=1" in listener.recv(4096)
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: is_up(url + "/health/ready"), "the unit's command does not answer")
            process.terminate()
            assert process.wait(START_S) == 0
        finally:
            process.kill()
            process.wait()
    # Every line that it logged is one JSON object: the journal of the machine can be searched by field.
    assert all(isinstance(json.loads(line), dict) for line in (tmp_path / "log").read_text().splitlines())
    assert not os.listdir(runtime), "something was left in the runtime directory"
