"""The verbs of operations: long work with a document that tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..access.roles import Action
from .opening import OpenedRegistry

if TYPE_CHECKING:
    from ..operations.running import Operation, Operations, RunningOperation


class OperationVerbs(OpenedRegistry):
    """Long calls that go on by themselves."""

    @cached_property
    def _all_operations(self) -> Operations:
        from ..operations.running import Operations  # only when it is wanted

        return Operations(self._storage)

    @property
    def _operations(self) -> Operations:
        self._identity.confirm()
        return self._origin._all_operations  # noqa: SLF001 - a registry like this one

    def begin_operation(
        self, verb: str, request: Mapping[str, Any], *, key: str | None = None
    ) -> tuple[Operation, RunningOperation | None]:
        """(the operation, the right to do its work); None in its place if it runs or is done already.

        ``request`` is what is asked for, as JSON values; ``key`` makes a repeat of it by the same caller harmless.
        Raises ``IdempotencyKeyReused``, ``StorageError``.
        """
        return self._operations.begin(verb, request, key, None if self._door is None else self._door.whose)

    def require_may(
        self,
        task: str,
        model_name: str,
        action: Action,
        *,
        sets: str | None = None,
        names: str | None = None,
        names_path: bool = False,
    ) -> None:
        """What goes on later may be begun now: the caller may do that to the model, let the alias ``sets`` name a new
        version, call that ``names``, and with ``names_path`` name an ``artifacts_dir``; or to read a model that may
        not be seen, which is not there when it is looked for.

        Raises ``PermissionDenied``, ``AccessUnreadable``.
        """
        if self._door is not None:
            self._model(task, model_name, action, sets=sets, names=names)
            if names_path:
                self._door.sources(task, model_name, self._settings.artifacts_allowed_roots)

    def operation(self, operation_id: str, *, of: Mapping[str, Any] | None = None) -> Operation:
        """The operation as it is now, if the caller began it and still counts, or is an admin.

        ``of``: if it does just that, too: ``verb``, and ``task``, ``model_name``, ``version`` or ``ref`` as it was
        asked with them. Raises ``OperationNotFound``, ``PermissionDenied``, ``StorageError``.
        """
        if self._door is None:
            return self._operations.get(operation_id, of=of)
        found = self._operations.get(operation_id, None if self._door.is_admin else self._door.whose, of)
        self._door.require_counting()
        return found
