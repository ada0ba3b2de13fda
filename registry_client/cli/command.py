"""What every command of ``omr`` shares: options, the opened registry, exit codes, how a result is printed."""

from __future__ import annotations

import functools
import inspect
import os
import pwd
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from registry_core import (
    UNSET,
    AccessUnreadable,
    IdentityUnavailable,
    IntegrityError,
    InvalidToken,
    NotConfigured,
    NotFound,
    PermissionDenied,
    RegistryError,
    StorageError,
    Unauthenticated,
    Unset,
    Verbs,
    parameters_of,
)

from . import output

if TYPE_CHECKING:
    from registry_core import ModelRegistry

    from ..client import RegistryClient

    Registry = ModelRegistry | RegistryClient

F = TypeVar("F", bound=Callable[..., Any])

PREFIX = "OMNIBIOAI_MODEL_REGISTRY"
EXIT_REFUSED, EXIT_NOT_FOUND, EXIT_DAMAGED, EXIT_STORAGE, EXIT_UNFINISHED = 1, 3, 4, 5, 6
EXIT_UNKNOWN, EXIT_DENIED = 7, 8  # nobody knows who calls; who calls may not
# What httpx imports for its own command, and for asynchronous programs: half of what a short command would cost.
_NOT_OURS = ("httpx._main", "anyio", "trio")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def exit_code(error: RegistryError) -> int:
    """The process's exit code for a failure of the core."""
    if isinstance(error, NotFound):
        return EXIT_NOT_FOUND
    if isinstance(error, IntegrityError):
        return EXIT_DAMAGED
    if isinstance(error, (StorageError, AccessUnreadable, IdentityUnavailable, NotConfigured)):
        return EXIT_STORAGE
    if isinstance(error, (Unauthenticated, InvalidToken)):
        return EXIT_UNKNOWN
    return EXIT_DENIED if isinstance(error, PermissionDenied) else EXIT_REFUSED


def choose(context: click.Context, root: str | None, url: str | None, token_file: Path | None) -> None:
    """The root or the address that the commands work on: an option beats the environment.

    Raises ``click.UsageError`` where both are given the same way: nothing is guessed.
    """
    for name, value in (("--root", root), ("--url", url)):
        if value == "":
            raise click.BadParameter("is empty; left out, it is taken from the environment.", param_hint=name)
    sources = {name: context.get_parameter_source(name) for name in ("root", "url")}
    if root is not None and url is not None and sources["root"] != sources["url"]:
        root, url = (root, None) if sources["root"] is ParameterSource.COMMANDLINE else (None, url)
    context.obj = {"root": root, "url": url, "token_file": token_file}
    if root is not None and url is not None and ParameterSource.COMMANDLINE in sources.values():
        raise click.UsageError("--root and --url exclude each other.")


def verb(command: Callable[..., None]) -> Callable[..., None]:
    """Every verb: takes ``--json``, gets the registry of ``--root`` or ``--url``, and turns errors into exit codes."""
    return _runs(command, _open_either)


def local_verb(command: Callable[..., None]) -> Callable[..., None]:
    """As :func:`verb`, for what can only be done where the registry lies. With an address: wrong usage."""
    return _runs(command, _open_root)


def of_registry(command: Callable[..., None]) -> Callable[..., None]:
    """``--registry`` in the place of TASK and MODEL_NAME: of the registry itself, and only where that lies."""

    @click.argument("task", required=False)
    @click.argument("model_name", required=False)
    @click.option("--registry", "is_own", is_flag=True, help="Of the registry itself: rules of access, and tokens.")
    @functools.wraps(command)
    def run(registry: Any, *, task: str | None, model_name: str | None, is_own: bool, **options: Any) -> None:
        if is_own == (task is not None) or is_own == (model_name is not None):
            raise click.UsageError("Name TASK and MODEL_NAME, or --registry.")
        if is_own:
            _root(click.get_current_context().obj)
        command(registry, task=task, model_name=model_name, **options)

    return run


