"""Nobody imports whom the table of rooms does not allow; and modules stay small."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import registry_core

from ..support.servers import REPOSITORY
from .rooms import ROOMS

LONGEST_MODULE_LINES = 350

# package or library -> the only places that may import it (a module, or a package with all below it)
ONLY_IN = {
    "flask": {"app"},
    "flask_smorest": {"app"},
    "marshmallow": {"app"},
    "webargs": {"app"},
    "werkzeug": {"app"},
    "markupsafe": {"app.pages"},
    "gunicorn": {"app"},
    "flask_cors": {"app.web"},
    # A service without issuers needs neither it nor what it brings along.
    "jwt": {"app.web.issued_tokens", "app.web.issuers", "app.web.keys"},
    "authlib": {"app.web.code_flow"},
    "cryptography": {"app.web.seals", "registry_core.evidence.keys"},
    "yaml": {"app.web.front_matter"},
    # A README.md becomes HTML in one module, which alone says what HTML may hold.
    "nh3": {"app.pages.card"},
    "markdown_it": {"app.pages.card"},
    "pygments": {"app.pages.highlight"},
    "swagger_ui_bundle": {"app"},
    "pythonjsonlogger": {"app"},
    # The bucket is what the object storage does its requests with; no other module knows obstore.
    "obstore": {"registry_core.storage.object_store.store", "registry_core.storage.object_store.bucket"},
    # obstore cannot list multipart uploads that were never finished.
    "botocore": {"registry_core.storage.object_store.s3"},
    "filelock": {"registry_core.storage.locks", "registry_core.storage"},
    "click": {"registry_client"},
    "rich": {"registry_client"},
    "httpx": {"registry_client"},
    "app": {"app", "wsgi"},
    "registry_client": {"registry_client"},
    "wsgi": set(),
}

# What no field of a public value may be made of.
INSIDE = {"registry_core.models", "registry_core.storage"}

# `serve` reads no setting: it hands its environment on to gunicorn, with the options set in it.
ENVIRONMENT_IN = {
    "app.config",
    "registry_core.settings",
    "registry_client.local.settings",
    "registry_client.cli.main",
}


@dataclass(frozen=True)
class Import:
    """``module`` imports ``target``; ``names`` are taken from it, none if it is imported as a whole."""

    module: str
    target: str
    names: tuple[str, ...]
    line: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target} {', '.join(self.names)}"


@cache
def sources() -> dict[str, Path]:
    """Module name -> file, of everything that is shipped."""
    found = {"wsgi": REPOSITORY / "wsgi.py"}
    for package in ("app", "registry_core", "registry_client"):
        for file in sorted((REPOSITORY / package).rglob("*.py")):
            parts = file.relative_to(REPOSITORY).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


@cache
def imports() -> list[Import]:
    return [found for module, file in sources().items() for found in imports_of(module, file)]


def imports_of(module: str, file: Path) -> Iterator[Import]:
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (Import(module, alias.name, (), node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            target = ".".join([*above, *([node.module] if node.module else [])])
            names = tuple(alias.name for alias in node.names)
            modules = [name for name in names if f"{target}.{name}" in sources()]
            yield from (Import(module, f"{target}.{name}", (), node.lineno) for name in modules)
            rest = tuple(name for name in names if name not in modules)
            if rest:
                yield Import(module, target, rest, node.lineno)


def is_in(module: str, places: set[str]) -> bool:
    return any(module == place or module.startswith(place + ".") for place in places)


def test_the_walk_sees_the_imports() -> None:
    """A walk that finds nothing would forbid nothing."""
    seen = {(found.module, found.target) for found in imports()}
    assert ("wsgi", "app") in seen
    assert ("app.web.root", "registry_core") in seen
    assert ("registry_core.storage", "registry_core.storage.object_store.store") in seen  # inside a function
    assert any(
        module.startswith("registry_core.") and target == "registry_core.vocabulary.errors" for module, target in seen
    )


def test_libraries_stay_where_they_belong() -> None:
    wrong = [
        str(found)
        for found in imports()
        if (top := found.target.split(".")[0]) in ONLY_IN and not is_in(found.module, ONLY_IN[top])
    ]
    assert not wrong, "\n".join(wrong)


def test_every_foreign_library_has_its_place() -> None:
    """A new dependency is a decision: it gets a line in ONLY_IN."""
    ours = {"registry_core", "__future__", "_typeshed"}
    unknown = {
        str(found)
        for found in imports()
        if found.target.split(".")[0] not in sys.stdlib_module_names | ours | ONLY_IN.keys()
    }
    assert not unknown, unknown


def test_only_the_public_names_of_the_core_are_used() -> None:
    wrong = [
        str(found)
        for found in imports()
        if not is_in(found.module, {"registry_core"})
        and found.target.split(".")[0] == "registry_core"
        and (found.target != "registry_core" or not set(found.names) <= set(registry_core.__all__))
    ]
    assert not wrong, "\n".join(wrong)


def test_nobody_outside_reaches_into_what_is_private() -> None:
    wrong = [
        f"{module}:{node.lineno} .{node.attr}"
        for module, file in sources().items()
        if not is_in(module, {"registry_core"})
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
        if ast.unparse(node.value) not in ("self", "cls", "super()")
    ]
    assert not wrong, "\n".join(wrong)


def test_no_public_value_leads_to_the_store() -> None:
    """A file or a snapshot is read by its methods; how the registry finds the bytes is the core's own matter."""
    wrong = []
    for name in registry_core.__all__:
        kind = getattr(registry_core, name)
        if not inspect.isclass(kind) or kind is registry_core.CoreSettings:  # which hold a storage's own settings
            continue
        for of, hint in get_type_hints(kind).items():
            parts = [hint, *get_args(hint)]
            homes = {str(getattr(part, "__module__", "")) for part in parts}
            if not of.startswith("_") and any(is_in(home, INSIDE) for home in homes):
                wrong.append(f"{name}.{of}: {hint}")
    assert not wrong, "\n".join(wrong)


