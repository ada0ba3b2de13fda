"""The same jobs done by another registry, in one run: ``make bench-peers``."""
