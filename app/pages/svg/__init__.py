"""Drawings for pages: pure functions of values, which know no request and no registry.

A drawing has classes and no styles, keeps its letters' size at any width, and has at most 300 points of a line. It is
an image with a sentence for whoever does not see it; links in it lie outside of the image and repeat those of the
page's table, so that no keyboard has to pass through them. ``drawing`` has what all share; ``curve`` draws values one
after the other, ``spark`` the same within a line of text.
"""

from __future__ import annotations

from .curve import Point, curve
from .spark import spark

__all__ = ["Point", "curve", "spark"]
