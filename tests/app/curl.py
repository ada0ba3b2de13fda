"""The real ``curl``, as the README's reader would call it, and what it got back."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from ..support.machine import need

PROBLEM = "application/problem+json"
_MARK = "\n--curl-ends-here--"


@dataclass(frozen=True)
class Answer:
    """``headers`` have lower-case names; ``body`` is the text."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def curl(*arguments: str, stdin: bytes | None = None) -> Answer:
    """The answer to one call of the curl binary; fails if curl got none."""
    need(shutil.which("curl"), "curl is not installed; on Debian: apt-get install curl")
    command = ["curl", "-sS", "--noproxy", "*", "--max-time", "60", "-D", "-", "-w", _MARK + "%{http_code}"]
    done = subprocess.run([*command, *arguments], input=stdin or b"", capture_output=True)
    assert done.returncode == 0, f"curl {arguments} failed: {done.stderr.decode()}"
    text, _, status = done.stdout.decode().rpartition(_MARK)
    head, body = "", text
    while body.startswith("HTTP/"):  # "100 Continue" comes as a head of its own
        head, _, body = body.partition("\r\n\r\n")
    headers: dict[str, str] = {}
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        assert name.lower() not in headers, f"the header {name} appears twice"
        headers[name.lower()] = value.strip()
    return Answer(int(status), headers, body)


def post(url: str, body: object, *arguments: str, method: str = "POST") -> Answer:
    """A JSON body sent by curl; bytes and text are sent as they are."""
    if isinstance(body, bytes):
        data = body
    else:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
    header = ("-H", "Content-Type: application/json")
    return curl("-X", method, url, *header, "--data-binary", "@-", *arguments, stdin=data)


def get(url: str, *arguments: str, **query: str) -> Answer:
    """A GET whose query curl encodes."""
    encoded = [part for name, value in query.items() for part in ("--data-urlencode", f"{name}={value}")]
    return curl("-G", url, *encoded, *arguments)


def assert_problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """The answer is this RFC 9457 problem, complete; returns it."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json
    assert isinstance(problem, dict)
    assert problem["ok"] is False
    assert problem["status"] == status
    assert problem["code"] == code, problem
    assert problem["type"] == f"urn:omnibioai:model-registry:problem:{code}"
    assert problem["request_id"] == answer.headers["x-request-id"]
    for field in ("title", "detail"):
        assert isinstance(problem[field], str)
        assert problem[field].strip()
    assert "Traceback" not in answer.body
    assert "site-packages" not in answer.body
    return problem
