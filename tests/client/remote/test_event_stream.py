"""The stream of events: none is skipped and none comes twice, whatever befalls the connection."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_client import RegistryClient
from registry_client.remote import event_stream, transport
from registry_client.remote.event_stream import messages
from registry_core import InvalidParameter, StorageUnavailable

from ...support.packages import write_package
from ..conftest import Service
from ..scripted import Act, answer, drop, problem, scripted
from ..wire import wire


def block(number: int, **more: Any) -> bytes:
    event = {"seq": number, "event": "promote", "task": "t", "model_name": "m", "version": "1", "alias": "a"}
    rest = dict.fromkeys(("previous_version", "actor", "reason", "ts_utc", "package_digest"))
    data = json.dumps({**event, **rest, **more}, ensure_ascii=False)
    return f"id: {number}\nevent: promote\ndata: {data}\n\n".encode()


def stream(*parts: bytes) -> Act:
    """A stream that ends without goodbye."""
    body = b"".join(parts)
    return lambda handler: handler.reply(200, {"Content-Type": "text/event-stream"}, body, len(body) + 1)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_DELAY_S", 0.002)
    monkeypatch.setattr(event_stream, "LONGEST_PAUSE_S", 0.01)


def test_it_goes_on_after_the_last_event_that_was_seen() -> None:
    script = [
        stream(b"retry: 2000\nid: 0.5\n\n", block(1), b": still here\n\n", block(2), block(3)[:-1]),
        drop,
        problem(503, "busy"),
        stream(b"retry: 1\nid: 2\n\n", block(3, reason="\u2028 is no line's end"), block(4)),
    ]
    with scripted(*script) as server, RegistryClient(server.url) as client:
        events = list(client.watch(limit=4))
        asked = [request.target.partition("?")[2] for request in server.asked]
    assert [(item.id, item.event.seq) for item in events] == [(str(n), n) for n in (1, 2, 3, 4)]
    assert events[2].event.reason == "\u2028 is no line's end"
    assert asked == ["", "after=2", "after=2", "after=2"]


def test_a_registry_without_events_is_taken_up_from_its_beginning() -> None:
    with scripted(stream(b"retry: 1\n\n"), stream(block(1))) as server, RegistryClient(server.url) as client:
        assert next(client.watch()).event.seq == 1
        assert [request.target for request in server.asked] == ["/v1/events", "/v1/events?after=0"]


def test_a_wrong_id_is_refused_and_nobody_there_is_said() -> None:
    with scripted(problem(422, "invalid_parameter")) as server, RegistryClient(server.url) as client:
        with pytest.raises(InvalidParameter):
            next(client.watch("x"))
        server.plays(answer(503, b""))
        with pytest.raises(StorageUnavailable):
            next(client.watch())


@given(st.data())
def test_a_stream_is_the_same_however_it_is_cut(data: st.DataObject) -> None:
    whole = b": hi\n\nretry: 5\r\nid: 0\r\n\r\n" + block(1) + b"data: a\ndata: b\n\n" + b"data: never finished\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    found = list(messages(parts))
    assert [(message.id, message.retry_ms) for message in found] == [("0", 5), ("1", None), (None, None)]
    assert found[2].data == "a\nb"


def test_all_events_of_a_real_service_come_over_a_line_that_breaks(service: Service, model: str, area: Any) -> None:
    registry = service.registry
    source = write_package(area / "source")
    with wire(service.url) as line, RegistryClient(line.url) as client:
        position = registry.last_event()
        registry.register("t", model, "1", source)
        events = client.watch(position)
        seen = [next(events)]
        for alias in ("a", "b", "c", "d"):
            registry.promote("t", model, alias, "1")
            line.cut()
            seen.append(next(events))
        events.close()
    assert [(item.event.seq, item.event.alias) for item in seen] == list(enumerate(["latest", "a", "b", "c", "d"], 1))
    assert all(item.event.model_name == model for item in seen)
