"""The part of the storage contract that is about lines: appended by many at once, and numbered by nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from registry_core.storage.contract import Storage

Opener = Callable[[], Storage]
HOME = "tasks/t/models/m/runs/run-1"
LOSS = "metrics/loss.jsonl"


def told(storage: Storage, within: str = "metrics") -> dict[str, list[bytes]]:
    """All lines by name, read from the beginning; from the end they are the same."""
    found = storage.documents.lines(HOME, within)
    lines = {name: list(of_name) for name, of_name in found.items()}
    assert lines == {name: list(reversed(of_name))[::-1] for name, of_name in found.items()}
    return lines


class Lines:
    """Mixed into the contract of a storage, which gives ``opener`` and ``storage``."""

    def test_nothing_was_appended_to_what_was_never_there(self, storage: Storage) -> None:
        assert told(storage) == {}

    def test_lines_are_read_in_their_order_by_anyone(self, opener: Opener) -> None:
        opener().documents.append_lines(HOME, {LOSS: b'{"a":1}\n{"a":2}\n', "metrics/f1%2Fmacro.jsonl": b"1\n"})
        opener().documents.append_lines(HOME, {LOSS: b'{"a":3}\n'})
        opener().documents.append_lines(HOME, {"other/loss.jsonl": b"elsewhere\n", "loss.jsonl": b"above\n"})
        assert told(opener()) == {
            "loss.jsonl": [b'{"a":1}\n', b'{"a":2}\n', b'{"a":3}\n'],
            "f1%2Fmacro.jsonl": [b"1\n"],
        }
        assert told(opener(), "other") == {"loss.jsonl": [b"elsewhere\n"]}

    def test_any_bytes_are_lines(self, opener: Opener) -> None:
        lines = [bytes([byte]) + b"\n" for byte in range(256) if byte != 10] + [b"\n", b"x" * 20_000 + b"\n"]
        opener().documents.append_lines(HOME, {LOSS: b"".join(lines)})
        assert told(opener()) == {"loss.jsonl": lines}

    def test_what_a_writer_left_torn_is_a_line_of_its_own(self, storage: Storage) -> None:
        """Older software's file, as it lies there: its last line has no newline."""
        storage.documents.write(f"{HOME}/{LOSS}", b'{"a":1}\n{"a":')
        assert told(storage) == {"loss.jsonl": [b'{"a":1}\n', b'{"a":']}
        storage.documents.append_lines(HOME, {LOSS: b'{"a":3}\n'})
        lines = told(storage)["loss.jsonl"]
        assert [line.rstrip(b"\n") for line in lines if line.endswith(b"}\n")] == [b'{"a":1}', b'{"a":3}']

    def test_lines_of_many_at_once_are_all_there(self, opener: Opener) -> None:
        together = threading.Barrier(4, timeout=60)

        def log(writer: int) -> None:
            storage = opener()
            together.wait()
            for turn in range(10):
                batch = b"".join(b"%d:%d:%d\n" % (writer, turn, part) for part in range(3))
                storage.documents.append_lines(HOME, {LOSS: batch, f"metrics/{writer}.jsonl": b"%d\n" % turn})

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(log, range(4)))
        found = told(opener())
        expected = {
            b"%d:%d:%d\n" % (writer, turn, part) for writer in range(4) for turn in range(10) for part in (0, 1, 2)
        }
        assert len(found["loss.jsonl"]) == len(expected)
        assert set(found["loss.jsonl"]) == expected
        for at in range(0, len(expected), 3):  # those of one call stay together
            assert len({line.rpartition(b":")[0] for line in found["loss.jsonl"][at : at + 3]}) == 1
        for writer in range(4):
            assert found[f"{writer}.jsonl"] == [b"%d\n" % turn for turn in range(10)]

    def test_what_is_folded_is_read_as_before(self, opener: Opener) -> None:
        for turn in range(5):
            opener().documents.append_lines(HOME, {LOSS: b"%d\n" % turn, f"metrics/{turn % 2}.jsonl": b"x\n"})
        before = told(opener())
        for _ in range(2):
            opener().documents.fold_lines(HOME)
            assert told(opener()) == before
        opener().documents.append_lines(HOME, {LOSS: b"late\n"})
        opener().documents.fold_lines(HOME)
        assert told(opener())["loss.jsonl"] == [*before["loss.jsonl"], b"late\n"]
        pieces = [entry for entry in opener().documents.list(HOME, deep=True) if "/batches/" in entry.key]
        assert len(pieces) <= 1

    def test_folding_at_the_same_time_as_others_fold_and_append_loses_and_doubles_nothing(self, opener: Opener) -> None:
        together, done = threading.Barrier(4, timeout=60), threading.Event()

        def append() -> None:
            storage = opener()
            together.wait()
            for turn in range(15):
                storage.documents.append_lines(HOME, {LOSS: b"%d\n" % turn})
            done.set()

        def fold() -> None:
            storage = opener()
            together.wait()
            while not done.is_set():
                storage.documents.fold_lines(HOME)

        def read() -> None:
            storage = opener()
            together.wait()
            while not done.is_set():
                lines = list(storage.documents.lines(HOME, "metrics").get("loss.jsonl", ()))
                assert lines == [b"%d\n" % turn for turn in range(len(lines))]

        with ThreadPoolExecutor(4) as pool:
            for work in [pool.submit(one) for one in (append, fold, fold, read)]:
                work.result(timeout=120)
        assert told(opener()) == {"loss.jsonl": [b"%d\n" % turn for turn in range(15)]}
