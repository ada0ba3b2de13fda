"""Where the end of a journal is lost, every way to aliases, history and lists says so, and answers all the same."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from registry_client import RegistryClient
from registry_client.cli.main import main

from ..core.eventful import fill
from ..core.journals import KEY
from ..support.packages import open_registry
from ..support.servers import gunicorn
from .curl import curl

WHAT = "The journal of t/m is damaged: "
ASKED = {
    "/v1/aliases": "task=t&model=m",
    "/v1/history": "task=t&model=m",
    "/v1/models": "task=t",
    "/v1/models/summary": "task=t",
}


def test_every_way_warns(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    fill(open_registry(root), tmp_path)
    (root / KEY).write_bytes(b"".join((root / KEY).read_bytes().splitlines(keepends=True)[:3]))
    with gunicorn(root, workers=1) as server:
        for path, query in ASKED.items():
            for more in ("", "&limit=1"):
                if more and path == "/v1/aliases":
                    continue
                answer = curl(f"{server.url}{path}?{query}{more}")
                body = answer.json
                warnings = body["warnings"] if isinstance(body, dict) else json.loads(answer.headers["x-warnings"])
                assert [text.startswith(WHAT) for text in warnings] == [True], path
        client = RegistryClient(server.url)
        for found in (client.list_aliases("t", "m"), client.history("t", "m"), client.list_models()):
            assert [text.startswith(WHAT) for text in found.warnings] == [True]
        for where in (["--root", str(root)], ["--url", server.url]):
            for command in (["aliases", "t", "m"], ["history", "t", "m"], ["models"], ["versions"], ["activity"]):
                judge_omr([*where, *command])


def judge_omr(command: list[str]) -> None:
    said = CliRunner().invoke(main, command)
    assert said.exit_code == 0
    assert f"warning: {WHAT}" in said.stderr
    assert WHAT not in said.stdout
    (warning,) = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)["warnings"]
    assert warning.startswith(WHAT)
