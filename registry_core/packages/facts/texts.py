"""Text, which is read wholly; and text of a form in which code may be named."""

from __future__ import annotations

import codecs

from .bounds import HEADER_BYTES, TEXT_BYTES
from .file_bytes import FileBytes
from .json_text import Repeated, fault_in_text, fault_of_config, parse_json
from .load import CODE, UNREADABLE, Judged, Odd, PastBound

FORMAT = "text"
_FIRST_BYTES, _STEP_BYTES = 4 * 1024, 256 * 1024


def judge(path: str, data: FileBytes) -> Judged | None:
    """None where it is no text. Raises ``FetchFailed``."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    end = min(data.size_bytes, TEXT_BYTES)
    try:
        at = 0
        while at < end:
            chunk = data.at(at, min(_STEP_BYTES if at else _FIRST_BYTES, end - at))
            if b"\0" in chunk:
                return None
            at += len(chunk)
            decoder.decode(chunk, at == data.size_bytes)
    except UnicodeDecodeError:
        return None
    if end < data.size_bytes:
        return Judged(FORMAT, UNREADABLE, "it is longer than is read of a text")
    if path.casefold().endswith(".json"):
        return _of_json(path.casefold().rpartition("/")[2], data)
    return Judged(FORMAT)


def _of_json(name: str, data: FileBytes) -> Judged:
    why = None
    try:
        if data.size_bytes > HEADER_BYTES:
            raise PastBound("it is longer than a configuration is")
        fault = fault_of_config(parse_json(data.at(0, data.size_bytes)))
    except Repeated as odd:  # of two values readers take the one or the other
        return Judged(FORMAT, UNREADABLE, odd.args[0])
    except Odd as odd:  # if no configuration, a vocabulary, whose every word is data
        fault, why = fault_in_text(data), odd.args[0] if name.endswith("config.json") else None
    if fault is not None:
        return Judged(FORMAT, CODE, fault)
    return Judged(FORMAT, UNREADABLE, why) if why is not None else Judged(FORMAT)
