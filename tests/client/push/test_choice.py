"""What a pattern of --exclude fits."""

from __future__ import annotations

import pytest

from registry_client.push.choice import Choice


@pytest.mark.parametrize(
    ("pattern", "left_out", "taken"),
    [
        ("*.log", ["a.log", "deep/b.log"], ["a.log.txt", "logs"]),
        ("logs/", ["logs", "deep/logs"], ["logs.txt"]),
        ("./logs/*", ["logs/a", "logs/deep/b"], ["logs", "deep/logs/a"]),
        ("part-[0-9].bin", ["part-1.bin"], ["part-10.bin", "part-x.bin"]),
        ("A", ["A"], ["a"]),
    ],
)
def test_what_a_pattern_fits(pattern: str, left_out: list[str], taken: list[str]) -> None:
    choice = Choice((pattern,))
    assert all(choice.leaves_out(path) for path in left_out)
    assert not any(choice.leaves_out(path) for path in taken)
    assert not any(Choice().leaves_out(path) for path in left_out)
