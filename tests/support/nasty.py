"""Tables of the worst that a registry may meet, and a registry made of all of it: names, numbers, bytes, older files.

Names come in three kinds, by the door that lets them in: new ones follow the grammar; kept ones are those that older
software's directory has already; refused ones can name nothing. A registry made here is left in a state that only a
hostile disk could make, so of its answers only the form is known: strict JSON, or a typed problem.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from registry_core import ModelRegistry

from .old_registry import OldRegistry, package_files, write_every_case
from .packages import open_registry, write_files

NEW_NAMES = (
    "a",
    "0",
    "Twin",
    "twin",
    "TWIN",
    "1.0.0",
    "1.10.0",
    "9" * 96,
    "a-b_c.d",
    "null",
    "true",
    "NaN",
    "Infinity",
    "1e999",
    "none",
    "versions",
    "aliases",
    "model_meta.json",
    "sha256sums.txt",
    "x.json",
    "CON",
    "git",
    "e3b0c44298fc1c14",
)
KEPT_NAMES = (
    "latest",  # as a version, where none but an alias may be called so now
    "main",
    "größe",
    "gro\u0308ße",
    "模型",
    "نموذج",
    "a\u202eb",  # from here on right to left
    "\u2067a",
    "a\u200bb",
    "\ufeffa",
    "\u0301",
    "\ue000",
    "\U0010ffff",
    "🧬",
    "👩‍🔬",
    "human pbmc",
    " a",
    "a ",
    "%",
    "100%",
    "%2e%2e",
    "%2F",
    "%00",
    "...",
    "..a",
    "a..b",
    "a--b",
    ".hidden",
    ".git",
    "a.git",
    "-rf",
    "--help",
    "--",
    "@",
    "a@b",
    "a?b=c&d",
    "a#b",
    "a+b",
    "a;b",
    "a:b",
    "a,b",
    "a\\b",
    '"a"',
    "'a'",
    "`a`",
    "$(a)",
    "<b>a",
    "*",
    "~",
    "{a}",
    "[a]",
    "a|b",
    "0123456789abcdef0123456789abcdef01234567",
    "l" * 200,
    "é" * 100,
    "\udcff\udcfe",  # two bytes that are no UTF-8
)
# There, because older software asked nobody; and found by lists and check alone.
UNREACHABLE_NAMES = ("on\ndisk", "\x1b[31mred", "bell\x07", "\x85", "\u2028")
REFUSED_NAMES = (
    "",
    ".",
    "..",
    "../..",
    "/",
    "a/b",
    "a\x00b",
    "a\nb",
    "\x1b[2J",
    "\x7f",
    "-a",
    "a-",
    ".a",
    "a.",
    "a" * 97,
    "a" * 5000,
    "\ud800",
    "not there",
)

# As they stand in JSON, or in what some software takes for JSON.
NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "1e-999",
    "-0",
    "9007199254740993",
    str(2**63),
    str(-(2**64)),
    "1" + "0" * 400,
    "1" * 5000,  # more digits than an integer may have that is read
)
VALUES = (
    "null",
    "true",
    '""',
    '"\\ud800"',
    '"\\u0000"',
    '"\\u001b[2J"',
    '"\\u202e"',
    json.dumps("x" * 20_000),
    "[]",
    "{}",
    '{"": {"": null}}',
    "[" * 60 + "]" * 60,
    '{"a":' * 60 + "1" + "}" * 60,
    "[" * 900 + "]" * 900,
)
MOMENTS = ("2026-11-27T00:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z", "now", "2026-02-30")
DOCUMENTS = (
    b"",
    b"\n",
    b"null",
    b"[]",
    b"0",
    b"NaN",
    b'"text"',
    b"{}",
    b"{",
    b'{"version": "1"} more',
    b'{"version": "1", "version": "2", "seq": 1, "seq": 2}',
    b'{"version": 1e999, "seq": -1}',
    b'{"version": "../../../..", "seq": "1"}',
    b'{"version": "a/b", "seq": 1.5}',
    b'{"version": "\\ud800", "seq": true}',
    b'{"version": "\\u0000", "seq": ' + b"9" * 400 + b"}",
    b'{"version": ' + b"1" * 5000 + b"}",
    b'{"version": "1", "tags": {"k": NaN, "n": {"n": [Infinity]}}, "description": 1, "archived": "yes", "seq": 3}',
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b'{"version": "\xff"}',
    bytes(512),
    b'{"a":' * 50_000,
    b"[" * 100_000,
    b"x" * 70_000,
)

PATHS = ("model.pt", "sha256sums.txt", "model_meta.json", "deep/er/label map.json", "tokenizer/vocab file.txt")


@dataclass(frozen=True)
class Target:
    """What a request may name. ``what`` says which row of which table it comes from."""

    what: str
    task: str = "numbers"
    model: str = "a"
    version: str = "1"
    alias: str = "latest"
    path: str = "model.pt"
    upload: str = "0" * 32
    file: str = "0" * 32
    operation: str = "0" * 32


def make(root: Path, sources: Path) -> list[Target]:
    """The nasty registry lies in the empty directory ``root``; returns all that can be named in it, or cannot."""
    root.mkdir(parents=True, exist_ok=True)
    old = write_every_case(root)
    targets = [Target("older software's", "celltype", "human_pbmc", "1.0.0", "production")]
    targets += [Target("older software's", "celltype", name) for name in ("same_name", "killed", "torn", "ahead")]
    targets += _kept(old)
    registry = open_registry(root)
    source = write_files(
        sources / "plain", {"model.pt": b"weights", "deep/er/label map.json": b"{}", "metrics.json": b'{"f1": NaN}'}
    )
    targets += _new(registry, source)
    targets += _numbers(old)
    targets += _documents(registry, root, source)
    targets += _working_space(registry, root)
    return targets


def refused() -> list[Target]:
    """Each refused name at each place, beside names that are there."""
    found = []
    for name in REFUSED_NAMES:
        what = f"refused {name[:20]!r}"
        found += [
            Target(f"{what} as task", task=name),
            Target(f"{what} as model", model=name),
            Target(f"{what} as version and alias", version=name, alias=name),
            Target(f"{what} as path, upload, file and operation", path=name, upload=name, file=name, operation=name),
        ]
    return found


def _kept(old: OldRegistry) -> list[Target]:
    targets = []
    for name in (*KEPT_NAMES, *UNREACHABLE_NAMES):
        files = {"model.pt": b"w", f"{name}.bin": b"x"}
        model = old.model(name, name).version(name, files=files, alias=None)
        model.version("1", files={"model.pt": b"w"}, alias=None)
        if "\udcff" not in name:  # which older software could not have written into its journal
            model.promote(name, "1")
        targets.append(Target(f"kept {name!r}", name, name, name, name, f"{name}.bin"))
    return targets


def _new(registry: ModelRegistry, source: Path) -> list[Target]:
    for name in NEW_NAMES:
        registry.register(name, name, name, source, {"note": name}, set_alias=None)
        registry.register("names", "all", name, source, set_alias=None)
    registry.register("names", "aliases", "1.2.3", source, set_alias=None)
    for name in NEW_NAMES:
        registry.promote("names", "aliases", name, "1.2.3", actor=name, reason=name)
    return [Target(f"new {name!r}", name, name, name, name) for name in NEW_NAMES] + [
        Target(f"new {name!r} as alias", "names", "aliases", name, name) for name in NEW_NAMES
    ]


def _numbers(old: OldRegistry) -> list[Target]:
    """A model of older software for each number and value: in its metadata, metrics, run, journal and alias."""
    targets = []
    for index, text in enumerate((*NUMBERS, *VALUES)):
        name = "a" if index == 0 else f"n{index}"
        run = {"params": {}, "tags": {}, "metrics": {"loss": [0.5, 0.25]}}
        files = {**package_files(), "metrics.json": f'{{"accuracy": {text}, "curve": [{text}]}}'.encode()}
        model = old.model("numbers", name).version("1", files=files, metadata={"run_id": "run"}).version("2")
        model.run("run", **run)
        home = model.directory
        meta = json.loads((model.package("1") / "model_meta.json").read_bytes())
        words = {name: value for name, value in meta.items() if name not in ("tags", "description", "stage")}
        body = json.dumps(words)[:-1] + "".join(
            f', "{name}": {value}'
            for name, value in (
                ("tags", f'{{"k": {text}}}'),
                ("description", text),
                ("stage", text),
                ("deep", f'{{"a": [{{"b": {text}}}]}}'),
                ("created_at", text),
                ("lineage", f'{{"metrics": {{"m": {text}}}, "dataset": {text}, "run_id": "run"}}'),
            )
        )
        (model.package("1") / "model_meta.json").write_text(body + "}")
        for name_of_file in ("params.json", "tags.json"):
            (home / "runs" / "run" / name_of_file).write_text(f'{{"lr": {text}}}')
        with (home / "runs" / "run" / "metrics" / "loss.jsonl").open("a") as points:
            points.write(f'{{"value": {text}, "step": {text}, "ts_utc": {text}}}\n')
        with model.journal.open("a") as journal:
            journal.write(f'{{"alias": {text}, "version": {text}, "actor": {text}, "ts_utc": {text}, "x": {text}}}\n')
        (home / "aliases" / "odd.json").write_text(
            f'{{"alias": "odd", "version": "1", "updated_at": {text}, "actor": {text}, "seq": {text}}}'
        )
        targets += [
            Target(f"number {text[:20]}", "numbers", name, "1", "odd"),
            Target(f"number {text[:20]}", "numbers", name, text[:300], text[:300]),
        ]
    return targets


DAMAGED: dict[str, Callable[[Path], Path]] = {
    "alias": lambda model: model / "aliases" / "latest.json",
    "state": lambda model: model / "state" / "1.json",
    "tombstone": lambda model: model / "deleted" / "2" / "tombstone.json",
    "kept manifest": lambda model: model / "deleted" / "2" / "sha256sums.txt",
    "metadata": lambda model: model / "versions" / "1" / "model_meta.json",
    "metrics": lambda model: model / "versions" / "1" / "metrics.json",
    "manifest": lambda model: model / "versions" / "1" / "sha256sums.txt",
    "journal": lambda model: model / "audit" / "promotions.jsonl",
}


def _documents(registry: ModelRegistry, root: Path, source: Path) -> list[Target]:
    """A model for each document and each way of its being something else; the journal has it as one more line, too."""
    targets = []
    for kind, place in DAMAGED.items():
        for index, data in enumerate(DOCUMENTS):
            name = f"{kind.replace(' ', '-')}-{index}"
            registry.register("damaged", name, "1", source)
            registry.register("damaged", name, "2", source, set_alias=None)
            registry.tag("damaged", name, "1", "k", "v")
            registry.delete("damaged", name, "2", reason="a test")
            home = root / "tasks" / "damaged" / "models" / name
            _overwrite(place(home), data)
            what = f"{kind} is {data[:40]!r}"
            targets += [Target(what, "damaged", name, version) for version in ("1", "2")]
            if kind == "journal":
                registry.register("damaged", f"line-{index}", "1", source)
                journal = root / "tasks" / "damaged" / "models" / f"line-{index}" / "audit" / "promotions.jsonl"
                journal.write_bytes(journal.read_bytes() + data.replace(b"\n", b" ") + b"\n")
                targets.append(Target(f"a line is {data[:40]!r}", "damaged", f"line-{index}"))
    return targets


def _overwrite(path: Path, data: bytes) -> None:
    for directory in (path.parent, path):
        directory.chmod(0o755)
    path.write_bytes(data)


UPLOAD_FILES = ("session.json", "announced.json", "announced-1.json", "files.jsonl")
OPERATION = {
    "operation_id": "0" * 32,
    "verb": "verify",
    "state": "succeeded",
    "progress": {"files_done": 1, "files_total": 1, "bytes_done": 1, "bytes_total": 1},
    "result": {"ok": True},
    "error": None,
    "created_at": "2026-11-27T00:00:00.000000Z",
    "updated_at": datetime.now(UTC).isoformat(),
    "request_digest": "0",
    "process": {},
}


def _working_space(registry: ModelRegistry, root: Path) -> list[Target]:
    """Upload sessions and operations, each document and field of them something else."""
    targets = []
    sha256 = "0" * 64
    declared = [{"path": "a", "size_bytes": 1, "sha256": sha256}, {"path": "b", "size_bytes": 1, "sha256": sha256}]
    for name in UPLOAD_FILES:
        for data in DOCUMENTS:
            upload = registry.begin_upload("names", "all", declared, more=True).upload_id
            registry.announce_upload(upload, [{"path": "c", "size_bytes": 1, "sha256": sha256}])
            file_id = registry.add_upload(upload, "a", 1).file_id
            (root / ".uploads" / upload / name).write_bytes(data)
            targets.append(
                Target(f"upload's {name} is {data[:40]!r}", "names", "all", "new", upload=upload, file=file_id)
            )
    operations = list(DOCUMENTS)
    for field in OPERATION:
        operations.append(json.dumps({name: value for name, value in OPERATION.items() if name != field}).encode())
        operations += [
            json.dumps({**OPERATION, field: None}).replace(f'"{field}": null', f'"{field}": {text}').encode()
            for text in (*NUMBERS, *VALUES, *(f'"{moment}"' for moment in MOMENTS))
        ]
    (root / ".operations").mkdir(exist_ok=True)
    for index, data in enumerate(operations):
        operation = f"{index:032x}"
        (root / ".operations" / f"{operation}.json").write_bytes(data)
        targets.append(Target(f"operation is {data[:300]!r}", operation=operation))
    return targets
