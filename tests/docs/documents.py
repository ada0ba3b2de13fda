"""The documents of the repository as data: headings, links, and blocks of code with the answers below them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

COMMANDS = ("bash", "python")
ANSWERS = ("json", "text")
OTHERS = ("ini",)  # files to be written, not commands

_FENCE = re.compile(r"```(\S*)\s*")
_MARKER = re.compile(r"<!-- (not run|not checked): (.+) -->")
_HEADING = re.compile(r"(#{1,6}) (.+)")
_LINK = re.compile(r"\]\(([^()\s]+)\)")


@dataclass(frozen=True)
class Block:
    """One fenced block. ``reason`` says why it is not run, or not checked; None: it is."""

    document: str
    line: int
    section: str
    language: str
    text: str
    reason: str | None

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Step:
    """A command of a document, and the answer that the document shows below it."""

    command: Block
    answer: Block | None


@dataclass(frozen=True)
class Document:
    """One Markdown file. ``prose`` is its text without the fenced blocks."""

    name: str
    raw: str
    prose: str
    headings: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    @property
    def steps(self) -> list[Step]:
        """Every command in order, with the answer block that follows it directly, if one does."""
        found = []
        for block, following in zip_longest(self.blocks, self.blocks[1:]):
            if block.language in COMMANDS:
                is_answer = following is not None and following.language in ANSWERS and following.reason is None
                found.append(Step(block, following if is_answer else None))
        return found

    @property
    def runnable(self) -> list[Step]:
        return [step for step in self.steps if step.command.reason is None]

    def section(self, heading: str) -> str:
        """The text under a heading, up to the next heading of its level or a higher one."""
        lines = self.raw.splitlines()
        begin = next(n for n, line in enumerate(lines) if _heading(line) == heading)
        level = len(lines[begin]) - len(lines[begin].lstrip("#"))
        end = begin + 1
        fenced = False
        while end < len(lines):
            fenced ^= lines[end].startswith("```")
            if not fenced and (match := _HEADING.fullmatch(lines[end])) and len(match[1]) <= level:
                break
            end += 1
        return "\n".join(lines[begin + 1 : end])


def _heading(line: str) -> str | None:
    match = _HEADING.fullmatch(line)
    return match[2].strip() if match else None


def parse(name: str, raw: str) -> Document:
    """The document. Fails on a fence that is never closed."""
    prose: list[str] = []
    headings: list[str] = []
    blocks: list[Block] = []
    fence: tuple[int, str, list[str]] | None = None
    reason: str | None = None
    for number, line in enumerate(raw.splitlines(), start=1):
        opening = _FENCE.fullmatch(line)
        if fence is not None:
            if line.rstrip() != "```":
                fence[2].append(line)
                continue
            text = "\n".join(fence[2]) + "\n"
            blocks.append(Block(name, fence[0], headings[-1] if headings else "", fence[1], text, reason))
            fence, reason = None, None
        elif opening:
            fence = (number, opening[1], [])
        else:
            marker = _MARKER.fullmatch(line.strip())
            if marker:
                reason = marker[2]
            elif line.strip():
                reason = None
            if (heading := _heading(line)) is not None:
                headings.append(heading)
            prose.append(line)
    assert fence is None, f"{name}:{fence and fence[0]} is a fence that is never closed"
    return Document(name, raw, "\n".join(prose), tuple(headings), tuple(blocks))


def read(name: str) -> Document:
    return parse(name, (REPOSITORY / name).read_text(encoding="utf-8"))


def all_documents() -> list[Document]:
    """Every document, sorted by name."""
    top = [
        REPOSITORY / name
        for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "deploy/README.md")
    ]
    paths = [*top, *(REPOSITORY / "docs").rglob("*.md")]
    return [read(str(path.relative_to(REPOSITORY))) for path in sorted(paths)]


def anchor(heading: str) -> str:
    """What a link to the heading ends in, as GitHub makes it."""
    text = re.sub(r"[^\w\- ]", "", heading.lower())
    return text.replace(" ", "-")
