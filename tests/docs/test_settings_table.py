"""The configuration table of the README has every setting that the code reads, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import click
import pytest

from app.config import PREFIX, Settings
from registry_client.cli.main import main

from .documents import read

README = read("README.md")
_ROW = re.compile(r"^\| `(OMNIBIOAI_MODEL_REGISTRY_\w+)` \| (.+?) \|", re.MULTILINE)
TABLE = dict(_ROW.findall(README.section("Configuration")))


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


def _read_by_the_code() -> set[str]:
    environment = _Asked()
    Settings.from_env(environment)
    return environment.names


def _read_by_the_command_line() -> set[str]:
    commands: list[click.Command] = [main, *main.commands.values()]
    found: set[str] = set()
    while commands:
        command = commands.pop()
        found |= {str(option.envvar) for option in command.params if option.envvar}
        commands += command.commands.values() if isinstance(command, click.Group) and command is not main else []
    return found


def test_the_table_and_the_code_have_the_same_names() -> None:
    settings = {name for name in _read_by_the_code() | _read_by_the_command_line() if name.startswith(PREFIX)}
    assert set(TABLE) == settings


def test_foreign_names_are_documented_too() -> None:
    """The names that providers of object stores use for their credentials and endpoints."""
    text = read("docs/operations.md").raw
    missing = [name for name in _read_by_the_code() if not name.startswith(PREFIX) and f"`{name}`" not in text]
    assert missing == []


@pytest.mark.parametrize("name", [name for name, default in TABLE.items() if default.startswith("`")])
def test_the_default_is_the_one_in_the_table(name: str) -> None:
    default = TABLE[name].strip("`")
    assert Settings.from_env({name: default}) == Settings.from_env({})


def test_every_name_that_a_document_mentions_exists() -> None:
    from .documents import all_documents

    known = _read_by_the_code() | _read_by_the_command_line() | {PREFIX, PREFIX.rstrip("_")}
    for document in all_documents():
        for name in re.findall(r"OMNIBIOAI_MODEL_REGISTRY\w*", document.raw):
            assert name in known, f"{document.name} mentions {name}"
