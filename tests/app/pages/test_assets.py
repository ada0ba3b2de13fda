"""The stylesheet and the script: kept for ever, small, and without anything from elsewhere."""

from __future__ import annotations

import gzip
import re

from .visiting import BROWSER, Visitor

MOST_BYTES = 15_000  # both together, compressed


def _assets(visit: Visitor) -> dict[str, str]:
    text = visit.client.get("/ui/", headers=BROWSER).text
    return {found: visit.client.get(found).text for found in re.findall(r'"(/ui/static/[^"]+)"', text)}


def test_what_a_page_loads_is_there_and_is_kept_for_ever(visit: Visitor) -> None:
    found = _assets(visit)
    assert {name.rpartition(".")[2] for name in found} == {"css", "js", "svg"}
    for name in found:
        assert visit.client.get(name).headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_an_address_is_of_these_bytes_alone(visit: Visitor) -> None:
    assert visit.client.get("/ui/static/ui.css").status_code == 404
    assert visit.client.get("/ui/static/ui.000000000000.css").status_code == 404


def test_style_and_script_are_small_and_load_nothing(visit: Visitor) -> None:
    texts = {name: text for name, text in _assets(visit).items() if not name.endswith(".svg")}
    assert sum(len(gzip.compress(text.encode())) for text in texts.values()) < MOST_BYTES
    for text in texts.values():
        assert not re.search("https?:", text)
        assert "innerHTML" not in text
