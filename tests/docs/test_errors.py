"""docs/errors.md has every code, with the status and the title that the service gives it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path

import pytest

from app import create_app
from app.config import Settings
from app.web.errors import FRAMEWORK_CODES, TABLE, TYPE_PREFIX
from app.web.refusals import REFUSALS
from registry_core import CoreSettings, RegistryError

from .documents import REPOSITORY, Block, read
from .matching import differences

DOCUMENT = read("docs/errors.md")
SECTIONS = [heading.strip("`") for heading in DOCUMENT.headings if heading.startswith("`")]
BUSY = 503


def _leaves(kind: type[RegistryError]) -> Iterator[type[RegistryError]]:
    below = kind.__subclasses__()
    if not below:
        yield kind
    for child in below:
        yield from _leaves(child)


CORE = {kind.code: kind for kind in _leaves(RegistryError)}


def _proxy_codes() -> dict[str, int]:
    """The codes that nginx gives, by their statuses."""
    text = (REPOSITORY / "deploy/nginx.conf").read_text()
    table = re.search(r"map \$status \$problem_code \{(.*?)\}", text, re.DOTALL)
    assert table is not None
    return {code: int(status) for status, code in re.findall(r"(\d{3})\s+(\w+);", table[1])}


def _expected() -> dict[str, int]:
    framework = {code: status for status, code in FRAMEWORK_CODES.items()}
    core = {code: TABLE[kind] for code, kind in CORE.items()}
    return {**_proxy_codes(), **framework, **core, **REFUSALS, "busy": BUSY, "read_only": HTTPStatus.FORBIDDEN}


EXPECTED = _expected()


def test_every_code_has_a_section_and_every_section_a_code() -> None:
    assert sorted(SECTIONS) == sorted(EXPECTED)


@pytest.mark.parametrize("code", SECTIONS)
def test_the_section_says_the_status(code: str) -> None:
    found = re.search(r"^\*\*Status (\d{3})\.\*\* (.+)", DOCUMENT.section(f"`{code}`"), re.MULTILINE)
    assert found is not None, f"the section of {code} does not begin with its status"
    assert int(found[1]) == EXPECTED[code]


def _examples() -> dict[str, Block]:
    return {block.section.strip("`"): block for block in DOCUMENT.blocks if block.language == "json"}


def test_every_code_of_the_service_has_an_example() -> None:
    only_nginx = set(_proxy_codes()) - set(FRAMEWORK_CODES.values())
    assert sorted(_examples()) == sorted(set(EXPECTED) - only_nginx)


@pytest.mark.parametrize("code", sorted(_examples()))
def test_the_example_is_what_the_service_would_say(code: str) -> None:
    """The examples below commands are compared with real answers; this holds for the others too."""
    body = json.loads(_examples()[code].text)
    assert body["ok"] is False
    assert body["code"] == code
    assert body["detail"].endswith(".")
    if "status" in body:  # not in what `omr --json` prints
        assert body["status"] == EXPECTED[code]
        assert body["type"] == TYPE_PREFIX + code
        assert "request_id" in body
    if code in CORE:
        assert body["title"] == CORE[code].title
    elif code != "busy":
        assert body["title"] == HTTPStatus(body["status"]).phrase


def test_busy_is_as_shown(tmp_path: Path) -> None:
    app = create_app(Settings(core=CoreSettings(root=str(tmp_path)), threads=8))
    gate = app.extensions["gate"]
    with ExitStack() as running:
        while gate.admitted.acquire(blocking=False):  # as many long calls as are let in
            running.callback(gate.admitted.release)
        answer = app.test_client().post("/v1/verify", json={"task": "celltype", "ref": "human_pbmc@latest"})
    shown = json.loads(_examples()["busy"].text)
    assert differences({**shown, "request_id": "…"}, answer.get_json()) == []
    assert answer.headers["Retry-After"] == str(shown["retry_after_s"])


def test_the_exit_codes_in_the_manual_name_every_code_of_the_core() -> None:
    from registry_client.cli.command import exit_code

    table = read("docs/cli.md").section("Exit codes")
    rows = {int(row[1]): row[0] for row in re.finditer(r"^\| (\d) \|.*$", table, re.MULTILINE)}
    for code, kind in CORE.items():
        row = rows[exit_code(kind("for the table"))]
        assert f"`{code}`" in row or (code.startswith("invalid_") and "`invalid_…`" in row), code
