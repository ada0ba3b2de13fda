"""A replica whose store is away lives, says what it waits for, and works once the store is there."""

from __future__ import annotations

import httpx

from ..support.seaweed import Seaweed, environment
from ..support.servers import free_port, gunicorn, wait_until


def test_a_replica_lives_while_its_store_is_away(seaweed: Seaweed) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with gunicorn("s3://registries/away", env=environment(nobody), workers=1, opened=False) as server:
        assert httpx.get(f"{server.url}/health", timeout=60).json()["registry_root_configured"] is True
        refused = httpx.get(f"{server.url}/health/ready", timeout=60)
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
        assert int(refused.headers["Retry-After"]) > 0


def test_a_replica_becomes_ready_by_itself(seaweed: Seaweed) -> None:
    with gunicorn(seaweed.new_root(), env=seaweed.env, workers=1, opened=False) as server:
        ready = f"{server.url}/health/ready"
        wait_until(lambda: httpx.get(ready, timeout=60).status_code == 200, "the replica is not ready")
