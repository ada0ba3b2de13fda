"""Names that a file of a package may have, the awkward ones first of all."""

from __future__ import annotations

from hypothesis import strategies as st

from registry_core.vocabulary.texts import has_control

MANIFEST = "sha256sums.txt"

awkward = st.text(st.sampled_from(" -*#%?:;,'\"$`!&|<>()[]{}~^=+@a1.é漢🧬́"), min_size=1, max_size=8)
segments = st.one_of(awkward, st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)).filter(
    lambda name: name not in (".", "..") and "/" not in name and "\\" not in name and not has_control(name)
)
