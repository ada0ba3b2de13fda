"""``python -m tests.uploads.push SESSION_URL FILE [FILE_URL]``: the real tuspy client, as a process that can be killed.

It prints the address of the upload first, and each offset that the server has acknowledged. Before each chunk it
reads a line: whoever started it says how far it goes, and lets it run on by closing that.
"""

from __future__ import annotations

import sys

from tusclient.client import TusClient

CHUNK_BYTES = 256 * 1024


def push(session: str, path: str, file: str | None = None) -> None:
    """Begins the upload, or goes on with ``file`` where the server says it stands."""
    uploader = TusClient(session).uploader(
        path, chunk_size=CHUNK_BYTES, url=file, metadata={"filename": "model.pt"}, retries=0
    )
    if uploader.url is None:
        uploader.set_url(uploader.create_url())
    print(uploader.url, flush=True)
    while uploader.offset < uploader.get_file_size():
        sys.stdin.readline()
        uploader.upload_chunk()
        print(uploader.offset, flush=True)


if __name__ == "__main__":
    push(*sys.argv[1:])
