"""The verbs of training runs, over HTTP: the method and the path of each. ``Verbs`` says what it takes."""

from __future__ import annotations

from registry_core import Verbs

from .calls import call
from .connection import Connected


class Running(Connected):
    """What logs is sent again only where the registry says that nothing was kept, or was never reached."""

    log_metric = call(Verbs.log_metric, "POST", "/v1/runs/log-metric")
    log_param = call(Verbs.log_param, "POST", "/v1/runs/log-param")
    log_batch = call(Verbs.log_batch, "POST", "/v1/runs/log-batch")
    end_run = call(Verbs.end_run, "POST", "/v1/runs/end")
    run = call(Verbs.run, "GET", "/v1/runs/get")
    runs = call(Verbs.runs, "GET", "/v1/runs/list", paged=True)
