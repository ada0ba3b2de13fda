"""A service with the log's key publishes by itself: once for all its workers, and says what is in the way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from registry_core import ModelRegistry
from registry_core.evidence import keys, signed_note
from registry_core.settings import CoreSettings

from ..app.curl import get, post
from ..support.packages import write_package
from ..support.servers import PREFIX, Server, gunicorn, wait_until

ORIGIN = "models.lab.example"
WORKERS = 3
INTERVAL_S = 1


class Watched:
    """The root and the signer's files of a service, as they lie on the disk."""

    def __init__(self, area: Path, server: Server) -> None:
        self.key, self.server, self._root = area / "log.pem", server, area / "root"
        self._aliases = 0

    def size(self) -> int:
        """How many lines the note covers that is shown."""
        note = self._root / "log/checkpoint"
        return signed_note.checkpoint_of(signed_note.parse(note.read_bytes())).size if note.exists() else 0

    def journal(self) -> bytes:
        return (self._root / "log/journal/registry.jsonl").read_bytes()

    def change(self) -> None:
        self._aliases += 1
        body = {"task": "t", "model_name": "m", "alias": f"a{self._aliases}", "version": "1"}
        assert post(f"{self.server.url}/v1/promote", body).status == 200
        assert get(f"{self.server.url}/health/ready").status == 200

    def told(self) -> list[str]:
        """What the service's log says of checkpoints."""
        messages = [line["message"] for line in self.server.log]
        return [message for message in messages if "checkpoint" in message]

    def changes_and_publishes(self) -> None:
        before = self.size()
        self.change()
        wait_until(lambda: self.size() > before, "what was changed is not published")

    def is_hindered(self, mend: Callable[[], object], why: str) -> None:
        """Nothing is published, which is said once; and it goes on when it is mended, which is said too."""
        before, journal, told = self.size(), self.journal(), len(self.told())
        self.change()
        wait_until(lambda: len(self.told()) > told, f"nothing is said of {why}")
        time.sleep(2 * INTERVAL_S)
        (message,) = self.told()[told:]
        assert why in message
        assert (self.size(), self.journal()) == (before, journal)
        mend()
        wait_until(lambda: self.size() > before, "it does not go on")
        wait_until(lambda: self.told()[told + 1 :] == ["checkpoints are published again"], "it is not said")

    def keepers(self) -> list[int]:
        """The processes that hold the lock of whoever keeps the log."""
        found = [fd for fd in Path("/proc").glob("[0-9]*/fd/*") if _leads_to(fd).endswith(".keeper")]
        own = [fd for fd in found if _leads_to(fd).startswith(str(self._root))]
        return [int(fd.parts[2]) for fd in own]


def _leads_to(fd: Path) -> str:
    try:
        return os.readlink(fd)
    except OSError:
        return ""


def test_a_service_publishes_by_itself(area: Path) -> None:
    root, state = area / "root", area / "log.pem.last"
    root.mkdir()
    registry = ModelRegistry.open(settings=CoreSettings(root=str(root), log_key=str(area / "log.pem")))
    registry.register("t", "m", "1", write_package(area / "package"))
    env = {PREFIX + "LOG_KEY": str(area / "log.pem"), PREFIX + "CHECKPOINT_S": str(INTERVAL_S)}
    with gunicorn(root, env=env, workers=WORKERS) as server:
        watched = Watched(area, server)
        watched.change()
        wait_until(watched.keepers, "nobody keeps the log")
        assert watched.told() == [], "no log was begun, which is nothing to be told of"
        registry.log_init(ORIGIN)
        wait_until(watched.size, "a log that was begun is not published")
        watched.changes_and_publishes()

        journal = watched.journal()
        time.sleep(2.5 * INTERVAL_S)
        assert watched.journal() == journal, "nothing changed, and something was published"
        (keeper,) = watched.keepers()
        os.kill(keeper, signal.SIGKILL)
        watched.changes_and_publishes()
        assert watched.keepers() not in ([], [keeper])

        watched.key.chmod(0o644)
        watched.is_hindered(lambda: watched.key.chmod(0o600), "others may read it")
        key = watched.key.read_bytes()
        watched.key.unlink()
        watched.is_hindered(lambda: _write(watched.key, key), "there is no such file")
        note = state.read_bytes()
        later = signed_note.Checkpoint(ORIGIN, watched.size() + 9, bytes(32)).text
        state.write_bytes(bytes(signed_note.sign(later, [(ORIGIN, keys.load_private(key))])))
        watched.is_hindered(lambda: state.write_bytes(note), "an older copy stands in its place")

        vkey, shown = registry.log_vkey(), (root / "log/checkpoint").read_bytes()
        server.terminate()
        assert server.wait() == 0
    assert registry.prove_log(shown, [vkey]).size == watched.size()
    assert watched.keepers() == []


def _write(key: Path, data: bytes) -> None:
    key.touch(0o600)
    key.write_bytes(data)
