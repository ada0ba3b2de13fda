"""The audit of what the service is pinned to says what a source of advisories says, and does not stop where none is."""

from __future__ import annotations

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler

from ..support.servers import REPOSITORY, free_port
from ..support.serving import send, serving

WEAK = "flask"


class Advisories(BaseHTTPRequestHandler):
    """Knows one weakness, of one package, as osv.dev tells it."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = asked["package"]["name"]
        ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}]
        weakness = {
            "id": "OSV-1",
            "summary": "made for a test",
            "affected": [{"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges}],
        }
        body = json.dumps({"vulns": [weakness]} if name == WEAK else {}).encode()
        send(self, "application/json", body)

    def log_message(self, *_: object) -> None:
        pass


def audit(url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ".ci/audit_dependencies.py", "--vulnerability-service", "osv", "--osv-url", url]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)


def test_a_known_weakness_is_named_and_is_a_failure() -> None:
    with serving(Advisories) as origin:
        done = audit(f"{origin}/v1/query")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "OSV-1, fixed in 99.0" in done.stdout
    assert "1 known weaknesses" in done.stdout


def test_a_source_that_is_away_is_said_and_no_failure() -> None:
    done = audit(f"http://127.0.0.1:{free_port()}/v1/query")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Nothing was audited: ")
    assert "refused" in done.stdout


def test_an_audit_that_fails_of_itself_is_a_failure() -> None:
    command = [sys.executable, ".ci/audit_dependencies.py", "--no-such-option"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stdout + done.stderr
