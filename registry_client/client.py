"""``RegistryClient``: the verbs of ``ModelRegistry`` over HTTP, and the two that move bytes, pull and push."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .local import credentials, settings
from .remote.credentials import address_of, says_who_calls
from .remote.transport import Transport
from .remote.versions import Versions

if TYPE_CHECKING:
    from registry_core import ProgressCallback

    from .local.cache import Cache
    from .pull.pulling import Pulled
    from .push.pushing import Pushed


class RegistryClient(Versions):
    """A registry at an address, with the words, the values and the errors of ``ModelRegistry``. Thread-safe.

    Every verb raises what it raises in process, and ``StorageUnavailable`` where nobody answers.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_s: float = 60.0,
        retries: int = 4,
        headers: Mapping[str, str] | None = None,
        verify_tls: Any = True,
    ) -> None:
        """Nothing is sent before the first verb.

        ``token`` says who calls. None: the one in ``OMNIBIOAI_MODEL_REGISTRY_TOKEN``, or the one that ``omr login`` has
        kept for the address, unless a header or the address says who calls; empty: nobody. It goes to the registry, by
        TLS or within this machine, and nowhere else.
        ``timeout_s``: how long the server may be silent (calls that read whole packages have no limit).
        ``retries``: how often a call that failed in passing is sent again, where a repeat is harmless.
        ``headers`` go with every call to the registry, and nowhere else. ``verify_tls``: as httpx takes it.
        Raises ``InvalidParameter`` for an address that is none, and for a token that cannot be sent there.
        """
        if token is None and not says_who_calls(headers or {}, address_of(url)):
            token = settings.token() or credentials.kept(url)
        super().__init__(
            Transport(url, timeout_s=timeout_s, retries=retries, headers=headers, token=token, verify=verify_tls)
        )

    def pull(
        self,
        task: str,
        ref: str,
        dest: str | os.PathLike[str],
        *,
        digest: str | None = None,
        cache: Cache | None = None,
        use_cache: bool = True,
        workers: int = 4,
        offline: bool = False,
        link: bool = False,
        update: bool = False,
        progress: ProgressCallback | None = None,
    ) -> Pulled:
        """``dest`` is the package, every byte proven here; or it is not there at all. See :mod:`.pulling`.

        ``digest``: the package digest that it must have, whatever the registry says. ``link``: files may be hard
        links into the cache, so that they cost nothing, and whoever changes one changes all. ``update``: another
        version of the model, unchanged since it was pulled to ``dest``, gives way.
        """
        from .local.cache import Cache  # only when it is wanted: most calls move no files
        from .pull import pulling

        return pulling.pull(
            self,
            pulling.Wanted(task, ref, digest),
            Path(dest),
            cache=(cache or Cache()) if use_cache else None,
            workers=workers,
            offline=offline,
            link=link,
            update=update,
            progress=progress,
        )

    def push(
        self,
        directory: str | os.PathLike[str],
        task: str,
        model_name: str,
        version: str,
        metadata: dict[str, Any] | None = None,
        *,
        set_alias: str | None = "latest",
        actor: str | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
        exclude: Sequence[str] = (),
        follow_links: bool = False,
        cache: Cache | None = None,
        use_cache: bool = True,
        workers: int = 4,
        progress: ProgressCallback | None = None,
    ) -> Pushed:
        """The files of ``directory`` on this machine, or the one file, are a version for ever. See :mod:`.pushing`.

        ``exclude``: patterns of what is left out. ``follow_links``: symbolic links are what they lead to.
        Without a cache (``use_cache=False``) a push that breaks off begins anew.
        """
        from tempfile import TemporaryDirectory  # only when it is wanted: most calls move no files

        from .local.cache import Cache
        from .push import pushing
        from .push.choice import Choice

        words = {"set_alias": set_alias, "actor": actor, "reason": reason, "metadata": metadata or {}}
        target = pushing.Target(task, model_name, version, words, idempotency_key)
        choice = Choice(tuple(exclude), follow_links)
        with TemporaryDirectory(prefix="omr-push-") if not use_cache else nullcontext() as passing:
            used = Cache(passing) if passing is not None else cache
            return pushing.push(
                self, Path(directory), target, choice=choice, cache=used, workers=workers, progress=progress
            )
