"""What goes on for long asks again, meanwhile, whether whoever began it may still."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..vocabulary.progress import Progress, ProgressCallback

ASK_EVERY_S = 5.0


class Asking:
    """A question that was answered a moment ago. Called, it is asked anew where that was five seconds ago or more.

    Raises what the question raises. Any thread may call it.
    """

    def __init__(self, ask: Callable[[], object], still: Callable[[], object] | None = None) -> None:
        self._ask = ask
        self._still = still  # whether it is known who calls, which may take long: not asked with a lock
        self._due_at = time.monotonic() + ASK_EVERY_S

    def __call__(self) -> None:
        if time.monotonic() >= self._due_at:
            if self._still is not None:
                self._still()
            self.now()

    def now(self) -> None:
        """It is asked, whenever it was answered last."""
        self._ask()
        self._due_at = time.monotonic() + ASK_EVERY_S

    def add(self, ask: Callable[[], object]) -> None:
        """From now on this is asked too."""
        before = self._ask

        def both() -> None:
            before()
            ask()

        self._ask = both

    def also(self, progress: ProgressCallback | None) -> ProgressCallback:
        """The callback, of work that asks at each step."""

        def tell(now: Progress) -> None:
            self()
            if progress is not None:
                progress(now)

        return tell


class AskedReader:
    """A reader of which each part is given by an answer of five seconds ago at most; all else is the reader's own.

    ``ask``: for whoever gives its descriptor to the kernel in place of reading.
    """

    def __init__(self, reader: object, ask: Asking) -> None:
        self._reader: Any = reader
        self.ask = ask

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def read(self, size: int = -1, /) -> bytes:
        self.ask()
        data: bytes = self._reader.read(size)
        return data

    def readinto(self, buffer: memoryview, /) -> int | None:
        self.ask()
        count: int | None = self._reader.readinto(buffer)
        return count

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> AskedReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()
