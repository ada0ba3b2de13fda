"""The door for whoever decides which version an alias may come to name, and what may be registered at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..vocabulary.errors import RegistryError
from .model import ModelStore


@dataclass(frozen=True)
class Override:
    """Why an alias shall name the version though not all is met that its gate asks for."""

    reason: str
    ticket: str | None = None


@dataclass(frozen=True)
class Arriving:
    """What is known of a version that is about to be registered, before any event names it.

    ``sizes``: of all files that the manifest covers; ``says``: what its event will say of them.
    """

    package_digest: str
    sizes: Mapping[str, int]
    meta: Mapping[str, Any]
    says: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """That an alias comes to name a version, by an event of the kind ``verb``.

    ``by``: what the event will say of who makes it. ``is_new``: the version is about to be registered, perhaps without
    an alias; ``arriving`` is what is known of it, None before a byte of it was read.
    """

    verb: str
    version: str
    alias: str | None
    by: Mapping[str, Any]
    override: Override | None = None
    is_new: bool = False
    arriving: Arriving | None = None


@dataclass(frozen=True)
class Verdict:
    """``refusal`` is why it may not be, if it may not; ``says`` is what the event records of the verdict.

    ``is_gated``: something is asked of a version that the alias shall name.
    """

    refusal: RegistryError | None = None
    says: Mapping[str, Any] = field(default_factory=dict)
    is_gated: bool = False


class Gate(Protocol):
    """Asked wherever an alias comes to name a version, and of every new version, with the model held."""

    def judge(self, model: ModelStore, asked: Asked) -> Verdict:
        """The verdict as everything stands now. Writes nothing."""

    def guards(self, model: ModelStore) -> bool:
        """Whether anything is asked of any version that an alias of the model shall name."""
