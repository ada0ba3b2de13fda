"""A command imports what it needs and no more: much of what a short command costs is what it imports."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

import registry_client
import registry_core
from registry_client.cli import main as command_line
from registry_core import ModelRegistry

from ..support.packages import open_registry, write_package
from ..support.servers import clean_environment, gunicorn

HEAVY = {"rich.console", "rich.table", "pygments", "sqlite3", "flask", "marshmallow", "jinja2", "obstore", "botocore"}
ASYNCHRONOUS = {"anyio", "trio", "httpx._main"}
HTTP = {"httpx", "httpcore", "ssl"}
# No command over HTTP needs the registry itself, and none that asks one model all of it.
INSIDE = {f"registry_core.{room}" for room in ("registry", "models", "packages", "storage", "uploads", "catalogue")}
CHANGING = {f"registry_core.verbs.{verb}" for verb in ("registration", "promotion", "annotating", "deletion")}
OVER_ALL = {"registry_core.upkeep.check", "registry_core.catalogue.catalogue", "registry_core.uploads.sessions"}

PROGRAM = """
import sys
from registry_client.cli.main import main
try:
    main(sys.argv[1:], prog_name="omr")
finally:
    print(*sys.modules, file=sys.stderr)
"""


def imported(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout
    return set(done.stderr.split())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root, source = tmp_path / "root", tmp_path / "package"
    root.mkdir()
    write_package(source)
    registry = open_registry(root)
    registry.register("t", "m", "1", str(source), actor="a", reason="b")
    return root


@pytest.mark.parametrize("words", [["--help"], ["show", "--help"], ["--version"]])
def test_help_needs_neither_a_registry_nor_http(words: list[str]) -> None:
    found = imported(*words)
    assert "click" in found
    assert not found & (HEAVY | ASYNCHRONOUS | HTTP | INSIDE)


@pytest.mark.parametrize("words", [["show", "t", "m@latest"], ["aliases", "t", "m"], ["resolve", "t", "m@1"]])
def test_a_command_on_a_directory_needs_what_reads_one_model(root: Path, words: list[str]) -> None:
    found = imported("--root", str(root), *words)
    assert "registry_core.models.model" in found
    assert not found & (HEAVY | ASYNCHRONOUS | HTTP | CHANGING | OVER_ALL)


@pytest.mark.parametrize("words", [["show", "t", "m@latest"], ["aliases", "t", "m"]])
def test_a_command_on_a_service_needs_the_client_alone(root: Path, words: list[str]) -> None:
    with gunicorn(root, workers=1) as server:
        found = imported("--url", server.url, *words)
    assert "httpx" in found
    assert not found & (HEAVY | ASYNCHRONOUS | INSIDE)


def test_what_is_kept_from_the_client_is_there_for_others_afterwards(root: Path) -> None:
    program = "import sys; from registry_client.cli.command import _NOT_OURS, _without\n"
    program += "with _without(*_NOT_OURS): import httpx; httpx.Client().close()\n"
    program += "import anyio, trio; assert not {name for name, one in sys.modules.items() if one is None}"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_service_has_all_that_verbs_need_before_it_answers(root: Path) -> None:
    """Its files may be replaced while it runs: what it imports later would be of another release."""
    program = "import sys; from registry_core import ModelRegistry\n"
    program += "ModelRegistry.open(sys.argv[1]).identify(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program, str(root)], capture_output=True, text=True, check=True)
    every = {one.name for one in pkgutil.walk_packages(registry_core.__path__, "registry_core.")}
    elsewhere = {
        name for name in every if name.startswith(("registry_core.storage.", "registry_core.packages.archive"))
    }
    assert len(every - elsewhere) > 80
    assert not every - elsewhere - set(done.stdout.split())


def test_every_command_is_found_and_stands_in_the_table() -> None:
    context = click.Context(command_line.main)
    there: set[str] = set()
    for room in command_line._ROOMS:
        module = importlib.import_module(f"registry_client.cli.{room}")
        commands = [one for one in vars(module).values() if isinstance(one, click.Command)]
        below = [inner for one in commands if isinstance(one, click.Group) for inner in one.commands.values()]
        there |= {str(one.name) for one in commands if one not in below}
    assert there == set(command_line._ROOM_OF)
    names = command_line.main.list_commands(context)
    assert {"show", "promote", "repair"} <= set(names)
    for name in names:
        command = command_line.main.get_command(context, name)
        assert command is not None
        assert command.name == name


def for_type_checkers(package: str) -> set[str]:
    """The names that the package's face imports where only type checkers look."""
    tree = ast.parse(Path(str(importlib.import_module(package).__file__)).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    found = [line for block in blocks for line in block.body if isinstance(line, ast.ImportFrom)]
    return {alias.asname or alias.name for line in found for alias in line.names}


OF_MODULES = [f"registry_core.{room}" for room in ("verbs", "upkeep", "evidence")]


@pytest.mark.parametrize("package", ["registry_core", "registry_client", *OF_MODULES])
def test_the_names_of_a_face_are_the_same_for_all_who_look(package: str) -> None:
    face = importlib.import_module(package)
    names = set(face.__all__) - {"__version__"}
    assert names
    assert for_type_checkers(package) == names
    assert names <= set(dir(face))
    for name in names:
        assert getattr(face, name) is getattr(face, name)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = face.no_such_name


def test_the_faces_give_what_they_gave() -> None:
    program = (
        "from registry_core import *; from registry_client import *; print(ModelRegistry.open, RegistryClient.pull)"
    )
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert registry_core.ModelRegistry is ModelRegistry
    assert registry_core.parse_manifest.__module__ == "registry_core.format.manifest"
    assert registry_client.RegistryClient.__name__ == "RegistryClient"
