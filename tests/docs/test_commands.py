"""Every command in the documents runs, and gives the answer that is printed below it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ..support.servers import gunicorn
from .documents import ANSWERS, COMMANDS, OTHERS, Block, Document, all_documents, parse
from .matching import differences, json_differences, text_differences
from .shell import ROOT, Shell

ALL = all_documents()
# The commands of docs/clients.md want the programs that they are about: tests/clients runs them.
WITH_COMMANDS = [document for document in ALL if document.runnable and document.name != "docs/clients.md"]


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=lambda document: document.name)
def test_every_command_gives_the_answer_that_is_shown(document: Document, tmp_path: Path) -> None:
    (tmp_path / ROOT).mkdir()
    ran = 0
    checked = 0
    with gunicorn(tmp_path / ROOT, workers=1) as server:
        shell = Shell(tmp_path, server.port)
        for step in document.runnable:
            printed = shell.run(step.command)
            ran += 1
            if step.answer is not None:
                compare = json_differences if step.answer.language == "json" else text_differences
                found = compare(shell.rewrite(step.answer.text), printed)
                assert not found, "\n".join([f"{step.answer.place} is not what {step.command.place} printed", *found])
                checked += 1
    # Counted apart from the parser, so that a block that it missed is a failure.
    fences = len(re.findall(r"^```(?:bash|python)$", document.raw, re.MULTILINE))
    assert ran == fences - len(re.findall(r"^<!-- not run: ", document.raw, re.MULTILINE))
    shown = len(re.findall(r"^```(?:json|text)$", document.raw, re.MULTILINE))
    assert checked == shown - len([block for block in _answers(document) if _is_unchecked(document, block)])


def _answers(document: Document) -> list[Block]:
    return [block for block in document.blocks if block.language in ANSWERS]


def _is_unchecked(document: Document, block: Block) -> bool:
    """Marked so, or below a command that is marked."""
    before = document.blocks[document.blocks.index(block) - 1] if document.blocks.index(block) else None
    return block.reason is not None or (before is not None and before.reason is not None)


def test_the_documents_that_teach_have_commands() -> None:
    expected = {"README.md", "docs/http.md", "docs/cli.md", "docs/design.md", "docs/errors.md", "docs/operations.md"}
    assert expected <= {document.name for document in WITH_COMMANDS}


@pytest.mark.parametrize("document", ALL, ids=lambda document: document.name)
def test_no_block_escapes(document: Document) -> None:
    """A block has a language that is known here; an answer follows its command, or says why it does not."""
    assert not re.search(r"^[ \t]+```", document.raw, re.MULTILINE), "an indented fence is not seen by the tests"
    for n, block in enumerate(document.blocks):
        assert block.language in (*COMMANDS, *ANSWERS, *OTHERS), f"{block.place} has the language {block.language!r}"
        if block.language in ANSWERS and block.reason is None:
            before = document.blocks[n - 1] if n else None
            follows = before is not None and before.language in COMMANDS and before.section == block.section
            assert follows, f"{block.place} follows no command, and has no <!-- not checked: why -->"
        if block.language == "json":
            json.loads(block.text)
    markers = len(re.findall(r"^<!-- not (?:run|checked): ", document.raw, re.MULTILINE))
    assert markers == len([block for block in document.blocks if block.reason]), "a marker stands before no block"


def test_a_wrong_answer_is_noticed() -> None:
    shown = {"ok": True, "digest": "sha256:…", "at": "2026-01-01T00:00:00.000000Z", "n": 1, "duration_s": 0.5}
    given = {"ok": True, "digest": "sha256:ab", "at": "2031-12-24T10:11:12.131415Z", "n": 1, "duration_s": 7.25}
    assert differences(shown, given) == []
    wrong: list[dict[str, object]] = [
        {"ok": 1},
        {"digest": "md5:ab"},
        {"at": "yesterday"},
        {"n": 2},
        {"duration_s": None},
        {"more": 1},
    ]
    for change in wrong:
        assert differences(shown, {**given, **change}), change
    assert differences({"a": [1]}, {"a": [1, 2]})
    assert differences({"a": 1}, {})
    assert text_differences("1 file …\n", "1 file found \n") == []
    assert text_differences("1 file\n", "2 file\n")
    assert text_differences("1 file\n", "1 file\nmore\n")


def test_a_block_that_is_not_run_needs_a_reason() -> None:
    raw = "# T\n\n<!-- not run: needs docker -->\n```bash\ndocker ps\n```\n\n```bash\necho 1\n```\n```text\n1\n```\n"
    document = parse("x.md", raw)
    assert [step.command.reason for step in document.steps] == ["needs docker", None]
    assert [step.command.text for step in document.runnable] == ["echo 1\n"]
    assert document.runnable[0].answer is not None
