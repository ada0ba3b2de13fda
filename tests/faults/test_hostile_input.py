"""I8, I10: what a hostile or careless caller sends is refused by name, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    ArtifactsRefused,
    CoreSettings,
    DigestMismatch,
    IntegrityError,
    InvalidInput,
    InvalidMetadata,
    InvalidName,
    InvalidParameter,
    InvalidRef,
    ModelRegistry,
    NameTaken,
    RegistryError,
)

from ..support.machine import need
from ..support.packages import open_registry, write_package
from . import forks, injection, raw

TASK, MODEL = "celltype", "pbmc"


@dataclass
class Bench:
    """A registry with one version in it, a good package, and a directory for bad ones."""

    area: Path
    root: Path
    good: Path
    bad: Path
    settings: CoreSettings

    def open(self) -> ModelRegistry:
        return ModelRegistry.open(settings=self.settings)

    def register(self, version: str = "2", artifacts_dir: Any = None, **options: Any) -> Any:
        where = self.bad if artifacts_dir is None else artifacts_dir
        return self.open().register(TASK, MODEL, version, where, **options)

    def refused(self, error: type[RegistryError], register: Callable[[], Any]) -> RegistryError:
        """``register`` raises the error, stores nothing, holds no lock, and leaves the name 2 free."""
        before = raw.tree(self.root, times=True)
        with pytest.raises(error) as caught:
            register()
        assert isinstance(caught.value, InvalidInput | IntegrityError | NameTaken)
        json.dumps(caught.value.detail, ensure_ascii=False, allow_nan=False).encode()
        caught.value.message.encode()
        # Staging leaves its trace in the times of .staging/ only, which is no part of the registry.
        after = raw.tree(self.root, times=True)
        assert raw.staging(self.root) == []
        assert {**after, ".staging": None} == {**before, ".staging": None}
        assert self.register("2", self.good).version == "2"  # with a lock timeout of 0
        assert self.open().verify(TASK, f"{MODEL}@2").files_checked == 4
        assert self.open().check().findings == []
        return caught.value


@pytest.fixture
def bench(area: Path, root: Path, source: Path) -> Bench:
    open_registry(root).register(TASK, MODEL, "1", source)
    bad = write_package(area / "bad")
    return Bench(area, root, source, bad, CoreSettings(root=str(root), workers=2, lock_timeout_s=0))


def test_the_unchanged_bad_package_is_a_good_one(bench: Bench) -> None:
    assert bench.register().version == "2"


# file kinds


def link_to_file(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def link_to_a_file_inside(path: Path) -> None:
    path.symlink_to("model.pt")


def link_to_directory(path: Path) -> None:
    path.symlink_to("/etc")


def dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        # A socket's address is short, so it is bound where it is named briefly.
        here = Path.cwd()
        os.chdir(path.parent)
        try:
            listener.bind(path.name)
        finally:
            os.chdir(here)


def device(kind: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        need(os.geteuid() == 0, "making a device needs root")
        try:
            os.mknod(path, kind | 0o666, os.makedev(1, 3))
        except PermissionError as error:
            need(False, f"making a device needs CAP_MKNOD: {error}")

    return make


KINDS = {
    "link-to-file": link_to_file,
    "link-to-a-file-inside": link_to_a_file_inside,
    "link-to-directory": link_to_directory,
    "dangling-link": dangling_link,
    "link-to-itself": link_to_itself,
    "fifo": fifo,
    "socket": unix_socket,
    "character-device": device(stat.S_IFCHR),
    "block-device": device(stat.S_IFBLK),
}


@pytest.mark.parametrize("name", ["thing", "deep/er/thing", "model_meta.json", "sha256sums.txt"])
@pytest.mark.parametrize("kind", KINDS)
def test_anything_but_a_regular_file(bench: Bench, kind: str, name: str) -> None:
    (bench.bad / name).unlink(missing_ok=True)
    KINDS[kind](bench.bad / name)
    error = bench.refused(ArtifactsRefused, bench.register)
    assert [problem["path"] for problem in error.detail["problems"]] == [name]


@pytest.mark.parametrize("name", ["model_meta.json", "sha256sums.txt"])
@pytest.mark.parametrize("filled", [True, False])
def test_a_directory_where_the_registry_writes_its_own_file(bench: Bench, name: str, filled: bool) -> None:
    (bench.bad / name).unlink(missing_ok=True)
    (bench.bad / name).mkdir()
    if filled:
        (bench.bad / name / "inner").touch()
        bench.refused(ArtifactsRefused, bench.register)
    else:
        assert bench.register().version == "2"  # an empty directory is no file of the package


def test_every_bad_file_is_named_at_once(bench: Bench) -> None:
    for n in range(30):
        (bench.bad / f"link-{n:02}").symlink_to("model.pt")
    error = bench.refused(ArtifactsRefused, bench.register)
    assert len(error.detail["problems"]) == 20
    assert "29 more" in error.message


# names of files


@pytest.mark.parametrize(
    "name",
    [
        b"new\nline",
        b"carriage\rreturn",
        b"tab\t",
        b"escape\x1b[31m",
        b"delete\x7f",
        b"next-line\xc2\x85",
        b"line-separator\xe2\x80\xa8",
        b"back\\slash",
        b"latin-1 caf\xe9",
        b"overlong\xc0\xaf",
        b"surrogate\xed\xa0\x80",
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["file", "directory"])
def test_a_file_name_that_no_manifest_can_hold(bench: Bench, name: bytes, kind: str) -> None:
    path = Path(os.fsdecode(os.fsencode(bench.bad) + b"/" + name))
    if kind == "directory":
        path.mkdir()
        (path / "inner").write_bytes(b"x")
    else:
        path.write_bytes(b"x")
    bench.refused(ArtifactsRefused, bench.register)


def test_directories_too_deep(bench: Bench) -> None:
    (bench.bad / "/".join("d" * 70)).mkdir(parents=True)
    bench.refused(ArtifactsRefused, bench.register)


def test_names_that_a_careless_parser_would_trip_over(bench: Bench) -> None:
    """Legal all the same: spaces, quotes, stars, dashes, dots, and more than ASCII."""
    for name in [
        " lead",
        "trail ",
        "*star",
        "-rf",
        "...",
        "a  b",
        "'",
        '"',
        "$(x)",
        "höher",
        "細胞",
        "🧬",
        "sha256sums",
    ]:
        (bench.bad / name).write_text(name)
    made = Path(bench.register().package_path)
    raw.assert_whole(made)
    bench.open().verify(TASK, f"{MODEL}@2")


# where artifacts_dir may lie

WHERE: dict[str, Callable[[Bench], Any]] = {
    "the root": lambda b: b.root,
    "the root with a slash": lambda b: f"{b.root}/",
    "the root by a detour": lambda b: f"{b.root}/tasks/../.",
    "inside: a package": lambda b: b.root / "tasks" / TASK / "models" / MODEL / "versions" / "1",
    "inside: staging": lambda b: b.root / ".staging",
    "around": lambda b: b.area,
    "far around": lambda b: "/",
    "relative": lambda b: os.path.relpath(b.bad),
    "relative dot": lambda b: ".",
    "empty": lambda b: "",
    "missing": lambda b: b.area / "nowhere",
    "below a file": lambda b: b.bad / "model.pt" / "x",
    "a file": lambda b: b.bad / "model.pt",
    "with NUL": lambda b: f"{b.bad}\0",
    "a lone surrogate": lambda b: f"{b.bad}\udc80",
    "too long": lambda b: "/" + "x" * 5000,
    "a device": lambda b: "/dev/null",
}


@pytest.mark.parametrize("where", WHERE)
def test_an_artifacts_dir_in_the_wrong_place(bench: Bench, where: str) -> None:
    bench.refused(ArtifactsRefused, lambda: bench.register(artifacts_dir=WHERE[where](bench)))


@pytest.mark.parametrize("where", ["the root", "inside: a package", "around"])
def test_a_symlink_to_the_wrong_place(bench: Bench, where: str) -> None:
    outside = bench.area.parent / f"{bench.area.name}-link"
    outside.symlink_to(WHERE[where](bench))
    try:
        bench.refused(ArtifactsRefused, lambda: bench.register(artifacts_dir=outside))
    finally:
        outside.unlink()


def test_a_root_that_is_named_through_a_symlink(bench: Bench) -> None:
    """However the root was named when it was configured, the directory behind it is out of bounds."""
    (bench.area / "alias-of-root").symlink_to(bench.root)
    settings = CoreSettings(root=str(bench.area / "alias-of-root"), lock_timeout_s=0)
    inside = bench.root / "tasks" / TASK / "models" / MODEL / "versions" / "1"
    bench.refused(ArtifactsRefused, lambda: ModelRegistry.open(settings=settings).register(TASK, MODEL, "2", inside))


def test_a_link_to_a_good_directory_is_followed(bench: Bench) -> None:
    """The last run of a training job is often a link; what counts is where it leads."""
    (bench.area / "latest-run").symlink_to(bench.bad)
    assert bench.register(artifacts_dir=bench.area / "latest-run").version == "2"


def test_an_empty_directory(bench: Bench) -> None:
    (bench.area / "nothing" / "nested").mkdir(parents=True)
    bench.refused(ArtifactsRefused, lambda: bench.register(artifacts_dir=bench.area / "nothing"))


def test_a_directory_with_a_manifest_only(bench: Bench) -> None:
    (bench.area / "bare").mkdir()
    (bench.area / "bare" / "sha256sums.txt").touch()
    bench.refused(ArtifactsRefused, lambda: bench.register(artifacts_dir=bench.area / "bare"))


OUTSIDE: dict[str, Callable[[Bench, Path], Any]] = {
    "elsewhere": lambda b, allowed: b.bad,
    "above": lambda b, allowed: b.area,
    "prefix trick": lambda b, allowed: write_package(b.area / "allowed-evil"),
    "dot dot": lambda b, allowed: f"{allowed}/../bad",
    "link inside leading out": lambda b, allowed: link(allowed / "run", b.bad),
    "link in the middle leading out": lambda b, allowed: link(allowed / "runs", b.area) / "bad",
}


def link(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    return path


@pytest.mark.parametrize("where", OUTSIDE)
def test_outside_the_allowed_roots(bench: Bench, where: str) -> None:
    allowed = bench.area / "allowed"
    allowed.mkdir()
    bad = OUTSIDE[where](bench, allowed)
    settings = CoreSettings(root=str(bench.root), artifacts_allowed_roots=(str(allowed),), lock_timeout_s=0)
    strict = ModelRegistry.open(settings=settings)
    bench.refused(ArtifactsRefused, lambda: strict.register(TASK, MODEL, "2", bad))
    within = write_package(allowed / "run_17")
    assert strict.register(TASK, MODEL, "3", within).version == "3"
    (bench.area / "to-allowed").symlink_to(allowed)
    assert strict.register(TASK, MODEL, "4", bench.area / "to-allowed" / "run_17").version == "4"


# what cannot be read


@pytest.mark.parametrize("name", ["model.pt", "model_meta.json", "sha256sums.txt", "deep", "deep/er", "."])
def test_unreadable_for_the_registrys_user(bench: Bench, name: str) -> None:
    if os.geteuid() == 0:
        for path in [bench.root, *bench.root.rglob("*")]:
            os.chown(path, forks.ORDINARY_USER, forks.ORDINARY_USER)
    (bench.bad / "sha256sums.txt").touch()
    # Root owns the file where root runs the tests; where not, its owner has no right either.
    (bench.bad / name).chmod(0)
    try:
        outcome = forks.run_as_ordinary_user(lambda: bench.refused(ArtifactsRefused, bench.register))
    finally:
        (bench.bad / name).chmod(0o755)
    outcome.get()


# names

BAD_NAMES = {
    "empty": "",
    "space": " ",
    "trailing newline": "1.0\n",
    "leading newline": "\n1.0",
    "trailing slash": "1.0/",
    "slash": "a/b",
    "absolute": "/etc",
    "dot": ".",
    "dot dot": "..",
    "climbing": "../../x",
    "dots inside": "1..0",
    "leading dot": ".hidden",
    "trailing dot": "v1.",
    "leading dash": "-rf",
    "trailing underscore": "v1_",
    "double dash": "a--b",
    "git": "model.git",
    "97 characters": "a" * 97,
    "huge": "a" * 100_000,
    "unicode letter": "höher",
    "arabic digit": "١",
    "full width": "１",
    "emoji": "🧬",
    "right to left": "a\u202eb",
    "lone surrogate": "a\udc80",
    "NUL": "a\0b",
    "backslash": "a\\b",
    "colon": "a:b",
    "at": "a@b",
    "percent": "a%2fb",
    "glob": "*",
    "no text": 1,
    "none": None,
    "a list": ["a"],
}


@pytest.mark.parametrize("part", ["task", "model_name", "version", "set_alias"])
@pytest.mark.parametrize("case", BAD_NAMES)
def test_a_bad_name(bench: Bench, part: str, case: str) -> None:
    names: dict[str, Any] = {"task": TASK, "model_name": MODEL, "version": "2", "set_alias": "latest"}
    names[part] = BAD_NAMES[case]
    if part == "set_alias" and case == "none":
        assert bench.register("2", bench.good, set_alias=None).alias_set is None
        return
    bench.refused(InvalidName, lambda: bench.open().register(artifacts_dir=bench.good, **names))


@pytest.mark.parametrize("name", ["0123456789abcdef" * 2 + "01234567", "0123456789ABCDEF" * 2 + "01234567"])
def test_a_version_or_alias_that_looks_like_a_commit(bench: Bench, name: str) -> None:
    bench.refused(InvalidName, lambda: bench.register(name, bench.good))
    with pytest.raises(InvalidName):
        bench.register("3", bench.good, set_alias=name)
    with pytest.raises(InvalidName):
        bench.open().promote(TASK, MODEL, name, "1")
    assert bench.open().register(name, name, "1", bench.good).task == name  # a task or a model may


@pytest.mark.parametrize("case", BAD_NAMES)
def test_a_bad_name_in_every_other_verb(bench: Bench, case: str) -> None:
    name, registry, before = BAD_NAMES[case], bench.open(), raw.tree(bench.root, times=True)
    calls: list[Callable[[], Any]] = [
        lambda: registry.promote(TASK, MODEL, name, "1"),
        lambda: registry.promote(TASK, MODEL, "production", name),
        lambda: registry.promote(name, MODEL, "production", "1"),
        lambda: registry.promote(TASK, name, "production", "1"),
        lambda: registry.list_aliases(TASK, name),
        lambda: registry.history(name, MODEL),
        lambda: registry.resolve(name, f"{MODEL}@1"),
    ]
    if isinstance(name, str):
        if "@" not in name:  # a ref is split at the first one
            calls += [lambda: registry.resolve(TASK, f"{name}@1"), lambda: registry.artifacts(TASK, name)]
        calls += [
            lambda: registry.show(TASK, f"{MODEL}@{name}"),
            lambda: registry.verify(TASK, f"{MODEL}@{name}"),
        ]
    for call in calls:
        with pytest.raises((InvalidName, InvalidRef)) as caught:
            call()
        caught.value.message.encode()
        json.dumps(caught.value.detail, ensure_ascii=False).encode()
    assert raw.tree(bench.root, times=True) == before


def test_one_name_for_a_version_and_an_alias(bench: Bench) -> None:
    bench.refused(InvalidName, lambda: bench.register("latest", bench.good))
    for refused in (
        lambda: bench.register("3", bench.good, set_alias="3"),
        lambda: bench.register("3", bench.good, set_alias="1"),
        lambda: bench.open().promote(TASK, MODEL, "2", "1"),
    ):
        with pytest.raises(NameTaken):
            refused()


# words and metadata


def nested(depth: int, inner: Any = None) -> Any:
    for _ in range(depth):
        inner = {"a": inner}
    return inner


BAD_METADATA: dict[str, Any] = {
    "not an object": ["a"],
    "a text": "{}",
    "NaN": {"auc": float("nan")},
    "NaN nested": {"metrics": {"folds": [0.9, [float("nan")]]}},
    "Infinity": {"loss": float("inf")},
    "minus Infinity": {"loss": float("-inf")},
    "lone surrogate": {"note": "a\ud800b"},
    "lone surrogate in a key": {"a\udfff": 1},
    "65 deep": nested(65),
    "100,000 deep": nested(100_000),
    "100,000 deep in a list": {"a": json.loads("[" * 900 + "]" * 900)},
    "over 1 MiB": {"note": "x" * (1024 * 1024)},
    "over 1 MiB as UTF-8": {"note": "ä" * (600 * 1024)},
    "over 1 MiB of keys": {f"key {n}": n for n in range(70_000)},
    "a key that is no text": {1: "a"},
    "bytes": {"a": b"bytes"},
    "a set": {"a": {1}},
    "too long an integer": {"a": 10**5000},
    "lineage is a list": {"lineage": ["run"]},
    "lineage is a text": {"lineage": "run 17"},
    "lineage is false": {"lineage": False},
}


@pytest.mark.parametrize("case", BAD_METADATA)
def test_bad_metadata(bench: Bench, case: str) -> None:
    bench.refused(InvalidMetadata, lambda: bench.register(metadata=BAD_METADATA[case]))


@pytest.mark.parametrize(
    "metadata",
    [
        nested(64, inner=1),
        {"note": "x" * (1024 * 1024 - 300)},
        {"metrics": {"curve": "x" * (700 * 1024)}},
        {"metrics": nested(63, inner=1)},
        {"": "an empty key", "emoji": "🧬", "nul": "a\0b", "big": 10**300, "negative zero": -0.0},
        {"task": "other", "version": "9", "created_at": "never"},
        {"lineage": None},
        {"lineage": {"git": "abc"}},
    ],
    ids=[
        "64 deep",
        "almost 1 MiB",
        "large metrics, which lineage repeats",
        "deep metrics, which lineage repeats",
        "odd but valid",
        "names that are the registry's own",
        "lineage null",
        "lineage with a key of its own",
    ],
)
def test_metadata_within_the_limits_is_kept(bench: Bench, metadata: dict[str, Any]) -> None:
    bench.register(metadata=metadata)
    meta = bench.open().show(TASK, f"{MODEL}@2").meta
    own = {"task", "model_name", "version", "created_at", "lineage"}
    assert {key: meta[key] for key in metadata if key not in own} == {k: v for k, v in metadata.items() if k not in own}
    assert (meta["task"], meta["version"]) == (TASK, "2")


BAD_META_FILES: dict[str, bytes] = {
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "a text": b'"x"',
    "not JSON": b"{",
    "empty": b"",
    "NaN": b'{"auc": NaN}',
    "Infinity": b'{"auc": -Infinity}',
    "not UTF-8": b'{"a": "\xff"}',
    "a lone surrogate": b'{"a": "\\ud800"}',
    "65 deep": json.dumps(nested(65)).encode(),
    "100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "100,000 deep lists": b"[" * 100_000 + b"]" * 100_000,
    "over 1 MiB": b'{"a": "' + b"x" * (1024 * 1024) + b'"}',
    "too long an integer": b'{"a": ' + b"9" * 5000 + b"}",
    "a float that overflows": b'{"a": 1e999}',
    "lineage is no object": b'{"lineage": []}',
}


@pytest.mark.parametrize("case", BAD_META_FILES)
def test_a_bad_model_meta_in_the_package(bench: Bench, case: str) -> None:
    (bench.bad / "model_meta.json").write_bytes(BAD_META_FILES[case])
    bench.refused(InvalidMetadata, bench.register)


@pytest.mark.parametrize(
    "words",
    [
        {"actor": "a\ud800"},
        {"reason": "a\udfff"},
        {"actor": "x" * 257},
        {"reason": "x" * 4097},
        {"actor": 1},
        {"reason": ["because"]},
        {"idempotency_key": ""},
        {"idempotency_key": "x" * 256},
        {"idempotency_key": "new\nline"},
        {"idempotency_key": "schlüssel"},
        {"idempotency_key": 17},
    ],
    ids=lambda words: f"{next(iter(words))} {str(next(iter(words.values())))[:8]!a}",
)
def test_words_that_the_journal_cannot_hold(bench: Bench, words: dict[str, Any]) -> None:
    bench.refused(InvalidParameter, lambda: bench.register(artifacts_dir=bench.good, **words))


def test_words_with_newlines_stay_one_line_of_the_journal(bench: Bench) -> None:
    bench.register(reason='one\ntwo\r\n\u2028three "quoted" {"seq": 99}\0', actor="a\nb")
    events = raw.events(bench.root / "tasks" / TASK / "models" / MODEL)
    assert [event["seq"] for event in events] == [1, 2]
    assert events[1]["reason"].startswith("one\ntwo")


# a manifest that the package brings


def brought(bench: Bench, *lines: str) -> None:
    (bench.bad / "sha256sums.txt").write_text("".join(f"{line}\n" for line in lines))


def line_of(bench: Bench, name: str) -> str:
    return f"{raw.tree(bench.bad)[name][1]}  {name}"


def test_a_brought_manifest_that_names_other_bytes(bench: Bench) -> None:
    brought(bench, line_of(bench, "empty"), "0" * 64 + "  model.pt", "1" * 64 + "  not there", "2" * 64 + "  ../up")
    error = bench.refused(DigestMismatch, bench.register)
    found = {problem["path"]: problem["kind"] for problem in error.detail["problems"]}
    assert found == {"model.pt": "changed", "not there": "missing", "../up": "missing"}


@pytest.mark.parametrize("line", ["no manifest", "\0\0\0", "0" * 63 + "  model.pt", "0" * 64 + " model.pt"])
def test_a_brought_manifest_that_is_none(bench: Bench, line: str) -> None:
    brought(bench, line_of(bench, "model.pt"), line)
    error = bench.refused(DigestMismatch, bench.register)
    assert [(problem["path"], problem["kind"]) for problem in error.detail["problems"]] == [
        ("sha256sums.txt", "manifest")
    ]


def test_a_brought_manifest_of_noise(bench: Bench) -> None:
    (bench.bad / "sha256sums.txt").write_bytes(os.urandom(100_000))
    bench.refused(DigestMismatch, bench.register)


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\n"])
def test_an_empty_brought_manifest_is_ignored(bench: Bench, data: bytes) -> None:
    (bench.bad / "sha256sums.txt").write_bytes(data)
    made = Path(bench.register().package_path)
    raw.assert_whole(made)


def test_a_true_brought_manifest_is_taken_and_written_anew(bench: Bench) -> None:
    """As ``sha256sum`` writes it: with its own line, in binary mode, and with the metadata as they were brought."""
    brought(
        bench,
        line_of(bench, "model.pt").replace("  ", " *"),
        line_of(bench, "deep/er/label map.json").replace("  ", "  ./"),
        line_of(bench, "model_meta.json"),
        "0" * 64 + "  sha256sums.txt",
    )
    raw.assert_whole(Path(bench.register().package_path))


# files that do not keep still


MANY_BYTES = 64 * 1024


def meddled(work: Callable[[], Any], meddle: Callable[[], None], on: str, path: Path | None = None) -> Any:
    """The work, meddled with once, when its first call of that name (on that path) is under way. Run it in a child.

    A write counts if it has many bytes: small files are copied by another thread at the same time.
    """
    done = False

    def hook(name: str, real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal done
        is_meant = (path is None or args[0] == str(path)) and (name != "file.write" or len(args[0]) > MANY_BYTES)
        if name == on and not done and is_meant:
            done = True
            meddle()
        return real(*args, **kwargs)

    injection.install(hook, looking=True)
    result = work()
    assert done, "nothing was meddled with"
    return result


def grows(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrinks(path: Path) -> None:
    os.truncate(path, 10)


def is_rewritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"XXXX")


def is_replaced(path: Path) -> None:
    aside = path.parent.parent / "aside"
    aside.write_bytes(path.read_bytes())
    aside.replace(path)


def becomes_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def becomes_a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def vanishes(path: Path) -> None:
    path.unlink()


# While it is read, only what happens to the open file can matter; before that, also what its name leads to.
MEDDLING = [
    *[("FilesystemPackages.stage", change) for change in (grows, shrinks, is_rewritten, is_replaced)],
    *[("FilesystemPackages.stage", change) for change in (becomes_a_link, becomes_a_fifo, vanishes)],
    *[("file.write", change) for change in (grows, shrinks, is_rewritten)],
]


@pytest.mark.parametrize(("on", "change"), MEDDLING)
@pytest.mark.parametrize("size_bytes", [600_000, 9_000_000], ids=["small", "hashed by a thread"])
def test_a_file_that_changes_after_it_was_planned(
    bench: Bench, on: str, change: Callable[[Path], None], size_bytes: int
) -> None:
    """Between plan and copy, or while it is copied: after its first chunk went over."""
    target = bench.bad / "model.pt"
    target.write_bytes(bytes(size_bytes))
    settled = target.stat().st_mtime_ns - 1_000_000_000
    os.utime(target, ns=(settled, settled))

    def register() -> Any:
        return forks.run(lambda: meddled(bench.register, lambda: change(target), on)).get()

    error = bench.refused(ArtifactsRefused, register)
    assert "model.pt" in error.message


@pytest.mark.parametrize("name", ["model_meta.json", "sha256sums.txt"])
@pytest.mark.parametrize("change", [is_replaced, becomes_a_link, becomes_a_fifo, vanishes])
def test_the_packages_own_documents_change_after_the_plan(
    bench: Bench, name: str, change: Callable[[Path], None]
) -> None:
    brought(bench, line_of(bench, "model.pt"))
    path = bench.bad / name

    def register() -> Any:
        return forks.run(lambda: meddled(bench.register, lambda: change(path), "open", path)).get()

    bench.refused(ArtifactsRefused, register)


def test_source_files_that_are_deleted_after_the_registration_do_not_matter(bench: Bench) -> None:
    bench.register()
    for path in sorted(bench.bad.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert bench.open().verify(TASK, f"{MODEL}@2").files_checked == 4


# directories that are swapped under the walk

SWAPS = {
    "artifacts_dir, before the walk": ("walk", "."),
    "artifacts_dir, before the copy": ("FilesystemPackages.stage", "."),
    "its parent, before the walk": ("walk", ".."),
    "its parent, before the copy": ("FilesystemPackages.stage", ".."),
    "a directory in it, before the copy": ("FilesystemPackages.stage", "deep"),
}


def secrets(bench: Bench, like: Path) -> Path:
    """A directory outside the allowed root with the same names in it, and other bytes."""
    made = bench.area / "secrets"
    (made / like.name).mkdir(parents=True)
    for top in (made, made / like.name):
        write_package(top)
        (top / "model.pt").write_bytes(b"secret")
        (top / "er").mkdir()
        (top / "er" / "label map.json").write_bytes(b"secret")
    return made


def swap(path: Path, target: Path) -> None:
    path.rename(path.with_name(path.name + ".aside"))
    path.symlink_to(target)


@pytest.mark.parametrize("case", SWAPS)
def test_a_directory_is_swapped_for_a_link_that_leads_out(bench: Bench, case: str) -> None:
    """No byte from outside the allowed root is taken in, whenever the swap comes."""
    on, which = SWAPS[case]
    allowed = bench.area / "allowed"
    run = write_package(allowed / "job" / "run")
    outside = secrets(bench, run)
    settings = CoreSettings(root=str(bench.root), artifacts_allowed_roots=(str(allowed),), lock_timeout_s=0, workers=1)
    target = {".": run, "..": run.parent, "deep": run / "deep"}[which]

    def register() -> Any:
        strict = ModelRegistry.open(settings=settings)
        call = lambda: strict.register(TASK, MODEL, "2", run)  # noqa: E731
        if on == "walk":
            return forks.run(lambda: meddled_in_the_walk(call, lambda: swap(target, outside), target)).get()
        return forks.run(lambda: meddled(call, lambda: swap(target, outside), on)).get()

    bench.refused(ArtifactsRefused, register)


def meddled_in_the_walk(work: Callable[[], Any], meddle: Callable[[], None], first: Path) -> Any:
    """Meddled with just before the directory ``first`` is opened, which is after its place was checked."""
    real, done = os.open, False

    def opening(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        nonlocal done
        above = "/" if dir_fd is None else os.readlink(f"/proc/self/fd/{dir_fd}")
        if not done and Path(above, path) == first:
            done = True
            meddle()
        return real(path, flags, mode, dir_fd=dir_fd)

    os.open = opening
    result = work()
    assert done
    return result


@pytest.mark.parametrize("inner", ["deep", "deep/er"])
def test_an_inner_directory_is_swapped_for_a_link_just_before_it_is_opened(bench: Bench, inner: str) -> None:
    """The walk looked at it, and saw a directory; when it goes in, it is a link that leads out."""
    allowed = bench.area / "allowed"
    run = write_package(allowed / "run")
    outside = bench.area / "secrets"
    (outside / "er").mkdir(parents=True)
    (outside / "key").write_bytes(b"secret")
    (outside / "er" / "key").write_bytes(b"secret")
    settings = CoreSettings(root=str(bench.root), artifacts_allowed_roots=(str(allowed),), lock_timeout_s=0)

    def register() -> Any:
        strict = ModelRegistry.open(settings=settings)
        call = lambda: strict.register(TASK, MODEL, "2", run)  # noqa: E731
        return forks.run(lambda: meddled_in_the_walk(call, lambda: swap(run / inner, outside), run / inner)).get()

    bench.refused(ArtifactsRefused, register)


@pytest.mark.parametrize("inner", ["", "tasks/celltype/models/pbmc/versions/1"], ids=["around", "inside"])
def test_the_registry_under_the_name_of_another_mount(bench: Bench, inner: str) -> None:
    """Containers see one directory at two places; the same directory is the registry under each of its names."""
    need(os.geteuid() == 0, "mounting a directory twice needs root; run the tests as root in a container of their own")
    second = bench.area / "shared" / "registry"
    second.mkdir(parents=True)
    done = subprocess.run(["mount", "--bind", str(bench.root), str(second)], capture_output=True, text=True)
    need(done.returncode == 0, f"mounting a directory twice needs CAP_SYS_ADMIN: {done.stderr.strip()}")
    try:
        where = second / inner if inner else bench.area / "shared"
        error = bench.refused(ArtifactsRefused, lambda: bench.register(artifacts_dir=where))
        assert "inside or around" in error.message
    finally:
        subprocess.run(["umount", str(second)], check=True)


def test_the_callers_own_exception_passes_unchanged(bench: Bench) -> None:
    """An exception of the caller's own progress callback passes unchanged, and the name stays free."""

    class Stopped(Exception):
        pass

    def stop(progress: Any) -> None:
        if progress.bytes_done:
            raise Stopped

    before = raw.tree(bench.root)
    with pytest.raises(Stopped):
        bench.register(progress=stop)
    assert raw.tree(bench.root) == before
    assert bench.register().version == "2"
