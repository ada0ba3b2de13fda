"""One holder at a time, across threads and processes; the kernel lets go for a holder that died."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from registry_core import LockTimeout
from registry_core.storage.locks import exclusive, try_hold

from ...faults.forks import Child


def test_a_second_holder_waits_and_then_gives_up_with_a_hint(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with exclusive(path, 0):
        with pytest.raises(LockTimeout) as caught, exclusive(path, 0.05):
            pytest.fail("two holders at once")
        assert caught.value.detail["retry_after_s"] >= 1
        assert try_hold(path) is None
    with exclusive(path, 0):
        pass


def test_another_process_is_kept_out_too(tmp_path: Path) -> None:
    path = tmp_path / ".lock"

    def try_it() -> bool:
        lock = try_hold(path)
        return lock is not None

    with exclusive(path, 0):
        assert Child(try_it).join().get() is False
    assert Child(try_it).join().get() is True


def test_threads_take_turns(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(20):
            with exclusive(path, 60):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 80


def test_a_killed_holder_leaves_no_lock_behind(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    ready, begun = os.pipe()

    def hold() -> None:
        with exclusive(path, 0):
            os.write(begun, b"x")
            signal.pause()

    child = Child(hold)
    os.read(ready, 1)
    assert try_hold(path) is None
    child.kill()
    assert child.join().signal == signal.SIGKILL
    lock = try_hold(path)
    assert lock is not None
    lock.release()
    os.close(ready)
    os.close(begun)


def test_the_lock_is_let_go_when_the_holder_fails_and_its_error_passes(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with pytest.raises(ZeroDivisionError), exclusive(path, 0):
        raise ZeroDivisionError
    with exclusive(path, 0):
        pass


def test_the_file_stays_the_same_file(tmp_path: Path) -> None:
    """A new file in its place would let two holders in, each on its own."""
    path = tmp_path / ".lock"
    with exclusive(path, 0):
        inode = path.stat().st_ino
    assert path.stat().st_ino == inode
    with exclusive(path, 0):
        assert path.stat().st_ino == inode


@pytest.mark.parametrize("umask", [0, 0o002, 0o022, 0o077], ids=oct)
def test_nobody_else_may_open_what_is_there_to_be_held(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with exclusive(tmp_path / "lock", 1.0):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o660 & ~umask
