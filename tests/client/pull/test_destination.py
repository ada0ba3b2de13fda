"""The directory that a pull makes holds the files of the package under their own names (invariant I13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_client.pull.destination import check_names
from registry_client.pull.download import Remote
from registry_client.pull.remote_package import Package
from registry_core import InvalidParameter, Resolution

from ...support.packages import write_files


def package(*paths: str) -> Package:
    found = Resolution("/p", "t", "m", "1", None, f"sha256:{'0' * 64}", False)
    return Package(found, tuple(Remote("t", "m", "1", path, "0" * 64, 1) for path in paths))


def test_I13_names_that_the_filesystem_mixes_are_refused(area: Path) -> None:
    """As one leaves them that takes capitals for small letters: ``a/two`` went into the directory ``A``."""
    laid = write_files(area / "laid", {"A/one": b"1", "A/two": b"2"})
    check_names(laid, package("A/one", "A/two"))
    for paths in (("A/one", "a/two"), ("A/one",), ("A/one", "A/two", "A/three")):
        with pytest.raises(InvalidParameter) as refused:
            check_names(laid, package(*paths))
        assert refused.value.detail["field"] == "dest"
