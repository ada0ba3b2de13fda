"""``pip install .`` gives the packages, the WSGI module and the command, and what they need is pinned."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement

from registry_core import __version__

from ..support.servers import REPOSITORY, clean_environment
from .dockerfile import build_context

PYTHON = "bin/python"


def test_pip_install_gives_packages_and_command(tmp_path: Path) -> None:
    checkout, environment = tmp_path / "checkout", tmp_path / "venv"
    build_context(REPOSITORY, checkout)  # a build writes beside the source; the checkout stays as it is
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    install = [sys.executable, "-m", "pip", "--python", str(environment / PYTHON), "install", "-q", "--no-deps", "."]
    done = subprocess.run(install, cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    # What it depends on is taken from the environment of the tests, which has the pinned set.
    variables = clean_environment({"PYTHONPATH": sysconfig.get_paths()["purelib"]})
    program = (
        "import json, registry_core, app, wsgi, registry_client\n"
        "places = {m.__name__: m.__file__ for m in (registry_core, app, wsgi, registry_client)}\n"
        "print(json.dumps([places, callable(wsgi.application)]))"
    )
    run = [str(environment / PYTHON), "-c", program]
    imported = subprocess.run(run, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert imported.returncode == 0, imported.stderr
    places, callable_application = json.loads(imported.stdout.splitlines()[-1])
    assert callable_application
    assert all(Path(place).is_relative_to(environment) for place in places.values()), places

    omr = subprocess.run(
        [str(environment / "bin/omr"), "--version"], cwd=tmp_path, env=variables, capture_output=True, text=True
    )
    assert omr.stdout == f"omr, version {__version__}\n", omr.stderr

    (site,) = environment.glob("lib/python3*/site-packages")
    installed = {str(path.relative_to(site)) for path in site.rglob("*.py")}
    shipped = {
        str(path.relative_to(REPOSITORY))
        for package in ("app", "registry_core", "registry_client")
        for path in (REPOSITORY / package).rglob("*.py")
    }
    assert installed == shipped | {"wsgi.py"}, "the wheel has too much or too little"
    of_pages = {
        path.relative_to(REPOSITORY)
        for path in (REPOSITORY / "app/pages").rglob("*")
        if path.suffix in (".html", ".css", ".js", ".svg")
    }
    assert len(of_pages) > 30
    assert not [path for path in of_pages if not (site / path).exists()], "pages need templates, style and script"
    assert all((site / package / "py.typed").exists() for package in ("app", "registry_core", "registry_client"))


def pins() -> dict[str, str]:
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    found = [line.split("==") for line in lines if line.strip() and not line.startswith("#")]
    assert all(len(pin) == 2 for pin in found), "every requirement is pinned"
    return {re.sub(r"[-_.]+", "-", name).lower(): pinned for name, pinned in found}


def test_the_tests_run_on_the_pinned_set() -> None:
    assert {name: version(name) for name in pins()} == pins()


def test_the_pins_are_within_the_ranges_for_embedders() -> None:
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    ranges = "\n".join([setup["options"]["install_requires"], *setup["options.extras_require"].values()])
    for line in filter(None, map(str.strip, ranges.splitlines())):
        requirement = Requirement(line)
        pinned = pins()[re.sub(r"[-_.]+", "-", requirement.name).lower()]
        assert requirement.specifier.contains(pinned), f"{line} does not allow {pinned}"


def test_the_pins_are_complete() -> None:
    """Whatever the pinned packages require is pinned as well: a new release cannot change an installation."""
    from importlib.metadata import requires

    for name in pins():
        for text in requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert re.sub(r"[-_.]+", "-", requirement.name).lower() in pins(), f"{name} requires {text}"
