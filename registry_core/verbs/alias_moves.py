"""What a verb must know before it moves an alias, and the rules that every move keeps."""

from __future__ import annotations

from dataclasses import dataclass

from ..format.layout import ModelKeys
from ..models.gate import Gate, Verdict
from ..models.model import ModelStore
from ..vocabulary.errors import AliasMoved, AliasNotFound, NameTaken
from ..vocabulary.names import check_new_name
from ..vocabulary.unset import Unset


@dataclass(frozen=True)
class SeenAlias:
    """An alias as it is. ``named``: the version that it names, None if there is no such alias.

    ``is_version``: a version has its name, or once had it (only looked at where there is no such alias).
    """

    model: ModelKeys
    alias: str
    named: str | None
    is_version: bool

    def check_may_be(self) -> None:
        """The alias is there, or may be made. Raises ``InvalidName``, ``NameTaken``."""
        if self.named is not None:
            return
        check_new_name("alias", self.alias)
        if self.is_version:
            raise NameTaken(f"{self.alias!r} is a version of {self.model.title}; an alias needs another name.")

    def check_is(self) -> str:
        """The version that the alias names. Raises ``AliasNotFound``."""
        if self.named is None:
            raise AliasNotFound(
                f"{self.model.title} has no alias {self.alias!r}.",
                task=self.model.task,
                model_name=self.model.model_name,
                alias=self.alias,
            )
        return self.named

    def check_expected(self, expected: str | Unset | None) -> None:
        """The alias names the version that the caller thinks. Raises ``AliasMoved``."""
        if isinstance(expected, Unset) or self.named == expected:
            return
        now = f"names {self.named!r}" if self.named is not None else "does not exist"
        wanted = f"to name {expected!r}" if expected is not None else "not to exist"
        raise AliasMoved(
            f"The alias {self.alias!r} {now}, but the request expects it {wanted}. Look at it again before moving it.",
            alias=self.alias,
            expected_version=expected,
            actual_version=self.named,
        )


def look_at_alias(model: ModelStore, alias: str) -> SeenAlias:
    named = model.alias_named(alias)
    return SeenAlias(model.keys, alias, named, is_version=named is None and model.is_taken(alias))


def ask(gate: Gate | None, model: ModelStore, alias: str, version: str | None) -> Verdict:
    """The gate's verdict, where there is a gate, and something to judge."""
    return Verdict() if gate is None or version is None else gate.judge(model, alias, version)
