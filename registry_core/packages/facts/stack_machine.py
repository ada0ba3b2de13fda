"""One pickle, followed opcode by opcode as an unpickler would, with nothing imported, called or built.

What the stack and the memo hold is known as far as it matters: which constant text, which global, what a constructor
of the short list made. So no way of putting a name together hides it. Where the unpicklers of C and of Python differ,
the one that goes on is followed.
"""

from __future__ import annotations

from dataclasses import dataclass

from .bounds import PICKLE_BYTES, PICKLE_OPCODES, SPENT_OPCODES, Left
from .constructors import CONSTRUCTORS, fault_of_call, fault_of_dtype
from .file_bytes import FileBytes
from .load import Code, Odd, PastBound

KEPT_BYTES = 4096  # of a line or a text; what is longer is no number, and nothing can be imported by it
LONGEST_MODULE = 255  # the name of a file


class Broken(Odd):
    """Every unpickler stops here, with an error."""


@dataclass(frozen=True)
class Named:
    """A global of the short list, not called yet."""

    module: str
    name: str


@dataclass(frozen=True)
class Made:
    """What a constructor of the short list made. ``text``: of a numpy dtype, what it was made of."""

    text: str | None = None


class _Kind:
    """A value of which no more is known than its kind."""


DATA, UNKNOWN = _Kind(), _Kind()  # UNKNOWN: what whoever unpickles gives, or an extension code stands for
Value = object  # None, a bool, int, str or tuple that is known as it is; a Named; a Made; or a _Kind


class Spent:
    """What the pickles of one file have cost, and what may be spent of their package."""

    def __init__(self, left: Left) -> None:
        self.opcodes = self.bytes = 0
        self.left = left

    def opcode(self) -> None:
        self.opcodes += 1
        self.left.opcodes -= 1
        is_spent = self.left.opcodes < 0 and self.opcodes > SPENT_OPCODES
        if self.opcodes > PICKLE_OPCODES or is_spent:
            raise PastBound("it has more opcodes than are followed")

    def read(self, size_bytes: int) -> None:
        self.bytes += size_bytes
        if self.bytes > PICKLE_BYTES:
            raise PastBound("it is longer than is read of a pickle")


class Machine:
    """One pickle from ``start`` on. ``has_reached``: a global, or a call, was come to."""

    def __init__(self, data: FileBytes, start: int, spent: Spent) -> None:
        self.at, self.start = start, start
        self.has_reached = False
        self.result: Value = DATA
        self._data, self.spent = data, spent
        self._stack: list[Value] = []
        self._marks: list[int] = []
        self._memo: dict[int, Value] = {}
        self._has_extension = False

    def stop(self) -> None:
        """The pickle has ended."""
        self.result = self.pop()
        if self._has_extension:
            self.code("it takes something by an extension code")

    def code(self, why: str) -> None:
        self.has_reached = True
        raise Code(f"read as a pickle from byte {self.start} on, {why}")

    # bytes

    def take(self, length: int) -> bytes:
        if length > self._data.size_bytes - self.at:
            raise Broken("it ends too early")
        self.spent.read(length)
        data = self._data.at(self.at, length)
        self.at += length
        return data

    def number(self, length: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(length), "little", signed=signed)

    def skip(self, length: int) -> None:
        if not 0 <= length <= self._data.size_bytes - self.at:
            raise Broken("it ends too early")
        self.at += length

    def line(self, longest: int | None = None) -> bytes:
        """Up to the next newline, which is left out; no more than the first ``KEPT_BYTES`` of it.

        ``longest``: no unpickler that we know reads more.
        """
        kept = b""
        while self.at < self._data.size_bytes:
            chunk = self._data.at(self.at, min(KEPT_BYTES, self._data.size_bytes - self.at))
            end = chunk.find(b"\n")
            used = len(chunk) if end < 0 else end + 1
            self.spent.read(used)
            self.at += used
            kept += chunk[: min(used, KEPT_BYTES + 1 - len(kept))]
            if end >= 0:
                break
            if longest is not None and len(kept) > longest:
                raise Broken("a line of it is too long")
        return kept[:-1]  # at the end of a file unpicklers take the last character for the newline

    # stack

    def push(self, value: Value) -> None:
        self._stack.append(value)

    def _above(self) -> int:
        return len(self._stack) - (self._marks[-1] if self._marks else 0)

    def top(self) -> Value:
        if self._above() < 1:
            raise Broken("its stack is empty")
        return self._stack[-1]

    def pop(self) -> Value:
        value = self.top()
        del self._stack[-1]
        return value

    def pop_mark(self) -> list[Value]:
        if not self._marks:
            raise Broken("it has no mark")
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def mark(self) -> None:
        self._marks.append(len(self._stack))

    def drop(self) -> None:
        if self._marks and not self._above():
            self._marks.pop()
        else:
            self.pop()

    def remember(self, index: int | None = None) -> None:
        self._memo[len(self._memo) if index is None else index] = self.top()

    @property
    def remembers(self) -> bool:
        return bool(self._memo)

    def recall(self, index: int | None) -> None:
        if index is None or index not in self._memo:
            raise Broken("it takes what it never put into its memo")
        self.push(self._memo[index])

    # what could run something

    def find(self, module: str, name: str) -> None:
        """The global is on the stack, if it is of the short list."""
        first = module.partition(".")[0]
        if not first or "\0" in first or len(first) > LONGEST_MODULE:
            raise Broken("nothing can be imported by that name")
        if not first.isidentifier():  # the name of a directory, which can be imported too; or these are words of a text
            self.push(UNKNOWN)
            return
        self.has_reached = True
        if (module, name) not in CONSTRUCTORS:
            self.code(f"it imports {module}.{name}")
        self.push(Named(module, name))

    def call(self, function: Value, arguments: Value, how: str) -> None:
        self.has_reached = True
        if not isinstance(function, Named):
            self.code(f"it calls ({how}) what only running it would tell")
            return
        fault = fault_of_call(function.module, function.name, arguments)
        if fault is not None:
            self.code(f"it calls {function.module}.{function.name}, and {fault}")
        text = None
        if (function.module, function.name) == ("numpy", "dtype") and isinstance(arguments, tuple):
            text = arguments[0]
        self.push(Made(text))

    def build(self) -> None:
        state = self.pop()
        target = self.top()
        if isinstance(target, Named) or target is UNKNOWN:
            self.code("it sets the state (BUILD) of what it did not make")
        if isinstance(target, Made) and target.text is not None:
            fault = fault_of_dtype(target.text, state)
            if fault is not None:
                self.code(f"it sets the state of a numpy dtype, and {fault}")

    def stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        if isinstance(module, str) and isinstance(name, str):
            self.find(module, name)
        else:
            self.code("it imports by a name that is computed")

    def extension(self, length: int) -> None:
        self._has_extension = self.at > self.start + 1
        self.take(length)
        if self._has_extension:
            self.code("it takes something by an extension code")
        self._has_extension = True  # a byte of any file may look like the first of one; by itself it calls nothing
        self.push(UNKNOWN)
