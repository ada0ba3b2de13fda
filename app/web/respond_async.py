"""``Prefer: respond-async`` (RFC 7240): a long call goes on in a thread of its worker, and is asked for later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, jsonify, url_for

from registry_core import Operation, ProgressCallback, RunningOperation

from .answers import answer, unknown_fields
from .errors import Busy, describe
from .gate import Gate, current_gate
from .root import current_registry
from .tracing import request_id

PREFERENCE = "respond-async"

Work = Callable[[ProgressCallback], dict[str, Any]]

_threads: set[threading.Thread] = set()


def is_preferred(prefer: str | None) -> bool:
    """Whether the header ``Prefer`` asks for an answer before the work is done."""
    preferences = (part.partition(";")[0].strip().lower() for part in (prefer or "").split(","))
    return PREFERENCE in preferences


def start(verb: str, request: Mapping[str, Any], key: str | None, work: Work) -> Response:
    """The 202 of what :func:`begin` begins. Raises as that does."""
    return _accepted(begin(verb, request, key, work))


def begin(verb: str, request: Mapping[str, Any], key: str | None, work: Work) -> Operation:
    """An operation that does the work, or that did or does it already under the same key.

    Raises ``Busy``, and as ``ModelRegistry.begin_operation``.
    """
    gate = current_gate()
    if not gate.admitted.acquire(blocking=False):
        raise Busy
    begun = False
    try:
        operation, running = current_registry().begin_operation(verb, request, key=key)
        if running is not None:
            _spawn(gate, running, _with_warnings(work), request_id())
            begun = True
    finally:
        if not begun:
            gate.admitted.release()
    return operation


def _spawn(gate: Gate, running: RunningOperation, work: Work, request: str | None) -> None:
    def explain(error: Exception) -> dict[str, Any]:
        return {**describe(error), "request_id": request}

    def run() -> None:
        try:
            with gate.reading:
                running.run(work, explain)
        finally:
            gate.admitted.release()
            _threads.discard(thread)

    thread = threading.Thread(target=run, name="operation")
    _threads.add(thread)
    thread.start()


def _with_warnings(work: Work) -> Work:
    warnings = unknown_fields()

    def with_warnings(progress: ProgressCallback) -> dict[str, Any]:
        content = work(progress)
        found = [*content.get("warnings", []), *warnings]
        rest = {name: value for name, value in content.items() if name != "warnings"}
        return {"ok": True, **rest, **({"warnings": found} if found else {})}

    return with_warnings


def _accepted(operation: Operation) -> Response:
    url = url_for("operations.operation", operation_id=operation.operation_id)
    body = {"ok": True, "operation_id": operation.operation_id, "state": operation.state, "url": url}
    response = jsonify(answer(body))
    response.status_code = 202
    response.headers["Location"] = url
    response.headers["Preference-Applied"] = PREFERENCE
    response.headers["Retry-After"] = "1"
    return response


def finish(beat: Callable[[], None], timeout_s: float) -> None:
    """Returns when every operation of this process is done, or after so long; calls ``beat`` meanwhile.

    A worker that stops calls this before its interpreter does: after that no new thread could be started.
    """
    give_up_at = time.monotonic() + timeout_s
    while _threads and time.monotonic() < give_up_at:
        beat()
        for thread in list(_threads):
            thread.join(0.2)
            break
