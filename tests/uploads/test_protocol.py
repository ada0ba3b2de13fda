"""The wire: sessions, and what tus 1.0 says of creation, offsets, checksums, termination and expiration."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import threading
from email.utils import parsedate_to_datetime
from functools import partial

import httpx
import pytest

from ..support.machine import MIB
from ..support.servers import wait_for, wait_until
from .wire import BYTES, TUS, Wire, checksum, chunked, code, named, sha256

DATA = random.Random(7).randbytes(3 * MIB + 17)


def test_a_file_in_pieces_becomes_a_version(wire: Wire) -> None:
    session = wire.begin()
    file = wire.made(session["url"], "sub dir/größe.bin", len(DATA))
    for begin, end in ((0, 1), (1, MIB), (MIB, len(DATA))):
        answer = wire.patch(file, begin, DATA[begin:end])
        assert (answer.status_code, answer.headers["Upload-Offset"], answer.content) == (204, str(end), b"")
        assert wire.offset(file) == end
    [shown] = wire.http.get(session["url"]).json()["files"]
    assert shown == {
        "path": "sub dir/größe.bin",
        "url": file,
        "offset": len(DATA),
        "size_bytes": len(DATA),
        "sha256": sha256(DATA),
        "complete": True,
    }
    version = "whole" + str(len(wire.url))
    done = wire.register(session, version)
    assert done.status_code == 201, done.text
    assert done.json()["hashes"]["sub dir/größe.bin"] == sha256(DATA)
    assert (wire.package(version) / "sub dir/größe.bin").read_bytes() == DATA
    assert wire.http.post("/v1/verify", json={"task": "t", "ref": f"m@{version}"}).status_code == 200
    assert session["upload_id"] not in wire.sessions
    assert code(wire.http.get(session["url"])) == (404, "upload_not_found")


def test_a_body_of_unknown_length(wire: Wire) -> None:
    session = wire.begin()
    file = wire.made(session["url"], "model.pt", len(DATA))
    assert wire.patch(file, 0, chunked(DATA[:MIB], 100_000)).headers["Upload-Offset"] == str(MIB)
    assert wire.patch(file, MIB, chunked(DATA[MIB:], 65_536)).status_code == 204
    assert wire.http.get(session["url"]).json()["files"][0]["sha256"] == sha256(DATA)


def test_every_answer_speaks_tus(wire: Wire) -> None:
    session = wire.begin()
    for url in ("/v1/uploads", session["url"], wire.made(session["url"], "x", 1)):
        options = wire.http.options(url)
        assert options.status_code in (200, 204)
        assert options.headers["Tus-Resumable"] == options.headers["Tus-Version"] == "1.0.0"
        assert options.headers["Tus-Extension"] == "creation,creation-with-upload,checksum,termination,expiration"
        assert options.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
        assert "Tus-Max-Size" not in options.headers
    created = wire.create(session["url"], "y", 5)
    head = wire.http.head(created.headers["Location"], headers=TUS)
    assert head.headers["Upload-Length"] == "5"
    assert head.headers["Upload-Metadata"] == named("y")
    assert head.headers["Cache-Control"] == "no-store"
    patched = wire.patch(created.headers["Location"], 0, b"abc")
    for answer in (created, head, patched):
        assert answer.headers["Tus-Resumable"] == "1.0.0"
        assert parsedate_to_datetime(answer.headers["Upload-Expires"]).timestamp() > 0


def test_another_version_of_the_protocol_is_refused(wire: Wire) -> None:
    session = wire.begin()
    file = wire.made(session["url"], "x", 3)
    for sent in ({}, {"Tus-Resumable": "0.2.2"}):
        answers = [
            wire.http.post(session["url"], headers={**sent, "Upload-Length": "1", "Upload-Metadata": named("n")}),
            wire.http.patch(file, content=b"abc", headers={"Content-Type": BYTES["Content-Type"], **sent}),
            wire.http.delete(file, headers=sent),
        ]
        for answer in answers:
            assert code(answer) == (412, "unsupported_tus_version")
            assert answer.headers["Tus-Version"] == "1.0.0"
        assert wire.http.head(file, headers=sent).status_code == 412
    assert wire.offset(file) == 0
    assert len(wire.http.get(session["url"]).json()["files"]) == 1


def test_an_offset_that_is_not_the_files(wire: Wire) -> None:
    file = wire.made(wire.begin()["url"], "x", 10)
    assert wire.patch(file, 0, b"abcd").status_code == 204
    for offset in (0, 3, 5, 10):
        answer = wire.patch(file, offset, b"zz")
        assert code(answer) == (409, "upload_offset_mismatch")
        assert answer.json()["offset"] == 4
    assert wire.offset(file) == 4


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_checksum_that_does_not_match_leaves_nothing_of_its_bytes(wire: Wire, algorithm: str) -> None:
    session = wire.begin()
    file = wire.made(session["url"], "x", len(DATA))
    wrong = wire.patch(file, 0, DATA[:MIB], **{"Upload-Checksum": checksum(DATA[MIB:], algorithm)})
    assert (*code(wrong), wire.offset(file)) == (460, "checksum_mismatch", 0)
    assert wire.patch(file, 0, DATA[:MIB], **{"Upload-Checksum": checksum(DATA[:MIB], algorithm)}).status_code == 204
    wrong = wire.patch(file, MIB, DATA[MIB:], **{"Upload-Checksum": checksum(DATA[:MIB], algorithm)})
    assert code(wrong) == (460, "checksum_mismatch")
    assert wire.offset(file) == MIB
    right = wire.patch(file, MIB, DATA[MIB:], **{"Upload-Checksum": checksum(DATA[MIB:], algorithm)})
    assert right.status_code == 204
    assert wire.http.get(session["url"]).json()["files"][0]["sha256"] == sha256(DATA)


def test_a_checksum_of_another_kind_is_refused(wire: Wire) -> None:
    session = wire.begin()
    file = wire.made(session["url"], "x", 3)
    long = base64.b64encode(hashlib.sha256(b"abc").digest()).decode()
    for sent, said in {
        **dict.fromkeys(("md5 kAFQmDzST7DWlj99KOF/cg==", "SHA256 " + long, ""), (400, "malformed_request")),
        **dict.fromkeys(("sha256 ????", "sha256 YWJj", "sha256", "sha1 " + long, "sha1"), (422, "invalid_parameter")),
    }.items():
        assert code(wire.patch(file, 0, b"abc", **{"Upload-Checksum": sent})) == said
        assert code(wire.create(session["url"], "y", 3, **{"Upload-Checksum": sent})) == said
    assert wire.offset(file) == 0
    assert [shown["path"] for shown in wire.http.get(session["url"]).json()["files"]] == ["x"]


def test_what_is_said_of_a_file_comes_back_as_it_was_sent(wire: Wire) -> None:
    session = wire.begin()
    sent = {
        "a": f"relativePath bnVsbA==,{named('a')},filetype ,is_confidential",
        "b": f"{named('b')},name {'QUFB' * 1500}",
    }
    for path, metadata in sent.items():
        file = wire.create(session["url"], path, 1, **{"Upload-Metadata": metadata}).headers["Location"]
        assert wire.http.head(file, headers=TUS).headers["Upload-Metadata"] == metadata
        assert wire.patch(file, 0, b"x").status_code == 204
        assert wire.http.head(file, headers=TUS).headers["Upload-Metadata"] == metadata
    refused = wire.create(session["url"], "c", 1, **{"Upload-Metadata": f"{named('c')},x \u00e4".encode()})
    assert code(refused) == (422, "invalid_parameter")


def test_bytes_that_come_with_the_announcement(wire: Wire) -> None:
    session = wire.begin()
    first = wire.create(session["url"], "x", len(DATA), content=DATA[:MIB], **BYTES)
    assert (first.status_code, first.headers["Upload-Offset"]) == (201, str(MIB))
    assert wire.patch(first.headers["Location"], MIB, DATA[MIB:]).status_code == 204
    whole = wire.create(
        session["url"], "y", 3, content=b"abc", **BYTES, **{"Upload-Checksum": checksum(b"abc", "sha1")}
    )
    assert (whole.status_code, whole.headers["Upload-Offset"]) == (201, "3")
    unsized = wire.create(session["url"], "z", 3, content=chunked(b"abc", 2), **BYTES)
    assert (unsized.status_code, unsized.headers["Upload-Offset"]) == (201, "3")
    shown = {file["path"]: file["sha256"] for file in wire.http.get(session["url"]).json()["files"]}
    assert shown == {"x": sha256(DATA), "y": sha256(b"abc"), "z": sha256(b"abc")}


def test_of_bytes_that_come_with_the_announcement_all_are_kept_or_none(wire: Wire) -> None:
    """Whoever breaks off does not know the file's address, and announces it again; so does one that got no answer."""
    session = wire.begin()
    sent = {**BYTES, "Upload-Length": str(len(DATA)), "Upload-Metadata": named("x")}
    for headers in ({"Content-Length": str(len(DATA))}, {"Transfer-Encoding": "chunked"}):
        body = DATA[:MIB] if "Content-Length" in headers else b"%x\r\n%b\r\n" % (MIB, DATA[:MIB])
        with wire.begin_request("POST", session["url"], body, **sent, **headers):
            pass

    def ask(content: bytes) -> httpx.Response:
        """The answer, once whoever broke off before is known to be gone."""
        create = partial(wire.create, session["url"], "x", len(DATA), content=content, **BYTES)
        return wait_for(create, lambda answer: answer.status_code != 423, "it stays locked")

    again = ask(DATA[:MIB])
    assert (again.status_code, again.headers["Upload-Offset"]) == (201, str(MIB))
    for begin in (DATA[:MIB], DATA[: MIB // 2], b""):
        same = ask(begin)
        assert (same.status_code, same.headers["Upload-Offset"]) == (201, str(MIB))
        assert same.headers["Location"] == again.headers["Location"]
    for other in (DATA[1 : MIB + 1], DATA[: MIB + 1]):
        assert code(ask(content=other)) == (422, "artifacts_refused")
    assert wire.patch(again.headers["Location"], MIB, DATA[MIB:]).status_code == 204
    assert ask(content=DATA).headers["Upload-Offset"] == str(len(DATA))
    assert code(ask(content=DATA[:-1] + b"?")) == (422, "artifacts_refused")
    [file] = wire.http.get(session["url"]).json()["files"]
    assert file["sha256"] == sha256(DATA)


def test_wrong_bytes_that_come_with_the_announcement(wire: Wire) -> None:
    session = wire.begin()
    wrong = wire.create(session["url"], "x", 3, content=b"abc", **BYTES, **{"Upload-Checksum": checksum(b"abd")})
    assert code(wrong) == (460, "checksum_mismatch")
    assert code(wire.create(session["url"], "x", 3, content=b"abcd", **BYTES)) == (413, "upload_too_large")
    [file] = wire.http.get(session["url"]).json()["files"]
    assert (file["offset"], file["complete"]) == (0, False)


def test_files_are_not_put_together(wire: Wire) -> None:
    session = wire.begin()
    for sent in ("partial", f"final;{session['url']}/{'0' * 32}", ""):
        refused = wire.create(session["url"], "x", 3, **{"Upload-Concat": sent})
        assert code(refused) == (400, "malformed_request")
    assert wire.http.get(session["url"]).json()["files"] == []


def test_what_arrived_before_the_connection_broke_is_kept(wire: Wire) -> None:
    session = wire.begin()
    file = wire.made(session["url"], "x", len(DATA))
    with wire.begin_patch(file, 0, len(DATA), DATA[: 2 * MIB]):
        wait_until(lambda: wire.offset(file) == 2 * MIB, "the bytes do not arrive")
    wait_until(lambda: wire.patch(file, 2 * MIB, DATA[2 * MIB :]).status_code == 204, "the upload stays locked")
    assert wire.http.get(session["url"]).json()["files"][0]["sha256"] == sha256(DATA)


def test_of_bytes_with_a_checksum_a_part_is_nothing(wire: Wire) -> None:
    file = wire.made(wire.begin()["url"], "x", len(DATA))
    assert wire.patch(file, 0, DATA[:10]).status_code == 204
    headers = {"Upload-Checksum": checksum(DATA[10:])}
    with wire.begin_patch(file, 10, len(DATA) - 10, DATA[10:MIB], **headers):
        pass
    wait_until(lambda: wire.patch(file, 10, DATA[10:], **headers).status_code == 204, "the upload stays locked")
    assert wire.offset(file) == len(DATA)


def test_one_writer_at_a_time(wire: Wire) -> None:
    """The second is told so at once, whichever worker it meets; and the session cannot be taken away meanwhile."""
    session = wire.begin()
    file = wire.made(session["url"], "x", len(DATA))
    with wire.begin_patch(file, 0, len(DATA), DATA[:MIB]) as first:
        wait_until(lambda: wire.offset(file) == MIB, "the bytes do not arrive")
        for _ in range(8):
            assert code(wire.patch(file, MIB, DATA[MIB:])) == (423, "upload_locked")
        assert code(wire.http.delete(file, headers=TUS)) == (423, "upload_locked")
        assert code(wire.http.delete(session["url"])) == (423, "upload_locked")
        assert code(wire.register(session, "locked")) == (423, "upload_locked")
        first.sendall(DATA[MIB:])
        assert first.recv(4096).startswith(b"HTTP/1.1 204")
    assert wire.http.get(session["url"]).json()["files"][0]["sha256"] == sha256(DATA)


def test_many_writers_of_one_file_make_one_file(wire: Wire) -> None:
    """Each sends what is missing, as the offset says; whoever wins, the bytes are right."""
    session = wire.begin()
    file = wire.made(session["url"], "x", len(DATA))
    seen: list[int] = []

    def push() -> None:
        mine = Wire(wire.url, wire.root)
        while (offset := mine.offset(file)) < len(DATA):
            seen.append(mine.patch(file, offset, DATA[offset : offset + 200_000]).status_code)

    threads = [threading.Thread(target=push) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) <= {204, 409, 423}
    assert wire.http.get(session["url"]).json()["files"][0]["sha256"] == sha256(DATA)


def test_a_file_can_be_taken_out(wire: Wire) -> None:
    session = wire.begin()
    gone, stays = wire.send(session["url"], "gone", b"abc"), wire.send(session["url"], "stays", b"abc")
    assert wire.http.delete(gone, headers=TUS).status_code == 204
    assert wire.http.head(gone, headers=TUS).status_code == 404
    assert code(wire.patch(gone, 3, b"")) == (404, "upload_not_found")
    assert [file["url"] for file in wire.http.get(session["url"]).json()["files"]] == [stays]
    assert not wire.data(session, gone).exists()
    assert wire.send(session["url"], "gone", b"other bytes") != gone


def test_an_upload_can_be_given_up(wire: Wire) -> None:
    session = wire.begin()
    file = wire.send(session["url"], "x", b"abc")
    assert wire.http.delete(session["url"]).status_code == 204
    assert session["upload_id"] not in wire.sessions
    assert code(wire.http.delete(session["url"])) == (404, "upload_not_found")
    assert code(wire.patch(file, 3, b"")) == (404, "upload_not_found")
    assert code(wire.create(session["url"], "y", 1)) == (404, "upload_not_found")
    assert code(wire.register(session, "never")) == (404, "upload_not_found")


def test_files_without_bytes_are_complete_at_once(wire: Wire) -> None:
    session = wire.begin()
    file = wire.made(session["url"], "empty", 0)
    assert wire.offset(file) == 0
    assert wire.patch(file, 0, b"").status_code == 204
    wire.send(session["url"], "one", b"1")
    version = "empty" + str(len(wire.url))
    assert wire.register(session, version).status_code == 201
    assert (wire.package(version) / "empty").read_bytes() == b""


def test_a_creation_whose_answer_was_lost_can_be_repeated(wire: Wire) -> None:
    session = wire.begin()
    file = wire.made(session["url"], "x", 3)
    assert wire.made(session["url"], "x", 3) == file
    assert code(wire.create(session["url"], "x", 4)) == (422, "artifacts_refused")
    assert wire.patch(file, 0, b"a").status_code == 204
    assert code(wire.create(session["url"], "x", 3)) == (422, "artifacts_refused")


def test_a_client_that_cannot_send_patch(wire: Wire) -> None:
    file = wire.made(wire.begin()["url"], "x", 3)
    headers = {**BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert wire.http.post(file, content=b"abc", headers=headers).headers["Upload-Offset"] == "3"
    assert wire.http.post(file, headers={**TUS, "X-HTTP-Method-Override": "DELETE"}).status_code == 204


def test_another_media_type_is_refused_unread(wire: Wire) -> None:
    file = wire.made(wire.begin()["url"], "x", 3)
    answer = wire.patch(file, 0, b"abc", **{"Content-Type": "application/octet-stream"})
    assert code(answer) == (415, "unsupported_media_type")
    assert wire.offset(file) == 0


def test_nothing_is_spooled_on_the_way(wire: Wire) -> None:
    """The registry has the bytes while the request goes on."""
    file = wire.made(wire.begin()["url"], "x", 8 * MIB)
    data = os.urandom(MIB)
    with wire.begin_patch(file, 0, 8 * MIB, data) as connection:
        for piece in range(1, 9):
            wait_until(lambda: wire.offset(file) == piece * MIB, "the bytes wait somewhere")  # noqa: B023
            if piece < 8:
                connection.sendall(data)
        assert connection.recv(4096).startswith(b"HTTP/1.1 204")
