"""What a verb takes, or an answer or a filter holds, read from where it is described."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar, get_args, get_origin, get_type_hints

from .unset import Unset

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
V = TypeVar("V")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a verb, or one field of a dataclass; ``is_optional``: None is a value of it."""

    name: str
    type: Any
    is_optional: bool
    default: Any
    meaning: str | None

    @property
    def is_required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def is_data(self) -> bool:
        """Whether it is a value; a callback is none, and goes over no wire."""
        return get_origin(self.type) is not get_origin(Callable[..., Any])


@functools.cache
def parameters_of(described: Callable[..., Any]) -> dict[str, Parameter]:
    """The parameters of a verb, or the fields of a dataclass, by their names and in their order.

    The type is without None and ``UNSET``; of several types it is the first, which all can be written as.
    """
    hints = get_type_hints(described, include_extras=True)
    found = {}
    for name, parameter in inspect.signature(described).parameters.items():
        if name == "self":
            continue
        hint, meaning = hints[name], None
        if get_origin(hint) is Annotated:
            hint, meaning = get_args(hint)
        kinds = get_args(hint) if type(None) in get_args(hint) or Unset in get_args(hint) else (hint,)
        type_ = next(kind for kind in kinds if kind not in (type(None), Unset))
        found[name] = Parameter(name, type_, type(None) in kinds or hint is Any, parameter.default, meaning)
    return found


def answer_of(verb: Callable[..., Any]) -> Any:
    """The type of what the verb gives."""
    return get_type_hints(verb)["return"]


def taking(make: Callable[P, V]) -> Callable[[Callable[[S, V], T]], Callable[Concatenate[S, P], T]]:
    """The decorated method is called with what the value is made of, and gets the value."""

    def decorate(method: Callable[[S, V], T]) -> Callable[Concatenate[S, P], T]:
        @functools.wraps(method)
        def called(self: S, /, *args: P.args, **options: P.kwargs) -> T:
            return method(self, make(*args, **options))

        own = next(iter(inspect.signature(method).parameters.values()))
        taken = inspect.signature(make).parameters.values()
        called.__signature__ = inspect.Signature([own, *taken])  # type: ignore[attr-defined]
        return called

    return decorate
