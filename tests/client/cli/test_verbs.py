"""Each verb of ``omr``, run as a person and as a program would."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
from pathlib import Path

import pytest

from registry_core import __version__

from ...support.servers import PREFIX, clean_environment, free_port, is_up, wait_until
from .conftest import OMR, Shell


def version_directory(shell: Shell, version: str) -> Path:
    return shell.root / "tasks/t/models/m/versions" / version


def test_register_takes_a_relative_directory_and_metadata_from_anywhere(shell: Shell) -> None:
    (shell.area / "meta.json").write_text('{"from": "file"}')
    for version, metadata, stdin in (
        ("1", '{"from": "argument"}', ""),
        ("2", "@meta.json", ""),
        ("3", "@-", '{"from": "stdin"}'),
    ):
        out = shell.ok("register", "t", "m", version, "source", "--metadata", metadata, stdin=stdin).out
        assert f"package_path:   {version_directory(shell, version)}\n" in out
        meta = json.loads((version_directory(shell, version) / "model_meta.json").read_text())
        assert meta["from"] == {"1": "argument", "2": "file", "3": "stdin"}[version]
    plain = shell.ok("register", "t", "m", "4", "source", "--no-alias", "--json").json
    assert plain["alias_set"] is None
    candidate = shell.ok("register", "t", "m", "5", "source", "--set-alias", "candidate", "--json").json
    assert candidate["alias_set"] == "candidate"
    assert shell.ok("resolve", "t", "m@latest", "--json").json["version"] == "3"


def test_register_again_with_the_same_key_is_harmless(shell: Shell) -> None:
    command = ("register", "t", "m", "1", "source", "--idempotency-key", "run-17", "--json")
    assert shell.ok(*command).json == shell.ok(*command).json
    assert shell.omr(*command[:-3]).code == 1


def test_resolve_prints_the_path_and_nothing_else(filled: Shell) -> None:
    for arguments in ([], ["--no-verify"]):
        assert filled.ok("resolve", "t", "m@latest", *arguments).out == f"{version_directory(filled, '2')}\n"
    assert filled.ok("resolve", "t", "m@1").out == f"{version_directory(filled, '1')}\n"


def test_show_and_verify_print_facts(filled: Shell) -> None:
    shown = filled.ok("show", "t", "m@1").out
    assert "version:        1\n" in shown
    assert '"framework": "torch"' in shown
    verified = filled.ok("verify", "t", "m@1").out
    assert "files_checked:  4\n" in verified
    assert "package_digest: sha256:" in verified


def test_promote_and_aliases(filled: Shell) -> None:
    promote = ("promote", "t", "m", "production")
    filled.ok(*promote, "1", "--expected-absent", "--actor", "grace", "--reason", "reviewed")
    assert filled.omr(*promote, "2", "--expected-absent").code == 1
    assert filled.omr(*promote, "2", "--expected-version", "2").code == 1
    moved = filled.ok(*promote, "2", "--expected-version", "1", "--json").json
    assert (moved["version"], moved["previous_version"], moved["seq"]) == ("2", "1", 4)
    lines = filled.ok("aliases", "t", "m").out.splitlines()
    assert lines[0].split() == ["alias", "version", "updated_at", "actor", "reason", "seq"]
    assert [line.split()[:2] for line in lines[1:]] == [["latest", "2"], ["production", "2"]]


def test_the_actor_may_come_from_the_environment(filled: Shell) -> None:
    filled.ok("promote", "t", "m", "staging", "1", env={PREFIX + "ACTOR": "nightly"})
    assert filled.ok("history", "t", "m", "--alias", "staging", "--json").json["events"][0]["actor"] == "nightly"


def test_the_actor_is_the_login_name_where_nobody_says_another(filled: Shell) -> None:
    login = pwd.getpwuid(os.getuid()).pw_name
    filled.ok("promote", "t", "m", "staging", "1")
    filled.ok("tag", "t", "m", "1", "k", "v", "--actor", "ada")
    filled.ok("unalias", "t", "m", "staging", env={"USER": "somebody-else", "LOGNAME": "somebody-else"})
    events = filled.ok("history", "t", "m", "--json").json["events"]
    assert [event["actor"] for event in events[-3:]] == [login, "ada", login]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[
            (text, text)
            for text in ("4820e17", "1.10", "1.0e5", "1e999", "-0", "007", "+1", "0x1f", ".5", "-.5", "1_0")
        ],
        *[(text, text) for text in ("NaN", "Infinity", "null", "True", "[1]", "{}", " 1", "-1e999", "")],
        ("4820170", 4820170),
        ("-0.5", -0.5),
        ("-5", -5),
        ("0.001", 0.001),
        ("1.0", 1.0),
        ("12345678901234567890", 12345678901234567890),
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("true", True),
        ('"700"', "700"),
    ],
)
def test_a_tag_is_a_number_only_where_it_is_written_as_one(filled: Shell, text: str, value: object) -> None:
    done = filled.ok("tag", "t", "m", "1", "key", text, "--json")
    assert done.json["tags"] == {"key": value}
    assert type(done.json["tags"]["key"]) is type(value)


def test_a_number_below_zero_stands_anywhere_among_the_options(filled: Shell) -> None:
    for words in (["-0.5", "--actor", "ada"], ["--actor", "ada", "-0.5"], ["--json", "-0.5"], ["--", "-0.5"]):
        assert "-0.5" in filled.ok("tag", "t", "m", "1", "key", *words).out
    assert filled.ok("tag", "t", "m", "1", "key", "v", "--reason", "-1", "--json").json["tags"] == {"key": "v"}
    for words in (["-x"], ["-0.5", "--remove"], ["-0.5", "-0.6"]):
        assert filled.omr("tag", "t", "m", "1", "key", *words).code == 2
    filled.ok("patch", "t", "m", "1", "--tag", "commit=4820e17", "--tag", "low=-0.5")
    assert filled.ok("show", "t", "m@1", "--json").json["tags"] == {"key": "v", "commit": "4820e17", "low": -0.5}


def test_history_filters_and_pages(filled: Shell) -> None:
    filled.ok("promote", "t", "m", "production", "1")
    lines = filled.ok("history", "t", "m").out.splitlines()
    assert [line.split()[0] for line in lines] == ["seq", "1", "2", "3"]
    page = filled.omr("history", "t", "m", "--limit", "2")
    assert (page.code, len(page.out.splitlines())) == (0, 3)
    assert page.err == "There are more: --after 2\n"
    for arguments, seqs in ((["--event", "promote"], [3]), (["--version", "1"], [1, 3]), (["--after", "2"], [3])):
        events = filled.ok("history", "t", "m", *arguments, "--json").json["events"]
        assert [event["seq"] for event in events] == seqs


def test_artifacts_lists_every_file(filled: Shell) -> None:
    out = filled.ok("artifacts", "t", "m@latest").out
    names = ("deep/er/label map.json", "empty", "model.pt", "model_meta.json", "sha256sums.txt")
    assert all(f"\n{name} " in out for name in names)


def test_sweep_and_check_of_a_clean_registry(filled: Shell) -> None:
    assert filled.ok("check").out == "clean: 1 models, 2 versions, 2 events\n"
    for arguments in (["--dry-run"], ["--older-than", "0.5h"]):
        swept = filled.ok("sweep", *arguments, "--json").json
        assert (swept["finished"], swept["removed"]) == ([], [])


def test_what_a_crash_left_unfinished_has_an_exit_code_of_its_own(filled: Shell) -> None:
    model = filled.root / "tasks/t/models/m"
    (model / "aliases/latest.json").unlink()
    checked = filled.omr("check", "--json")
    assert checked.code == 6
    assert [(found["code"], found["command"]) for found in checked.json["findings"]] == [("unfinished", "omr sweep")]
    assert filled.omr("sweep", "--dry-run").code == 6
    assert filled.ok("sweep", "--json").json["finished"] == ["t/m"]
    assert filled.ok("check").out.startswith("clean")


def test_sweep_removes_what_a_crash_left(filled: Shell) -> None:
    abandoned = filled.root / ".staging" / ("0" * 32)
    (abandoned / "package").mkdir(parents=True)
    (abandoned / "package/model.pt").write_bytes(b"x")
    (abandoned / ".lock").touch()
    assert filled.ok("sweep", "--json").json["removed"] == [], "younger than a day: left alone"
    assert abandoned.exists()
    would = filled.ok("sweep", "--older-than", "0", "--dry-run", "--json").json
    assert would["removed"]
    assert abandoned.exists()
    assert filled.ok("sweep", "--older-than", "0", "--json").json["removed"] == would["removed"]
    assert not abandoned.exists()


def test_migrate_copies_the_registry(filled: Shell) -> None:
    target = filled.area / "target"
    target.mkdir()
    copied = filled.ok("migrate", str(target), "--json").json
    assert (copied["versions_copied"], copied["events_copied"]) == (2, 2)
    assert filled.ok("migrate", str(target), "--json").json["versions_copied"] == 0
    assert filled.ok("--root", str(target), "check").out == "clean: 1 models, 2 versions, 2 events\n"


def test_a_destination_that_is_not_there_is_not_taken_for_the_source(filled: Shell) -> None:
    target = filled.area / "none"
    refused = filled.omr("migrate", str(target))
    assert refused.code == 5
    said = f"omr: not_configured: Nothing can be copied to {target}: It is not there, or is no directory."
    assert refused.err.startswith(said)


def test_a_repair_is_proposed_before_it_is_made(filled: Shell) -> None:
    journal = filled.root / "tasks/t/models/m/audit/promotions.jsonl"
    assert filled.ok("repair", "journal", "t", "m").out == "nothing to mend: the journal of t/m\n"
    journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0])
    swept = filled.omr("sweep", "--json")
    assert (swept.code, swept.json["refused"][0]["where"]) == (4, "t/m")
    for words in (("t", "m"), ("t/m",)):
        proposed = filled.omr("repair", "journal", *words, "--json")
        assert (proposed.code, proposed.json["is_done"], proposed.json["lost_from"]) == (1, False, 2)
    assert filled.omr("repair", "journal", "t").code == 2
    done = filled.ok("repair", "journal", "t/m", "--accept-loss", "--reason", "no backup", "--json").json
    assert (done["is_done"], done["seq"]) == (True, 3)
    assert filled.ok("audit", "verify", "t", "m").out.startswith("intact: 3 events")


def test_documents_are_repaired_as_proposed(filled: Shell) -> None:
    filled.ok("promote", "t", "m", "staging", "1")
    (filled.root / "tasks/t/models/m/aliases/latest.json").unlink()
    (finding,) = filled.omr("check", "--json").json["findings"]
    assert finding["command"] == "omr repair documents t/m"
    proposed = filled.omr("repair", "documents", "t/m")
    assert (proposed.code, proposed.out.startswith("would be done: aliases/latest.json is")) == (1, True)
    assert filled.ok(*finding["command"].split()[1:], "--yes", "--json").json["paths"] == ["aliases/latest.json"]
    assert filled.ok("check").out.startswith("clean")
    for kind in ("tombstones", "seals"):
        assert filled.ok("repair", kind, "t/m", "--yes").out == f"nothing to mend: the {kind} of t/m\n"


def test_migrate_copies_into_another_registry_only_if_told_so(filled: Shell) -> None:
    other = filled.area / "other"
    made = filled.ok("--root", str(other), "init").out
    refused = filled.omr("migrate", str(other))
    assert (refused.code, "another id" in refused.err) == (1, True)
    assert filled.ok("migrate", str(other), "--merge", "--json").json["versions_copied"] == 2
    assert filled.ok("--root", str(other), "init").out == made


def test_init_makes_a_registry_once_and_prints_its_id(shell: Shell) -> None:
    root, wanted = str(shell.area / "made"), "0123456789abcdef0123456789abcdef"
    closed = {PREFIX + "CREATE": "false"}
    empty = shell.area / "empty"
    empty.mkdir()
    refused = shell.omr("--root", str(empty), "check", "--json", env=closed)
    assert (refused.code, refused.json["reason"]) == (5, "root_empty")
    assert list(empty.iterdir()) == []
    assert shell.omr("--root", root, "init", env={**closed, PREFIX + "ID": wanted}).out == f"{wanted}\n"
    assert shell.ok("--root", root, "init", "--json").json == {"ok": True, "id": wanted}
    assert shell.omr("--root", root, "check", env=closed).code == 0
    assert shell.omr("--root", root, "init", env={PREFIX + "ID": "f" * 32}).code == 5, "it is another one"
    assert shell.omr("--root", str(shell.area / "no/where"), "init").code == 5


def test_the_root_is_an_option_or_the_environment(filled: Shell) -> None:
    other = filled.area / "other"
    other.mkdir()
    assert filled.omr("--root", str(other), "aliases", "t", "m").code == 3
    assert filled.ok("aliases", "t", "m").code == 0


def test_help_and_version(shell: Shell) -> None:
    assert shell.ok("--version").out == f"omr, version {__version__}\n"
    top = shell.ok("--help").out
    assert "0 done, 1 refused, 2 wrong usage, 3 not found, 4 damaged, 5 storage" in " ".join(top.split())
    for command in ("register", "resolve", "show", "promote", "verify", "aliases", "history", "artifacts"):
        assert f"\n  {command} " in top
    assert shell.ok("register", "-h").out.startswith("Usage: omr register [OPTIONS] TASK MODEL_NAME VERSION ")


def test_serve_serves_until_told_to_stop(filled: Shell) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [OMR, "--root", str(filled.root), "serve", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (filled.area / "log").open("wb") as log:
        # Away from the checkout: it must not need the current directory.
        process = subprocess.Popen(command, env=clean_environment(), cwd=filled.area, stdout=log, stderr=log)
    try:
        wait_until(lambda: is_up(url + "/health") or process.poll() is not None, "omr serve does not answer")
        resolved = subprocess.run(
            ["curl", "-fsS", "--noproxy", "*", f"{url}/v1/resolve?task=t&ref=m@latest"], capture_output=True, check=True
        )
        assert json.loads(resolved.stdout) == filled.ok("resolve", "t", "m@latest", "--json").json
        process.send_signal(signal.SIGTERM)
        assert process.wait(100) == 0
    finally:
        process.kill()
        process.wait()


def test_serve_refuses_a_root_that_is_not_there(shell: Shell) -> None:
    done = shell.omr("--root", str(shell.area / "nothing"), "serve", "--port", str(free_port()))
    assert done.code == 5
    assert done.err.startswith("omr: not_configured: ")
