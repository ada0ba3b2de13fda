"""What a Dockerfile does, done without Docker: its commands, run in a scratch directory.

The paths that the image has of its own are moved below the scratch directory, in commands, copies and
environment alike; nothing else is changed.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..support.servers import clean_environment

# The directories that the image has of its own.
OWN = ("/opt/venv", "/src", "/wheels", "/app", "/data/model_registry", "/shared")


@dataclass(frozen=True)
class Step:
    """One instruction, its line continuations joined and its flags (``--chmod=0644``) taken off."""

    word: str
    value: str
    flags: dict[str, str]


def parse(text: str) -> list[Step]:
    """The instructions of a Dockerfile, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    steps = []
    for logical in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if not logical.strip():
            continue
        word, _, value = logical.strip().partition(" ")
        flags = {}
        while found := re.match(r"\s*--([a-z-]+)=(\S+)\s+", value):
            flags[found[1]] = found[2]
            value = value[found.end() :]
        steps.append(Step(word.upper(), value.strip(), flags))
    return steps


def stages(steps: list[Step]) -> list[list[Step]]:
    """The steps of each stage, from its FROM on."""
    found: list[list[Step]] = []
    for step in steps:
        if step.word == "FROM":
            found.append([])
        if found:
            found[-1].append(step)
    return found


def only(steps: list[Step], word: str) -> Step:
    """The one step of that word."""
    (step,) = [step for step in steps if step.word == word]
    return step


def build_context(repository: Path, target: Path) -> None:
    """Copies what ``.dockerignore`` lets through."""
    text = (repository / ".dockerignore").read_text()
    patterns = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for name in _let_through(repository, patterns, ""):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, target / name)


def _let_through(repository: Path, patterns: list[str], inside: str) -> Iterator[str]:
    for entry in sorted(os.scandir(repository / inside), key=lambda entry: entry.name):
        name = f"{inside}{entry.name}"
        kept = not _is_ignored(name, patterns)
        if entry.is_dir(follow_symlinks=False):
            if kept or any(pattern.startswith(f"!{name}/") for pattern in patterns):
                yield from _let_through(repository, patterns, name + "/")
        elif kept:
            yield name


def _is_ignored(name: str, patterns: list[str]) -> bool:
    ignored = False
    for pattern in patterns:  # the last that matches decides; one that matches a directory takes all below it
        parts = name.split("/")
        prefixes = ("/".join(parts[: n + 1]) for n in range(len(parts)))
        if any(_expression(pattern.lstrip("!")).fullmatch(prefix) for prefix in prefixes):
            ignored = not pattern.startswith("!")
    return ignored


def _expression(pattern: str) -> re.Pattern[str]:
    escaped = re.escape(pattern.strip("/"))
    return re.compile(escaped.replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*").replace(r"\?", "[^/]"))


@dataclass
class Image:
    """A stage of the image below ``top``: its directories, environment and working directory."""

    top: Path
    context: Path
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0"

    def moved(self, text: str) -> str:
        """The text with the image's own directories moved below ``top``."""
        for own in OWN:
            text = re.sub(rf"(?<![\w./-]){re.escape(own)}(?![\w.-])", f"{self.top}{own}", text)
        return text

    def place(self, path: str) -> Path:
        absolute = path if path.startswith("/") else f"{self.workdir.rstrip('/')}/{path}"
        return Path(f"{self.top}{absolute}")

    def apply(self, step: Step) -> None:
        """Does what a step says. Steps that only describe the image do nothing."""
        if step.word == "RUN":
            self._run(step.value)
        elif step.word == "COPY":
            self._copy(step)
        elif step.word == "WORKDIR":
            self.workdir = step.value
            self.place(".").mkdir(parents=True, exist_ok=True)
        elif step.word == "ENV":
            for assignment in shlex.split(step.value):
                name, _, value = assignment.partition("=")
                # pip's cache is kept: here, unlike in a build, it is the machine's own
                if name != "PIP_NO_CACHE_DIR":
                    self.environment[name] = self.moved(value)
        elif step.word == "USER":
            self.user = step.value
        else:
            assert step.word in ("FROM", "LABEL", "VOLUME", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "CMD"), step

    def _run(self, command: str) -> None:
        assert self.user == "0", "after USER nothing may need root"
        done = subprocess.run(
            ["sh", "-c", self.moved(command)],
            cwd=self.place("."),
            env={**clean_environment(), **self._variables()},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"RUN {command}\n{done.stdout}\n{done.stderr}"

    def _copy(self, step: Step) -> None:
        *origins, target = step.value.split()
        if "from" in step.flags:
            # Both stages lie in the same place here, as they have to in the image: a virtual
            # environment works only where it was made.
            assert origins == [target]
            return
        for origin in origins:
            source = self.context / origin
            if source.is_dir():
                shutil.copytree(source, self.place(target), dirs_exist_ok=True)
                continue
            copy = self.place(target)
            copy = copy / source.name if target.endswith("/") else copy
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
            if "chmod" in step.flags:
                copy.chmod(int(step.flags["chmod"], 8))

    def _variables(self) -> dict[str, str]:
        """What a process of this stage has in its environment, and nothing from outside but the search path."""
        path = self.environment.get("PATH", "$PATH").replace("$PATH", f"{base_commands(self.top)}:{os.environ['PATH']}")
        return {**self.environment, "PATH": path}

    def command(self, value: str) -> tuple[list[str], dict[str, str]]:
        """(argument list, environment) of a CMD in its JSON form."""
        variables = self._variables()
        arguments: list[str] = [self.moved(argument) for argument in json.loads(value)]
        program = shutil.which(arguments[0], path=variables["PATH"])
        assert program is not None, f"{arguments[0]} is not in the image"
        return [program, *arguments[1:]], variables


def base_commands(top: Path) -> Path:
    """A directory with what the base image has: ``python`` and ``pip``."""
    directory = top / "image-bin"
    if not directory.exists():
        directory.mkdir()
        base = getattr(sys, "_base_executable", sys.executable)
        for name, command in (("python", f"{base}"), ("pip", f"{sys.executable} -m pip")):
            script = directory / name
            script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            script.chmod(0o755)
    return directory
