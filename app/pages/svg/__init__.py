"""Drawings for pages: pure functions of values, which know no request and no registry.

A drawing has classes and no styles, keeps its letters' size at any width, and has at most 300 points of a line. It is
an image with a sentence for whoever does not see it; links in it lie outside of the image and repeat those of the
page's table, so that no keyboard has to pass through them. ``drawing`` has what all share; ``curve`` draws values one
after the other, ``spark`` the same within a line of text, ``strip`` what stood from when to when, ``lineage`` what came
of what.
"""

from __future__ import annotations

from .curve import Point, curve
from .lineage import Box, lineage
from .spark import spark
from .strip import Block, Row, strip

__all__ = ["Block", "Box", "Point", "Row", "curve", "lineage", "spark", "strip"]