def test_public_names_exist_and_are_sorted() -> None:
    assert all(hasattr(registry_core, name) for name in registry_core.__all__)
    assert len(set(registry_core.__all__)) == len(registry_core.__all__)


def test_the_core_reaches_a_storage_only_through_its_door() -> None:
    allowed = {
        "registry_core.storage",
        *(f"registry_core.storage.{name}" for name in ("contract", "cloning", "locks", "syncing")),
    }
    wrong = [
        str(found)
        for found in imports()
        if is_in(found.module, {"registry_core"})
        and not is_in(found.module, {"registry_core.storage"})
        and is_in(found.target, {"registry_core.storage"})
        and found.target not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def room_of(module: str, package: str) -> str:
    """The room of the package that the module lies in; empty for what lies in none."""
    room = module.removeprefix(package + ".").partition(".")[0] if is_in(module, {package}) else ""
    return room if room in ROOMS[package] else ""


def out_of_room(found: Import) -> bool:
    """Whether a table of rooms forbids the import."""
    for package, rooms in ROOMS.items():
        room, target = room_of(found.module, package), room_of(found.target, package)
        if room and is_in(found.target, {package}) and target != room and target not in rooms[room]:
            return True
    return False


def test_each_table_goes_from_the_floor_up() -> None:
    for package, rooms in ROOMS.items():
        below: set[str] = set()
        for room, may in rooms.items():
            assert may <= below, f"{package}.{room}"
            below.add(room)


@pytest.mark.parametrize("package", ROOMS)
def test_every_module_lies_in_a_room(package: str) -> None:
    homeless = [module for module in sources() if module.startswith(package + ".") and not room_of(module, package)]
    assert not homeless


def test_each_room_imports_only_what_the_table_allows() -> None:
    wrong = [str(found) for found in imports() if out_of_room(found)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("module", "target", "is_wrong"),
    [
        ("registry_core.verbs.promotion", "registry_core.uploads.sessions", True),
        ("registry_core.verbs.promotion", "registry_core.models.changes", False),
        ("registry_core.storage.filesystem.beneath", "registry_core.format.layout", True),
        ("registry_core.models.changes", "registry_core.registry.registry", True),
        ("registry_core.vocabulary.errors", "registry_core", True),
        ("registry_core.evidence.log.export", "registry_core.evidence.gates.gate", True),
        ("registry_core.evidence.gates.gate", "registry_core.evidence.rules.rulebook", False),
        ("registry_core.evidence.signing.statement", "registry_core.evidence", True),
        ("registry_core.evidence.signing.statement", "registry_core.verbs.promotion", True),
    ],
)
def test_the_table_tells_a_wrong_import_from_a_right_one(module: str, target: str, is_wrong: bool) -> None:
    assert out_of_room(Import(module, target, (), 1)) is is_wrong


def test_storages_know_no_task_alias_or_version() -> None:
    words = {"task", "tasks", "alias", "aliases", "version", "versions", "promote", "ref"}
    wrong = []
    for module, file in sources().items():
        if is_in(module, {"registry_core.storage"}):
            wrong += [
                f"{module}:{line} {name}" for name, line in names_in(file) if words & set(name.lower().split("_"))
            ]
    assert not wrong, "\n".join(wrong)


def names_in(file: Path) -> Iterator[tuple[str, int]]:
    """Everything that is given a name in the file: variables, arguments, attributes, functions, classes."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute):
            yield node.attr, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name, node.lineno


def test_storages_know_no_key_of_the_registry() -> None:
    assert {"tasks", "versions", "audit", "registry.json", "sha256sums.txt"} <= layout_names()
    wrong = []
    for module, file in sources().items():
        if is_in(module, {"registry_core.storage"}):
            wrong += [
                f"{module}:{line} {text!r}" for text, line in texts_in(file) if layout_names() & set(text.split("/"))
            ]
    assert not wrong, "\n".join(wrong)


@cache
def layout_names() -> set[str]:
    """Every segment of a key that ``format/layout.py`` makes, but for two that storages use for things of their own."""
    file = sources()["registry_core.format.layout"]
    names = {name for text, _ in texts_in(file) for name in text.split("/") if re.fullmatch(r"[.\w]+", name)}
    return names - {"package", "state"} - {".json", ".txt"}


def texts_in(file: Path) -> Iterator[tuple[str, int]]:
    """Every text in the file that is no docstring."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value, node.lineno


def test_nothing_in_a_package_imports_it_as_a_whole() -> None:
    wrong = [str(found) for found in imports() if found.target in ROOMS and is_in(found.module, {found.target})]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", ["app", "registry_core", "registry_client"])
def test_no_module_imports_in_a_circle(package: str) -> None:
    graph: dict[str, set[str]] = {}
    for found in imports():
        # `from . import x` in a package's own module is how it is put together, not a dependency on it.
        if is_in(found.module, {package}) and is_in(found.target, {package}) and found.target != package:
            graph.setdefault(found.module, set()).add(found.target)
    assert graph
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_environment_is_read_in_the_config_modules_only() -> None:
    readers = {"environ", "environb", "getenv", "getenvb"}
    wrong = [str(found) for found in imports() if found.target == "os" and readers & set(found.names)]
    for module, file in sources().items():
        if module in ENVIRONMENT_IN:
            continue
        attributes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)]
        for node in attributes:
            if isinstance(node.value, ast.Name) and node.value.id == "os" and node.attr in readers:
                wrong.append(f"{module}:{node.lineno} os.{node.attr}")
    assert not wrong, "\n".join(wrong)


