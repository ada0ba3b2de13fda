"""The table of mutants, and whether each of them still says something about the product."""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

HERE = Path(__file__).resolve().parent
PRODUCT = Path("registry_core")


@dataclass(frozen=True)
class Mutant:
    """``module``: the path below ``registry_core``; ``old``: a text that stands in it once."""

    breaks: str
    module: Path
    old: str
    new: str

    @property
    def title(self) -> str:
        return f"{self.module}: {self.breaks}"

    @property
    def own_tests(self) -> Path:
        """Where the tests of the module stand, if it has any."""
        return Path("tests/core") / self.module.parent / f"test_{self.module.name}"

    def applied(self, source: str) -> str:
        """The module with the mistake in it. Raises ``ValueError`` saying why it no longer applies."""
        count = source.count(self.old)
        if count != 1:
            raise ValueError(f"its text stands there {count} times, and must once")
        mutated = source.replace(self.old, self.new)
        try:
            ast.parse(mutated)
        except SyntaxError as error:
            raise ValueError(f"it makes no Python: {error.msg}, line {error.lineno}") from None
        return mutated

    def diff(self, source: str) -> str:
        name = str(PRODUCT / self.module)
        lines = unified_diff(source.splitlines(), self.applied(source).splitlines(), name, name, lineterm="", n=1)
        return "\n".join(lines)


def read(top: Path = HERE) -> list[Mutant]:
    """Every mutant, by module."""
    found = []
    for file in sorted(top.rglob("*.toml")):
        module = file.relative_to(top).with_suffix(".py")
        with file.open("rb") as opened:
            for breaks, fields in tomllib.load(opened).items():
                found.append(Mutant(breaks, module, fields["old"], fields["new"]))
    return found


def stale(mutants: list[Mutant], repository: Path) -> list[str]:
    """Why which mutants no longer apply."""
    found = []
    for mutant in mutants:
        try:
            mutant.applied((repository / PRODUCT / mutant.module).read_text())
        except (OSError, ValueError) as error:
            found.append(f"{mutant.title}: {error}")
    return found
