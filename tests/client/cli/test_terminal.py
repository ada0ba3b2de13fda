"""A progress bar on a terminal and nowhere else; completion scripts that their shells take."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from ...support.machine import MIB, need
from ...support.packages import open_registry, write_files
from ...support.servers import PREFIX, clean_environment
from .conftest import OMR, Shell

ESCAPE = b"\x1b["


def on_a_terminal(shell: Shell, *arguments: str) -> tuple[int, bytes, bytes]:
    """(exit code, standard output, what the terminal that is its standard error was sent)."""
    controller, terminal = pty.openpty()
    environment = clean_environment({PREFIX + "ROOT": str(shell.root), "TERM": "xterm", "COLUMNS": "100"})
    process = subprocess.Popen(
        [str(OMR), *arguments], cwd=shell.area, env=environment, stdout=subprocess.PIPE, stderr=terminal
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
    out = process.communicate()[0]
    return process.returncode, out, bytes(seen)


@pytest.fixture
def large(shell: Shell) -> Shell:
    write_files(shell.area / "large", {"model.pt": bytes(32 * MIB)})
    return shell


def test_a_bar_on_a_terminal(large: Shell) -> None:
    code, out, seen = on_a_terminal(large, "register", "t", "m", "1", "large", "--json")
    assert code == 0
    assert out.startswith(b'{"ok": true')
    assert b"register" in seen
    assert b"MB" in seen
    assert ESCAPE in seen
    code, out, seen = on_a_terminal(large, "verify", "t", "m@1")
    assert code == 0
    assert b"files_checked" in out
    assert b"verify" in seen
    assert ESCAPE in seen
    assert ESCAPE not in out


def test_an_error_on_a_terminal_is_readable_after_the_bar(large: Shell) -> None:
    code, _, seen = on_a_terminal(large, "verify", "t", "nobody@latest")
    assert code == 3
    assert b"omr: model_not_found: " in seen


def test_no_bar_into_a_pipe(large: Shell) -> None:
    for words in (["register", "t", "m", "1", "large"], ["verify", "t", "m@1"], ["aliases", "t", "m"]):
        done = large.installed(*words)
        assert (done.code, done.err) == (0, "")
        assert "\x1b" not in done.out


@pytest.mark.parametrize("encoding", ["latin-1", "cp437", "utf-8"])
def test_a_terminal_that_lacks_a_letter_is_sent_its_number(filled: Shell, encoding: str) -> None:
    """Nothing fails, and JSON stays JSON."""
    environment = {"PYTHONIOENCODING": encoding}
    text = "caf\u00e9 \u65e5\u672c \U0001f600"
    open_registry(filled.root).patch("t", "m", "1", description=text)
    environment = clean_environment({PREFIX + "ROOT": str(filled.root), **environment})

    def out(*words: str) -> bytes:
        done = subprocess.run([str(OMR), *words], env=environment, capture_output=True)
        assert done.returncode == 0, done
        assert b"Traceback" not in done.stderr
        return done.stdout

    assert json.loads(out("show", "t", "m@1", "--json").decode(encoding))["description"] == text
    shown = text.encode(encoding, "backslashreplace")
    assert shown in out("show", "t", "m@1")
    assert b"m" in out("versions", "--query", "caf")
    failed = subprocess.run([str(OMR), "show", "t", text + "@1"], env=environment, capture_output=True)
    assert failed.returncode == 1
    assert b"omr: invalid_name: " in failed.stderr


def script(shell: Shell, name: str) -> Path:
    file = shell.area / f"completion.{name}"
    file.write_text(shell.installed("completion", name).out)
    return file


def shell_with_omr(shell: Shell, *command: str) -> str:
    """The output of a shell that finds ``omr`` on its path."""
    environment = clean_environment({"HOME": str(shell.area)})
    environment["PATH"] = f"{OMR.parent}:{environment['PATH']}"
    done = subprocess.run(command, env=environment, cwd=shell.area, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_bash_completes(shell: Shell) -> None:
    need(shutil.which("bash"), "bash is not installed")
    file = script(shell, "bash")
    shell_with_omr(shell, "bash", "-n", str(file))
    answer = '; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _omr_completion omr; printf "%s\\n" "${COMPREPLY[@]}"'
    ask = 'source "$1"; COMP_WORDS=(omr re)' + answer
    assert set(shell_with_omr(shell, "bash", "-c", ask, "-", str(file)).split()) >= {"register", "resolve"}
    ask = 'source "$1"; COMP_WORDS=(omr resolve --no)' + answer
    assert shell_with_omr(shell, "bash", "-c", ask, "-", str(file)).split() == ["--no-verify"]


def test_zsh_takes_the_script(shell: Shell) -> None:
    need(shutil.which("zsh"), "zsh is not installed; on Debian: apt-get install zsh")
    file = script(shell, "zsh")
    shell_with_omr(shell, "zsh", "-n", str(file))
    ask = 'autoload -Uz compinit; compinit -u; source "$1"; print -r -- ${_comps[omr]}'
    assert shell_with_omr(shell, "zsh", "-f", "-c", ask, "-", str(file)).strip() == "_omr_completion"


def test_fish_completes(shell: Shell) -> None:
    need(shutil.which("fish"), "fish is not installed; on Debian: apt-get install fish")
    file = script(shell, "fish")
    shell_with_omr(shell, "fish", "--no-execute", str(file))
    found = shell_with_omr(shell, "fish", "--no-config", "-c", f"source '{file}'; complete -C 'omr re'")
    assert {line.split("\t")[0] for line in found.splitlines()} >= {"register", "resolve"}