def test_the_core_pulls_in_no_web_framework_and_no_object_store() -> None:
    """In a fresh interpreter, for a directory as root, opening included."""
    program = (
        "import sys, tempfile, registry_core\n"
        "with tempfile.TemporaryDirectory() as root: registry_core.ModelRegistry.open(root).check()\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "registry_core" in loaded
    forbidden = {"flask", "marshmallow", "gunicorn", "obstore", "botocore", "werkzeug", "click", "rich", "httpx", "app"}
    assert not loaded & forbidden


def test_the_command_line_pulls_in_no_web_framework_and_no_object_store() -> None:
    program = "import sys, registry_client.cli.main; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"flask", "marshmallow", "gunicorn", "obstore", "botocore"}


def test_modules_stay_small() -> None:
    lengths = {module: len(file.read_text(encoding="utf-8").splitlines()) for module, file in sources().items()}
    del lengths["registry_core"]  # its face: a list of names, each twice, and nothing else
    long = {module: lines for module, lines in lengths.items() if lines > LONGEST_MODULE_LINES}
    assert not long, f"longer than {LONGEST_MODULE_LINES} lines: {long}"


def test_every_module_says_what_it_is() -> None:
    silent = [
        module
        for module, file in sources().items()
        if file.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_the_face_of_each_room_names_its_modules() -> None:
    """Whoever opens a package, but for the three that hold the rooms, reads there what lies in it."""
    unnamed = []
    for module, file in sources().items():
        if file.name != "__init__.py" or "." not in module:
            continue
        face = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        inside = {other.stem for other in file.parent.glob("*.py")} - {"__init__"} | ROOMS.get(module, {}).keys()
        unnamed += [f"{module}: {name}" for name in inside if f"``{name}``" not in face]
    assert not unnamed
