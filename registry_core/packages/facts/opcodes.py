"""What each opcode of a pickle does to a :class:`~.stack_machine.Machine`; all protocols."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

from .stack_machine import DATA, KEPT_BYTES, UNKNOWN, Broken, Machine

HIGHEST_PROTOCOL = 5
MOST_DIGITS = 4000
KNOWN_NUMBER_BYTES = 16
KNOWN_ITEMS = 9  # as many as the state of a numpy dtype has

Step = Callable[[Machine], object]


def follow(machine: Machine) -> None:
    """The pickle was followed to its end, which is at ``machine.at``.

    Raises ``Broken`` where it ends otherwise, ``Code``, ``PastBound``, ``FetchFailed``.
    """
    while True:
        machine.spent.opcode()
        opcode = machine.take(1)
        if opcode == b".":
            machine.stop()
            return
        step = STEPS.get(opcode)
        if step is None:
            raise Broken("it is no pickle")
        step(machine)


def _text(data: bytes, encoding: str, errors: str = "strict") -> str:
    try:
        return data.decode(encoding, errors)
    except UnicodeDecodeError:
        raise Broken("a text of it is none") from None


def _name(machine: Machine) -> str:
    line = machine.line()
    return _text(line, "utf-8", "ignore" if len(line) >= KEPT_BYTES else "strict")


def _global(machine: Machine) -> None:
    machine.find(_name(machine), _name(machine))


def _inst(machine: Machine) -> None:
    arguments = tuple(machine.pop_mark())
    _global(machine)
    machine.call(machine.pop(), arguments, "INST")


def _obj(machine: Machine) -> None:
    items = machine.pop_mark()
    if not items:
        raise Broken("its stack is empty")
    machine.call(items[0], tuple(items[1:]), "OBJ")


def _reduce(machine: Machine) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.call(function, arguments, "REDUCE")


def _new(machine: Machine) -> None:
    arguments, kind = machine.pop(), machine.pop()
    machine.call(kind, arguments, "NEWOBJ")


def _new_ex(machine: Machine) -> None:
    _, arguments, kind = machine.pop(), machine.pop(), machine.pop()
    machine.call(kind, arguments, "NEWOBJ_EX")


def _number_line(machine: Machine, base: int = 10) -> int | None:
    """The number, as the unpickler of C reads it where they differ; None where it is no plain one, or too long a one.

    C takes a NUL for the end of the line; ``base`` 0: both take 0x10 and such for a number, and C the empty one.
    """
    line = machine.line()
    text = line.strip().removesuffix(b"L" if base == 0 else b"")
    if len(line) >= KEPT_BYTES or len(text) > MOST_DIGITS:
        if _LONG_NUMBER.fullmatch(text) is None:
            raise Broken("a number of it is none")
        return None
    text, has_end, _ = text.partition(b"\0")
    if base == 0 and has_end and not text:
        return None
    for one in sorted({10, base}, reverse=True):
        with suppress(ValueError):
            number = int(text, one)
            return number if one == 10 and (base == 10 or _PLAIN_NUMBER.fullmatch(text)) else None
    raise Broken("a number of it is none")


_PLAIN_NUMBER = re.compile(rb"0|-?[1-9][0-9]*")
_LONG_NUMBER = re.compile(rb"[+-]?\w*")  # as far as it was kept
_LONG_FLOAT = re.compile(rb"[+-]?[\w.+-]*")


def _int(machine: Machine) -> None:
    number = _number_line(machine, base=0)
    machine.push(DATA if number is None else number)


def _float(machine: Machine) -> None:
    line = machine.line()
    try:
        if len(line) < KEPT_BYTES:
            float(line.partition(b"\0")[0])
        elif _LONG_FLOAT.fullmatch(line.strip()) is None:
            raise Broken("a number of it is none")
    except ValueError:
        raise Broken("a number of it is none") from None
    machine.push(DATA)


def _string(machine: Machine) -> None:
    line = machine.line().strip()
    if len(line) >= KEPT_BYTES or (len(line) > 1 and line[:1] in (b"'", b'"') and line[-1:] == line[:1]):
        _push_line(machine, line[1:-1])
    else:
        raise Broken("a text of it is none")


def _unicode(machine: Machine) -> None:
    _push_line(machine, machine.line())


def _push_line(machine: Machine, line: bytes) -> None:
    """A text is known where it is short, and written as it is: a name that has to be worked out is a computed one."""
    machine.push(DATA if b"\\" in line or len(line) > KEPT_BYTES - 3 else _text(line, "latin-1"))


def _put(machine: Machine) -> None:
    index = _number_line(machine)
    if index is None:
        machine.top()
        machine.code(_HIDDEN)
    elif index < 0:
        raise Broken("it puts something at no place of its memo")
    machine.remember(index)


def _get(machine: Machine) -> None:
    index = _number_line(machine)
    if index is None and machine.remembers:
        machine.code(_HIDDEN)
    machine.recall(index)


_HIDDEN = "it has a place of its memo that nobody writes but to hide something"


def _long(machine: Machine, width: int) -> None:
    length = machine.number(width, signed=width == 4)
    if 0 <= length <= KNOWN_NUMBER_BYTES:
        machine.push(machine.number(length, signed=True))
    else:
        machine.skip(length)
        machine.push(DATA)


def _sized(width: int, encoding: str | None = None, *, signed: bool = False) -> Step:
    """The step of an opcode with a length, and so many bytes or such a text behind it."""

    def step(machine: Machine) -> None:
        length = machine.number(width, signed=signed)
        if encoding is not None and 0 <= length <= KEPT_BYTES:
            machine.push(_text(machine.take(length), encoding, "surrogatepass" if encoding == "utf-8" else "strict"))
        else:
            machine.skip(length)
            machine.push(DATA)

    return step


def _fixed(length: int) -> Step:
    """The step of an opcode that pushes plain data of so many bytes."""

    def step(machine: Machine) -> None:
        machine.skip(length)
        machine.push(DATA)

    return step


def _tuple(count: int) -> Step:
    def step(machine: Machine) -> None:
        items = [machine.pop() for _ in range(count)]
        machine.push(tuple(reversed(items)))

    return step


def _marked_tuple(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.push(tuple(items) if len(items) <= KNOWN_ITEMS else DATA)


def _into(count: int | None) -> Step:
    """The step of an opcode that puts so many values, or all above the mark, into what is below them."""

    def step(machine: Machine) -> None:
        if count is None:
            machine.pop_mark()
        for _ in range(count or 0):
            machine.pop()
        machine.top()

    return step


def _from_mark(machine: Machine) -> None:
    machine.pop_mark()
    machine.push(DATA)


def _persistent_line(machine: Machine) -> None:
    _text(machine.line(KEPT_BYTES), "ascii")
    machine.push(UNKNOWN)


def _persistent(machine: Machine) -> None:
    machine.pop()
    machine.push(UNKNOWN)


def _protocol(machine: Machine) -> None:
    if machine.number(1) > HIGHEST_PROTOCOL:
        raise Broken("it is of a later protocol")


STEPS: dict[bytes, Step] = {
    b"c": _global,
    b"\x93": Machine.stack_global,
    b"i": _inst,
    b"o": _obj,
    b"R": _reduce,
    b"\x81": _new,
    b"\x92": _new_ex,
    b"b": Machine.build,
    b"\x82": lambda machine: machine.extension(1),
    b"\x83": lambda machine: machine.extension(2),
    b"\x84": lambda machine: machine.extension(4),
    b"P": _persistent_line,
    b"Q": _persistent,
    b"(": Machine.mark,
    b"0": Machine.drop,
    b"1": lambda machine: machine.pop_mark(),
    b"2": lambda machine: machine.push(machine.top()),
    b"p": _put,
    b"q": lambda machine: machine.remember(machine.number(1)),
    b"r": lambda machine: machine.remember(machine.number(4)),
    b"\x94": lambda machine: machine.remember(),
    b"g": _get,
    b"h": lambda machine: machine.recall(machine.number(1)),
    b"j": lambda machine: machine.recall(machine.number(4)),
    b"I": _int,
    b"L": _int,
    b"F": _float,
    b"S": _string,
    b"V": _unicode,
    b"\x8a": lambda machine: _long(machine, 1),
    b"\x8b": lambda machine: _long(machine, 4),
    b"T": _sized(4, "latin-1", signed=True),
    b"U": _sized(1, "latin-1"),
    b"X": _sized(4, "utf-8"),
    b"\x8c": _sized(1, "utf-8"),
    b"\x8d": _sized(8, "utf-8"),
    b"B": _sized(4),
    b"C": _sized(1),
    b"\x8e": _sized(8),
    b"\x96": _sized(8),
    b"J": lambda machine: machine.push(machine.number(4, signed=True)),
    b"K": lambda machine: machine.push(machine.number(1)),
    b"M": lambda machine: machine.push(machine.number(2)),
    b"G": _fixed(8),
    b"N": lambda machine: machine.push(None),
    b"\x88": lambda machine: machine.push(True),
    b"\x89": lambda machine: machine.push(False),
    **dict.fromkeys((b"]", b"}", b"\x8f"), _fixed(0)),
    b")": _tuple(0),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"t": _marked_tuple,
    **dict.fromkeys((b"l", b"d", b"\x91"), _from_mark),
    b"a": _into(1),
    b"s": _into(2),
    **{code: _into(None) for code in (b"e", b"u", b"\x90")},
    b"\x80": _protocol,
    b"\x95": lambda machine: machine.skip(8),
    b"\x97": lambda machine: machine.push(UNKNOWN),
    b"\x98": lambda machine: machine.top(),
}
