"""Patterns of names: ``*`` stands for any characters of one name, everything else for itself."""

from __future__ import annotations

from dataclasses import dataclass

from .texts import has_control, is_unicode

# They look like patterns of other languages, in which they would protect or allow something; here they are refused.
_OTHER_LANGUAGES = frozenset("?[]{}\\")
MAX_CHARACTERS = 512


def matches(pattern: str, name: str) -> bool:
    """Whether the whole name is as the pattern says, in time that grows with their lengths only."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, last = rest
    if not name.startswith(first) or len(name) < len(first) + len(last) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def any_matches(patterns: tuple[str, ...], name: str) -> bool:
    return any(matches(pattern, name) for pattern in patterns)


def any_protects(patterns: tuple[str, ...], name: str) -> bool:
    """As :func:`any_matches`, whatever the case of letters: for people, and on some filesystems, names are then one."""
    return any_matches(tuple(pattern.casefold() for pattern in patterns), name.casefold())


def fault_of(pattern: str) -> str | None:
    """Why the text is no pattern of one name, in words; None if it is one."""
    if not pattern or len(pattern) > MAX_CHARACTERS:
        return f"has 1 to {MAX_CHARACTERS} characters"
    if not is_unicode(pattern) or has_control(pattern) or "/" in pattern:
        return "is one name, with no control character and no '/'"
    if _OTHER_LANGUAGES & set(pattern):
        return "knows '*' only: no '?', '[', ']', '{', '}' or '\\'"
    return None


@dataclass(frozen=True)
class ModelPattern:
    """Which models are meant, as ``task/model_name``."""

    task: str
    model_name: str

    def matches(self, task: str, model_name: str) -> bool:
        return matches(self.task, task) and matches(self.model_name, model_name)

    @property
    def is_everything(self) -> bool:
        return not (self.task + self.model_name).strip("*")

    def __str__(self) -> str:
        return f"{self.task}/{self.model_name}"


def parse_models(text: str) -> ModelPattern:
    """The pattern ``task/model_name``. Raises ``ValueError`` saying what one is."""
    task, slash, model_name = text.partition("/")
    if not slash:
        raise ValueError("is of the form task/model_name, '*/*' for all")
    for part in (task, model_name):
        fault = fault_of(part)
        if fault is not None:
            raise ValueError(f"is of the form task/model_name, and each of the two {fault}")
    return ModelPattern(task, model_name)
