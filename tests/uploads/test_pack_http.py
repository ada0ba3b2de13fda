"""A pack over HTTP: real tar, connections and workers that break off, and what it costs."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx

from ..support.packages import write_files
from ..support.servers import wait_for, wait_until
from .tars import packed
from .wire import Wire, announced, code

TAR = {"Content-Type": "application/x-tar"}
SOME = random.Random(5)
FILES = {f"d{n % 7}/{n:04}": SOME.randbytes(4096) for n in range(500)}


def begin(wire: Wire, files: dict[str, bytes] = FILES) -> dict[str, str]:
    return wire.begin(*(announced(path, data) for path, data in files.items()))


def arrived(wire: Wire, session: dict[str, str]) -> int:
    return len(wire.http.get(session["url"]).json()["files"])


def test_what_tar_sends_is_a_version(wire: Wire, tmp_path: Path) -> None:
    long = {**FILES, "n" * 120 + "/x": b"long", "ü/é": b"umlaut"}
    write_files(tmp_path / "source", long)
    names = tmp_path / "names"
    names.write_text("".join(f"{path}\n" for path in long))
    session = begin(wire, long)
    made = subprocess.Popen(["tar", "-C", tmp_path / "source", "-cT", names], stdout=subprocess.PIPE)
    sent = ["curl", "-sS", "-H", "Content-Type: application/x-tar", "-T", "-", "-X", "POST"]
    told = subprocess.run([*sent, f"{wire.url}{session['url']}/pack"], stdin=made.stdout, capture_output=True)
    assert made.wait() == 0
    assert told.stdout.strip().endswith(b"}"), told
    assert f'"kept": {len(long)}' in told.stdout.decode() or f'"kept":{len(long)}' in told.stdout.decode()
    assert wire.register(session, "tar").status_code == 201


def test_what_is_refused_over_http(direct: Wire) -> None:
    session = begin(direct)
    pack, data = f"{session['url']}/pack", packed(FILES)
    assert code(direct.http.post(pack, content=data)) == (415, "unsupported_media_type")
    assert code(direct.http.post("/v1/uploads/" + "0" * 32 + "/pack", content=data, headers=TAR)) == (
        404,
        "upload_not_found",
    )
    refused = direct.http.post(pack, content=data[:300_000] + b"x" * 512 + data[300_512:], headers=TAR)
    assert refused.status_code in (422, 460)
    assert 0 < refused.json()["kept"] == arrived(direct, session)
    assert direct.http.post(pack, content=data, headers=TAR).json() == {"ok": True, "kept": len(FILES)}
    assert direct.http.get(pack).status_code == 405


def test_a_line_that_breaks_keeps_what_was_whole(direct: Wire) -> None:
    session, data = begin(direct), packed(FILES)
    headers = {**TAR, "Content-Length": str(len(data))}
    with direct.begin_request("POST", f"{session['url']}/pack", data[: len(data) // 2], **headers):
        there = direct.home(session) / "data"
        wait_until(lambda: len(os.listdir(there)) > len(FILES) // 3, "the pack does not arrive")
    pack = f"{session['url']}/pack"
    refused = wait_for(
        lambda: direct.http.post(pack, content=packed({"x": b""}), headers=TAR),
        lambda answer: answer.status_code != 423,
        "it stays locked",
    )
    assert code(refused) == (422, "pack_refused")
    kept = arrived(direct, session)
    assert len(FILES) // 3 < kept < len(FILES) * 2 // 3
    rest = dict(list(FILES.items())[kept:])
    assert direct.http.post(pack, content=packed(rest), headers=TAR).json()["kept"] == len(rest)
    assert direct.register(session, "broken").status_code == 201
    assert (direct.package("broken") / "d3/0003").read_bytes() == FILES["d3/0003"]


def test_a_killed_worker_loses_little_and_the_rest_follows(serve: Callable[..., Wire]) -> None:
    wire = serve()
    many = {f"{n:05}": b"%d" % n for n in range(3000)}
    session, data = begin(wire, many), packed(many)
    headers = {**TAR, "Content-Length": str(len(data))}
    with wire.begin_request("POST", f"{session['url']}/pack", data[: len(data) * 3 // 4], **headers):
        home = wire.home(session)
        wait_until(lambda: len(os.listdir(home / "data")) > 2200, "the pack does not arrive")
        holders = subprocess.run(["fuser", str(home / "announced.json")], capture_output=True, text=True).stdout.split()
        for pid in holders:
            os.kill(int(pid), signal.SIGKILL)
    assert holders
    wire = Wire(wire.url, wire.root)  # connections to the dead are of no use

    def look() -> int:
        try:
            return arrived(wire, session)
        except httpx.TransportError:
            return 0

    pack = f"{session['url']}/pack"
    kept = wait_for(look, lambda count: count > 0, "nothing was kept")
    assert 2048 <= kept < 2300
    again = wait_for(
        lambda: wire.http.post(pack, content=data, headers=TAR),
        lambda answer: answer.status_code != 423,
        "it stays locked",
    )
    assert again.json()["kept"] == len(many)
    assert wire.register(session, "killed").status_code == 201
    assert (wire.package("killed") / "02999").read_bytes() == b"2999"


def test_two_packs_at_once(direct: Wire) -> None:
    others = {path: data[::-1] for path, data in FILES.items()}
    session, data = begin(direct, others), packed(others)
    headers = {**TAR, "Content-Length": str(len(data))}
    with direct.begin_request("POST", f"{session['url']}/pack", data[:100_000], **headers):
        wait_until(lambda: os.listdir(direct.home(session) / "data") != [], "the first does not arrive")
        second = direct.http.post(f"{session['url']}/pack", content=data, headers=TAR)
        assert code(second) == (423, "upload_locked")
