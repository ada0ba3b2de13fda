"""Applications of the same process share what they compile: tests make hundreds of them, and a service makes one.

A template is compiled by the first that shows it; the builder of an address by the first link that is made to it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import CodeType
from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

_compiling = threading.Lock()


class CompiledTemplates(BytecodeCache):
    """What was compiled of the same text under the same name."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.code


def _built_when_asked(compile_builder: Callable[..., Callable[..., Any]]) -> Callable[..., Callable[..., Any]]:
    def compile_later(rule: Rule, append_unknown: bool = True) -> Callable[..., Any]:
        made: list[Callable[..., Any]] = []

        def build(itself: Rule, **values: Any) -> Any:
            if not made:
                with _compiling:  # threads of Python 3.11 that make syntax trees at once trip over each other
                    made.append(compile_builder(rule, append_unknown))
            return made[0](itself, **values)

        return build

    return compile_later


def share() -> None:
    """From now on, in this process and those that it forks."""
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": CompiledTemplates()}
    Rule._compile_builder = _built_when_asked(Rule._compile_builder)  # type: ignore[method-assign]
