"""``docs/configuration.md`` has every setting that the code reads, in its section, and no other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import pytest

from app.config import PREFIX, Settings
from registry_client.cli.main import main
from registry_client.local.settings import cache_dir, config_dir, token
from registry_core import CoreSettings, NotConfigured

from ..support.commands import every_command
from .documents import read

PAGE = read("docs/configuration.md")
_ROW = re.compile(r"^\| `(OMNIBIOAI_MODEL_REGISTRY_\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_LIMITS = re.compile(r"number from (\d+)(?: to (\d+))?")


def _section(heading: str) -> dict[str, tuple[str, str, str]]:
    """name -> (type, default, what it does)."""
    return {name: (kind, default, meaning) for name, kind, default, meaning in _ROW.findall(PAGE.section(heading))}


CORE, SERVICE, CLIENT = (_section(heading) for heading in ("The registry", "The service", "The client"))
TABLE = {**CORE, **SERVICE, **CLIENT}
DEFAULTS = {name: default.strip("`") for name, (_, default, _) in TABLE.items() if default.startswith("`")}
LIMITS = {name: found for name, (kind, _, _) in TABLE.items() if (found := _LIMITS.search(kind))}


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


def _asked_for(read_settings: Callable[[Mapping[str, str]], object]) -> set[str]:
    environment = _Asked()
    read_settings(environment)
    return environment.names


def _read_by_the_code() -> set[str]:
    return _asked_for(Settings.from_env) | _asked_for(cache_dir) | _asked_for(token)


def _read_by_the_command_line() -> set[str]:
    commands = [main, *dict(every_command(main)).values()]
    return {str(option.envvar) for command in commands for option in command.params if option.envvar}


def _ours(names: set[str]) -> set[str]:
    return {name for name in names if name.startswith(PREFIX)}


def test_the_table_and_the_code_have_the_same_names() -> None:
    core = _ours(_asked_for(CoreSettings.from_env))
    service = _ours(_asked_for(Settings.from_env)) - core
    assert set(CORE) == core
    assert set(SERVICE) == service
    assert set(CLIENT) == _ours(_read_by_the_code() | _read_by_the_command_line()) - core - service
    assert len(TABLE) == len(_ROW.findall(PAGE.raw)), "a row stands twice, or in no section"


def test_foreign_names_are_documented_too() -> None:
    """The names of providers of object stores for credentials and endpoints, and of the desktop for caches."""
    for read_settings, document in (
        (Settings.from_env, "docs/operations.md"),
        (cache_dir, PAGE.name),
        (config_dir, PAGE.name),
    ):
        text = read(document).raw
        asked = _asked_for(read_settings)
        assert [name for name in asked - _ours(asked) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_default_is_the_one_in_the_table(name: str) -> None:
    given = {name: DEFAULTS[name]}
    assert Settings.from_env(given) == Settings.from_env({})
    assert cache_dir(given) == cache_dir({})


@pytest.mark.parametrize("name", LIMITS)
def test_the_limits_are_the_ones_in_the_table(name: str) -> None:
    least, most = LIMITS[name].groups()
    Settings.from_env({name: least})
    with pytest.raises(NotConfigured, match=name):
        Settings.from_env({name: str(int(least) - 1)})
    if most is not None:
        Settings.from_env({name: most})
        with pytest.raises(NotConfigured, match=name):
            Settings.from_env({name: str(int(most) + 1)})


def test_every_name_that_a_document_mentions_exists() -> None:
    from .documents import all_documents

    known = _read_by_the_code() | _read_by_the_command_line() | {PREFIX, PREFIX.rstrip("_")}
    for document in all_documents():
        for name in re.findall(r"OMNIBIOAI_MODEL_REGISTRY\w*", document.raw):
            assert name in known, f"{document.name} mentions {name}"
