"""What a zip is: what torch or numpy writes, what Keras does, or another; and what its members are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from . import npy, zip_directory
from .as_pickles import FORMAT as PICKLE
from .as_pickles import read as read_pickles
from .file_bytes import FileBytes, Part
from .load import CODE, DATA_ONLY, NONE, UNREADABLE, Judged, worst
from .stack_machine import Spent
from .zip_directory import Member, ZipRead

TORCH, NPZ, ZIP = "torch", "npz", "zip"
_RAW = re.compile(r"[^/]+/data/[0-9]+")

JudgeMember = Callable[[str, FileBytes], Judged]  # as a file of its own, by its name


def judge(data: FileBytes, spent: Spent, judge_member: JudgeMember) -> Judged | None:
    """None where nothing of a zip is seen. Raises ``FetchFailed``."""
    found = zip_directory.read(data)
    if found is None:
        return None
    kind = _kind(found.members)
    judged = list(_members(kind, data, found, spent, judge_member))
    load = worst(one.load for one in judged)
    if load != CODE and found.fault is not None:
        return Judged(kind, UNREADABLE, found.fault)
    why = next((one.why for one in judged if one.load == load), None)
    return Judged(kind, DATA_ONLY if load == NONE else load, why)


def _kind(members: tuple[Member, ...]) -> str:
    if any(member.name.endswith("/data.pkl") for member in members):
        return TORCH
    return NPZ if members and all(member.name.endswith(".npy") for member in members) else ZIP


def _members(kind: str, data: FileBytes, found: ZipRead, spent: Spent, judge_member: JudgeMember) -> Iterator[Judged]:
    for member in found.members:
        path = member.name.split("/", 1)[-1]
        if kind == TORCH and (path == "constants.pkl" or path.startswith("code/")):
            yield Judged(TORCH, CODE, "it is TorchScript: a program")
        elif member.is_packed:
            yield Judged(kind, UNREADABLE, "its members are packed")
        elif kind == TORCH and _RAW.fullmatch(member.name):
            continue  # numbers, which nobody takes for anything else
        else:
            part = Part(data, member.start, member.size_bytes)
            yield _of_kind(kind, member.name, part, spent, judge_member)
    if kind == ZIP:
        yield Judged(ZIP, UNREADABLE, "what such an archive is for is not known")


def _of_kind(kind: str, name: str, part: FileBytes, spent: Spent, judge_member: JudgeMember) -> Judged:
    if kind == TORCH and name.endswith("/data.pkl"):
        inner = read_pickles(part, 0, spent)
        return Judged(PICKLE, inner.judged.load, inner.judged.why)
    if kind == NPZ:
        return npy.judge(part, spent) or Judged(NPZ, UNREADABLE, "a member is no array")
    return judge_member(name, part)
