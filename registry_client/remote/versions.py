"""Register, and the verbs that read one version or model, over HTTP."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from registry_core import (
    Admission,
    InvalidMetadata,
    InvalidParameter,
    ProgressCallback,
    Registration,
    Resolution,
    Verbs,
    VerbsOfEvents,
    Verification,
)

from .access import Access
from .answers import read
from .attestations import Attesting
from .bodies import object_of
from .calls import call
from .facts import Facts
from .governing import Governing
from .listing import ListingVerbs
from .log import Log
from .looking import Looking
from .operations import Operation, finish
from .rules import Rules
from .running import Running
from .transport import Repeat, as_json

MAX_KEY_CHARACTERS = 255
_ASYNC = {"Prefer": "respond-async"}


class Versions(Governing, Running, Looking, ListingVerbs, Log, Access, Rules, Facts, Attesting):
    """Every verb of ``ModelRegistry`` that makes sense from afar."""

    show = call(Verbs.show, "GET", "/v1/show")
    list_aliases = call(Verbs.list_aliases, "GET", "/v1/aliases", within="aliases")
    history = call(VerbsOfEvents.history, "GET", "/v1/history")
    activity = call(VerbsOfEvents.activity, "GET", "/v1/history")
    artifacts = call(Verbs.artifacts, "GET", "/v1/artifacts")
    metrics = call(Verbs.metrics, "GET", "/v1/metrics")
    compare = call(Verbs.compare, "GET", "/v1/compare")
    _resolve = call(Verbs.resolve, "GET", "/v1/resolve")

    def register(
        self,
        task: str,
        model_name: str,
        version: str,
        artifacts_dir: str | os.PathLike[str] | None = None,
        metadata: dict[str, Any] | None = None,
        *,
        upload_id: str | None = None,
        set_alias: str | None = "latest",
        actor: str | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
        progress: ProgressCallback | None = None,
        wait: bool = False,
    ) -> Registration:
        """The package is a version for ever; or nothing has changed. It is sent again after failures in passing.

        Either ``artifacts_dir``, an absolute path as the server sees it, or ``upload_id``, an upload session.
        Without an ``idempotency_key`` one is made, so that a repeat of this call is harmless.
        With ``wait`` (or ``progress``) the server works in the background and is asked how far it is: no proxy
        on the way needs patience. Raises as ``ModelRegistry.register``.
        """
        if (artifacts_dir is None) == (upload_id is None):
            raise InvalidParameter("Give either artifacts_dir or upload_id.", field="artifacts_dir")
        source = {"artifacts_dir": os.fspath(artifacts_dir)} if artifacts_dir is not None else {"upload_id": upload_id}
        words = {"set_alias": set_alias, "actor": actor, "reason": reason}
        fields = {"task": task, "model_name": model_name, "version": version, **source}
        content = _registration({**fields, **words}, metadata)
        key = str(uuid.uuid4()) if idempotency_key is None else _checked_key(idempotency_key)
        answer = self._long("/v1/register", content, {"Idempotency-Key": key}, progress, wait=wait)
        return read(Registration, answer)

    def ask_register(
        self,
        task: str,
        model_name: str,
        version: str,
        metadata: dict[str, Any] | None = None,
        *,
        set_alias: str | None = "latest",
        actor: str | None = None,
        reason: str | None = None,
    ) -> Admission:
        """Whether :meth:`register` would take the name, the words and the alias. As ``ModelRegistry.ask_register``."""
        words = {"set_alias": set_alias, "actor": actor, "reason": reason}
        content = _registration({"task": task, "model_name": model_name, "version": version, **words}, metadata)
        headers = {"Content-Type": "application/json"}
        answer = self._transport.call(
            "POST", "/v1/register/ask", content=content, headers=headers, repeat=Repeat.ANY_FAILURE
        )
        return read(Admission, object_of(answer))

    def resolve(
        self,
        task: str,
        ref: str,
        *,
        verify: bool = True,
        as_of: str | datetime | None = None,
        progress: ProgressCallback | None = None,
    ) -> Resolution:
        """The exact version that the ref names, every byte proven by the server unless ``verify`` is false.

        ``path`` is where the server has it. Raises as ``ModelRegistry.resolve``.
        """
        asks_first = verify and progress is not None
        found = self._resolve(task, ref, verify=verify and not asks_first, as_of=as_of)
        if not asks_first:
            return found
        proven = self.verify(task, f"{found.model_name}@{found.version}", progress=progress)
        warnings = [*found.warnings, *(text for text in proven.warnings if text not in found.warnings)]
        return replace(found, verified=True, package_digest=proven.package_digest, warnings=warnings)

    def verify(
        self, task: str, ref: str, *, progress: ProgressCallback | None = None, wait: bool = False
    ) -> Verification:
        """Every byte of the version was read by the server and is as registered. ``wait`` as in :meth:`register`."""
        return read(
            Verification, self._long("/v1/verify", as_json({"task": task, "ref": ref}), {}, progress, wait=wait)
        )

    def operation(self, operation_id: str) -> Operation:
        """How far a call that runs in the background is. Raises ``NotFound`` for one that has expired."""
        return self._get(Operation, f"/v1/operations/{operation_id}")

    def _long(
        self,
        path: str,
        content: bytes,
        headers: Mapping[str, str],
        progress: ProgressCallback | None,
        *,
        wait: bool,
    ) -> Any:
        """The answer to a call that reads whole packages; it may be sent again."""
        in_background = wait or progress is not None
        sent = {"Content-Type": "application/json", **headers, **(_ASYNC if in_background else {})}

        def begin() -> Operation | dict[str, Any]:
            answer = self._transport.call(
                "POST", path, content=content, headers=sent, repeat=Repeat.ANY_FAILURE, patient=True
            )
            found = object_of(answer)
            return read(Operation, found) if answer.status_code == 202 else found

        return finish(begin, self.operation, progress) if in_background else begin()


def _registration(fields: dict[str, Any], metadata: dict[str, Any] | None) -> bytes:
    try:
        return as_json({**fields, "metadata": {} if metadata is None else metadata})
    except InvalidParameter as error:
        raise InvalidMetadata(error.message) from None


def _checked_key(key: str) -> str:
    # It goes into a header, which holds nothing else.
    if not isinstance(key, str) or not (0 < len(key) <= MAX_KEY_CHARACTERS and key.isascii() and key.isprintable()):
        raise InvalidParameter(
            f"An idempotency key has 1 to {MAX_KEY_CHARACTERS} printable ASCII characters.", field="idempotency_key"
        )
    return key


if TYPE_CHECKING:
    _: type[Verbs] = Versions
