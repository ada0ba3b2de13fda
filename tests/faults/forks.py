"""Work in forked children: killed, raced, or run as another user, and bounded in any case."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_CAPABILITIES_VERSION = 0x20080522
_READ_ANYTHING = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
LIMIT_S = 100  # a child that hangs is ended by its own alarm
ORDINARY_USER = 1000


@dataclass(frozen=True)
class Outcome:
    """How a child ended: it returned ``value``, raised ``error``, or died by ``signal``."""

    value: Any = None
    error: BaseException | None = None
    signal: int | None = None

    def get(self) -> Any:
        """The value. Raises what the child raised."""
        if self.error is not None:
            raise self.error
        assert self.signal is None, f"the child died of signal {self.signal}"
        return self.value


class ChildFailed(Exception):
    """The child raised something that cannot be sent; its traceback is the message."""


class Child:
    """``work()`` in a forked process. Reap it with :meth:`join`."""

    def __init__(self, work: Callable[[], Any], *, uid: int | None = None, close: Sequence[int] = ()) -> None:
        self._reader, writer = os.pipe()
        with warnings.catch_warnings():
            # A newer Python warns that the test runner has threads; the child uses none of theirs.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            for fd in (self._reader, *close):
                os.close(fd)
            _run(work, writer, uid)
        os.close(writer)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def join(self) -> Outcome:
        parts = []
        while part := os.read(self._reader, 65536):
            parts.append(part)
        os.close(self._reader)
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            return Outcome(signal=os.WTERMSIG(status))
        worked, value = pickle.loads(b"".join(parts))
        return Outcome(value=value) if worked else Outcome(error=value)


def run(work: Callable[[], Any], *, uid: int | None = None) -> Outcome:
    """``work()`` in a child, to its end."""
    return Child(work, uid=uid).join()


def obey_modes() -> None:
    """From here on file modes bind this process, also where it is root's: it may read what it owns and nothing more."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; and the three again for the higher ones
    assert libc.capget(header, sets) == 0
    for number in (0, 1, 2):
        sets[number] &= ~_READ_ANYTHING
    assert libc.capset(header, sets) == 0, os.strerror(ctypes.get_errno())


def run_as_ordinary_user(work: Callable[[], Any]) -> Outcome:
    """``work()`` by somebody whom file modes bind, unlike root."""
    return run(work, uid=ORDINARY_USER if os.geteuid() == 0 else None)


def race(works: Sequence[Callable[[], Any]]) -> list[Outcome]:
    """Every work in a process of its own; all of them stand ready before the first one starts."""
    ready_reader, ready_writer = os.pipe()
    gate_reader, gate_writer = os.pipe()

    def at_the_gate(work: Callable[[], Any]) -> Callable[[], Any]:
        def wait_and_work() -> Any:
            os.write(ready_writer, b".")
            os.read(gate_reader, 1)  # returns when the last writer, the parent, closes the gate
            return work()

        return wait_and_work

    children = [Child(at_the_gate(work), close=(gate_writer, ready_reader)) for work in works]
    os.close(ready_writer)
    waiting = len(children)
    while waiting and (seen := os.read(ready_reader, waiting)):
        waiting -= len(seen)
    os.close(gate_writer)
    outcomes = [child.join() for child in children]
    os.close(gate_reader)
    os.close(ready_reader)
    assert waiting == 0, "a child died before the race began"
    return outcomes


def _run(work: Callable[[], Any], writer: int, uid: int | None) -> None:
    """Never returns: the child must not go on with the parent's test run."""
    status = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LIMIT_S)
        real_write = os.write  # the work may replace it
        if uid is not None:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        try:
            answer = (True, work())
        except BaseException as error:  # noqa: BLE001 - it is for the parent to judge
            answer = (False, _sendable(error))
        left = memoryview(pickle.dumps(answer))
        while left:
            left = left[real_write(writer, left) :]
        status = 0
    finally:
        os._exit(status)


def _sendable(error: BaseException) -> BaseException:
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001
        return ChildFailed("".join(traceback.format_exception(error)))
    return error
