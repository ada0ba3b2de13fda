"""What an upload may cost: bytes, files, time and space; and what is left when a limit is met."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_core import CoreSettings, ModelRegistry, NotConfigured

from ..support.machine import MIB
from ..support.servers import wait_until
from .wire import TUS, Wire, announced, chunked, code

DATA = random.Random(9).randbytes(MIB)
FILES = 10_000


def test_a_quota_is_said_before_a_byte_is_sent(serve: Callable[..., Wire]) -> None:
    wire = serve(MAX_UPLOAD_BYTES=1000)
    assert wire.http.options("/v1/uploads").headers["Tus-Max-Size"] == "1000"
    session = wire.begin()
    assert code(wire.create(session["url"], "x", 1001)) == (413, "upload_too_large")
    file = wire.made(session["url"], "x", 600)
    refused = wire.create(session["url"], "y", 401)
    assert code(refused) == (413, "upload_too_large")
    assert (refused.json()["size_bytes"], refused.json()["limit_bytes"]) == (1001, 1000)
    wire.made(session["url"], "z", 400)
    assert wire.http.delete(file, headers=TUS).status_code == 204
    wire.made(session["url"], "y", 600)
    body = {"task": "t", "model_name": "m", "files": [announced("x", DATA[:900]), announced("y", DATA[:101])]}
    assert code(wire.http.post("/v1/uploads", json=body)) == (413, "upload_too_large")


def test_what_the_registry_has_counts_for_no_quota(serve: Callable[..., Wire]) -> None:
    wire = serve(MAX_UPLOAD_BYTES=1000)
    first = wire.begin()
    wire.send(first["url"], "x", DATA[:900])
    assert wire.register(first, "1").status_code == 201
    second = wire.begin(announced("x", DATA[:900]), announced("y", DATA[:901]))
    assert second["have"] == ["x"]


def test_ten_thousand_files_are_too_many(serve: Callable[..., Wire]) -> None:
    wire = serve()
    body = {"task": "t", "model_name": "m", "files": [announced(f"f/{n}", b"") for n in range(FILES)]}
    refused = wire.http.post("/v1/uploads", json=body)
    assert code(refused) == (413, "upload_too_large")
    most = refused.json()["limit_files"]
    assert most < FILES
    assert wire.sessions == []


def test_a_file_more_than_an_upload_takes(serve: Callable[..., Wire]) -> None:
    most = 300
    wire = serve(MAX_UPLOAD_FILES=most)
    session = wire.begin(*(announced(f"f/{n}", b"") for n in range(most)))
    for n in range(most):
        wire.made(session["url"], f"f/{n}", 0)
    assert code(wire.create(session["url"], "one more", 0)) == (413, "upload_too_large")
    assert len(wire.http.get(session["url"]).json()["files"]) == most
    assert wire.register(session, "many").status_code == 201
    assert len(os.listdir(wire.package("many") / "f")) == most


def age(wire: Wire, session: dict[str, object], seconds: float) -> None:
    """As if nothing had been sent for so long."""
    then = time.time() - seconds
    os.utime(wire.home(session) / "session.json", (then, then))


def test_an_expired_session_is_gone(serve: Callable[..., Wire]) -> None:
    wire = serve(UPLOAD_EXPIRY_S=3600)
    session = wire.begin()
    file = wire.made(session["url"], "x", 10)
    age(wire, session, 3000)
    assert wire.patch(file, 0, b"12345").status_code == 204  # and that begins the hour anew
    age(wire, session, 3500)
    assert wire.offset(file) == 5
    age(wire, session, 3601)
    for answer in (
        wire.http.get(session["url"]),
        wire.http.delete(session["url"]),
        wire.create(session["url"], "y", 1),
        wire.patch(file, 5, b"67890"),
        wire.http.delete(file, headers=TUS),
        wire.register(session, "late"),
    ):
        assert code(answer) == (410, "upload_expired")
    assert wire.http.head(file, headers=TUS).status_code == 410


def test_a_sweep_removes_what_has_expired_and_nothing_else(serve: Callable[..., Wire]) -> None:
    wire = serve(UPLOAD_EXPIRY_S=3600)
    old, young, busy = wire.begin(), wire.begin(), wire.begin()
    for session in (old, young):
        wire.send(session["url"], "x", DATA)
    file = wire.made(busy["url"], "x", 10)
    age(wire, old, 3601)
    registry = ModelRegistry.open(settings=CoreSettings(root=str(wire.root), upload_expiry_s=3600))
    with wire.begin_patch(file, 0, 10, b"1"):
        wait_until(lambda: wire.offset(file) == 1, "the byte does not arrive")
        age(wire, busy, 3601)
        names = [f".uploads/{session['upload_id']}" for session in (old, busy)]
        assert sorted(registry.sweep(dry_run=True).removed) == sorted(names)
        assert sorted(wire.sessions) == sorted(session["upload_id"] for session in (old, young, busy))
        assert registry.sweep().removed == names[:1]
    assert sorted(wire.sessions) == sorted(session["upload_id"] for session in (young, busy))
    wire.root.joinpath(".uploads/.gone-" + "0" * 32).mkdir()
    os.utime(wire.root.joinpath(".uploads/.gone-" + "0" * 32), (0, 0))
    wire.root.joinpath(".uploads/" + "1" * 32).symlink_to(wire.root / "tasks")
    os.utime(wire.root.joinpath(".uploads/" + "1" * 32), (0, 0), follow_symlinks=False)
    registry.sweep()
    assert {name[:5] for name in wire.sessions} & {".gone", "11111"} == set()


def test_each_new_session_clears_an_old_one_away(serve: Callable[..., Wire]) -> None:
    """So that they cannot pile up where nobody calls sweep."""
    wire = serve(UPLOAD_EXPIRY_S=3600)
    old = [wire.begin() for _ in range(3)]
    for session in old:
        age(wire, session, 3601)
    new = [wire.begin() for _ in range(3)]
    assert sorted(wire.sessions) == sorted(session["upload_id"] for session in new)


def test_a_full_disk_keeps_what_it_took(small_disk: Callable[[int], Path], serve: Callable[..., Wire]) -> None:
    """The disk is asked for first, and so taken away last: a service that still runs keeps it busy."""
    disk = small_disk(6 * MIB)
    wire = serve(disk / "root", MIN_FREE_BYTES=0)
    session = wire.begin()
    assert code(wire.create(session["url"], "larger", 64 * MIB)) == (507, "storage_full")
    file = wire.made(session["url"], "x", 4 * MIB)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(3 * MIB + MIB // 2))
    data = random.Random(1).randbytes(4 * MIB)
    assert code(wire.patch(file, 0, chunked(data, MIB // 4))) == (507, "storage_full")
    offset = wire.offset(file)
    assert MIB <= offset < 4 * MIB
    assert code(wire.patch(file, offset, data[offset:])) == (507, "storage_full")
    ballast.unlink()
    offset = wire.offset(file)
    assert wire.data(session, file).read_bytes() == data[:offset]
    assert wire.patch(file, offset, data[offset:]).status_code == 204
    assert wire.register(session, "1").status_code == 201
    assert (wire.package("1") / "x").read_bytes() == data


@pytest.mark.parametrize(
    ("name", "value"), [("MAX_UPLOAD_BYTES", "-1"), ("MAX_UPLOAD_FILES", "0"), ("UPLOAD_EXPIRY_S", "0")]
)
def test_settings_that_make_no_sense(name: str, value: str) -> None:
    with pytest.raises(NotConfigured, match=name):
        CoreSettings.from_env({f"OMNIBIOAI_MODEL_REGISTRY_{name}": value})
