"""A registry that lies in each of its fields gets a typed error, and changes nothing but the destination and the cache.

Invariant I13. Every case is a real server and the real command, in a home directory that is compared before and after.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from registry_client.cli.main import main
from registry_client.remote import event_stream, transport
from registry_client.remote.bodies import MAX_ANSWER_BYTES

from ..support.machine import MIB
from ..support.servers import clean_environment
from .hostile import Hostile, bomb, hexed, hostile, manifest_of, tree, with_field
from .scripted import Act, answer, problem, truncated
from .trees import files_of

TYPED = {1, 3, 4, 5}
ESCAPES = "a\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202eb"
LIES: list[Any] = [
    *(None, True, 5, -1, 10**30, 1.5, math.nan, math.inf, "", "x", [], {}, [None], {"a": 1}),
    *("../../../.bashrc", "sha256:../../../.bashrc", "/etc/passwd", "..", "a/b", "a\0b", "a\nb", ESCAPES, "\ud800"),
    *("sha256:" + "A" * 64, "sha256:" + "0" * 65, "x" * 5000, "0" * 64),
]
RESOLUTION = ["path", "task", "model_name", "version", "alias", "package_digest", "verified", "warnings"]
LISTING = ["version", "files", "files.0", "files.0.name", "files.0.sha256", "files.0.size_bytes"]
NAMES = [
    *("../escaped", "../../../.bashrc", "/etc/escaped", "a//b", "./a/./b", "a/../b", "a/", "..", "model.pt/inner"),
    *("a\\b", "a\x1b[31m", "a\tb", "a\x7fb", "a\x9bb", "a\u2028b", "a\u202eb", "x" * 256, "/".join("d" * 65)),
    *(".git/hooks/post-checkout", ".GIT/config", "a/.git/config", "git~1/config", ".g\u200cit/config", ".git. /x"),
    *(".git", ".hg/hgrc"),
]


@dataclass
class Home:
    """The home directory of whoever runs ``omr``; ``dest`` and the cache are the only places that may change."""

    top: Path
    server: Hostile

    @property
    def dest(self) -> Path:
        return self.top / "work/dest"

    @property
    def cache(self) -> Path:
        return self.top / ".cache/omnibioai-model-registry"

    def tree(self) -> dict[str, Any]:
        own = (self.dest, self.cache)
        return tree(self.top, lambda path: any(path == place or place in path.parents for place in own))

    def omr(self, *arguments: str) -> Result:
        """Runs it; it fails by exit code and not by an exception, and nothing else has changed."""
        before = self.tree()
        done = CliRunner().invoke(main, ["--url", self.server.url, *arguments])
        assert done.exception is None or isinstance(done.exception, SystemExit), (arguments, done.exception)
        assert self.tree() == before
        assert not {sign for sign in done.output + done.stderr if not sign.isprintable() and sign != "\n"}
        return done

    def pull(self, *options: str) -> Result:
        return self.omr("pull", "t", "m@latest", str(self.dest), "--workers", "1", *options)

    def assert_refused(self, done: Result, *codes: int) -> None:
        assert done.exit_code in (codes or TYPED), done.output
        assert done.stderr.startswith("omr: ")
        assert not self.dest.exists()


@pytest.fixture
def home(area: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr(transport, "FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(event_stream, "LONGEST_PAUSE_S", 0.001)
    monkeypatch.setenv("HOME", str(area))
    monkeypatch.delenv("OMNIBIOAI_MODEL_REGISTRY_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name in (".bashrc", ".ssh/authorized_keys", "work/notes.txt", ".cache/other/file"):
        (area / name).parent.mkdir(parents=True, exist_ok=True)
        (area / name).write_text(f"the user's own {name}\n")
    monkeypatch.chdir(area / "work")
    with hostile() as server:
        yield Home(area, server)


def test_an_honest_server_is_believed(home: Home) -> None:
    """Without this the refusals below would show nothing."""
    assert home.pull().exit_code == 0
    assert files_of(home.dest) == home.server.package


def test_I13_a_digest_becomes_no_path(home: Home) -> None:
    """It was the name of a file in the cache: the client wrote into, or removed, whatever it led to."""
    server = home.server
    for digest in ("../../../.bashrc", "../../../../.ssh/authorized_keys", "/" + str(home.top / ".bashrc")):
        listed = {**dict.fromkeys(server.files, digest), "sha256sums.txt": hexed(server.manifest)}
        package_digest = f"sha256:{hexed(manifest_of(listed))}"
        files = [{"name": path, "sha256": f"sha256:{digest}", "size_bytes": 10} for path in server.files]
        server.lies = {
            "resolve": answer(200, {**server.resolution(), "package_digest": package_digest}),
            "artifacts": answer(200, {"version": "1", "files": files}),
        }
        home.assert_refused(home.pull(), 5)


FIELDS = [*(("resolve", field) for field in RESOLUTION), *(("artifacts", field) for field in LISTING)]


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_I13_a_lie_in_any_field_is_refused_or_does_no_harm(home: Home, kind: str, field: str) -> None:
    honest = home.server.resolution() if kind == "resolve" else home.server.listing()
    refused = 0
    for lie in LIES:
        home.server.lies = {kind: answer(200, with_field(honest, field, lie))}
        done = home.pull()
        if done.exit_code == 0:
            assert files_of(home.dest) == home.server.package, (field, lie)
            assert field in ("path", "alias", "verified", "warnings", "files.0.sha256"), (field, lie)
            for path in [*sorted(home.dest.rglob("*"), reverse=True), home.dest]:
                path.rmdir() if path.is_dir() else path.unlink()
        else:
            refused += 1
            home.assert_refused(done)
    assert refused >= 10


@pytest.mark.parametrize("name", NAMES)
def test_I13_a_name_that_leads_elsewhere_is_refused(home: Home, name: str) -> None:
    server = home.server
    server.files = {"model.pt": b"x", name: b"touch owned"}
    home.assert_refused(home.pull(), 4, 5)


def test_I13_a_repository_that_programs_obey_is_refused(home: Home) -> None:
    home.server.files = dict.fromkeys(("a/HEAD", "a/objects/x", "a/refs/y", "a/config"), b"x")
    home.assert_refused(home.pull(), 4)


def test_I13_files_that_no_manifest_covers_are_refused(home: Home) -> None:
    listing = home.server.listing()
    listing["files"].append({"name": "extra.py", "sha256": None, "size_bytes": 3})
    home.server.lies = {"artifacts": answer(200, listing)}
    done = home.pull()
    home.assert_refused(done, 4)
    assert "extra.py" in done.stderr
    assert "omr adopt" in done.stderr


def test_I13_what_has_no_end_comes_to_one(home: Home) -> None:
    """Each answer in turn; what is read, kept and written is bounded."""
    server = home.server
    long, packed = {"Content-Length": str(10**15)}, {"Content-Encoding": "gzip"}
    acts: dict[str, Act] = {
        "without a length": server.endless(),
        "with one": server.endless(long),
        "compressed": server.endless(packed),
        "JSON": server.endless(piece=b'{"a":[' * 10_000),
        "an error": server.endless(status=500),
        "an error with a code": server.endless(status=503, headers=long),
    }
    for kind in ("resolve", "artifacts", "manifest", "file"):
        for name, act in acts.items():
            server.lies, server.bytes_sent, server.asked = {kind: act}, 0, []
            home.assert_refused(home.pull(), 4, 5)
            assert server.bytes_sent < 3 * MAX_ANSWER_BYTES + 20 * MIB, (kind, name)
            assert len(server.asked) < 30
            kept = sum(path.stat().st_size for path in home.top.rglob("*") if path.is_file())
            assert kept < MIB, (kind, name)


def test_I13_a_transfer_that_repeats_ends(home: Home) -> None:
    server = home.server
    data = server.files["model.pt"]
    again = {"Content-Range": f"bytes 10-{len(data) - 1}/{len(data)}"}
    lies: dict[str, Act] = {
        "a little, and no more": truncated(200, data, 10),
        "the same part for ever": truncated(206, data[10:], 5, again),
        "fewer than there were": answer(416, b""),
        "another part": answer(206, data, {"Content-Range": f"bytes {'9' * 5000}-1/2"}),
        "nothing": answer(200, b""),
        "other bytes": answer(200, bytes(len(data))),
        "busy": problem(503, "busy", retry_after_s=0),
        "in circles": answer(302, b"", {"Location": "?again"}),
    }
    for name, act in lies.items():
        server.lies, server.asked = {"file": act}, []
        home.assert_refused(home.pull(), 4, 5)
        assert len(server.asked) < 60, name


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://host/x",
        "javascript:1",
        "http://",
        "http://[",
        "//",
        "http://x:99999/",
        "\x1b[2J",
        "",
    ],
)
def test_I13_a_redirect_leads_to_nothing_but_http(home: Home, location: str) -> None:
    for kind in ("resolve", "artifacts", "manifest", "file"):
        home.server.lies = {kind: answer(302, b"", {"Location": location})}
        home.assert_refused(home.pull(), 5)


def test_I13_what_only_reads_follows_no_redirect(home: Home) -> None:
    with hostile() as other:
        home.server.lies = {"resolve": answer(302, b"", {"Location": f"{other.url}/v1/resolve"})}
        home.assert_refused(home.pull(), 5)
        assert other.asked == []


def test_I13_more_than_the_disk_can_hold_is_not_begun(home: Home) -> None:
    home.server.lies = {
        "artifacts": answer(200, with_field(home.server.listing(), "files.0.size_bytes", 2**62)),
        "file": home.server.endless(),
    }
    home.assert_refused(home.pull(), 5)
    assert home.server.bytes_sent == 0


def test_I13_memory_is_bounded(home: Home) -> None:
    """A bomb of 2 GB, and answers of millions of values: as a process of its own, whose memory is measured."""
    server = home.server
    acts = {
        "resolve": answer(200, bomb(2048 * MIB), {"Content-Encoding": "gzip"}),
        "artifacts": answer(200, b'{"version": "1", "files": [' + b"[]," * (8 * MIB) + b"[]]}"),
        "manifest": answer(200, b"\n" * (24 * MIB)),
    }
    before = home.tree()
    for kind, act in acts.items():
        server.lies = {kind: act}
        if kind == "manifest":
            digest = f"sha256:{hexed(b'%c' % 10 * (24 * MIB))}"
            server.lies["resolve"] = answer(200, {**server.resolution(), "package_digest": digest})
        code = (
            "import re, sys; from registry_client.cli.main import main\n"
            "try: main(sys.argv[1:], prog_name='omr')\n"  # ru_maxrss would be that of the test's own process, if larger
            "finally: print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
        )
        arguments = ["--url", server.url, "pull", "t", "m@latest", str(home.dest)]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=clean_environment({"HOME": str(home.top)}),
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode in (4, 5), (kind, done.stderr)
        assert done.stderr.startswith("omr: ")
        assert int(done.stdout) < 400 * 1024, (kind, done.stdout)
    assert home.tree() == before
    assert not home.dest.exists()


def event(**fields: Any) -> str:
    known = {"seq": 1, "event": "promote", "task": "t", "model_name": "m", "version": "1", "alias": "a"}
    rest = dict.fromkeys(("previous_version", "actor", "reason", "ts_utc", "package_digest"))
    return json.dumps({**known, **rest, **fields})


COMMANDS: list[list[str]] = [
    *(["show", "t", "m@1"], ["history", "t", "m"], ["aliases", "t", "m"], ["artifacts", "t", "m@1"], ["versions"]),
    *(["models"], ["activity"]),
    *(["resolve", "t", "m@1"], ["verify", "t", "m@1"], ["metrics", "t", "m@1"], ["compare", "t", "m", "1", "2"]),
    *(
        ["tasks"],
        ["audit", "verify", "t", "m"],
        ["promote", "t", "m", "a", "1"],
        ["delete", "t", "m", "1", "--reason", "r"],
    ),
    *(["runs", "list", "t", "m"], ["runs", "show", "t", "m", "r"]),
    *(["watch", "--limit", "1"], ["pull", "t", "m@1", "dest"]),
]
NO_ANSWERS: dict[str, Act] = {
    "nothing": answer(200, b""),
    "HTML": answer(200, b"<html>"),
    "null": answer(200, None),
    "a number": answer(200, 5),
    "a text": answer(200, ESCAPES),
    "rows that are none": answer(200, [1, None, ESCAPES]),
    "an object without fields": answer(200, {}),
    "an object of nulls": answer(200, dict.fromkeys(("events", "aliases", "tasks", "files", "versions", "meta"))),
    "lists that are none": answer(200, {name: [5] for name in ("events", "aliases", "tasks", "files", "versions")}),
    "nested deep": answer(200, b"[" * 100_000),
    "nested less deep": answer(200, b'{"meta": ' + b'{"a": ' * 900 + b"1" + b"}" * 901),
    "an enormous number": answer(200, b'{"seq": ' + b"9" * 100_000 + b"}"),
    "not UTF-8": answer(200, b'{"version": "\xff\xfe"}'),
    "compressed": answer(200, bomb(MIB), {"Content-Encoding": "gzip"}),
    "elsewhere": answer(302, b"", {"Location": "http://other.example/" + ESCAPES.encode().hex()}),
    "a problem of fields that Python has": problem(409, "alias_moved", self=1, message=2, kind=3, code_=4),
    "a problem with escapes": answer(409, {"code": "alias_moved", "detail": ESCAPES, "problems": [{"path": ESCAPES}]}),
    "a problem of wrong kinds": answer(409, {"code": 5, "detail": [], "problems": [5], "title": {}}),
    "problems that are none": answer(422, {"code": "artifacts_refused", "detail": "", "problems": 7, "status": "x"}),
    "a code that is none": answer(400, {"code": ESCAPES, "detail": "x", "title": ESCAPES}),
    "no patience": problem(503, "busy", {"Retry-After": "1e400"}, retry_after_s=10**400),
    "no date": problem(503, "busy", {"Retry-After": "Mon, 99 Foo 99999 99:99:99 GMT"}),
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_I13_what_is_no_answer_is_a_typed_error_of_every_command(home: Home, command: list[str]) -> None:
    for name, act in NO_ANSWERS.items():
        home.server.lies = dict.fromkeys(("anything", "resolve", "artifacts", "events"), act)
        done = home.omr(*command)
        assert done.exit_code in TYPED, (name, done.output)
        if "problem" in name:
            as_json = home.omr(*command, "--json")
            assert as_json.exit_code == done.exit_code, name
            assert strict(as_json.stdout)["ok"] is False


def strict(text: str) -> Any:
    """What any reader of JSON takes."""

    def no(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    text.encode()
    return json.loads(text, parse_constant=no)


def test_I13_texts_of_others_are_escaped_and_json_is_strict(home: Home) -> None:
    """``Home.omr`` looks at every character that is printed."""
    stream = f"id: 7\ndata: {event(reason=ESCAPES, actor=ESCAPES)}\n\n".encode()
    described = {"meta": {"a": math.nan, ESCAPES: ESCAPES}, "package_dir": ESCAPES, "version": "1", "aliases": []}
    more = {"tags": {ESCAPES: math.inf}, "stage": ESCAPES, "description": ESCAPES, "package_digest": None}
    item = {"task": ESCAPES, "model_name": ESCAPES, "version": "1", "stage": "", "aliases": [ESCAPES], "created_at": 5}
    alias = {"alias": "a", "version": "1", "updated_at": ESCAPES, "actor": ESCAPES, "reason": ESCAPES, "seq": 1}
    facts = {
        "metrics": {ESCAPES: ESCAPES},
        "created_at": ESCAPES,
        "stage": ESCAPES,
        "tags": {},
        "params": {},
        "files": {},
    }
    diff = {"metrics": {ESCAPES: {"1": math.nan}}, "params": {ESCAPES: {"1": ESCAPES}}, "files": {ESCAPES: {"1": 5}}}
    run = {"task": "t", "model_name": "m", "run_id": ESCAPES, "status": ESCAPES, "actor": ESCAPES, "tags": {}}
    run |= {"started_at": ESCAPES, "finished_at": None, "params": {ESCAPES: math.inf}}
    run |= {"metrics_summary": {ESCAPES: math.nan, "b": ESCAPES}}
    curves = {ESCAPES: [{"value": math.nan, "step": ESCAPES}]}
    newest = {"version": "1", "created_at": ESCAPES, "metrics": {ESCAPES: -1.5}}
    summary = {"task": "t", "model_name": "m", "description": ESCAPES, "versions": 1, "bytes": 1, "newest": newest}
    summary |= {"aliases": [alias], "changed_at": ESCAPES, "metric": ESCAPES, "metric_points": [-1.5, math.nan]}
    answers: dict[str, Any] = {
        "runs list t m": [run],
        "runs show t m r": {**run, "metric_history": curves, "warnings": [ESCAPES]},
        "show t m@1": {**described, **more, "warnings": [ESCAPES]},
        "resolve t m@1": {**home.server.resolution(), "path": ESCAPES, "warnings": [ESCAPES]},
        "history t m": {"events": [json.loads(event(reason=ESCAPES, version=ESCAPES))], "next": None},
        "activity": {"events": [json.loads(event(reason=ESCAPES, version=ESCAPES))], "next": None},
        "aliases t m": {"aliases": [alias]},
        "artifacts t m@1": {"version": "1", "files": [{"name": ESCAPES, "sha256": None, "size_bytes": 1}]},
        "versions": [item, {}, {"aliases": 5}],
        "models": [summary, {**summary, "newest": None, "aliases": [], "metric": None}],
        "tasks": {"tasks": [{"task": "t", "models": 1, "versions": 1, "bytes": 1}]},
        "metrics t m@1": {"version": "1", "version_metrics": {ESCAPES: math.nan}, "run_history": {}, "runs": []},
        "compare t m 1": {"versions": {"1": facts}, "diff": diff},
    }
    for command, content in answers.items():
        home.server.lies = dict.fromkeys(("anything", "resolve", "artifacts"), answer(200, content))
        assert home.omr(*command.split()).exit_code == 0, command
        done = home.omr(*command.split(), "--json")
        assert done.exit_code == 0
        assert strict(done.stdout)["ok"] is True
    home.server.lies = {"events": answer(200, stream, {"Content-Type": "text/event-stream"})}
    assert home.omr("watch", "--limit", "1").exit_code == 0
    assert strict(home.omr("watch", "--limit", "1", "--json").stdout)["reason"] == ESCAPES


def test_I13_pages_that_lead_back_are_refused(home: Home) -> None:
    home.server.lies = {"history": answer(200, {"events": [], "next": 5})}
    assert home.omr("history", "t", "m", "--after", "5").exit_code == 5
    assert home.omr("history", "t", "m", "--order", "desc", "--before", "5").exit_code == 5
    assert home.omr("history", "t", "m", "--order", "desc", "--before", "6").exit_code == 0
    assert home.omr("activity").exit_code == 5  # a number is no cursor
    home.server.lies = {"history": answer(200, {"events": [], "next": "abc"})}
    assert home.omr("activity", "--before", "abc").exit_code == 5
    assert home.omr("activity").exit_code == 0
    assert home.omr("history", "t", "m").exit_code == 5
    link = {"Link": '</v1/models?cursor=abc>; rel="next"', "X-Total-Count": "9" * 5000}
    home.server.lies = dict.fromkeys(("models", "models/summary"), answer(200, [], link))
    assert home.omr("versions", "--cursor", "abc").exit_code == 5
    assert home.omr("versions").exit_code == 0
    assert home.omr("models", "--cursor", "abc").exit_code == 5
    assert home.omr("models").exit_code == 0
    home.server.lies = {"anything": answer(200, [], {"Link": '</v1/runs/list?cursor=abc>; rel="next"'})}
    assert home.omr("runs", "list", "t", "m", "--cursor", "abc").exit_code == 5
    assert home.omr("runs", "list", "t", "m").exit_code == 0


@pytest.mark.parametrize("lie", ["data: {\n\n", "data: 5\n\n", 'data: {"seq": -1}\n\n', "data: " + "x" * 100 + "\n"])
def test_I13_a_stream_that_is_none_ends(home: Home, lie: str) -> None:
    if not lie.endswith("\n\n"):
        home.server.lies = {"events": home.server.endless(piece=lie.encode() * 1000)}
    else:
        home.server.lies = {"events": answer(200, f"retry: {'9' * 5000}\nid: 1\n{lie}".encode())}
    assert home.omr("watch", "--limit", "1").exit_code == 5
    assert home.server.bytes_sent < 200 * MIB


def test_a_pinned_digest_is_the_only_one_that_arrives(home: Home) -> None:
    server = home.server
    good = server.digest
    assert home.pull("--digest", good).exit_code == 0
    assert home.pull("--digest", good.removeprefix("sha256:")).exit_code == 0
    server.files = {"model.pt": b"other weights"}
    other = home.top / "work/dest/other"
    before = home.tree(), files_of(home.dest)
    done = home.omr("pull", "t", "m@latest", str(other), "--digest", good, "--json")
    assert (done.exit_code, strict(done.stdout)["code"]) == (4, "digest_mismatch")
    assert strict(done.stdout)["expected"] == good
    assert strict(done.stdout)["actual"] == server.digest
    assert (home.tree(), files_of(home.dest)) == before
    for wrong in ("", "sha256:", "x", "../../x", "sha256:" + "g" * 64):
        done = home.omr("pull", "t", "m@latest", str(other), "--digest", wrong)
        assert done.exit_code == 1
        assert done.stderr.startswith("omr: invalid_parameter: ")
