"""Exit codes are as documented, and an error says the same as the HTTP problem document."""

from __future__ import annotations

import pytest

from ...app.curl import curl
from ...support.packages import write_files
from ...support.servers import PREFIX, gunicorn
from .conftest import Shell


def damage(shell: Shell) -> None:
    target = shell.root / "tasks/t/models/m/versions/1/model.pt"
    target.chmod(0o644)
    target.write_bytes(b"\0" + target.read_bytes()[1:] + b"!")


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["register", "t", "m", "1", "source"], 1, "version_exists"),
        (["register", "t", "m", "../2", "source"], 1, "invalid_name"),
        (["register", "t", "m", "3", "nothing"], 1, "artifacts_refused"),
        (["register", "t", "m", "3", "source", "--metadata", "[]"], 1, "invalid_metadata"),
        (["register", "t", "m", "latest", "source"], 1, "invalid_name"),
        (["resolve", "t", "m"], 1, "invalid_ref"),
        (["history", "t", "m", "--limit", "0"], 1, "invalid_parameter"),
        (["promote", "t", "m", "latest", "1", "--expected-version", "1"], 1, "alias_moved"),
        (["resolve", "t", "nobody@latest"], 3, "model_not_found"),
        (["resolve", "t", "m@nothing"], 3, "version_not_found"),
        (["promote", "t", "m", "production", "9"], 3, "version_not_found"),
        (["--root", "/nonexistent/root", "check"], 5, "not_configured"),
        (["--root", "ftp://host/x", "check"], 5, "not_configured"),
    ],
)
def test_a_refusal_has_its_code(filled: Shell, arguments: list[str], code: int, error: str) -> None:
    done = filled.omr(*arguments)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith(f"omr: {error}: ")


def test_the_installed_command_ends_as_the_function_that_the_other_tests_call(filled: Shell) -> None:
    damage(filled)
    for code, arguments in enumerate(
        (
            ["aliases", "t", "m"],
            ["register", "t", "m", "1", "source"],
            ["nonsense"],
            ["resolve", "t", "nobody@latest"],
            ["verify", "t", "m@1"],
            ["--root", "/nonexistent/root", "check"],
        )
    ):
        done = filled.installed(*arguments)
        assert done == filled.omr(*arguments)
        assert done.code == code


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["register", "t", "m"],
        ["resolve", "t", "m@latest", "--sideways"],
        ["history", "t", "m", "--limit", "many"],
        ["sweep", "--older-than", "soon"],
        ["register", "t", "m", "3", "source", "--metadata", "{"],
        ["register", "t", "m", "3", "source", "--metadata", "@missing.json"],
        ["promote", "t", "m", "a", "1", "--expected-version", "1", "--expected-absent"],
        ["completion", "tcsh"],
        ["--root", "", "check"],
    ],
)
def test_wrong_usage_is_2(filled: Shell, arguments: list[str]) -> None:
    done = filled.omr(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Usage:" in done.err or "Error:" in done.err
    assert "Traceback" not in done.err


def test_damage_is_4_and_is_listed(filled: Shell) -> None:
    damage(filled)
    for arguments in (["verify", "t", "m@1"], ["resolve", "t", "m@1"], ["show", "t", "m@1", "--verify"]):
        done = filled.omr(*arguments)
        assert (done.code, done.out) == (4, "")
        assert done.err.startswith("omr: package_corrupt: ")
        assert "\n  model.pt  changed  expected sha256:" in done.err
    assert filled.omr("resolve", "t", "m@1", "--no-verify").code == 0


def test_bytes_that_differ_from_the_callers_manifest_are_4(filled: Shell) -> None:
    write_files(filled.area / "lying", {"model.pt": b"x", "sha256sums.txt": f"{'0' * 64}  model.pt\n".encode()})
    done = filled.omr("register", "t", "m", "3", "lying")
    assert done.code == 4
    assert done.err.startswith("omr: digest_mismatch: ")


def test_check_of_a_damaged_registry_is_4(filled: Shell) -> None:
    (filled.root / "tasks/t/models/m/versions/1/sha256sums.txt").chmod(0o644)
    (filled.root / "tasks/t/models/m/versions/1/sha256sums.txt").write_bytes(b"")
    done = filled.omr("check")
    assert done.code == 4
    assert done.out.splitlines()[-1].startswith("DAMAGED: ")
    as_json = filled.omr("check", "--json")
    assert as_json.code == 4
    assert as_json.json["ok"] is False
    assert as_json.json["clean"] is False


def test_errors_are_the_problem_documents_of_http(filled: Shell) -> None:
    damage(filled)
    calls = [
        (["resolve", "t", "nobody@latest"], "/v1/resolve?task=t&ref=nobody@latest"),
        (["resolve", "t", "m@nothing"], "/v1/resolve?task=t&ref=m@nothing"),
        (["resolve", "t", "m"], "/v1/resolve?task=t&ref=m"),
        (["resolve", "../t", "m@1"], "/v1/resolve?task=../t&ref=m@1"),
        (["verify", "t", "m@1"], "/v1/resolve?task=t&ref=m@1"),
    ]
    with gunicorn(filled.root, workers=1) as server:
        for arguments, path in calls:
            problem = curl(server.url + path).json
            for only_http in ("type", "status", "request_id"):
                del problem[only_http]
            refused = filled.omr(*arguments, "--json")
            assert (refused.json, refused.err) == (problem, "")


def test_without_a_root_nothing_is_guessed(shell: Shell) -> None:
    """Not the current directory, above all: a typing error must not make a registry of it."""
    done = shell.omr("check", env={PREFIX + "ROOT": ""})
    assert done.code == 5
    assert done.err.startswith("omr: not_configured: ")
    assert PREFIX + "ROOT" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["resolve", "--json"],
        ["resolve", "t", "m@1", "--jsn", "--json"],
        ["--json"],
        ["tag", "t", "m", "1", "k", "--json"],
        ["register", "t", "m", "1", "source", "--metadata", "{", "--json"],
        ["history", "t", "m", "--limit", "many", "--json"],
        ["pull", "t", "m@1", "dest", "--json"],
    ],
)
def test_a_wrong_usage_is_json_too(filled: Shell, words: list[str]) -> None:
    done = filled.omr(*words)
    assert done.code == 2
    assert (done.json["ok"], done.json["code"]) == (False, "wrong_usage")
    assert done.json["detail"]
    assert "Traceback" not in done.err
