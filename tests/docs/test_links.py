"""What the documents point to is there: other documents, their headings, files, tests, make targets."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from .documents import REPOSITORY, Document, all_documents, anchor, read

ALL = all_documents()
_PLACES = "app|benchmarks|deploy|docs|examples|registry_client|registry_core|tests"
_FILE = re.compile(rf"`((?:{_PLACES})/[\w./-]*)`")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@pytest.mark.parametrize("document", ALL, ids=lambda document: document.name)
def test_links_lead_somewhere(document: Document) -> None:
    here = (REPOSITORY / document.name).parent
    for link in document.links:
        if re.match(r"[a-z]+:", link):
            continue  # the web is not ours
        path, _, fragment = link.partition("#")
        target = (here / path).resolve() if path else REPOSITORY / document.name
        assert target.exists(), f"{document.name} links to {link}"
        if fragment:
            headings = read(str(target.relative_to(REPOSITORY))).headings
            assert fragment in [anchor(heading) for heading in headings], f"{document.name} links to {link}"


@pytest.mark.parametrize("document", ALL, ids=lambda document: document.name)
def test_files_that_are_named_exist(document: Document) -> None:
    for name in _FILE.findall(document.prose):
        assert (REPOSITORY / name).exists(), f"{document.name} names {name}"


def test_every_document_can_be_found_from_the_readme() -> None:
    seen = {"README.md"}
    new = ["README.md"]
    while new:
        name = new.pop()
        for link in read(name).links:
            path = link.partition("#")[0]
            if not path or re.match(r"[a-z]+:", path):
                continue
            target = ((REPOSITORY / name).parent / path).resolve()
            if target.is_dir() and (target / "README.md").exists():
                target /= "README.md"
            found = str(target.relative_to(REPOSITORY))
            if found.endswith(".md") and found not in seen:
                seen.add(found)
                new.append(found)
    assert {document.name for document in ALL} <= seen


def test_every_invariant_is_stated_and_names_tests_that_exist() -> None:
    table = read("docs/design.md").section("Invariants")
    rows = re.findall(r"^\| \*\*(I\d+)\*\* ([^|]+) \|([^|]+)\|([^|]+)\|$", table, re.MULTILINE)
    assert [row[0] for row in rows] == [*(f"I{n}" for n in range(1, 17))]
    for name, title, statement, proof in rows:
        assert "*must" in statement, f"{name} {title} does not say what must be"
        tests = _TEST.findall(proof)
        assert tests, f"{name} {title} is proven by nothing"
        for path, function in tests:
            assert function in _functions(REPOSITORY / path), f"{name} names {path}::{function}"


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    for document in ALL:
        for target in re.findall(r"(?:`|^)make (\w+)", document.raw, re.MULTILINE):
            assert target in targets, f"{document.name} names make {target}"


def test_the_worked_example_is_a_valid_chain_and_the_edited_one_is_not() -> None:
    from registry_core.format.chain import parse_line

    from ..core.journals import faults_of

    block = next(block for block in read("docs/design.md").blocks if "<<'END'" in block.text)
    text = block.text.partition("<<'END'\n")[2].partition("END\n")[0]
    lines = [line.encode() for line in text.splitlines()]
    assert len(lines) == 3
    assert faults_of(parse_line(n, line) for n, line in enumerate(lines, start=1)) == []
    edited = [lines[0].replace(b'"ada"', b'"eve"'), *lines[1:]]
    faults = faults_of(parse_line(n, line) for n, line in enumerate(edited, start=1))
    assert [seq for seq, _ in faults] == [2]