def audited(command: Callable[..., None]) -> Callable[..., None]:
    """As :func:`verb`, for ``--registry`` in the place of TASK and MODEL_NAME: the registry itself, where that lies.

    With ``--checkpoint`` it is the registry, or an export in the place of TASK, which needs no registry.
    """

    @click.argument("task", required=False)
    @click.argument("model_name", required=False)
    @click.option("--registry", "is_own", is_flag=True, help="Of the registry itself: rules of access, and tokens.")
    @functools.wraps(command)
    def run(registry: Any, *, is_own: bool, **options: Any) -> None:  # noqa: ARG001 - what was opened says it
        command(registry, **options)

    return _runs(run, _open_audited)


def _open_audited(chosen: dict[str, Any]) -> Registry:
    given = click.get_current_context().params
    task, model_name, is_own = (given[name] for name in ("task", "model_name", "is_own"))
    if given["checkpoint"] is not None:
        if is_own or model_name is not None:
            raise click.UsageError("--checkpoint is of all journals: name at most the directory of an export.")
        if not given["vkeys"]:
            raise click.UsageError("--checkpoint needs --vkey, the line of the log's key that was kept with the note.")
        return _open_either(chosen) if task is None else _core().open(task)
    if is_own == (task is not None) or is_own == (model_name is not None):
        raise click.UsageError("Name TASK and MODEL_NAME, or --registry.")
    if is_own:
        _root(chosen)
    return _open_either(chosen)


def making_verb(command: Callable[..., None]) -> Callable[..., None]:
    """As :func:`local_verb`, and where there is no registry yet, it is made."""
    return _runs(command, lambda chosen: _core().init(_root(chosen)))


def remote_verb(command: Callable[..., None]) -> Callable[..., None]:
    """As :func:`verb`, for what only makes sense from afar. Without an address: wrong usage."""
    return _runs(command, _open_url)


def plain_verb(command: Callable[..., None]) -> Callable[..., None]:
    """As :func:`verb`, for what needs no registry; the command gets None."""
    return _runs(command, lambda _chosen: None)


def _runs(command: Callable[..., None], open_it: Callable[[dict[str, Any]], Any]) -> Callable[..., None]:
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object, as the HTTP service answers.")
    @functools.wraps(command)
    def run(*, as_json: bool, **options: Any) -> None:
        context = click.get_current_context()
        registry: Any = None
        try:
            registry = open_it(context.obj)
            with closing(registry) if hasattr(registry, "close") else nullcontext():
                command(registry, as_json=as_json, **options)
        except RegistryError as error:
            (output.failure_as_json if as_json else output.failure)(error)
            if exit_code(error) == EXIT_UNKNOWN and not as_json and hasattr(registry, "url"):
                output.line(f"omr: {_how_to_be_known(context.obj['token_file'], registry.url)}", err=True)
            context.exit(exit_code(error))

    return run


def _how_to_be_known(token_file: Path | None, url: str) -> str:
    from ..local import settings

    if token_file is not None or settings.token():
        return f"the token in {token_file or settings.TOKEN} was sent."
    return f"sign in with 'omr login {url}'."


def _core() -> type[ModelRegistry]:
    from registry_core import ModelRegistry  # only when it is wanted: a service has it in its own process

    return ModelRegistry


def _open_either(chosen: dict[str, Any]) -> Registry:
    if chosen["root"] is not None and chosen["url"] is not None:
        raise click.UsageError(f"{PREFIX}_ROOT and {PREFIX}_URL are both set. Say by --root or --url which is meant.")
    return _core().open(chosen["root"]) if chosen["url"] is None else _open_url(chosen)


def _open_root(chosen: dict[str, Any]) -> ModelRegistry:
    return _core().open(_root(chosen))


def root_of(context: click.Context) -> str | None:
    """The root that the commands work on. With an address: wrong usage."""
    return _root(context.obj)


def _root(chosen: dict[str, Any]) -> str | None:
    if chosen["root"] is None and chosen["url"] is not None:
        name = click.get_current_context().command_path.removeprefix("omr ")
        raise click.UsageError(
            f"{name} works where the registry lies, and not over HTTP. Run it there, with --root or {PREFIX}_ROOT."
        )
    root: str | None = chosen["root"]
    return root


