"""The log's private key, and the last note that was signed with it: both lie outside the root that they vouch for."""

from __future__ import annotations

import os
import re
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ...settings import PREFIX, CoreSettings
from ...storage.locks import hold_within
from ...vocabulary.errors import NotConfigured, StorageUnavailable
from ...vocabulary.evidence_errors import LogBehind
from ...vocabulary.log import MOST_NOTE_BYTES
from .. import keys
from . import signed_note
from .log import Log
from .signed_note import Checkpoint, Verifier

KEY, STATE = f"{PREFIX}LOG_KEY", f"{PREFIX}LOG_STATE"
_END = b"-----END PRIVATE KEY-----"


@dataclass(frozen=True)
class LogKey:
    """``key``: a file with the key in PEM, and while it is changed both; ``state``: one with the last note."""

    key: Path
    state: Path
    timeout_s: float

    @classmethod
    def of(cls, settings: CoreSettings) -> LogKey | None:
        """As the settings say; None where they name no key. Raises ``NotConfigured`` for one inside the root."""
        if settings.log_key is None:
            return None
        state = settings.log_state or f"{settings.log_key}.last"
        for name, path in ((KEY, settings.log_key), (STATE, state)):
            root = settings.root or ""
            if not os.path.isabs(path):
                raise NotConfigured(f"{name} is {path!r}, which is not an absolute path.", reason="bad_setting")
            if root and "://" not in root and _lies_in(path, root):
                raise NotConfigured(
                    f"{name} lies inside the registry's root. Whoever may write there could sign anything: "
                    "keep it elsewhere.",
                    reason="bad_setting",
                )
        return cls(Path(settings.log_key), Path(state), settings.lock_timeout_s)

    def read(self) -> list[keys.PrivateKey]:
        """The keys in the file, none where there is no file. Raises ``NotConfigured``."""
        try:
            fd = os.open(self.key, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unusable(f"it cannot be read: {error.strerror}") from None
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise _unusable("it is no file")
            if status.st_mode & 0o077:
                raise _unusable("others may read it: chmod 0600")
            parts = file.read(MOST_NOTE_BYTES).split(_END)[:-1]
        try:
            found = [keys.load_private(part + _END) for part in parts]
        except ValueError as error:
            raise _unusable(str(error)) from None
        if not found or any(one.public.type != keys.ED25519 for one in found):
            raise _unusable("it has no Ed25519 key in PEM")
        return found

    def make(self) -> list[keys.PrivateKey]:
        """The keys in the file, which has a new one where it was not there. Raises ``NotConfigured``."""
        with self.alone():
            if not self.read():
                self.write([keys.new_ed25519()], is_new=True)
        return self.read()

    def write(self, found: Sequence[keys.PrivateKey], *, is_new: bool = False) -> None:
        """The file has these keys, and nobody else may read it. Call it :meth:`alone`. Raises ``NotConfigured``."""
        try:
            _write(self.key, b"".join(keys.private_pem(one) for one in found), is_new=is_new)
        except FileExistsError:
            return  # another process made it
        except OSError as error:
            raise _unusable(f"it cannot be written: {error.strerror}") from None

    def signers(self, verifiers: Sequence[Verifier]) -> list[tuple[str, keys.PrivateKey]]:
        """The private keys of these, each with its name. Raises ``NotConfigured`` where one is not in the file."""
        found = self.read()
        if not found:
            raise _unusable("there is no such file")
        named = {self.named(one.name, private): private for one in verifiers for private in found}
        if any(one not in named for one in verifiers):
            raise _unusable("the log's key is another one, and only that signs it")
        return [(one.name, named[one]) for one in verifiers]

    def retire(self, verifiers: Sequence[Verifier]) -> None:
        """The file has no key of these any more, where it can be written. Call it :meth:`alone`."""
        with suppress(NotConfigured):
            found = self.read() if verifiers else []
            left = [one for one in found if all(self.named(old.name, one) != old for old in verifiers)]
            if 0 < len(left) < len(found):
                self.write(left)

    def named(self, name: str, private: keys.PrivateKey) -> Verifier:
        """How outsiders know the key."""
        return signed_note.verifier_of(name, private.public)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other process of this host signs meanwhile. Raises ``LockTimeout``, ``NotConfigured``."""
        try:
            fd = os.open(f"{self.state}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(f"nothing can be kept beside it: {error.strerror}", STATE) from None
        try:
            hold_within(fd, self.timeout_s)
            for path in (self.key, self.state):
                _clear(path)
            yield
        finally:
            os.close(fd)

    def last_note(self) -> bytes | None:
        """What was signed last, as it was shown; None if nothing was. Raises ``NotConfigured``."""
        try:
            return self.state.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(f"it cannot be read: {error.strerror}", STATE) from None

    def last(self) -> Checkpoint | None:
        """What :meth:`last_note` says. Raises ``NotConfigured`` where that cannot be told."""
        data = self.last_note()
        try:
            return None if data is None else signed_note.checkpoint_of(signed_note.parse(data))
        except ValueError as error:
            raise _unusable(f"it has not the last note, {error}; find that, before anything is signed", STATE) from None

    def require_not_ahead(self, log: Log, last: Checkpoint | None) -> None:
        """The log extends what was signed ``last``. Raises ``LogBehind``: else two readers could be shown two pasts.

        That is read before the log is followed: the journals are never behind it, and others may publish meanwhile.
        """
        said = log.said
        if last is None:
            return
        lost = said.lost
        if last.origin != said.origin:
            if lost is not None and lost.origin == last.origin and last.size <= lost.size:
                return
            fault = f"was another log's, {last.origin!r}"
        elif last.size > said.size:
            fault = f"had {last.size} lines, and now there are {said.size}: an older copy stands in its place"
        elif log.root_at(last.size) != last.root:
            fault = f"had {last.size} other lines: what was written has been changed"
        else:
            return
        raise LogBehind(
            f"The log does not go on from what was signed last: that {fault}. Nothing was published. Restore what is "
            "missing; if it is lost, 'omr log restart --origin NAME --reason WHY' begins another log and says so.",
            signed_size=last.size,
            size=said.size,
        )

    def keep(self, note: bytes) -> None:
        """The note is the last one, whatever happens to this machine. Raises ``StorageUnavailable``."""
        try:
            _write(self.state, note)
        except OSError as error:
            raise StorageUnavailable(f"The last note cannot be kept in {STATE}: {error.strerror}.") from error


def _clear(path: Path) -> None:
    """Nothing is left of whoever died while writing the file: it may be a key."""
    draft = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{32}}")
    with suppress(OSError):
        for found in path.parent.iterdir():
            if draft.fullmatch(found.name):
                found.unlink()


def _write(path: Path, data: bytes, *, is_new: bool = False) -> None:
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
        (os.link if is_new else os.rename)(draft, path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def _lies_in(path: str, root: str) -> bool:
    inner, outer = os.path.realpath(path), os.path.realpath(root)
    return os.path.commonpath((inner, outer)) == outer


def _unusable(why: str, setting: str = KEY) -> NotConfigured:
    return NotConfigured(f"{setting} names a file that cannot be used: {why}.", reason="log_key_unusable")
