"""A verb becomes a method of the client: its arguments are sent, and its answer is read."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar, get_args

from registry_core import UNSET, ActivityPage, HistoryPage, Warned, answer_of, parameters_of

from .answers import read, read_list, strange, texts
from .bodies import object_of
from .connection import Connected
from .pages import page_of
from .transport import Repeat

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V")

QUERY_NAMES = {"model_name": "model", "from_size": "from", "to_size": "to"}


def call(
    verb: Callable[Concatenate[Any, P], T],
    method: str,
    path: str,
    *,
    patient: bool = False,
    within: str | None = None,
    no_null: tuple[str, ...] = (),
    paged: bool = False,
) -> Callable[Concatenate[Connected, P], T]:
    """The verb over HTTP. ``within``: the field of the answer in which it is, where it is a list; ``paged``: the answer
    is a bare list, and a header says where it goes on. ``no_null``: what the service knows no null of; None is then
    left out.

    ``patient``: the server may be silent for as long as it works, as it always may while it proves bytes. What only
    reads is sent again after any failure in passing; the rest only where nothing was changed.
    """
    described, kind, signature = parameters_of(verb), answer_of(verb), inspect.signature(verb)

    def is_sent(name: str, given: inspect.BoundArguments) -> bool:
        value = given.arguments[name]
        return described[name].is_data and value is not UNSET and (value is not None or name not in no_null)

    @functools.wraps(verb)
    def called(self: Connected, /, *args: P.args, **options: P.kwargs) -> T:
        given = signature.bind(self, *args, **options)
        given.apply_defaults()
        sent = {name: _plain(given.arguments[name]) for name in described if is_sent(name, given)}
        waits = patient or sent.get("verify") is True
        if method == "GET":
            query = {QUERY_NAMES.get(name, name): value for name, value in sent.items()}
            answer = self.transport.call(method, path, query=query, patient=waits)
        else:
            answer = self.transport.call(method, path, body=sent, repeat=Repeat.IF_UNDONE, patient=waits)
        content = page_of(kind, answer, sent.get("cursor")) if paged else object_of(answer)
        found: Any = read(kind, content) if within is None else list_of(get_args(kind)[0], content, within)
        if isinstance(found, HistoryPage | ActivityPage) and not _goes_on(found.next, sent):
            raise strange(kind, "it goes on where it began, for ever")
        return found  # type: ignore[no-any-return]

    return called


def _goes_on(following: int | str | None, sent: Mapping[str, Any]) -> bool:
    """Whether the page that follows is another one; ``sent``: what was asked for."""
    if isinstance(following, int):
        before = str(sent.get("before"))
        is_behind = not (before.isascii() and before.isdecimal()) or following < int(before)
        return is_behind if sent.get("order") == "desc" else following > (sent.get("after") or 0)
    return following is None or following != sent.get("before")


def list_of(kind: type[V], content: Mapping[str, Any], within: str) -> Warned[V]:
    return Warned(read_list(kind, content.get(within)), texts(content.get("warnings")))


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
