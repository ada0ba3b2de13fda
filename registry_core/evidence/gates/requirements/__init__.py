"""The kinds of requirement, each a pure function on what was seen.

``measured`` of metrics, ``approved`` of reviews, ``vouched`` of signatures and attestations, ``standing`` of what a
version is; ``outcome`` is what comes of each.
"""
