"""A command imports what it needs and no more: much of what a short command costs is what it imports."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import registry_client
import registry_core
from registry_core import ModelRegistry

from ..support.packages import open_registry, write_package

@pytest.fixture
def root(tmp_path: Path) -> Path:
    root, source = tmp_path / "root", tmp_path / "package"
    root.mkdir()
    write_package(source)
    registry = open_registry(root)
    registry.register("t", "m", "1", str(source), actor="a", reason="b")
    return root


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


def for_type_checkers(package: str) -> set[str]:
    """The names that the package's face imports where only type checkers look."""
    tree = ast.parse(Path(str(importlib.import_module(package).__file__)).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    found = [line for block in blocks for line in block.body if isinstance(line, ast.ImportFrom)]
    return {alias.asname or alias.name for line in found for alias in line.names}


@pytest.mark.parametrize("package", ["registry_core", "registry_client", "registry_core.verbs", "registry_core.upkeep"])
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
