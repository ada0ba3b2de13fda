"""sha256sums.txt: what is written is read back, and sha256sum agrees."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from registry_core import ArtifactsRefused, CoreSettings, ModelRegistry
from registry_core.format.manifest import Manifest, compare_brought, parse, render
from registry_core.storage.memory.root import MemoryStorage
from registry_core.vocabulary.artifact import Artifact
from registry_core.vocabulary.texts import digest, is_unicode

from ...support.machine import need
from ...support.packages import open_registry, write_files
from ..names_of_files import MANIFEST, segments

paths = st.lists(segments, min_size=1, max_size=3).map("/".join).filter(lambda path: path != MANIFEST)
sha256s = st.binary(min_size=32, max_size=32).map(bytes.hex)


@given(st.dictionaries(paths, sha256s, min_size=1))
def test_what_is_rendered_is_read_back(hashes: dict[str, str]) -> None:
    data = render([Artifact(path, sha256, 0) for path, sha256 in hashes.items()])
    assert parse(data) == Manifest(hashes, [])
    assert render([Artifact(path, sha256, 1) for path, sha256 in reversed(hashes.items())]) == data
    lines = data.decode().split("\n")
    assert lines.pop() == ""
    listed = [line[66:].removeprefix("./").encode() for line in lines]
    assert listed == sorted(listed)


@given(st.binary(max_size=300))
@example(b"\xff" * 70)
@example(b"0" * 64 + b"  ")
@example(b"0" * 64 + b"  a\n" + b"1" * 64 + b"  a\n")
def test_any_bytes_can_be_read_and_what_makes_no_sense_is_a_fault(data: bytes) -> None:
    manifest = parse(data)
    assert MANIFEST not in manifest.hashes
    meaningful = [line for line in data.decode("utf-8", "replace").split("\n") if line.strip()]
    assert len(manifest.hashes) + len(manifest.faults) <= len(meaningful)
    if not manifest.hashes and meaningful:
        assert manifest.faults or all(MANIFEST in line for line in meaningful)


def test_what_sha256sum_and_older_software_write_is_understood() -> None:
    one, two = "a1" * 32, "b2" * 32
    text = f"{one}  plain\n{two} *binary mode\n{one.upper()}  ./with/dot\r\n\n{two}  {MANIFEST}\n{one}  ./{MANIFEST}\n"
    assert parse(text.encode()) == Manifest({"plain": one, "binary mode": two, "with/dot": one})


ONE, TWO = "a1" * 32, "b2" * 32
ODD = [
    "",
    "\r",
    " ",
    "nonsense",
    f"{TWO} *binary mode",
    f"{TWO.upper()}  large",
    f"{TWO}  ./dot",
    f"{TWO}  ./-",
    f"{TWO}  end\r",
    f"{TWO}  in\rside",
    f"{TWO}  ",
    f"{TWO}  \r",
    f" {TWO}  blank before",
    f"{TWO}  two\u2028lines",
    f"{TWO}  {MANIFEST}",
    f"{TWO}  ./{MANIFEST}",
    f"{ONE}  plain",
    f"{TWO}  plain",
]


@pytest.mark.parametrize("end", ["\n", ""], ids=["whole", "cut"])
@pytest.mark.parametrize("covers_manifest", [False, True])
@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_a_line_says_the_same_alone_and_among_plain_ones(odd: str, covers_manifest: bool, end: str) -> None:
    plain = [f"{ONE}  plain", f"{ONE}  also plain"]

    def said(*lines: str) -> tuple[dict[str, str], int]:
        found = parse(("\n".join(lines) + end).encode(), covers_manifest=covers_manifest)
        return found.hashes, len(found.faults)

    alone, faults = said(odd)
    second = alone.get("plain", ONE) != ONE
    for lines in ([odd, *plain], [*plain, odd], [plain[0], odd, plain[1]]):
        first = alone if second and lines[0] == odd else {}
        assert said(*lines) == ({**alone, **dict.fromkeys(("plain", "also plain"), ONE), **first}, faults + second)


def test_a_second_digest_for_a_path_is_a_fault_and_a_repeat_is_not() -> None:
    one, two = "a1" * 32, "b2" * 32
    assert parse(f"{one}  a\n{one}  a\n".encode()).faults == []
    assert len(parse(f"{one}  a\n{two}  a\n".encode()).faults) == 1


def sha256sum_agrees(package: Path) -> None:
    need(Path("/usr/bin/sha256sum").exists(), "sha256sum (coreutils) is not installed")
    done = subprocess.run(
        ["sha256sum", "-c", "--strict", MANIFEST], cwd=package, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    listed = sum(1 for line in (package / MANIFEST).read_bytes().split(b"\n") if line)
    assert done.stdout.count(": OK\n") == listed == sum(1 for path in package.rglob("*") if path.is_file()) - 1


@given(names=st.lists(paths, min_size=1, max_size=12, unique=True))
@example(names=["model_meta.json", "metrics.json", ".lock"])
@example(names=["--strict", "-c", "*star", " space ", "a  b", "#hash", "%s", "\u00a0", "café", "cafe\u0301", "漢字/🧬"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_sha256sum_agrees_for_every_legal_name(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    top = tmp_path_factory.mktemp("names")
    # A name cannot be a file and a directory, and the disk takes 255 bytes.
    kept = [name for name in names if not any(other.startswith(name + "/") for other in names)]
    own = ("sha256sums.txt/", "model_meta.json/")  # files of the registry's, so no directory of a caller's
    kept = [name for name in kept if not name.startswith(own)]
    kept = [name for name in kept if max(len(part.encode()) for part in name.split("/")) < 256]
    (top / "root").mkdir()
    # What is called so is the package's own metadata, and is read.
    contents = {name: b"{}" if name == "model_meta.json" else name.encode() for name in kept}
    write_files(top / "source", contents)
    made = open_registry(top / "root").register("t", "m", "1", top / "source")
    sha256sum_agrees(Path(made.package_path))
    assert open_registry(top / "root").verify("t", "m@1").files_checked == len(kept) + 1 - ("model_meta.json" in kept)


def test_sha256sum_agrees_where_a_file_is_called_minus(tmp_path: Path) -> None:
    """To sha256sum a bare ``-`` is its standard input, so the name is written as ``./-`` or not taken at all."""
    (tmp_path / "root").mkdir()
    write_files(tmp_path / "source", {"-": b"minus", "deep/-": b"nested"})
    registry = open_registry(tmp_path / "root")
    try:
        made = registry.register("t", "m", "1", tmp_path / "source")
    except ArtifactsRefused:
        return
    sha256sum_agrees(Path(made.package_path))
    assert made.hashes.keys() == {"-", "deep/-", "model_meta.json"}
    assert registry.verify("t", "m@1").files_checked == 3


@pytest.mark.parametrize("character", ["\\", "\n", "\r", "\t", "\x7f", "\x85", "\u2028"], ids=ascii)
def test_names_that_a_manifest_cannot_hold_are_refused(tmp_path: Path, character: str) -> None:
    (tmp_path / "root").mkdir()
    write_files(tmp_path / "source", {"model.pt": b"w", f"a{character}b": b"x"})
    with pytest.raises(ArtifactsRefused):
        open_registry(tmp_path / "root").register("t", "m", "1", tmp_path / "source")
    assert list((tmp_path / "root").glob("tasks/*/models/*/versions/*")) == []


@given(st.dictionaries(paths, sha256s), st.dictionaries(paths, sha256s))
def test_a_brought_manifest_binds_the_files_it_lists_and_no_others(
    listed: dict[str, str], brought: dict[str, str]
) -> None:
    problems = compare_brought(Manifest(listed), brought)
    assert {problem.path: problem.kind for problem in problems} == {
        path: "changed" if path in brought else "missing"
        for path, sha256 in listed.items()
        if brought.get(path) != sha256
    }


def test_the_names_are_kept_in_memory_as_on_the_disk(tmp_path: Path) -> None:
    names = ["a/b c/-d", "*e", "é"]
    write_files(tmp_path / "source", {name: name.encode() for name in names})
    registry = ModelRegistry.open("memory://", storage=MemoryStorage(), settings=CoreSettings())
    made = registry.register("t", "m", "1", tmp_path / "source")
    assert made.hashes == {
        **{name: digest(name.encode()) for name in names},
        "model_meta.json": made.hashes["model_meta.json"],
    }
    assert all(is_unicode(name) for name in made.hashes)


def test_of_many_faults_no_more_are_counted_than_were_asked_for() -> None:
    nonsense = b"nonsense\n" * 100
    assert len(parse(nonsense).faults) == 100
    assert parse(nonsense, max_faults=3).faults == parse(nonsense).faults[:3]
