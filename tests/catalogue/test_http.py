"""Lists and the stream of events over HTTP: gunicorn with two workers, nginx before it, ``omr`` beside it."""

from __future__ import annotations

import contextlib
import http.client
import importlib
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ..app.curl import Answer, get, post
from ..support.machine import MIB
from ..support.old_registry import OldRegistry
from ..support.servers import REPOSITORY, Server, clean_environment, gunicorn, nginx, wait_for, wait_until
from .shelf import Shelf, titles

SOON = {"OMNIBIOAI_MODEL_REGISTRY_CATALOG_REFRESH_S": "1"}
OMR = [sys.executable, "-c", "from registry_client.cli.main import main; main()"]


@pytest.fixture
def server(shelf: Shelf) -> Iterator[Server]:
    with gunicorn(shelf.root, env=SOON, workers=2, threads=24) as running:
        yield running


def listed(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [f"{item['model_name']}@{item['version']}" for item in json.loads(answer.body)]


def head(url: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=100)
    connection.request("HEAD", urlsplit(url).path)
    status = connection.getresponse().status
    connection.close()
    return status


class Stream:
    """One reader of Server-Sent Events, by the bytes on the wire."""

    def __init__(self, url: str, *, after: str | None = None, last_event_id: str | None = None) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._socket = socket.create_connection((parts.hostname, parts.port or 80), timeout=100)
        query = f"?after={after}" if after is not None else ""
        head = f"GET /v1/events{query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        head += f"Last-Event-ID: {last_event_id}\r\n" if last_event_id is not None else ""
        self._socket.sendall(f"{head}\r\n".encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        self._text = ""

    @classmethod
    def admitted(cls, url: str, *, after: str) -> Stream:
        """One that is let in as soon as a place is free: the server gives it back after its answer was read."""

        def ask() -> Stream:
            stream = cls(url, after=after)
            if stream.status == 503:
                stream.close()
            return stream

        return wait_for(ask, lambda stream: stream.status != 503, "no place is free")

    def _block(self) -> str | None:
        """What stands before the next empty line; None at the end of the stream. Proxies cut as they like."""
        while "\n\n" not in self._text:
            size = int(self._file.readline().strip() or b"0", 16)
            self._text += self._file.read(size).decode("ascii")
            self._file.readline()
            if not size:
                return None
        block, self._text = self._text.split("\n\n", 1)
        return block

    def message(self) -> dict[str, Any] | None:
        """The next event with its id; comments and the head of the stream are passed over. None: it has ended."""
        while (block := self._block()) is not None:
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "data" in fields:
                return {**json.loads(fields["data"]), "id": fields["id"], "name": fields["event"]}
        return None

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# lists


def test_pages_by_their_links(shelf: Shelf, server: Server) -> None:
    for number in range(7):
        shelf.add("m", f"v{number}", metrics={"a:b": number % 3}, tags={"tissue & organ": "lung=1"})
    url = f"{server.url}/v1/models"
    first = get(url, limit="3", sort="-metric:a:b", tag="tissue & organ:lung=1", metric_gte="a:b:0")
    found, page = listed(first), first
    while link := page.headers.get("link"):
        assert page.headers["x-total-count"] == "7"
        match = re.fullmatch(r'<(/v1/models\?[^<>"]+)>; rel="next"', link)
        assert match is not None, link
        page = get(server.url + match[1])
        found += listed(page)
        shelf.add("m", f"w{len(found)}", metrics={"a:b": 2})  # without the tag: never to be seen here
    assert found == ["m@v5", "m@v2", "m@v4", "m@v1", "m@v6", "m@v3", "m@v0"]
    assert page.headers["x-total-count"] == "7"


def test_without_limit_and_cursor_a_list_is_whole(shelf: Shelf, server: Server) -> None:
    """Whoever names no limit takes the answer for everything; 40 MiB of metadata are some pages."""
    large = {"note": "x" * (MIB - 100_000)}
    for number in range(40):
        shelf.add("m", f"v{number}", set_alias=None, **large)
    url = f"{server.url}/v1/models"
    expected = [f"m@v{number}" for number in range(40)]
    whole = get(url)
    assert listed(whole) == expected
    assert (whole.headers["x-total-count"], whole.headers["content-type"]) == ("40", "application/json")
    assert (whole.headers["transfer-encoding"], "link" in whole.headers) == ("chunked", False)
    assert whole.headers["cache-control"] == "no-store"
    assert listed(get(url, sort="-name", model="m")) == expected[::-1]
    assert listed(get(url, model="nobody")) == []
    old = get(url, "--http1.0")
    assert (old.json, int(old.headers["content-length"])) == (whole.json, len(old.body.encode()))
    assert len(get(url, limit="100").json) < 40  # a page of large metadata ends before its limit
    assert head(url) == 200


def test_a_whole_list_that_fails_on_the_way_is_never_closed(shelf: Shelf, server: Server) -> None:
    for number in range(40):
        shelf.add("m", f"v{number}", set_alias=None, note="x" * (MIB - 100_000))
    assert get(f"{server.url}/v1/models", limit="1").status == 200
    parts = urlsplit(server.url)
    with socket.create_connection((str(parts.hostname), int(parts.port or 80)), timeout=60) as connection:
        connection.sendall(f"GET /v1/models HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        got = connection.recv(1000)
        assert got.startswith(b"HTTP/1.1 200")
        shelf.lose_catalogue(instead=b"no directory")
        size_bytes = len(got)
        while data := connection.recv(MIB):
            got, size_bytes = (got + data)[-1000:], size_bytes + len(data)
    assert MIB < size_bytes < 40 * (MIB - 100_000)
    assert not got.rstrip().endswith((b"]", b"\r\n0"))


def test_wrong_questions_are_named(shelf: Shelf, server: Server) -> None:
    for query in ({"limit": "0"}, {"sort": "x"}, {"metric_gte": "a"}, {"stage": "x"}, {"cursor": "x"}):
        answer = get(f"{server.url}/v1/models", **query)
        assert answer.status == 422, query
        assert next(iter(query)) in answer.body
    many = "&".join(f"tag=k{number}:v" for number in range(500))
    assert get(f"{server.url}/v1/models?{many}").status == 422
    unknown = get(f"{server.url}/v1/models", colour="red")
    assert (unknown.status, "colour" in unknown.headers["x-warnings"]) == (200, True)
    assert get(f"{server.url}/v1/models", q="\N{GRINNING FACE} \u19b0").status == 200


def test_a_change_shows_at_once_in_whatever_worker(shelf: Shelf, server: Server) -> None:
    """``shelf.registry`` is another process beside the two workers."""
    for number in range(12):
        body = {"task": "t", "model_name": "m", "version": f"v{number:02}", "artifacts_dir": str(shelf.source)}
        if number % 2:
            shelf.add("m", f"v{number:02}")
        else:
            assert post(f"{server.url}/v1/register", body).status == 201
        expected = [f"m@v{done:02}" for done in range(number + 1)]
        for _ in range(3):
            assert listed(get(f"{server.url}/v1/models")) == expected
        assert titles(shelf.registry) == expected
    (task,) = get(f"{server.url}/v1/tasks").json["tasks"]
    assert (task["task"], task["models"], task["versions"]) == ("t", 1, 12)


def test_what_older_software_writes_appears_without_a_question(shelf: Shelf, server: Server) -> None:
    with Stream(server.url) as stream:
        OldRegistry(shelf.root).model("t", "old").version("1")
        message = stream.message()
    assert message is not None
    assert (message["model_name"], message["version"], message["name"]) == ("old", "1", "promote")
    assert listed(get(f"{server.url}/v1/models")) == ["old@1"]


def test_the_catalogue_is_deleted_under_the_server(shelf: Shelf, server: Server) -> None:
    shelf.add("m", "1")
    with Stream(server.url) as stream:
        for number in range(3):
            shelf.lose_catalogue()
            assert listed(get(f"{server.url}/v1/models")) == ["m@1"]
            shelf.registry.tag("t", "m", "1", "n", str(number))
            seen = stream.message()
            while seen is not None and (seen["name"] != "tag" or seen["set"] != {"tags": {"n": str(number)}}):
                seen = stream.message()  # after a rebuild a few come again
            assert seen is not None
            assert listed(get(f"{server.url}/v1/models", tag=f"n:{number}")) == ["m@1"]


def test_readiness_tells_of_a_build_in_another_process(shelf: Shelf) -> None:
    for name in ("a", "b", "c"):
        shelf.add(name, "1")
    with gunicorn(shelf.root, env={"OMNIBIOAI_MODEL_REGISTRY_CATALOG_REFRESH_S": "3600"}, workers=1) as server:
        wait_until(lambda: get(f"{server.url}/health/ready").json["catalog"]["ready"], "never built")
        seen: list[dict[str, Any]] = []
        shelf.registry.reindex(progress=lambda _: seen.append(get(f"{server.url}/health/ready").json["catalog"]))
        done = {"models_done": 3, "models_total": 3}
        assert [(state["ready"], state["models_done"], state["models_total"]) for state in seen] == [
            (False, 1, 3),
            (False, 2, 3),
            (False, 3, 3),
        ]
        assert get(f"{server.url}/health/ready").json["catalog"] == {"ready": True, **done}


def test_while_another_process_builds_lists_by_name_are_answered_and_searches_told_to_wait(shelf: Shelf) -> None:
    for name in ("a", "b", "c"):
        shelf.add(name, "1")
    seen: list[tuple[Any, Any, Any]] = []
    with gunicorn(shelf.root, env={"OMNIBIOAI_MODEL_REGISTRY_CATALOG_REFRESH_S": "3600"}, workers=1) as server:
        wait_until(lambda: get(f"{server.url}/health/ready").json["catalog"]["ready"], "never built")
        url = f"{server.url}/v1/models"

        def ask(_: object) -> None:
            if not seen:
                first = get(f"{url}?limit=2")
                following = get(server.url + first.headers["link"].partition("<")[2].partition(">")[0])
                seen.append((first, following, get(f"{url}?q=a")))

        shelf.registry.reindex(progress=ask)
        listed = get(url).json
    ((first, following, search),) = seen
    assert first.json + following.json == listed
    for page in (first, following):
        assert page.status == 200
        assert "x-total-count" not in page.headers
        assert "1 of 3 models" in page.headers["x-warnings"]
    assert (search.status, search.json["code"], search.headers["retry-after"]) == (503, "index_building", "5")
    assert (search.json["models_done"], search.json["models_total"]) == (1, 3)


# the stream


def test_the_stream_and_where_it_goes_on(shelf: Shelf, server: Server) -> None:
    shelf.add("m", "1", set_alias="latest")
    with Stream(server.url) as stream:
        assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
        assert stream.headers["x-accel-buffering"] == "no"
        shelf.registry.promote("t", "m", "production", "1", actor="ada", reason="größte\nZeile")
        message = stream.message()
    assert message is not None
    expected = shelf.registry.history("t", "m").events[1].to_dict()
    assert message == {**expected, "id": message["id"], "name": "promote"}

    shelf.registry.tag("t", "m", "1", "a", "b")
    with Stream(server.url, last_event_id=message["id"]) as stream:
        following = stream.message()
        assert following is not None
        assert following["event"] == "tag"
    with Stream(server.url, after="0") as stream:
        found = [stream.message() for _ in range(3)]
        assert [one and one["event"] for one in found] == ["register", "promote", "tag"]
    with Stream(server.url, after="0", last_event_id=message["id"]) as stream:  # what a browser sends wins
        again = stream.message()
        assert again is not None
        assert again["event"] == "tag"

    shelf.opened().reindex()
    with Stream(server.url, last_event_id=message["id"]) as stream:  # of a catalogue that is gone
        seen = stream.message()
        while seen is not None and seen["event"] != "tag":
            seen = stream.message()
        assert seen is not None


def test_an_id_that_makes_no_sense(server: Server) -> None:
    answer = get(f"{server.url}/v1/events", "-H", "Last-Event-ID: nonsense")
    assert (answer.status, answer.json["code"]) == (422, "invalid_parameter")


def test_a_reader_that_comes_back_hears_of_each_event_once(shelf: Shelf, server: Server) -> None:
    """It is cut off again and again while two processes write."""
    shelf.add("m", "1")
    heard: list[int] = []
    last_id: str | None = None
    for number in range(30):
        if number % 2:
            body = {"task": "t", "model_name": "m", "version": "1", "key": "n", "value": str(number)}
            assert post(f"{server.url}/v1/tags", body, method="PUT").status == 200
        else:
            shelf.registry.tag("t", "m", "1", "n", str(number))
        if number % 5 == 4:
            with Stream(server.url, last_event_id=last_id) if last_id else Stream(server.url, after="0") as stream:
                for _ in range(number - len(heard) + 1):
                    message = stream.message()
                    assert message is not None
                    heard.append(message["seq"])
                    last_id = message["id"]
    assert heard == list(range(1, 31))


def test_only_so_many_streams_and_health_answers(shelf: Shelf) -> None:
    """Of one worker with 20 threads: 8 streams; then it is busy for them, and for nothing else."""
    shelf.add("m", "1")
    with gunicorn(shelf.root, workers=1, threads=20) as server, contextlib.ExitStack() as held:
        for _ in range(20):  # none of these may keep a place
            assert head(f"{server.url}/v1/events") == 200
            assert get(f"{server.url}/v1/events", "-H", "Last-Event-ID: x").status == 422
        streams = [held.enter_context(Stream.admitted(server.url, after="0")) for _ in range(8)]
        assert [stream.status for stream in streams] == [200] * 8
        assert all(stream.message() for stream in streams)
        refused = get(f"{server.url}/v1/events")
        assert (refused.status, refused.json["code"]) == (503, "busy")
        assert int(refused.headers["retry-after"]) >= 1
        assert get(f"{server.url}/health").status == 200
        assert get(f"{server.url}/v1/resolve", task="t", ref="m@1").status == 200
        shelf.registry.tag("t", "m", "1", "a", "b")
        for stream in streams:
            message = stream.message()
            assert message is not None
            assert message["event"] == "tag"
        streams[0].close()
        stays = [("t", "m", "1", "a", str(number)) for number in range(3)]
        for tag in stays:  # a write to a reader that is gone tells the server so
            shelf.registry.tag(*tag)
        wait_until(lambda: head(f"{server.url}/v1/events") == 200, "the place is not free again")


def test_streams_end_when_the_server_does(shelf: Shelf) -> None:
    shelf.add("m", "1")
    with gunicorn(shelf.root, workers=2, threads=24) as server, contextlib.ExitStack() as held:
        streams = [held.enter_context(Stream(server.url, after="0")) for _ in range(4)]
        assert all(stream.message() for stream in streams)
        server.terminate()
        assert [stream.message() for stream in streams] == [None] * 4  # ended as a stream should, not cut off
        assert server.wait() == 0


def test_the_stream_through_nginx(shelf: Shelf, server: Server) -> None:
    with nginx([server.url]) as front, Stream(front) as stream:
        assert stream.status == 200
        for number in range(3):
            shelf.registry.register("t", "m", str(number), shelf.source, set_alias=None)
            message = stream.message()  # each arrives before the next one is made
            assert message is not None
            assert message["version"] == str(number)


def test_a_quiet_stream_shows_that_it_lives(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, with a heart that beats faster."""
    catalogue = importlib.import_module("app.v1.listing")  # the package has a blueprint of that name
    from app.web.stopping import stopping

    monkeypatch.setattr(catalogue, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(catalogue, "POLL_S", 0.02)
    shelf.add("m", "1")
    stream = catalogue._stream(shelf.registry, "")
    assert next(stream).startswith("retry: ")
    assert '"version": "1"' in next(stream)
    assert [next(stream) for _ in range(2)] == [": still here\n\n"] * 2
    shelf.registry.tag("t", "m", "1", "a", "b")
    assert '"event": "tag"' in next(part for part in stream if not part.startswith(":"))
    monkeypatch.setattr(type(stopping), "is_set", lambda _: True)
    assert list(stream) == []


def test_a_strange_journal_does_not_break_the_stream(shelf: Shelf) -> None:
    catalogue = importlib.import_module("app.v1.listing")

    journal = shelf.home("m") / "audit" / "promotions.jsonl"
    journal.parent.mkdir(parents=True)
    lines = [
        {"event": "promote\ndata: forged", "alias": "a", "version": "1"},
        {"event": 7, "alias": "a", "reason": "\ud800"},
        {"event": "promote", "alias": "a", "reason": "x\r\n\r\nid: 1"},
    ]
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    stream = catalogue._stream(shelf.registry, "")
    next(stream)
    for line in lines:
        text = next(stream)
        text.encode("ascii")
        assert text.endswith("\n\n")
        assert text.count("\n") == (4 if line["event"] == "promote" else 3)
        (data,) = (part.removeprefix("data: ") for part in text.splitlines() if part.startswith("data: "))
        assert json.loads(data)["event"] == line["event"]


# omr beside the server


def omr(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = clean_environment({"OMNIBIOAI_MODEL_REGISTRY_ROOT": str(root)})
    return subprocess.run(
        [*OMR, *arguments], cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60
    )


@contextlib.contextmanager
def watching(root: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = clean_environment({"OMNIBIOAI_MODEL_REGISTRY_ROOT": str(root)})
    command = [*OMR, "watch", "--after", "0", *arguments]
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_omr_watch_follows_the_server(shelf: Shelf, server: Server) -> None:
    shelf.add("m", "1", set_alias="latest")
    body = {"task": "t", "model_name": "m", "alias": "production", "version": "1"}
    with watching(shelf.root, "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "register"
        assert post(f"{server.url}/v1/promote", body).status == 200
        assert json.loads(process.stdout.readline())["alias"] == "production"
        shelf.lose_catalogue()  # it goes on when the catalogue has come back
        assert post(f"{server.url}/v1/promote", {**body, "alias": "best"}).status == 200
        assert any(json.loads(line)["alias"] == "best" for line in process.stdout)  # some may come again before it


def test_omr_watch_ends_after_so_many(shelf: Shelf) -> None:
    shelf.add("m", "1", set_alias="latest")
    shelf.registry.promote("t", "m", "best", "1", actor="ada", reason="a\nb")
    with watching(shelf.root, "--limit", "2") as process:
        assert process.stdout is not None
        register, promote = (line.split("  ", 1)[1] for line in process.stdout)
        assert (register, promote) == ("t/m  register latest -> 1\n", "t/m  promote best -> 1 by ada: a\\nb\n")
        assert process.wait(100) == 0


def test_omr_lists_what_the_server_has(shelf: Shelf, server: Server) -> None:
    for number in range(3):
        shelf.add("m", str(number), tags={"tissue": "lung"}, metrics={"accuracy": number})
    page = json.loads(omr(shelf.root, "versions", "--sort", "-metric:accuracy", "--limit", "2", "--json").stdout)
    assert [item["version"] for item in page["items"]] == ["2", "1"]
    more = omr(shelf.root, "versions", "--sort", "-metric:accuracy", "--limit", "2", "--cursor", page["next"])
    assert "1 of 3" in more.stderr
    done = json.loads(omr(shelf.root, "reindex", "--json").stdout)
    assert (done["ready"], done["models_done"]) == (True, 1)
    assert listed(get(f"{server.url}/v1/models", tag="tissue:lung")) == ["m@0", "m@1", "m@2"]
    refused = omr(shelf.root, "versions", "--tag", "tissue")
    assert (refused.returncode, "key:value" in refused.stderr) == (1, True)


def test_two_workers_share_the_work_of_looking(shelf: Shelf) -> None:
    """Neither looks at everything again when the other has just done it."""
    shelf.add("m", "1")
    one, other = shelf.opened(40.0), shelf.opened(40.0)
    one.refresh_catalogue()
    OldRegistry(shelf.root).model("t", "old").version("1", alias=None)
    other.refresh_catalogue()
    assert titles(other) == ["m@1"]
