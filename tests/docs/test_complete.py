"""Every call, every field of it, every command and every option has its place in the manuals."""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator

import pytest

from app import create_app
from app.config import Settings
from registry_client.cli.main import main
from registry_core import CoreSettings

from ..support.commands import every_command
from .documents import REPOSITORY, read

HTTP = read("docs/http.md")
CLI = read("docs/cli.md")


@pytest.fixture(scope="module")
def openapi(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict[str, object]]]:
    app = create_app(Settings(core=CoreSettings(root=str(tmp_path_factory.mktemp("root")))))
    described: dict[str, dict[str, dict[str, object]]] = app.test_client().get("/openapi.json").get_json()
    return described


METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}  # beside them a path holds its own parameters


def test_every_call_has_a_section_and_every_section_a_call(openapi: dict[str, dict[str, dict[str, object]]]) -> None:
    calls = {f"{method.upper()} {path}" for path, item in openapi["paths"].items() for method in METHODS & set(item)}
    assert {heading.strip("`") for heading in HTTP.headings if heading.startswith("`")} == calls


def test_every_field_that_can_be_sent_is_explained(openapi: dict[str, dict[str, dict[str, object]]]) -> None:
    for call, names in _inputs(openapi):
        section = HTTP.section(f"`{call}`")
        missing = [name for name in names if f"`{name}`" not in section and f"{{{name}}}" not in call]
        assert not missing, f"{call} in docs/http.md says nothing of {missing}"


def _inputs(openapi: dict[str, dict[str, dict[str, object]]]) -> Iterator[tuple[str, list[str]]]:
    schemas = openapi["components"]["schemas"]
    for path, methods in openapi["paths"].items():
        for method in METHODS & set(methods):
            described = methods[method]
            names = [found["name"] for found in [*methods.get("parameters", []), *described.get("parameters", [])]]
            body = described.get("requestBody")
            if body and "application/json" in body["content"]:  # else it is bytes
                reference = body["content"]["application/json"]["schema"]["$ref"]
                names += schemas[reference.rpartition("/")[2]]["properties"]  # type: ignore[index]
            yield f"{method.upper()} {path}", names


COMMANDS = dict(every_command(main))


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert sorted(heading for heading in CLI.headings if heading.startswith("omr ")) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    section = CLI.section(name)
    assert f"`{name}" in section, f"{name} is not shown with its arguments"
    for parameter in COMMANDS[name].params:
        for option in (*parameter.opts, *parameter.secondary_opts):
            if not option.startswith("-"):
                assert parameter.human_readable_name.upper() in section, f"{name} does not explain {option}"
            elif option != "--json":  # explained once, for all
                assert re.search(rf"`{option}\b", section), f"{name} does not explain {option}"


def test_every_setting_of_gunicorn_is_explained() -> None:
    source = (REPOSITORY / "app/serving/gunicorn_conf.py").read_text(encoding="utf-8")
    names = set(re.findall(r"^(timeout|graceful_timeout|keepalive|worker_tmp_dir)\b", source, re.MULTILINE))
    section = read("docs/operations.md").section("gunicorn")
    assert {name for name in names if f"`{name}`" not in section} == set()
    timeout_s = re.search(r"^timeout = (\d+)$", source, re.MULTILINE)
    assert timeout_s is not None
    assert f"| `timeout` | {timeout_s[1]} s |" in section


def test_every_finding_of_check_is_explained() -> None:
    section = read("docs/operations.md").section("When check reports something")
    source = ast.parse((REPOSITORY / "registry_core/upkeep/check.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(source) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding"]
    messages = [shown for call in calls if (shown := _shown(call.args[2])) is not None]
    assert len(messages) > 10
    assert [message for message in messages if message not in section] == []


def _shown(message: ast.expr) -> str | None:
    """The text of a message with … for what is filled in; None if it is made elsewhere."""
    if isinstance(message, ast.Constant):
        return str(message.value)
    if isinstance(message, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "…" for part in message.values]
        return "".join(map(str, parts))
    return None


def test_every_extra_is_told_of_where_the_software_is_installed_and_where_it_is_missing() -> None:
    """A stranger installs what README.md says, and comes to what is not in it by a page or by an error."""
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    extras = set(setup["options.extras_require"])
    pages = {page.name: page.read_text() for page in (REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md"))}
    modules = [file.read_text() for top in ("registry_core", "app") for file in (REPOSITORY / top).rglob("*.py")]
    assert _extras(pages.pop("README.md")) == extras
    assert _extras("".join(pages.values())) == extras
    assert _extras("".join(modules)) == extras, "what is missing says how it is installed"


def _extras(text: str) -> set[str]:
    return {name for names in re.findall(r"'\.\[([a-z,-]+)\]'", text) for name in names.split(",")}
