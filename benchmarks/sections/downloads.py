"""Download of one large file: through gunicorn, and by nginx on the service's word, against a static file of nginx."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from registry_core import ModelRegistry
from tests.files.accel import ACCEL, accelerating_nginx
from tests.support.servers import gunicorn

from ..machine import remove, require_room, run_command, scratch, write_random
from ..scale import MIB, Places, Scale
from ..tables import Row, Table
from ..timing import Contender, best, speed, spread, take_turns, timed

GUNICORN_LEAST, NGINX_LEAST = 0.6, 0.95  # of the speed of nginx with a static file

REMARKS = (
    "curl on the same machine throws the bytes away; the file is in the page cache. Best of the rounds, taking turns.",
    f"The targets are {GUNICORN_LEAST} and {NGINX_LEAST} of the static file's speed, as ratios of times.",
)


def run(places: Places, scale: Scale) -> Iterator[Table]:
    """One table, in the first place."""
    require_room(places.main, 2 * scale.unit_bytes + 64 * MIB)
    with scratch(places.main) as top, ExitStack() as servers:
        root = top / "root"
        root.mkdir()
        source = top / "source"
        write_random(source / "model.pt", scale.unit_bytes)
        package = Path(ModelRegistry.open(root).register("bench", "large", "1", source).package_path)
        remove(source)
        plain = servers.enter_context(gunicorn(root))
        service = servers.enter_context(gunicorn(root, env=ACCEL))
        static = f"location /static/ {{ alias {package}/; sendfile on; tcp_nopush on; }}"
        nginx = servers.enter_context(accelerating_nginx(service.url, root, more=static))
        path = "v1/files/bench/large/latest/model.pt"
        contenders = {
            "nginx, static file": _download(f"{nginx}/static/model.pt"),
            "gunicorn": _download(f"{plain.url}/{path}"),
            "nginx, X-Accel-Redirect": _download(f"{nginx}/{path}"),
        }
        for contender in contenders.values():
            contender()  # all are warm
        seconds = take_turns(contenders, scale.rounds, scale.patience_s)
    times = best(seconds)
    rows = [
        Row(name, shortest, "s", note=f"{speed(scale.unit_bytes, shortest)}; {spread(seconds[name])}")
        for name, shortest in times.items()
    ]
    base = times["nginx, static file"]
    rows += [
        Row("gunicorn / static file", times["gunicorn"] / base, "x", round(1 / GUNICORN_LEAST, 3)),
        Row("X-Accel-Redirect / static file", times["nginx, X-Accel-Redirect"] / base, "x", round(1 / NGINX_LEAST, 3)),
    ]
    yield Table(f"Download of {scale.unit_bytes // MIB} MiB over the loopback", rows, REMARKS)


def _download(url: str) -> Contender:
    return lambda: timed(lambda: run_command("curl", "-sSf", "--noproxy", "*", "-o", "/dev/null", url))
