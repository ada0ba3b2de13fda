"""An object store in memory that speaks the wire protocol of S3 or of Google, as badly as a test wants.

What SeaweedFS cannot show: stores that ignore conditions, compare ETags in their own way, count
generations, or say that credentials have expired.
"""

from __future__ import annotations

import hashlib
import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest

from ..support.seaweed import environment


@dataclass
class Manners:
    """How the store behaves. The default is a store as it should be."""

    ignores_create_if_absent: bool = False
    ignores_match: bool = False
    wants_etags_unquoted: bool = False
    has_generations: bool = False  # Google: conditions name a generation
    refuses: tuple[int, str] | None = None  # every request: status and S3 error code
    refuses_versions: tuple[int, str] = (501, "NotImplemented")  # whatever is asked about versions
    has_bucket: bool = True


@dataclass
class Stored:
    data: bytes
    generation: int
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.data).hexdigest()}"'


@dataclass
class SimulatedStore:
    """``url`` of the endpoint; ``objects`` by bucket and key; ``manners`` may change at any time.

    ``requests``: how many have come.
    """

    manners: Manners
    url: str = ""
    objects: dict[str, Stored] = field(default_factory=dict)
    mutex: threading.RLock = field(default_factory=threading.RLock)
    writes: int = 0
    requests: int = 0
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)

    @property
    def google_environment(self) -> dict[str, str]:
        """What a process needs in its environment to take this store for Google's."""
        key = {"gcs_base_url": self.url, "disable_oauth": True, "client_email": "", "private_key": ""}
        return {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps({**key, "private_key_id": ""})}


@contextmanager
def simulated_store(manners: Manners | None = None) -> Iterator[SimulatedStore]:
    """A running store, gone afterwards."""
    store = SimulatedStore(manners or Manners())
    server = _Server(("127.0.0.1", 0), _Handler)
    server.store = store
    store.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def store_in_use(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedStore]:
    """A running store, whose address and keys are in the environment."""
    with simulated_store() as store:
        for name, value in {**environment(store.url), "AWS_ALLOW_HTTP": "true"}.items():
            monkeypatch.setenv(name, value)
        yield store


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    store: SimulatedStore


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _handle(self) -> None:
        store = self.server.store
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        key = urllib.parse.unquote(path).lstrip("/")
        with store.mutex:
            store.requests += 1
        if store.manners.refuses is not None:
            return self._refuse(*store.manners.refuses)
        if not store.manners.has_bucket:
            return self._refuse(404, "NoSuchBucket")
        if self.command == "GET" and query.partition("&")[0].partition("=")[0] in ("versions", "versioning"):
            return self._refuse(*store.manners.refuses_versions)
        with store.mutex:
            if "uploads" in query or "uploadId" in query:
                self._multipart(key, body, urllib.parse.parse_qs(query))
            elif "list-type=2" in query:
                self._list(key.rstrip("/"), urllib.parse.parse_qs(query, keep_blank_values=True))
            elif self.command == "POST":
                self._delete_many(key, body)
            elif self.command == "PUT":
                self._put(key, body)
            elif self.command == "DELETE":
                found = store.objects.pop(key, None)
                self._answer(204 if found or not store.manners.has_generations else 404)
            else:
                self._get(key)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle

    def _multipart(self, key: str, body: bytes, query: dict[str, list[str]]) -> None:
        uploads = self.server.store.uploads
        if "uploadId" not in query:
            uploads[name := f"upload-{len(uploads)}"] = {}
            tag = "InitiateMultipartUploadResult"
            return self._answer(200, f"<{tag}><UploadId>{name}</UploadId></{tag}>".encode())
        parts = uploads[query["uploadId"][0]]
        if self.command == "PUT":
            parts[int(query["partNumber"][0])] = body
            return self._answer(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
        if self.command == "DELETE":
            return self._answer(204)
        store = self.server.store
        store.writes += 1
        store.objects[key] = stored = Stored(b"".join(parts[number] for number in sorted(parts)), store.writes)
        tag = "CompleteMultipartUploadResult"
        self._answer(200, f"<{tag}><ETag>{stored.etag}</ETag></{tag}>".encode(), self._about(stored))

    def _put(self, key: str, body: bytes) -> None:
        store = self.server.store
        now = store.objects.get(key)
        if not self._may_write(now):
            return self._refuse(412, "PreconditionFailed")
        store.writes += 1
        store.objects[key] = stored = Stored(body, store.writes)
        self._answer(200, headers=self._about(stored))

    def _may_write(self, now: Stored | None) -> bool:
        manners = self.server.store.manners
        if manners.has_generations:
            wanted = self.headers.get("x-goog-if-generation-match")
            return wanted is None or int(wanted) == (now.generation if now else 0)
        if self.headers.get("If-None-Match") == "*" and now is not None and not manners.ignores_create_if_absent:
            return False
        match = self.headers.get("If-Match")
        if match is None or manners.ignores_match:
            return True
        return now is not None and match == (now.etag.strip('"') if manners.wants_etags_unquoted else now.etag)

    def _get(self, key: str) -> None:
        found = self.server.store.objects.get(key)
        if found is None:
            return self._refuse(404, "NoSuchKey")
        data, headers, wanted = found.data, self._about(found), self.headers.get("Range")
        if wanted is None:
            return self._answer(200, data, headers)
        first, last = wanted.removeprefix("bytes=").split("-")
        start, end = int(first), min(int(last) + 1 if last else len(data), len(data))
        if start >= len(data):
            return self._refuse(416, "InvalidRange")
        self._answer(206, data[start:end], {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(data)}"})

    def _list(self, bucket: str, query: dict[str, list[str]]) -> None:
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        contents, prefixes = [], set()
        for name, stored in sorted(self.server.store.objects.items()):
            key = name.removeprefix(bucket + "/")
            if not name.startswith(bucket + "/") or not key.startswith(prefix):
                continue
            inside, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            if cut:
                prefixes.add(prefix + inside + cut)
            else:
                contents.append(
                    f"<Contents><Key>{escape(key)}</Key><Size>{len(stored.data)}</Size><ETag>{stored.etag}</ETag>"
                    f"<LastModified>{stored.at:%Y-%m-%dT%H:%M:%S.%fZ}</LastModified></Contents>"
                )
        contents += [f"<CommonPrefixes><Prefix>{escape(found)}</Prefix></CommonPrefixes>" for found in sorted(prefixes)]
        self._answer(200, f"<ListBucketResult>{''.join(contents)}</ListBucketResult>".encode())

    def _delete_many(self, bucket: str, body: bytes) -> None:
        keys = [found.text or "" for found in ElementTree.fromstring(body).iter() if found.tag.endswith("Key")]
        for key in keys:
            self.server.store.objects.pop(f"{bucket.rstrip('/')}/{key}", None)
        deleted = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        self._answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    def _about(self, stored: Stored) -> dict[str, str]:
        generation = {"x-goog-generation": str(stored.generation)} if self.server.store.manners.has_generations else {}
        return {"ETag": stored.etag, "Last-Modified": f"{stored.at:%a, %d %b %Y %H:%M:%S GMT}", **generation}

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>refused</Message></Error>".encode())

    def _answer(self, status: int, data: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""
