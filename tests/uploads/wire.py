"""A client of the upload calls that hides nothing, and connections that are cut on purpose."""

from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from ..support.servers import wait_for

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
TIMEOUT_S = 60.0


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def checksum(data: bytes, algorithm: str = "sha256") -> str:
    """The header Upload-Checksum of these bytes."""
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


def named(path: str | bytes) -> str:
    """The header Upload-Metadata of this path."""
    raw = path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")
    return ("filename " + base64.b64encode(raw).decode()).rstrip()


def announced(path: str, data: bytes) -> dict[str, Any]:
    return {"path": path, "sha256": sha256(data), "size_bytes": len(data)}


@dataclass
class Wire:
    """The service at an address, and its root where the test may look at it."""

    url: str
    root: Path

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=TIMEOUT_S, trust_env=False)

    def begin(self, *files: dict[str, Any], model_name: str = "m", **more: Any) -> dict[str, Any]:
        answer = self.http.post("/v1/uploads", json={"task": "t", "model_name": model_name, "files": files, **more})
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        assert answer.headers["Location"] == body["url"]
        return body

    def create(
        self,
        session: str,
        path: str | bytes,
        size: int | str,
        content: bytes | Iterable[bytes] | None = None,
        **headers: str | bytes,
    ) -> httpx.Response:
        sent: dict[str, str | bytes] = {**TUS, "Upload-Length": str(size), "Upload-Metadata": named(path), **headers}
        return self.http.post(session, headers=sent, content=content)

    def made(self, session: str, path: str, size: int) -> str:
        """The address of a new file."""
        answer = self.create(session, path, size)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def patch(self, file: str, offset: int | str, data: bytes | Iterable[bytes], **headers: str) -> httpx.Response:
        return self.http.patch(file, content=data, headers={**BYTES, "Upload-Offset": str(offset), **headers})

    def offset(self, file: str) -> int:
        answer = self.http.head(file, headers=TUS)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["Upload-Offset"])

    def at_rest(self, file: str) -> int:
        """The offset once nobody sends any more: a client that is gone may still be listened to for a moment."""

        def ask() -> tuple[int, int]:
            offset = self.offset(file)
            return offset, self.patch(file, offset, b"").status_code

        return wait_for(ask, lambda answer: answer[1] == 204, "the upload stays locked")[0]

    def send(self, session: str, path: str, data: bytes) -> str:
        """A file, sent in one piece; its address."""
        file = self.made(session, path, len(data))
        if data:
            answer = self.patch(file, 0, data)
            assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(len(data))), answer.text
        return file

    def register(self, session: dict[str, Any], version: str, **more: Any) -> httpx.Response:
        body = {"task": "t", "model_name": "m", "version": version, "upload_id": session["upload_id"], **more}
        headers = more.pop("headers", {})
        body.pop("headers", None)
        return self.http.post("/v1/register", json=body, headers=headers)

    def package(self, version: str) -> Path:
        return self.root / "tasks/t/models/m/versions" / version

    @property
    def sessions(self) -> list[str]:
        """What lies below .uploads."""
        top = self.root / ".uploads"
        return sorted(path.name for path in top.iterdir()) if top.is_dir() else []

    def home(self, session: dict[str, Any]) -> Path:
        return self.root / ".uploads" / session["upload_id"]

    def data(self, session: dict[str, Any], file: str) -> Path:
        """Where the bytes of a file wait."""
        return self.home(session) / "data" / file.rsplit("/", 1)[-1]

    def connect(self) -> socket.socket:
        where = urlsplit(self.url)
        return socket.create_connection((where.hostname, where.port), timeout=TIMEOUT_S)

    def begin_patch(self, file: str, offset: int, length: int, data: bytes, **headers: str) -> socket.socket:
        """A PATCH that says it has ``length`` bytes and has sent these; the caller sends on, or hangs up."""
        sent = {**BYTES, "Upload-Offset": str(offset), "Content-Length": str(length), **headers}
        return self.begin_request("PATCH", file, data, **sent)

    def begin_request(self, method: str, target: str, data: bytes, **headers: str) -> socket.socket:
        """As :meth:`begin_patch`, of any method."""
        sent = {"Host": "x", **headers}
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        connection = self.connect()
        connection.sendall(head.encode() + b"\r\n" + data)
        return connection


def code(answer: httpx.Response) -> tuple[int, str]:
    """(status, code) of a problem document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"]


def chunked(data: bytes, size: int) -> Iterable[bytes]:
    """The bytes without a word of how many they are."""
    for at in range(0, len(data), size):
        yield data[at : at + size]
