"""What is kept of a training run, as older software's ``RunLogger`` writes it too.

::

    runs/<run_id>/
        run.json                  status, started_at, finished_at, actor (ours alone)
        params.json               one object
        tags.json                 one object
        metrics/<key>.jsonl       one {"key", "value", "step", "ts_utc"} a line

A metric's key may hold anything (``val/loss`` is common), so its file is named by the key with percent signs.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

from ..vocabulary.texts import encode, escaped, parse_object

RUN = "run.json"
PARAMS = "params.json"
TAGS = "tags.json"
METRICS = "metrics"
MAX_FILE_NAME_BYTES = 240
_SUFFIX = ".jsonl"


def file_of(key: str) -> str:
    """The name of the metric's file: the key, percent-encoded outside of ``A-Z a-z 0-9 . _ -``."""
    return quote(key, safe="").replace("~", "%7E") + _SUFFIX


def key_of(file_name: str) -> str | None:
    """The key of the metric in a file of that name; None where it is no metric's."""
    return escaped(unquote(file_name.removesuffix(_SUFFIX))) if file_name.endswith(_SUFFIX) else None


def encode_point(key: str, value: int | float, step: int, ts_utc: str) -> bytes:
    """The line of a point."""
    return encode({"key": key, "value": value, "step": step, "ts_utc": ts_utc}) + b"\n"


def parse_point(line: bytes) -> dict[str, Any] | None:
    """The point in a line (``value``, ``step``, ``ts_utc`` if it has that); None where there is none in it."""
    found = parse_object(line)
    if found is None or "value" not in found:
        return None
    when = {"ts_utc": found["ts_utc"]} if isinstance(found.get("ts_utc"), str) else {}
    return {"value": found["value"], "step": found.get("step", 0), **when}