def _open_url(chosen: dict[str, Any]) -> RegistryClient:
    if chosen["url"] is None:
        name = click.get_current_context().command_path.removeprefix("omr ")
        raise click.UsageError(f"{name} speaks to a service. Name it with --url or {PREFIX}_URL.")
    if chosen["token_file"] is None:
        return open_url(chosen["url"])
    from ..local.credentials import read_file

    return open_url(chosen["url"], token=read_file(chosen["token_file"]))


def open_url(url: str, *, token: str | None = None) -> RegistryClient:
    """The service, and who calls it: by default as the environment says, or as ``omr login`` has kept."""
    with _without(*_NOT_OURS):
        from ..client import RegistryClient  # only when it is wanted: a directory needs no HTTP library

        return RegistryClient(url, token=token)


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Modules that are not imported yet cannot be: who would take them, and can do without, does."""
    missing = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(missing))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


def finish(content: dict[str, Any], as_json: bool, show: Callable[[dict[str, Any]], None] = output.facts) -> None:
    """Print a result the one way or the other."""
    if not content.get("warnings"):
        content.pop("warnings", None)
    if as_json:
        output.as_json({"ok": True, **content})
    else:
        show(content)
        output.warnings(content)


def table_of(name: str, columns: tuple[str, ...]) -> Callable[[dict[str, Any]], None]:
    """How a person is shown the rows of one field."""
    return lambda content: output.table(columns, content[name])


def option(described: Callable[..., Any], *names: str, **form: Any) -> Callable[[F], F]:
    """The option of a parameter, or a field, that is described elsewhere: its meaning and default are said there."""
    found = parameters_of(described)[names[-1].lstrip("-").replace("-", "_")]
    unsaid = (inspect.Parameter.empty, UNSET, None, ())
    shown = {} if found.default in unsaid else {"default": found.default, "show_default": True}
    return click.option(*names, **{"help": found.meaning, **shown, **form})


def _seq(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | Unset | None:
    if value is None:
        return UNSET
    if value != "none" and re.fullmatch(r"[0-9]{1,15}", value) is None:
        raise click.BadParameter(f"{value!r} is no number of an event, nor none.")
    return None if value == "none" else int(value)


expected_seq = option(
    Verbs.rollback,
    "--expected-seq",
    metavar="SEQ|none",
    callback=_seq,
    help="Do it only if this event moved the alias last; none: only if there is no such alias, or no event moved it.",
)


def overriding(command: Callable[..., None]) -> Callable[..., None]:
    """``--override-reason`` and ``--ticket`` of what a gate may refuse, as the one word ``override``."""

    @click.option(
        "--override-reason", help="Do it though its gate is not met, where the policy names you for that; why."
    )
    @click.option("--ticket", help="Where the override is talked about.")
    @functools.wraps(command)
    def run(*words: Any, override_reason: str | None, ticket: str | None, **more: Any) -> None:
        if ticket is not None and override_reason is None:
            raise click.UsageError("--ticket says where an override is talked about: give --override-reason.")
        override = None if override_reason is None else {"reason": override_reason, "ticket": ticket}
        command(*words, override=override, **more)

    return run


def _login_name() -> str:
    """Who runs this, as the system knows them; a user without a name is told by number."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


who = click.option(
    "--actor",
    envvar=f"{PREFIX}_ACTOR",
    default=_login_name,
    help=f"Who does this; goes into the journal [default: ${PREFIX}_ACTOR, or the login name].",
)
why = click.option("--reason", help="Why; goes into the journal.")


class Age(click.ParamType[float]):
    """A time span such as 90, 45m, 36h or 7d, in seconds."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(value))
        if match is None:
            self.fail(f"{value!r} is no time span; write for example 45m, 36h or 7d.", param, ctx)
        return float(match[1]) * _UNITS[match[2]]


class Size(click.ParamType[int]):
    """A number of bytes such as 1048576, 500M or 20G (of 1024)."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = re.fullmatch(r"(\d+)([KMGT]?)", str(value))
        if match is None:
            self.fail(f"{value!r} is no size; write for example 1048576, 500M or 20G.", param, ctx)
        return int(match[1]) << 10 * "_KMGT".index(match[2] or "_")
