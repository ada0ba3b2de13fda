"""``omr --url``: the same commands, output and exit codes as on the root; and pull, push and cache."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from registry_client.cli.main import main

from ..support.machine import MIB
from ..support.packages import write_files, write_package
from ..support.servers import PREFIX, clean_environment
from .cli.conftest import OMR, Done
from .cli.test_terminal import ESCAPE
from .conftest import Service
from .trees import files_of, package


@dataclass(frozen=True)
class Remote:
    """Runs ``omr`` on the service, or on its root, from the directory ``area``."""

    service: Service
    area: Path
    model: str

    def omr(self, *arguments: str, env: dict[str, str] | None = None) -> Done:
        settings = {PREFIX + "URL": self.service.url, PREFIX + "CACHE_DIR": str(self.area / "cache")}
        result = CliRunner(env=settings if env is None else env).invoke(main, arguments, catch_exceptions=False)
        return Done(result.exit_code, result.stdout, result.stderr)

    def there(self, *arguments: str) -> Done:
        """As :meth:`omr`, by the installed command."""
        settings = {PREFIX + "URL": self.service.url, PREFIX + "CACHE_DIR": str(self.area / "cache")}
        command, environment = [str(OMR), *arguments], clean_environment(settings)
        done = subprocess.run(command, env=environment, cwd=self.area, capture_output=True, text=True)
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str) -> Done:
        done = self.omr(*arguments)
        assert (done.code, done.err) == (0, ""), done
        return done

    def on_root(self, *arguments: str) -> Done:
        return self.omr("--root", str(self.service.root), *arguments)


@pytest.fixture
def remote(service: Service, area: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> Remote:
    monkeypatch.chdir(area)
    write_package(area / "source")
    registry = service.registry
    registry.register("t", model, "1", area / "source", {"metrics": {"f1": 0.5}}, actor="ada", reason="first")
    registry.register("t", model, "2", area / "source", {"metrics": {"f1": 0.75}})
    return Remote(service, area, model)


def test_reading_commands_print_the_same(remote: Remote) -> None:
    model, ref = remote.model, f"{remote.model}@latest"
    for words in (
        ["resolve", "t", ref],
        ["resolve", "t", f"{model}@1", "--no-verify"],
        ["show", "t", ref],
        ["artifacts", "t", ref],
        ["aliases", "t", model],
        ["history", "t", model],
        ["history", "t", model, "--limit", "1"],
        ["metrics", "t", ref],
        ["compare", "t", model, "1", "2"],
        ["audit", "verify", "t", model],
        ["versions", "--model", model],
        ["versions", "--model", model, "--limit", "1"],
        ["models", "-q", model],
        ["models", "--alias", "latest", "--sort=-bytes", "--limit", "1"],
        ["activity", "--limit", "2"],
        ["history", "t", model, "--order", "desc"],
    ):
        for more in ([], ["--json"]):
            assert remote.omr(*words, *more) == remote.on_root(*words, *more), words


def test_refusals_are_the_same(remote: Remote) -> None:
    model = remote.model
    for words, code in (
        (["register", "t", model, "1", "source"], 1),
        (["register", "t", model, "../2", "source"], 1),
        (["register", "t", model, "3", "nothing"], 1),
        (["register", "t", model, "3", "source", "--metadata", "[]"], 1),
        (["promote", "t", model, "latest", "1", "--expected-version", "1"], 1),
        (["resolve", "t", model], 1),
        (["resolve", "t", "nobody@latest"], 3),
        (["restore", "t", model, "9"], 3),
        (["delete", "t", model, "2", "--reason", "r"], 1),
    ):
        for more in ([], ["--json"]):
            here, there = remote.on_root(*words, *more), remote.omr(*words, *more)
            if words[-1] != "[]":  # the schema of HTTP says that in its own words
                assert there == here, words
            assert there.code == code


def test_changes_over_http(remote: Remote) -> None:
    model = remote.model
    assert remote.ok("promote", "t", model, "production", "1", "--expected-absent", "--json").json["version"] == "1"
    assert remote.ok("rollback", "t", model, "latest", "--json").json["version"] == "1"
    assert remote.ok("tag", "t", model, "1", "tissue", "blood", "--json").json["tags"] == {"tissue": "blood"}
    assert remote.ok("patch", "t", model, "1", "--description", "d", "--json").json["description"] == "d"
    assert remote.ok("stage", "t", model, "2", "staging", "--json").json["stage"] == "staging"
    assert remote.ok("unalias", "t", model, "staging", "--json").json["previous_version"] == "2"
    assert remote.ok("delete", "t", model, "2", "--reason", "r", "--json").json["reason"] == "r"
    assert remote.ok("restore", "t", model, "2", "--json").json["version"] == "2"
    taken = remote.ok("register", "t", model, "3", "source", "--metadata", '{"a": 1}', "--json").json
    assert taken["version"] == "3"
    assert remote.service.registry.show("t", f"{model}@3").meta["a"] == 1
    names = [event.event for event in remote.service.registry.history("t", model).events]
    assert names.count("delete") == names.count("restore") == 1
    watched = remote.ok("watch", "--after", "0", "--limit", "2", "--json").out.splitlines()
    assert [json.loads(line)["event"] for line in watched] == ["register", "register"]
    assert {"task": "t"}.items() <= remote.ok("tasks", "--json").json["tasks"][0].items()


@pytest.mark.parametrize(
    "words",
    [["init"], ["sweep"], ["check"], ["purge"], ["adopt"], ["migrate", "/tmp/x"], ["reindex"], ["serve"]],
    ids=lambda words: words[0],
)
def test_what_is_for_the_root_only_says_so(remote: Remote, words: list[str]) -> None:
    for more in ([], ["--url", remote.service.url]):
        done = remote.omr(*more, *words)
        assert (done.code, done.out) == (2, "")
        assert words[0] in done.err
        assert "--root" in done.err


@pytest.mark.parametrize("words", [["pull", "t", "m@1", "dest"], ["push", "source", "t", "m", "1"]])
def test_what_is_for_a_service_only_says_so(remote: Remote, words: list[str]) -> None:
    done = remote.on_root(*words)
    assert (done.code, done.out) == (2, "")
    assert "--url" in done.err


def test_root_and_address_exclude_each_other_and_an_option_beats_the_environment(remote: Remote) -> None:
    root, url = str(remote.service.root), remote.service.url
    wrong_root, wrong_url = "/nonexistent/root", "http://127.0.0.1:1"
    both = {PREFIX + "ROOT": root, PREFIX + "URL": url}
    words = ["aliases", "t", remote.model]
    for options, env, code in (
        (["--root", root, "--url", url], {}, 2),
        (["--root", root], {PREFIX + "URL": wrong_url}, 0),
        (["--url", url], {PREFIX + "ROOT": wrong_root}, 0),
        ([], both, 2),
        ([], {PREFIX + "ROOT": root}, 0),
        ([], {PREFIX + "URL": url}, 0),
        (["--url", ""], {}, 2),
        (["--url", "registry"], {}, 1),
        (["--root", root], both, 0),
    ):
        assert remote.omr(*options, *words, env=env).code == code, (options, env)
    assert remote.omr("check", env={PREFIX + "ROOT": root, PREFIX + "URL": url}).code == 0, "there is only one way"


def test_nobody_there_is_5(remote: Remote) -> None:
    done = remote.omr("--url", "http://127.0.0.1:1", "promote", "t", "m", "a", "1")
    assert done.code == 5
    assert done.err.startswith("omr: storage_unavailable: The registry at http://127.0.0.1:1 cannot be reached: ")


def test_push_pull_and_the_cache(remote: Remote) -> None:
    model = remote.model
    write_files(remote.area / "run", package())
    words = ["push", "run", "t", model, "9", "--metadata", '{"a": 1}', "--actor", "ada", "--json"]
    done = remote.there(*words)
    assert (done.code, done.err) == (0, ""), done
    pushed = done.json
    total = sum(map(len, package().values())) - len(package()["label map.json"])  # which the model has in version 1
    assert (pushed["version"], pushed["bytes_sent"], pushed["files"]) == ("9", total, 6)
    assert remote.ok(*words).json == {**pushed, "bytes_sent": 0, "files_sent": 0}
    pulled = remote.there("pull", "t", f"{model}@latest", "dest", "--workers", "2", "--json").json
    assert (pulled["version"], pulled["path"], pulled["already_there"]) == ("9", str(remote.area / "dest"), False)
    assert {name: data for name, data in files_of(remote.area / "dest").items() if name in package()} == package()
    check = subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "sha256sums.txt"], cwd=remote.area / "dest")
    assert check.returncode == 0
    out = remote.ok("pull", "t", f"{model}@latest", "dest").out
    assert "already_there:  true\n" in out
    (remote.area / "dest" / "empty").unlink()
    assert remote.omr("pull", "t", f"{model}@latest", "dest").code == 1
    listed = remote.ok("cache", "ls", "--json").json
    assert len(listed["files"]) == 7, "two of the eight files have the same bytes"
    assert listed["bytes"] == sum(file["size_bytes"] for file in listed["files"])
    offline = remote.omr("--url", remote.service.url, "pull", "--offline", "t", f"{model}@latest", "offline")
    assert offline.code == 0
    assert offline.err.startswith("warning: The registry was not asked: ")
    assert remote.ok("cache", "prune", "--max-bytes", "1M", "--json").json["files_removed"] == 0
    assert remote.ok("cache", "prune", "--older-than", "1d", "--json").json["files_removed"] == 0
    assert remote.ok("cache", "prune", "--json").json["files_removed"] == 7
    assert remote.omr("cache", "prune", "--max-bytes", "many").code == 2
    assert remote.omr("pull", "--offline", "t", f"{model}@latest", "never").code == 5
    assert not (remote.area / "never").exists()


def test_damage_is_4(remote: Remote) -> None:
    target = Path(remote.service.registry.resolve("t", f"{remote.model}@1").path) / "model.pt"
    target.chmod(0o644)
    target.write_bytes(b"\1" + target.read_bytes()[1:])
    for words in (["verify", "t", f"{remote.model}@1"], ["pull", "t", f"{remote.model}@1", "dest"]):
        done = remote.omr(*words)
        assert done.code == 4, done
        assert done.err.startswith("omr: package_corrupt: "), done
        assert "\n  model.pt  changed  expected sha256:" in done.err
    assert not (remote.area / "dest").exists()


def test_a_bar_on_a_terminal(remote: Remote) -> None:
    write_files(remote.area / "large", {"model.pt": os.urandom(8 * MIB)})
    for words, label in (
        (["push", "large", "t", remote.model, "7", "--json"], b"push"),
        (["pull", "t", f"{remote.model}@7", "dest"], b"pull"),
        (["verify", "t", f"{remote.model}@7"], b"verify"),
    ):
        code, seen = _on_a_terminal(remote, words)
        assert code == 0, seen
        assert label in seen
        assert b"MB" in seen
        assert ESCAPE in seen


def _on_a_terminal(remote: Remote, words: list[str]) -> tuple[int, bytes]:
    import pty

    controller, terminal = pty.openpty()
    settings = {PREFIX + "URL": remote.service.url, PREFIX + "CACHE_DIR": str(remote.area / "cache")}
    process = subprocess.Popen(
        [str(OMR), *words],
        cwd=remote.area,
        env=clean_environment({**settings, "TERM": "xterm", "COLUMNS": "100"}),
        stdout=subprocess.DEVNULL,
        stderr=terminal,
    )
    os.close(terminal)
    seen = bytearray()
    while True:
        try:
            part = os.read(controller, 65536)
        except OSError:  # the other end was closed: the process has ended
            break
        if not part:
            break
        seen += part
    os.close(controller)
    return process.wait(100), bytes(seen)
